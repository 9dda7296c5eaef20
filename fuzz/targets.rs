//! The parsers that meet a stranger's bytes, each as a function that must return whatever it is given. What a parser
//! accepts must read the same once more after it was written.
//!
//! Shared by the fuzzer's targets and by `tests/tests/fuzz.rs`, which is what CI runs.

use offchainvm_interface::{
    BuildTarget, CodeSource, ExecutionRequest, RequestArgs,
    events::{Event, EventLog},
    receipt::{ReceiptBody, SignedReceipt},
};
use offchainvm_worker::{
    build,
    ingest::{self, Block},
    program,
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

/// A Cargo.lock of a stranger's source, from which file names on this machine are made.
pub fn lockfile(bytes: &[u8]) {
    let Ok(archives) = build::archives_of(bytes) else { return };
    for file in archives {
        let mut parts = Path::new(&file).components();
        assert!(matches!(parts.next(), Some(Component::Normal(name)) if name == file.as_str()), "{file:?}");
        assert_eq!(parts.next(), None, "{file:?}");
    }
}
