//! What anyone may read: the requests that wait, page by page; inputs; and how the last requests ended.

use crate::support::{COST, NOTHING, USED, answer, assert_refused, settle, sha256, start, view};
use anyhow::{Context, Result};
use near_workspaces::{result::ExecutionFinalResult, types::NearToken};
use offchainvm_interface::{
    CodeSource, DataRef, ExecutionRequest, ExecutionResponse, FailureCode, RequestId, ResourcesUsed, calls::method,
    views::Receipt,
};
use offchainvm_tests::{
    Network,
    network::{DEPOSIT, Sent, eventually, seed_request},
    outcome::completed,
};
use serde_json::{Value, from_value, json};
use std::time::Duration;

/// Blocks that a yield lives (protocol parameter).
const WINDOW: u64 = 200;

async fn page(net: &Network, args: Value) -> Result<Vec<ExecutionRequest>> {
    Ok(from_value(view(net, method::LIST_PENDING, args).await?)?)
}

/// Every request that waits is found once in the list, whatever the pages, and by its id.
async fn assert_all_found(net: &Network, waiting: &[(Sent, ExecutionRequest)]) -> Result<()> {
    let mut expected: Vec<_> = waiting.iter().map(|(_, request)| request.clone()).collect();
    expected.sort_by_key(|request| request.request_id);
    for limit in [1u64, 2, 100] {
        let mut found = vec![];
        for from_index in (0..waiting.len() as u64).step_by(limit.try_into()?) {
            found.extend(page(net, json!({"from_index": from_index, "limit": limit})).await?);
        }
        found.sort_by_key(|request| request.request_id);
        assert_eq!(found, expected, "in pages of {limit}");
    }
    for request in &expected {
        assert_eq!(net.pending(request.request_id).await?.as_ref(), Some(request));
    }
    Ok(())
}

#[tokio::test]
async fn settling_any_request_leaves_every_other_one_to_be_found() -> Result<()> {
    let net = start().await?;
    let mut waiting = vec![];
    for _ in 0..6 {
        waiting.push(net.request_and_find(&net.user, seed_request(), DEPOSIT).await?);
    }
    assert_all_found(&net, &waiting).await?;
    // The first of six, one in the middle of five, the last of four; then the one that was moved to the first place.
    for index in [0, 2, 3, 2] {
        let (sent, request) = waiting.remove(index);
        let output = format!("request {}", request.request_id);
        assert_eq!(settle(&net, sent, &request, answer(&output)).await?.json::<String>()?, output);
        assert_eq!(net.pending(request.request_id).await?, None);
        assert_all_found(&net, &waiting).await?;
    }
    for (sent, request) in waiting {
        let output = format!("request {}", request.request_id);
        assert_eq!(settle(&net, sent, &request, answer(&output)).await?.json::<String>()?, output);
    }
    assert_eq!(page(&net, json!({})).await?, []);
    Ok(())
}

#[tokio::test]
async fn a_page_is_never_longer_than_a_hundred_and_never_fails() -> Result<()> {
    let net = start().await?;
    for _ in 0..101 {
        net.request(&net.user, seed_request(), DEPOSIT).await?;
    }
    eventually("all requests", async || Ok((net.stats().await?.pending_requests == 101).then_some(()))).await?;
    for (args, length) in [
        (json!({}), 100),
        (json!({"limit": 1_000}), 100),
        (json!({"limit": u64::MAX}), 100),
        (json!({"limit": 0}), 0),
        (json!({"limit": 7}), 7),
        (json!({"from_index": 99}), 2),
        (json!({"from_index": 100, "limit": 100}), 1),
        (json!({"from_index": 101, "limit": 100}), 0),
        (json!({"from_index": u64::MAX, "limit": u64::MAX}), 0),
        (json!({"from_index": 1u64 << 32, "limit": 1}), 0),
    ] {
        assert_eq!(page(&net, args.clone()).await?.len(), length, "{args}");
    }
    Ok(())
}

async fn receipt(net: &Network, request_id: RequestId) -> Result<Option<Receipt>> {
    Ok(from_value(view(net, method::GET_RECEIPT, json!({"request_id": request_id})).await?)?)
}

/// The block in which a transaction's request was settled.
async fn settled_at(net: &Network, result: &ExecutionFinalResult) -> Result<u64> {
    let settled = |log: &String| log.contains("\"execution_completed\"");
    let outcome = result.receipt_outcomes().iter().find(|outcome| outcome.logs.iter().any(settled));
    let block = outcome.context("no settlement")?.block_hash;
    Ok(net.workspaces.view_block().block_hash(block).await?.height())
}

#[tokio::test]
async fn a_receipt_tells_how_each_kind_of_request_ended() -> Result<()> {
    let net = start().await?;
    let (wasm, none) = (sha256(b"a program"), ResourcesUsed::default());
    let base_fee = NearToken::from_millinear(10);
    let (program, source) = (FailureCode::Trap, FailureCode::BuildFailed);
    let wrong_format = ExecutionResponse::succeeded(vec![0xff], USED).of_program(wasm);
    let signed = sha256(b"a receipt of the operator's");
    for (response, error_code, cost, resources_used, wasm_sha256, output_sha256) in [
        (answer("42").of_program(wasm).with_receipt(signed), None, COST, USED, Some(wasm), Some(sha256(b"42"))),
        (answer(""), None, COST, USED, None, Some(sha256(b""))),
        (ExecutionResponse::failed(program, "", USED).of_program(wasm), Some(program), COST, USED, Some(wasm), None),
        (ExecutionResponse::failed(source, "", none), Some(source), base_fee, none, None, None),
        (wrong_format, Some(FailureCode::OutputInvalid), COST, USED, Some(wasm), None),
    ] {
        let (sent, request) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
        assert_eq!(receipt(&net, request.request_id).await?, None, "not before its end");
        let receipt_sha256 = response.receipt_sha256;
        let result = settle(&net, sent, &request, response).await?;
        assert_eq!(completed(&result).receipt_sha256, receipt_sha256);
        let expected = Receipt {
            request_id: request.request_id,
            error_code,
            resources_used,
            cost,
            refund: DEPOSIT.saturating_sub(cost),
            wasm_sha256,
            output_sha256,
            block_height: settled_at(&net, &result).await?,
            receipt_sha256,
        };
        assert_eq!(receipt(&net, request.request_id).await?, Some(expected));
    }
    Ok(())
}

