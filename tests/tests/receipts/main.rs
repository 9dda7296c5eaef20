//! Receipts of settled requests: handed out, checked, and found out when they lie.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod history;
mod inputs;
mod twice;

use anyhow::{Context, Result};
use near_crypto::SecretKey;
use offchainvm_interface::{calls::method, events::ExecutionCompleted, receipt::SignedReceipt};
use offchainvm_tests::{
    GitRepo, Network,
    artifacts::workspace,
    network::{DEPOSIT, eventually},
    outcome::completed,
    window::Window,
    worker::{WorkerHome, WorkerProcess},
};
use offchainvm_worker::receipt;
use serde_json::{Value, json};
use std::fs;

const PASS: i32 = 0;
const FAIL: i32 = 1;
const UNPROVEN: i32 = 2;
/// A worker's settings without its store: those of anybody else.
const ELSEWHERE: (&str, &str) = ("OFFCHAINVM_STORE__PATH", "/nonexistent");

/// A network, a worker on it, and a request that it has settled.
struct Settled {
    net: Network,
    home: WorkerHome,
    worker: WorkerProcess,
    settled: ExecutionCompleted,
    receipt: SignedReceipt,
}

/// What `offchainvm verify` said.
struct Said {
    code: i32,
    report: Value,
}

impl Said {
    fn check(&self, name: &str) -> &Value {
        let checks = self.report["checks"].as_array().unwrap();
        checks.iter().find(|check| check["name"] == name).unwrap_or(&Value::Null)
    }

    fn verdicts(&self) -> Vec<(&str, &str)> {
        let checks = self.report["checks"].as_array().unwrap().iter();
        checks.map(|check| (check["name"].as_str().unwrap(), check["verdict"].as_str().unwrap())).collect()
    }

    /// The fields that some check found to be otherwise.
    fn differs(&self) -> Vec<&str> {
        let checks = self.report["checks"].as_array().unwrap().iter();
        let fields = checks.flat_map(|check| check["differs"].as_array().cloned().unwrap_or_default());
        let fields: Vec<String> = fields.map(|it| it["field"].as_str().unwrap().to_owned()).collect();
        FIELDS.iter().filter(|name| fields.iter().any(|field| field == *name)).copied().collect()
    }
}

/// The fields that are changed below.
const FIELDS: &[&str] =
    &["input.sha256", "output.sha256", "resources_used.instructions", "resources_used.memory_bytes"];

async fn verify(home: &WorkerHome, args: &[&str], environment: &[(&str, &str)]) -> Result<Said> {
    let output = home.run(&[&["verify", "--json"], args].concat(), environment).await?;
    let code = output.status.code().context("an exit code")?;
    let said = || String::from_utf8_lossy(&output.stderr).into_owned();
    Ok(Said { code, report: serde_json::from_slice(&output.stdout).with_context(said)? })
}

