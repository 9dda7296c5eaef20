//! Accounts, keys, and what is refused at the door.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod support;
use near_crypto::{KeyType, SecretKey};
use near_primitives::account::AccessKeyPermission;
use near_primitives::errors::{ActionErrorKind, ActionsValidationError, InvalidAccessKeyError, InvalidTxError};
use near_primitives::hash::hash;
use near_primitives::transaction::{Action, StakeAction, Transaction};
use near_primitives::types::Balance;
use near_primitives::views::FinalExecutionStatus;
use support::*;

#[test]
fn a_created_account_has_its_money_and_its_key() {
    let mut net = Net::new();
    let alice = net.create("alice.root", 10);
    assert_eq!(net.balance("alice.root"), Some(Balance::from_near(10)));
    assert_eq!(net.key(&alice).unwrap().permission, AccessKeyPermission::FullAccess);
}

#[test]
fn a_transfer_arrives_in_the_next_block_and_costs_the_sender_the_gas() {
    let mut net = Net::at(OLDEST);
    let (alice, _) = (net.create("alice.root", 10), net.create("bob.root", 10));
    let outcome = net.run(&alice, "bob.root", vec![transfer(Balance::from_near(1))]);
    assert_eq!(path(&net, &outcome), [("bob.root".into(), 1)]);
    assert_eq!(net.balance("bob.root"), Some(Balance::from_near(11)));
    let burnt = outcome.view.transaction_outcome.outcome.tokens_burnt;
    let burnt = burnt.saturating_add(outcome.view.receipts_outcome[0].outcome.tokens_burnt);
    assert_eq!(net.balance("alice.root"), Balance::from_near(9).checked_sub(burnt));
}

#[test]
fn a_transfer_to_oneself_runs_in_the_same_block() {
    let mut net = Net::new();
    let alice = net.create("alice.root", 10);
    let outcome = net.run(&alice, "alice.root", vec![transfer(Balance::from_near(1))]);
    assert_eq!(path(&net, &outcome)[0], ("alice.root".into(), 0));
}

#[test]
fn a_transfer_to_nobody_comes_back() {
    let mut net = Net::at(OLDEST);
    let alice = net.create("alice.root", 10);
    let outcome = net.run(&alice, "nobody.root", vec![transfer(Balance::from_near(1))]);
    assert!(matches!(failed(&outcome), ActionErrorKind::AccountDoesNotExist { .. }));
    assert_eq!(path(&net, &outcome), [("nobody.root".into(), 1), ("alice.root".into(), 2)]);
    let refund = &outcome.view.receipts_outcome[1].outcome;
    assert_eq!(refund.gas_burnt.as_gas(), 223_182_562_500);
    assert_eq!(refund.tokens_burnt, Balance::ZERO);
    assert!(net.balance("alice.root").unwrap() > Balance::from_millinear(9_999));
}

#[test]
fn the_first_transfer_to_a_keys_own_name_creates_the_account() {
    let mut net = Net::new();
    let key = SecretKey::from_random(KeyType::ED25519);
    let name: String = key.public_key().key_data().iter().map(|byte| format!("{byte:02x}")).collect();
    let root = net.root.clone();
    succeeded(&net.run(&root, &name, vec![transfer(Balance::from_near(2))]));
    let implicit = who(&name).with_key(&key);
    let outcome = net.run(&implicit, "root", vec![transfer(Balance::from_near(1))]);
    succeeded(&outcome);
}

#[test]
fn only_its_parent_creates_a_sub_account() {
    let mut net = Net::new();
    let alice = net.create("alice.root", 10);
    let outcome = net.run(&alice, "mine.root", vec![create_account(), transfer(Balance::from_near(1))]);
    assert!(matches!(failed(&outcome), ActionErrorKind::CreateAccountNotAllowed { .. }));
    let outcome = net.run(&alice, "alice", vec![create_account()]);
    assert!(matches!(failed(&outcome), ActionErrorKind::CreateAccountOnlyByRegistrar { .. }));
}