#[tokio::test]
async fn a_receipt_tells_of_requests_that_nobody_answered() -> Result<()> {
    let net = start().await?;
    let full_refund = |request_id, error_code, block_height| Receipt {
        request_id,
        error_code: Some(error_code),
        resources_used: ResourcesUsed::default(),
        cost: NOTHING,
        refund: DEPOSIT,
        wasm_sha256: None,
        output_sha256: None,
        block_height,
        receipt_sha256: None,
    };
    let (_, cancelled) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    let (sent, late) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    net.advance_time(Duration::from_secs(601)).await?;
    let args = json!({"request_id": cancelled.request_id});
    let result = net.call(&net.user, method::CANCEL_STALE_EXECUTION, args).await?;
    assert_eq!(completed(&result).error_code, Some(FailureCode::Cancelled));
    let expected = full_refund(cancelled.request_id, FailureCode::Cancelled, settled_at(&net, &result).await?);
    assert_eq!(receipt(&net, cancelled.request_id).await?, Some(expected));

    net.workspaces.fast_forward(WINDOW + 1).await?;
    let result = sent.outcome().await?;
    assert_refused(&result, "timed_out: nobody answered");
    let expected = full_refund(late.request_id, FailureCode::TimedOut, settled_at(&net, &result).await?);
    assert_eq!(receipt(&net, late.request_id).await?, Some(expected));
    Ok(())
}

#[tokio::test]
async fn a_receipt_is_kept_until_as_many_later_ones_as_the_history_is_long() -> Result<()> {
    let net = start().await?;
    net.administer(&net.owner, method::SET_CONFIG, json!({"receipt_history": 3})).await?.into_result()?;
    for last in 1..=5 {
        let (sent, request) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
        settle(&net, sent, &request, answer("42")).await?.into_result()?;
        for request_id in 0..=6 {
            let kept = (request_id + 2 >= last && request_id >= 1 && request_id <= last).then_some(request_id);
            assert_eq!(receipt(&net, request_id).await?.map(|receipt| receipt.request_id), kept, "after {last}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_large_input_can_be_read_while_its_request_waits() -> Result<()> {
    let net = start().await?;
    let input = async |request_id| view(&net, method::GET_REQUEST_INPUT, json!({"request_id": request_id})).await;
    let (_, small) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    assert_eq!((small.input_ref, input(small.request_id).await?), (None, Value::Null));

    // 8,000 bytes fit a log as they are; escaped twice, as the event's JSON in JSON has them, they do not.
    for text in ["é\"\\\n".repeat(5_000), "\"".repeat(8_000)] {
        let mut args = seed_request();
        args["input_data"] = json!(text);
        let (sent, request) = net.request_and_find(&net.user, args, NearToken::from_near(1)).await?;
        let named = DataRef { sha256: sha256(text.as_bytes()), size: text.len() as u64 };
        assert_eq!((request.input_data.as_str(), request.input_ref), ("", Some(named)));
        assert_eq!(input(request.request_id).await?, json!(text));
        settle(&net, sent, &request, answer("42")).await?.into_result()?;
        assert_eq!(input(request.request_id).await?, Value::Null);
    }
    assert_eq!(input(99).await?, Value::Null);
    Ok(())
}

#[tokio::test]
async fn a_compiled_program_is_requested_by_its_digest() -> Result<()> {
    let net = start().await?;
    let digest = sha256(b"a program");
    let mut args = seed_request();
    args["code_source"] = json!({"wasm_sha256": digest, "url": "https://example.com/program.wasm"});
    let (sent, request) = net.request_and_find(&net.user, args.clone(), DEPOSIT).await?;
    assert_eq!(json!(request.code_source), args["code_source"]);
    let result = settle(&net, sent, &request, answer("42").of_program(digest)).await?;
    assert_eq!(completed(&result).code_source, from_value::<CodeSource>(args["code_source"].clone())?);
    assert_eq!(result.json::<String>()?, "42");

    args["code_source"]["repo"] = json!("https://example.com/repository");
    let mixed = net.request(&net.user, args, DEPOSIT).await?.outcome().await?;
    assert_refused(&mixed, "field `repo` does not belong to a source with wasm_sha256");
    Ok(())
}

#[tokio::test]
async fn compiling_only_returns_the_digest_of_the_program() -> Result<()> {
    let net = start().await?;
    let mut args = seed_request();
    args["compile_only"] = json!(true);
    let digest = sha256(b"a program");
    let (sent, request) = net.request_and_find(&net.user, args.clone(), DEPOSIT).await?;
    assert!(request.compile_only);
    let result = settle(&net, sent, &request, answer("").of_program(digest)).await?;
    assert_eq!(completed(&result).output_sha256, None);
    assert_eq!(result.json::<Value>()?, json!({"wasm_sha256": digest}));

    let (sent, request) = net.request_and_find(&net.user, args, DEPOSIT).await?;
    let result = settle(&net, sent, &request, answer("")).await?;
    assert_refused(&result, "operator_error: the operator did not name the program it built");
    assert_eq!(completed(&result).cost, NOTHING);
    Ok(())
}
