//! What is sent to the contract.

use near_account_id::AccountId;
use offchainvm_interface::{
    MaxLimits, Pricing, RequestArgs, RequestId,
    calls::{
        ClaimCreditArgs, OperatorArgs, ProposeOwnerArgs, RequestIdArgs, ResolveArgs, SetConfigArgs, SetOperatorArgs,
        SetPausedArgs, WithdrawFeesArgs, method,
    },
};
use offchainvm_tests::artifacts::contract_wasm;
use serde_json::{Value, json};

/// A call of the contract, and who makes it with what.
#[derive(Clone, Debug)]
pub struct Sent {
    pub from: AccountId,
    pub call: Call,
    /// In yoctoNEAR.
    pub deposit: u128,
    pub tgas: u64,
}

/// A method and its arguments.
#[derive(Clone, Debug)]
pub enum Call {
    Request(RequestArgs),
    Resolve(ResolveArgs),
    ResolveMany(Vec<Entry>),
    CancelStale(RequestId),
    EmergencyCancel(RequestId),
    SetPricing(Pricing),
    SetPaused(bool),
    SetLimits(MaxLimits),
    SetConfig(SetConfigArgs),
    SetOperator(AccountId),
    AddOperator(AccountId),
    RemoveOperator(AccountId),
    ProposeOwner(Option<AccountId>),
    AcceptOwner,
    WithdrawFees(WithdrawFeesArgs),
    ClaimCredit(ClaimCreditArgs),
    Upgrade(Code),
}

/// What the contract is to be replaced with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Code {
    /// The contract that is there.
    Same,
    Nothing,
    NoProgram,
}

/// One of several answers in a call.
#[derive(Clone, Debug)]
pub enum Entry {
    Answer(Box<ResolveArgs>),
    /// Not an answer at all.
    Malformed,
}

impl Call {
    pub fn method(&self) -> &'static str {
        match self {
            Self::Request(_) => method::REQUEST_EXECUTION,
            Self::Resolve(_) => method::RESOLVE_EXECUTION,
            Self::ResolveMany(_) => method::RESOLVE_EXECUTIONS,
            Self::CancelStale(_) => method::CANCEL_STALE_EXECUTION,
            Self::EmergencyCancel(_) => method::EMERGENCY_CANCEL_EXECUTION,
            Self::SetPricing(_) => method::SET_PRICING,
            Self::SetPaused(_) => method::SET_PAUSED,
            Self::SetLimits(_) => method::SET_LIMITS,
            Self::SetConfig(_) => method::SET_CONFIG,
            Self::SetOperator(_) => method::SET_OPERATOR,
            Self::AddOperator(_) => method::ADD_OPERATOR,
            Self::RemoveOperator(_) => method::REMOVE_OPERATOR,
            Self::ProposeOwner(_) => method::PROPOSE_OWNER,
            Self::AcceptOwner => method::ACCEPT_OWNER,
            Self::WithdrawFees(_) => method::WITHDRAW_FEES,
            Self::ClaimCredit(_) => method::CLAIM_CREDIT,
            Self::Upgrade(_) => method::UPGRADE,
        }
    }

    /// The call's input.
    pub fn args(&self) -> Vec<u8> {
        let operator = |id: &AccountId| json!(OperatorArgs { operator_id: id.clone() });
        let args = match self {
            Self::Upgrade(code) => return code.bytes().to_vec(),
            Self::Request(args) => json!(args),
            Self::Resolve(args) => json!(args),
            Self::ResolveMany(entries) => json!({ "responses": entries.iter().map(Entry::json).collect::<Vec<_>>() }),
            Self::CancelStale(request_id) | Self::EmergencyCancel(request_id) => {
                json!(RequestIdArgs { request_id: *request_id })
            }
            Self::SetPricing(pricing) => json!(pricing),
            Self::SetPaused(paused) => json!(SetPausedArgs { paused: *paused }),
            Self::SetLimits(limits) => json!(limits),
            Self::SetConfig(args) => json!(args),
            Self::SetOperator(id) => json!(SetOperatorArgs { new_operator_id: id.clone() }),
            Self::AddOperator(id) | Self::RemoveOperator(id) => operator(id),
            Self::ProposeOwner(id) => json!(ProposeOwnerArgs { new_owner_id: id.clone() }),
            Self::AcceptOwner => json!({}),
            Self::WithdrawFees(args) => json!(args),
            Self::ClaimCredit(args) => json!(args),
        };
        args.to_string().into_bytes()
    }
}

impl Code {
    pub fn bytes(self) -> &'static [u8] {
        match self {
            Self::Same => contract_wasm(),
            Self::Nothing => b"",
            Self::NoProgram => b"not wasm",
        }
    }
}

impl Entry {
    fn json(&self) -> Value {
        match self {
            Self::Answer(args) => json!(args),
            Self::Malformed => json!({ "data_id": [1, 2, 3], "response": null }),
        }
    }
}
