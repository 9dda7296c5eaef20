//! Who may call each method, what must be attached, and what is said otherwise.

use crate::{
    abi::CONTRACT_ABI,
    support::{NOTHING, ONE_YOCTO, answer, assert_refused, call, delete, send, settle, start},
};
use anyhow::Result;
use near_workspaces::{
    Account,
    types::{AccessKey, KeyType, NearToken, SecretKey},
};
use offchainvm_interface::calls::method::{
    ACCEPT_OWNER, ADD_OPERATOR, CANCEL_STALE_EXECUTION, CLAIM_CREDIT, EMERGENCY_CANCEL_EXECUTION, ESTIMATE_COST,
    GET_CONFIG, GET_CREDIT, GET_MAX_LIMITS, GET_OPERATORS, GET_PRICING, GET_RECEIPT, GET_REQUEST, GET_REQUEST_INPUT,
    GET_STATS, LIST_PENDING, MIGRATE, NEW, PROPOSE_OWNER, REMOVE_OPERATOR, REQUEST_EXECUTION, RESOLVE_EXECUTION,
    RESOLVE_EXECUTIONS, SET_CONFIG, SET_LIMITS, SET_OPERATOR, SET_PAUSED, SET_PRICING, UPGRADE, WITHDRAW_FEES,
};
use offchainvm_tests::{
    Network,
    artifacts::contract_wasm,
    network::{DEPOSIT, Sent, seed_request},
};
use serde_json::{Value, json};
use wasmparser::{ExternalKind, Parser, Payload};

/// Who may call a method.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Caller {
    /// Anyone, free of charge: a view.
    Reader,
    Anyone,
    Operator,
    Owner,
    ProposedOwner,
    Sender,
    Creditor,
    /// The contract's own account.
    Contract,
}

/// What must be attached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Attached {
    Nothing,
    OneYocto,
    Price,
}

use Attached::{Nothing, OneYocto, Price};
use Caller::{Anyone, Contract, Creditor, Operator, Owner, ProposedOwner, Reader, Sender};

/// The methods that have no name in the interface, because nobody calls them from outside.
const ON_EXECUTION_RESPONSE: &str = "on_execution_response";
const FAIL_EXECUTION: &str = "fail_execution";
const ON_REFUND: &str = "on_refund";
const ON_WITHDRAWAL: &str = "on_withdrawal";

pub const TABLE: &[(&str, Caller, Attached)] = &[
    (REQUEST_EXECUTION, Anyone, Price),
    (RESOLVE_EXECUTION, Operator, Nothing),
    (RESOLVE_EXECUTIONS, Operator, Nothing),
    (CANCEL_STALE_EXECUTION, Sender, Nothing),
    (CLAIM_CREDIT, Creditor, Nothing),
    (EMERGENCY_CANCEL_EXECUTION, Owner, OneYocto),
    (SET_OPERATOR, Owner, OneYocto),
    (ADD_OPERATOR, Owner, OneYocto),
    (REMOVE_OPERATOR, Owner, OneYocto),
    (PROPOSE_OWNER, Owner, OneYocto),
    (ACCEPT_OWNER, ProposedOwner, OneYocto),
    (SET_PRICING, Owner, OneYocto),
    (SET_PAUSED, Owner, OneYocto),
    (SET_LIMITS, Owner, OneYocto),
    (SET_CONFIG, Owner, OneYocto),
    (WITHDRAW_FEES, Owner, OneYocto),
    (UPGRADE, Owner, OneYocto),
    (NEW, Contract, Nothing),
    (MIGRATE, Contract, Nothing),
    (ON_EXECUTION_RESPONSE, Contract, Nothing),
    (FAIL_EXECUTION, Contract, Nothing),
    (ON_REFUND, Contract, Nothing),
    (ON_WITHDRAWAL, Contract, Nothing),
    (ESTIMATE_COST, Reader, Nothing),
    (GET_CONFIG, Reader, Nothing),
    (GET_CREDIT, Reader, Nothing),
    (GET_MAX_LIMITS, Reader, Nothing),
    (GET_OPERATORS, Reader, Nothing),
    (GET_PRICING, Reader, Nothing),
    (GET_RECEIPT, Reader, Nothing),
    (GET_REQUEST, Reader, Nothing),
    (GET_REQUEST_INPUT, Reader, Nothing),
    (GET_STATS, Reader, Nothing),
    (LIST_PENDING, Reader, Nothing),
    ("contract_source_metadata", Reader, Nothing),
];

/// A contract on which every row's call would be taken from its rightful caller: a request waits, the user has
/// a credit, an heir is proposed.
pub struct Stage {
    pub net: Network,
    heir: Account,
    stranger: Account,
    waiting: Sent,
    data_id: Value,
}

const WAITING: u64 = 2;

