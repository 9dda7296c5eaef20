//! What the contract's wasm asks of the chain: nothing that a node at protocol 84 does not have.

#![allow(clippy::unwrap_used, reason = "tests")]

use offchainvm_tests::artifacts::contract_wasm;
use wasmparser::{Parser, Payload};

/// Every host function the contract may import; all of them older than protocol 84.
const IMPORTS: &[&str] = &[
    "account_balance",
    "attached_deposit",
    "block_index",
    "block_timestamp",
    "current_account_id",
    "input",
    "log_utf8",
    "panic_utf8",
    "predecessor_account_id",
    "prepaid_gas",
    "promise_batch_action_deploy_contract",
    "promise_batch_action_function_call",
    "promise_batch_action_function_call_weight",
    "promise_batch_action_transfer",
    "promise_batch_create",
    "promise_batch_then",
    "promise_result",
    "promise_return",
    "promise_yield_create",
    "promise_yield_resume",
    "read_register",
    "register_len",
    "sha256",
    "storage_has_key",
    "storage_read",
    "storage_remove",
    "storage_usage",
    "storage_write",
    "used_gas",
    "value_return",
];

#[test]
fn the_contract_imports_only_what_the_oldest_supported_node_has() {
    let mut imports = vec![];
    for payload in Parser::new(0).parse_all(contract_wasm()) {
        if let Payload::ImportSection(section) = payload.unwrap() {
            imports.extend(section.into_imports().map(|import| import.unwrap().name));
        }
    }
    imports.sort_unstable();
    assert_eq!(imports, IMPORTS);
}
