//! The store on SQLite and on PostgreSQL: every test runs on both, with the same body.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[macro_use]
mod support;

mod claims;
mod ends;
mod hand_over;
mod intake;
mod lanes;
mod leases;
mod load;
mod outbox;
mod overview;
mod receipts;
mod reopen;
mod retries;
mod tables;