#[test]
fn a_new_account_costs_what_the_protocol_says() {
    // Before protocol 85 it was the gas alone.
    for (version, at_least, below) in [(OLDEST, 0, 2), (NEWEST, 7, 9)] {
        let mut net = Net::at(version);
        let alice = net.create("alice.root", 10);
        succeeded(&net.run(&alice, "a.alice.root", vec![create_account(), transfer(Balance::from_near(1))]));
        let paid = Balance::from_near(9).checked_sub(net.balance("alice.root").unwrap()).unwrap();
        assert!(paid >= Balance::from_millinear(at_least) && paid < Balance::from_millinear(below), "{paid:?}");
    }
}

#[test]
fn only_the_owner_changes_keys_and_code() {
    let mut net = Net::new();
    let (alice, bob) = (net.create("alice.root", 10), net.create("bob.root", 10));
    let outcome = net.run(&alice, "bob.root", vec![full_key(&alice.signer.public_key())]);
    assert!(matches!(failed(&outcome), ActionErrorKind::ActorNoPermission { .. }));
    let outcome = net.run(&alice, "bob.root", vec![deploy_contract(contract())]);
    assert!(matches!(failed(&outcome), ActionErrorKind::ActorNoPermission { .. }));
    let outcome = net.run(&alice, "alice.root", vec![full_key(&alice.signer.public_key())]);
    assert!(matches!(failed(&outcome), ActionErrorKind::AddKeyAlreadyExists { .. }));
    assert!(net.key(&bob).is_some());
}

#[test]
fn a_function_call_key_calls_what_it_names_and_nothing_else() {
    let mut net = Net::new();
    let alice = net.create("alice.root", 10);
    net.deploy("app.root");
    net.deploy("other.root");
    let key = SecretKey::from_random(KeyType::ED25519);
    let limited = alice.with_key(&key);
    let allowance = Some(Balance::from_near(1));
    succeeded(&net.run(&alice, "alice.root", vec![call_key(&key.public_key(), "app.root", "echo", allowance)]));

    succeeded(&net.run(&limited, "app.root", vec![call("echo", b"hi")]));
    for (to, actions, expected) in [
        ("app.root", vec![call("load", b"")], InvalidAccessKeyError::MethodNameMismatch { method_name: "load".into() }),
        (
            "other.root",
            vec![call("echo", b"")],
            InvalidAccessKeyError::ReceiverMismatch {
                tx_receiver: "other.root".parse().unwrap(),
                ak_receiver: "app.root".into(),
            },
        ),
        (
            "app.root",
            vec![call_with("echo", b"", 10, Balance::from_yoctonear(1))],
            InvalidAccessKeyError::DepositWithFunctionCall,
        ),
        ("app.root", vec![transfer(Balance::from_yoctonear(1))], InvalidAccessKeyError::RequiresFullAccess),
        ("app.root", vec![call("echo", b""), call("echo", b"")], InvalidAccessKeyError::RequiresFullAccess),
    ] {
        assert_eq!(net.refused(&limited, to, actions), InvalidTxError::InvalidAccessKeyError(expected));
    }
}

#[test]
fn an_allowance_pays_for_gas_and_gets_back_what_was_not_used() {
    let mut net = Net::new();
    let alice = net.create("alice.root", 10);
    net.deploy("app.root");
    let key = SecretKey::from_random(KeyType::ED25519);
    let limited = alice.with_key(&key);
    let allowance = Balance::from_near(1);
    succeeded(&net.run(&alice, "alice.root", vec![call_key(&key.public_key(), "app.root", "echo", Some(allowance))]));
    let before = net.balance("alice.root").unwrap();
    succeeded(&net.run(&limited, "app.root", vec![call("echo", b"hi")]));
    let paid = before.checked_sub(net.balance("alice.root").unwrap()).unwrap();
    let AccessKeyPermission::FunctionCall(permission) = net.key(&limited).unwrap().permission else { panic!() };
    assert_eq!(permission.allowance, allowance.checked_sub(paid));
}

#[test]
fn a_deleted_account_leaves_its_rest_to_the_beneficiary() {
    let mut net = Net::new();
    let (alice, _) = (net.create("alice.root", 10), net.create("bob.root", 10));
    succeeded(&net.run(&alice, "alice.root", vec![delete_account("bob.root")]));
    assert_eq!(net.balance("alice.root"), None);
    assert!(net.key(&alice).is_none());
    assert!(net.balance("bob.root").unwrap() > Balance::from_millinear(19_990));
}

