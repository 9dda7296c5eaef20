//! An input that neither the event nor the contract has any more: kept by workers, in their blob store and at their
//! address.

use std::time::Duration;

use offchainvm_interface::{DataRef, request::MAX_INPUT_BYTES};
use url::Url;

use crate::stages::KeptInputs;

/// How long who serves an input may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where an input may lie that the chain does not hand out any more.
#[derive(Clone, Debug, Default)]
pub struct InputPlaces {
    /// Where the configured workers keep inputs, if there is such a place.
    pub kept: Option<KeptInputs>,
    /// Where the worker that handed out the receipt hands out the input.
    pub url: Option<Url>,
}

impl InputPlaces {
    /// The input, or why it is not to be had. Whether it is the right one is for the caller to check.
    pub(super) async fn find(&self, named: DataRef) -> Result<Vec<u8>, String> {
        let mut why = "the input is not in the request's event".to_owned();
        if let Some(kept) = &self.kept {
            match kept.get(named).await {
                Ok(Some(input)) => return Ok(input),
                Ok(None) => why += ", nor kept here",
                Err(error) => why += &format!(", and not to be had here ({error})"),
            }
        }
        if let Some(url) = &self.url {
            match download(url).await {
                Ok(input) => return Ok(input),
                Err(error) => why += &format!(", and not to be had from {url} ({error:#})"),
            }
        }
        Err(why + "; give it (--input-file)")
    }
}

async fn download(url: &Url) -> anyhow::Result<Vec<u8>> {
    let http = reqwest::Client::builder().timeout(PATIENCE).build()?;
    let mut response = http.get(url.clone()).send().await?.error_for_status()?;
    let mut input = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        input.extend_from_slice(&chunk);
        anyhow::ensure!(input.len() <= MAX_INPUT_BYTES, "it is longer than any input");
    }
    Ok(input)
}
