//! The idea of a job, pure: what it is called, where it stands and what moves it. No input or output here.

mod ids;
mod retry;
mod status;

pub use ids::{JobId, ParseDigestError, ParseJobIdError, SUBMITTED, WasmDigest};
pub use retry::{RetryPolicy, Verdict};
pub use status::{Ending, IllegalStep, Stage, Status, Step, Turn};
