//! Requests and their ends: small and large, the first and later ones, alone and among others.

use super::{
    Row, Small,
    bench::{Bench, Ended, TRANSACTION, account, signer},
};
use crate::network::{DEPOSIT, seed_request};
use anyhow::{Context, Result, ensure};
use near_primitives::{
    account::AccessKey,
    action::{AddKeyAction, DeleteAccountAction, TransferAction},
    transaction::{Action, CreateAccountAction},
    types::Balance,
};
use offchainvm_interface::{
    ExecutionResponse, FailureCode, ResourcesUsed, Sha256,
    calls::{RequestIdArgs, SetConfigArgs, method},
    response::MAX_ERROR_BYTES,
};
use serde_json::{Value, json};

/// The callback, as the chain names it.
const CALLBACK: &str = "on_execution_response";
const USED: ResourcesUsed = ResourcesUsed { instructions: 10_000_000, memory_bytes: 64 << 20, time_seconds: 5 };
/// Enough for every input.
const LARGE_DEPOSIT: Balance = Balance::from_near(5);
const LOG_LIMIT: usize = 16_384;
const SMALL: &str = "small";
const OTHERS: usize = 50;

pub(super) fn measure() -> Result<(Vec<Row>, Small)> {
    let mut bench = Bench::new()?.0;
    let mut rows = vec![];
    small(&mut bench, &mut rows, "small, the contract's first")?;
    let parts = small(&mut bench, &mut rows, SMALL)?;
    inputs(&mut bench, &mut rows)?;
    answers(&mut bench, &mut rows)?;
    unanswered(&mut bench, &mut rows)?;
    cancelled(&mut bench, &mut rows)?;
    credited(&mut bench, &mut rows)?;
    among_others(&mut bench, &mut rows)?;
    rows.sort_by_key(|row| ORDER.iter().position(|what| *what == row.what));
    Ok((rows, parts))
}

/// The order of a request's life.
const ORDER: &[&str] = &[
    method::REQUEST_EXECUTION,
    method::RESOLVE_EXECUTION,
    CALLBACK,
    "fail_execution",
    "transfer",
    "on_refund",
    method::CANCEL_STALE_EXECUTION,
    method::EMERGENCY_CANCEL_EXECUTION,
    method::CLAIM_CREDIT,
];

fn row(rows: &mut Vec<Row>, what: &'static str, case: impl Into<String>, gas: u64) {
    rows.push(Row { what, case: case.into(), gas });
}

/// With both digests, as a worker answers.
fn answer() -> ExecutionResponse {
    let digest = Sha256([7; 32]);
    ExecutionResponse::succeeded(b"42".to_vec(), USED).of_program(digest).with_receipt(digest)
}

fn small(bench: &mut Bench, rows: &mut Vec<Row>, case: &str) -> Result<Small> {
    let (hash, request) = bench.request("user", &seed_request(), DEPOSIT)?;
    let resolved = bench.resolve(&request, answer())?;
    let ended = bench.ended(hash)?.succeeded()?;
    row(rows, method::REQUEST_EXECUTION, case, ended.first()?);
    row(rows, method::RESOLVE_EXECUTION, case, resolved.first()?);
    row(rows, CALLBACK, case, ended.gas(CALLBACK)?);
    if case == SMALL {
        row(rows, "transfer", "the refund itself", ended.gas("transfer")?);
        row(rows, "on_refund", "the refund has arrived", ended.gas("on_refund")?);
    }
    let receipt = |name, ended: &Ended, what| Ok::<_, anyhow::Error>((name, ended.step(what)?.clone()));
    Ok(Small {
        receipts: vec![
            receipt("request", &ended, method::REQUEST_EXECUTION)?,
            receipt("resolve", &resolved, method::RESOLVE_EXECUTION)?,
            receipt("callback", &ended, CALLBACK)?,
            receipt("refund", &ended, "transfer")?,
        ],
        transactions: ended.gas(TRANSACTION)? + resolved.gas(TRANSACTION)?,
        hearing: ended.gas("on_refund")?,
    })
}

