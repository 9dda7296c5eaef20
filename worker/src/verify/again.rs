//! Doing it again: the program, found or built anew, and another run of it with the same input under the same limits.

use offchainvm_interface::{
    CodeSource, ExecutionResponse, FailureCode, MaxLimits, Owner, Sha256,
    receipt::{Program as ClaimedProgram, ReceiptBody, Run},
};
use tokio_util::sync::CancellationToken;

use super::{compare::with_run, rebuild::rebuild, report::Check};
use crate::{
    build::BuildConfig,
    execute::{End, ExecuteConfig, Executor, Outcome, Program, Task},
    job::WasmDigest,
    publish::{ResultCap, acceptable},
    receipt::data_ref,
    stages::Programs,
};

/// What it is done with.
pub(super) struct Again {
    pub(super) programs: Option<Programs>,
    pub(super) wasm: Option<Vec<u8>>,
    pub(super) rebuild: Option<BuildConfig>,
    pub(super) execute: ExecuteConfig,
}

const PROGRAM: &str = "program";
const RUN: &str = "run";
/// The most output that is taken here: a thousand times what an operator takes by default.
const MAX_OUTPUT_BYTES: u64 = 64 << 20;

impl Again {
    /// Checks what the receipt claims of program and run, with the input or why there is none.
    pub(super) async fn check(
        self,
        receipt: &ReceiptBody,
        input: Result<Vec<u8>, String>,
        caps: &MaxLimits,
    ) -> Vec<Check> {
        let owner = receipt.error_code.map(FailureCode::owner);
        if matches!(owner, Some(Owner::Operator | Owner::Chain)) {
            let why = "the operator says that it failed itself: it charges nothing, and there is nothing to do again";
            return vec![Check::unproven(RUN, why)];
        }
        let Some(claimed) = &receipt.program else { return vec![self.refusal(receipt).await] };
        let (check, wasm) = self.program(receipt, claimed).await;
        let run = match (&receipt.run, wasm) {
            (None, _) if receipt.compile_only => Check::pass(RUN, "only building was asked for"),
            (None, _) => Check::unproven(RUN, "the receipt claims no run"),
            (Some(_), None) => Check::unproven(RUN, "there is no program to run"),
            (Some(run), Some(wasm)) => match too_much(receipt, run, caps) {
                Some(why) => Check::unproven(RUN, why),
                None => self.run(receipt, run, wasm, input).await,
            },
        };
        vec![check, run]
    }

    /// A source that became no program: only building it again can show that it does not.
    async fn refusal(&self, receipt: &ReceiptBody) -> Check {
        let Some(config) = &self.rebuild else {
            return Check::unproven(PROGRAM, "the source became no program; --rebuild shows whether it does here");
        };
        rebuild(config, receipt, None).await.0
    }

    /// The program's bytes, and whether they are what the receipt claims.
    async fn program(&self, receipt: &ReceiptBody, claimed: &ClaimedProgram) -> (Check, Option<Vec<u8>>) {
        if let (Some(config), CodeSource::Git(_)) = (&self.rebuild, &receipt.code_source) {
            return rebuild(config, receipt, Some(claimed)).await;
        }
        let expected = claimed.wasm_sha256;
        if let Some(wasm) = &self.wasm {
            let found = data_ref(wasm).sha256;
            if found == expected {
                return (Check::pass(PROGRAM, format!("the file given is {expected}")), self.wasm.clone());
            }
            let detail = format!("the file given is {found}, but the receipt is about {expected}");
            return (Check::unproven(PROGRAM, detail), None);
        }
        match self.fetch(expected).await {
            Ok(wasm) => {
                let detail = format!("{expected} is kept here; that it is the source's, only --rebuild shows");
                let detail = if is_named_by_digest(receipt) { format!("{expected} is kept here") } else { detail };
                (Check::pass(PROGRAM, detail), Some(wasm))
            }
            Err(why) => (Check::unproven(PROGRAM, why), None),
        }
    }

    async fn fetch(&self, digest: Sha256) -> Result<Vec<u8>, String> {
        let missing = || format!("no program {digest} is kept here; give it (--wasm) or build it again (--rebuild)");
        let programs = self.programs.as_ref().ok_or_else(missing)?;
        programs.fetch(WasmDigest(digest.0)).await.map_err(
            |error| {
                if error.is_lost() { missing() } else { error.to_string() }
            },
        )
    }

    async fn run(&self, receipt: &ReceiptBody, run: &Run, wasm: Vec<u8>, input: Result<Vec<u8>, String>) -> Check {
        let input = match input {
            Ok(input) => input,
            Err(why) => return Check::unproven(RUN, why),
        };
        if data_ref(&input) != receipt.input {
            let found = data_ref(&input).sha256;
            return Check::unproven(RUN, format!("the input has the digest {found}, not the one of the receipt"));
        }
        let (outcome, here) = match self.run_here(receipt, run, wasm, input).await {
            Ok(ended) => ended,
            Err(why) => return Check::unproven(RUN, format!("the program could not be run here: {why}")),
        };
        let code = outcome.end.failure();
        if code == Some(FailureCode::OutOfTime) || receipt.error_code == Some(FailureCode::OutOfTime) {
            return Check::unproven(RUN, "the program ran out of time, which depends on the machine");
        }
        let response = acceptable(receipt.response_format, response(outcome), cap(receipt));
        let differs = with_run(receipt, &response);
        if !differs.is_empty() && here != run.engine {
            let detail = format!("another run differs, but on another engine: here {here}, there {}", run.engine);
            return Check { differs, ..Check::unproven(RUN, detail) };
        }
        Check::compared(RUN, "compared with another run, bit for bit", differs)
    }

    /// Runs on an executor that leaves nothing behind; says also which engine that is.
    async fn run_here(
        &self,
        receipt: &ReceiptBody,
        run: &Run,
        wasm: Vec<u8>,
        input: Vec<u8>,
    ) -> anyhow::Result<(Outcome, String)> {
        let cache = tempfile::tempdir()?;
        let max_output_bytes = usize::try_from(run.max_output_bytes)?;
        let config = ExecuteConfig { parallel_runs: 1, max_output_bytes, ..self.execute.clone() };
        let executor = Executor::new(&config, cache.path())?;
        let task = Task { input, limits: receipt.resource_limits, seed: receipt.data_id.0 };
        let outcome = executor.run(&Program::bytes(wasm), task, CancellationToken::new()).await?;
        Ok((outcome, executor.describe().engine))
    }
}

/// A stranger's receipt can name any limits; this machine is not to run for ever, or into the ground.
fn too_much(receipt: &ReceiptBody, run: &Run, caps: &MaxLimits) -> Option<String> {
    if run.max_output_bytes > MAX_OUTPUT_BYTES {
        return Some(format!("run.max_output_bytes is above {MAX_OUTPUT_BYTES}"));
    }
    let checked = receipt.resource_limits.check(caps);
    checked.err().map(|error| format!("resource_limits are beyond what the contract allows: {error}"))
}

fn is_named_by_digest(receipt: &ReceiptBody) -> bool {
    matches!(receipt.code_source, CodeSource::Wasm(_))
}

fn cap(receipt: &ReceiptBody) -> ResultCap {
    ResultCap(usize::try_from(receipt.max_result_bytes).unwrap_or(usize::MAX))
}

fn response(outcome: Outcome) -> ExecutionResponse {
    match outcome.end {
        End::Success => ExecutionResponse::succeeded(outcome.output, outcome.used),
        End::Failed { code, message } => ExecutionResponse::failed(code, &message, outcome.used),
    }
}
