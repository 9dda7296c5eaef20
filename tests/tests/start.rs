//! A worker's start while its node, its database or its blob store is away: it serves its window, says what it waits for, and goes on by
//! itself. What is wrong for good ends it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use anyhow::Result;
use offchainvm_interface::calls::method;
use offchainvm_tests::{
    Network,
    chaos::{Fault, Plan, Proxy},
    gate::Place,
    network::{DEPOSIT, eventually},
    outcome::failure,
    postgres::Postgres,
    preload,
    s3::{ACCESS_KEY_ID, BUCKET, S3, SECRET_ACCESS_KEY},
    window::Window,
    worker::WorkerHome,
};
use serde_json::{Value, json};
use std::{
    fs,
    time::{Duration, Instant},
};

/// A chain, a node of it that fails, and a worker's home that knows no other.
async fn failing(fault: Fault) -> Result<(Network, Proxy, WorkerHome)> {
    let net = Network::start().await?;
    let node = Proxy::start(net.chain.rpc_url(), Plan::always(fault)).await?;
    let home = WorkerHome::through(&net, node.url())?;
    Ok((net, node, home))
}

/// Environment of a worker whose store is in this database, in all that it logs.
fn with_database(url: &str) -> [(&str, &str); 2] {
    [("OFFCHAINVM_STORE__DATABASE_URL", url), ("OFFCHAINVM_LOG__FILTER", "debug,sqlx=warn")]
}

/// Environment of a worker whose blobs are in a bucket of this server.
fn with_bucket<'a>(
    endpoint: &'a str,
    bucket: &'a str,
    key_id: &'a str,
    secret: &'a str,
) -> [(&'static str, &'a str); 5] {
    [
        ("OFFCHAINVM_BLOBS__URL", bucket),
        ("OFFCHAINVM_BLOBS__ENDPOINT", endpoint),
        ("OFFCHAINVM_BLOBS__ACCESS_KEY_ID", key_id),
        ("OFFCHAINVM_BLOBS__SECRET_ACCESS_KEY", secret),
        ("OFFCHAINVM_BLOBS__ALLOW_HTTP", "true"),
    ]
}

/// The fields `needed` of all lines with this event.
fn needed(home: &WorkerHome, event: &str) -> Result<Vec<String>> {
    let log = home.log()?.into_iter().filter(|line| line["event"] == event);
    Ok(log.map(|line| line["needed"].as_str().unwrap().to_owned()).collect())
}

/// What `/readyz` says of the start, once it mentions `word`.
async fn waits_for(window: &Window, word: &str) -> Result<String> {
    eventually(&format!("/readyz to speak of {word}"), async || {
        let (status, problem) = window.get("/readyz").await?;
        assert_eq!((status, window.get("/healthz").await?.0), (503, 200), "{problem}");
        let check = problem["checks"].as_array().unwrap().iter().find(|check| check["name"] == "start");
        let said = check.map(|check| check["detail"].as_str().unwrap().to_owned()).unwrap_or_default();
        Ok(said.contains(word).then_some(said))
    })
    .await
}

/// A request whose program nobody has goes the whole way, and comes back as a failure.
async fn serves(net: &Network) -> Result<()> {
    let sent = net.request(&net.user, json!({"code_source": {"wasm_sha256": "0".repeat(64)}}), DEPOSIT).await?;
    assert!(failure(&sent.outcome().await?).contains("program_not_found"));
    Ok(())
}

#[tokio::test]
async fn a_worker_whose_only_node_fails_waits_for_it_and_then_works() -> Result<()> {
    let (net, node, home) = failing(Fault::ServerError).await?;
    let mut worker = home.start()?;
    let window = Window::of(&mut worker).await?;
    eventually("three attempts", async || Ok((node.stats().count(Fault::ServerError) >= 3).then_some(()))).await?;
    assert!(waits_for(&window, "node").await?.contains("cannot answer now"));
    assert_eq!(needed(&home, "worker.waits")?, ["node"], "said once, however often it tries");
    assert!(worker.exit_status()?.is_none(), "it goes on trying");
    node.calm();
    assert_eq!(worker.wait_for("worker.goes_on", None).await?["needed"], "node");
    worker.wait_for("worker.ready", None).await?;
    serves(&net).await?;
    assert!(worker.stop().await?.success());
    Ok(())
}