fn inputs(bench: &mut Bench, rows: &mut Vec<Row>) -> Result<()> {
    let with_input = |bytes: usize| {
        let mut args = seed_request();
        args["input_data"] = json!("x".repeat(bytes));
        args
    };
    let (hash, request) = bench.request("user", &with_input(1_000), LARGE_DEPOSIT)?;
    let log = bench.ended(hash)?.logs.first().map(String::len).context("an event")?;
    bench.resolve(&request, answer())?;

    // The event names the handle's 32 bytes in decimal, which is not always equally long.
    let fits = LOG_LIMIT - (log - 1_000) - 32;
    for (bytes, case, inline) in [
        (fits, "an input that just fits the event".to_owned(), true),
        (100_000, "an input of 100 KB, kept in state".to_owned(), false),
    ] {
        let (hash, request) = bench.request("user", &with_input(bytes), LARGE_DEPOSIT)?;
        ensure!(request.input_ref.is_none() == inline, "{case}: {:?}", request.input_ref);
        row(rows, method::REQUEST_EXECUTION, &case, bench.ended(hash)?.first()?);
        bench.resolve(&request, answer())?;
        row(rows, CALLBACK, &case, bench.ended(hash)?.succeeded()?.gas(CALLBACK)?);
    }
    Ok(())
}

fn answers(bench: &mut Bench, rows: &mut Vec<Row>) -> Result<()> {
    let bytes = |count: usize| (0..count).map(|i| (i * 7 % 256) as u8).collect::<Vec<_>>();
    let numbers = |count: usize| {
        let mut response = json!(ExecutionResponse::succeeded(vec![], USED));
        response["return_value"] = json!(bytes(count));
        response
    };
    let failure = |length: usize| ExecutionResponse::failed(FailureCode::Trap, &"x".repeat(length), USED);
    let cases: [(&str, Value); 5] = [
        ("1 KiB, stashed", json!(ExecutionResponse::succeeded(bytes(1_024), USED))),
        ("64 KiB, stashed, as base64", json!(ExecutionResponse::succeeded(bytes(65_536), USED))),
        ("64 KiB, stashed, as an array of numbers", numbers(65_536)),
        ("failure, 20 bytes of message", json!(failure(20))),
        ("failure, 4 KiB of message", json!(failure(MAX_ERROR_BYTES))),
    ];
    let mut args = seed_request();
    args["response_format"] = json!("bytes");
    for (case, response) in cases {
        let (hash, request) = bench.request("user", &args, DEPOSIT)?;
        let resolve = json!({"data_id": request.data_id, "response": response});
        let resolved = bench.run("operator", method::RESOLVE_EXECUTION, &resolve, 0)?;
        row(rows, method::RESOLVE_EXECUTION, case, resolved.first()?);
        callback(bench.ended(hash)?, rows, case)?;
    }
    Ok(())
}

/// The callback, and the receipt that fails the caller when there is one.
fn callback(ended: Ended, rows: &mut Vec<Row>, case: &str) -> Result<()> {
    row(rows, CALLBACK, case, ended.gas(CALLBACK)?);
    if let Ok(failing) = ended.gas("fail_execution") {
        row(rows, "fail_execution", case, failing);
    }
    Ok(())
}

fn unanswered(bench: &mut Bench, rows: &mut Vec<Row>) -> Result<()> {
    let (hash, request) = bench.request("user", &seed_request(), DEPOSIT)?;
    bench.close_windows()?;
    ensure!(bench.pending(request.request_id)?.is_some(), "the window was not renewed");
    row(rows, CALLBACK, "the window is renewed", bench.ended(hash)?.gas(CALLBACK)?);
    bench.close_windows()?;
    row(rows, CALLBACK, "the window is renewed again", bench.ended(hash)?.gas(CALLBACK)?);
    bench.advance_time(601);
    bench.close_windows()?;
    bench.settle()?;
    ensure!(bench.pending(request.request_id)?.is_none(), "it still waits");
    callback(bench.ended(hash)?, rows, "timed out")
}

