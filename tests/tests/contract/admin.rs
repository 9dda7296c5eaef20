//! The owner's levers: each does what it says, refuses what it must, and tells the world.

use crate::support::{
    COST, NOTHING, ONE_YOCTO, USED, account_with_new_key, answer, assert_refused, credit, delete, id, settle, sha256,
    start, storage_usage, view,
};
use anyhow::Result;
use near_workspaces::{Account, AccountId, operations::Function, types::Gas};
use offchainvm_interface::{
    DataRef, Event, ExecutionResponse, MaxLimits, Pricing,
    calls::method,
    events::{ConfigChanged, OperatorsChanged, OwnerChanged, OwnerProposed, PausedChanged},
    views::Config,
};
use offchainvm_tests::{
    Network,
    network::{DEPOSIT, seed_request},
    outcome::{completed, events, gas_on},
};
use serde_json::{Value, from_value, json};
use std::time::Duration;

/// The prefix of the receipts' keys in the contract's state.
const RECEIPTS: [u8; 1] = [9];

async fn config(net: &Network) -> Result<Config> {
    Ok(from_value(view(net, method::GET_CONFIG, json!({})).await?)?)
}

async fn operators(net: &Network) -> Result<Vec<AccountId>> {
    Ok(from_value(view(net, method::GET_OPERATORS, json!({})).await?)?)
}

/// Pulls a lever and returns the one event that it must emit.
async fn pull(net: &Network, who: &Account, method: &str, args: Value) -> Result<Event> {
    let result = net.administer(who, method, args).await?;
    assert!(result.is_success(), "{method}: {result:#?}");
    let mut events = events(&result);
    assert_eq!(events.len(), 1, "{method}: {events:?}");
    Ok(events.remove(0))
}

fn operators_are(operators: &[&AccountId]) -> Event {
    Event::OperatorsChanged(vec![OperatorsChanged { operators: operators.iter().map(|id| (*id).clone()).collect() }])
}

#[tokio::test]
async fn operators_are_a_set_that_the_owner_changes() -> Result<()> {
    let net = start().await?;
    let (owner, first) = (&net.owner, net.operator.id());
    let second = net.account("second").await?;
    let args = json!({"operator_id": second.id()});

    let event = pull(&net, owner, method::ADD_OPERATOR, args.clone()).await?;
    assert_eq!(event, operators_are(&[first, second.id()]));
    assert_eq!(operators(&net).await?, [first.clone(), second.id().clone()]);
    let twice = net.administer(owner, method::ADD_OPERATOR, args.clone()).await?;
    assert_refused(&twice, &format!("{} is an operator already", second.id()));

    let (sent, request) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    net.resolve_as(&second, request.data_id, answer("from the second")).await?.into_result()?;
    assert_eq!(sent.outcome().await?.json::<String>()?, "from the second");

    let event = pull(&net, owner, method::REMOVE_OPERATOR, json!({"operator_id": first})).await?;
    assert_eq!(event, operators_are(&[second.id()]));
    let gone = net.administer(owner, method::REMOVE_OPERATOR, json!({"operator_id": first})).await?;
    assert_refused(&gone, first.as_str());
    let (_, request) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    let refused = net.resolve(request.data_id, answer("from the first")).await?;
    assert_refused(&refused, &format!("Only an operator may call this method, and {first} is none"));

    assert_eq!(pull(&net, owner, method::REMOVE_OPERATOR, args).await?, operators_are(&[]));
    assert_eq!((operators(&net).await?, config(&net).await?.operator_id), (vec![], None));
    let event = pull(&net, owner, method::SET_OPERATOR, json!({"new_operator_id": first})).await?;
    assert_eq!(event, operators_are(&[first]));
    assert_eq!(config(&net).await?.operator_id.as_ref(), Some(first));
    Ok(())
}

#[tokio::test]
async fn there_are_twenty_operators_at_most() -> Result<()> {
    let net = start().await?;
    let mut batch = net.owner.batch(net.contract.id());
    for number in 2..=20 {
        let args = json!({"operator_id": id(&net, &format!("operator-{number}"))});
        let add = Function::new(method::ADD_OPERATOR).args_json(args).deposit(ONE_YOCTO);
        batch = batch.call(add.gas(Gas::from_tgas(10)));
    }
    batch.transact().await?.into_result()?;
    assert_eq!(operators(&net).await?.len(), 20);
    let args = json!({"operator_id": id(&net, "operator-21")});
    let refused = net.administer(&net.owner, method::ADD_OPERATOR, args).await?;
    assert_refused(&refused, "There are 20 operators already: remove one first");
    Ok(())
}

