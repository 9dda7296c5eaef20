//! What the store says to somebody who looks at one job, or at a list of them.

use offchainvm_interface::{CodeSource, FailureCode, RequestId};
use sqlx::{Row, any::AnyRow};

use super::{
    Moment, Store, StoreError,
    error::int,
    rows::{id_of, status_of},
};
use crate::job::{Ending, JobId, Stage, Status};

/// A job, for somebody who looks at it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct JobView {
    /// Its name.
    pub id: JobId,
    /// Where it stands.
    pub status: Status,
    /// The stage that it is in, or ended in.
    pub stage: Stage,
    /// How often that stage was begun.
    pub attempts: u32,
    /// Who asked.
    pub sender_id: String,
    /// For which program.
    pub source: CodeSource,
    /// The last thing that went wrong.
    pub note: Option<String>,
    /// The code of the failure that is, or was, to be said.
    pub code: Option<String>,
    /// The last transaction sent for it, in base 58.
    pub tx_hash: Option<String>,
    /// The program's digest, in hexadecimal.
    pub wasm_sha256: Option<String>,
    /// The full name of the commit that it was built from.
    pub commit: Option<String>,
    /// The digest of the statement of how it was built, in hexadecimal.
    pub provenance: Option<String>,
    /// The process that works on it, `machine/pid-random`.
    pub worker: Option<String>,
    /// Whether request and response are still kept.
    pub has_payload: bool,
    /// After this there is no point in answering.
    pub deadline: Moment,
    /// When it came in.
    pub created_at: Moment,
    /// When it ended.
    pub closed_at: Option<Moment>,
    /// What happened in between.
    pub times: Times,
}

/// When the steps of a job were taken; a stage is begun when it is begun for the first time.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Times {
    /// Building was begun.
    pub build: Option<Moment>,
    /// There was a program.
    pub built: Option<Moment>,
    /// Running was begun.
    pub execute: Option<Moment>,
    /// There was an answer, good or bad.
    pub executed: Option<Moment>,
    /// Publishing was begun.
    pub publish: Option<Moment>,
    /// The last transaction was sent.
    pub sent: Option<Moment>,
}

/// One stage in the life of a job.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StageTimes {
    /// Which.
    pub stage: Stage,
    /// When the job could begin it.
    pub ready: Option<Moment>,
    /// When it did.
    pub begun: Option<Moment>,
    /// When it was done.
    pub ended: Option<Moment>,
}

impl JobView {
    /// The stages, in order. A build that failed leads to publishing, and ends where the answer begins.
    #[must_use]
    pub fn timeline(&self) -> [StageTimes; 3] {
        let times = self.times;
        let only_if = |begun: Option<Moment>, ended: Option<Moment>| begun.and(ended);
        let never_ran = times.executed.filter(|_| times.execute.is_none());
        [
            StageTimes {
                stage: Stage::Build,
                ready: Some(self.created_at),
                begun: times.build,
                ended: only_if(times.build, times.built.or(never_ran)),
            },
            StageTimes {
                stage: Stage::Execute,
                ready: times.built,
                begun: times.execute,
                ended: only_if(times.execute, times.executed),
            },
            StageTimes {
                stage: Stage::Publish,
                ready: times.executed,
                begun: times.publish,
                ended: only_if(times.publish, self.closed_at),
            },
        ]
    }
}

/// Which jobs to list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct JobFilter {
    /// In this state.
    pub state: Option<JobState>,
    /// Whose answer has this code.
    pub code: Option<FailureCode>,
    /// Whose answer could not be delivered.
    pub dead_letters: bool,
    /// So many at most, the newest first.
    pub limit: u32,
}

/// The states that are seen from outside.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum JobState {
    /// Nothing was begun yet.
    Pending,
    /// In a stage.
    InProgress,
    /// Answered.
    Completed,
    /// Not answered by us.
    Failed,
}

impl JobState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

