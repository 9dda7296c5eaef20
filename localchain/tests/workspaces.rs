//! near-workspaces takes the local chain for a sandbox node.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use near_workspaces::network::{Sandbox, ValidatorKey};
use near_workspaces::types::{NearToken, SecretKey};
use near_workspaces::{Account, Contract, Worker};
use offchainvm_localchain::LocalChain;

use common::{GREETER, fast_chain};

/// Connects near-workspaces to a running chain, knowing its root key.
async fn connect(chain: &LocalChain) -> anyhow::Result<Worker<Sandbox>> {
    let key: SecretKey = chain.root_secret_key().to_string().parse()?;
    let root = ValidatorKey::Known(chain.root_account_id().clone(), key);
    Ok(near_workspaces::sandbox().rpc_addr(chain.rpc_url()).validator_key(root).await?)
}

async fn greeter(worker: &Worker<Sandbox>) -> anyhow::Result<Contract> {
    Ok(worker.dev_deploy(&wat::parse_str(GREETER)?).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn near_workspaces_creates_accounts_deploys_calls_and_views() -> anyhow::Result<()> {
    let chain = fast_chain().await?;
    let worker = connect(&chain).await?;

    let alice: Account = worker.dev_create_account().await?;
    let contract = greeter(&worker).await?;
    let outcome = alice.call(contract.id(), "set").args(b"hello".to_vec()).max_gas().transact().await?;
    let greeting = worker.view(contract.id(), "get").await?;
    let missing = alice.call(contract.id(), "no_such_method").transact().await?;
    let moved = alice.transfer_near(contract.id(), NearToken::from_near(3)).await?;

    assert!(outcome.is_success(), "{outcome:?}");
    assert!(outcome.total_gas_burnt.as_gas() > 0);
    assert_eq!(outcome.logs(), ["set"]);
    assert_eq!(greeting.result, b"hello");
    let failure = format!("{:?}", missing.into_result().unwrap_err());
    assert!(failure.contains("MethodNotFound"), "{failure}");
    assert!(moved.is_success());
    assert!(contract.view_account().await?.balance > NearToken::from_near(102));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn near_workspaces_patches_state_and_lets_time_pass() -> anyhow::Result<()> {
    let chain = fast_chain().await?;
    let worker = connect(&chain).await?;
    let contract = greeter(&worker).await?;
    let before = worker.view_block().await?;

    worker.patch_state(contract.id(), b"greeting", b"patched").await?;
    worker.fast_forward(1000).await?;

    let after = worker.view_block().await?;
    assert_eq!(worker.view(contract.id(), "get").await?.result, b"patched");
    assert!(after.height() >= before.height() + 1000);
    assert!(after.timestamp() > before.timestamp());
    let state = contract.view_state().await?;
    assert_eq!(state.get(b"greeting".as_slice()).map(Vec::as_slice), Some(b"patched".as_slice()));
    Ok(())
}
