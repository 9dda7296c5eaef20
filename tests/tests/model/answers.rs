//! What an operator's answer is worth: whether it is taken, how large it is, what it costs and what the caller gets.

use base64::{Engine, prelude::BASE64_STANDARD};
use near_primitives::hash::hash;
use offchainvm_interface::{
    DataRef, ExecutionRequest, ExecutionResponse, FailureCode, Owner, Pricing, ResourceLimits, ResourcesUsed,
    ResponseFormat, Sha256,
    response::{MAX_ERROR_BYTES, MAX_RESUME_PAYLOAD, cut},
};
use serde_json::{Value, json};

/// A fragment of the message with which a call is refused.
pub type Refusal = &'static str;

/// What the caller's transaction returns and the output's digest; or a code, and how the message goes on.
pub type End = Result<(Vec<u8>, Option<Sha256>), (FailureCode, String)>;

/// An answer that was taken.
#[derive(Clone, Debug)]
pub struct Answer {
    outcome: Outcome,
    pub used: ResourcesUsed,
    pub wasm_sha256: Option<Sha256>,
    pub receipt_sha256: Option<Sha256>,
}

#[derive(Clone, Debug)]
enum Outcome {
    Output(Vec<u8>),
    Reference(DataRef),
    Failure(FailureCode, String),
}

impl Answer {
    pub fn read(response: &ExecutionResponse, max_result_bytes: u32) -> Result<Self, Refusal> {
        let outcome = if response.success {
            match (&response.return_value, response.output_ref) {
                (Some(value), _) if value.len() > max_result_bytes as usize => return Err("return_value has"),
                (Some(value), _) => Outcome::Output(value.clone()),
                (None, Some(reference)) => Outcome::Reference(reference),
                (None, None) => return Err("success needs a return_value or an output_ref"),
            }
        } else {
            let code = response.error_code.unwrap_or(FailureCode::OperatorError);
            if [FailureCode::TimedOut, FailureCode::Cancelled].contains(&code) {
                return Err("is settled by the chain and cannot be answered");
            }
            Outcome::Failure(code, cut(response.error.as_deref().unwrap_or(""), MAX_ERROR_BYTES).to_owned())
        };
        let ExecutionResponse { resources_used: used, wasm_sha256, receipt_sha256, .. } = *response;
        Ok(Self { outcome, used, wasm_sha256, receipt_sha256 })
    }

    /// Bytes in borsh: a tag and the outcome, three numbers, an optional digest, and one that is just there or not.
    pub fn bytes(&self) -> u64 {
        let outcome = match &self.outcome {
            Outcome::Output(output) => 4 + output.len(),
            Outcome::Reference(_) => 32 + 8,
            Outcome::Failure(_, message) => 1 + 4 + message.len(),
        };
        let digest = 1 + 32 * usize::from(self.wasm_sha256.is_some());
        let trailing = 32 * usize::from(self.receipt_sha256.is_some());
        (1 + outcome + 3 * 8 + digest + trailing) as u64
    }

    /// Whether it waits in the contract's state, because the payload, itself under a tag, is too large.
    pub fn is_stashed(&self) -> bool {
        1 + self.bytes() > MAX_RESUME_PAYLOAD as u64
    }

    pub fn end(&self, request: &ExecutionRequest) -> End {
        if let Outcome::Failure(code, message) = &self.outcome {
            return Err((*code, message.clone()));
        }
        if request.compile_only {
            return match self.wasm_sha256 {
                Some(digest) => Ok((bytes(&json!({ "wasm_sha256": digest })), None)),
                None => Err((FailureCode::OperatorError, "the operator did not name the program".to_owned())),
            };
        }
        match &self.outcome {
            Outcome::Output(output) => {
                let digest = Sha256(hash(output).0);
                shown(request.response_format, output).map(|shown| (shown, Some(digest)))
            }
            Outcome::Reference(reference) => Ok((bytes(&json!({ "output_ref": reference })), Some(reference.sha256))),
            Outcome::Failure(code, message) => Err((*code, message.clone())),
        }
    }
}

fn shown(format: ResponseFormat, output: &[u8]) -> Result<Vec<u8>, (FailureCode, String)> {
    let invalid = |what: &str| (FailureCode::OutputInvalid, format!("the output is not {what}: "));
    match format {
        ResponseFormat::Text => match std::str::from_utf8(output) {
            Ok(text) => Ok(bytes(&json!(text))),
            Err(_) => Err(invalid("UTF-8")),
        },
        ResponseFormat::Json => match serde_json::from_slice::<Value>(output) {
            Ok(_) => Ok(output.to_vec()),
            Err(_) => Err(invalid("JSON")),
        },
        ResponseFormat::Bytes => Ok(bytes(&json!(BASE64_STANDARD.encode(output)))),
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// What this usage costs under this price list; [`None`] when no number holds it.
pub fn cost(pricing: &Pricing, used: &ResourcesUsed) -> Option<u128> {
    let megabytes = used.memory_bytes.div_ceil(1 << 20);
    let instructions = pricing.per_instruction_fee.as_yoctonear().checked_mul(used.instructions.into())?;
    let memory = pricing.per_mb_fee.as_yoctonear().checked_mul(megabytes.into())?;
    let time = pricing.per_second_fee.as_yoctonear().checked_mul(used.time_seconds.into())?;
    pricing.base_fee.as_yoctonear().checked_add(instructions)?.checked_add(memory)?.checked_add(time)
}

/// The usage that a deposit must cover.
pub fn worst_case(limits: &ResourceLimits) -> ResourcesUsed {
    ResourcesUsed {
        instructions: limits.max_instructions,
        memory_bytes: u64::from(limits.max_memory_mb) << 20,
        time_seconds: limits.max_execution_seconds.into(),
    }
}

/// What of the reported usage is believed.
pub fn believed(limits: &ResourceLimits, used: &ResourcesUsed) -> ResourcesUsed {
    let most = worst_case(limits);
    ResourcesUsed {
        instructions: used.instructions.min(most.instructions),
        memory_bytes: used.memory_bytes.min(most.memory_bytes),
        time_seconds: used.time_seconds.min(most.time_seconds),
    }
}

/// What a request is charged that ended so: usage for a run, the base fee for a source that does not build, and nothing
/// for what is nobody's fault or the operator's.
pub fn charge(request: &ExecutionRequest, failure: Option<FailureCode>, used: &ResourcesUsed) -> u128 {
    let all = match failure.map(FailureCode::owner) {
        None | Some(Owner::Program) => cost(&request.pricing, &believed(&request.resource_limits, used)).unwrap(),
        Some(Owner::Source) => request.pricing.base_fee.as_yoctonear(),
        Some(Owner::Operator | Owner::Chain) => 0,
    };
    all.min(request.deposit.as_yoctonear())
}