#[test]
fn what_a_deleted_account_leaves_to_nobody_is_burnt() {
    let mut net = Net::new();
    let alice = net.create("alice.root", 10);
    let before = net.chain.head().total_supply;
    net.run(&alice, "alice.root", vec![delete_account("nobody.root")]);
    let gone = before.checked_sub(net.chain.head().total_supply).unwrap();
    assert_eq!(gone, Balance::from_near(10));
}

#[test]
fn an_account_with_much_state_cannot_be_deleted() {
    let mut net = Net::new();
    let app = net.deploy("app.root");
    succeeded(&net.run(&app, "app.root", vec![call("store", &[7; 20_000])]));
    let outcome = net.run(&app, "app.root", vec![delete_account("root")]);
    assert!(matches!(failed(&outcome), ActionErrorKind::DeleteAccountWithLargeState { .. }));
}

#[test]
fn a_nonce_is_used_once_and_stays_in_its_range() {
    let mut net = Net::new();
    let alice = net.create("alice.root", 10);
    let used = net.key(&alice).unwrap().nonce;
    let pay = || vec![transfer(Balance::from_yoctonear(1))];
    let again = net.sign_with_nonce(&alice, "root", pay(), used);
    let refused = net.chain.submit(again).unwrap_err();
    assert_eq!(refused, InvalidTxError::InvalidNonce { tx_nonce: used, ak_nonce: used });
    let upper_bound = (net.chain.head().height + 1) * 1_000_000;
    let huge = net.sign_with_nonce(&alice, "root", pay(), upper_bound);
    let refused = net.chain.submit(huge).unwrap_err();
    assert_eq!(refused, InvalidTxError::NonceTooLarge { tx_nonce: upper_bound, upper_bound });
    let last = net.sign_with_nonce(&alice, "root", pay(), upper_bound - 1);
    succeeded(&net.finish(last));
}

#[test]
fn transactions_of_one_key_run_by_nonce_whatever_order_they_come_in() {
    let mut net = Net::new();
    let alice = net.create("alice.root", 10);
    let nonce = net.key(&alice).unwrap().nonce;
    let pay = |yocto| vec![transfer(Balance::from_yoctonear(yocto))];
    let second = net.sign_with_nonce(&alice, "root", pay(2), nonce + 2);
    let first = net.sign_with_nonce(&alice, "root", pay(1), nonce + 1);
    let hashes = [net.chain.submit(second).unwrap(), net.chain.submit(first).unwrap()];
    for hash in hashes {
        succeeded(&net.settle(&hash));
    }
}

#[test]
fn of_two_transactions_with_one_nonce_the_second_fails_with_the_reason() {
    let mut net = Net::new();
    let alice = net.create("alice.root", 10);
    let nonce = net.key(&alice).unwrap().nonce + 1;
    let a = net.sign_with_nonce(&alice, "root", vec![transfer(Balance::from_yoctonear(1))], nonce);
    let b = net.sign_with_nonce(&alice, "root", vec![transfer(Balance::from_yoctonear(2))], nonce);
    let (a, b) = (net.chain.submit(a).unwrap(), net.chain.submit(b).unwrap());
    succeeded(&net.settle(&a));
    let outcome = net.chain.final_outcome(&b).unwrap();
    assert_eq!(outcome.refused(), Some(&InvalidTxError::InvalidNonce { tx_nonce: nonce, ak_nonce: nonce }));
}

#[test]
fn a_transaction_sent_twice_runs_once() {
    let mut net = Net::new();
    let alice = net.create("alice.root", 10);
    let transaction = net.sign(&alice, "root", vec![transfer(Balance::from_near(1))]);
    let hash = net.chain.submit(transaction.clone()).unwrap();
    assert_eq!(net.chain.submit(transaction.clone()), Ok(hash), "still waiting");
    net.settle(&hash);
    let balance = net.balance("alice.root");
    assert_eq!(net.chain.submit(transaction), Ok(hash), "already executed");
    net.block();
    assert_eq!(net.balance("alice.root"), balance);
}

