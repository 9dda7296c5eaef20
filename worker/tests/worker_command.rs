//! `offchainvm worker` as an operator meets it before anything works: what is missing is named, and the exit code says so.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

use serde_json::json;
use tempfile::TempDir;

const SECRET: &str = "ed25519:3D4YudUahN1nawWogh8pAKSj92sUNMdbZGjn7kERKzYoTy8tnFQuwoGUC51DowKqorvkr2pytJSnwuSbsNVfqygr";
const PUBLIC: &str = "ed25519:6DSjZ8mvsRZDvFqFxo8tCKePG96omXW7eVYVSySmDk8e";

fn worker(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_offchainvm"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("OFFCHAINVM_")) {
        command.env_remove(name);
    }
    command.arg("worker").args(args).current_dir(folder).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A configuration that is complete, but whose node is not there.
fn configure(folder: &Path, key_mode: u32) {
    let key = json!({"account_id": "op.testnet", "public_key": PUBLIC, "private_key": SECRET});
    fs::write(folder.join("key.json"), key.to_string()).unwrap();
    fs::set_permissions(folder.join("key.json"), fs::Permissions::from_mode(key_mode)).unwrap();
    // Port 1 is reserved, and nothing listens there.
    let config = "[chain]\nrpc_urls = [\"http://127.0.0.1:1\"]\nblock_sources = [\"http://127.0.0.1:1\"]\n\
                  contract_id = \"vm.testnet\"\n[operator]\nkey_file = \"key.json\"\n";
    fs::write(folder.join("worker.toml"), config).unwrap();
}

#[test]
fn the_default_configuration_can_be_printed_and_used_as_a_file() {
    let folder = TempDir::new().unwrap();
    let printed = worker(folder.path(), &["--print-default-config"]);
    assert!(printed.status.success());
    fs::write(folder.path().join("worker.toml"), &printed.stdout).unwrap();
    let output = worker(folder.path(), &["--config", "worker.toml"]);
    assert!(!output.status.success());
    assert!(stderr(&output).contains("chain.contract_id must be set"), "{}", stderr(&output));
}

#[test]
fn a_setting_that_does_not_exist_is_named_with_its_file() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("worker.toml"), "[chain]\ncontract = \"vm.testnet\"\n").unwrap();
    let output = worker(folder.path(), &["--config", "worker.toml"]);
    assert!(!output.status.success());
    let said = stderr(&output);
    assert!(said.contains("worker.toml: chain.contract is not a setting"), "{said}");
}

#[test]
fn a_node_that_is_not_there_ends_a_check_with_a_reason() {
    let folder = TempDir::new().unwrap();
    configure(folder.path(), 0o600);
    let output = worker(folder.path(), &["--config", "worker.toml", "--check-config"]);
    assert!(!output.status.success());
    assert!(stderr(&output).contains("the node 127.0.0.1:1 cannot answer now"), "{}", stderr(&output));
    assert!(!stderr(&output).contains("should be 600"), "{}", stderr(&output));
}

#[test]
fn a_key_that_others_can_read_is_warned_about_and_not_shown() {
    let folder = TempDir::new().unwrap();
    configure(folder.path(), 0o644);
    let output = worker(folder.path(), &["--config", "worker.toml", "--check-config"]);
    let said = stderr(&output);
    assert!(said.contains("mode 644") && said.contains("should be 600"), "{said}");
    assert!(!said.contains("3D4Yud"), "{said}");
}