#[tokio::test]
async fn the_ownership_passes_to_who_was_proposed_and_accepts() -> Result<()> {
    let net = start().await?;
    let (heir, second) = (net.account("heir").await?, net.account("second").await?);
    let propose = |who: Option<&Account>| json!({"new_owner_id": who.map(Account::id)});
    let proposed = |who: Option<&Account>| {
        let proposed_owner_id = who.map(|who| who.id().clone());
        Event::OwnerProposed(vec![OwnerProposed { proposed_owner_id }])
    };

    let event = pull(&net, &net.owner, method::PROPOSE_OWNER, propose(Some(&heir))).await?;
    assert_eq!(event, proposed(Some(&heir)));
    let config_now = config(&net).await?;
    assert_eq!((config_now.owner_id, config_now.proposed_owner_id.as_ref()), (net.owner.id().clone(), Some(heir.id())));
    let early = net.administer(&heir, method::SET_PAUSED, json!({"paused": true})).await?;
    assert_refused(&early, &format!("Only the owner may call this method, and {} is not", heir.id()));

    assert_eq!(pull(&net, &net.owner, method::PROPOSE_OWNER, propose(None)).await?, proposed(None));
    let withdrawn = net.administer(&heir, method::ACCEPT_OWNER, json!({})).await?;
    assert_refused(&withdrawn, &format!("Only who was proposed as owner may accept, and {} was not", heir.id()));

    pull(&net, &net.owner, method::PROPOSE_OWNER, propose(Some(&heir))).await?;
    pull(&net, &net.owner, method::PROPOSE_OWNER, propose(Some(&second))).await?;
    let replaced = net.administer(&heir, method::ACCEPT_OWNER, json!({})).await?;
    assert_refused(&replaced, "Only who was proposed as owner may accept");
    let changed = OwnerChanged { owner_id: second.id().clone(), former_owner_id: net.owner.id().clone() };
    assert_eq!(pull(&net, &second, method::ACCEPT_OWNER, json!({})).await?, Event::OwnerChanged(vec![changed]));

    let config_now = config(&net).await?;
    assert_eq!((&config_now.owner_id, config_now.proposed_owner_id), (second.id(), None));
    let old = net.administer(&net.owner, method::SET_PAUSED, json!({"paused": true})).await?;
    assert_refused(&old, &format!("Only the owner may call this method, and {} is not", net.owner.id()));
    let again = net.administer(&second, method::ACCEPT_OWNER, json!({})).await?;
    assert_refused(&again, "Only who was proposed as owner may accept");
    pull(&net, &second, method::SET_PAUSED, json!({"paused": true})).await?;
    Ok(())
}

#[tokio::test]
async fn limits_bound_what_new_requests_may_ask_for() -> Result<()> {
    let net = start().await?;
    let (sent, waiting) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    for zero in ["max_instructions", "max_memory_mb", "max_execution_seconds"] {
        let mut args = json!({"max_instructions": 1, "max_memory_mb": 1, "max_execution_seconds": 1});
        args[zero] = json!(0);
        let refused = net.administer(&net.owner, method::SET_LIMITS, args).await?;
        assert_refused(&refused, "Each limit must be at least 1; to stop new requests, pause the contract");
    }
    let caps = MaxLimits { max_instructions: 1_000_000, max_memory_mb: 64, max_execution_seconds: 5 };
    let event = pull(&net, &net.owner, method::SET_LIMITS, json!(caps)).await?;
    assert_eq!(event, Event::LimitsChanged(vec![caps]));
    assert_eq!(from_value::<MaxLimits>(view(&net, method::GET_MAX_LIMITS, json!({})).await?)?, caps);

    for (field, cap) in [("max_instructions", 1_000_000), ("max_memory_mb", 64), ("max_execution_seconds", 5)] {
        let mut args = seed_request();
        args["resource_limits"] = json!(caps);
        args["resource_limits"][field] = json!(cap + 1);
        let refused = net.request(&net.user, args, DEPOSIT).await?.outcome().await?;
        let words = format!("resource_limits: {field} is {}, but must be between 1 and {cap}", cap + 1);
        assert_refused(&refused, &words);
    }
    let mut args = seed_request();
    args["resource_limits"] = json!(caps);
    let (_, at_the_cap) = net.request_and_find(&net.user, args, DEPOSIT).await?;
    assert_eq!(at_the_cap.resource_limits.max_instructions, caps.max_instructions);

    let settled = completed(&settle(&net, sent, &waiting, answer("42")).await?);
    assert_eq!(settled.resources_used, USED, "a request that waited keeps the limits it was made with");
    Ok(())
}

