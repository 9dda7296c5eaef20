//! `offchainvm jobs retry` and `offchainvm jobs cancel`.

use anyhow::{bail, ensure};
use offchainvm_interface::ExecutionRequest;

use super::{JobName, Opened};
use crate::{
    cli::show::utc,
    job::{JobId, Stage, Status},
    store::Moment,
};

/// Arguments of `offchainvm jobs retry` and `cancel`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The request's number, or the job's name
    id: JobName,
}

impl Args {
    pub(super) async fn retry(self, opened: &Opened) -> anyhow::Result<()> {
        let job = self.id.find(opened).await?;
        ensure!(
            matches!(job.status, Status::Failed { .. }),
            "job {} is {}: only a job that failed can be tried again",
            self.id,
            job.status
        );
        let request = waiting(opened, job.id).await?;
        let deadline = Moment::from_block_time(request.deadline);
        ensure!(
            deadline > Moment::now(),
            "the deadline of request {} passed at {}: its sender gets the deposit back with cancel_stale_execution",
            self.id,
            utc(deadline)
        );
        opened.store.retry(&request, Moment::now()).await?;
        println!("job {} begins anew; it must be answered before {}", self.id, utc(deadline));
        Ok(())
    }

    pub(super) async fn cancel(self, opened: &Opened) -> anyhow::Result<()> {
        let job = self.id.find(opened).await?;
        if job.id.is_on_chain() && !job.status.is_over() {
            waiting(opened, job.id).await?;
        }
        let status = if job.status.is_over() { None } else { opened.store.cancel(job.id, Moment::now()).await? };
        match status.unwrap_or(job.status) {
            // The store says where it stands afterwards; only what was not being published before has been cancelled.
            Status::InProgress { stage: Stage::Publish, .. } if job.stage != Stage::Publish => {
                println!("job {} will be answered with operator_error: cancelled by the operator", self.id);
                Ok(())
            }
            Status::Failed { .. } if !job.status.is_over() => {
                println!("job {} is cancelled", self.id);
                Ok(())
            }
            Status::InProgress { .. } => bail!("the answer of job {} is being published already", self.id),
            status => bail!("job {} is over: {status}", self.id),
        }
    }
}

/// The request as the chain has it now.
async fn waiting(opened: &Opened, id: JobId) -> anyhow::Result<ExecutionRequest> {
    let contract = opened.contract()?;
    match contract.request(id.request_id).await? {
        Some(request) if request.data_id == id.data_id => Ok(request),
        Some(_) => bail!(
            "request {} of {} has another handle than job {id}: the store is of another chain or contract",
            id.request_id,
            contract.id()
        ),
        None => bail!(
            "{} does not wait for request {} any more: it was answered, withdrawn, or timed out",
            contract.id(),
            id.request_id
        ),
    }
}