async fn receipt_of(home: &WorkerHome, request_id: u64) -> Result<SignedReceipt> {
    let output = home.command(&["jobs", "show", &request_id.to_string(), "--receipt"]).await?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn hello() -> Result<GitRepo> {
    Ok(GitRepo::from_dir(&workspace().join("examples/hello"))?)
}

fn source(repo: &GitRepo) -> Value {
    json!({"repo": repo.url(), "commit": repo.commit, "build_target": "wasm32-wasip1"})
}

async fn settle(repo: &GitRepo) -> Result<Settled> {
    let net = Network::start_for_worker().await?;
    let home = WorkerHome::new(&net)?;
    let worker = home.start()?;
    let request = json!({"code_source": source(repo), "input_data": "Ada"});
    let settled = completed(&net.request(&net.user, request, DEPOSIT).await?.outcome().await?);
    assert!(settled.success, "{settled:?}");
    let receipt = receipt_of(&home, settled.request_id).await?;
    Ok(Settled { net, home, worker, settled, receipt })
}

#[tokio::test]
async fn a_settled_request_has_a_receipt_that_anyone_can_check() -> Result<()> {
    let repo = hello()?;
    let Settled { net, home, mut worker, settled, receipt: signed } = settle(&repo).await?;
    assert_eq!(Some(receipt::check(&signed)?), settled.receipt_sha256, "the chain has its digest");
    let body = &signed.receipt;
    assert_eq!(body.operator_id.as_str(), net.operator.id().as_str());
    assert_eq!(body.program.as_ref().unwrap().commit.as_ref().unwrap().as_str(), repo.commit);
    assert_eq!(body.output.unwrap().sha256, settled.output_sha256.unwrap());

    let window = Window::of(&mut worker).await?;
    let path = format!("/v1/requests/{}/receipt", settled.request_id);
    assert_eq!(window.get(&path).await?, (200, json!(signed)));
    let (status, problem) = window.get("/v1/requests/99/receipt").await?;
    assert_eq!((status, &problem["type"]), (404, &json!("urn:offchainvm:problem:no_such_request")));

    let passed = verify(&home, &["1"], &[]).await?;
    assert_eq!(passed.code, PASS, "{}", passed.report);
    let names = ["signature", "network", "request", "digest", "settlement", "operator", "program", "run"];
    assert_eq!(passed.verdicts(), names.map(|name| (name, "pass")));

    // The contract forgets, and the key is taken from the operator: the events vouch for both.
    net.administer(&net.owner, method::SET_CONFIG, json!({"receipt_history": 1})).await?.into_result()?;
    net.administer(&net.owner, method::SET_OPERATOR, json!({"new_operator_id": net.user.id()})).await?.into_result()?;
    let file = home.path().join("receipt.json");
    fs::write(&file, serde_json::to_vec(&signed)?)?;
    let file = file.to_str().unwrap();
    let from_events = verify(&home, &[file], &[]).await?;
    assert_eq!(from_events.code, PASS, "{}", from_events.report);

    // Whoever does not have the wasm proves nothing of the run, and builds it again.
    let without = verify(&home, &[file], &[ELSEWHERE]).await?;
    assert_eq!(without.code, UNPROVEN, "{}", without.report);
    assert_eq!(
        (&without.check("program")["verdict"], &without.check("run")["verdict"]),
        (&json!("unproven"), &json!("unproven"))
    );
    assert_eq!(without.check("settlement")["verdict"], "pass");
    let rebuilt = verify(&home, &[file, "--rebuild"], &[ELSEWHERE]).await?;
    assert_eq!(rebuilt.code, PASS, "{}", rebuilt.report);
    assert!(rebuilt.check("program")["detail"].as_str().unwrap().contains("built again"), "{}", rebuilt.report);
    Ok(())
}

#[tokio::test]
async fn a_receipt_that_lies_is_found_out_and_the_field_is_named() -> Result<()> {
    let repo = hello()?;
    let Settled { net, home, receipt: good, .. } = settle(&repo).await?;
    let other = "11".repeat(32);
    for (pointer, lie, field) in [
        ("/receipt/input/sha256", json!(other), "input.sha256"),
        ("/receipt/output/sha256", json!(other), "output.sha256"),
        ("/receipt/resources_used/instructions", json!(1), "resources_used.instructions"),
        ("/receipt/resources_used/memory_bytes", json!(1), "resources_used.memory_bytes"),
    ] {
        let mut bad = json!(good);
        *bad.pointer_mut(pointer).unwrap() = lie;
        let file = home.path().join("bad.json");
        fs::write(&file, bad.to_string())?;
        let said = verify(&home, &[file.to_str().unwrap()], &[]).await?;
        assert_eq!((said.code, said.differs()), (FAIL, vec![field]), "{}", said.report);
        assert_eq!(said.check("signature")["verdict"], "fail");
    }

    // An operator that signs a lie after the fact is betrayed by the digest on the chain, and by another run.
    let mut lie = good;
    lie.receipt.resources_used.instructions += 1;
    let key: SecretKey = net.operator.secret_key().to_string().parse()?;
    lie.signature = key.sign(&receipt::digest(&lie.receipt)?.0).to_string();
    let file = home.path().join("lie.json");
    fs::write(&file, serde_json::to_vec(&lie)?)?;
    let said = verify(&home, &[file.to_str().unwrap()], &[]).await?;
    assert_eq!((said.code, said.differs()), (FAIL, vec!["resources_used.instructions"]), "{}", said.report);
    for (name, verdict) in [("signature", "pass"), ("digest", "fail"), ("run", "fail"), ("request", "pass")] {
        assert_eq!(said.check(name)["verdict"], verdict, "{}", said.report);
    }
    Ok(())
}

#[tokio::test]
async fn the_receipt_of_a_source_that_does_not_build_claims_no_program() -> Result<()> {
    let net = Network::start_for_worker().await?;
    let home = WorkerHome::new(&net)?;
    let _worker = home.start()?;
    let repo = GitRepo::from_dir(&workspace().join("tests/sources/manifest_missing"))?;
    let request = json!({"code_source": source(&repo)});
    let settled = completed(&net.request(&net.user, request, DEPOSIT).await?.outcome().await?);
    let signed = receipt_of(&home, settled.request_id).await?;
    assert_eq!(Some(receipt::check(&signed)?), settled.receipt_sha256);
    assert_eq!(
        (&signed.receipt.program, &signed.receipt.run, signed.receipt.error_code),
        (&None, &None, settled.error_code)
    );

    let unbuilt = verify(&home, &["1"], &[]).await?;
    assert_eq!((unbuilt.code, &unbuilt.check("program")["verdict"]), (UNPROVEN, &json!("unproven")));
    let rebuilt = verify(&home, &["1", "--rebuild"], &[]).await?;
    assert_eq!((rebuilt.code, &rebuilt.check("program")["verdict"]), (PASS, &json!("pass")), "{}", rebuilt.report);
    Ok(())
}

#[tokio::test]
async fn the_quote_of_a_folder_is_what_the_chain_charges_for_its_commit() -> Result<()> {
    let repo = hello()?;
    let net = Network::start_for_worker().await?;
    let prices = json!({"base_fee": "3", "per_instruction_fee": "5", "per_mb_fee": "7", "per_second_fee": "11"});
    net.administer(&net.owner, method::SET_PRICING, prices).await?.into_result()?;
    let home = WorkerHome::new(&net)?;
    // The price is asked for in a final block.
    let quote = eventually("a quote at the new prices", async || {
        let folder = workspace().join("examples/hello");
        let output = home.run(&["run", folder.to_str().unwrap(), "--input", "Ada", "--json"], &[]).await?;
        anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let quote: Value = serde_json::from_slice(&output.stdout)?;
        Ok((quote["pricing"]["base_fee"] == "3").then_some(quote))
    })
    .await?;
    let _worker = home.start()?;
    // What was suggested is enough.
    let limits = &quote["suggested"]["resource_limits"];
    let request = json!({"code_source": source(&repo), "input_data": "Ada", "resource_limits": limits});
    let settled = completed(&net.request(&net.user, request, DEPOSIT).await?.outcome().await?);
    assert!(settled.success, "{settled:?}");
    assert_eq!(json!(settled.resources_used), quote["resources_used"]);
    assert_eq!(json!(settled.cost), quote["cost"]);
    Ok(())
}
