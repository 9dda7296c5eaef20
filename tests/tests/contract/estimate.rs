//! The deposit: what `estimate_cost` says is what `request_execution` demands, and more than a request ever occupies.

use crate::support::{ONE_YOCTO, USED, answer, assert_refused, settle, sha256, start, storage_usage, view};
use anyhow::Result;
use near_workspaces::{
    Account,
    operations::TransactionStatus,
    types::{Gas, NearToken},
};
use offchainvm_interface::{
    MaxLimits, Pricing, RequestId, ResourceLimits,
    calls::{EstimateCostArgs, method},
    code_source::{MAX_PATH_BYTES, MAX_REPO_BYTES},
    request::MAX_INPUT_BYTES,
};
use offchainvm_tests::{
    Network,
    network::{DEPOSIT, eventually, seed_request},
    outcome::completed,
};
use serde_json::{Value, from_value, json};

const STORAGE_PRICE: u128 = 10u128.pow(19);

/// Blocks that a yield lives (protocol parameter).
const WINDOW: u64 = 200;

async fn estimate(net: &Network, resource_limits: Option<ResourceLimits>, input_len: usize) -> Result<NearToken> {
    let args = json!(EstimateCostArgs { resource_limits, input_len: input_len as u64 });
    Ok(from_value(view(net, method::ESTIMATE_COST, args).await?)?)
}

/// Sends a request with all the gas that there is, which the largest inputs need.
async fn send(net: &Network, from: &Account, args: &Value, deposit: NearToken) -> Result<TransactionStatus> {
    let call = from.call(net.contract.id(), method::REQUEST_EXECUTION).args_json(args);
    Ok(call.deposit(deposit).gas(Gas::from_tgas(300)).transact_async().await?)
}

/// Sends a request and waits until it is accepted.
async fn accepted(net: &Network, from: &Account, args: &Value, deposit: NearToken) -> Result<RequestId> {
    let next = net.stats().await?.total_requests + 1;
    let _on_its_way = send(net, from, args, deposit).await?;
    eventually("the request to be accepted", async || Ok(net.pending(next).await?.map(|request| request.request_id)))
        .await
}

fn with_input(limits: Option<ResourceLimits>, input_len: usize) -> Value {
    let mut args = seed_request();
    args["resource_limits"] = json!(limits);
    args["input_data"] = json!("x".repeat(input_len));
    args
}

async fn set_pricing(net: &Network, pricing: Pricing) -> Result<()> {
    net.administer(&net.owner, method::SET_PRICING, json!(pricing)).await?.into_result()?;
    Ok(())
}

fn every_fee(yocto: u128) -> Pricing {
    let fee = NearToken::from_yoctonear(yocto);
    Pricing { base_fee: fee, per_instruction_fee: fee, per_mb_fee: fee, per_second_fee: fee }
}

/// One yocto less than the estimate is refused, and the estimate is taken.
async fn assert_exact(net: &Network, limits: Option<ResourceLimits>, input_len: usize) -> Result<NearToken> {
    let required = estimate(net, limits, input_len).await?;
    let args = with_input(limits, input_len);
    let refused = send(net, &net.user, &args, required.saturating_sub(ONE_YOCTO)).await?.await?;
    assert_refused(&refused, &format!("is too small: attach at least {} yoctoNEAR", required.as_yoctonear()));
    let request_id = accepted(net, &net.user, &args, required).await?;
    let request = net.pending(request_id).await?.unwrap();
    assert_eq!((request.deposit, request.resource_limits), (required, limits.unwrap_or_default()));
    Ok(required)
}

#[tokio::test]
async fn the_estimate_is_what_a_request_demands_to_the_yocto() -> Result<()> {
    let net = start().await?;
    let least = ResourceLimits { max_instructions: 1, max_memory_mb: 1, max_execution_seconds: 1 };
    let MaxLimits { max_instructions, max_memory_mb, max_execution_seconds } = MaxLimits::default();
    let most = ResourceLimits { max_instructions, max_memory_mb, max_execution_seconds };
    for (limits, input_len) in [
        (None, 0),
        (None, 1),
        (Some(least), 1_000),
        (Some(most), 0),
        (Some(least), 20_000),
        (Some(most), MAX_INPUT_BYTES),
    ] {
        let estimate = assert_exact(&net, limits, input_len).await?;
        let worst_case = Pricing::default().worst_case(&limits.unwrap_or_default())?;
        assert!(estimate > worst_case, "the storage has its price, too");
    }
    net.assert_solvent().await
}

