//! The model of a request's life: taken, answered, woken or renewed, cancelled, settled.

use crate::{
    answers::{self, Answer, End, Refusal},
    calls::Entry,
    model::{At, BYTE, Effect, Model, RECEIPT_BYTES, Returned, Verdict, Waiting},
};
use anyhow::{Context, Result, bail, ensure};
use near_account_id::AccountId;
use near_primitives::hash::hash;
use near_token::NearToken;
use offchainvm_interface::{
    DataId, DataRef, Event, EventLog, ExecutionRequest, FailureCode, MaxLimits, Owner, RequestArgs, RequestId,
    ResourceLimits, Sha256,
    calls::ResolveArgs,
    events::{ExecutionCompleted, ExecutionRenewed, ExecutionRequested, RequestData},
    request::MAX_INPUT_BYTES,
    views::Receipt,
};
use std::ops::Range;

/// The most bytes in a log line.
const LOG: usize = 16_384;
/// Blocks that a window stays open (protocol parameter).
const WINDOW: u64 = 200;
/// What a woken transaction must have left to be renewed.
const RENEWAL_GAS: u64 = 50_000_000_000_000;
/// What it burns, at least and at most, until it looks. Between the two the model takes the chain's word.
const BURNT_GAS: Range<u64> = 300_000_000_000..1_200_000_000_000;

impl Model {
    /// The deposit that a request demands; [`None`] when no number holds it.
    pub fn required(&self, limits: &ResourceLimits, input_len: usize) -> Option<u128> {
        let storage = BYTE * (self.request_bytes + input_len as u128);
        answers::cost(&self.pricing, &answers::worst_case(limits))?.checked_add(storage)
    }

    pub(crate) fn request(
        &mut self,
        at: At,
        from: &AccountId,
        args: &RequestArgs,
        deposit: u128,
        tgas: u64,
        fresh: Option<DataId>,
    ) -> Verdict {
        let limits = args.resource_limits.unwrap_or_default();
        let input = args.input_data.clone().unwrap_or_default();
        if self.paused {
            return Err("The contract is paused");
        }
        if tgas < 65 {
            return Err("Attach at least 65 Tgas");
        }
        if !is_within(&limits, &self.max_limits) {
            return Err("must be between 1 and");
        }
        if input.len() > MAX_INPUT_BYTES {
            return Err("input_data has");
        }
        let required = self.required(&limits, input.len()).ok_or("exceeds the largest amount")?;
        if deposit < required {
            return Err("is too small: attach at least");
        }
        self.counts.total_requests += 1;
        let request = ExecutionRequest {
            request_id: self.counts.total_requests,
            data_id: fresh.ok_or("(a request that is taken makes a yield)")?,
            sender_id: from.clone(),
            refund_to: args.refund_to.clone(),
            code_source: args.code_source.clone(),
            resource_limits: limits,
            compile_only: args.compile_only.unwrap_or(false),
            input_data: input,
            input_ref: None,
            response_format: args.response_format.unwrap_or_default(),
            deposit: NearToken::from_yoctonear(deposit),
            pricing: self.pricing,
            timestamp: at.timestamp,
            deadline: at.timestamp + self.deadline_seconds * 1_000_000_000,
        };
        let (request, large_input, event) = announced(request);
        let waiting = Waiting { request, large_input, opened: at.height, window: 1, answer: None };
        self.waiting.insert(waiting.request.request_id, waiting);
        Ok(Effect { events: vec![event], returned: Returned::Promise })
    }

    pub(crate) fn resolve(&mut self, from: &AccountId, deposit: u128, args: &ResolveArgs) -> Verdict {
        self.operators(from, deposit)?;
        let mut room = self.room().unwrap_or(0);
        self.answer(&mut room, args)?;
        Ok(Effect::default())
    }

    pub(crate) fn resolve_many(&mut self, from: &AccountId, deposit: u128, entries: &[Entry]) -> Verdict {
        self.operators(from, deposit)?;
        let mut room = self.room().unwrap_or(0);
        let resolved = entries.iter().map(|entry| match entry {
            Entry::Answer(args) => self.answer(&mut room, args),
            Entry::Malformed => Err("is not an answer of the form"),
        });
        let returned = Returned::Resolved(resolved.collect());
        Ok(Effect { events: vec![], returned })
    }