#[tokio::test]
async fn the_configuration_stays_in_its_ranges_and_what_is_absent_stays() -> Result<()> {
    let net = start().await?;
    let before = config(&net).await?;
    for (field, value, range) in [
        ("deadline_seconds", 0, "1 and 604800"),
        ("deadline_seconds", 604_801, "1 and 604800"),
        ("max_result_bytes", 0, "1 and 131072"),
        ("max_result_bytes", 131_073, "1 and 131072"),
        ("receipt_history", 1_001, "0 and 1000"),
    ] {
        let refused = net.administer(&net.owner, method::SET_CONFIG, json!({field: value})).await?;
        assert_refused(&refused, &format!("{field} is {value}, but must be between {range}"));
    }
    assert_eq!(config(&net).await?, before);

    let mut expected = ConfigChanged { deadline_seconds: 60, max_result_bytes: 65_536, receipt_history: 100 };
    let event = pull(&net, &net.owner, method::SET_CONFIG, json!({"deadline_seconds": 60})).await?;
    assert_eq!(event, Event::ConfigChanged(vec![expected]));
    expected.max_result_bytes = 131_072;
    expected.receipt_history = 1_000;
    let args = json!({"max_result_bytes": 131_072, "receipt_history": 1_000});
    assert_eq!(pull(&net, &net.owner, method::SET_CONFIG, args).await?, Event::ConfigChanged(vec![expected]));
    let now = config(&net).await?;
    assert_eq!((now.stale_after_seconds, now.max_result_bytes, now.receipt_history), (60, 131_072, 1_000));
    Ok(())
}

