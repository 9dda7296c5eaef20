//! A program that runs a WebAssembly command through a service of its own: built and run under the worker's limits,
//! kept in the worker's store, without any chain.
//!
//!     cargo run --package offchainvm-worker --example embedded -- PROGRAM.wasm < INPUT

use std::{io::Read, sync::Arc, time::Duration};

use anyhow::Context;
use offchainvm_interface::{CodeSource, ResourceLimits, Sha256, WasmSource};
use offchainvm_worker::{
    config::Config,
    execute::Compiler,
    job::Stage,
    service::{Role, Service},
    stage::{Handler, Handling},
    store::{Claimed, Moment, Submission},
};
use tokio_util::sync::CancellationToken;

/// A handler around another: it says what passes through.
struct Talkative(Arc<dyn Handler>);

impl Handler for Talkative {
    fn handle<'a>(&'a self, job: &'a Claimed, cancel: CancellationToken) -> Handling<'a> {
        Box::pin(async move {
            eprintln!("running {}, attempt {}", job.lease.id(), job.attempts);
            self.0.handle(job, cancel).await
        })
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let path = std::env::args().nth(1).context("which program? give the path of a .wasm file")?;
    let wasm = std::fs::read(&path).with_context(|| path.clone())?;
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).context("standard input")?;

    let folder = tempfile::tempdir()?;
    let mut config = Config::read(None)?;
    config.store.path = folder.path().to_owned();
    // The program is one's own; whoever runs strangers' names an `offchainvm` to compile them, see the setting.
    config.execute.compiler = Compiler::InProcess;
    let service = Service::builder(config)
        .roles([Role::Build, Role::Execute].into_iter().collect())
        .wrap(Stage::Execute, |inner| Arc::new(Talkative(inner)))
        .launch()
        .await?;

    let digest = service.add_program(wasm).await?;
    let source = WasmSource { wasm_sha256: Sha256(digest.0), url: None, build_target: None };
    let response = service
        .submit_and_wait(Submission {
            caller: "me.near".parse()?,
            code_source: CodeSource::Wasm(source),
            limits: ResourceLimits::default(),
            input,
            compile_only: false,
            deadline: Moment::now().after(Duration::from_secs(600)),
        })
        .await?;
    service.shutdown().await;

    let used = response.resources_used;
    eprintln!("{} instructions, {} bytes of memory, {} s", used.instructions, used.memory_bytes, used.time_seconds);
    match response.error {
        Some(error) => anyhow::bail!("{error}"),
        None => print!("{}", String::from_utf8_lossy(response.return_value.as_deref().unwrap_or_default())),
    }
    Ok(())
}