fn cancelled(bench: &mut Bench, rows: &mut Vec<Row>) -> Result<()> {
    let (hash, request) = bench.request("user", &seed_request(), DEPOSIT)?;
    bench.advance_time(601);
    let args = json!(RequestIdArgs { request_id: request.request_id });
    let stale = bench.run("user", method::CANCEL_STALE_EXECUTION, &args, 0)?;
    row(rows, method::CANCEL_STALE_EXECUTION, "after the deadline", stale.first()?);
    callback(bench.ended(hash)?, rows, "cancelled before")?;

    let (_, request) = bench.request("user", &seed_request(), DEPOSIT)?;
    let args = json!(RequestIdArgs { request_id: request.request_id });
    let emergency = bench.run("owner", method::EMERGENCY_CANCEL_EXECUTION, &args, 1)?;
    row(rows, method::EMERGENCY_CANCEL_EXECUTION, "by the owner", emergency.first()?);
    Ok(())
}

/// A refund whose receiver is gone.
fn credited(bench: &mut Bench, rows: &mut Vec<Row>) -> Result<()> {
    let (hash, request) = bench.request("mortal", &seed_request(), DEPOSIT)?;
    let beneficiary_id = account("root");
    bench.submit("mortal", "mortal", vec![Action::DeleteAccount(DeleteAccountAction { beneficiary_id })])?;
    bench.settle()?;
    bench.resolve(&request, answer())?;
    row(rows, "on_refund", "the refund came back and is credited", bench.ended(hash)?.gas("on_refund")?);

    let key = AddKeyAction { public_key: signer("mortal").public_key(), access_key: AccessKey::full_access() };
    let create = vec![
        Action::CreateAccount(CreateAccountAction {}),
        Action::Transfer(TransferAction { deposit: Balance::from_near(10) }),
        Action::AddKey(Box::new(key)),
    ];
    bench.submit("root", "mortal", create)?;
    bench.settle()?;
    let claimed = bench.run("mortal", method::CLAIM_CREDIT, &json!({}), 0)?;
    row(rows, method::CLAIM_CREDIT, "a refund that had come back", claimed.first()?);
    Ok(())
}

fn among_others(bench: &mut Bench, rows: &mut Vec<Row>) -> Result<()> {
    let mut waiting = vec![];
    for _ in 0..OTHERS {
        waiting.push(bench.request("user", &seed_request(), DEPOSIT)?);
    }
    let case = format!("small, {OTHERS} others wait");
    let (hash, _) = bench.request("user", &seed_request(), DEPOSIT)?;
    row(rows, method::REQUEST_EXECUTION, &case, bench.ended(hash)?.first()?);
    // The oldest of them: its settlement moves another into its place.
    let (hash, request) = waiting.first().context("a request")?;
    let resolved = bench.resolve(request, answer())?;
    row(rows, method::RESOLVE_EXECUTION, &case, resolved.first()?);
    row(rows, CALLBACK, &case, bench.ended(*hash)?.succeeded()?.gas(CALLBACK)?);

    // A ring of one: every receipt takes the place of another.
    let ring = SetConfigArgs { receipt_history: Some(1), ..SetConfigArgs::default() };
    bench.run("owner", method::SET_CONFIG, &json!(ring), 1)?;
    for (position, (hash, request)) in waiting.iter().enumerate().skip(1).take(2) {
        bench.resolve(request, answer())?;
        if position == 2 {
            let gas = bench.ended(*hash)?.succeeded()?.gas(CALLBACK)?;
            row(rows, CALLBACK, format!("{case}, its receipt replaces an older one"), gas);
        }
    }
    Ok(())
}
