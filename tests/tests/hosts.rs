//! Workers on several hosts over one PostgreSQL: names that collide, and an operator's keys on both.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use anyhow::Result;
use near_primitives::transaction::Transaction;
use near_token::NearToken;
use offchainvm_tests::{
    GitRepo, Network,
    artifacts::workspace,
    network::{Sent, eventually},
    postgres::Postgres,
    window::Window,
    worker::{Launch, WorkerHome},
};
use offchainvm_worker::receipt::data_ref;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};
use tempfile::TempDir;

/// A process namespace of its own, as a container has it: the worker there is process 1, on a host of the same name.
const CONTAINER: [&str; 7] =
    ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"];

/// What the hosts share, and a home on each.
struct Site {
    net: Network,
    postgres: Postgres,
    programs: TempDir,
    repo: GitRepo,
    homes: Vec<WorkerHome>,
}

impl Site {
    async fn with_homes(count: usize) -> Result<Self> {
        let net = Network::start().await?;
        let homes = (0..count).map(|_| WorkerHome::new(&net)).collect::<Result<_>>()?;
        let repo = GitRepo::from_dir(&workspace().join("tests/guests/compute"))?;
        Ok(Self { net, postgres: Postgres::start()?, programs: TempDir::new()?, repo, homes })
    }

    fn launch(&self, role: &str, under: &[&str], settings: &[(&str, &str)]) -> Launch {
        let own = settings.iter().map(|(name, value)| (format!("OFFCHAINVM_{name}"), (*value).to_owned()));
        Launch {
            under: under.iter().map(|word| (*word).to_owned()).collect(),
            arguments: vec!["--role".into(), role.into()],
            environment: self.shared().into_iter().chain(own).collect(),
        }
    }

    /// Where all hosts keep jobs and programs.
    fn shared(&self) -> [(String, String); 2] {
        let programs = format!("file://{}", self.programs.path().display());
        [("STORE__DATABASE_URL", self.postgres.url()), ("BLOBS__URL", programs)]
            .map(|(name, value)| (format!("OFFCHAINVM_{name}"), value))
    }

    /// Asks for a prime number by its place.
    async fn request(&self, place: &str) -> Result<Sent> {
        let source = json!({"repo": self.repo.url(), "commit": self.repo.commit, "build_target": "wasm32-wasip1"});
        let limits = json!({"max_instructions": 50_000_000_000u64});
        let args = json!({"code_source": source, "resource_limits": limits, "input_data": place});
        self.net.request(&self.net.user, args, NearToken::from_millinear(500)).await
    }

    /// Waits until that process has so many of the keys.
    async fn held(&self, count: usize, process: u32) -> Result<()> {
        let query = format!("SELECT count(*) FROM lanes WHERE lease_owner LIKE '%/{process}-%'");
        let held = async || Ok((self.postgres.sql(&query)?.trim() == count.to_string()).then_some(()));
        eventually(&format!("process {process} to have {count} keys"), held).await
    }

    /// Asks so many times for a prime number, and gets it.
    async fn primes(&self, count: usize) -> Result<()> {
        let mut requests = Vec::new();
        for _ in 0..count {
            requests.push(self.request("100").await?);
        }
        for sent in requests {
            assert_eq!(sent.outcome().await?.json::<String>()?.trim(), "541");
        }
        Ok(())
    }