#[tokio::test]
async fn a_worker_that_comes_before_its_database_and_its_chain_waits_for_both_and_then_works() -> Result<()> {
    let net = Network::start().await?;
    let (place, database) = (Place::take()?, Postgres::later()?);
    let home = WorkerHome::through(&net, &place.url()?)?;
    let mut worker = home.start_in(&with_database(&database.url()))?;
    let window = Window::of(&mut worker).await?;
    for word in ["database", "node", "refused", "No such file"] {
        waits_for(&window, word).await?;
    }
    let (status, problem) = window.get("/v1/requests/1/receipt").await?;
    assert_eq!((status, &problem["type"]), (503, &Value::from("urn:offchainvm:problem:starting")));

    let database = database.start()?;
    assert_eq!(worker.wait_for("worker.goes_on", None).await?["needed"], "database");
    let said = waits_for(&window, "node").await?;
    assert!(!said.contains("database"), "{said}");
    let _gate = place.gate_before(net.chain.rpc_url())?;
    worker.wait_for("worker.ready", None).await?;
    eventually("the worker to be ready", async || Ok((window.get("/readyz").await?.0 == 200).then_some(()))).await?;
    let mut waits = needed(&home, "worker.waits")?;
    waits.sort();
    assert_eq!(
        (waits, needed(&home, "worker.goes_on")?),
        (vec!["database".into(), "node".into()], vec!["database".to_owned(), "node".to_owned()])
    );
    serves(&net).await?;
    assert_eq!(database.sql("SELECT count(*) FROM jobs")?, "1\n", "it has worked with that database");
    assert!(worker.stop().await?.success());
    Ok(())
}

