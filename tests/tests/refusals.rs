//! What the contract refuses: a clear error each, and nothing kept.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use anyhow::Result;
use near_workspaces::types::{Gas, NearToken};
use offchainvm_interface::{ExecutionResponse, FailureCode, ResourcesUsed, calls::method, request::MAX_INPUT_BYTES};
use offchainvm_tests::{
    Network,
    network::{DEPOSIT, seed_request},
    outcome::failure,
};
use serde_json::{Value, json};

/// The seed's request with one part of its arguments replaced.
fn with(path: &str, value: Value) -> Value {
    let mut args = seed_request();
    *args.pointer_mut(path).unwrap() = value;
    args
}

#[tokio::test]
async fn a_request_that_cannot_be_served_is_refused_and_nothing_is_kept() -> Result<()> {
    let net = Network::start().await?;
    let cases = [
        ("branch", with("/code_source/commit", json!("main")), "must be 6 to 40 hexadecimal digits"),
        ("short commit", with("/code_source/commit", json!("abc12")), "must be 6 to 40 hexadecimal digits"),
        ("repo", with("/code_source/repo", json!("github.com/user/project")), "is not an address of the form"),
        ("credentials", with("/code_source/repo", json!("https://me:secret@h/p")), "it holds credentials"),
        (
            "target",
            with("/code_source/build_target", json!("x86_64-unknown-linux-gnu")),
            "unknown variant `x86_64-unknown-linux-gnu`",
        ),
        (
            "no instructions",
            with("/resource_limits/max_instructions", json!(0)),
            "max_instructions is 0, but must be between 1 and",
        ),
        (
            "no memory",
            with("/resource_limits/max_memory_mb", json!(0)),
            "max_memory_mb is 0, but must be between 1 and",
        ),
        (
            "no time",
            with("/resource_limits/max_execution_seconds", json!(0)),
            "max_execution_seconds is 0, but must be between 1 and",
        ),
        (
            "over the cap",
            with("/resource_limits/max_memory_mb", json!(1_025)),
            "max_memory_mb is 1025, but must be between 1 and 1024",
        ),
        ("negative", with("/resource_limits/max_memory_mb", json!(-1)), "invalid value"),
        ("unknown limit", with("/resource_limits", json!({"max_memory": 1})), "unknown field `max_memory`"),
        ("no source", json!({"resource_limits": {}}), "missing field `code_source`"),
        ("not an object", json!([1, 2]), "Failed to deserialize input from JSON"),
    ];
    for (case, args, expected) in cases {
        let result = net.request(&net.user, args, DEPOSIT).await?.outcome().await?;
        let message = failure(&result);
        assert!(message.contains(expected), "{case}: {message}");
    }

    let mut large = seed_request();
    large["input_data"] = json!("x".repeat(MAX_INPUT_BYTES + 1));
    let message = failure(&net.request(&net.user, large, NearToken::from_near(1)).await?.outcome().await?);
    assert!(message.contains("input_data has 524289 bytes, but at most 524288 are taken"), "{message}");

    let malformed = net.user.call(net.contract.id(), method::REQUEST_EXECUTION).args(b"{\"code_source\": ".to_vec());
    let message = failure(&malformed.deposit(DEPOSIT).gas(Gas::from_tgas(100)).transact().await?);
    assert!(message.contains("Failed to deserialize input from JSON"), "{message}");

    let hasty = net.user.call(net.contract.id(), method::REQUEST_EXECUTION).args_json(seed_request());
    let message = failure(&hasty.deposit(DEPOSIT).gas(Gas::from_tgas(30)).transact().await?);
    assert!(message.contains("Attach at least 65 Tgas"), "{message}");

    let stats = net.stats().await?;
    assert_eq!((stats.total_requests, stats.pending_requests, stats.escrow.as_yoctonear()), (0, 0, 0));
    Ok(())
}

