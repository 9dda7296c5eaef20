//! One request through the whole product: chain, sandboxed build, metered run, answer, settlement.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use anyhow::Result;
use near_workspaces::result::ExecutionFinalResult;
use offchainvm_interface::{CodeSource, Event, Pricing};
use offchainvm_tests::{
    Network,
    artifacts::workspace,
    network::DEPOSIT,
    outcome::{completed, events, failure, gas_paid},
    repo::GitRepo,
    worker::WorkerHome,
};
use serde_json::json;

#[tokio::test]
async fn a_request_for_a_real_repository_returns_its_output_and_the_refund() -> Result<()> {
    let net = Network::start_for_worker().await?;
    let home = WorkerHome::new(&net)?;
    let mut worker = home.start()?;
    worker.wait_for("worker.ready", None).await?;
    let repo = GitRepo::from_dir(&workspace().join("examples/hello"))?;

    let before = net.balance(net.user.id()).await?;
    let args = json!({
        "code_source": {"repo": repo.url(), "commit": repo.commit, "build_target": "wasm32-wasip1"},
        "resource_limits": {"max_instructions": 1_000_000_000, "max_memory_mb": 16, "max_execution_seconds": 10},
        "input_data": "NEAR",
    });
    let result = net.request(&net.user, args, DEPOSIT).await?.outcome().await?;
    let greeting: String = result.clone().json()?;
    assert!(greeting.contains("NEAR"), "{greeting}");

    let settled = completed(&result);
    assert!(settled.success);
    assert!(settled.resources_used.instructions > 1_000, "{settled:?}");
    assert_eq!(settled.cost, request_price(&result).cost(&settled.resources_used)?);
    assert_eq!(settled.cost.saturating_add(settled.refund), DEPOSIT);
    let fell_by = before - net.balance(net.user.id()).await?;
    assert_eq!(fell_by, settled.cost.as_yoctonear() + gas_paid(&result));
    let CodeSource::Git(source) = settled.code_source else { panic!("{:?}", settled.code_source) };
    assert_eq!(source.commit.as_str(), repo.commit);

    assert_eq!(net.pending(1).await?, None);
    let stats = net.stats().await?;
    assert_eq!((stats.total_requests, stats.succeeded, stats.pending_requests), (1, 1, 0));
    net.assert_solvent().await?;

    // A second request for the same commit is answered without a build.
    let again = json!({
        "code_source": {"repo": repo.url(), "commit": repo.commit, "build_target": "wasm32-wasip1"},
        "input_data": "again",
    });
    let warm = net.request(&net.user, again, DEPOSIT).await?;
    let warm = warm.outcome().await?;
    assert!(warm.clone().json::<String>()?.contains("again"));
    println!("blocks from request to settled, on a warm worker: {}", blocks_to_settlement(&net, &warm).await?);

    // Only built, and then run by the digest that this returned.
    let only_built = json!({
        "code_source": {"repo": repo.url(), "commit": repo.commit, "build_target": "wasm32-wasip1"},
        "compile_only": true,
    });
    let built = net.request(&net.user, only_built, DEPOSIT).await?.outcome().await?;
    assert_eq!(completed(&built).cost, Pricing::default().base_fee, "nothing was run");
    let program: serde_json::Value = built.json()?;
    let by_digest = json!({"code_source": program, "input_data": "by digest"});
    let found = net.request(&net.user, by_digest, DEPOSIT).await?.outcome().await?;
    assert!(found.json::<String>()?.contains("by digest"));
    let unknown = json!({"code_source": {"wasm_sha256": "0".repeat(64)}});
    let missing = failure(&net.request(&net.user, unknown, DEPOSIT).await?.outcome().await?);
    assert!(missing.contains("program_not_found: this worker has no program"), "{missing}");

    assert!(worker.stop().await?.success(), "SIGTERM ends a worker cleanly");
    Ok(())
}

/// Blocks between the one that took the request and the one that settled it.
async fn blocks_to_settlement(net: &Network, result: &ExecutionFinalResult) -> Result<u64> {
    let on_contract: Vec<_> =
        result.receipt_outcomes().iter().filter(|outcome| &outcome.executor_id == net.contract.id()).collect();
    let height = async |hash| Ok::<_, anyhow::Error>(net.workspaces.view_block().block_hash(hash).await?.height());
    Ok(height(on_contract[1].block_hash).await? - height(on_contract[0].block_hash).await?)
}

fn request_price(result: &ExecutionFinalResult) -> offchainvm_interface::Pricing {
    events(result)
        .into_iter()
        .find_map(
            |event| if let Event::ExecutionRequested(entries) = event { entries.into_iter().next() } else { None },
        )
        .unwrap()
        .request()
        .unwrap()
        .pricing
}

#[tokio::test]
async fn a_backlog_from_before_the_worker_started_is_answered() -> Result<()> {
    let net = Network::start_for_worker().await?;
    let repo = GitRepo::from_dir(&workspace().join("examples/hello"))?;
    let args = json!({
        "code_source": {"repo": repo.url(), "commit": repo.commit, "build_target": "wasm32-wasip1"},
        "resource_limits": {"max_instructions": 1_000_000_000, "max_memory_mb": 16, "max_execution_seconds": 10},
    });
    let mut waiting = vec![];
    for _ in 0..50 {
        waiting.push(net.request(&net.user, args.clone(), DEPOSIT).await?);
    }
    let home = WorkerHome::new(&net)?;
    let _worker = home.start()?;
    let (mut answered, mut refunded) = (0, 0);
    for sent in waiting {
        let settled = completed(&sent.outcome().await?);
        if settled.success {
            answered += 1;
        } else {
            assert_eq!(settled.refund, DEPOSIT, "{settled:?}");
            refunded += 1;
        }
    }
    println!("{answered} answered, {refunded} refunded");
    assert!(answered > 0);
    let stats = net.stats().await?;
    assert_eq!((stats.total_requests, stats.pending_requests, stats.escrow.as_yoctonear()), (50, 0, 0));
    net.assert_solvent().await
}
