//! New code under a contract that is in use: the state moves on, and requests that wait are settled.
//!
//! `fixtures/contract-state-v1.wasm` is the contract as it was when its state had version 1.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use anyhow::Result;
use near_workspaces::types::{Gas, NearToken};
use offchainvm_interface::{
    Event, ExecutionRequest, ExecutionResponse, FailureCode, ResourcesUsed, calls::method, events::ContractUpgraded,
    views::Config,
};
use offchainvm_tests::{
    Network,
    artifacts::{contract_wasm, workspace},
    network::{DEPOSIT, eventually, seed_request},
    outcome::{completed, events, failure},
    signer::Signer,
};
use serde_json::{Value, json};

const USED: ResourcesUsed = ResourcesUsed { instructions: 10_000_000, memory_bytes: 64 << 20, time_seconds: 5 };

fn version_1() -> Vec<u8> {
    std::fs::read(workspace().join("tests/fixtures/contract-state-v1.wasm")).unwrap()
}

/// Waits for a request that version 1 keeps: its JSON has no deadline yet.
async fn accepted(net: &Network, request_id: u64) -> Result<Value> {
    eventually("the request to be accepted", async || {
        let view = net.contract.view(method::GET_REQUEST).args_json(json!({"request_id": request_id})).await?;
        Ok(view.json::<Option<Value>>()?)
    })
    .await
}

#[tokio::test]
async fn a_contract_of_state_version_1_is_upgraded_with_requests_pending_and_settles_them() -> Result<()> {
    let net = Network::start_version(&version_1()).await?;
    let mut sent = vec![];
    let mut data_ids = vec![];
    for request_id in 1..=5 {
        sent.push(net.request(&net.user, seed_request(), DEPOSIT).await?);
        let request = accepted(&net, request_id).await?;
        data_ids.push(serde_json::from_value(request["data_id"].clone())?);
    }
    // The first is settled by the old code; the second and third are answered in the block before the new code is
    // there, so that their callbacks are the first calls of it. The third's answer is stashed.
    let old = ExecutionResponse::succeeded(b"old".to_vec(), USED);
    let answer = Signer::of(&net, &net.operator).await?.resolve_plainly(&net, data_ids[0], &old).await?;
    net.chain.node().write(move |chain| chain.submit(answer)).await??;
    assert_eq!(sent.remove(0).outcome().await?.json::<String>()?, "old");
    let small = ExecutionResponse::succeeded(b"small".to_vec(), USED);
    let large = ExecutionResponse::failed(FailureCode::Trap, &"x".repeat(3_000), USED);
    let operator = Signer::of(&net, &net.operator).await?;
    let answers = [
        operator.resolve_plainly(&net, data_ids[1], &small).await?,
        operator.next().resolve_plainly(&net, data_ids[2], &large).await?,
    ];
    let redeploy = Signer::of(&net, net.contract.as_account()).await?.redeploy(&net, contract_wasm()).await?;
    let hash = net
        .chain
        .node()
        .write(move |chain| {
            for answer in answers {
                chain.submit(answer)?;
            }
            chain.produce_block()?;
            let hash = chain.submit(redeploy)?;
            for _ in 0..6 {
                chain.produce_block()?;
            }
            anyhow::Ok(hash)
        })
        .await??;
    let outcome = net.chain.node().read(move |chain| chain.final_outcome(&hash)).await?.unwrap();
    let text = format!("{:?}", outcome.view);
    assert!(text.contains("contract_upgraded"), "{text}");

    let config: Config = net.contract.view(method::GET_CONFIG).await?.json()?;
    assert_eq!(config.state_version, 2);
    assert_eq!(sent.remove(0).outcome().await?.json::<String>()?, "small");
    let failed = failure(&sent.remove(0).outcome().await?);
    assert!(failed.contains("trap: xxx"), "{failed}");

    let page = net.contract.view(method::LIST_PENDING).args_json(json!({})).await?.json::<Vec<ExecutionRequest>>()?;
    let mut waiting: Vec<_> = page.iter().map(|request| request.request_id).collect();
    waiting.sort_unstable();
    assert_eq!(waiting, [4, 5]);
    assert_eq!(page[0].deadline - page[0].timestamp, 600_000_000_000);
    net.resolve(data_ids[3], ExecutionResponse::succeeded(b"new".to_vec(), USED)).await?.into_result()?;
    assert_eq!(sent.remove(0).outcome().await?.json::<String>()?, "new");
    // The last one was made under a window that version 1 would have ended: it is renewed.
    net.workspaces.fast_forward(201).await?;
    net.workspaces.fast_forward(2).await?;
    net.resolve(data_ids[4], ExecutionResponse::succeeded(b"renewed".to_vec(), USED)).await?.into_result()?;
    let last = sent.remove(0).outcome().await?;
    assert_eq!(last.clone().json::<String>()?, "renewed");
    assert_eq!(completed(&last).cost.as_yoctonear(), 21_410_000_000_000_000_000_000);

    let stats = net.stats().await?;
    assert_eq!((stats.total_requests, stats.succeeded, stats.failed, stats.pending_requests), (5, 4, 1, 0));
    assert_eq!(stats.fees.as_yoctonear(), 5 * 21_410_000_000_000_000_000_000);
    assert_eq!(stats.escrow, NearToken::from_yoctonear(0));
    net.assert_solvent().await
}

#[tokio::test]
async fn the_owner_replaces_the_code_and_nobody_else_does() -> Result<()> {
    let net = Network::start().await?;
    let (sent, request) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    let upgrade = async |who: &near_workspaces::Account, code: &[u8], deposit: u128| {
        let call = who.call(net.contract.id(), method::UPGRADE).args(code.to_vec()).gas(Gas::from_tgas(300));
        call.deposit(NearToken::from_yoctonear(deposit)).transact().await
    };
    for (who, deposit, message) in [
        (&net.user, 1, "Only the owner may call this method"),
        (&net.operator, 1, "Only the owner may call this method"),
        (&net.owner, 0, "Attach exactly 1 yoctoNEAR"),
    ] {
        assert!(failure(&upgrade(who, contract_wasm(), deposit).await?).contains(message));
    }
    assert!(failure(&upgrade(&net.owner, b"", 1).await?).contains("The call's input must be the new code"));
    // Code that cannot convert the state never becomes the contract's.
    let older = failure(&upgrade(&net.owner, &version_1(), 1).await?);
    assert!(older.contains("MethodNotFound"), "{older}");
    assert!(upgrade(&net.owner, b"not wasm", 1).await?.is_failure());
    let config: Config = net.contract.view(method::GET_CONFIG).await?.json()?;
    assert_eq!(config.state_version, 2, "the old code still answers");

    let upgraded = upgrade(&net.owner, contract_wasm(), 1).await?;
    assert!(upgraded.is_success(), "{upgraded:#?}");
    let expected = Event::ContractUpgraded(vec![ContractUpgraded { from_version: 2, to_version: 2 }]);
    assert_eq!(events(&upgraded), [expected]);
    let answer = ExecutionResponse::succeeded(b"after".to_vec(), USED);
    net.resolve(request.data_id, answer).await?.into_result()?;
    assert_eq!(sent.outcome().await?.json::<String>()?, "after");
    Ok(())
}