    fn operators(&self, from: &AccountId, deposit: u128) -> Result<(), Refusal> {
        match (self.operators.contains(from), deposit) {
            (false, _) => Err("Only an operator may call this method"),
            (true, 0) => Ok(()),
            (true, _) => Err("Attach no deposit"),
        }
    }

    /// An answer is stashed only when the contract's own money covers its storage.
    fn answer(&mut self, room: &mut u128, args: &ResolveArgs) -> Result<(), Refusal> {
        let max_result_bytes = self.max_result_bytes;
        let mut waiting = self.waiting.values_mut();
        let waiting = waiting.find(|waiting| waiting.request.data_id == args.data_id);
        let waiting = waiting.ok_or("No request waits under data_id")?;
        if waiting.answer.is_some() {
            return Err("has been answered already");
        }
        let answer = Answer::read(&args.response, max_result_bytes)?;
        if answer.is_stashed() {
            let needed = u128::from(answer.bytes() + 1 + 9 + 40) * BYTE;
            *room = room.checked_sub(needed).ok_or("is stashed for a block")?;
        }
        waiting.answer = Some(answer);
        Ok(())
    }

    pub(crate) fn cancel_stale(&mut self, at: At, from: &AccountId, deposit: u128, request_id: RequestId) -> Verdict {
        if deposit > 0 {
            return Err("doesn't accept deposit");
        }
        let waiting = self.waiting.get(&request_id).ok_or("does not wait")?;
        if from != &waiting.request.sender_id {
            return Err("may cancel it");
        }
        if at.timestamp < waiting.request.deadline {
            return Err("is not stale yet");
        }
        self.cancel(at, request_id)
    }

    pub(crate) fn cancel(&mut self, at: At, request_id: RequestId) -> Verdict {
        let waiting = self.waiting.remove(&request_id).ok_or("does not wait")?;
        let (event, _) = self.settle(at, &waiting, failed(FailureCode::Cancelled, ""), None);
        self.withdrawn.insert(request_id);
        Ok(Effect::event(event))
    }

    /// The suspended transaction wakes: with its answer if there is one, else because its window has closed. `fresh` is
    /// the new window that it opened.
    pub fn woken(&mut self, at: At, request_id: RequestId, gas: u64, fresh: Option<DataId>) -> Result<Effect> {
        if self.withdrawn.remove(&request_id) {
            return Ok(self.fail(request_id, "cancelled: the request was withdrawn".to_owned(), vec![]));
        }
        let waiting = self.waiting.get(&request_id).with_context(|| format!("{request_id} wakes, but is settled"))?;
        if waiting.answer.is_none() {
            ensure!(at.height >= waiting.opened + WINDOW, "the window of {request_id} closes early");
            let spare = gas.saturating_sub(RENEWAL_GAS);
            let has_gas = if BURNT_GAS.contains(&spare) { fresh.is_some() } else { spare >= BURNT_GAS.end };
            if at.timestamp < waiting.request.deadline && has_gas {
                return self.renew(at, request_id);
            }
        }
        let Some(waiting) = self.waiting.remove(&request_id) else { bail!("unreachable") };
        let timed_out = || failed(FailureCode::TimedOut, "nobody answered in time");
        let end = waiting.answer.as_ref().map_or_else(timed_out, |answer| answer.end(&waiting.request));
        let (event, end) = self.settle(at, &waiting, end, waiting.answer.as_ref());
        Ok(match end {
            Ok(value) => {
                self.ends.insert(request_id, Ok(value.clone()));
                Effect { events: vec![event], returned: Returned::Value(value) }
            }
            Err(message) => self.fail(request_id, message, vec![event]),
        })
    }

    fn renew(&mut self, at: At, request_id: RequestId) -> Result<Effect> {
        let waiting = self.waiting.get_mut(&request_id).context("it waits")?;
        waiting.window += 1;
        waiting.opened = at.height;
        let (data_id, window) = (waiting.request.data_id, waiting.window);
        // What gas is left is not predicted.
        let event = Event::ExecutionRenewed(vec![ExecutionRenewed { request_id, data_id, window, gas_left: 0 }]);
        Ok(Effect { events: vec![event], returned: Returned::Promise })
    }

