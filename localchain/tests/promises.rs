//! Promises, yields and refunds between accounts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod support;
use near_primitives::errors::{ActionErrorKind, ActionsValidationError, FunctionCallError, ReceiptValidationError};
use near_primitives::types::Balance;
use near_primitives::views::{FinalExecutionStatus, TxExecutionStatus};
use support::*;

fn steps(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
    expected.iter().map(|(who, when)| (who.to_string(), *when)).collect()
}

#[test]
fn a_returned_promise_is_the_transactions_result() {
    let mut net = Net::at(OLDEST);
    net.deploy("app.root");
    net.create("bob.root", 1);
    let alice = net.create("alice.root", 10);
    let outcome = net.run(&alice, "app.root", vec![call("pay", b"bob.root")]);
    succeeded(&outcome);
    assert_eq!(path(&net, &outcome), steps(&[("app.root", 1), ("bob.root", 2), ("alice.root", 2)]));
    assert_eq!(net.balance("bob.root"), Some(Balance::from_near(2)));
}

#[test]
fn a_payment_to_nobody_comes_back_to_the_contract() {
    let mut net = Net::at(OLDEST);
    net.deploy("app.root");
    let alice = net.create("alice.root", 10);
    let before = net.balance("app.root").unwrap();
    let outcome = net.run(&alice, "app.root", vec![call("pay", b"nobody.root")]);
    assert!(matches!(failed(&outcome), ActionErrorKind::AccountDoesNotExist { .. }));
    let expected = [("app.root", 1), ("nobody.root", 2), ("app.root", 3), ("alice.root", 2)];
    assert_eq!(path(&net, &outcome), steps(&expected));
    assert!(net.balance("app.root").unwrap() >= before);
}

#[test]
fn a_callback_hears_what_the_other_contract_returned() {
    let mut net = Net::at(OLDEST);
    net.deploy("app.root");
    net.deploy("other.root");
    let alice = net.create("alice.root", 10);
    let outcome = net.run(&alice, "app.root", vec![call("call_then_report", b"other.root")]);
    assert_eq!(succeeded(&outcome), b"hello");
    let expected =
        [("app.root", 1), ("other.root", 2), ("alice.root", 3), ("app.root", 3), ("alice.root", 4), ("alice.root", 2)];
    assert_eq!(path(&net, &outcome), steps(&expected));
}

#[test]
fn a_callback_hears_of_a_failure() {
    let mut net = Net::new();
    net.deploy("app.root");
    net.deploy("other.root");
    let alice = net.create("alice.root", 10);
    let outcome = net.run(&alice, "app.root", vec![call("fail_then_report", b"other.root")]);
    assert_eq!(succeeded(&outcome), b"failed");
    let outcome = net.run(&alice, "app.root", vec![call("call_then_report", b"nobody.root")]);
    assert_eq!(succeeded(&outcome), b"failed");
}

#[test]
fn a_joint_callback_waits_for_both() {
    let mut net = Net::new();
    net.deploy("app.root");
    net.deploy("other.root");
    let alice = net.create("alice.root", 10);
    let outcome = net.run(&alice, "app.root", vec![call("join_then_report", b"other.root")]);
    assert_eq!(succeeded(&outcome), b"failed");
}

#[test]
fn a_promise_of_an_unsupported_action_fails_the_call_that_makes_it() {
    let mut net = Net::new();
    let app = net.deploy("app.root");
    let outcome = net.run(&app, "app.root", vec![call("stake", b"app.root")]);
    let ActionErrorKind::NewReceiptValidationError(ReceiptValidationError::ActionsValidation(
        ActionsValidationError::UnsupportedProtocolFeature { protocol_feature, .. },
    )) = failed(&outcome)
    else {
        panic!("{:?}", outcome.view.status)
    };
    assert_eq!(protocol_feature, "Stake (not supported by the local chain)");
}

/// Starts a transaction that waits, and returns its hash.
fn wait(net: &mut Net) -> near_primitives::hash::CryptoHash {
    let alice = net.create("alice.root", 10);
    let signed = net.sign(&alice, "app.root", vec![call("wait", b"")]);
    let hash = net.chain.submit(signed).unwrap();
    net.block();
    net.block();
    hash
}

#[test]
fn a_yield_waits_until_its_contract_answers() {
    for version in [OLDEST, NEWEST] {
        let mut net = Net::at(version);
        net.deploy("app.root");
        let bob = net.create("bob.root", 10);
        let hash = wait(&mut net);
        for _ in 0..100 {
            net.block();
        }
        let outcome = net.chain.final_outcome(&hash).unwrap();
        assert_eq!(outcome.view.status, FinalExecutionStatus::Started);
        assert_eq!(outcome.reached, TxExecutionStatus::IncludedFinal);

        let woke = net.run(&bob, "app.root", vec![call("wake", b"answer")]);
        assert_eq!(succeeded(&woke), [1]);
        let outcome = net.settle(&hash);
        assert_eq!(succeeded(&outcome), b"answer");
        let again = net.run(&bob, "app.root", vec![call("wake", b"again")]);
        assert_eq!(succeeded(&again), [0], "nothing waits any more");
    }
}

