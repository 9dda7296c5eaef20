//! The parsers that meet a stranger's bytes, each as a function that must return whatever it is given. What a parser
//! accepts must read the same once more after it was written.
//!
//! Shared by the fuzzer's targets and by `tests/tests/fuzz.rs`, which is what CI runs.

use offchainvm_interface::{
    BuildTarget, CodeSource, ExecutionRequest, Pricing, RepoUrl, RequestArgs,
    events::{Event, EventLog},
    receipt::{ReceiptBody, SignedReceipt},
    views::{Config, Receipt, Stats},
};
use offchainvm_worker::{
    build::parsers,
    chain::{Landing, TxProgress, landing_of},
    ingest::{self, Block},
    program, publish,
};
use serde_json::{from_slice, from_str, to_string};
use std::path::{Component, Path};

/// The account whose events are read out of a block. The seeds are its blocks.
pub const CONTRACT: &str = "vm.near";

/// A block from whoever serves blocks.
pub fn block(bytes: &[u8]) {
    let Ok(Some(block)) = Block::read(bytes) else { return };
    let events = ingest::events_of(&block, &CONTRACT.parse().expect("an account"));
    assert_eq!(events.block, block.cursor(), "the cursor moves onto the block that was read");
    let _ = (block.time(), block.follows(&events.block));
}

/// A line of a contract's log.
pub fn event(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some(event) = EventLog::parse(text) else { return };
    if let Event::ExecutionRequested(requests) = &event.event {
        for requested in requests {
            // What it holds is the caller's text in JSON within JSON: refused or read.
            let _ = requested.request();
        }
    }
    let written = event.to_log().expect("an event that was read can be written");
    assert_eq!(EventLog::parse(&written), Some(event));
}

/// A file that says it is a program.
pub fn program(bytes: &[u8]) {
    let kinds = [BuildTarget::Wasm32Wasip1, BuildTarget::Wasm32Wasip2, BuildTarget::Wasm32UnknownUnknown];
    for expected in kinds {
        if let Ok(kind) = program::check(bytes, Some(expected)) {
            assert_eq!(kind, expected);
        }
    }
    if let Ok(kind) = program::check(bytes, None) {
        assert!(program::check(bytes, Some(kind)).is_ok(), "{kind} by itself, but not when it is asked for");
    }
}

/// A caller's request, and what the contract answers about one.
pub fn request(bytes: &[u8]) {
    let _ = from_slice::<RequestArgs>(bytes);
    if let Ok(source) = from_slice::<CodeSource>(bytes) {
        let written = to_string(&source).expect("a source that was read can be written");
        assert_eq!(from_str::<CodeSource>(&written).expect("and read again"), source);
    }
    if let Ok(request) = from_slice::<ExecutionRequest>(bytes) {
        let written = to_string(&request).expect("a request that was read can be written");
        assert_eq!(from_str::<ExecutionRequest>(&written).expect("and read again"), request);
    }
}

/// A receipt that somebody shows.
pub fn receipt(bytes: &[u8]) {
    if let Ok(receipt) = from_slice::<SignedReceipt>(bytes) {
        let written = to_string(&receipt).expect("a receipt that was read can be written");
        assert_eq!(from_str::<SignedReceipt>(&written).expect("and read again"), receipt);
        receipt.receipt.signed_bytes().expect("what was read can be signed");
    }
    if let Ok(body) = borsh::from_slice::<ReceiptBody>(bytes) {
        // Borsh has one form for each value: a digest cannot stand for two receipts.
        assert_eq!(borsh::to_vec(&body).expect("a body that was read can be written"), bytes);
    }
}

/// What the contract's views return, as a node tells it.
pub fn view(bytes: &[u8]) {
    if let Ok(page) = from_slice::<Vec<ExecutionRequest>>(bytes) {
        let written = to_string(&page).expect("requests that were read can be written");
        assert_eq!(from_str::<Vec<ExecutionRequest>>(&written).expect("and read again"), page);
    }
    if let Ok(config) = from_slice::<Config>(bytes) {
        let written = to_string(&config).expect("a configuration that was read can be written");
        assert_eq!(from_str::<Config>(&written).expect("and read again"), config);
    }
    if let Ok(stats) = from_slice::<Stats>(bytes) {
        let written = to_string(&stats).expect("counters that were read can be written");
        assert_eq!(from_str::<Stats>(&written).expect("and read again"), stats);
    }
    if let Ok(pricing) = from_slice::<Pricing>(bytes) {
        let written = to_string(&pricing).expect("prices that were read can be written");
        assert_eq!(from_str::<Pricing>(&written).expect("and read again"), pricing);
    }
    if let Ok(receipt) = from_slice::<Option<Receipt>>(bytes) {
        let written = to_string(&receipt).expect("an end that was read can be written");
        assert_eq!(from_str::<Option<Receipt>>(&written).expect("and read again"), receipt);
    }
}