#[tokio::test]
async fn a_worker_that_comes_before_its_blob_store_waits_for_it_and_then_works() -> Result<()> {
    let net = Network::start().await?;
    let (home, place, bucket) = (WorkerHome::new(&net)?, Place::take()?, format!("s3://{BUCKET}/some/where"));
    let endpoint = place.url()?;
    let mut worker = home.start_in(&with_bucket(&endpoint, &bucket, ACCESS_KEY_ID, SECRET_ACCESS_KEY))?;
    let window = Window::of(&mut worker).await?;
    let said = waits_for(&window, "blob store").await?;
    assert!(said.contains(&endpoint) && said.contains(&bucket), "{said}");
    assert!(worker.exit_status()?.is_none());

    let s3 = S3::start_at(place)?;
    assert_eq!(worker.wait_for("worker.goes_on", None).await?["needed"], "blob store");
    worker.wait_for("worker.ready", None).await?;
    assert_eq!(needed(&home, "worker.waits")?, ["blob store"], "said once");
    serves(&net).await?;
    assert!(s3.object("some/where/sha256").is_dir(), "it has worked with that bucket");
    assert!(worker.stop().await?.success());
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_with_a_blob_store_ends_the_start_though_the_node_is_away() -> Result<()> {
    let (_net, _node, home) = failing(Fault::ServerError).await?;
    let (s3, bucket) = (S3::start()?, format!("s3://{BUCKET}"));
    let cases = [
        (bucket.as_str(), ACCESS_KEY_ID, "another secret", "SignatureDoesNotMatch"),
        (&bucket, "AKIDANOTHER", SECRET_ACCESS_KEY, "NotSignedUp"),
        ("s3://elsewhere", ACCESS_KEY_ID, SECRET_ACCESS_KEY, "NoSuchBucket"),
    ];
    for (bucket, key_id, secret, expected) in cases {
        ends_with(&home, &with_bucket(&s3.endpoint(), bucket, key_id, secret), expected).await?;
        assert!(!fs::read_to_string(home.log_file())?.contains(secret));
    }
    Ok(())
}

#[tokio::test]
async fn a_name_that_is_looked_up_for_ever_does_not_keep_a_worker_that_is_told_to_stop() -> Result<()> {
    const NO_ANSWER: &str = r#"
        #include <unistd.h>
        int getaddrinfo(const char *node, const char *service, const void *hints, void **found) {
            if (write(2, "a name is looked up\n", 20)) for (;;) pause();
            return 0;
        }"#;
    let net = Network::start().await?;
    let home = WorkerHome::through(&net, "http://node.invalid:3030")?;
    let resolver = preload::library(home.path(), "resolver", NO_ANSWER)?;
    let worker = home.start_in(&[("LD_PRELOAD", resolver.to_str().unwrap())])?;
    eventually("a name to be looked up", async || {
        Ok(fs::read_to_string(home.log_file())?.contains("a name is looked up").then_some(()))
    })
    .await?;
    let told = Instant::now();
    assert!(worker.stop().await?.success());
    assert!(told.elapsed() < Duration::from_secs(5), "{:?}", told.elapsed());
    Ok(())
}

#[tokio::test]
async fn a_worker_that_waits_stops_at_once_when_it_is_told_to() -> Result<()> {
    let hang = Duration::from_secs(600);
    let (_net, node, home) = failing(Fault::Dropped).await?;
    let database = Postgres::later()?;
    let mut worker = home.start_in(&with_database(&database.url()))?;
    eventually("both to be waited for", async || Ok((needed(&home, "worker.waits")?.len() == 2).then_some(()))).await?;
    // Not even a question that is under way keeps it.
    node.set_plan(Plan { hang, ..Plan::always(Fault::Hung) });
    eventually("a question that hangs", async || Ok((node.stats().count(Fault::Hung) > 0).then_some(()))).await?;
    assert!(worker.exit_status()?.is_none());
    let told = Instant::now();
    assert!(worker.stop().await?.success());
    assert!(told.elapsed() < Duration::from_secs(5), "{:?}", told.elapsed());
    assert!(home.log()?.iter().any(|line| line["event"] == "worker.stopped"));
    Ok(())
}

#[tokio::test]
async fn a_configuration_that_is_wrong_ends_the_start_as_soon_as_a_node_can_tell() -> Result<()> {
    let (net, node, home) = failing(Fault::TooManyRequests).await?;
    let operator = json!({"new_operator_id": net.user.id()});
    assert!(net.administer(&net.owner, method::SET_OPERATOR, operator).await?.is_success());
    let mut worker = home.start()?;
    worker.wait_for("worker.waits", None).await?;
    node.calm();
    assert_eq!(worker.ended().await?.code(), Some(1));
    let said = fs::read_to_string(home.log_file())?;
    assert!(said.contains(&format!("{} is not an operator of", net.operator.id())), "{said}");
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_with_a_database_ends_the_start_though_the_node_is_away() -> Result<()> {
    let (_net, node, home) = failing(Fault::ServerError).await?;
    let database = Postgres::later()?.start()?;
    let url = database.url();
    ask_for_passwords(&database).await?;
    let cases = [
        (url.replace("offchainvm@", "guest:wrong@"), "password authentication failed for user \"guest\""),
        (url.replace("/postgres?", "/elsewhere?"), "database \"elsewhere\" does not exist"),
    ];
    for (url, expected) in cases {
        ends_with(&home, &with_database(&url), expected).await?;
    }
    // Tables that a later release has made, and a store of another contract's.
    assert!(home.run(&["jobs", "list"], &with_database(&url)).await?.status.success());
    database.sql("INSERT INTO identity (only_row, chain_id, contract_id) VALUES (1, 'localnet', 'another.near')")?;
    node.calm();
    ends_with(&home, &with_database(&url), "holds the requests of another.near on localnet").await?;
    database.sql(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         SELECT 999, 'of a later release', success, checksum, execution_time FROM _sqlx_migrations LIMIT 1",
    )?;
    node.set_plan(Plan::always(Fault::ServerError));
    ends_with(&home, &with_database(&url), "written by a newer version").await
}

/// A worker in this environment ends, and says why in one line, without the password.
async fn ends_with(home: &WorkerHome, environment: &[(&str, &str)], expected: &str) -> Result<()> {
    let before = fs::read_to_string(home.log_file()).unwrap_or_default().len();
    let worker = home.start_in(environment)?;
    assert_eq!(worker.ended().await?.code(), Some(1));
    let log = fs::read_to_string(home.log_file())?;
    let said: Vec<&str> = log[before..].lines().filter(|line| line.starts_with("offchainvm: ")).collect();
    assert!(said.len() == 1 && said[0].contains(expected), "{expected}: {}", &log[before..]);
    assert!(!log.contains("guest:wrong"), "{log}");
    Ok(())
}

/// Lets the user `guest` in with a password only.
async fn ask_for_passwords(database: &Postgres) -> Result<()> {
    database.sql("CREATE ROLE guest LOGIN PASSWORD 'right'")?;
    let rules = database.folder().join("data/pg_hba.conf");
    fs::write(&rules, format!("local all guest scram-sha-256\n{}", fs::read_to_string(&rules)?))?;
    let loaded = || database.sql("SELECT pg_conf_load_time()");
    let before = loaded()?;
    database.sql("SELECT pg_reload_conf()")?;
    eventually("the rules to hold", async || Ok((loaded()? != before).then_some(()))).await
}
