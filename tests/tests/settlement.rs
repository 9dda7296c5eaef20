//! How the contract settles: what it charges, what it refunds, what the caller's transaction returns.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use anyhow::Result;
use near_workspaces::types::{Gas, NearToken};
use offchainvm_interface::{
    Event, ExecutionResponse, FailureCode, Owner, ResourcesUsed,
    calls::method,
    response::{MAX_ERROR_BYTES, cut},
};
use offchainvm_tests::{
    Network,
    network::{DEPOSIT, Sent, eventually, seed_request},
    outcome::{completed, events, failure, gas_on, gas_paid},
};
use serde_json::json;

const WORKED_EXAMPLE: ResourcesUsed =
    ResourcesUsed { instructions: 10_000_000, memory_bytes: 64 << 20, time_seconds: 5 };
/// The least gas that a request is taken with, and how often its window can be renewed with that.
const LEAST_TGAS: u64 = 65;
const LAST_RENEWAL: usize = 5;
const WORKED_EXAMPLE_COST: u128 = 21_410_000_000_000_000_000_000;

#[tokio::test]
async fn the_worked_example_costs_exactly_0_02141_near() -> Result<()> {
    let net = Network::start().await?;
    let before = net.balance(net.user.id()).await?;
    let (sent, request) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    let resolved = net.resolve(request.data_id, ExecutionResponse::succeeded(b"42".to_vec(), WORKED_EXAMPLE)).await?;
    assert!(resolved.is_success(), "{resolved:#?}");
    let result = sent.outcome().await?;
    assert_eq!(result.clone().json::<String>()?, "42");

    let settled = completed(&result);
    assert!(settled.success);
    assert_eq!(settled.cost.as_yoctonear(), WORKED_EXAMPLE_COST);
    assert_eq!(settled.refund.as_yoctonear(), DEPOSIT.as_yoctonear() - WORKED_EXAMPLE_COST);
    let fell_by = before - net.balance(net.user.id()).await?;
    assert_eq!(fell_by, WORKED_EXAMPLE_COST + gas_paid(&result), "the balance falls by exactly cost and gas");

    let requested = events(&result).remove(0);
    let Event::ExecutionRequested(entries) = requested else { panic!("{requested:?}") };
    assert_eq!(entries[0].request()?, request);
    let stats = net.stats().await?;
    assert_eq!((stats.total_requests, stats.pending_requests, stats.succeeded), (1, 0, 1));
    assert_eq!(stats.fees.as_yoctonear(), WORKED_EXAMPLE_COST);
    assert_eq!(stats.escrow.as_yoctonear(), 0);
    assert_eq!(net.pending(request.request_id).await?, None);
    net.assert_solvent().await?;

    let gas = |result| gas_on(result, net.contract.id()).into_iter().map(|gas| gas as f64 / 1e12).collect::<Vec<_>>();
    println!("Tgas burnt on the contract: request and callback {:?}, resolve {:?}", gas(&result), gas(&resolved));
    Ok(())
}

#[tokio::test]
async fn each_failure_charges_whoever_is_answerable_and_fails_the_caller_with_its_code() -> Result<()> {
    let net = Network::start().await?;
    let mut fees = 0;
    for code in FailureCode::ALL.iter().filter(|code| code.owner() != Owner::Chain) {
        let (sent, request) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
        net.resolve(request.data_id, ExecutionResponse::failed(*code, "what happened", WORKED_EXAMPLE))
            .await?
            .into_result()?;
        let result = sent.outcome().await?;
        let message = failure(&result);
        assert!(message.contains(&format!("{code}: what happened")), "{message}");

        let cost = match code.owner() {
            Owner::Program => WORKED_EXAMPLE_COST,
            Owner::Source => 10u128.pow(22),
            Owner::Operator | Owner::Chain => 0,
        };
        fees += cost;
        let settled = completed(&result);
        assert_eq!((settled.success, settled.error_code), (false, Some(*code)));
        assert_eq!((settled.cost.as_yoctonear(), settled.refund.as_yoctonear()), (cost, DEPOSIT.as_yoctonear() - cost));
        assert_eq!(net.stats().await?.fees.as_yoctonear(), fees, "{code}");
    }
    let stats = net.stats().await?;
    assert_eq!((stats.pending_requests, stats.escrow.as_yoctonear(), stats.succeeded), (0, 0, 0));
    net.assert_solvent().await
}

