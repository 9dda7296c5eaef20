//! The store without the worker around it: what the stages, the executor and their hand-overs are measured against.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use offchainvm_interface::{ExecutionResponse, ResourcesUsed};
use offchainvm_worker::{
    config::Config,
    job::{RetryPolicy, Stage, WasmDigest},
    store::{BuiltArtifact, Claimed, Effect, Moment, Ran, Store},
};
use tokio::task::JoinSet;

/// As many as a stage claims at a time.
const AT_A_TIME: usize = 256;
const LEASE: Duration = Duration::from_secs(60);

/// Jobs a second that are taken in, claimed and recorded for building, and claimed and recorded for running, without
/// anything being done in between.
pub async fn rate(jobs: u64) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let store = Store::open(crate::database(folder.path()).as_path(), "alone").await?;
    let retry = Config::read(None)?.retry.of(Stage::Execute);
    let digest = WasmDigest([7; 32]);
    let begin = Instant::now();
    crate::take_in(&store, digest, 1, jobs).await?;
    for stage in [Stage::Build, Stage::Execute] {
        let mut left = jobs;
        while left > 0 {
            let claimed = store.claim(stage, AT_A_TIME, LEASE, Moment::now()).await?;
            ensure!(!claimed.is_empty(), "{left} jobs are lost in {stage}");
            left = left.saturating_sub(claimed.len() as u64);
            record(&store, claimed, digest, &retry).await?;
        }
    }
    let rate = jobs as f64 / begin.elapsed().as_secs_f64();
    ensure!(store.counts().await?.publish == jobs, "jobs were lost");
    store.close().await;
    Ok(rate)
}

/// All at once, so that they are written together.
async fn record(store: &Store, claimed: Vec<Claimed>, digest: WasmDigest, retry: &RetryPolicy) -> Result<()> {
    let mut writes = JoinSet::new();
    for job in claimed {
        let (store, retry) = (store.clone(), *retry);
        let effect = if job.artifact.is_none() { built(digest) } else { ran() };
        writes.spawn(async move { store.record(&job.lease, &effect, &retry, Moment::now()).await });
    }
    while let Some(written) = writes.join_next().await {
        written??;
    }
    Ok(())
}

fn built(digest: WasmDigest) -> Effect {
    let (path, commit, toolchain) = (format!("programs/{digest}.wasm").into(), String::new(), String::new());
    Effect::Built(BuiltArtifact { digest, path, commit, toolchain, provenance: None })
}

fn ran() -> Effect {
    let answer = ExecutionResponse::succeeded(Vec::new(), ResourcesUsed::default());
    Effect::Ran(Box::new(Ran { answer, run: None }))
}
