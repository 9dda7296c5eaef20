//! The idea of a job, pure: what it is called, where it stands and what moves it. No input or output here.

mod ids;

pub use ids::{ParseDigestError, WasmDigest};
