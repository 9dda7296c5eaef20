//! The executor against real programs: each way to end, what is charged for it, and what no program can do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

#[path = "../../tests/src/guests.rs"]
#[allow(dead_code, reason = "shared with the end-to-end tests, which need more of it")]
mod guests;

#[path = "execute/support.rs"]
mod support;

#[path = "execute/cache.rs"]
mod cache;
#[path = "execute/calls.rs"]
mod calls;
#[path = "execute/compiler.rs"]
mod compiler;
#[path = "execute/determinism.rs"]
mod determinism;
#[path = "execute/ends.rs"]
mod ends;
#[path = "execute/isolation.rs"]
mod isolation;
#[path = "execute/modules.rs"]
mod modules;
#[path = "execute/repeat.rs"]
mod repeat;
#[path = "execute/rules.rs"]
mod rules;
#[path = "execute/scratch.rs"]
mod scratch;
#[path = "execute/scratch_calls.rs"]
mod scratch_calls;
#[path = "execute/scratch_handles.rs"]
mod scratch_handles;
#[path = "execute/targets.rs"]
mod targets;
#[path = "execute/time.rs"]
mod time;
#[path = "execute/zoo.rs"]
mod zoo;