#[tokio::test]
async fn absurd_usage_is_charged_up_to_the_limits_and_never_above() -> Result<()> {
    let net = Network::start().await?;
    let absurd = ResourcesUsed { instructions: u64::MAX, memory_bytes: u64::MAX, time_seconds: u64::MAX };
    let (sent, request) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    net.resolve(request.data_id, ExecutionResponse::succeeded(vec![], absurd)).await?.into_result()?;
    let settled = completed(&sent.outcome().await?);
    assert_eq!(settled.resources_used, ResourcesUsed::all_of(&request.resource_limits));
    assert_eq!(settled.cost, request.pricing.worst_case(&request.resource_limits)?);
    Ok(())
}

#[tokio::test]
async fn outputs_of_every_kind_and_size_survive() -> Result<()> {
    let net = Network::start().await?;
    let used = ResourcesUsed::default();
    let texts =
        ["", "plain", "日本語 – čeština – \u{1F980}", "\"quotes\" \\ back\nslash \u{0} \u{1f}", "EVENT_JSON:{}"];
    for text in texts {
        let (sent, request) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
        net.resolve(request.data_id, ExecutionResponse::succeeded(text.into(), used)).await?.into_result()?;
        assert_eq!(sent.outcome().await?.json::<String>()?, text);
    }
    let mut as_bytes = seed_request();
    as_bytes["response_format"] = json!("bytes");
    for size in [0usize, 1, 950, 980, 981, 982, 990, 1_024, 1_025, 4_096, 16_384, 65_535, 65_536] {
        let output: Vec<u8> = (0..size).map(|i| (i * 7 % 256) as u8).collect();
        let (sent, request) = net.request_and_find(&net.user, as_bytes.clone(), DEPOSIT).await?;
        let resolved = net.resolve(request.data_id, ExecutionResponse::succeeded(output.clone(), used)).await?;
        assert!(resolved.is_success(), "{size}: {resolved:#?}");
        let result = sent.outcome().await?;
        let returned: String = result.clone().json()?;
        assert_eq!(base64::Engine::decode(&base64::prelude::BASE64_STANDARD, returned)?, output, "{size} bytes");
        if size == 65_536 {
            let gas = |result| {
                gas_on(result, net.contract.id()).into_iter().map(|gas| gas / 1_000_000_000_000).collect::<Vec<_>>()
            };
            println!("Tgas for 64 KiB: request and callback {:?}, resolve {:?}", gas(&result), gas(&resolved));
        }
    }
    // Without the history of receipts, a settled request leaves nothing at all.
    net.administer(&net.owner, method::SET_CONFIG, json!({"receipt_history": 0})).await?.into_result()?;
    let storage = net.workspaces.view_account(net.contract.id()).await?.storage_usage;
    let (sent, request) = net.request_and_find(&net.user, as_bytes, DEPOSIT).await?;
    net.resolve(request.data_id, ExecutionResponse::succeeded(vec![7; 65_536], used)).await?.into_result()?;
    sent.outcome().await?.into_result()?;
    assert_eq!(net.workspaces.view_account(net.contract.id()).await?.storage_usage, storage, "nothing stays behind");
    Ok(())
}

/// A settlement that ran out of gas would be undone, and its program would have run for nothing. The dearest answers:
/// as large as can be allowed, and of characters that JSON writes in six bytes each, with the least gas, in the first
/// window and in the last one that this gas buys.
#[tokio::test]
async fn the_dearest_answer_is_settled_with_the_least_gas() -> Result<()> {
    let net = Network::start().await?;
    let config = json!({"max_result_bytes": 131_072, "deadline_seconds": 604_800});
    net.administer(&net.owner, method::SET_CONFIG, config).await?.into_result()?;
    let dearest = "\u{1}".repeat(131_072);
    let request_renewed = async |renewals: usize| {
        let request_id = net.stats().await?.total_requests + 1;
        let call = net.user.call(net.contract.id(), method::REQUEST_EXECUTION).args_json(seed_request());
        let sent: Sent = call.deposit(DEPOSIT).gas(Gas::from_tgas(LEAST_TGAS)).transact_async().await?.into();
        let request = eventually("the request", async || net.pending(request_id).await).await?;
        for _ in 0..renewals {
            net.workspaces.fast_forward(201).await?;
            net.workspaces.fast_forward(2).await?;
        }
        anyhow::Ok((sent, request))
    };
    for renewals in [0, LAST_RENEWAL] {
        let (sent, request) = request_renewed(renewals).await?;
        let answer = ExecutionResponse::succeeded(dearest.clone().into_bytes(), WORKED_EXAMPLE);
        let resolved = net.resolve(request.data_id, answer).await?;
        assert!(resolved.is_success(), "after {renewals} renewals: {resolved:#?}");
        let result = sent.outcome().await?;
        assert_eq!(result.clone().json::<String>()?, dearest);
        let tgas: Vec<_> = gas_on(&result, net.contract.id()).into_iter().map(|gas| gas / 1_000_000_000_000).collect();
        println!("Tgas with {renewals} renewals: {tgas:?}");
    }
    // One window more is not opened: what is left is kept for settling.
    let (sent, _) = request_renewed(LAST_RENEWAL + 1).await?;
    assert!(failure(&sent.outcome().await?).contains("timed_out"));
    net.assert_solvent().await
}

