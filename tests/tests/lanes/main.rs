//! Answers leave on several keys, in batches; transactions are refused, lost, late and doubled; keys run dry: every
//! request is settled once.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod batches;
mod faults;
mod keys;
mod stage;
