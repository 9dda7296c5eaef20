//! Jobs that are new: each finds its place among those that wait.

use std::collections::HashSet;

use serde::Serialize;
use sqlx::AnyConnection;

use super::{
    Moment, NewJob, StoreError,
    bulk::{Bulk, bulk, rows},
    error::int,
    rows::id_of,
};
use crate::job::JobId;

#[derive(Serialize)]
struct Row<'a> {
    id: String,
    nth: usize,
    request_id: i64,
    sender_id: &'a str,
    deadline: i64,
    source: String,
    /// Where the request is among all of them.
    at: usize,
    length: usize,
}

impl<'a> Row<'a> {
    /// The request is put at the end of `bodies`.
    fn new(nth: usize, job: &'a NewJob, bodies: &mut Vec<u8>) -> Result<Self, StoreError> {
        let id = JobId::from(&job.request);
        let encode =
            |column| move |error: serde_json::Error| StoreError::Encode { job: id, column, reason: error.to_string() };
        // SQL counts from one.
        let at = bodies.len() + 1;
        serde_json::to_writer(&mut *bodies, &job.request).map_err(encode("request"))?;
        Ok(Self {
            id: id.to_string(),
            nth,
            request_id: int(id.request_id)?,
            sender_id: job.request.sender_id.as_str(),
            deadline: job.deadline.0,
            source: serde_json::to_string(&job.request.code_source).map_err(encode("source"))?,
            at,
            length: bodies.len() + 1 - at,
        })
    }
}

// A job's turn comes after the last one of its caller that is not over, and not before those whose turn it is now: so
// callers take turns, and whoever comes late does not wait for another's thousand. The first of an index, not MIN or
// MAX: SQLite would look through all open jobs for those.
const INSERT: Bulk = bulk!(
    ", new AS MATERIALIZED (
         SELECT value ->> 'id' AS id, CAST(value ->> 'nth' AS BIGINT) AS nth,
                CAST(value ->> 'request_id' AS BIGINT) AS request_id, value ->> 'sender_id' AS sender_id,
                CAST(value ->> 'deadline' AS BIGINT) AS deadline
         FROM list),
     placed AS MATERIALIZED (
         SELECT new.*, ROW_NUMBER() OVER (PARTITION BY sender_id ORDER BY nth) AS nth_of_caller,
                COALESCE((SELECT turn FROM jobs WHERE jobs.sender_id = new.sender_id AND closed_at IS NULL
                          ORDER BY turn DESC LIMIT 1), 0) AS last_of_caller,
                COALESCE((SELECT turn FROM jobs WHERE closed_at IS NULL ORDER BY turn LIMIT 1), 1) - 1 AS before_all
         FROM new WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.id = new.id))
     INSERT INTO jobs (id, request_id, sender_id, seen_height, deadline, stage, state, created_at, turn)
     SELECT id, request_id, sender_id, $2, deadline, 'build', 'waiting', $3,
            nth_of_caller + CASE WHEN last_of_caller > before_all THEN last_of_caller ELSE before_all END
     FROM placed WHERE TRUE
     ON CONFLICT (id) DO NOTHING
     RETURNING id"
);

// What a job was asked for never changes; so of one that is here already, this is here, too. The requests are bytes one
// after the other in the second parameter: as texts within a text they would be escaped, and searched for their ends.
const INSERT_REQUESTS: Bulk = bulk!(
    "INSERT INTO requests (job_id, source, body)
     SELECT value ->> 'id', value ->> 'source',
            SUBSTR($2, CAST(value ->> 'at' AS INTEGER), CAST(value ->> 'length' AS INTEGER))
     FROM list WHERE TRUE
     ON CONFLICT (job_id) DO NOTHING"
);

/// Jobs in one statement: their requests may be ten thousand bytes each, and a database's JSON has an end.
const AT_A_TIME: usize = 500;

/// Jobs as they are written. Made before it is the writer's turn, see `moves`.
pub(super) struct NewJobs {
    ids: Vec<JobId>,
    tables: Vec<Table>,
}

/// Rows, and the requests that they tell the places of.
struct Table {
    rows: String,
    bodies: Vec<u8>,
}

impl NewJobs {
    pub(super) fn new(jobs: &[NewJob]) -> Result<Self, StoreError> {
        let ids = jobs.iter().map(|job| JobId::from(&job.request)).collect();
        let tables = jobs.chunks(AT_A_TIME).map(|jobs| {
            let mut bodies = Vec::new();
            let table: Result<Vec<_>, _> =
                jobs.iter().enumerate().map(|(nth, job)| Row::new(nth, job, &mut bodies)).collect();
            Ok(Table { rows: rows(&table?)?, bodies })
        });
        Ok(Self { ids, tables: tables.collect::<Result<_, StoreError>>()? })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Stores those that are not here yet, and says which, in their order. `height` is of the block that tells of them.
    pub(super) async fn insert(
        &self,
        connection: &mut AnyConnection,
        height: u64,
        now: Moment,
    ) -> Result<Vec<JobId>, StoreError> {
        let mut inserted = HashSet::new();
        for Table { rows, bodies } in &self.tables {
            let found = sqlx::query(INSERT.on(connection))
                .bind(rows)
                .bind(int(height)?)
                .bind(now.0)
                .fetch_all(&mut *connection)
                .await?;
            if found.is_empty() {
                continue;
            }
            sqlx::query(INSERT_REQUESTS.on(connection)).bind(rows).bind(&**bodies).execute(&mut *connection).await?;
            for row in &found {
                inserted.insert(id_of(row)?);
            }
        }
        Ok(self.ids.iter().copied().filter(|id| inserted.remove(id)).collect())
    }
}