    fn fail(&mut self, request_id: RequestId, message: String, events: Vec<Event>) -> Effect {
        self.ends.insert(request_id, Err(message.clone()));
        self.failures.push_back(message);
        Effect { events, returned: Returned::Promise }
    }

    /// Charges, refunds, counts, remembers and announces a request that was taken out.
    fn settle(
        &mut self,
        at: At,
        waiting: &Waiting,
        end: End,
        answer: Option<&Answer>,
    ) -> (Event, Result<Vec<u8>, String>) {
        let request = &waiting.request;
        let reported = answer.map(|answer| answer.used).unwrap_or_default();
        let failure = end.as_ref().err().map(|(code, _)| *code);
        let cost = answers::charge(request, failure, &reported);
        let refund = request.deposit.as_yoctonear() - cost;
        let resources_used = answers::believed(&request.resource_limits, &reported);
        self.fees += cost;
        self.count(failure);
        let refunded = request.refund_to.as_ref().unwrap_or(&request.sender_id);
        self.pay(refunded, refund, "on_refund", &request.sender_id);
        let (cost, refund) = (NearToken::from_yoctonear(cost), NearToken::from_yoctonear(refund));
        let receipt = Receipt {
            request_id: request.request_id,
            error_code: failure,
            resources_used,
            cost,
            refund,
            wasm_sha256: answer.and_then(|answer| answer.wasm_sha256),
            output_sha256: end.as_ref().ok().and_then(|(_, digest)| *digest),
            block_height: at.height,
            receipt_sha256: answer.and_then(|answer| answer.receipt_sha256),
        };
        if self.receipt_history > 0 && self.room() >= Some(RECEIPT_BYTES * BYTE) {
            let slot = request.request_id % u64::from(self.receipt_history);
            self.receipts.insert(u32::try_from(slot).unwrap(), receipt);
        }
        let event = Event::ExecutionCompleted(vec![ExecutionCompleted {
            request_id: request.request_id,
            data_id: request.data_id,
            sender_id: request.sender_id.clone(),
            code_source: request.code_source.clone(),
            resources_used,
            success: failure.is_none(),
            error_code: failure,
            cost,
            refund,
            output_sha256: receipt.output_sha256,
            receipt_sha256: receipt.receipt_sha256,
            timestamp: at.timestamp,
        }]);
        (event, end.map(|(value, _)| value).map_err(|(code, text)| format!("{code}: {text}")))
    }

    fn count(&mut self, failure: Option<FailureCode>) {
        let counts = &mut self.counts;
        let counter = match failure {
            None => &mut counts.succeeded,
            Some(FailureCode::TimedOut) => &mut counts.timed_out,
            Some(FailureCode::Cancelled) => &mut counts.cancelled,
            Some(code) => {
                counts.failed += 1;
                match code.owner() {
                    Owner::Source => &mut counts.failed_source,
                    Owner::Program => &mut counts.failed_program,
                    Owner::Operator | Owner::Chain => &mut counts.failed_operator,
                }
            }
        };
        *counter += 1;
    }
}

fn failed(code: FailureCode, text: &str) -> End {
    Err((code, text.to_owned()))
}

fn is_within(limits: &ResourceLimits, most: &MaxLimits) -> bool {
    (1..=most.max_instructions).contains(&limits.max_instructions)
        && (1..=most.max_memory_mb).contains(&limits.max_memory_mb)
        && (1..=most.max_execution_seconds).contains(&limits.max_execution_seconds)
}

/// The request as it is kept, the length of an input that is kept apart, and the event.
fn announced(mut request: ExecutionRequest) -> (ExecutionRequest, Option<usize>, Event) {
    let whole = event_of(&request);
    let line = EventLog::new(whole.clone()).to_log().unwrap();
    if line.len() <= LOG {
        return (request, None, whole);
    }
    let input = std::mem::take(&mut request.input_data);
    request.input_ref = Some(DataRef { sha256: Sha256(hash(input.as_bytes()).0), size: input.len() as u64 });
    let event = event_of(&request);
    (request, Some(input.len()), event)
}

fn event_of(request: &ExecutionRequest) -> Event {
    Event::ExecutionRequested(vec![ExecutionRequested {
        request_id: request.request_id,
        request_data: serde_json::to_string(&RequestData::of(request)).unwrap(),
        data_id: request.data_id,
        timestamp: request.timestamp,
    }])
}
