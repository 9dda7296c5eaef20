//! The fuzzer's targets on good inputs that were damaged at random: the short run that every change goes through. It
//! is repeatable; `scripts/fuzz` looks further.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

#[path = "../../fuzz/targets.rs"]
mod targets;

use offchainvm_interface::{
    BuildTarget, CodeSource, ExecutionRequest, Pricing, RepoUrl, RequestArgs,
    events::EventLog,
    receipt::{ReceiptBody, SignedReceipt},
    views::{Config, Receipt, Stats},
};
use offchainvm_tests::artifacts::workspace;
use offchainvm_worker::{
    build::parsers,
    chain::TxProgress,
    ingest::{Block, events_of},
    program,
    publish::answers_taken,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

/// Each target gets so many inputs, or so much time on a slow machine.
const INPUTS: u32 = 20_000;
const AT_MOST: Duration = Duration::from_secs(15);
/// Bytes that parsers like to stumble over.
const INTERESTING: [&[u8]; 10] =
    [b"\0", b"\xff", b"\x7f", b"\"", b"\\u", b"{", b"-1", b"99999999999999999999", b"\xff\xff\xff\xff\x0f", b"null"];

/// The good inputs: `fuzz/seeds/TARGET`.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = workspace().join("fuzz/seeds").join(target);
    let read = |path: &Path| fs::read(path).unwrap();
    let mut paths: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    paths.iter().map(|path| read(path)).collect()
}

fn damage(bytes: &mut Vec<u8>, other: &[u8], chance: &mut StdRng) {
    for _ in 0..chance.random_range(1..=6) {
        let at = chance.random_range(0..=bytes.len());
        let end = chance.random_range(at..=bytes.len());
        match chance.random_range(0..6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << chance.random_range(0..8),
            1 => bytes.truncate(at),
            2 => drop(bytes.drain(at..end.min(at + 16))),
            3 => {
                let piece = bytes[at..end.min(at + 64)].to_vec();
                let to = chance.random_range(0..=bytes.len());
                drop(bytes.splice(to..to, piece));
            }
            4 => {
                let from = chance.random_range(0..=other.len());
                let piece = &other[from..other.len().min(from + 64)];
                drop(bytes.splice(at..end.min(at + 64), piece.iter().copied()));
            }
            _ => {
                let piece = INTERESTING[chance.random_range(0..INTERESTING.len())];
                drop(bytes.splice(at..at, piece.iter().copied()));
            }
        }
    }
}

fn survives(name: &str, target: fn(&[u8])) {
    let seeds = seeds(name);
    let mut chance = StdRng::seed_from_u64(1);
    let began = Instant::now();
    for seed in &seeds {
        target(seed);
    }
    let mut inputs = 0;
    while inputs < INPUTS && began.elapsed() < AT_MOST {
        let mut bytes = seeds[chance.random_range(0..seeds.len())].clone();
        let other = &seeds[chance.random_range(0..seeds.len())];
        damage(&mut bytes, other, &mut chance);
        target(&bytes);
        inputs += 1;
    }
    println!("{name}: {inputs} inputs in {:?}", began.elapsed());
}