#[test]
fn the_door_refuses_wrong_signatures_strangers_and_old_blocks() {
    let mut net = Net::new();
    let (alice, bob) = (net.create("alice.root", 10), net.create("bob.root", 10));
    let pay = || vec![transfer(Balance::from_yoctonear(1))];

    let mut forged = net.sign(&alice, "root", pay());
    forged.signature = bob.signer.sign(forged.get_hash().as_ref());
    assert_eq!(net.chain.submit(forged), Err(InvalidTxError::InvalidSignature));

    let stranger = alice.with_key(&SecretKey::from_random(KeyType::ED25519));
    let unknown = net.sign_with_nonce(&stranger, "root", pay(), 1);
    assert!(matches!(
        net.chain.submit(unknown),
        Err(InvalidTxError::InvalidAccessKeyError(InvalidAccessKeyError::AccessKeyNotFound { .. }))
    ));
    let nobody = net.sign_with_nonce(&who("nobody.root"), "root", pay(), 1);
    assert!(matches!(net.chain.submit(nobody), Err(InvalidTxError::SignerDoesNotExist { .. })));

    let Transaction::V0(mut lost) = net.sign(&alice, "root", pay()).transaction else { panic!() };
    lost.block_hash = hash(b"nowhere");
    let lost = Transaction::V0(lost);
    let signature = alice.signer.sign(lost.get_hash_and_size().0.as_ref());
    let lost = near_primitives::transaction::SignedTransaction::new(signature, lost);
    assert_eq!(net.chain.submit(lost), Err(InvalidTxError::Expired));

    let old = net.sign(&alice, "root", pay());
    let period = net.chain.genesis().transaction_validity_period;
    net.fast_forward(period + 1);
    assert_eq!(net.chain.submit(old), Err(InvalidTxError::Expired));
}

#[test]
fn nobody_spends_more_than_there_is() {
    let mut net = Net::new();
    let alice = net.create("alice.root", 10);
    let refused = net.refused(&alice, "root", vec![transfer(Balance::from_near(10))]);
    assert!(matches!(refused, InvalidTxError::NotEnoughBalance { .. }), "{refused:?}");
}

#[test]
fn actions_that_are_not_supported_are_refused_by_name() {
    let mut net = Net::new();
    let alice = net.create("alice.root", 10);
    let stake = StakeAction { stake: Balance::from_near(1), public_key: alice.signer.public_key() };
    let refused = net.refused(&alice, "alice.root", vec![Action::Stake(Box::new(stake))]);
    let InvalidTxError::ActionsValidation(ActionsValidationError::UnsupportedProtocolFeature {
        protocol_feature, ..
    }) = refused
    else {
        panic!("{refused:?}")
    };
    assert_eq!(protocol_feature, "Stake (not supported by the local chain)");
}

#[test]
fn limits_on_actions_hold_at_the_door() {
    let mut net = Net::new();
    let alice = net.create("alice.root", 10);
    let many = vec![transfer(Balance::from_yoctonear(1)); 101];
    assert!(matches!(
        net.refused(&alice, "root", many),
        InvalidTxError::ActionsValidation(ActionsValidationError::TotalNumberOfActionsExceeded { .. })
    ));
    assert!(matches!(
        net.refused(&alice, "root", vec![call_with("echo", b"", 1_001, Balance::ZERO)]),
        InvalidTxError::ActionsValidation(ActionsValidationError::TotalPrepaidGasExceeded { .. })
    ));
    assert!(matches!(
        net.refused(&alice, "root", vec![call_with("echo", b"", 0, Balance::ZERO)]),
        InvalidTxError::ActionsValidation(ActionsValidationError::FunctionCallZeroAttachedGas)
    ));
    assert!(matches!(
        net.refused(&alice, "alice.root", vec![delete_account("root"), transfer(Balance::from_near(1))]),
        InvalidTxError::ActionsValidation(ActionsValidationError::DeleteActionMustBeFinal)
    ));
}

#[test]
fn a_waiting_transaction_is_known_but_has_no_outcome() {
    let mut net = Net::new();
    let root = net.root.clone();
    let transaction = net.sign(&root, "near", vec![transfer(Balance::from_near(1))]);
    let hash = net.chain.submit(transaction).unwrap();
    assert_eq!(net.chain.transaction(&hash).unwrap().block_hash, None);
    assert!(net.chain.final_outcome(&hash).is_none());
    let block = net.block();
    assert_eq!(net.chain.transaction(&hash).unwrap().block_hash, Some(block.hash));
    let outcome = net.chain.final_outcome(&hash).unwrap();
    assert_eq!(outcome.view.status, FinalExecutionStatus::Started);
}
