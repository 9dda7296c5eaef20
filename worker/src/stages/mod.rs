//! Where the stages sit at the store: a claimed job becomes a call of the stage, and what the stage says becomes an
//! effect on the job. The stages themselves know neither jobs nor each other.

mod build;
mod execute;
mod inputs;
mod programs;
mod reports;

pub use build::BuildWork;
pub use execute::ExecuteWork;
pub use inputs::{Inputs, KeptInputs};
pub use programs::{Programs, ShareError};
pub use reports::{BuildReports, ReportError};