#[test]
fn a_yield_that_nobody_answers_times_out_after_200_blocks() {
    let mut net = Net::new();
    net.deploy("app.root");
    let hash = wait(&mut net);
    // The call ran in the block that is the head now: its time is up 200 blocks later, and the callback runs after.
    for _ in 0..200 {
        net.block();
        assert_eq!(net.chain.final_outcome(&hash).unwrap().view.status, FinalExecutionStatus::Started);
    }
    net.block();
    assert_eq!(succeeded(&net.chain.final_outcome(&hash).unwrap()), b"timed out");
}

#[test]
fn a_fast_forward_times_a_yield_out() {
    let mut net = Net::new();
    net.deploy("app.root");
    let hash = wait(&mut net);
    net.fast_forward(201);
    let outcome = net.settle(&hash);
    assert_eq!(succeeded(&outcome), b"timed out");
}

#[test]
fn an_answer_longer_than_the_limit_is_refused_and_the_yield_goes_on() {
    let mut net = Net::new();
    net.deploy("app.root");
    let bob = net.create("bob.root", 10);
    let hash = wait(&mut net);
    let outcome = net.run(&bob, "app.root", vec![call("wake", &[b'x'; 1_025])]);
    let ActionErrorKind::FunctionCallError(FunctionCallError::ExecutionError(message)) = failed(&outcome) else {
        panic!()
    };
    assert_eq!(message, "Yield resume payload is 1025 bytes which exceeds the 1024 byte limit");
    let woke = net.run(&bob, "app.root", vec![call("wake", &[b'x'; 1_024])]);
    assert_eq!(succeeded(&woke), [1]);
    assert_eq!(succeeded(&net.settle(&hash)), [b'x'; 1_024]);
}

#[test]
fn two_answers_in_one_block_wake_a_yield_once() {
    let mut net = Net::new();
    net.deploy("app.root");
    let (bob, carol) = (net.create("bob.root", 10), net.create("carol.root", 10));
    let hash = wait(&mut net);
    for (who, answer) in [(&bob, b"one"), (&carol, b"two")] {
        let signed = net.sign(who, "app.root", vec![call("wake", answer)]);
        net.chain.submit(signed).unwrap();
    }
    assert_eq!(succeeded(&net.settle(&hash)), b"one");
}

#[test]
fn an_answer_on_its_way_beats_the_time_out() {
    let mut net = Net::new();
    net.deploy("app.root");
    let bob = net.create("bob.root", 10);
    let hash = wait(&mut net);
    for _ in 0..198 {
        net.block();
    }
    // The answering call runs in the very block whose end is the yield's last.
    let signed = net.sign(&bob, "app.root", vec![call("wake", b"late")]);
    net.chain.submit(signed).unwrap();
    assert_eq!(succeeded(&net.settle(&hash)), b"late");
}

#[test]
fn a_yield_with_a_name_is_answered_by_name_and_leaves_it_to_the_next() {
    let mut net = Net::new();
    let app = net.create("app.root", 100);
    let code = wat::parse_str(include_str!("support/named_yield.wat")).unwrap();
    succeeded(&net.run(&app, "app.root", vec![deploy_contract(code)]));
    let bob = net.create("bob.root", 10);
    let nobody = net.run(&bob, "app.root", vec![call("wake", b"early")]);
    assert_eq!(succeeded(&nobody), [0]);

    let hash = wait(&mut net);
    let taken = net.run(&bob, "app.root", vec![call("wait", b"")]);
    assert_eq!(succeeded(&taken), b"taken");
    assert_eq!(succeeded(&net.run(&bob, "app.root", vec![call("wake", b"answer")])), [1]);
    assert_eq!(succeeded(&net.settle(&hash)), b"answer");

    let again = net.sign(&bob, "app.root", vec![call("wait", b"")]);
    let hash = net.chain.submit(again).unwrap();
    net.block();
    net.block();
    assert_eq!(succeeded(&net.run(&app, "app.root", vec![call("wake", b"more")])), [1]);
    assert_eq!(succeeded(&net.settle(&hash)), b"more");
}

#[test]
fn what_the_newest_contracts_import_does_not_load_on_an_older_chain() {
    let mut net = Net::at(OLDEST);
    let app = net.create("app.root", 100);
    let code = wat::parse_str(include_str!("support/named_yield.wat")).unwrap();
    succeeded(&net.run(&app, "app.root", vec![deploy_contract(code)]));
    let outcome = net.run(&app, "app.root", vec![call("wait", b"")]);
    let ActionErrorKind::FunctionCallError(FunctionCallError::ExecutionError(message)) = failed(&outcome) else {
        panic!()
    };
    assert_eq!(message, "Link Error: unknown or invalid import");
}
