//! Why a service does not start, or does not answer.

use std::{io, path::PathBuf};

use crate::{
    api::ApiError,
    build::{BuildError, BuildSetupError},
    chain::RpcError,
    config::{Problem, SignerProblem},
    execute::ExecuteSetupError,
    ingest::SourceError,
    job::JobId,
    store::{BlobError, BlobSetupError, StoreError},
};

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// A setting makes no sense.
    #[error("configuration: {0}")]
    Config(#[from] Problem),
    /// There is no key.
    #[error(transparent)]
    Signer(#[from] SignerProblem),
    /// The chain cannot be asked.
    #[error("the chain: {0}")]
    Chain(#[from] RpcError),
    /// There is no block source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The account may not answer requests.
    #[error("{account} is not an operator of {contract}; its operators are: {operators}")]
    NotOperator {
        /// The signer's account.
        account: String,
        /// The contract.
        contract: String,
        /// Who may.
        operators: String,
    },
    /// The window cannot be opened.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The data folder cannot be used.
    #[error("the data folder {} cannot be used: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The blob store cannot be opened.
    #[error(transparent)]
    BlobSetup(#[from] BlobSetupError),
    /// The blob store does not work.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// This machine cannot build.
    #[error(transparent)]
    Build(#[from] BuildSetupError),
    /// This machine cannot run programs.
    #[error(transparent)]
    Execute(#[from] ExecuteSetupError),
    /// A task of the start panicked.
    #[error("starting: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl ServiceError {
    /// Whether it is a matter of time: no node answers, or the database or the blob store is away.
    pub(super) fn is_away(&self) -> bool {
        match self {
            Self::Chain(error) => error.is_transient(),
            Self::Store(error) => error.is_away(),
            Self::Blob(error) => error.is_away(),
            _ => false,
        }
    }
}

/// Why a command to the service came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The service has stopped.
    #[error("the service has stopped")]
    Stopped,
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The program is not one that would be run.
    #[error(transparent)]
    Program(#[from] BuildError),
    /// The service does not build, so it keeps no programs.
    #[error("this service does not have the role `build`, which keeps the programs")]
    NotABuilder,
    /// There is no such job.
    #[error("there is no job {0}")]
    Unknown(JobId),
    /// The job ended without an outcome.
    #[error("job {id} ended without an outcome: {ending}")]
    NoOutcome {
        /// The job.
        id: JobId,
        /// How it ended.
        ending: &'static str,
    },
    /// The chain cannot be asked for the request.
    #[error("the chain: {0}")]
    Chain(#[from] RpcError),
    /// Only a job that failed can be tried again.
    #[error("job {id} is {status}; only a failed job can be tried again")]
    NotFailed {
        /// The job.
        id: JobId,
        /// Where it stands.
        status: String,
    },
    /// What the job was to do is not kept.
    #[error("job {0} was submitted here and its request is not kept after its end; submit it again")]
    NotKept(JobId),
    /// The request is settled: there is nobody left to answer.
    #[error("the chain does not wait for request {0} any more; there is nobody left to answer")]
    Settled(u64),
}