macro_rules! select_jobs {
    ($rest:literal) => {
        concat!(
            "SELECT id, stage, state, attempts, ending, sender_id, requests.source AS source, note, code, wasm_sha256,
                    full_commit, provenance, lease_owner, deadline, created_at, build_at, built_at, execute_at, executed_at, publish_at, closed_at,
                    outbox.tx_hash AS tx_hash, outbox.sent_at AS sent_at,
                    CASE WHEN requests.body IS NOT NULL OR outbox.response IS NOT NULL THEN 1 ELSE 0 END AS has_payload
             FROM jobs JOIN requests ON requests.job_id = jobs.id LEFT JOIN outbox ON outbox.job_id = jobs.id ",
            $rest
        )
    };
}

impl Store {
    /// The job of a request of the chain; [`None`] when it is not known here.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn job(&self, request_id: RequestId) -> Result<Option<JobView>, StoreError> {
        let row = sqlx::query(select_jobs!("WHERE request_id = $1"))
            .bind(int(request_id)?)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(view).transpose()
    }

    /// The job of that name; [`None`] when it is not known here.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn job_named(&self, id: JobId) -> Result<Option<JobView>, StoreError> {
        let row = sqlx::query(select_jobs!("WHERE id = $1")).bind(id.to_string()).fetch_optional(&self.pool).await?;
        row.as_ref().map(view).transpose()
    }

    /// The jobs that a filter lets pass, the newest first.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn jobs(&self, filter: &JobFilter) -> Result<Vec<JobView>, StoreError> {
        // An empty text lets all pass; PostgreSQL could not tell the type of a null.
        let rows = sqlx::query(select_jobs!(
            "WHERE ($1 = '' OR $1 = CASE WHEN closed_at IS NOT NULL THEN state
                                         WHEN state = 'waiting' AND build_at IS NULL THEN 'pending'
                                         ELSE 'in_progress' END)
               AND ($2 = '' OR code = $2) AND ($3 = '' OR ending = $3)
             ORDER BY created_at DESC, request_id DESC LIMIT $4"
        ))
        .bind(filter.state.map_or("", JobState::as_str))
        .bind(filter.code.map_or("", FailureCode::as_str))
        .bind(if filter.dead_letters { Ending::Undelivered.as_str() } else { "" })
        .bind(i64::from(filter.limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(view).collect()
    }
}

fn view(row: &AnyRow) -> Result<JobView, StoreError> {
    let id = id_of(row)?;
    let corrupt = |column, reason: String| StoreError::Corrupt { job: id.to_string(), column, reason };
    let moment = |column: &str| Ok::<_, StoreError>(row.try_get::<Option<i64>, _>(column)?.map(Moment));
    let stage: String = row.try_get("stage")?;
    let attempts: i64 = row.try_get("attempts")?;
    let source: String = row.try_get("source")?;
    let owner: Option<String> = row.try_get("lease_owner")?;
    Ok(JobView {
        id,
        status: status_of(row)?,
        stage: stage.parse().map_err(|()| corrupt("stage", stage.clone()))?,
        attempts: u32::try_from(attempts).map_err(|error| corrupt("attempts", error.to_string()))?,
        sender_id: row.try_get("sender_id")?,
        source: serde_json::from_str(&source).map_err(|error| corrupt("source", error.to_string()))?,
        note: row.try_get("note")?,
        code: row.try_get("code")?,
        tx_hash: row.try_get("tx_hash")?,
        wasm_sha256: row.try_get("wasm_sha256")?,
        commit: row.try_get::<Option<String>, _>("full_commit")?.filter(|commit| !commit.is_empty()),
        provenance: row.try_get("provenance")?,
        worker: owner.map(|token| token.rsplit_once('#').map_or(token.as_str(), |(worker, _)| worker).to_owned()),
        has_payload: row.try_get::<i64, _>("has_payload")? == 1,
        deadline: Moment(row.try_get("deadline")?),
        created_at: Moment(row.try_get("created_at")?),
        closed_at: moment("closed_at")?,
        times: Times {
            build: moment("build_at")?,
            built: moment("built_at")?,
            execute: moment("execute_at")?,
            executed: moment("executed_at")?,
            publish: moment("publish_at")?,
            sent: moment("sent_at")?,
        },
    })
}
