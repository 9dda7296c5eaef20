//! An app contract that asks: `examples/caller` and OffchainVM, both as real wasm on one chain.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use anyhow::Result;
use near_workspaces::{
    Contract,
    result::ExecutionFinalResult,
    types::{Gas, NearToken},
};
use offchainvm_interface::{
    CodeSource, ExecutionRequest, ExecutionResponse, FailureCode, ResourcesUsed, calls::method,
};
use offchainvm_tests::{
    Network,
    examples::caller_wasm,
    network::{DEPOSIT, Sent, eventually},
    outcome::{completed, gas_paid},
};
use serde_json::{Value, json};
use wasmparser::{Parser, Payload};

const USED: ResourcesUsed = ResourcesUsed { instructions: 10_000_000, memory_bytes: 64 << 20, time_seconds: 5 };
const COST: u128 = 21_410_000_000_000_000_000_000;

/// Every host function that the app imports: `promise_set_refund_to`, the youngest, is as old as protocol 82.
const IMPORTS: &[&str] = &[
    "attached_deposit",
    "current_account_id",
    "input",
    "panic_utf8",
    "predecessor_account_id",
    "promise_batch_action_function_call",
    "promise_batch_action_function_call_weight",
    "promise_batch_create",
    "promise_batch_then",
    "promise_result",
    "promise_return",
    "promise_set_refund_to",
    "read_register",
    "register_len",
    "storage_has_key",
    "storage_read",
    "storage_write",
    "value_return",
];

/// The app on `net`'s chain, set up for a program.
async fn deploy(net: &Network) -> Result<Contract> {
    let app = net.account("app").await?.deploy(caller_wasm()).await?.into_result()?;
    let program =
        json!({"offchainvm_id": net.contract.id(), "repo": "https://github.com/user/oracle", "commit": "abc123"});
    // Gas that this call does not burn comes back to the app: only then does its balance stand still.
    Sent::from(app.call("new").args_json(program).transact_async().await?).outcome().await?.into_result()?;
    Ok(app)
}

async fn ask(net: &Network, app: &Contract, deposit: NearToken) -> Result<Sent> {
    let call = net.user.call(app.id(), "ask").args_json(json!({"question": "How many?"}));
    Ok(call.deposit(deposit).gas(Gas::from_tgas(120)).transact_async().await?.into())
}

/// Asks, and lets the operator answer what arrives.
async fn ask_and_resolve(
    net: &Network,
    app: &Contract,
    response: ExecutionResponse,
) -> Result<(ExecutionRequest, ExecutionFinalResult)> {
    let sent = ask(net, app, DEPOSIT).await?;
    let request = eventually("the request to be accepted", async || net.pending(1).await).await?;
    net.resolve(request.data_id, response).await?.into_result()?;
    Ok((request, sent.outcome().await?))
}

async fn view(app: &Contract, method: &str) -> Result<Value> {
    Ok(app.view(method).await?.json()?)
}

#[tokio::test]
async fn the_value_arrives_in_the_apps_callback_and_is_its_users_value() -> Result<()> {
    let net = Network::start().await?;
    let app = deploy(&net).await?;
    let (user_before, app_before) = (net.balance(net.user.id()).await?, net.balance(app.id()).await?);

    let (request, result) = ask_and_resolve(&net, &app, ExecutionResponse::succeeded(b"42".to_vec(), USED)).await?;

    assert_eq!(request.sender_id.as_str(), app.id().as_str());
    assert_eq!(request.refund_receiver().as_str(), net.user.id().as_str());
    assert_eq!(request.input_data, "How many?");
    assert!(matches!(&request.code_source, CodeSource::Git(git) if git.commit.as_str() == "abc123"));
    assert_eq!(result.clone().json::<Option<String>>()?.as_deref(), Some("42"));
    let latest = json!({"asker_id": net.user.id(), "question": "How many?", "answer": "42"});
    assert_eq!(view(&app, "get_latest").await?, latest);
    assert_eq!(view(&app, "get_unanswered").await?, 0);

    let settled = completed(&result);
    assert_eq!((settled.success, settled.cost.as_yoctonear()), (true, COST));
    let fell_by = user_before - net.balance(net.user.id()).await?;
    assert_eq!(fell_by, COST + gas_paid(&result), "the user pays the run and gas, and gets the rest");
    assert_eq!(net.balance(app.id()).await?, app_before, "no money rests in the app");
    net.assert_solvent().await
}