pub async fn set_stage() -> Result<Stage> {
    let net = start().await?;
    let (heir, friend) = (net.account("heir").await?, net.account("friend").await?);
    net.administer(&net.owner, PROPOSE_OWNER, json!({"new_owner_id": heir.id()})).await?.into_result()?;
    let mut args = seed_request();
    args["refund_to"] = json!(friend.id());
    let (sent, request) = net.request_and_find(&net.user, args, DEPOSIT).await?;
    delete(&net, friend).await?;
    settle(&net, sent, &request, answer("42")).await?.into_result()?;

    let (waiting, request) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    assert_eq!(request.request_id, WAITING);
    let stranger = net.account("stranger").await?;
    Ok(Stage { heir, stranger, waiting, data_id: json!(request.data_id), net })
}

impl Stage {
    /// Arguments that the method takes from its rightful caller.
    pub fn args(&self, method: &str) -> Value {
        let stranger = self.stranger.id();
        match method {
            REQUEST_EXECUTION => seed_request(),
            RESOLVE_EXECUTION => json!({"data_id": self.data_id, "response": answer("42")}),
            RESOLVE_EXECUTIONS => json!({"responses": []}),
            CANCEL_STALE_EXECUTION
            | EMERGENCY_CANCEL_EXECUTION
            | ON_EXECUTION_RESPONSE
            | GET_REQUEST
            | GET_RECEIPT
            | GET_REQUEST_INPUT => json!({"request_id": WAITING}),
            SET_OPERATOR => json!({"new_operator_id": stranger}),
            ADD_OPERATOR => json!({"operator_id": stranger}),
            REMOVE_OPERATOR => json!({"operator_id": self.net.operator.id()}),
            PROPOSE_OWNER => json!({"new_owner_id": stranger}),
            SET_PRICING => {
                json!({"base_fee": "0", "per_instruction_fee": "0", "per_mb_fee": "0", "per_second_fee": "0"})
            }
            SET_PAUSED => json!({"paused": true}),
            SET_LIMITS => json!({"max_instructions": 1, "max_memory_mb": 1, "max_execution_seconds": 1}),
            NEW => json!({"owner_id": stranger, "operator_id": stranger}),
            FAIL_EXECUTION => json!({"message": "feigned"}),
            ON_REFUND | ON_WITHDRAWAL => json!({"account_id": stranger, "amount": "1"}),
            ESTIMATE_COST => json!({"input_len": 0}),
            GET_CREDIT => json!({"account_id": stranger}),
            _ => json!({}),
        }
    }

    fn rightful(&self, caller: Caller) -> &Account {
        match caller {
            Reader | Anyone => &self.stranger,
            Operator => &self.net.operator,
            Owner => &self.net.owner,
            ProposedOwner => &self.heir,
            Sender | Creditor => &self.net.user,
            Contract => self.net.contract.as_account(),
        }
    }

    /// What somebody else is told; [`None`] when there is nobody else.
    fn refusal(&self, method: &str, caller: Caller) -> Option<String> {
        let stranger = self.stranger.id();
        match caller {
            Reader | Anyone => None,
            Operator => Some(format!("Only an operator may call this method, and {stranger} is none")),
            Owner => Some(format!("Only the owner may call this method, and {stranger} is not")),
            ProposedOwner => Some(format!("Only who was proposed as owner may accept, and {stranger} was not")),
            Sender => Some(format!("Only the sender of request {WAITING} may cancel it, and {stranger} is not")),
            Creditor => Some(format!("{stranger} has no credit")),
            Contract => Some(format!("Method {method} is private")),
        }
    }

    /// Checks that nothing of all that was refused has left a trace.
    async fn unchanged(&self, before: &(Value, Value)) -> Result<()> {
        assert_eq!(&self.look().await?, before);
        Ok(())
    }

    async fn look(&self) -> Result<(Value, Value)> {
        let look = async |method| -> Result<Value> { Ok(self.net.contract.view(method).await?.json()?) };
        Ok((look(GET_CONFIG).await?, look(GET_STATS).await?))
    }
}

fn due(attached: Attached) -> NearToken {
    match attached {
        Nothing => NOTHING,
        OneYocto => ONE_YOCTO,
        Price => DEPOSIT,
    }
}

/// Deposits that are not what must be attached, and what whoever attaches them is told.
fn undue(method: &str, caller: Caller, attached: Attached) -> Vec<(NearToken, String)> {
    let one_yocto = "Attach exactly 1 yoctoNEAR".to_owned();
    match (attached, caller) {
        (OneYocto, _) => vec![(NOTHING, one_yocto.clone()), (NearToken::from_yoctonear(2), one_yocto)],
        (Price, _) => vec![(NOTHING, "The deposit of 0 yoctoNEAR is too small".to_owned())],
        (Nothing, Operator) => vec![(ONE_YOCTO, "Attach no deposit".to_owned())],
        // Nobody but the contract itself reaches a callback, and a view costs nothing.
        (Nothing, Contract | Reader) => vec![],
        (Nothing, _) => vec![(ONE_YOCTO, format!("Method {method} doesn't accept deposit"))],
    }
}

