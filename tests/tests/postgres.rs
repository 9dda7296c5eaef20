//! The throw-away PostgreSQL itself: durable as a real one, one database a test, and nothing stays behind.

#![allow(clippy::unwrap_used, reason = "tests")]

use anyhow::{Result, ensure};
use offchainvm_tests::{network::eventually, postgres::Postgres};
use std::{
    env,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

#[test]
fn each_test_has_a_database_of_its_own_that_survives_a_power_cut() -> Result<()> {
    let (one, other) = (Postgres::start()?, Postgres::start()?);
    one.sql("CREATE TABLE words (word TEXT); INSERT INTO words VALUES ('here')")?;
    assert_eq!(one.sql("SELECT word FROM words")?, "here\n");
    let error = other.sql("SELECT word FROM words").unwrap_err().to_string();
    assert!(error.contains("does not exist"), "{error}");
    for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
        assert_eq!(one.sql(&format!("SHOW {setting}"))?, "on\n", "{setting}");
    }
    Ok(())
}

#[tokio::test]
async fn a_database_goes_with_its_test_even_while_somebody_is_connected() -> Result<()> {
    let (one, other) = (Postgres::start()?, Postgres::start()?);
    let url = one.url();
    let count = || other.sql(&format!("SELECT count(*) FROM pg_database WHERE '{url}' LIKE '%/' || datname || '?%'"));
    let query = [&url, "--command", "SELECT pg_sleep(600)"];
    let mut sleeper = Command::new("psql").args(query).stderr(Stdio::null()).spawn()?;
    eventually("psql to be connected", async || {
        let asleep = one.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")?;
        Ok((asleep == "1\n").then_some(()))
    })
    .await?;
    assert_eq!(count()?, "1\n");
    drop(one);
    assert_eq!(count()?, "0\n");
    ensure!(!sleeper.wait()?.success());
    Ok(())
}

/// Another test process has a server of its own beside ours; what it leaves when it is killed is removed.
#[tokio::test]
async fn a_test_process_that_is_killed_leaves_neither_server_nor_folder() -> Result<()> {
    let ours = Postgres::start()?;
    let mut process = Command::new(env::current_exe()?)
        .args(["--exact", "waits_to_be_killed", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let folder = lines.map_while(Result::ok).find_map(|line| Some(PathBuf::from(line.strip_prefix("folder ")?)));
    let folder = folder.unwrap();
    let postmaster = server_process(&folder)?;
    assert_ne!(folder, ours.folder());
    assert!(Path::new("/proc").join(&postmaster).exists());

    process.kill()?;
    process.wait()?;
    eventually("the server and its folder to be gone", async || {
        Ok((!folder.exists() && !Path::new("/proc").join(&postmaster).exists()).then_some(()))
    })
    .await?;
    assert_eq!(ours.sql("SELECT 1")?, "1\n");
    Ok(())
}

#[test]
#[ignore = "the process that the test above kills"]
fn waits_to_be_killed() -> Result<()> {
    let postgres = Postgres::start()?;
    println!("\nfolder {}", postgres.folder().display());
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// The number of the server's process, from the file where it notes it.
fn server_process(folder: &Path) -> Result<String> {
    let noted = std::fs::read_to_string(folder.join("data/postmaster.pid"))?;
    Ok(noted.lines().next().unwrap_or_default().to_owned())
}
