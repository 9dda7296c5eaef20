//! Contracts: calls, gas, storage, views.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod support;
use near_primitives::errors::{ActionErrorKind, CompilationError, FunctionCallError, MethodResolveError};
use near_primitives::types::Balance;
use offchainvm_localchain::{FinalOutcome, ViewError};
use support::*;

fn call_error(outcome: &FinalOutcome) -> FunctionCallError {
    match failed(outcome) {
        ActionErrorKind::FunctionCallError(error) => error,
        other => panic!("expected a failed call, got {other:?}"),
    }
}

#[test]
fn a_call_returns_its_value_and_its_logs_at_every_version() {
    for version in OLDEST..=NEWEST {
        let mut net = Net::at(version);
        let app = net.deploy("app.root");
        let outcome = net.run(&app, "app.root", vec![call("echo", b"hello")]);
        assert_eq!(succeeded(&outcome), b"hello");
        assert_eq!(outcome.view.receipts_outcome[0].outcome.logs, ["hello"]);
    }
}

#[test]
fn unused_gas_comes_back_without_a_penalty() {
    let mut net = Net::at(OLDEST);
    net.deploy("app.root");
    let alice = net.create("alice.root", 10);
    let spent = |net: &mut Net, tgas| {
        let before = net.balance("alice.root").unwrap();
        succeeded(&net.run(&alice, "app.root", vec![call_with("echo", b"hello", tgas, Balance::ZERO)]));
        before.checked_sub(net.balance("alice.root").unwrap()).unwrap()
    };
    assert_eq!(spent(&mut net, 10), spent(&mut net, 300));
}

#[test]
fn a_call_that_burns_everything_gets_nothing_back() {
    let mut net = Net::at(OLDEST);
    let app = net.deploy("app.root");
    let outcome = net.run(&app, "app.root", vec![call_with("burn", b"", 20, Balance::ZERO)]);
    assert_eq!(call_error(&outcome), FunctionCallError::ExecutionError("Exceeded the prepaid gas.".into()));
    assert_eq!(outcome.view.receipts_outcome.len(), 1, "no refund");
    let burnt = outcome.view.receipts_outcome[0].outcome.gas_burnt.as_gas();
    assert!(burnt > 20_000_000_000_000, "{burnt}");
}

#[test]
fn a_failed_call_changes_nothing_and_returns_its_deposit() {
    let mut net = Net::new();
    net.deploy("app.root");
    let alice = net.create("alice.root", 10);
    let outcome = net.run(&alice, "app.root", vec![call_with("store_and_fail", b"x", 30, Balance::from_near(5))]);
    assert_eq!(call_error(&outcome), FunctionCallError::ExecutionError("Smart contract panicked: it failed".into()));
    assert_eq!(net.view("app.root", "load", b"").unwrap(), b"");
    assert!(net.balance("alice.root").unwrap() > Balance::from_millinear(9_900));
}

#[test]
fn the_second_of_two_calls_undoes_the_first() {
    let mut net = Net::new();
    let app = net.deploy("app.root");
    let outcome = net.run(&app, "app.root", vec![call("store", b"x"), call("fail", b"")]);
    assert_eq!(outcome.view.receipts_outcome[0].outcome.executor_id.as_str(), "app.root");
    call_error(&outcome);
    assert_eq!(net.view("app.root", "load", b"").unwrap(), b"");
}

#[test]
fn what_cannot_be_called_says_why() {
    let mut net = Net::new();
    let app = net.deploy("app.root");
    net.create("bob.root", 1);
    let outcome = net.run(&app, "app.root", vec![call("nope", b"")]);
    let expected = FunctionCallError::MethodResolveError(MethodResolveError::MethodNotFound);
    assert_eq!(call_error(&outcome), expected);
    let outcome = net.run(&app, "bob.root", vec![call("echo", b"")]);
    let account_id = "bob.root".parse().unwrap();
    let expected = FunctionCallError::CompilationError(CompilationError::CodeDoesNotExist { account_id });
    assert_eq!(call_error(&outcome), expected);
    let outcome = net.run(&app, "nobody.root", vec![call("echo", b"")]);
    assert!(matches!(failed(&outcome), ActionErrorKind::AccountDoesNotExist { .. }));
}