#[tokio::test]
async fn limits_and_inputs_over_their_caps_have_no_price() -> Result<()> {
    let net = start().await?;
    let over = ResourceLimits { max_memory_mb: 1_025, ..ResourceLimits::default() };
    let refused = estimate(&net, Some(over), 0).await.unwrap_err();
    assert!(format!("{refused:?}").contains("max_memory_mb is 1025, but must be between 1 and 1024"), "{refused:?}");
    let too_long = send(&net, &net.user, &with_input(None, MAX_INPUT_BYTES + 1), NearToken::from_near(20)).await?;
    assert_refused(&too_long.await?, &format!("input_data has {} bytes", MAX_INPUT_BYTES + 1));
    Ok(())
}

#[tokio::test]
async fn fees_at_the_edges_are_charged_or_refused_and_never_wrap() -> Result<()> {
    let net = start().await?;
    set_pricing(&net, every_fee(u128::MAX)).await?;
    let words = "the cost exceeds the largest amount that can be expressed";
    let refused = estimate(&net, None, 0).await.unwrap_err();
    assert!(format!("{refused:?}").contains(words), "{refused:?}");
    assert_refused(&net.request(&net.user, seed_request(), DEPOSIT).await?.outcome().await?, words);

    // The fees alone can just be expressed, but not together with the storage.
    set_pricing(&net, Pricing { base_fee: NearToken::from_yoctonear(u128::MAX), ..every_fee(0) }).await?;
    assert!(format!("{:?}", estimate(&net, None, 0).await.unwrap_err()).contains(words));

    set_pricing(&net, every_fee(0)).await?;
    let free = assert_exact(&net, None, 0).await?;
    let (sent, request) = net.request_and_find(&net.user, seed_request(), free).await?;
    let settled = completed(&settle(&net, sent, &request, answer("42")).await?);
    assert_eq!((settled.cost.as_yoctonear(), settled.refund, settled.resources_used), (0, free, USED));
    Ok(())
}

/// A sender and a receiver of refunds with the longest names there are, and a source with every field at its cap.
async fn longest(net: &Network) -> Result<(Account, Value)> {
    let letters = 63 - net.chain.root_account_id().len();
    let sender = net.account(&"s".repeat(letters)).await?;
    let receiver = net.account(&"r".repeat(letters)).await?;
    assert_eq!((sender.id().len(), receiver.id().len()), (64, 64));
    let host = "https://h/";
    let mut args = seed_request();
    args["code_source"] = json!({
        "repo": format!("{host}{}", "r".repeat(MAX_REPO_BYTES - host.len())),
        "commit": "a".repeat(40),
        "build_target": "wasm32-wasip1",
        "path": "p".repeat(MAX_PATH_BYTES),
    });
    args["refund_to"] = json!(receiver.id());
    args["compile_only"] = json!(true);
    Ok((sender, args))
}

#[tokio::test]
async fn a_request_with_every_field_at_its_cap_occupies_less_than_it_was_charged_for() -> Result<()> {
    let net = start().await?;
    net.administer(&net.owner, method::SET_CONFIG, json!({"receipt_history": 0})).await?.into_result()?;
    let (sender, mut args) = longest(&net).await?;
    let empty = storage_usage(&net).await?;
    let worst_case = Pricing::default().worst_case(&ResourceLimits::default())?;
    // The first fits the event and lies in the request's record; the second has a record of its own.
    for input_len in [5_000, 20_000] {
        args["input_data"] = json!("i".repeat(input_len));
        let required = estimate(&net, None, input_len).await?;
        let charged = required.saturating_sub(worst_case).as_yoctonear();
        let request_id = accepted(&net, &sender, &args, required).await?;
        let request = net.pending(request_id).await?.unwrap();
        assert_eq!(request.input_ref.is_some(), input_len > 16_384);

        let first = storage_usage(&net).await? - empty;
        net.workspaces.fast_forward(WINDOW + 1).await?;
        net.workspaces.fast_forward(2).await?;
        assert_eq!(storage_usage(&net).await? - empty, first, "a renewal changes nothing");
        assert_eq!(net.stats().await?.requests_storage, first, "what is not counted against the contract");
        println!("{input_len} bytes of input: {first} occupied, {} charged for", charged / STORAGE_PRICE);
        assert!(u128::from(first) * STORAGE_PRICE <= charged, "{first} bytes, but only {charged} yoctoNEAR");
        assert!(first > 1_000 + input_len as u64, "the fields are as long as they can be");

        net.resolve(request.data_id, answer("").of_program(sha256(b""))).await?.into_result()?;
        eventually("the settlement", async || Ok((net.stats().await?.pending_requests == 0).then_some(()))).await?;
        assert_eq!(storage_usage(&net).await?, empty, "nothing stays behind");
    }
    net.assert_solvent().await
}
