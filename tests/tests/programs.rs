//! Programs that are built already: brought by the operator, or fetched from the address beside their digest; and what a
//! build reported, for whoever asks the worker.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

// The helper of the executor's tests.
#[allow(dead_code, reason = "other tests copy a guest's source")]
#[path = "../src/guests.rs"]
mod guests;

use anyhow::Result;
use guests::guest;
use near_workspaces::types::NearToken;
use offchainvm_interface::{FailureCode, Pricing};
use offchainvm_tests::{
    Network,
    artifacts::workspace,
    outcome::{completed, failure},
    repo::GitRepo,
    window::Window,
    worker::WorkerHome,
};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt,
    process::{Command, Output},
    thread,
};

const DEPOSIT: NearToken = NearToken::from_near(1);

/// Serves these bytes under every path, until the test's process ends.
fn serve(bytes: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let head = BufReader::new(client.try_clone().unwrap()).lines();
            let _request: Vec<_> = head.map_while(|line| line.ok().filter(|line| !line.is_empty())).collect();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", bytes.len());
            // A client that goes early is none of the test's business.
            client.write_all(head.as_bytes()).and_then(|()| client.write_all(&bytes)).ok();
        }
    });
    address
}

fn text(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_worker_without_a_sandbox_says_so_and_does_not_start() -> Result<()> {
    let net = Network::start().await?;
    let home = WorkerHome::new(&net)?;
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let toolchain = text(Command::new(rustc).args(["--print", "sysroot"]).output()?).trim().to_owned();
    let programs = tempfile::tempdir()?;
    let path = programs.path().to_str().unwrap().to_owned();
    let start = async || {
        let environment = [("PATH", path.as_str()), ("OFFCHAINVM_BUILD__TOOLCHAIN", &toolchain)];
        let ended = home.start_in(&environment)?.ended().await?;
        assert!(!ended.success(), "it does not build without");
        anyhow::Ok(fs::read_to_string(home.log_file())?)
    };
    let missing = start().await?;
    assert!(missing.contains("bwrap was not found in PATH"), "{missing}");
    assert!(missing.contains("apt-get install bubblewrap"), "{missing}");

    let broken = "echo no user namespaces here >&2; exit 1";
    for (name, script) in [("bwrap", broken), ("git", "exit 0"), ("prlimit", "exit 0"), ("setpriv", "exit 0")] {
        let file = programs.path().join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n"))?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
    }
    let broken = start().await?;
    assert!(broken.contains("cannot make a sandbox") && broken.contains("no user namespaces here"), "{broken}");
    Ok(())
}

#[tokio::test]
async fn programs_come_by_hand_or_by_address_and_builds_can_be_read_about() -> Result<()> {
    let net = Network::start().await?;
    let home = WorkerHome::new(&net)?;
    let all = "allowed_protocols = [\"https\", \"http\", \"file\"]\nprivate_hosts = [\"127.0.0.1\"]";
    home.edit(|config| config.replace("allowed_protocols = [\"https\", \"file\"]", all))?;
    let mut worker = home.start()?;
    let window = Window::of(&mut worker).await?;
    let run = async |source: Value, input: &str| {
        let args = json!({"code_source": source, "input_data": input});
        anyhow::Ok(net.request(&net.user, args, DEPOSIT).await?.outcome().await?)
    };

    // By hand.
    let echo = guest("echo");
    let digest = text(home.command(&["program", "add", echo.to_str().unwrap()]).await?).trim().to_owned();
    let by_digest = json!({"wasm_sha256": digest});
    assert_eq!(run(by_digest.clone(), "by hand").await?.json::<String>()?, "by hand");
    let listed: Value = serde_json::from_str(&text(home.command(&["program", "list", "--json"]).await?))?;
    assert_eq!(listed[0]["wasm_sha256"], digest);
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["added"]), (1, &json!(true)));
    let no_program = home.path().join("no.wasm");
    fs::write(&no_program, "(module)")?;
    let refused = home.command(&["program", "add", no_program.to_str().unwrap()]).await?;
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("not WebAssembly"), "{refused:?}");

    // No longer.
    text(home.command(&["program", "remove", &digest]).await?);
    let gone = failure(&run(by_digest, "gone").await?);
    assert!(gone.contains("program_not_found"), "{gone}");
    assert!(!home.command(&["program", "remove", &digest]).await?.status.success());

    // By address.
    let server = serve(fs::read(&echo)?);
    let by_address = json!({"wasm_sha256": digest, "url": format!("http://{server}/echo.wasm")});
    assert_eq!(run(by_address, "by address").await?.json::<String>()?, "by address");
    let other = run(json!({"wasm_sha256": "0".repeat(64), "url": format!("http://{server}/echo.wasm")}), "").await?;
    assert!(failure(&other).contains("program_not_found"), "{}", failure(&other));
    assert_eq!(completed(&other).cost, Pricing::default().base_fee);
    let inner = run(json!({"wasm_sha256": "0".repeat(64), "url": "http://127.0.0.2:9/echo.wasm"}), "").await?;
    assert!(failure(&inner).contains("repo_not_allowed"), "{}", failure(&inner));

    // What a build reported.
    let broken = GitRepo::from_dir(&workspace().join("tests/sources/build_failed"))?;
    let source = json!({"repo": broken.url(), "commit": broken.commit, "build_target": "wasm32-wasip1"});
    let settled = completed(&run(source, "").await?);
    assert_eq!(settled.error_code, Some(FailureCode::BuildFailed));
    let id = settled.request_id.to_string();
    let served = window.text(&format!("/v1/requests/{id}/build-log")).await?;
    assert!(served.contains("== cargo build: exit code 101") && served.contains("mismatched types"), "{served}");
    assert_eq!(text(home.command(&["jobs", "show", &id, "--build-log"]).await?), served);

    assert!(worker.stop().await?.success());
    net.assert_solvent().await
}