#[tokio::test]
async fn the_deposit_that_the_error_asks_for_is_enough_and_one_yocto_less_is_not() -> Result<()> {
    let net = Network::start().await?;
    let message =
        failure(&net.request(&net.user, seed_request(), NearToken::from_yoctonear(1)).await?.outcome().await?);
    assert!(message.contains("is too small"), "{message}");
    let required: u128 = message.split("attach at least ").nth(1).unwrap().split(' ').next().unwrap().parse()?;

    let short =
        net.request(&net.user, seed_request(), NearToken::from_yoctonear(required - 1)).await?.outcome().await?;
    assert!(failure(&short).contains("is too small"));
    assert_eq!(net.stats().await?.total_requests, 0);

    let (_sent, request) = net.request_and_find(&net.user, seed_request(), NearToken::from_yoctonear(required)).await?;
    assert_eq!(request.deposit.as_yoctonear(), required);
    assert_eq!(net.stats().await?.escrow.as_yoctonear(), required);
    Ok(())
}

#[tokio::test]
async fn pausing_stops_new_requests_only() -> Result<()> {
    let net = Network::start().await?;
    let (sent, request) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    net.administer(&net.owner, method::SET_PAUSED, json!({"paused": true})).await?.into_result()?;

    let message = failure(&net.request(&net.user, seed_request(), DEPOSIT).await?.outcome().await?);
    assert!(message.contains("The contract is paused"), "{message}");

    let answer = ExecutionResponse::succeeded(b"done".to_vec(), ResourcesUsed::default());
    net.resolve(request.data_id, answer).await?.into_result()?;
    assert_eq!(sent.outcome().await?.json::<String>()?, "done");

    net.administer(&net.owner, method::SET_PAUSED, json!({"paused": false})).await?.into_result()?;
    net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    Ok(())
}

#[tokio::test]
async fn strangers_neither_answer_nor_administer_nor_settle() -> Result<()> {
    let net = Network::start().await?;
    let (_sent, request) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    let answer = ExecutionResponse::succeeded(vec![], ResourcesUsed::default());
    for stranger in [&net.user, &net.owner] {
        let message = failure(&net.resolve_as(stranger, request.data_id, answer.clone()).await?);
        assert!(message.contains("Only an operator may call this method"), "{message}");
    }
    let price = json!({"base_fee": "0", "per_instruction_fee": "0", "per_mb_fee": "0", "per_second_fee": "0"});
    let admin = [
        (method::SET_OPERATOR, json!({"new_operator_id": net.user.id()})),
        (method::SET_PRICING, price),
        (method::SET_PAUSED, json!({"paused": true})),
    ];
    for (method, args) in admin {
        for stranger in [&net.user, &net.operator] {
            let message = failure(&net.administer(stranger, method, args.clone()).await?);
            assert!(message.contains("Only the owner may call this method"), "{method}: {message}");
        }
    }
    for (method, args) in [
        ("on_execution_response", json!({"request_id": request.request_id})),
        ("fail_execution", json!({"message": "x"})),
        (method::NEW, json!({"owner_id": net.user.id(), "operator_id": net.user.id()})),
    ] {
        let message = failure(&net.call(&net.user, method, args).await?);
        assert!(message.contains("is private") || message.contains("already been initialized"), "{method}: {message}");
    }
    assert_eq!(net.pending(request.request_id).await?, Some(request));
    Ok(())
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_refused_and_the_request_goes_on_waiting() -> Result<()> {
    let net = Network::start().await?;
    let (sent, request) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    let used = ResourcesUsed::default();
    let cases = [
        (
            ExecutionResponse { return_value: None, ..ExecutionResponse::succeeded(vec![], used) },
            "success needs a return_value",
        ),
        (ExecutionResponse::failed(FailureCode::TimedOut, "x", used), "timed_out is settled by the chain"),
        (ExecutionResponse::succeeded(vec![0; 65_537], used), "return_value has 65537 bytes, but at most 65536"),
    ];
    for (answer, expected) in cases {
        let message = failure(&net.resolve(request.data_id, answer).await?);
        assert!(message.contains(expected), "{message}");
    }
    let answer = ExecutionResponse::succeeded(b"ok".to_vec(), used);
    let unknown = offchainvm_interface::DataId([9; 32]);
    let message = failure(&net.resolve(unknown, answer.clone()).await?);
    assert!(message.contains("No request waits under data_id 0909"), "{message}");

    net.resolve(request.data_id, answer.clone()).await?.into_result()?;
    assert_eq!(sent.outcome().await?.json::<String>()?, "ok");
    let message = failure(&net.resolve(request.data_id, answer).await?);
    assert!(message.contains("No request waits under data_id"), "{message}");
    Ok(())
}
