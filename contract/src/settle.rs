//! The end of every request, whatever it was: charge, refund, count, remember, announce.

use crate::{events, pricing, promise, receipts, state::Contract, value::Value};
use near_sdk::{NearToken, env};
use offchainvm_interface::{
    Event, ExecutionRequest, FailureCode, ResourcesUsed, Sha256, events::ExecutionCompleted, views::Receipt,
};

/// How a request ended, before it is settled.
pub(crate) struct End {
    /// What the caller's transaction returns, or the code with which it fails and why.
    pub(crate) value: Result<Value, (FailureCode, String)>,
    /// What was used, as the operator reports it.
    pub(crate) used: ResourcesUsed,
    pub(crate) wasm_sha256: Option<Sha256>,
    pub(crate) receipt_sha256: Option<Sha256>,
}

impl End {
    /// An end without a run.
    pub(crate) fn failed(code: FailureCode, text: String) -> Self {
        Self { value: Err((code, text)), used: ResourcesUsed::default(), wasm_sha256: None, receipt_sha256: None }
    }
}

impl Contract {
    /// Pays and announces a request that was taken out: `Ok` with what the caller's transaction returns, `Err` with
    /// the message it fails with. Money: fees grow by the cost, the rest of the deposit is refunded.
    pub(crate) fn settle(&mut self, request: &ExecutionRequest, end: End) -> Result<Vec<u8>, String> {
        let failure = end.value.as_ref().err().map(|(code, _)| *code);
        let cost = pricing::charge(request, failure, end.used);
        let refund = request.deposit.checked_sub(cost).unwrap_or(NearToken::from_yoctonear(0));
        let used = end.used.clamped_to(&request.resource_limits);
        let output_sha256 = end.value.as_ref().ok().and_then(|value| value.output_sha256);
        self.fees = self.fees.saturating_add(cost);
        self.outcomes.count(failure);
        promise::pay(request.refund_receiver(), refund, "on_refund", &request.sender_id);
        receipts::remember(
            self,
            &Receipt {
                request_id: request.request_id,
                error_code: failure,
                resources_used: used,
                cost,
                refund,
                wasm_sha256: end.wasm_sha256,
                output_sha256,
                block_height: env::block_height(),
                receipt_sha256: end.receipt_sha256,
            },
        );
        events::emit(Event::ExecutionCompleted(vec![ExecutionCompleted {
            request_id: request.request_id,
            data_id: request.data_id,
            sender_id: request.sender_id.clone(),
            code_source: request.code_source.clone(),
            resources_used: used,
            success: failure.is_none(),
            error_code: failure,
            cost,
            refund,
            output_sha256,
            receipt_sha256: end.receipt_sha256,
            timestamp: env::block_timestamp(),
        }]));
        match end.value {
            Ok(value) => Ok(value.json),
            Err((code, text)) => Err(reason(code, &text)),
        }
    }
}

/// What the caller's failed transaction says: the stable code first.
pub(crate) fn reason(code: FailureCode, text: &str) -> String {
    format!("{code}: {text}")
}
