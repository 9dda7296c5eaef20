//! Every guest gives the same output, count of instructions and peak of memory in every process, compiled just now,
//! loaded from the disk or already in memory.

use crate::{
    guests::{guest, guest_for, guest_source},
    support::{Fixture, config, task},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use offchainvm_interface::ResourceLimits;
use offchainvm_worker::execute::{End, ExecuteConfig, Executor, Outcome, Program};
use serde_json::Value;
use std::{fs, path::Path, process::Command};
use tokio_util::sync::CancellationToken;

/// Low enough that a program which never ends is stopped at once; time never decides.
const LIMITS: ResourceLimits =
    ResourceLimits { max_instructions: 30_000_000, max_memory_mb: 64, max_execution_seconds: 90 };

/// What must be the same: code and message, output, instructions, peak memory.
type Facts = (Option<(String, String)>, Vec<u8>, u64, u64);

fn facts(outcome: &Outcome) -> Facts {
    let failed = match &outcome.end {
        End::Success => None,
        End::Failed { code, message } => Some((code.to_string(), message.clone())),
    };
    (failed, outcome.output.clone(), outcome.used.instructions, outcome.used.memory_bytes)
}

/// The same run in a process of its own, which has never seen the module.
fn elsewhere(module: &Path, input: &str) -> Facts {
    let output = Command::new(env!("CARGO_BIN_EXE_offchainvm"))
        .args(["run", "--json", "--input", input, "--max-instructions", &LIMITS.max_instructions.to_string()])
        .args(["--max-memory-mb", &LIMITS.max_memory_mb.to_string()])
        .args(["--max-seconds", &LIMITS.max_execution_seconds.to_string()])
        .arg(module)
        .output()
        .unwrap();
    let quote: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let failed = (quote["success"] == false).then(|| (text(&quote["error_code"]), text(&quote["error"])));
    let used = &quote["resources_used"];
    let number = |name: &str| used[name].as_u64().unwrap();
    let bytes = BASE64_STANDARD.decode(text(&quote["output_base64"])).unwrap();
    (failed, bytes, number("instructions"), number("memory_bytes"))
}

async fn here(executor: &Executor, program: &Program, input: &str) -> Facts {
    let run = executor.run(program, task(input, LIMITS, [0; 32]), CancellationToken::new());
    facts(&run.await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_guest_is_the_same_in_every_process_cold_or_cached() {
    let folder = guest_source("echo").parent().unwrap().to_owned();
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert!(names.len() >= 14, "{names:?}");
    let fixture = Fixture::with(&ExecuteConfig { parallel_runs: 2, ..config() });
    let mut modules = Vec::new();
    for name in &names {
        if name == "shout" {
            modules.push((format!("{name}, bare"), guest_for(name, "wasm32-unknown-unknown")));
        } else {
            modules.push((name.clone(), guest(name)));
            modules.push((format!("{name}, component"), guest_for(name, "wasm32-wasip2")));
        }
    }
    let mut first = Vec::new();
    for (name, path) in &modules {
        let input = input(name);
        let program = Program::bytes(fs::read(path).unwrap());
        let (cold, path) = (here(&fixture.executor, &program, input).await, path.clone());
        let other = tokio::task::spawn_blocking(move || elsewhere(&path, input)).await.unwrap();
        assert_eq!(cold, other, "{name}: another process");
        assert_eq!(cold, here(&fixture.executor, &program, input).await, "{name}: from memory");
        first.push((program, cold));
    }
    // What was compiled is read back from the disk.
    let again = Executor::new(&ExecuteConfig { parallel_runs: 2, ..config() }, fixture.cache.path()).unwrap();
    for ((name, _), (program, cold)) in modules.iter().zip(first) {
        assert_eq!(cold, here(&again, &program, input(name)).await, "{name}: from the disk");
    }
}

/// What a guest needs to do something.
fn input(name: &str) -> &'static str {
    match name.split(',').next().unwrap() {
        "binary_output" => "5000",
        "compute" => "500",
        "dial_out" => "127.0.0.1:9",
        "sleep" => "3",
        _ => "some input",
    }
}
