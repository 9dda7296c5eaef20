//! `offchainvm keys`: an operator makes, sees and removes the keys on which answers leave.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use anyhow::Result;
use near_workspaces::{
    Account,
    types::{Gas, NearToken, PublicKey, SecretKey},
};
use nix::sys::signal::Signal;
use offchainvm_interface::{ExecutionResponse, FailureCode, ResourcesUsed};
use offchainvm_tests::{
    Network,
    chaos::{Fault, Plan, Proxy},
    network::{DEPOSIT, eventually, seed_request},
    outcome::completed,
    worker::WorkerHome,
};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::{Path, PathBuf},
};

/// Runs `offchainvm keys`; gives what it printed, or what it complained about.
async fn keys(home: &WorkerHome, args: &[&str]) -> Result<Result<String, String>> {
    keys_with(home, args, &[]).await
}

async fn keys_with(home: &WorkerHome, args: &[&str], environment: &[(&str, &str)]) -> Result<Result<String, String>> {
    let output = home.run(&[&["keys"], args].concat(), environment).await?;
    let (said, complained) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
    Ok(if output.status.success() { Ok(said) } else { Err(complained) })
}

async fn list(home: &WorkerHome) -> Result<Vec<Value>> {
    Ok(serde_json::from_str(&keys(home, &["list", "--json"]).await?.unwrap())?)
}

fn files(home: &WorkerHome) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(home.path().join("data/lane-keys"))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    Ok(files)
}

/// The operator, with the key of a file.
fn operator_with(net: &Network, file: &Path) -> Result<Account> {
    let content: Value = serde_json::from_slice(&fs::read(file)?)?;
    assert_eq!(content["account_id"], json!(net.operator.id()));
    let key: SecretKey = content["private_key"].as_str().unwrap().parse()?;
    Ok(Account::from_secret_key(net.operator.id().clone(), key, &net.workspaces))
}

