//! What the contract tells the world: NEP-297 events, written and read through the same types.

use crate::{
    code_source::CodeSource,
    data_id::DataId,
    failure::FailureCode,
    limits::{MaxLimits, ResourceLimits},
    pricing::Pricing,
    request::{ExecutionRequest, RequestId, ResponseFormat},
    sha256::{DataRef, Sha256},
    usage::ResourcesUsed,
};
use near_account_id::AccountId;
use near_token::NearToken;
use serde::{Deserialize, Serialize};

/// The event standard's name.
pub const STANDARD: &str = "near-offshore";
/// The event standard's version.
pub const VERSION: &str = "1.0.0";
/// What NEP-297 puts in front of the JSON in a log line.
pub const PREFIX: &str = "EVENT_JSON:";

/// One log line: the envelope and the event in it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct EventLog {
    standard: String,
    version: String,
    /// The event itself.
    #[serde(flatten)]
    pub event: Event,
}

/// An event; each carries one or more entries.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
pub enum Event {
    /// A request was taken and its transaction suspended.
    ExecutionRequested(Vec<ExecutionRequested>),
    /// A request was settled, whatever its outcome.
    ExecutionCompleted(Vec<ExecutionCompleted>),
    /// A window closed unanswered, and the transaction goes on waiting in a new one.
    ExecutionRenewed(Vec<ExecutionRenewed>),
    /// The set of operators changed.
    OperatorsChanged(Vec<OperatorsChanged>),
    /// The price list changed.
    PricingChanged(Vec<Pricing>),
    /// New requests were stopped or allowed again.
    PausedChanged(Vec<PausedChanged>),
    /// Somebody was offered the contract's ownership, or the offer was withdrawn.
    OwnerProposed(Vec<OwnerProposed>),
    /// The contract has a new owner.
    OwnerChanged(Vec<OwnerChanged>),
    /// What requests may ask for at most changed.
    LimitsChanged(Vec<MaxLimits>),
    /// Deadline, result cap or the length of the history changed.
    ConfigChanged(Vec<ConfigChanged>),
    /// Fees were sent to a receiver.
    FeesWithdrawn(Vec<Payment>),
    /// Fees could not be sent and were put back.
    WithdrawalFailed(Vec<Payment>),
    /// A refund could not be sent and was kept for its owner.
    RefundCredited(Vec<Payment>),
    /// A kept refund was sent after all.
    CreditClaimed(Vec<Payment>),
    /// New code runs, with the state in this form.
    ContractUpgraded(Vec<ContractUpgraded>),
}

/// A request that waits for an operator.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ExecutionRequested {
    /// The request's number.
    pub request_id: RequestId,
    /// [`RequestData`] as JSON text inside the JSON, as the standard has it.
    pub request_data: String,
    /// The handle that `resolve_execution` takes.
    pub data_id: DataId,
    /// Block time in nanoseconds since 1970.
    pub timestamp: u64,
}

impl ExecutionRequested {
    /// The request inside.
    ///
    /// # Errors
    /// When `request_data` is not the JSON of a [`RequestData`].
    pub fn request(&self) -> Result<ExecutionRequest, serde_json::Error> {
        let mut fields: serde_json::Map<_, _> = serde_json::from_str(&self.request_data)?;
        fields.insert("request_id".to_owned(), self.request_id.into());
        fields.insert("data_id".to_owned(), self.data_id.0.as_slice().into());
        fields.insert("timestamp".to_owned(), self.timestamp.into());
        serde_json::from_value(fields.into())
    }
}

/// [`ExecutionRequest`] without what stands beside it in [`ExecutionRequested`]: every byte of a log costs gas.
#[derive(Clone, Copy, Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are those of ExecutionRequest")]
pub struct RequestData<'a> {
    pub sender_id: &'a AccountId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund_to: Option<&'a AccountId>,
    pub code_source: &'a CodeSource,
    pub resource_limits: &'a ResourceLimits,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub compile_only: bool,
    pub input_data: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_ref: Option<DataRef>,
    pub response_format: ResponseFormat,
    pub deposit: NearToken,
    pub pricing: &'a Pricing,
    pub deadline: u64,
}

