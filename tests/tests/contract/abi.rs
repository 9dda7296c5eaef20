//! The contract's ABI: committed, carried by the wasm, and true.

use crate::{
    access::{Attached, Caller, TABLE},
    support::start,
};
use anyhow::Result;
use offchainvm_tests::artifacts::{workspace, write_contract_abi};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs};

/// The view under which tools look for a contract's ABI, compressed by zstd.
pub const CONTRACT_ABI: &str = "__contract_abi";

fn committed() -> Value {
    serde_json::from_slice(&fs::read(workspace().join("contract/abi.json")).unwrap()).unwrap()
}

/// The functions of the committed ABI by their names.
fn functions() -> BTreeMap<String, Value> {
    let functions = committed()["body"]["functions"].take();
    let named = |function: &Value| (function["name"].as_str().unwrap().to_owned(), function.clone());
    functions.as_array().unwrap().iter().map(named).collect()
}

#[test]
fn the_committed_abi_is_that_of_the_code() {
    let fresh = tempfile::tempdir().unwrap();
    write_contract_abi(fresh.path());
    for file in ["abi.json", "abi.zst"] {
        let committed = fs::read(workspace().join("contract").join(file)).unwrap();
        assert!(fs::read(fresh.path().join(file)).unwrap() == committed, "contract/{file} is old: run scripts/abi");
    }
}

#[tokio::test]
async fn the_contract_tells_its_abi() -> Result<()> {
    let net = start().await?;
    let compressed = net.contract.view(CONTRACT_ABI).await?.result;
    assert_eq!(serde_json::from_slice::<Value>(&zstd::decode_all(compressed.as_slice())?)?, committed());
    Ok(())
}

#[test]
fn the_abi_says_of_every_method_whether_it_is_a_call_and_takes_a_deposit() {
    let functions = functions();
    let mut rows: Vec<_> = TABLE.iter().map(|(method, ..)| *method).collect();
    rows.sort_unstable();
    assert_eq!(rows, functions.keys().collect::<Vec<_>>());
    for (method, caller, attached) in TABLE {
        let function = &functions[*method];
        let kind = if *caller == Caller::Reader { "view" } else { "call" };
        assert_eq!(function["kind"], kind, "{method}");
        let has = |modifier: &str| function["modifiers"].as_array().is_some_and(|all| all.contains(&json!(modifier)));
        assert_eq!(has("payable"), *attached != Attached::Nothing, "{method}");
        assert_eq!(has("private"), *caller == Caller::Contract, "{method}");
    }
}

#[test]
fn an_entry_of_a_batch_is_described_although_it_is_read_late() {
    let functions = functions();
    let entries = &functions["resolve_executions"]["params"]["args"][0]["type_schema"]["items"];
    assert_eq!(*entries, json!({"$ref": "#/definitions/ResolveArgs"}));
    let single = &functions["resolve_execution"]["params"]["args"];
    let described = &committed()["body"]["root_schema"]["definitions"]["ResolveArgs"]["properties"];
    for argument in single.as_array().unwrap() {
        let name = argument["name"].as_str().unwrap();
        assert_eq!(described[name]["allOf"], json!([argument["type_schema"]]), "{name}");
    }
}
