//! What the worker tells its operator, in three forms: `log`, lines about what happens; `metrics`, numbers about how
//! much and how fast; `health`, how things stand right now, which `readiness` judges. Each is passed to whoever reports to
//! it; none is global.

mod health;
mod log;
mod metrics;
mod readiness;

pub use health::{Health, LaneState, Loop, LoopState, Progress};
pub use log::{TelemetryError, start};
pub use metrics::{BuildOutcome, CONTENT_TYPE, Endpoint, Metrics, Queue, Running, SeenIn, StageOutcome, TxFate};
pub use readiness::{Check, Expectations};
