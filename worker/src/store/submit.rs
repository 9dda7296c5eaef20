//! Jobs that were submitted here, by a program that holds the service, and not by a chain.

use near_account_id::AccountId;
use near_token::NearToken;
use offchainvm_interface::{CodeSource, DataId, ExecutionRequest, Pricing, ResourceLimits, ResponseFormat};
use sqlx::AnyConnection;

use super::{Moment, NewJob, Store, StoreError, insert::NewJobs, writer::Write};
use crate::job::{JobId, SUBMITTED, Stage};

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Submission {
    /// For whom: jobs of different callers take turns.
    pub caller: AccountId,
    /// The program.
    pub code_source: CodeSource,
    /// What it may use.
    pub limits: ResourceLimits,
    /// Its standard input.
    pub input: String,
    /// Only build it.
    pub compile_only: bool,
    /// After this there is no point in running it.
    pub deadline: Moment,
}

struct Insert(NewJobs, Moment);

impl Write for Insert {
    type Output = ();

    fn name(&self) -> &'static str {
        "submit"
    }

    async fn apply(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        self.0.insert(connection, NO_BLOCK, self.1).await.map(drop)
    }
}

/// No chain told of it.
const NO_BLOCK: u64 = 0;

impl Store {
    /// Takes in a job. Its name is `handle`, chosen by the caller: submitting the same handle again changes nothing and
    /// is no second job.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn submit(&self, handle: DataId, submission: Submission, now: Moment) -> Result<JobId, StoreError> {
        let request = ExecutionRequest {
            request_id: SUBMITTED,
            data_id: handle,
            sender_id: submission.caller,
            refund_to: None,
            code_source: submission.code_source,
            resource_limits: submission.limits,
            compile_only: submission.compile_only,
            input_data: submission.input,
            input_ref: None,
            response_format: ResponseFormat::Bytes,
            deposit: NearToken::from_yoctonear(0),
            pricing: Pricing {
                base_fee: NearToken::from_yoctonear(0),
                per_instruction_fee: NearToken::from_yoctonear(0),
                per_mb_fee: NearToken::from_yoctonear(0),
                per_second_fee: NearToken::from_yoctonear(0),
            },
            timestamp: 0,
            deadline: 0,
        };
        let id = JobId::from(&request);
        let job = NewJobs::new(&[NewJob { request, deadline: submission.deadline }])?;
        self.writer.write(Insert(job, now)).await?;
        self.wake.ring(Stage::Build);
        Ok(id)
    }
}