#[test]
fn storage_must_be_paid_for() {
    let mut net = Net::new();
    let poor = net.create("poor.root", 1);
    succeeded(&net.run(&poor, "poor.root", vec![deploy_contract(contract())]));
    let outcome = net.run(&poor, "poor.root", vec![call("store", &[7; 100_000])]);
    let ActionErrorKind::LackBalanceForState { amount, .. } = failed(&outcome) else { panic!() };
    assert!(amount > Balance::ZERO && amount < Balance::from_near(1), "{amount:?}");
    assert_eq!(net.view("poor.root", "load", b"").unwrap(), b"");
}

#[test]
fn a_value_that_is_read_again_counts_once_against_the_storage_proof() {
    let mut net = Net::new();
    let app = net.deploy("app.root");
    succeeded(&net.run(&app, "app.root", vec![call("store", &[7; 100_000])]));
    let loads = vec![call_with("load", b"", 10, Balance::ZERO); 60];
    assert_eq!(succeeded(&net.run(&app, "app.root", loads)).len(), 100_000, "six megabytes, of four that are allowed");
}

#[test]
fn a_contracts_reward_ends_with_protocol_87() {
    for (version, rewarded) in [(OLDEST, true), (86, true), (87, false), (NEWEST, false)] {
        let mut net = Net::at(version);
        net.deploy("app.root");
        let alice = net.create("alice.root", 10);
        let before = net.balance("app.root").unwrap();
        succeeded(&net.run(&alice, "app.root", vec![call("echo", b"hello")]));
        assert_eq!(net.balance("app.root").unwrap() > before, rewarded, "version {version}");
    }
}

#[test]
fn a_view_reads_the_state_of_its_block_and_writes_nothing() {
    let mut net = Net::new();
    let app = net.deploy("app.root");
    let before = net.chain.head().clone();
    succeeded(&net.run(&app, "app.root", vec![call("store", b"new")]));
    assert_eq!(net.view("app.root", "load", b"").unwrap(), b"new");

    let account_id = "app.root".parse().unwrap();
    let call = offchainvm_localchain::ViewCall { account_id: &account_id, method_name: "load", args: b"" };
    let state = net.chain.state_at(&before).unwrap();
    assert_eq!(net.chain.view_call(state, &before, call).unwrap().result, b"");

    let error = net.view("app.root", "store", b"x").unwrap_err();
    assert_eq!(
        error.to_string(),
        "wasm execution failed with error: HostError(ProhibitedInView { method_name: \"storage_write\" })"
    );
    assert!(matches!(net.view("nobody.root", "load", b""), Err(ViewError::UnknownAccount(_))));
}

#[test]
fn a_view_that_never_ends_is_stopped_by_its_gas() {
    let mut net = Net::new();
    net.deploy("app.root");
    let error = net.view("app.root", "burn", b"").unwrap_err().to_string();
    assert!(error.contains("GasLimitExceeded") || error.contains("GasExceeded"), "{error}");
}

#[test]
fn a_full_block_leaves_the_rest_to_the_next() {
    let mut net = Net::at(OLDEST);
    net.deploy("app.root");
    let senders: Vec<_> = (0..4).map(|n| net.create(&format!("s{n}.root"), 10)).collect();
    let hashes: Vec<_> = senders
        .iter()
        .map(|sender| {
            let signed = net.sign(sender, "app.root", vec![call_with("burn", b"", 500, Balance::ZERO)]);
            net.chain.submit(signed).unwrap()
        })
        .collect();
    let outcomes: Vec<_> = hashes.iter().map(|hash| net.settle(hash)).collect();
    let ran: Vec<_> = outcomes.iter().map(|outcome| path(&net, outcome)[0].1).collect();
    assert_eq!(ran, [1, 1, 2, 2], "two calls of 500 Tgas fill a block of 1,000");
    assert!(net.chain.head().next_gas_price >= net.chain.genesis().min_gas_price);
}