#[tokio::test]
async fn errors_of_every_kind_and_size_survive() -> Result<()> {
    let net = Network::start().await?;
    for error in [
        "".to_owned(),
        "日本語 \"q\" \\ \n \u{1}".to_owned(),
        "é".repeat(500),
        "x".repeat(4_096),
        "日".repeat(4_000),
        "\u{1}".repeat(4_096),
    ] {
        let (sent, request) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
        let answer = ExecutionResponse {
            error: Some(error.clone()),
            ..ExecutionResponse::failed(FailureCode::Trap, "", ResourcesUsed::default())
        };
        net.resolve(request.data_id, answer).await?.into_result()?;
        let result = sent.outcome().await?;
        let expected = format!("Smart contract panicked: trap: {}", cut(&error, MAX_ERROR_BYTES));
        assert_eq!(net.failure_text(&result).await?, expected);
    }
    Ok(())
}

#[tokio::test]
async fn output_that_is_not_of_the_asked_format_fails_and_is_paid_for() -> Result<()> {
    let net = Network::start().await?;
    for (format, output) in [("text", vec![0xff, 0xfe]), ("json", b"{\"a\":".to_vec())] {
        let mut args = seed_request();
        args["response_format"] = json!(format);
        let (sent, request) = net.request_and_find(&net.user, args, DEPOSIT).await?;
        net.resolve(request.data_id, ExecutionResponse::succeeded(output, WORKED_EXAMPLE)).await?.into_result()?;
        let result = sent.outcome().await?;
        assert!(failure(&result).contains("output_invalid: the output is not"), "{}", failure(&result));
        assert_eq!(completed(&result).cost.as_yoctonear(), WORKED_EXAMPLE_COST);
    }
    let mut args = seed_request();
    args["response_format"] = json!("json");
    let (sent, request) = net.request_and_find(&net.user, args, DEPOSIT).await?;
    net.resolve(request.data_id, ExecutionResponse::succeeded(b"{\"a\": [1, 2.5, null]}".to_vec(), WORKED_EXAMPLE))
        .await?
        .into_result()?;
    assert_eq!(sent.outcome().await?.json::<serde_json::Value>()?, json!({"a": [1, 2.5, null]}));
    Ok(())
}

/// A stranger who fills the list with the largest requests must not keep a worker from reading it.
#[tokio::test]
async fn a_page_of_the_largest_requests_can_be_read() -> Result<()> {
    let net = Network::start().await?;
    let mut args = seed_request();
    args["input_data"] = json!("x".repeat(14_500));
    for _ in 0..100 {
        net.request(&net.user, args.clone(), NearToken::from_millinear(400)).await?;
    }
    offchainvm_tests::network::eventually("all requests", async || {
        Ok((net.stats().await?.total_requests == 100).then_some(()))
    })
    .await?;
    let page = net.contract.view(method::LIST_PENDING).args_json(json!({"from_index": 0, "limit": 100})).await?;
    assert_eq!(page.json::<Vec<serde_json::Value>>()?.len(), 100);
    Ok(())
}

#[tokio::test]
async fn two_answers_sent_at_once_settle_once() -> Result<()> {
    let net = Network::start().await?;
    let (sent, request) = net.request_and_find(&net.user, seed_request(), NearToken::from_near(1)).await?;
    let answer = |text: &str| ExecutionResponse::succeeded(text.as_bytes().to_vec(), WORKED_EXAMPLE);
    let (one, two) = tokio::join!(
        net.resolve(request.data_id, answer("one")),
        net.resolve_as(&net.operator, request.data_id, answer("two"))
    );
    let accepted: Vec<_> = [("one", one), ("two", two)]
        .into_iter()
        .filter(|(_, result)| result.as_ref().is_ok_and(|result| result.is_success()))
        .map(|(text, _)| text)
        .collect();
    let result = sent.outcome().await?;
    assert_eq!(accepted, [result.json::<String>()?]);
    assert_eq!(net.stats().await?.fees.as_yoctonear(), WORKED_EXAMPLE_COST);
    Ok(())
}