#[tokio::test]
async fn new_keys_may_answer_requests_and_nothing_else() -> Result<()> {
    let net = Network::start().await?;
    let home = WorkerHome::new(&net)?;
    let printed = keys(&home, &["add", "2", "--allowance", "3 NEAR"]).await?.unwrap();
    let files = files(&home)?;
    assert_eq!((files.len(), printed.lines().count()), (2, 2));
    for file in &files {
        assert_eq!(fs::metadata(file)?.permissions().mode() & 0o777, 0o600);
        assert!(printed.contains(file.to_str().unwrap()), "{printed}");
    }

    let listed = list(&home).await?;
    assert_eq!(listed.len(), 3);
    assert_eq!(listed[0]["on_chain"]["permission"], "full_access");
    for row in &listed[1..] {
        let on_chain = &row["on_chain"];
        assert_eq!(on_chain["permission"], "function_call");
        assert_eq!(on_chain["contract"], json!(net.contract.id()));
        assert_eq!(on_chain["methods"], json!(["resolve_execution", "resolve_executions"]));
        assert_eq!(on_chain["allowance"], json!(NearToken::from_near(3)));
        assert!(on_chain["nonce"].as_u64().unwrap() > 0);
    }
    let people = keys(&home, &["list"]).await?.unwrap();
    assert!(people.contains("allowance 3") && people.contains("(configured)"), "{people}");

    let lane = operator_with(&net, &files[0])?;
    let (sent, request) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    let response = ExecutionResponse::failed(FailureCode::Trap, "unreachable", ResourcesUsed::default());
    assert!(net.resolve_as(&lane, request.data_id, response).await?.is_success());
    assert_eq!(completed(&sent.outcome().await?).error_code, Some(FailureCode::Trap));
    assert!(lane.transfer_near(net.user.id(), NearToken::from_yoctonear(1)).await.is_err());
    let other = lane.call(net.contract.id(), "cancel_stale_execution").gas(Gas::from_tgas(30)).args_json(json!({}));
    assert!(other.transact().await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_function_call_key_cannot_make_keys_but_a_full_access_key_can_be_named() -> Result<()> {
    let net = Network::start().await?;
    let home = WorkerHome::new(&net)?;
    keys(&home, &["add", "1"]).await?.unwrap();
    let lane = files(&home)?.remove(0);
    let full = home.path().join("operator.json");
    let config = home.path().join("config.toml");
    let text = fs::read_to_string(&config)?.replace(full.to_str().unwrap(), lane.to_str().unwrap());
    fs::write(&config, text)?;

    let error = keys(&home, &["add", "1"]).await?.unwrap_err();
    assert!(error.contains("is a function-call key") && error.contains("--signer-key-file"), "{error}");
    assert_eq!(files(&home)?.len(), 1, "no key is made that cannot be added");
    keys(&home, &["add", "1", "--signer-key-file", full.to_str().unwrap()]).await?.unwrap();
    assert_eq!(list(&home).await?.iter().filter(|row| row["on_chain"]["permission"] == "function_call").count(), 2);
    Ok(())
}

#[tokio::test]
async fn a_key_that_an_earlier_attempt_left_without_the_chain_is_added_first() -> Result<()> {
    let net = Network::start().await?;
    let home = WorkerHome::new(&net)?;
    keys(&home, &["add", "2"]).await?.unwrap();
    let key: PublicKey = list(&home).await?[1]["public_key"].as_str().unwrap().parse()?;
    net.operator.batch(net.operator.id()).delete_key(key.clone()).transact().await?.into_result()?;
    eventually("the key to be gone", async || Ok(list(&home).await?[1].get("on_chain").is_none().then_some(())))
        .await?;
    keys(&home, &["add", "1"]).await?.unwrap();
    assert_eq!(files(&home)?.len(), 2, "no third key was made");
    assert!(list(&home).await?.iter().all(|row| row.get("on_chain").is_some()));
    Ok(())
}

#[tokio::test]
async fn a_command_that_was_killed_and_is_given_again_makes_no_more_keys_than_it_was_told_to() -> Result<()> {
    let net = Network::start().await?;
    let home = WorkerHome::new(&net)?;
    // Before the chain has heard of the keys, and after it has taken them.
    for (point, keys_so_far) in [("keys.written", 2), ("keys.executed", 4)] {
        let killed = home.run(&["keys", "add", "2"], &[("FAILPOINTS", &format!("{point}=return"))]).await?;
        assert_eq!(killed.status.signal(), Some(Signal::SIGKILL as i32), "{point}");
        let before = list(&home).await?.len();
        assert_eq!(before, 1 + keys_so_far, "what was begun is shown");
        let printed = keys(&home, &["add", "2"]).await?.unwrap();
        assert_eq!((printed.lines().count(), files(&home)?.len()), (2, keys_so_far), "{point}: {printed}");
        let listed = list(&home).await?;
        assert_eq!(listed.len(), before, "{point}");
        assert!(listed.iter().all(|row| row.get("on_chain").is_some()), "{point}: {listed:?}");
        assert_eq!(net.operator.view_access_keys().await?.len(), 1 + keys_so_far, "{point}");
    }
    keys(&home, &["add", "1"]).await?.unwrap();
    assert_eq!(files(&home)?.len(), 5, "nothing is left to finish");
    Ok(())
}

#[tokio::test]
async fn a_transaction_that_comes_late_or_twice_adds_its_keys_once() -> Result<()> {
    let net = Network::start().await?;
    let home = WorkerHome::new(&net)?;
    for (fault, keys_so_far) in [(Fault::Late, 2), (Fault::Duplicated, 4)] {
        let node = Proxy::start(net.chain.rpc_url(), Plan::always(fault)).await?;
        let nodes = json!([node.url()]).to_string();
        keys_with(&home, &["add", "2"], &[("OFFCHAINVM_CHAIN__RPC_URLS", &nodes)]).await?.unwrap();
        assert!(node.stats().count(fault) > 0, "{fault:?}");
        assert_eq!(files(&home)?.len(), keys_so_far);
        assert!(list(&home).await?.iter().all(|row| row.get("on_chain").is_some()), "{fault:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_removed_key_is_gone_from_the_chain_and_from_the_disk() -> Result<()> {
    let net = Network::start().await?;
    let home = WorkerHome::new(&net)?;
    keys(&home, &["add", "2"]).await?.unwrap();
    let listed = list(&home).await?;
    let key = listed[1]["public_key"].as_str().unwrap();
    keys(&home, &["remove", key]).await?.unwrap();
    assert_eq!(files(&home)?.len(), 1);
    let key: PublicKey = key.parse()?;
    eventually("the key to be gone", async || {
        Ok(net.operator.view_access_keys().await?.iter().all(|info| info.public_key != key).then_some(()))
    })
    .await?;

    let error = keys(&home, &["remove", &key.to_string()]).await?.unwrap_err();
    assert!(error.contains("holds no such key"), "{error}");
    let main = listed[0]["public_key"].as_str().unwrap();
    assert!(keys(&home, &["remove", main]).await?.is_err(), "the operator's own key is not a lane");
    Ok(())
}
