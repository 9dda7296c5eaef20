//! The way to speak with a running service: commands go in, answers come back. Nothing is shared.

use std::time::Duration;

use offchainvm_interface::{DataId, ExecutionResponse};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{CommandError, Stop};
use crate::{
    build::Builder,
    chain::Contract,
    job::{Ending, JobId, Status, WasmDigest},
    store::{Counts, Moment, Store, Submission},
};

/// Commands that may wait; more wait in their callers.
pub(super) const COMMANDS: usize = 64;
/// The longest pause between two looks at whether a job has ended: another process of the same store may end it.
const ENDING_POLL: Duration = Duration::from_millis(500);

type Reply<T> = oneshot::Sender<Result<T, CommandError>>;

pub(super) enum Command {
    AddProgram(Vec<u8>, Reply<WasmDigest>),
    Submit(Box<Submission>, Reply<JobId>),
    Outcome(JobId, Reply<ExecutionResponse>),
    Status(JobId, Reply<Option<Status>>),
    Summary(Reply<Counts>),
    Retry(JobId, Reply<Status>),
    Cancel(JobId, Reply<Status>),
    Shutdown(oneshot::Sender<()>),
    Abort,
}

/// A running service. Cloning it is cheap; the service runs on when all handles are gone.
#[derive(Clone, Debug)]
pub struct Handle(pub(super) mpsc::Sender<Command>);

impl Handle {
    /// Keeps a WebAssembly module, so that jobs can name it by its digest.
    ///
    /// # Errors
    /// [`CommandError::Program`] when it is not a module that would be run; [`CommandError::NotABuilder`].
    pub async fn add_program(&self, wasm: Vec<u8>) -> Result<WasmDigest, CommandError> {
        self.ask(|reply| Command::AddProgram(wasm, reply)).await
    }

    /// Takes in a job that no chain asked for; its outcome is kept in the store.
    ///
    /// # Errors
    /// [`CommandError`] when the service has stopped, or its store fails.
    pub async fn submit(&self, submission: Submission) -> Result<JobId, CommandError> {
        self.ask(|reply| Command::Submit(Box::new(submission), reply)).await
    }

    /// [`Self::submit`], and then waits for the outcome: also a failure of the program is one.
    ///
    /// # Errors
    /// [`CommandError::NoOutcome`] when the job was cancelled or came too late; otherwise as [`Self::submit`].
    pub async fn submit_and_wait(&self, submission: Submission) -> Result<ExecutionResponse, CommandError> {
        let id = self.submit(submission).await?;
        self.outcome(id).await
    }

    /// Waits for the outcome of a job that was submitted here.
    ///
    /// # Errors
    /// As [`Self::submit_and_wait`], and [`CommandError::Unknown`].
    pub async fn outcome(&self, id: JobId) -> Result<ExecutionResponse, CommandError> {
        self.ask(|reply| Command::Outcome(id, reply)).await
    }

    /// Where a job stands; [`None`] for an unknown one.
    ///
    /// # Errors
    /// [`CommandError`] when the service has stopped, or its store fails.
    pub async fn status(&self, id: JobId) -> Result<Option<Status>, CommandError> {
        self.ask(|reply| Command::Status(id, reply)).await
    }

    /// How many jobs stand where.
    ///
    /// # Errors
    /// [`CommandError`] when the service has stopped, or its store fails.
    pub async fn summary(&self) -> Result<Counts, CommandError> {
        self.ask(Command::Summary).await
    }

    /// Begins a failed job again, if the chain waits for it still.
    ///
    /// # Errors
    /// [`CommandError`] says why it cannot be.
    pub async fn retry(&self, id: JobId) -> Result<Status, CommandError> {
        self.ask(|reply| Command::Retry(id, reply)).await
    }

    /// Takes a job out of building or running, see [`Store::cancel`].
    ///
    /// # Errors
    /// [`CommandError`] when the service has stopped, its store fails, or the job is unknown.
    pub async fn cancel(&self, id: JobId) -> Result<Status, CommandError> {
        self.ask(|reply| Command::Cancel(id, reply)).await
    }

    /// Takes nothing new, finishes what is at work, for a while, and returns when the service has stopped.
    pub async fn shutdown(&self) {
        let (reply, stopped) = oneshot::channel();
        if self.0.send(Command::Shutdown(reply)).await.is_ok() {
            // An error means the same: it has stopped.
            let _ = stopped.await;
        }
    }

