//! Several worker processes on one PostgreSQL: they share the work, and nothing is done twice.
//!
//! Each has a home of its own, as on a machine of its own; what they share is the database and an S3 server. Those that
//! only execute do not see the other homes at all.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use anyhow::Result;
use near_token::NearToken;
use offchainvm_interface::RequestId;
use offchainvm_tests::{
    Network,
    artifacts::workspace,
    network::{Sent, eventually},
    postgres::Postgres,
    repo::GitRepo,
    s3::{ACCESS_KEY_ID, BUCKET, S3, SECRET_ACCESS_KEY},
    worker::{Launch, WorkerHome, WorkerProcess},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Seconds for which a job belongs to whoever took it.
const LEASE: u64 = 4;
/// The 1000th prime, and how long it takes to find: milliseconds.
const QUICK: (&str, &str) = ("1000", "7919");
/// The same for seconds: long enough to be killed in the midst of.
const LONG: (&str, &str) = ("150000", "2015177");

/// Notes every change of a job's holder, by the database's own clock.
const WATCH_HOLDERS: &str = "
    CREATE TABLE holders (at BIGINT, job TEXT, stage TEXT, was TEXT, was_until BIGINT, now TEXT);
    CREATE FUNCTION note_holder() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO holders VALUES ((extract(epoch FROM clock_timestamp()) * 1000)::BIGINT, NEW.request_id::TEXT,
                                    OLD.stage, OLD.lease_owner, OLD.lease_until, NEW.lease_owner);
        RETURN NULL;
    END $$;
    CREATE TRIGGER holders AFTER UPDATE OF lease_owner ON jobs FOR EACH ROW
        WHEN (OLD.lease_owner IS DISTINCT FROM NEW.lease_owner) EXECUTE FUNCTION note_holder();";

/// When a run of a program began and ended, by the log of whoever ran it; one that did not end has no end.
type Run = (String, Option<String>);

/// What the workers share.
struct Site {
    net: Network,
    postgres: Postgres,
    s3: S3,
    repo: GitRepo,
    homes: Vec<WorkerHome>,
}

impl Site {
    async fn with_homes(count: usize) -> Result<Self> {
        let (net, postgres, s3) = (Network::start().await?, Postgres::start()?, S3::start()?);
        let repo = GitRepo::from_dir(&workspace().join("tests/guests/compute"))?;
        let homes = (0..count).map(|_| WorkerHome::new(&net)).collect::<Result<_>>()?;
        Ok(Self { net, postgres, s3, repo, homes })
    }

    /// Starts a worker in each home, with these roles; the database notes who holds what from then on.
    async fn start(&self, roles: &[&str]) -> Result<Vec<WorkerProcess>> {
        let mut workers = Vec::new();
        for (number, (home, role)) in self.homes.iter().zip(roles).enumerate() {
            let mut worker = home.start_with(&self.launch(number, role))?;
            worker.wait_for("worker.ready", None).await?;
            if workers.is_empty() {
                self.postgres.sql(WATCH_HOLDERS)?;
            }
            workers.push(worker);
        }
        Ok(workers)
    }

    fn launch(&self, number: usize, role: &str) -> Launch {
        let environment = [
            ("STORE__DATABASE_URL", self.postgres.url()),
            ("STAGES__LEASE_SECONDS", LEASE.to_string()),
            ("BLOBS__URL", format!("s3://{BUCKET}/shared")),
            ("BLOBS__ENDPOINT", self.s3.endpoint()),
            ("BLOBS__ACCESS_KEY_ID", ACCESS_KEY_ID.to_owned()),
            ("BLOBS__SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.to_owned()),
            ("BLOBS__ALLOW_HTTP", "true".to_owned()),
        ];
        Launch {
            under: if role == "execute" { self.alone(number) } else { Vec::new() },
            arguments: vec!["--role".into(), role.into()],
            environment: environment.map(|(name, value)| (format!("OFFCHAINVM_{name}"), value)).into(),
        }
    }

    /// The command that hides the other homes from a worker.
    fn alone(&self, number: usize) -> Vec<String> {
        let others = self.homes.iter().enumerate().filter(|(other, _)| *other != number);
        let hide: Vec<String> =
            others.map(|(_, home)| format!("mount -t tmpfs none '{}' &&", home.path().display())).collect();
        let script = format!("{} exec \"$@\"", hide.join(" "));
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", &script, "sh"].map(str::to_owned).into()
    }

    async fn request(&self, input: &str) -> Result<Sent> {
        let source = json!({"repo": self.repo.url(), "commit": self.repo.commit, "build_target": "wasm32-wasip1"});
        let limits = json!({"max_instructions": 50_000_000_000u64});
        let args = json!({"code_source": source, "resource_limits": limits, "input_data": input});
        self.net.request(&self.net.user, args, NearToken::from_millinear(500)).await
    }

    /// Checks that the chain has settled all requests, each with the right answer, and that it did so once.
    async fn all_answered(&self, requests: Vec<(Sent, &str)>) -> Result<()> {
        let count = requests.len() as u64;
        for (sent, expected) in requests {
            let value: String = sent.outcome().await?.json()?;
            assert_eq!(value.trim(), expected);
        }
        let stats = self.net.stats().await?;
        assert_eq!((stats.total_requests, stats.succeeded, stats.pending_requests), (count, count, 0));
        let open = "SELECT count(*) FROM jobs WHERE state <> 'completed' OR ending <> 'answered'";
        eventually("all jobs to be closed", async || Ok((self.postgres.sql(open)?.trim() == "0").then_some(())))
            .await?;
        self.net.assert_solvent().await
    }

    /// Checks, by what the database noted, that a job only ever passed to another process when nobody held it, and that it
    /// was taken from its holder only when the lease had run out. Returns who held jobs, as `machine/number`.
    fn no_job_had_two_holders(&self) -> Result<Vec<String>> {
        // From building to running it may pass within a process.
        let two = "SELECT * FROM holders WHERE split_part(was, '#', 1) <> split_part(now, '#', 1)";
        assert_eq!(self.postgres.sql(two)?, "", "passed from one to another");
        let holders = self
            .postgres
            .sql("SELECT DISTINCT split_part(now, '#', 1) FROM holders WHERE now IS NOT NULL ORDER BY 1")?;
        Ok(holders.lines().map(str::to_owned).collect())
    }

    /// All runs of each request's program, the earliest first.
    fn runs(&self) -> Result<BTreeMap<RequestId, Vec<Run>>> {
        let mut runs: BTreeMap<RequestId, Vec<Run>> = BTreeMap::new();
        for home in &self.homes {
            for line in home.log()? {
                let Some(request_id) = line["request_id"].as_u64() else { continue };
                let of_request = runs.entry(request_id).or_default();
                match line["event"].as_str() {
                    Some("execute.started") => of_request.push((time(&line), None)),
                    Some("execute.finished") => of_request.last_mut().unwrap().1 = Some(time(&line)),
                    _ => {}
                }
            }
        }
        for of_request in runs.values_mut() {
            of_request.sort();
        }
        Ok(runs)
    }
}

/// Times of the log sort as texts.
fn time(line: &Value) -> String {
    line["timestamp"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_on_one_database_share_the_work_and_run_each_program_once() -> Result<()> {
    let site = Site::with_homes(2).await?;
    let workers = site.start(&["all", "all"]).await?;
    let mut requests = Vec::new();
    for _ in 0..10 {
        requests.push((site.request(QUICK.0).await?, QUICK.1));
    }
    site.all_answered(requests).await?;
    for worker in workers {
        assert!(worker.stop().await?.success());
    }
    assert_eq!(site.no_job_had_two_holders()?.len(), 2, "both had work");
    let runs = site.runs()?;
    assert_eq!(runs.len(), 10);
    assert!(runs.values().all(|runs| runs.len() == 1), "{runs:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_four_workers_with_roles_of_their_own_one_is_killed_and_another_takes_over_its_jobs() -> Result<()> {
    let site = Site::with_homes(4).await?;
    let mut workers = site.start(&["index,publish", "build", "execute", "execute"]).await?;
    let mut requests = Vec::new();
    for _ in 0..6 {
        requests.push((site.request(QUICK.0).await?, QUICK.1));
    }
    requests.push((site.request(LONG.0).await?, LONG.1));
    let long = requests.len() as RequestId;

    // Whichever has the long one is killed in the midst of it.
    let begun = eventually("the long program to run", async || {
        let log = |number: usize| site.homes[number].log();
        let has_it = |line: &Value| line["event"] == "execute.started" && line["request_id"] == json!(long);
        for number in [2, 3] {
            if log(number)?.iter().any(has_it) {
                return Ok(Some(number));
            }
        }
        Ok(None)
    })
    .await?;
    let victim = workers.remove(begun);
    let name = victim.id();
    victim.kill()?;
    let until = site.postgres.sql(&format!(
        "SELECT lease_until FROM jobs WHERE request_id = {long} AND lease_owner LIKE '%/{name}-%' AND stage = 'execute'"
    ))?;
    let until: i64 = until.trim().parse()?;

    site.all_answered(requests).await?;
    for worker in workers {
        assert!(worker.stop().await?.success());
    }
    site.no_job_had_two_holders()?;
    let taken_over = site.postgres.sql(&format!(
        "SELECT min(at) FROM holders WHERE job = '{long}' AND stage = 'execute' AND now NOT LIKE '%/{name}-%'"
    ))?;
    let taken_over: i64 = taken_over.trim().parse()?;
    assert!(taken_over > until, "not before the lease ran out");
    println!("taken over {} ms after a lease of {LEASE} s had run out", taken_over - until);

    let runs = site.runs()?;
    assert_eq!(runs[&long].len(), 2, "begun by the one, and finished by the other: {runs:?}");
    assert_eq!(runs[&long][0].1, None);
    // What else the killed one held is run again, too, if only because its outcome was not yet recorded; nothing else
    // is, and no two runs of a program overlap.
    let taken = site.postgres.sql(&format!(
        "SELECT DISTINCT job FROM holders WHERE was LIKE '%/{name}-%' AND now IS NULL AND at > was_until"
    ))?;
    for (request_id, runs) in &runs {
        let again = taken.lines().any(|job| job == request_id.to_string());
        assert!(runs.len() == 1 || (again && runs.len() == 2), "{request_id}: {runs:?}");
        assert!(runs.windows(2).all(|pair| pair[0].1.as_ref().is_none_or(|end| *end < pair[1].0)), "{runs:?}");
        assert!(runs.last().unwrap().1.is_some(), "{request_id}: {runs:?}");
    }
    let fetched = |home: &WorkerHome| home.log().unwrap().iter().any(|line| line["event"] == "execute.fetched");
    assert!(site.homes[2..].iter().all(fetched), "what was built elsewhere came from the bucket");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_was_damaged_on_its_way_is_brought_anew() -> Result<()> {
    let site = Site::with_homes(2).await?;
    let mut builder = site.start(&["index,build,publish"]).await?.remove(0);
    let requests = vec![(site.request(QUICK.0).await?, QUICK.1)];
    let digest = builder.wait_for("build.finished", Some(1)).await?["wasm_sha256"].as_str().unwrap().to_owned();
    let built = "SELECT count(*) FROM jobs WHERE stage = 'execute' AND state = 'waiting'";
    eventually("the program to be shared", async || Ok((site.postgres.sql(built)?.trim() == "1").then_some(())))
        .await?;
    let object = site.s3.object(&format!("shared/sha256/{}/{digest}", &digest[..2]));
    std::fs::write(&object, "something else")?;

    let mut executor = site.homes[1].start_with(&site.launch(1, "execute"))?;
    executor.wait_for("execute.artifact_lost", Some(1)).await?;
    executor.wait_for("execute.fetched", Some(1)).await?;
    site.all_answered(requests).await?;
    assert!(executor.stop().await?.success() && builder.stop().await?.success());
    let builds = site.homes[0].log()?.iter().filter(|line| line["event"] == "build.finished").count();
    assert_eq!(builds, 2);
    Ok(())
}