impl<'a> RequestData<'a> {
    /// The part of `request` that is announced as text.
    #[must_use]
    pub fn of(request: &'a ExecutionRequest) -> Self {
        Self {
            sender_id: &request.sender_id,
            refund_to: request.refund_to.as_ref(),
            code_source: &request.code_source,
            resource_limits: &request.resource_limits,
            compile_only: request.compile_only,
            input_data: &request.input_data,
            input_ref: request.input_ref,
            response_format: request.response_format,
            deposit: request.deposit,
            pricing: &request.pricing,
            deadline: request.deadline,
        }
    }
}

/// A request whose transaction goes on waiting.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ExecutionRenewed {
    /// The request's number.
    pub request_id: RequestId,
    /// Its public handle, which stays.
    pub data_id: DataId,
    /// Which window opens: the first renewal opens the second.
    pub window: u32,
    /// What is left of the transaction's gas, in units of gas.
    pub gas_left: u64,
}

/// A request that was settled.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ExecutionCompleted {
    /// The request's number.
    pub request_id: RequestId,
    /// Its public handle.
    pub data_id: DataId,
    /// Who had asked.
    pub sender_id: AccountId,
    /// The program.
    pub code_source: CodeSource,
    /// What was charged for: the reported usage, clamped to the limits.
    pub resources_used: ResourcesUsed,
    /// Whether the caller's transaction returned a value.
    pub success: bool,
    /// Why not; absent with success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<FailureCode>,
    /// What was charged, in yoctoNEAR.
    pub cost: NearToken,
    /// What went back to the caller, in yoctoNEAR.
    pub refund: NearToken,
    /// The digest of the output, with success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_sha256: Option<Sha256>,
    /// The digest of the operator's receipt, if it made one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt_sha256: Option<Sha256>,
    /// Block time in nanoseconds since 1970.
    pub timestamp: u64,
}

/// The operators from now on.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct OperatorsChanged {
    /// All of them.
    pub operators: Vec<AccountId>,
}

/// Whether new requests are refused from now on.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PausedChanged {
    /// True when they are.
    pub paused: bool,
}

/// Who is offered the contract.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct OwnerProposed {
    /// Who may accept; null withdraws the offer.
    pub proposed_owner_id: Option<AccountId>,
}

/// Who owns the contract from now on.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct OwnerChanged {
    /// The new owner.
    pub owner_id: AccountId,
    /// The one before.
    pub former_owner_id: AccountId,
}

/// Deadline, result cap and length of the history from now on.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ConfigChanged {
    /// Seconds from a request to its deadline.
    pub deadline_seconds: u64,
    /// The largest `return_value`, in bytes.
    pub max_result_bytes: u32,
    /// How many settled requests are remembered.
    pub receipt_history: u32,
}

/// An amount for somebody.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Payment {
    /// Whose it is, or where it went.
    pub account_id: AccountId,
    /// In yoctoNEAR.
    pub amount: NearToken,
}

/// What the contract's state looks like from now on.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ContractUpgraded {
    /// The form of the state before.
    pub from_version: u32,
    /// The form of the state now.
    pub to_version: u32,
}

impl EventLog {
    /// Puts `event` into its envelope.
    #[must_use]
    pub fn new(event: Event) -> Self {
        Self { standard: STANDARD.to_owned(), version: VERSION.to_owned(), event }
    }

    /// The log line, with its prefix.
    ///
    /// # Errors
    /// Never for the types of this module; the signature is serde's.
    pub fn to_log(&self) -> Result<String, serde_json::Error> {
        Ok(format!("{PREFIX}{}", serde_json::to_string(self)?))
    }

    /// Reads a log line: [`None`] when it is not an event of this standard and major version, or one that this
    /// version does not know. A log is a stranger's text, so this never fails louder than that.
    #[must_use]
    pub fn parse(log: &str) -> Option<Self> {
        let json = log.strip_prefix(PREFIX)?;
        let event: Self = serde_json::from_str(json).ok()?;
        (event.standard == STANDARD && event.version.split('.').next() == VERSION.split('.').next()).then_some(event)
    }
}

#[cfg(test)]
#[path = "events_tests.rs"]
mod tests;
