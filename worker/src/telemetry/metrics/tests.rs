//! What is served, and that the documentation says the same.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use near_token::NearToken;
use offchainvm_interface::FailureCode;

use super::*;
use crate::{
    job::{Ending, Stage},
    telemetry::LaneState,
};

const DOCUMENT: &str = include_str!("../../../../docs/METRICS.md");

/// Metrics to which everything was reported at least once.
fn everything() -> Metrics {
    let metrics = Metrics::new();
    metrics.requests_taken(3, SeenIn::Block);
    metrics.request_closed(Ending::Answered, Some(FailureCode::Trap), Duration::from_secs(3));
    metrics.request_reopened(Ending::Undelivered);
    metrics.stage_began(Stage::Build, Duration::from_millis(5)).finished(StageOutcome::Done);
    metrics.retried(Stage::Publish, FailureCode::OperatorError);
    metrics.queue(Stage::Execute, Queue { waiting: 5, running: 2, oldest: Some(Duration::from_secs(9)) });
    metrics.built(BuildOutcome::Built);
    metrics.built(BuildOutcome::Cached);
    metrics.ran(None, 1_000);
    metrics.transaction(1, TxFate::Succeeded, 17);
    metrics.lane_state(1, &LaneState::Busy);
    metrics.gas_spent(3_000_000_000_000, NearToken::from_millinear(1));
    metrics.operator_balance(NearToken::from_near(12));
    metrics.block_read(90, Duration::from_secs(2));
    metrics.chain_head(100, 10);
    let endpoint = Endpoint::new("node", "node.example:3030");
    metrics.endpoint_failed(&endpoint);
    metrics.endpoint_usable(&endpoint, true);
    metrics.loop_restarted("ingest");
    metrics.store_committed(4, Duration::from_millis(2));
    metrics.paused(true);
    metrics
}

/// The served metrics as the rows of the document, by name.
fn rows(text: &str) -> BTreeSet<String> {
    let mut described: BTreeMap<&str, (String, &str)> = BTreeMap::new();
    let mut kinds = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            described.insert(name, (help.trim_end_matches('.').to_owned(), name));
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            kinds.insert(name, kind);
        }
    }
    kinds
        .into_iter()
        .map(|(family, kind)| {
            let suffix = match kind {
                "counter" => "_total",
                "info" => "_info",
                _ => "",
            };
            let labels: Vec<String> = labels(text, family).iter().map(|label| format!("`{label}`")).collect();
            let (help, _) = &described[family];
            format!("| `{family}{suffix}` | {kind} | {} | {help} |", labels.join(", ")).replace("|  |", "| |")
        })
        .collect()
}

/// The labels of a family's samples; the bounds of a histogram's buckets are none.
fn labels(text: &str, family: &str) -> BTreeSet<String> {
    let samples = text.lines().filter(|line| {
        let name = line.split(['{', ' ']).next().unwrap();
        ["", "_total", "_info", "_bucket", "_sum", "_count"].iter().any(|suffix| name == format!("{family}{suffix}"))
    });
    let sets = samples.filter_map(|line| line.split_once('{')?.1.split_once('}').map(|(labels, _)| labels));
    let names = sets.flat_map(|set| set.split("\",").filter_map(|pair| pair.split_once('=').map(|(name, _)| name)));
    names.filter(|name| *name != "le").map(str::to_owned).collect()
}

#[test]
fn the_document_lists_exactly_what_is_served() {
    let served = rows(&everything().encode().unwrap());
    let documented: BTreeSet<String> =
        DOCUMENT.lines().filter(|line| line.starts_with("| `offchainvm_")).map(str::to_owned).collect();
    let missing: Vec<_> = served.difference(&documented).collect();
    let unknown: Vec<_> = documented.difference(&served).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "not documented: {missing:#?}\nnot served: {unknown:#?}");
}

#[test]
fn a_job_counts_as_running_until_its_guard_is_gone() {
    let metrics = Metrics::new();
    let running = |count: u32| {
        let text = metrics.encode().unwrap();
        assert!(text.contains(&format!("offchainvm_jobs_running{{stage=\"execute\"}} {count}\n")), "{text}");
    };
    let first = metrics.stage_began(Stage::Execute, Duration::ZERO);
    let second = metrics.stage_began(Stage::Execute, Duration::ZERO);
    running(2);
    first.finished(StageOutcome::Failed);
    running(1);
    // The process stops at once: the work has no outcome, but it does not run either.
    drop(second);
    running(0);
    let text = metrics.encode().unwrap();
    let finished = "offchainvm_stage_work_duration_seconds_count{stage=\"execute\",outcome=\"failed\"} 1\n";
    assert!(text.contains(finished), "{text}");
    assert!(text.contains("offchainvm_stage_wait_duration_seconds_count{stage=\"execute\"} 2\n"), "{text}");
}

#[test]
fn amounts_are_served_in_near_and_lanes_are_in_one_state() {
    let text = everything().encode().unwrap();
    for line in [
        "offchainvm_operator_balance_near 12.0",
        "offchainvm_gas_spent_near_total 0.001",
        "offchainvm_burnt_gas_total 3000000000000",
        "offchainvm_lane_state{lane=\"1\",state=\"busy\"} 1",
        "offchainvm_lane_state{lane=\"1\",state=\"idle\"} 0",
        "offchainvm_requests_closed_total{ending=\"answered\",code=\"trap\"} 1",
        "offchainvm_endpoint_errors_total{kind=\"node\",endpoint=\"node.example:3030\"} 1",
    ] {
        assert!(text.lines().any(|served| served == line), "{line} is not in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn what_the_store_cannot_say_is_not_served() {
    let metrics = everything();
    metrics.store_unknown();
    let text = metrics.encode().unwrap();
    assert!(!text.contains("offchainvm_queue_") && text.contains("offchainvm_paused NaN\n"), "{text}");
}
