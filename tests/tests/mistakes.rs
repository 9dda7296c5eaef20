//! Common mistakes of an operator: each is answered with one line that names what was given, what is wrong with it, and
//! what to do.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use anyhow::Result;
use offchainvm_tests::artifacts;
use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    process::{Command, Output},
};
use tempfile::TempDir;

/// A configuration that lacks nothing but a chain that answers.
const SOUND: &str = "[chain]\ncontract_id = \"vm.testnet\"\nrpc_urls = [\"http://127.0.0.1:1\"]\nblock_sources = []\n\
                     [operator]\nkey_file = \"operator.json\"\n[api]\nlisten = \"\"\n";

/// Runs `offchainvm` in a folder of its own with a configuration.
fn offchainvm(config: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Result<Output> {
    let folder = TempDir::new()?;
    fs::write(folder.path().join("worker.toml"), config)?;
    let mut command = Command::new(artifacts::offchainvm());
    command.args(arguments).current_dir(folder.path()).env_clear();
    command.envs(std::env::vars().filter(|(name, _)| !name.starts_with("OFFCHAINVM_")));
    Ok(command.envs(environment.iter().copied()).output()?)
}

/// Checks that it ended with one line that holds all of `expected`, each once.
fn is_told(output: &Output, expected: &[&str]) {
    let said = std::str::from_utf8(&output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("offchainvm: ") && said.lines().count() == 1, "{said}");
    for words in expected {
        assert_eq!(said.matches(words).count(), 1, "{words}: {said}");
    }
}

const WORKER: [&str; 3] = ["worker", "--config", "worker.toml"];

#[test]
fn what_is_wrong_with_the_configuration_is_said_in_one_line() -> Result<()> {
    let is =
        |config: &str, expected: &[&str]| offchainvm(config, &WORKER, &[]).map(|output| is_told(&output, expected));
    is("", &["chain.contract_id", "must be set, in the file or as OFFCHAINVM_CHAIN__CONTRACT_ID"])?;
    is(&SOUND.replace("contract_id", "contract"), &["worker.toml: chain.contract is not a setting; [chain] has"])?;
    is(&SOUND.replace("http://127.0.0.1:1", "127.0.0.1"), &["worker.toml: chain.rpc_urls.0: "])?;
    is(&SOUND.replace("http://127.0.0.1:1", "localhost:3030"), &["chain.rpc_urls begins with localhost:", "http://"])?;
    is(&SOUND.replace("[chain]", "[chain"), &["worker.toml: TOML parse error at line 1, column 7"])?;
    is(&format!("{SOUND}[log]\nfilter = \"worker=loud\""), &["log.filter \"worker=loud\" is not a filter"])?;
    let elsewhere = ["worker", "--config", "elsewhere.toml"];
    is_told(&offchainvm(SOUND, &elsewhere, &[])?, &["elsewhere.toml cannot be read: No such file", "--config"]);
    let variable = [("OFFCHAINVM_STAGES__LEASE_SECONDS", "soon")];
    is_told(&offchainvm(SOUND, &WORKER, &variable)?, &["OFFCHAINVM_STAGES__LEASE_SECONDS: stages.lease_seconds is"]);
    Ok(())
}

#[test]
fn what_is_missing_on_the_machine_is_said_in_one_line() -> Result<()> {
    is_told(
        &offchainvm(SOUND, &WORKER, &[])?,
        &["the key file operator.json cannot be used: No such file", "near-cli"],
    );
    is_told(&offchainvm(SOUND, &["status", "--config", "worker.toml"], &[])?, &["there is no store at", "store.path"]);

    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let environment = [("OFFCHAINVM_API__LISTEN", address.as_str())];
    is_told(&offchainvm(SOUND, &WORKER, &environment)?, &["api.listen: cannot listen on", &address, "port 0"]);

    let roles = [&WORKER[..], &["--role", "build"]].concat();
    let bin = TempDir::new()?;
    let empty = bin.path().to_str().unwrap();
    is_told(&offchainvm(SOUND, &roles, &[("PATH", empty)])?, &["was not found", "install it: "]);
    // A bubblewrap that this kernel does not let make namespaces.
    let bubblewrap = bin.path().join("bwrap");
    fs::write(&bubblewrap, "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")?;
    fs::set_permissions(&bubblewrap, fs::Permissions::from_mode(0o755))?;
    let first = format!("{empty}:{}", std::env::var("PATH")?);
    let refused = offchainvm(SOUND, &roles, &[("PATH", &first)])?;
    is_told(&refused, &["bubblewrap cannot make a sandbox on this machine", "No permissions to create new namespace"]);
    Ok(())
}
