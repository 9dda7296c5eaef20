//! Log lines on standard error: for people or for machines, each written at once.
//!
//! Lines that mark a step of a request have the fields `event` (a stable name such as `execute.started`) and
//! `request_id`; those are what dashboards and tests wait for. A line inside a job also carries the job's span.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, filter::ParseError, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{LogConfig, LogFormat};

/// Logging cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is malformed.
    #[error("log.filter {filter:?} is not a filter: {source}")]
    Filter {
        /// The filter.
        filter: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// Something else logs already.
    #[error("logging is set up already: {0}")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Starts logging, once in a process.
///
/// # Errors
/// [`TelemetryError`].
pub fn start(config: &LogConfig) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(&config.filter)
        .map_err(|source| TelemetryError::Filter { filter: config.filter.clone(), source })?;
    let registry = tracing_subscriber::registry().with(filter);
    // Standard error is not buffered: a line is out before the step after it begins.
    match config.format {
        LogFormat::Json => registry
            .with(fmt::layer().json().flatten_event(true).with_span_list(false).with_writer(io::stderr))
            .try_init()?,
        LogFormat::Text => {
            registry.with(fmt::layer().with_ansi(io::stderr().is_terminal()).with_writer(io::stderr)).try_init()?;
        }
    }
    Ok(())
}