/// Else nothing but refusals would be looked at.
#[test]
fn the_seeds_are_good_inputs() {
    let text = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).unwrap();
    assert!(seeds("event").iter().all(|seed| EventLog::parse(&text(seed)).is_some()));
    let blocks: Vec<_> = seeds("block").iter().filter_map(|seed| Block::read(seed).unwrap()).collect();
    let said = blocks.iter().map(|block| events_of(block, &targets::CONTRACT.parse().unwrap()));
    let (requested, settled): (Vec<_>, Vec<_>) =
        said.map(|events| (events.requested.len(), events.settled.len())).unzip();
    assert_eq!((blocks.len(), requested.iter().sum(), settled.iter().sum()), (4, 1usize, 1usize));
    let archives = seeds("lockfile").iter().map(|seed| parsers::archives(seed).unwrap().len()).sum::<usize>();
    assert_eq!(archives, 2);
    assert!(seeds("program").iter().filter(|seed| program::check(seed, None).is_ok()).count() >= 2);
    assert_eq!(seeds("listing").iter().map(|seed| parsers::listing(seed).submodules.len()).sum::<usize>(), 2);
    let wishes = seeds("manifest").into_iter().map(|seed| parsers::asks_for_submodules(&text(&seed)).ok());
    assert_eq!(wishes.collect::<Vec<_>>(), [Some(true), Some(false), None]);
    let declared = |target| seeds("metadata").iter().filter(|seed| parsers::declared(seed, target).is_ok()).count();
    assert_eq!((declared(BuildTarget::Wasm32Wasip1), declared(BuildTarget::Wasm32UnknownUnknown)), (2, 1));
    assert!(seeds("proxy").iter().all(|seed| parsers::network_request(&text(seed)).is_some()));
    let repository = RepoUrl::new("https://example.com/a/b").unwrap();
    let leads = |seed: &Vec<u8>| parsers::submodule(seed, &repository, "libs/a").is_some();
    assert_eq!(seeds("gitmodules").iter().filter(|seed| leads(seed)).count(), 2);
    let taken = seeds("outcome").into_iter().map(|seed| match TxProgress::read(&seed).unwrap() {
        TxProgress::Executed(outcome) => answers_taken(&outcome),
        TxProgress::Pending(_) | TxProgress::Unknown => None,
    });
    assert_eq!(taken.collect::<Vec<_>>(), [Some(1), Some(1), Some(0), None]);
    assert!(seeds("view").iter().all(|seed| {
        serde_json::from_slice::<Config>(seed).is_ok()
            || serde_json::from_slice::<Pricing>(seed).is_ok()
            || serde_json::from_slice::<Receipt>(seed).is_ok()
            || serde_json::from_slice::<Stats>(seed).is_ok()
            || serde_json::from_slice::<Vec<ExecutionRequest>>(seed).is_ok()
    }));
    for (target, at_least) in [("receipt", 4), ("request", 4)] {
        let good = seeds(target).into_iter().filter(|seed| {
            serde_json::from_slice::<SignedReceipt>(seed).is_ok()
                || borsh::from_slice::<ReceiptBody>(seed).is_ok()
                || serde_json::from_slice::<CodeSource>(seed).is_ok()
                || serde_json::from_slice::<RequestArgs>(seed).is_ok()
                || serde_json::from_slice::<ExecutionRequest>(seed).is_ok()
        });
        assert_eq!(good.count(), at_least, "{target}");
    }
}

#[test]
fn blocks_are_read_or_refused() {
    survives("block", targets::block);
}

#[test]
fn lockfiles_are_read_or_refused() {
    survives("lockfile", targets::lockfile);
}

#[test]
fn events_are_read_or_ignored() {
    survives("event", targets::event);
}

#[test]
fn programs_are_checked_or_refused() {
    survives("program", targets::program);
}

#[test]
fn receipts_are_read_or_refused() {
    survives("receipt", targets::receipt);
}

#[test]
fn requests_are_read_or_refused() {
    survives("request", targets::request);
}

#[test]
fn views_are_read_or_refused() {
    survives("view", targets::view);
}

#[test]
fn outcomes_of_transactions_are_read_or_refused() {
    survives("outcome", targets::outcome);
}

#[test]
fn listings_of_commits_are_read() {
    survives("listing", targets::listing);
}

#[test]
fn submodules_stay_where_their_addresses_may_lead() {
    survives("gitmodules", targets::gitmodules);
}

#[test]
fn manifests_are_read_or_refused() {
    survives("manifest", targets::manifest);
}

#[test]
fn what_cargo_says_names_files_inside_or_is_refused() {
    survives("metadata", targets::metadata);
}

#[test]
fn requests_to_the_network_are_passed_on_as_they_were_read() {
    survives("proxy", targets::proxy);
}

#[test]
fn logs_are_fit_to_be_shown() {
    survives("log", targets::log);
}
