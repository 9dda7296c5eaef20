//! Inputs that were too large for their requests' events. The contract hands them out while the request waits; from the
//! run on they are kept beside the programs, so that the run can be done again.

use std::time::Duration;

use offchainvm_interface::{DataRef, ExecutionRequest, Sha256};
use tokio::time::timeout;
use tracing::warn;

use crate::{
    chain::{Contract, RpcError},
    receipt::data_ref,
    store::{BlobError, Blobs, Shelf},
};

/// How long a run waits for its input to be kept. What is not kept then, whoever checks the receipt has to bring.
const KEEP_PATIENCE: Duration = Duration::from_secs(5);

/// Where the inputs of runs come from. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The contract that has the large ones; [`None`] in a service that serves no chain.
    pub contract: Option<Contract>,
    /// Where those are kept.
    pub kept: KeptInputs,
}

/// Inputs that are kept by their digests. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct KeptInputs(Blobs);

/// Why there is nothing to run a program on.
#[derive(Debug, thiserror::Error)]
pub(super) enum InputError {
    #[error("the input cannot be read from the chain: {0}")]
    Rpc(#[from] RpcError),
    #[error("the chain does not have the input any more")]
    Gone,
    #[error("the chain's input has another digest than the request names")]
    Other,
}

impl Inputs {
    /// A request's program's standard input. One that is not there any more belongs to a request that is settled: the
    /// block that says so will close the job.
    pub(super) async fn of(&self, request: &ExecutionRequest) -> Result<Vec<u8>, InputError> {
        let Some(named) = request.input_ref else { return Ok(request.input_data.clone().into_bytes()) };
        let contract = self.contract.as_ref().ok_or(InputError::Gone)?;
        let input = contract.request_input(request.request_id).await?.ok_or(InputError::Gone)?;
        if data_ref(input.as_bytes()).sha256 != named.sha256 {
            return Err(InputError::Other);
        }
        self.keep(request, named.sha256, &input).await;
        Ok(input.into_bytes())
    }

    /// The caller's answer is worth more than a copy of the input: what goes wrong is said, and the run goes on.
    async fn keep(&self, request: &ExecutionRequest, digest: Sha256, input: &str) {
        let problem = match timeout(KEEP_PATIENCE, self.kept.keep(digest, input.to_owned())).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("the blob store has not answered for {} seconds", KEEP_PATIENCE.as_secs()),
        };
        warn!(
            event = "execute.input_not_kept",
            request_id = request.request_id,
            error = problem,
            "the program's input is not kept: whoever checks the receipt has to bring it"
        );
    }
}

impl KeptInputs {
    /// Those that lie in `blobs`.
    #[must_use]
    pub fn new(blobs: Blobs) -> Self {
        Self(blobs)
    }

    /// An input; [`None`] when it is not kept any more, or damaged.
    ///
    /// # Errors
    /// [`BlobError::Text`].
    pub async fn get(&self, named: DataRef) -> Result<Option<Vec<u8>>, BlobError> {
        let found = self.0.text(Shelf::Inputs, &named.sha256.to_string()).await?.map(String::into_bytes);
        Ok(found.filter(|input| data_ref(input) == named))
    }

    async fn keep(&self, digest: Sha256, input: String) -> Result<(), BlobError> {
        self.0.put_text(Shelf::Inputs, &digest.to_string(), input).await
    }
}
