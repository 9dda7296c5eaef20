//! The contract's ABI: committed, carried by the wasm, and true.

use crate::{
    access::{Attached, Caller, TABLE, set_stage},
    schema::misfit,
    support::start,
};
use anyhow::Result;
use offchainvm_interface::FailureCode;
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

fn definitions() -> Value {
    committed()["body"]["root_schema"]["definitions"].take()
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

#[tokio::test]
async fn the_arguments_and_results_of_every_method_fit_the_abi() -> Result<()> {
    let stage = set_stage().await?;
    let definitions = definitions();
    for (method, function) in functions() {
        let mut args = stage.args(&method);
        for argument in function["params"]["args"].as_array().into_iter().flatten() {
            let value = args[argument["name"].as_str().unwrap()].take();
            assert_eq!(misfit(&argument["type_schema"], &value, &definitions), None, "{method}");
        }
        assert!(
            args.as_object().unwrap().values().all(Value::is_null),
            "{method} takes more than the ABI says: {args}"
        );
        if function["kind"] == "view" {
            let view = stage.net.contract.view(&method).args_json(stage.args(&method));
            assert_eq!(
                misfit(&function["result"]["type_schema"], &view.await?.json()?, &definitions),
                None,
                "{method}"
            );
        }
    }
    Ok(())
}

#[test]
fn the_abi_takes_what_the_contract_reads_and_little_else() {
    let definitions = definitions();
    let fits = |name: &str, value: Value| misfit(&definitions[name], &value, &definitions).is_none();
    let commit = |target: &str| json!({"repo": "https://h/p", "commit": "abcdef", "build_target": target});
    let response = |value: Value, code: Value| {
        let used = json!({"instructions": 1, "memory_bytes": 1, "time_seconds": 1});
        json!({"success": true, "return_value": value, "error_code": code, "resources_used": used})
    };
    assert!(fits("CodeSource", commit("wasm32-wasip1")) && fits("CodeSource", commit("wasm32-wasi")));
    assert!(fits("CodeSource", json!({"wasm_sha256": "00".repeat(32), "url": "https://h/p.wasm"})));
    assert!(fits("ResourceLimits", json!({})));
    for value in [json!([0, 255]), json!("AP8="), json!(null)] {
        assert!(fits("ExecutionResponse", response(value.clone(), json!(null))), "{value}");
    }
    for code in FailureCode::ALL {
        assert!(fits("ExecutionResponse", response(json!(null), json!(code))), "{code}");
    }

    assert!(!fits("CodeSource", commit("x86_64")));
    assert!(!fits("CodeSource", json!({"wasm_sha256": "00".repeat(32), "commit": "abcdef"})));
    assert!(!fits("ResourceLimits", json!({"max_memory": 1})));
    assert!(!fits("ExecutionResponse", response(json!([256]), json!(null))));
    assert!(!fits("ExecutionResponse", response(json!(null), json!("unheard_of"))));
    assert!(!fits("DataId", json!([1, 2, 3])));
}