    fn lines(&self, home: usize, event: &str) -> Result<Vec<Value>> {
        Ok(self.homes[home].log()?.into_iter().filter(|line| line["event"] == event).collect())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_with_the_host_name_and_the_process_number_of_another_takes_nothing_from_it() -> Result<()> {
    let site = Site::with_homes(3).await?;
    let outside = site.homes[0].start_with(&site.launch("index,build,publish", &[], &[]))?;
    let mut first = site.homes[1].start_with(&site.launch("execute", &CONTAINER, &[]))?;
    first.wait_for("worker.ready", None).await?;
    let sent = site.request("150000").await?;
    first.wait_for("execute.started", Some(1)).await?;

    let mut second = site.homes[2].start_with(&site.launch("execute", &CONTAINER, &[]))?;
    second.wait_for("worker.ready", None).await?;
    let names = async || Ok((site.postgres.sql("SELECT name FROM workers")?.lines().count() == 3).then_some(()));
    eventually("all three to be known", names).await?;
    let alike = site.postgres.sql("SELECT count(*) FROM workers WHERE name LIKE '%/1-%'")?;
    assert_eq!(alike.trim(), "2", "they differ in nothing but what is drawn");

    assert_eq!(sent.outcome().await?.json::<String>()?.trim(), "2015177");
    assert!(site.lines(2, "worker.recovered")?.is_empty(), "nobody was taken for dead");
    assert_eq!((site.lines(1, "execute.started")?.len(), site.lines(2, "execute.started")?.len()), (1, 0));
    assert!(outside.stop().await?.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_with_a_key_in_common_publish_on_different_ones_and_one_takes_over_from_the_other() -> Result<()> {
    let site = Site::with_homes(2).await?;
    // One key lies on both hosts, and one on the second alone; the operator's own is on both.
    for home in &site.homes {
        let made = home.command(&["keys", "add", "1"]).await?;
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    let folders = [0, 1].map(|home: usize| site.homes[home].data().join("lane-keys"));
    let shared = fs::read_dir(&folders[0])?.map(|entry| entry.unwrap()).find(|entry| entry.path().is_file()).unwrap();
    fs::copy(shared.path(), folders[1].join(shared.file_name()))?;

    let small = [("STAGES__LEASE_SECONDS", "3"), ("PUBLISH__IN_FLIGHT", "4"), ("PUBLISH__MAX_BATCH", "2")];
    let mut first = site.homes[0].start_with(&site.launch("all", &[], &small))?;
    first.wait_for("worker.ready", None).await?;
    site.held(2, first.id()).await?;
    let second = site.homes[1].start_with(&site.launch("all", &[], &small))?;
    site.held(1, second.id()).await?;
    site.primes(40).await?;
    for home in [0, 1] {
        assert!(!site.lines(home, "publish.transaction")?.is_empty(), "host {home} has published");
        assert!(site.lines(home, "publish.refused")?.is_empty(), "no nonce was used twice");
    }
    let keys = keys_of(&site).await?;
    assert!(keys.values().all(|hosts| hosts.len() == 1), "a key is one host's: {keys:?}");
    assert_eq!(keys.len(), 3, "{keys:?}");

    first.kill()?;
    site.held(3, second.id()).await?;
    site.primes(1).await?;
    let stats = site.net.stats().await?;
    assert_eq!((stats.total_requests, stats.succeeded, stats.pending_requests), (41, 41, 0));
    assert!(second.stop().await?.success());
    site.net.assert_solvent().await
}

#[tokio::test(flavor = "multi_thread")]
async fn how_a_program_was_built_is_told_by_a_host_that_built_nothing() -> Result<()> {
    let site = Site::with_homes(2).await?;
    let mut works = site.homes[0].start_with(&site.launch("index,build,execute,publish", &[], &[]))?;
    let mut tells = site.homes[1].start_with(&site.launch("api", &[], &[]))?;
    let window = Window::of(&mut tells).await?;

    // By the full name of the commit, and by an abbreviation: the second time nothing is built.
    assert_eq!(site.request("10").await?.outcome().await?.json::<String>()?.trim(), "29");
    let source = json!({"repo": site.repo.url(), "commit": site.repo.commit[..8], "build_target": "wasm32-wasip1"});
    let args = json!({"code_source": source, "input_data": "1"});
    let again = site.net.request(&site.net.user, args, NearToken::from_millinear(500)).await?;
    assert_eq!(again.outcome().await?.json::<String>()?.trim(), "2");
    for request_id in [1, 2] {
        let path = |what: &str| format!("/v1/requests/{request_id}/{what}");
        let log = window.text(&path("build-log")).await?;
        assert!(log.contains("== git fetch\n") && log.contains("Compiling compute"), "{log}");
        let statement = window.text(&path("provenance")).await?;
        let (status, receipt) = window.get(&path("receipt")).await?;
        let named = &receipt["receipt"]["program"];
        assert_eq!((status, named["provenance_sha256"].as_str()), (200, Some(&*sha256(&statement))), "{receipt}");
        let statement: Value = serde_json::from_str(&statement)?;
        assert_eq!(statement["subject"][0]["digest"]["sha256"], named["wasm_sha256"], "{statement}");
        let shared = site.shared();
        let shared: Vec<_> = shared.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let shown = site.homes[1].run(&["jobs", "show", &request_id.to_string(), "--build-log"], &shared).await?;
        assert_eq!(String::from_utf8(shown.stdout)?, log, "{}", String::from_utf8_lossy(&shown.stderr));
    }

    // And why there is none.
    let broken = GitRepo::from_dir(&workspace().join("tests/sources/build_failed"))?;
    let source = json!({"repo": broken.url(), "commit": broken.commit, "build_target": "wasm32-wasip1"});
    let sent = site.net.request(&site.net.user, json!({"code_source": source}), NearToken::from_millinear(500)).await?;
    assert!(sent.outcome().await?.is_failure());
    let log = window.text("/v1/requests/3/build-log").await?;
    assert!(log.contains("mismatched types"), "{log}");
    let (status, problem) = window.get("/v1/requests/3/provenance").await?;
    assert_eq!((status, &problem["type"]), (404, &json!("urn:offchainvm:problem:no_provenance")));

    // When the programs of that host are gone from everywhere, so is what it told of them, and that is no fault.
    fs::remove_dir_all(site.programs.path())?;
    fs::create_dir(site.programs.path())?;
    assert_eq!(window.get("/v1/requests/1/provenance").await?.0, 404);
    assert_eq!(window.get("/v1/requests/1/build-log").await?.0, 404);
    works.wait_for("publish.confirmed", Some(3)).await?;
    assert!(works.stop().await?.success() && tells.stop().await?.success());
    site.net.assert_solvent().await
}

fn sha256(text: &str) -> String {
    data_ref(text.as_bytes()).sha256.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_with_the_same_keys_share_them_evenly_and_one_that_is_alone_takes_all() -> Result<()> {
    let site = Site::with_homes(2).await?;
    let made = site.homes[0].command(&["keys", "add", "3"]).await?;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let folders = [0, 1].map(|home: usize| site.homes[home].data().join("lane-keys"));
    fs::create_dir_all(&folders[1])?;
    for file in fs::read_dir(&folders[0])?.map(|entry| entry.unwrap()).filter(|entry| entry.path().is_file()) {
        fs::copy(file.path(), folders[1].join(file.file_name()))?;
    }

    let small = [("STAGES__LEASE_SECONDS", "3"), ("PUBLISH__IN_FLIGHT", "4"), ("PUBLISH__MAX_BATCH", "2")];
    let mut first = site.homes[0].start_with(&site.launch("all", &[], &small))?;
    first.wait_for("worker.ready", None).await?;
    site.held(4, first.id()).await?;
    // Keys change hands while answers leave on them.
    let second = site.homes[1].start_with(&site.launch("all", &[], &small))?;
    site.primes(20).await?;
    site.held(2, first.id()).await?;
    site.held(2, second.id()).await?;
    site.primes(30).await?;
    for home in [0, 1] {
        assert!(!site.lines(home, "publish.transaction")?.is_empty(), "host {home} has published");
        assert!(site.lines(home, "publish.refused")?.is_empty(), "no nonce was used twice");
        assert!(site.lines(home, "job.retry")?.is_empty(), "no answer was dropped with a key");
    }
    let given = site.lines(0, "publish.lane_given")?.len() - site.lines(1, "publish.lane_given")?.len();
    assert_eq!(given, 2, "and then they stay where they are");

    first.kill()?;
    site.held(4, second.id()).await?;
    site.primes(1).await?;
    let stats = site.net.stats().await?;
    assert_eq!((stats.total_requests, stats.succeeded, stats.pending_requests), (51, 51, 0));
    assert!(second.stop().await?.success());
    site.net.assert_solvent().await
}

/// Which hosts have sent transactions with which key, by the chain's own account of them.
async fn keys_of(site: &Site) -> Result<BTreeMap<String, BTreeSet<usize>>> {
    let mut keys: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    let node = site.net.chain.node();
    let transactions: BTreeMap<String, Transaction> = node
        .read(|chain| {
            let blocks =
                (chain.first_height()..=chain.head().height).filter_map(|height| chain.block_by_height(height));
            let all = blocks.flat_map(|block| &block.transactions);
            all.map(|signed| (signed.get_hash().to_string(), signed.transaction.clone())).collect()
        })
        .await?;
    for home in [0, 1] {
        for line in site.lines(home, "publish.transaction")? {
            // One that never came into a block was given up, and its batch went with another.
            let Some(transaction) = transactions.get(line["tx_hash"].as_str().unwrap()) else { continue };
            keys.entry(transaction.public_key().to_string()).or_default().insert(home);
        }
    }
    Ok(keys)
}