    /// Drops what is at work; what was begun is done again by the next service on this store.
    pub async fn abort(&self) {
        // A service that does not listen has stopped.
        let _ = self.0.send(Command::Abort).await;
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, CommandError> {
        let (reply, answer) = oneshot::channel();
        self.0.send(command(reply)).await.map_err(|_| CommandError::Stopped)?;
        answer.await.map_err(|_| CommandError::Stopped)?
    }
}

/// Answers commands; each on its own, so that one that takes long keeps no other waiting.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) store: Store,
    pub(super) contract: Option<Contract>,
    pub(super) builder: Option<Builder>,
    pub(super) stop: Stop,
}

impl Desk {
    /// Answers until it is told to shut down; returns who waits for the end.
    pub(super) async fn serve(&self, commands: &mut mpsc::Receiver<Command>) -> Option<oneshot::Sender<()>> {
        loop {
            let command = tokio::select! {
                // All handles are gone: the service goes on until it is stopped otherwise.
                command = commands.recv() => match command {
                    Some(command) => command,
                    None => { self.stop.drain.cancelled().await; return None }
                },
                () = self.stop.drain.cancelled() => return None,
            };
            match command {
                Command::Shutdown(reply) => return Some(reply),
                Command::Abort => {
                    self.stop.now.cancel();
                    return None;
                }
                command => {
                    let desk = self.clone();
                    tokio::spawn(async move { desk.answer(command).await });
                }
            }
        }
    }

    async fn answer(&self, command: Command) {
        // Whoever asked may have gone; that is no concern of the service.
        match command {
            Command::AddProgram(wasm, reply) => drop(reply.send(self.add_program(wasm).await)),
            Command::Submit(submission, reply) => drop(reply.send(self.submit(*submission).await)),
            Command::Outcome(id, reply) => drop(reply.send(self.outcome(id).await)),
            Command::Status(id, reply) => drop(reply.send(self.status(id).await)),
            Command::Summary(reply) => drop(reply.send(self.store.counts().await.map_err(CommandError::from))),
            Command::Retry(id, reply) => drop(reply.send(self.retry(id).await)),
            Command::Cancel(id, reply) => drop(reply.send(self.cancel(id).await)),
            Command::Shutdown(_) | Command::Abort => {}
        }
    }

    async fn add_program(&self, wasm: Vec<u8>) -> Result<WasmDigest, CommandError> {
        let builder = self.builder.as_ref().ok_or(CommandError::NotABuilder)?;
        Ok(builder.add(wasm).await?.digest)
    }

    async fn submit(&self, submission: Submission) -> Result<JobId, CommandError> {
        Ok(self.store.submit(DataId(rand::random()), submission, Moment::now()).await?)
    }

    async fn status(&self, id: JobId) -> Result<Option<Status>, CommandError> {
        Ok(self.store.job_named(id).await?.map(|job| job.status))
    }

    async fn outcome(&self, id: JobId) -> Result<ExecutionResponse, CommandError> {
        let mut ends = self.store.end_of_jobs();
        loop {
            // First listen, then look: an end in between is heard.
            ends.listen();
            match self.status(id).await?.ok_or(CommandError::Unknown(id))? {
                Status::Completed(Ending::Kept) => {
                    let answer = self.store.kept_answer(id).await?;
                    return answer.ok_or(CommandError::NoOutcome { id, ending: "its outcome is gone" });
                }
                Status::Completed(ending) | Status::Failed { ending, .. } => {
                    return Err(CommandError::NoOutcome { id, ending: ending.as_str() });
                }
                Status::Pending | Status::InProgress { .. } => {}
            }
            tokio::select! {
                _ = timeout(ENDING_POLL, ends.heard()) => {}
                () = self.stop.drain.cancelled() => return Err(CommandError::Stopped),
            }
        }
    }

    async fn retry(&self, id: JobId) -> Result<Status, CommandError> {
        let status = self.status(id).await?.ok_or(CommandError::Unknown(id))?;
        if !matches!(status, Status::Failed { .. }) {
            return Err(CommandError::NotFailed { id, status: status.to_string() });
        }
        let contract = self.contract.as_ref().filter(|_| id.is_on_chain()).ok_or(CommandError::NotKept(id))?;
        let request = contract.request(id.request_id).await?.filter(|request| JobId::from(request) == id);
        let request = request.ok_or(CommandError::Settled(id.request_id))?;
        self.store.retry(&request, Moment::now()).await?.ok_or(CommandError::Unknown(id))
    }

    async fn cancel(&self, id: JobId) -> Result<Status, CommandError> {
        self.store.cancel(id, Moment::now()).await?.ok_or(CommandError::Unknown(id))
    }
}
