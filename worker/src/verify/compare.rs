//! A receipt beside what it is about: which of its fields say something else. Pure.

use std::fmt::{Debug, Display};

use offchainvm_interface::{
    DataRef, ExecutionRequest, ExecutionResponse, FailureCode, ResourcesUsed, Sha256, events::ExecutionCompleted,
    receipt::ReceiptBody, views,
};

use super::report::Difference;
use crate::receipt::data_ref;

/// How the chain settled a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settlement {
    pub(super) receipt_sha256: Option<Sha256>,
    error_code: Option<FailureCode>,
    resources_used: ResourcesUsed,
    output_sha256: Option<Sha256>,
}

impl From<views::Receipt> for Settlement {
    fn from(receipt: views::Receipt) -> Self {
        let views::Receipt { receipt_sha256, error_code, resources_used, output_sha256, .. } = receipt;
        Self { receipt_sha256, error_code, resources_used, output_sha256 }
    }
}

impl From<&ExecutionCompleted> for Settlement {
    fn from(event: &ExecutionCompleted) -> Self {
        let ExecutionCompleted { receipt_sha256, error_code, resources_used, output_sha256, .. } = *event;
        Self { receipt_sha256, error_code, resources_used, output_sha256 }
    }
}

/// Collects differences.
#[derive(Default)]
struct Differences(Vec<Difference>);

impl Differences {
    fn look<T: PartialEq>(&mut self, field: &'static str, claimed: &T, found: &T, show: impl Fn(&T) -> String) {
        if claimed != found {
            self.0.push(Difference { field, claimed: show(claimed), found: show(found) });
        }
    }

    fn text<T: PartialEq + Display>(&mut self, field: &'static str, claimed: T, found: T) {
        self.look(field, &claimed, &found, ToString::to_string);
    }

    fn maybe<T: PartialEq + Display>(&mut self, field: &'static str, claimed: Option<T>, found: Option<T>) {
        let show = |value: &Option<T>| value.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
        self.look(field, &claimed, &found, show);
    }

    fn shape<T: PartialEq + Debug>(&mut self, field: &'static str, claimed: &T, found: &T) {
        self.look(field, claimed, found, |value| format!("{value:?}"));
    }
}

/// Against the request as the chain has it.
pub(super) fn with_request(receipt: &ReceiptBody, request: &ExecutionRequest) -> Vec<Difference> {
    let mut all = Differences::default();
    all.text("request_id", receipt.request_id, request.request_id);
    all.text("data_id", receipt.data_id, request.data_id);
    all.text("requested_at", receipt.requested_at, request.timestamp);
    all.shape("code_source", &receipt.code_source, &request.code_source);
    let input = request.input_ref.unwrap_or_else(|| data_ref(request.input_data.as_bytes()));
    all.text("input.sha256", receipt.input.sha256, input.sha256);
    all.text("input.size", receipt.input.size, input.size);
    let (claimed, found) = (receipt.resource_limits, request.resource_limits);
    all.text("resource_limits.max_instructions", claimed.max_instructions, found.max_instructions);
    all.text("resource_limits.max_memory_mb", claimed.max_memory_mb, found.max_memory_mb);
    all.text("resource_limits.max_execution_seconds", claimed.max_execution_seconds, found.max_execution_seconds);
    all.shape("response_format", &receipt.response_format, &request.response_format);
    all.text("compile_only", receipt.compile_only, request.compile_only);
    all.0
}

/// Against what the chain charged for and returned.
pub(super) fn with_settlement(receipt: &ReceiptBody, settled: &Settlement) -> Vec<Difference> {
    let mut all = Differences::default();
    all.maybe("error_code", receipt.error_code, settled.error_code);
    all.maybe("output.sha256", receipt.output.map(|output| output.sha256), settled.output_sha256);
    used(&mut all, receipt.resources_used.clamped_to(&receipt.resource_limits), settled.resources_used);
    all.text("resources_used.time_seconds", receipt.resources_used.time_seconds, settled.resources_used.time_seconds);
    all.0
}

/// Against another run of the same program. Time is not compared: it is never the same twice.
pub(super) fn with_run(receipt: &ReceiptBody, ran: &ExecutionResponse) -> Vec<Difference> {
    let mut all = Differences::default();
    all.maybe("error_code", receipt.error_code, ran.failure());
    let output: Option<DataRef> = ran.return_value.as_deref().filter(|_| ran.success).map(data_ref);
    all.maybe("output.sha256", receipt.output.map(|it| it.sha256), output.map(|it| it.sha256));
    all.maybe("output.size", receipt.output.map(|it| it.size), output.map(|it| it.size));
    used(&mut all, receipt.resources_used, ran.resources_used);
    all.0
}

fn used(all: &mut Differences, claimed: ResourcesUsed, found: ResourcesUsed) {
    all.text("resources_used.instructions", claimed.instructions, found.instructions);
    all.text("resources_used.memory_bytes", claimed.memory_bytes, found.memory_bytes);
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