/// What a node says became of a transaction of ours.
pub fn outcome(bytes: &[u8]) {
    let Ok(progress) = TxProgress::read(bytes) else { return };
    let (TxProgress::Executed(outcome) | TxProgress::Pending(Some(outcome))) = progress else { return };
    let is_open = matches!(landing_of(&outcome), Landing::Open);
    assert_eq!(publish::answers_taken(&outcome).is_none(), is_open, "nothing is known before the call was executed");
}

/// A commit's files, as git lists them.
pub fn listing(bytes: &[u8]) {
    let listing = parsers::listing(bytes);
    assert!(listing.submodules.len() <= listing.entries, "{listing:?}");
}

/// A `.gitmodules`, as git lists it.
pub fn gitmodules(bytes: &[u8]) {
    let repository = RepoUrl::new("https://example.com/team/project.git").expect("an address");
    let text = String::from_utf8_lossy(bytes);
    for value in text.split(['\0', '\n']) {
        let Some(found) = parsers::submodule(bytes, &repository, value.trim_end_matches('/')) else { continue };
        assert_eq!(RepoUrl::new(found.as_str()).expect("what leads somewhere is an address"), found);
    }
    // As the address of a submodule it may name another host only where it names one at all.
    let Some(line) = text.lines().next().filter(|line| line.starts_with('.') && !line.contains('\0')) else { return };
    let listing = format!("submodule.a.path\na\0submodule.a.url\n{line}\0");
    if let Some(found) = parsers::submodule(listing.as_bytes(), &repository, "a") {
        assert!(found.as_str().starts_with("https://example.com/"), "{line:?} leads to {found}");
    }
}

/// A stranger's Cargo.toml, as far as it is read before cargo does.
pub fn manifest(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if parsers::asks_for_submodules(text).unwrap_or(true) {
        assert!(text.contains("offchainvm"), "only our own table asks");
    }
}

/// What cargo says of a stranger's package, from which file names and arguments are made.
pub fn metadata(bytes: &[u8]) {
    for target in [BuildTarget::Wasm32Wasip1, BuildTarget::Wasm32Wasip2, BuildTarget::Wasm32UnknownUnknown] {
        let Ok(declared) = parsers::declared(bytes, target) else { continue };
        let is_normal = |part| matches!(part, Component::Normal(_));
        assert!(declared.lockfile.components().all(is_normal), "{declared:?}");
        assert!(is_name(&declared.file) && !declared.file.starts_with('-'), "{declared:?}");
    }
}

/// What a build's tool asks the network for, at an address that a stranger named.
pub fn proxy(bytes: &[u8]) {
    let Ok(head) = std::str::from_utf8(bytes) else { return };
    let Some(request) = parsers::network_request(head) else { return };
    let lines: Vec<&str> = request.forwarded.split("\r\n").collect();
    let is_one_line = |line: &&str| !line.contains(['\r', '\n', '\0']);
    assert!(lines.iter().all(is_one_line), "what is passed on reads the same elsewhere: {request:?}");
    assert_eq!(lines.iter().position(|line| line.is_empty()), Some(lines.len() - 2), "one head: {request:?}");
    let again = parsers::network_request(&request.forwarded).expect("what is passed on is a request");
    assert_eq!((again.host, again.port), (request.host, request.port), "to the same place");
}

/// What a stranger's build prints, which is shown on terminals and on chain.
pub fn log(bytes: &[u8]) {
    let shown = parsers::shown(bytes, 20);
    assert!(shown.lines().count() <= 20 && shown.chars().count() <= 3_000, "{shown:?}");
    assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
}

/// A Cargo.lock of a stranger's source, from which file names on this machine are made.
pub fn lockfile(bytes: &[u8]) {
    let Ok(archives) = parsers::archives(bytes) else { return };
    for file in archives {
        assert!(is_name(&file), "{file:?}");
    }
}

/// Whether it names a file beside others, wherever it is joined to a folder.
fn is_name(file: &str) -> bool {
    let mut parts = Path::new(file).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(only)), None) if only == file)
}
