//! What a claim has found, on its way from the database: one row tells of all the jobs. A row for each would take longer
//! than claiming them.

use std::{collections::HashMap, path::PathBuf};

use offchainvm_interface::Sha256;
use serde::Deserialize;
use sqlx::{AnyConnection, Postgres, Row, any::AnyRow};

use super::Claimed;
use crate::{
    job::{JobId, ParseDigestError, ParseJobIdError, Stage, WasmDigest},
    store::{Lease, Moment, StoreError, outbox, record::BuiltArtifact, rows::id_of},
};

/// As the database says it: it is read when the writer has gone on.
#[derive(Default)]
pub(super) struct Found {
    /// An array of [`Columns`].
    jobs: String,
    /// Their requests, one after the other.
    requests: Vec<u8>,
    /// In publish: what is to be said of them.
    answers: Vec<AnyRow>,
}

/// What is read of a job, in the order in which it is asked for.
#[derive(Deserialize)]
struct Columns {
    id: String,
    /// [`None`] when the request was cleared.
    request_length: Option<usize>,
    attempts: i64,
    seen_height: i64,
    deadline: i64,
    turn: i64,
    not_before: i64,
    created_at: i64,
    built_at: Option<i64>,
    executed_at: Option<i64>,
    wasm_sha256: Option<String>,
    wasm_path: Option<String>,
    full_commit: Option<String>,
    toolchain: Option<String>,
    provenance: Option<String>,
}

macro_rules! look {
    ($first:literal, $then:literal, $last:literal) => {
        concat!(
            "SELECT ",
            $first,
            "id, octet_length(body), attempts, seen_height, deadline, turn, not_before, created_at, built_at,
             executed_at, wasm_sha256, wasm_path, full_commit, toolchain, provenance",
            $then,
            " AS jobs, ",
            $last,
            " AS requests
             FROM jobs LEFT JOIN requests ON requests.job_id = jobs.id
             WHERE state = 'running' AND lease_until = $2 AND lease_owner = $1"
        )
    };
}
const LOOK_IN_SQLITE: &str =
    look!("json_group_array(json_array(", "))", "CAST(group_concat(CAST(body AS TEXT), '') AS BLOB)");
const LOOK_IN_POSTGRES: &str =
    look!("CAST(json_agg(json_build_array(", ")) AS TEXT)", "string_agg(body, CAST('' AS BYTEA))");

/// A job that must not keep the others waiting for ever.
pub(super) struct Unreadable {
    pub(super) job: String,
    pub(super) column: &'static str,
    pub(super) reason: String,
}

impl Found {
    /// The jobs that were just claimed with this token.
    pub(super) async fn look(
        connection: &mut AnyConnection,
        stage: Stage,
        token: &str,
        until: Moment,
    ) -> Result<Self, StoreError> {
        let is_postgres = connection.backend_name() == <Postgres as sqlx::Database>::NAME;
        let look = if is_postgres { LOOK_IN_POSTGRES } else { LOOK_IN_SQLITE };
        let row = sqlx::query(look).bind(token).bind(until.0).fetch_one(&mut *connection).await?;
        let answers =
            if stage == Stage::Publish { outbox::answers(connection, token, until).await? } else { Vec::new() };
        let requests: Option<Vec<u8>> = row.try_get("requests")?;
        Ok(Self { jobs: row.try_get("jobs")?, requests: requests.unwrap_or_default(), answers })
    }

    /// The jobs in the order in which they are to be worked on, and those that nobody can work on.
    pub(super) fn read(self, stage: Stage, token: &str) -> Result<(Vec<Claimed>, Vec<Unreadable>), StoreError> {
        if self.jobs.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let jobs: Vec<Columns> = serde_json::from_str(&self.jobs)?;
        let (mut claimed, mut unreadable) = (Vec::with_capacity(jobs.len()), Vec::new());
        let mut answers: HashMap<JobId, _> =
            self.answers.iter().map(|row| Ok((id_of(row)?, outbox::answer(row)))).collect::<Result<_, StoreError>>()?;
        let mut requests = &*self.requests;
        for columns in jobs {
            let request = columns.request_length.and_then(|length| requests.split_off(..length));
            let turn = columns.turn;
            let job = columns.read(request, stage, token).and_then(|mut job| {
                if stage == Stage::Publish {
                    let id = job.lease.id;
                    job.answer = Some(answers.remove(&id).unwrap_or_else(|| Err(outbox::no_answer(id)))?);
                }
                Ok(job)
            });
            match job {
                Ok(job) => claimed.push((turn, job)),
                Err(StoreError::Corrupt { job, column, reason }) => unreadable.push(Unreadable { job, column, reason }),
                Err(error) => return Err(error),
            }
        }
        claimed.sort_by_key(|(turn, job)| (*turn, job.deadline, job.lease.id));
        Ok((claimed.into_iter().map(|(_, job)| job).collect(), unreadable))
    }
}

impl Columns {
    fn read(self, request: Option<&[u8]>, stage: Stage, token: &str) -> Result<Claimed, StoreError> {
        let corrupt = |column, reason: String| StoreError::Corrupt { job: self.id.clone(), column, reason };
        let id = self.id.parse().map_err(|error: ParseJobIdError| corrupt("id", error.to_string()))?;
        let request = request.ok_or_else(|| corrupt("request", "cleared before the job's end".to_owned()))?;
        let digest = |column, text: &str| {
            text.parse::<WasmDigest>().map_err(|error: ParseDigestError| corrupt(column, error.to_string()))
        };
        let provenance = self.provenance.as_deref().map(|text| digest("provenance", text)).transpose()?;
        let artifact = match &self.wasm_sha256 {
            None => None,
            Some(text) => Some(BuiltArtifact {
                digest: digest("wasm_sha256", text)?,
                path: PathBuf::from(self.wasm_path.clone().unwrap_or_default()),
                commit: self.full_commit.clone().unwrap_or_default(),
                toolchain: self.toolchain.clone().unwrap_or_default(),
                provenance: provenance.map(|digest| Sha256(digest.0)),
            }),
        };
        let attempts = u32::try_from(self.attempts).map_err(|error| corrupt("attempts", error.to_string()))?;
        let since = match stage {
            Stage::Build => Some(self.created_at),
            Stage::Execute => self.built_at,
            Stage::Publish => self.executed_at,
        };
        Ok(Claimed {
            lease: Lease { id, stage, attempts, token: token.to_owned(), held_back: None },
            request: serde_json::from_slice(request).map_err(|error| corrupt("request", error.to_string()))?,
            attempts,
            seen_height: u64::try_from(self.seen_height).map_err(|error| corrupt("seen_height", error.to_string()))?,
            deadline: Moment(self.deadline),
            created_at: Moment(self.created_at),
            ready_at: Moment(since.unwrap_or(self.not_before).max(self.not_before)),
            artifact,
            answer: None,
        })
    }
}