#[test]
fn every_exported_method_has_a_row() {
    let mut exported = vec![];
    for payload in Parser::new(0).parse_all(contract_wasm()) {
        if let Payload::ExportSection(section) = payload.unwrap() {
            let exports = section.into_iter().map(Result::unwrap);
            exported.extend(exports.filter(|export| export.kind == ExternalKind::Func).map(|export| export.name));
        }
    }
    // No method, but a file for tools.
    exported.retain(|name| *name != CONTRACT_ABI);
    let mut rows: Vec<_> = TABLE.iter().map(|(method, ..)| *method).collect();
    rows.sort_unstable();
    exported.sort_unstable();
    assert_eq!(rows, exported);
}

#[tokio::test]
async fn a_stranger_is_refused_wherever_one_must_be() -> Result<()> {
    let stage = set_stage().await?;
    let before = stage.look().await?;
    let mut calls = vec![];
    for (method, caller, attached) in TABLE {
        let Some(refusal) = stage.refusal(method, *caller) else { continue };
        calls.push((send(&stage.net, &stage.stranger, method, &stage.args(method), due(*attached)).await?, refusal));
    }
    for (sent, refusal) in calls {
        assert_refused(&sent.await?, &refusal);
    }
    stage.unchanged(&before).await
}

#[tokio::test]
async fn what_is_attached_must_be_what_the_method_takes() -> Result<()> {
    let stage = set_stage().await?;
    let before = stage.look().await?;
    let mut calls = vec![];
    for (method, caller, attached) in TABLE {
        for (deposit, refusal) in undue(method, *caller, *attached) {
            let rightful = stage.rightful(*caller);
            calls.push((send(&stage.net, rightful, method, &stage.args(method), deposit).await?, refusal));
        }
    }
    for (sent, refusal) in calls {
        assert_refused(&sent.await?, &refusal);
    }
    stage.unchanged(&before).await
}

#[tokio::test]
async fn anyone_may_read() -> Result<()> {
    let stage = set_stage().await?;
    for (method, ..) in TABLE.iter().filter(|(_, caller, _)| *caller == Reader) {
        let view = stage.stranger.view(stage.net.contract.id(), method).args_json(stage.args(method));
        view.await?.json::<Value>()?;
    }
    Ok(())
}

/// A callback believes the promise that it hears, so a call that hears none must fail, whoever makes it.
#[tokio::test]
async fn not_even_the_contracts_own_key_can_feign_a_promise() -> Result<()> {
    let stage = set_stage().await?;
    let before = stage.look().await?;
    for (method, ..) in TABLE.iter().filter(|(method, caller, _)| *caller == Contract && *method != MIGRATE) {
        let own = stage.net.contract.as_account();
        let result = call(&stage.net, own, method, &stage.args(method), NOTHING).await?;
        assert!(result.is_failure(), "{method}: {result:#?}");
    }
    stage.unchanged(&before).await
}

#[tokio::test]
async fn a_function_call_key_answers_requests_and_does_nothing_of_the_owners() -> Result<()> {
    let stage = set_stage().await?;
    let net = &stage.net;
    let owner = with_function_call_key(net, &net.owner, &[]).await?;
    let before = stage.look().await?;
    let mut calls = vec![];
    for (method, ..) in TABLE.iter().filter(|(_, _, attached)| *attached == OneYocto) {
        calls.push(send(net, &owner, method, &stage.args(method), NOTHING).await?);
    }
    for sent in calls {
        assert_refused(&sent.await?, "Attach exactly 1 yoctoNEAR");
    }
    // With the yocto, the chain itself does not take the transaction.
    let paid = owner.call(net.contract.id(), SET_PAUSED).args_json(stage.args(SET_PAUSED)).deposit(ONE_YOCTO);
    assert!(format!("{:?}", paid.transact().await.unwrap_err()).contains("DepositWithFunctionCall"));
    stage.unchanged(&before).await?;

    let operator = with_function_call_key(net, &net.operator, &[RESOLVE_EXECUTION]).await?;
    let args = stage.args(RESOLVE_EXECUTION);
    call(net, &operator, RESOLVE_EXECUTION, &args, NOTHING).await?.into_result()?;
    assert_eq!(stage.waiting.outcome().await?.json::<String>()?, "42");
    Ok(())
}

/// The same account with a new key that may only call these methods of the contract; all of them when none is named.
async fn with_function_call_key(net: &Network, account: &Account, methods: &[&str]) -> Result<Account> {
    let key = SecretKey::from_seed(KeyType::ED25519, account.id().as_str());
    let access = AccessKey::function_call_access(net.contract.id(), methods, None);
    account.batch(account.id()).add_key(key.public_key(), access).transact().await?.into_result()?;
    Ok(Account::from_secret_key(account.id().clone(), key, &net.workspaces))
}
