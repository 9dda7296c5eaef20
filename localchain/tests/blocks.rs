//! Blocks: heights, time, finality, history, patches.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod support;
use near_primitives::state_record::StateRecord;
use near_primitives::types::Balance;
use near_primitives::views::TxExecutionStatus;
use offchainvm_localchain::{Chain, Genesis, GenesisError};
use std::time::Duration;
use support::*;

#[test]
fn a_block_is_final_two_blocks_later() {
    let mut net = Net::new();
    let block = net.block();
    assert_ne!(net.chain.final_block().hash, block.hash);
    net.block();
    assert_ne!(net.chain.final_block().hash, block.hash);
    net.block();
    assert_eq!(net.chain.final_block().hash, block.hash);
    assert_eq!(net.chain.head().last_final_block, block.hash);
}

#[test]
fn a_transaction_goes_through_every_stage() {
    let mut net = Net::at(OLDEST);
    let alice = net.create("alice.root", 10);
    let signed = net.sign(&alice, "root", vec![transfer(Balance::from_near(1))]);
    let hash = net.chain.submit(signed).unwrap();
    let mut reached = || {
        net.block();
        net.chain.final_outcome(&hash).unwrap().reached
    };
    assert_eq!(reached(), TxExecutionStatus::Included);
    assert_eq!(reached(), TxExecutionStatus::ExecutedOptimistic);
    assert_eq!(reached(), TxExecutionStatus::Executed);
    assert_eq!(reached(), TxExecutionStatus::Final);
}

#[test]
fn blocks_by_hand_are_one_interval_apart() {
    let mut net = Net::new();
    let (first, second) = (net.block(), net.block());
    assert_eq!(second.timestamp_ns - first.timestamp_ns, 600_000_000);
    assert_eq!(second.prev_hash, first.hash);
}

#[test]
fn a_fast_forward_skips_heights_and_their_time() {
    let mut net = Net::new();
    let before = net.block();
    let after = net.fast_forward(200);
    assert_eq!(after.height, before.height + 200);
    assert_eq!(after.timestamp_ns, before.timestamp_ns + 200 * 600_000_000);
    assert_eq!(after.prev_height, Some(before.height));
    assert!(net.chain.block_by_height(before.height + 100).is_none());
    let next = net.chain.produce_block_at(before.timestamp_ns + 1).unwrap();
    assert_eq!(next.timestamp_ns, after.timestamp_ns + 1, "a slow wall clock does not turn time back");
}

#[test]
fn the_clock_can_be_put_forward_alone() {
    let mut net = Net::new();
    let before = net.block();
    net.chain.advance_time(Duration::from_secs(600));
    let after = net.block();
    assert_eq!(after.height, before.height + 1);
    assert_eq!(after.timestamp_ns, before.timestamp_ns + 600_000_000_000 + 600_000_000);
    assert_eq!(net.block().timestamp_ns, after.timestamp_ns + 600_000_000);
}

#[test]
fn blocks_and_chunks_are_found_by_name() {
    let mut net = Net::new();
    let block = net.block();
    assert_eq!(net.chain.block_by_hash(&block.hash).unwrap().height, block.height);
    assert_eq!(net.chain.block_by_chunk_hash(&block.chunk.hash).unwrap().height, block.height);
    assert!(net.chain.block_by_hash(&block.chunk.hash).is_none());
}

#[test]
fn old_states_are_forgotten_and_old_blocks_are_not() {
    let mut net = Net::new();
    let old = net.block();
    assert!(net.chain.state_at(&old).is_some());
    for _ in 0..1_000 {
        net.chain.produce_block().unwrap();
    }
    assert!(net.chain.state_at(&old).is_none());
    assert!(net.chain.block_by_hash(&old.hash).is_some());
}

#[test]
fn a_patch_writes_accounts_code_and_data() {
    let mut net = Net::new();
    net.deploy("app.root");
    let account_id: near_account_id::AccountId = "app.root".parse().unwrap();
    let data = StateRecord::Data {
        account_id: account_id.clone(),
        data_key: b"key".to_vec().into(),
        value: b"patched".to_vec().into(),
    };
    net.chain.patch_state(vec![data]).unwrap();
    net.block();
    assert_eq!(net.view("app.root", "load", b"").unwrap(), b"patched");

    let state = net.chain.state_at(net.chain.head()).unwrap();
    let mut account = offchainvm_localchain::StateRead::account(state, &account_id).unwrap().unwrap();
    account.set_amount(Balance::from_near(5_000));
    net.chain.patch_state(vec![StateRecord::Account { account_id, account }]).unwrap();
    net.block();
    assert_eq!(net.balance("app.root"), Some(Balance::from_near(5_000)));
}

#[test]
fn a_chain_does_not_start_under_rules_nobody_knows() {
    let root = who("root");
    for protocol_version in [OLDEST - 1, NEWEST + 1] {
        let genesis = Genesis { protocol_version, ..Genesis::local(root.id.clone(), root.signer.public_key()) };
        assert!(matches!(Chain::new(genesis), Err(GenesisError::ProtocolVersion(_))));
    }
}