#[tokio::test]
async fn the_longest_history_is_dropped_in_one_call() -> Result<()> {
    let net = start().await?;
    pull(&net, &net.owner, method::SET_CONFIG, json!({"receipt_history": 1_000})).await?;
    let (sent, request) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    settle(&net, sent, &request, answer("42").of_program(sha256(b"a program"))).await?.into_result()?;

    // The receipt of request 1, under every other place of the ring: a thousand requests would take minutes.
    let kept = net.contract.view_state().prefix(&RECEIPTS).await?;
    let (key, value) = kept.iter().next().unwrap();
    assert_eq!((kept.len(), key.as_slice()), (1, [RECEIPTS.as_slice(), &1u32.to_le_bytes()].concat().as_slice()));
    let places: Vec<_> = (0..1_000u32).map(|place| [RECEIPTS.as_slice(), &place.to_le_bytes()].concat()).collect();
    let all = places.iter().map(|place| (place.as_slice(), value.as_slice()));
    net.workspaces.patch(net.contract.id()).states(all).transact().await?;
    assert_eq!(net.contract.view_state().prefix(&RECEIPTS).await?.len(), 1_000);

    let call = net.owner.call(net.contract.id(), method::SET_CONFIG).args_json(json!({"receipt_history": 0}));
    let dropped = call.deposit(ONE_YOCTO).gas(Gas::from_tgas(300)).transact().await?;
    assert!(dropped.is_success(), "{dropped:#?}");
    println!("Tgas to drop a thousand receipts: {:?}", gas_on(&dropped, net.contract.id())[0] / 1_000_000_000_000);
    assert!(net.contract.view_state().prefix(&RECEIPTS).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_new_deadline_is_that_of_new_requests() -> Result<()> {
    let net = start().await?;
    let (_, old) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    pull(&net, &net.owner, method::SET_CONFIG, json!({"deadline_seconds": 30})).await?;
    let (_, new) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    let seconds = |nanoseconds: u64| nanoseconds / 1_000_000_000;
    assert_eq!((seconds(old.deadline - old.timestamp), seconds(new.deadline - new.timestamp)), (600, 30));

    net.advance_time(Duration::from_secs(31)).await?;
    let args = json!({"request_id": old.request_id});
    assert_refused(&net.call(&net.user, method::CANCEL_STALE_EXECUTION, args).await?, "is not stale yet");
    let args = json!({"request_id": new.request_id});
    net.call(&net.user, method::CANCEL_STALE_EXECUTION, args).await?.into_result()?;
    Ok(())
}

#[tokio::test]
async fn a_result_over_the_cap_is_named_by_its_hash() -> Result<()> {
    let net = start().await?;
    pull(&net, &net.owner, method::SET_CONFIG, json!({"max_result_bytes": 10})).await?;
    let (sent, request) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    let refused = net.resolve(request.data_id, answer("eleven byte")).await?;
    assert_refused(&refused, "response: return_value has 11 bytes, but at most 10 are taken");

    let output = DataRef { sha256: sha256(b"eleven byte"), size: 11 };
    let result = settle(&net, sent, &request, ExecutionResponse::succeeded_with_ref(output, USED)).await?;
    assert_eq!(result.clone().json::<Value>()?, json!({"output_ref": {"sha256": output.sha256, "size": 11}}));
    let settled = completed(&result);
    assert_eq!((settled.cost, settled.output_sha256), (COST, Some(output.sha256)));

    let (sent, request) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    assert_eq!(settle(&net, sent, &request, answer("just ten b")).await?.json::<String>()?, "just ten b");
    Ok(())
}

#[tokio::test]
async fn a_shorter_history_forgets_and_none_remembers_nothing() -> Result<()> {
    let net = start().await?;
    let receipt = async |request_id: u64| view(&net, method::GET_RECEIPT, json!({"request_id": request_id})).await;
    let run = async || {
        let (sent, request) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
        settle(&net, sent, &request, answer("42")).await?.into_result()?;
        anyhow::Ok(request.request_id)
    };
    let first = run().await?;
    assert_eq!(receipt(first).await?["request_id"], json!(first));
    pull(&net, &net.owner, method::SET_CONFIG, json!({"deadline_seconds": 60, "receipt_history": 100})).await?;
    assert_eq!(receipt(first).await?["request_id"], json!(first), "the same length keeps what is remembered");

    let empty = storage_usage(&net).await?;
    pull(&net, &net.owner, method::SET_CONFIG, json!({"receipt_history": 50})).await?;
    assert_eq!(receipt(first).await?, Value::Null);
    assert!(storage_usage(&net).await? < empty, "what is forgotten takes no storage");

    pull(&net, &net.owner, method::SET_CONFIG, json!({"receipt_history": 0})).await?;
    let empty = storage_usage(&net).await?;
    let second = run().await?;
    assert_eq!(receipt(second).await?, Value::Null);
    assert_eq!(storage_usage(&net).await?, empty);
    Ok(())
}

#[tokio::test]
async fn new_prices_are_those_of_new_requests() -> Result<()> {
    let net = start().await?;
    let (sent, waiting) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    let dear = Pricing {
        base_fee: Pricing::default().base_fee.saturating_mul(2),
        per_second_fee: NOTHING,
        ..Pricing::default()
    };
    let event = pull(&net, &net.owner, method::SET_PRICING, json!(dear)).await?;
    assert_eq!(event, Event::PricingChanged(vec![dear]));
    assert_eq!(from_value::<Pricing>(view(&net, method::GET_PRICING, json!({})).await?)?, dear);

    let (new_sent, new) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    assert_eq!((waiting.pricing, new.pricing), (Pricing::default(), dear));
    assert_eq!(completed(&settle(&net, sent, &waiting, answer("old")).await?).cost, COST);
    assert_eq!(completed(&settle(&net, new_sent, &new, answer("new")).await?).cost, dear.cost(&USED)?);
    Ok(())
}

#[tokio::test]
async fn a_pause_stops_new_requests_and_nothing_else() -> Result<()> {
    let net = start().await?;
    let friend = account_with_new_key(&net, "friend").await?;
    let mut for_friend = seed_request();
    for_friend["refund_to"] = json!(friend.id());
    let (to_credit, credited) = net.request_and_find(&net.user, for_friend, DEPOSIT).await?;
    let (to_resolve, resolved) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    let (to_cancel, cancelled) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    let (to_withdraw, withdrawn) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    delete(&net, friend).await?;

    let event = pull(&net, &net.owner, method::SET_PAUSED, json!({"paused": true})).await?;
    assert_eq!(event, Event::PausedChanged(vec![PausedChanged { paused: true }]));
    assert!(config(&net).await?.paused);
    let refused = net.request(&net.user, seed_request(), DEPOSIT).await?.outcome().await?;
    assert_refused(&refused, "The contract is paused: new requests are refused, pending ones are settled as usual");

    assert_eq!(settle(&net, to_resolve, &resolved, answer("42")).await?.json::<String>()?, "42");
    settle(&net, to_credit, &credited, answer("42")).await?.into_result()?;
    assert!(credit(&net, net.user.id()).await? > NOTHING);
    net.call(&net.user, method::CLAIM_CREDIT, json!({})).await?.into_result()?;
    assert_eq!(credit(&net, net.user.id()).await?, NOTHING);
    pull(&net, &net.owner, method::WITHDRAW_FEES, json!({})).await?;
    assert_eq!(net.stats().await?.fees, NOTHING);
    pull(&net, &net.owner, method::EMERGENCY_CANCEL_EXECUTION, json!({"request_id": withdrawn.request_id})).await?;
    assert_refused(&to_withdraw.outcome().await?, "cancelled: the request was withdrawn");
    net.advance_time(Duration::from_secs(601)).await?;
    let args = json!({"request_id": cancelled.request_id});
    net.call(&net.user, method::CANCEL_STALE_EXECUTION, args).await?.into_result()?;
    assert_refused(&to_cancel.outcome().await?, "cancelled: the request was withdrawn");
    let stats = net.stats().await?;
    assert_eq!((stats.pending_requests, stats.escrow, stats.cancelled), (0, NOTHING, 2));

    let event = pull(&net, &net.owner, method::SET_PAUSED, json!({"paused": false})).await?;
    assert_eq!(event, Event::PausedChanged(vec![PausedChanged { paused: false }]));
    net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    net.assert_solvent().await
}
