//! `resolve_executions`: what an answer costs in company, and how many fit one call.

use super::{Row, bench::Bench};
use anyhow::{Context, Result, ensure};
use offchainvm_interface::{
    ExecutionRequest, ExecutionResponse, ResourcesUsed, Sha256,
    calls::{BATCH_ENTRY_BYTES, BATCH_GAS, MAX_BATCH, ResolveArgs, ResolveManyArgs, method},
};
use serde_json::{Value, json};

const SIZES: [usize; 4] = [1, 10, 50, 100];
const USED: ResourcesUsed = ResourcesUsed { instructions: 10_000_000, memory_bytes: 64 << 20, time_seconds: 5 };

pub(super) fn measure() -> Result<Vec<(usize, Row)>> {
    let mut bench = Bench::new()?.0;
    let mut rows = vec![];
    for size in SIZES {
        rows.push(measured(&mut bench, size, small, &format!("small, {size} together"))?);
    }
    for size in [MAX_BATCH / 2, MAX_BATCH] {
        rows.push(measured(&mut bench, size, full, &format!("of {BATCH_ENTRY_BYTES} bytes, {size} together"))?);
    }
    Ok(rows)
}

/// The most small answers, and the most of [`BATCH_ENTRY_BYTES`], that one call of 300 Tgas takes.
pub(super) fn largest(rows: &[(usize, Row)]) -> Result<(usize, usize)> {
    let [.., half_small, all_small, half_full, all_full] = rows else { anyhow::bail!("no rows") };
    let mut bench = Bench::new()?.0;
    let largest_small = try_out(&mut bench, likely(half_small, all_small)?, small)?;
    Ok((largest_small, try_out(&mut bench, likely(half_full, all_full)?, full)?))
}

/// With both digests, as a worker answers.
fn of_output(request: &ExecutionRequest, output: Vec<u8>) -> ResolveArgs {
    let digest = Sha256([7; 32]);
    let response = ExecutionResponse::succeeded(output, USED).of_program(digest).with_receipt(digest);
    ResolveArgs { data_id: request.data_id, response }
}

fn small(request: &ExecutionRequest) -> ResolveArgs {
    of_output(request, b"42".to_vec())
}

/// An answer of [`BATCH_ENTRY_BYTES`], or the few less that base64 leaves.
fn full(request: &ExecutionRequest) -> ResolveArgs {
    let answer = |output: usize| of_output(request, vec![7; output]);
    let rest = BATCH_ENTRY_BYTES.saturating_sub(json!(answer(0)).to_string().len());
    answer(rest / 4 * 3)
}

fn batch(waiting: &[ExecutionRequest], answer: fn(&ExecutionRequest) -> ResolveArgs) -> Value {
    json!(ResolveManyArgs { responses: waiting.iter().map(answer).collect() })
}

fn measured(
    bench: &mut Bench,
    size: usize,
    answer: fn(&ExecutionRequest) -> ResolveArgs,
    case: &str,
) -> Result<(usize, Row)> {
    let waiting = bench.waiting(size)?;
    let ended = bench.run("operator", method::RESOLVE_EXECUTIONS, &batch(&waiting, answer), 0)?;
    for request in &waiting {
        ensure!(bench.pending(request.request_id)?.is_none(), "{case}: request {} still waits", request.request_id);
    }
    Ok((size, Row { what: method::RESOLVE_EXECUTIONS, case: case.to_owned(), gas: ended.first()? }))
}

/// How many answers are likely to fit, because gas grows with their number as it did from `half` to `all`.
fn likely(half: &(usize, Row), all: &(usize, Row)) -> Result<usize> {
    let each = (all.1.gas - half.1.gas) / (all.0 - half.0) as u64;
    Ok(all.0 + usize::try_from(BATCH_GAS.as_gas().saturating_sub(all.1.gas) / each)?)
}

/// The largest batch that fits: some more than is likely, because the figures hold the transaction's fees, too, for
/// which the call's gas need not last. A call that runs out of gas changes nothing: the same requests serve every try.
fn try_out(bench: &mut Bench, likely: usize, answer: fn(&ExecutionRequest) -> ResolveArgs) -> Result<usize> {
    let too_many = likely + likely / 20;
    let waiting = bench.waiting(too_many)?;
    for size in (1..=too_many).rev() {
        let entries = waiting.get(..size).context("so many requests")?;
        if bench.run("operator", method::RESOLVE_EXECUTIONS, &batch(entries, answer), 0).is_ok() {
            ensure!(size < too_many, "more than {too_many} may fit");
            return Ok(size);
        }
    }
    anyhow::bail!("no batch fits")
}
