//! A program that is built already, fetched from the address beside its digest.

use super::{
    config::{BuildConfig, Protocol},
    error::{BuildError, OperatorError},
    gate::Gate,
};
use offchainvm_interface::{FailureCode, Sha256, WasmUrl};
use reqwest::{Client, Proxy, redirect::Policy};
use sha2::Digest;
use std::{error::Error, time::Duration};
use url::Url;

/// How long fetching may take: the largest program over a slow line.
const PATIENCE: Duration = Duration::from_secs(60);
/// Redirects that are followed, each through the gate.
const MAX_REDIRECTS: usize = 5;

/// Fetches the bytes with a digest, no more than the configuration allows.
///
/// # Errors
/// `repo_not_allowed` for an address that this operator does not fetch from, `program_not_found` when there is nothing or
/// something else, `not_wasm` when it is too large.
pub(super) async fn download(config: &BuildConfig, url: &WasmUrl, expected: Sha256) -> Result<Vec<u8>, BuildError> {
    let address = allowed(config, url)?;
    let gate = Gate::open(config).await?;
    let client = client(config, &gate)?;
    let not_found = |why: String| match gate.refused().first() {
        Some(host) => BuildError::source(
            FailureCode::RepoNotAllowed,
            format!("{url} is refused: {host} has a private address, and this operator does not fetch from there"),
        ),
        None => BuildError::source(FailureCode::ProgramNotFound, format!("{url} cannot be fetched: {why}")),
    };
    let answered = client.get(address).send().await;
    let mut answer =
        answered.and_then(reqwest::Response::error_for_status).map_err(|error| not_found(reason(&error)))?;
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| not_found(reason(&error)))? {
        if (bytes.len() + chunk.len()) as u64 > config.max_wasm_bytes() {
            let message = format!("the program at {url} is larger than {} MiB", config.max_wasm_mb);
            return Err(BuildError::source(FailureCode::NotWasm, message));
        }
        bytes.extend_from_slice(&chunk);
    }
    let (found, bytes) = tokio::task::spawn_blocking(move || (Sha256(sha2::Sha256::digest(&bytes).into()), bytes))
        .await
        .map_err(OperatorError::from)?;
    if found != expected {
        return Err(not_found(format!("what is there has the digest {found}, not {expected}")));
    }
    Ok(bytes)
}

fn allowed(config: &BuildConfig, url: &WasmUrl) -> Result<Url, BuildError> {
    let refuse = |why: String| BuildError::source(FailureCode::RepoNotAllowed, format!("{url} is refused: {why}"));
    let address = Url::parse(url.as_str()).map_err(|error| refuse(error.to_string()))?;
    let by_web = |protocol: &&Protocol| **protocol != Protocol::File && protocol.as_str() == address.scheme();
    if !config.allowed_protocols.iter().any(|protocol| by_web(&protocol)) {
        return Err(refuse(format!("this operator does not fetch by {}", address.scheme())));
    }
    let host = address.host_str().unwrap_or_default();
    if !config.allowed_hosts.is_empty() && !config.allowed_hosts.iter().any(|allowed| allowed == host) {
        return Err(refuse(format!("this operator does not fetch from {host}")));
    }
    Ok(address)
}

fn client(config: &BuildConfig, gate: &Gate) -> Result<Client, OperatorError> {
    let unusable = |error: reqwest::Error| OperatorError::Unexpected {
        step: "fetching the program",
        how: "no HTTP client".to_owned(),
        log: reason(&error),
    };
    // A redirect to another host would go past the list.
    let redirects = if config.allowed_hosts.is_empty() { Policy::limited(MAX_REDIRECTS) } else { Policy::none() };
    let only_https = !config.allowed_protocols.contains(&Protocol::Http);
    Client::builder()
        .proxy(Proxy::all(gate.url()).map_err(unusable)?)
        .redirect(redirects)
        .https_only(only_https)
        .timeout(PATIENCE)
        .build()
        .map_err(unusable)
}

/// The innermost reason: the outer ones repeat the address.
fn reason(error: &reqwest::Error) -> String {
    if let Some(status) = error.status() {
        return format!("the server answered {status}");
    }
    let mut innermost: &dyn Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
