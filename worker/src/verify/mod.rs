//! Checking a receipt: what the chain says of the request, and what comes of doing it again.
//!
//! - `presented`: a receipt, or all that a store keeps of a request
//! - `report`: the checks' results, the verdict, and what it does not prove
//! - `compare`: a receipt beside what it is about
//! - `onchain`: the request, its settlement and its operator, as the chain has them
//! - `input`: what a program read, when the chain does not have it any more
//! - `again`, `rebuild`: the program, found or built anew, and another run of it
//!
//! Everything that cannot be asked or found leaves a check unproven; it never fails one.

mod again;
mod compare;
mod input;
mod onchain;
mod presented;
mod rebuild;
mod report;

use url::Url;

use crate::{
    build::BuildConfig,
    chain::{Contract, Rpc, RpcError},
    execute::ExecuteConfig,
    ingest::{BlockSources, History, SourceError},
    receipt,
    stages::Programs,
};

pub use input::InputPlaces;
pub use presented::Presented;
pub use report::{Check, DOES_NOT_PROVE, Difference, Report, Verdict};

/// What a receipt is checked with.
#[derive(Clone, Debug)]
pub struct Means {
    /// Nodes of the chain.
    pub rpc_urls: Vec<Url>,
    /// Blocks of the chain; without any, what is settled cannot be found again.
    pub block_sources: Vec<Url>,
    /// Where programs may lie; [`None`] when there is no such place.
    pub programs: Option<Programs>,
    /// The program, if somebody has it.
    pub wasm: Option<Vec<u8>>,
    /// The input, if somebody has it.
    pub input: Option<Vec<u8>>,
    /// Where the input may be that the chain does not hand out any more.
    pub inputs: InputPlaces,
    /// How to build the program again; [`None`] when that is not wanted.
    pub rebuild: Option<BuildConfig>,
    /// How to run it.
    pub execute: ExecuteConfig,
}

/// A receipt cannot be checked at all.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// No client for the nodes.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// No client for the block sources.
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// Checks a receipt in every way that the means allow.
///
/// # Errors
/// [`VerifyError`] when no connection can be prepared; whatever else is missing leaves a check unproven.
pub async fn verify(presented: &Presented, means: Means) -> Result<Report, VerifyError> {
    let contract_id = &presented.last().receipt.contract_id;
    let contract = Contract::new(Rpc::new(&means.rpc_urls)?, contract_id.clone());
    let history = match means.block_sources.as_slice() {
        [] => None,
        urls => Some(History { sources: BlockSources::new(urls)?, contract: contract_id.clone() }),
    };
    let chain = onchain::Chain { contract, history };
    let onchain::Seen { receipt: signed, checks: on_chain, input, caps, settled_with } = chain.look(presented).await;

    let body = &signed.receipt;
    let mut checks = vec![match receipt::check(signed) {
        Ok(digest) => Check::pass("signature", format!("{} signed {digest}", body.public_key)),
        Err(error) => Check::fail("signature", error.to_string()),
    }];
    checks.extend(on_chain);
    let again =
        again::Again { programs: means.programs, wasm: means.wasm, rebuild: means.rebuild, execute: means.execute };
    let input = match means.input.or(input) {
        Some(input) => Ok(input),
        // Nothing is read where nothing is run.
        None if body.run.is_none() => Err("there was no run".to_owned()),
        None => means.inputs.find(body.input).await,
    };
    checks.extend(again.check(body, input, &caps).await);
    Ok(Report { settled_with, ..Report::new(checks) })
}
