//! What each fault does to one question.

use super::{
    Fault, Plan,
    asked::Asked,
    upstream::{Answer, Call, Upstream},
};
use anyhow::{Context, Result};
use base64::{Engine, prelude::BASE64_STANDARD};
use hyper::StatusCode;
use near_primitives::transaction::SignedTransaction;
use rand::{Rng, rngs::StdRng};
use serde_json::{Value, json};
use std::{future::Future, time::Duration};

/// How far off a wrong nonce is at most: as many numbers as four blocks have.
const NONCE_ERROR: u64 = 4_000_000;
/// How far off a wrong block is at most.
const BLOCK_ERROR: u64 = 3;

/// What comes of a disturbed question.
pub(super) enum Disturbed {
    /// An answer, of whatever worth.
    Answered(Answer),
    /// The connection ends without one.
    Cut,
    /// This answer now; the question itself reaches the chain after the delay.
    Later(Answer, Duration),
    /// The fault was not possible after all; this is the honest answer.
    Honest(Answer),
}

/// Does to a question what the fault is. `pause` sleeps, but no longer than the plan is in force.
pub(super) async fn disturb<P: Future<Output = ()>>(
    fault: Fault,
    call: &Call,
    asked: &Asked,
    plan: &Plan,
    dice: &mut StdRng,
    upstream: &Upstream,
    pause: impl FnOnce(Duration) -> P,
) -> Result<Disturbed> {
    use Disturbed::{Answered, Cut, Honest, Later};
    let done = match fault {
        Fault::Dropped => Cut,
        Fault::ServerError => {
            const ERRORS: [(StatusCode, &str); 4] = [
                (StatusCode::INTERNAL_SERVER_ERROR, "<html>internal server error</html>"),
                (StatusCode::BAD_GATEWAY, "<html>bad gateway</html>"),
                (StatusCode::SERVICE_UNAVAILABLE, "<html>service unavailable</html>"),
                (StatusCode::GATEWAY_TIMEOUT, "<html>gateway timeout</html>"),
            ];
            let (status, body) = ERRORS[dice.random_range(0..ERRORS.len())];
            Answered(Answer::text(status, body))
        }
        Fault::TooManyRequests => Answered(Answer::text(StatusCode::TOO_MANY_REQUESTS, "<html>slow down</html>")),
        Fault::Hung => {
            pause(plan.hang).await;
            Cut
        }
        Fault::Slow => {
            pause(plan.slow.mul_f64(dice.random())).await;
            Answered(upstream.ask(call).await?)
        }
        Fault::AnswerLost => {
            upstream.ask(call).await?;
            Cut
        }
        Fault::Truncated => {
            let mut answer = upstream.ask(call).await?;
            answer.body.truncate(answer.body.len() / 2);
            Answered(answer)
        }
        Fault::Stale => Answered(stale(call, asked, dice.random_range(1..=plan.stale_blocks.max(1)), upstream).await?),
        Fault::NonceLow | Fault::NonceHigh => {
            let error = dice.random_range(1..=NONCE_ERROR);
            let shift = |nonce: u64| {
                if fault == Fault::NonceLow { nonce.saturating_sub(error) } else { nonce.saturating_add(error) }
            };
            shift_nonce(upstream.ask(call).await?, shift)
        }
        Fault::Swallowed => Answered(accepted(call, asked)?),
        Fault::Late => Later(accepted(call, asked)?, plan.late.mul_f64(dice.random())),
        Fault::Duplicated => {
            upstream.ask(call).await?;
            Answered(upstream.ask(call).await?)
        }
        Fault::OlderBlock | Fault::NewerBlock => {
            let Asked::Block { height } = asked else { return Ok(Honest(upstream.ask(call).await?)) };
            let error = dice.random_range(1..=BLOCK_ERROR);
            let other = if fault == Fault::OlderBlock { height.saturating_sub(error) } else { height + error };
            let answer = upstream.block(other).await?;
            // Only a block may stand in for another: "skipped" or "too old" would be a lie about this height.
            if answer.is_block() { Answered(answer) } else { Honest(upstream.ask(call).await?) }
        }
        Fault::NotYet => {
            let answer = upstream.ask(call).await?;
            if answer.is_block() { Answered(not_yet()) } else { Honest(answer) }
        }
    };
    Ok(done)
}

/// What a node says that is `behind` blocks behind.
async fn stale(call: &Call, asked: &Asked, behind: u64, upstream: &Upstream) -> Result<Answer> {
    let Asked::Rpc { method, params } = asked else { return upstream.ask(call).await };
    if matches!(method.as_str(), "tx" | "EXPERIMENTAL_tx_status") {
        let waits = params["wait_until"] != "NONE";
        return Ok(if waits { timed_out(call) } else { unknown_transaction(call, &params["tx_hash"]) });
    }
    let mut params = params.clone();
    let fields = params.as_object_mut().context("named parameters")?;
    fields.remove("finality");
    fields.insert("block_id".to_owned(), json!(upstream.final_height().await?.saturating_sub(behind)));
    upstream.ask(&call.with_params(params)?).await
}

fn shift_nonce(mut answer: Answer, shift: impl Fn(u64) -> u64) -> Disturbed {
    let shifted = serde_json::from_slice::<Value>(&answer.body).ok().and_then(|mut body| {
        let nonce = body.pointer_mut("/result/nonce")?;
        *nonce = json!(shift(nonce.as_u64()?));
        serde_json::to_vec(&body).ok()
    });
    match shifted {
        Some(body) => {
            answer.body = body.into();
            Disturbed::Answered(answer)
        }
        None => Disturbed::Honest(answer),
    }
}

/// What a node says that has taken a transaction and has not seen it in a block.
fn accepted(call: &Call, asked: &Asked) -> Result<Answer> {
    let Asked::Rpc { method, params } = asked else { anyhow::bail!("not a transaction: {asked:?}") };
    let text = params.get(0).or_else(|| params.get("signed_tx_base64")).and_then(Value::as_str);
    let bytes = BASE64_STANDARD.decode(text.context("a transaction in base 64")?)?;
    let hash = borsh::from_slice::<SignedTransaction>(&bytes)?.get_hash();
    let result = match method.as_str() {
        "broadcast_tx_async" => json!(hash.to_string()),
        "send_tx" if params["wait_until"] == "NONE" => json!({"final_execution_status": "NONE"}),
        _ => return Ok(timed_out(call)),
    };
    Ok(Answer::json(StatusCode::OK, &json!({"jsonrpc": "2.0", "id": call.id(), "result": result})))
}

fn timed_out(call: &Call) -> Answer {
    refusal(call, StatusCode::REQUEST_TIMEOUT, &json!({"name": "TIMEOUT_ERROR"}))
}

fn unknown_transaction(call: &Call, hash: &Value) -> Answer {
    let info = json!({"requested_transaction_hash": hash});
    refusal(call, StatusCode::OK, &json!({"name": "UNKNOWN_TRANSACTION", "info": info}))
}

/// An error of a method, in a node's words.
fn refusal(call: &Call, status: StatusCode, cause: &Value) -> Answer {
    let error = json!({
        "name": "HANDLER_ERROR", "cause": cause, "code": -32000, "message": "Server error", "data": cause["name"],
    });
    Answer::json(status, &json!({"jsonrpc": "2.0", "id": call.id(), "error": error}))
}

/// What a block source says of a height that the chain has not reached.
fn not_yet() -> Answer {
    let body = json!({"error": "there is no block at this height yet", "type": "BLOCK_HEIGHT_TOO_HIGH"});
    Answer::json(StatusCode::NOT_FOUND, &body)
}