#[tokio::test]
async fn the_app_learns_of_a_failure_and_its_user_is_refunded() -> Result<()> {
    let net = Network::start().await?;
    let app = deploy(&net).await?;
    let (user_before, app_before) = (net.balance(net.user.id()).await?, net.balance(app.id()).await?);

    let failed = ExecutionResponse::failed(FailureCode::OperatorError, "no room", ResourcesUsed::default());
    let (_, result) = ask_and_resolve(&net, &app, failed).await?;

    assert_eq!(result.clone().json::<Option<String>>()?, None);
    assert_eq!(view(&app, "get_latest").await?, Value::Null);
    assert_eq!(view(&app, "get_unanswered").await?, 1);
    let settled = completed(&result);
    assert_eq!((settled.error_code, settled.refund), (Some(FailureCode::OperatorError), DEPOSIT));
    assert_eq!(user_before - net.balance(net.user.id()).await?, gas_paid(&result), "only gas was spent");
    assert_eq!(net.balance(app.id()).await?, app_before, "no money rests in the app");
    net.assert_solvent().await
}

/// The deposit of a call that fails goes back to its caller, and that would be the app.
#[tokio::test]
async fn a_refused_request_returns_the_deposit_to_the_user_and_not_to_the_app() -> Result<()> {
    let net = Network::start().await?;
    let app = deploy(&net).await?;
    net.administer(&net.owner, method::SET_PAUSED, json!({"paused": true})).await?.into_result()?;
    let (user_before, app_before) = (net.balance(net.user.id()).await?, net.balance(app.id()).await?);

    let result = ask(&net, &app, DEPOSIT).await?.outcome().await?;

    assert_eq!(result.clone().json::<Option<String>>()?, None);
    assert_eq!(view(&app, "get_unanswered").await?, 1);
    assert_eq!(user_before - net.balance(net.user.id()).await?, gas_paid(&result), "only gas was spent");
    assert_eq!(net.balance(app.id()).await?, app_before, "no money rests in the app");
    Ok(())
}

/// What the app keeps costs it storage, so an answer that is too long is none.
#[tokio::test]
async fn an_answer_that_is_too_long_for_the_app_counts_as_none() -> Result<()> {
    let net = Network::start().await?;
    let app = deploy(&net).await?;
    let (_, result) = ask_and_resolve(&net, &app, ExecutionResponse::succeeded(vec![b'x'; 3_999], USED)).await?;
    assert_eq!(result.clone().json::<Option<String>>()?, None);
    assert!(completed(&result).success, "OffchainVM has done its part");
    assert_eq!((view(&app, "get_latest").await?, view(&app, "get_unanswered").await?), (Value::Null, json!(1)));
    Ok(())
}

#[tokio::test]
async fn only_the_app_itself_may_call_its_callback() -> Result<()> {
    let net = Network::start().await?;
    let app = deploy(&net).await?;
    let forged = json!({"asker_id": net.user.id(), "question": "?"});
    let result = net.user.call(app.id(), "on_answer").args_json(forged).transact().await?;
    assert!(format!("{:?}", result.into_result().unwrap_err()).contains("Method on_answer is private"));
    Ok(())
}

#[test]
fn the_app_imports_only_what_the_oldest_supported_node_has() {
    let mut imports = vec![];
    for payload in Parser::new(0).parse_all(caller_wasm()) {
        if let Payload::ImportSection(section) = payload.unwrap() {
            imports.extend(section.into_imports().map(|import| import.unwrap().name));
        }
    }
    imports.sort_unstable();
    assert_eq!(imports, IMPORTS);
}
