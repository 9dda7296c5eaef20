//! What the contract tells the world: NEP-297 events, written and read through the same types.

use crate::{
    code_source::CodeSource,
    data_id::DataId,
    failure::FailureCode,
    pricing::Pricing,
    request::{ExecutionRequest, RequestId},
    usage::ResourcesUsed,
};
use near_account_id::AccountId;
use near_token::NearToken;
use serde::{Deserialize, Serialize};

/// The event standard's name.
pub const STANDARD: &str = "near-offshore";
/// The event standard's version.
pub const VERSION: &str = "1.0.0";
/// What NEP-297 puts in front of the JSON in a log line.
pub const PREFIX: &str = "EVENT_JSON:";

/// One log line: the envelope and the event in it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct EventLog {
    standard: String,
    version: String,
    /// The event itself.
    #[serde(flatten)]
    pub event: Event,
}

/// An event; each carries one or more entries.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
pub enum Event {
    /// A request was taken and its transaction suspended.
    ExecutionRequested(Vec<ExecutionRequested>),
    /// A request was settled, whatever its outcome.
    ExecutionCompleted(Vec<ExecutionCompleted>),
    /// The set of operators changed.
    OperatorsChanged(Vec<OperatorsChanged>),
    /// The price list changed.
    PricingChanged(Vec<Pricing>),
    /// New requests were stopped or allowed again.
    PausedChanged(Vec<PausedChanged>),
}

/// A request that waits for an operator.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ExecutionRequested {
    /// The request's number.
    pub request_id: RequestId,
    /// [`ExecutionRequest`] as JSON text inside the JSON, as the standard has it.
    pub request_data: String,
    /// The handle that `resolve_execution` takes.
    pub data_id: DataId,
    /// Block time in nanoseconds since 1970.
    pub timestamp: u64,
}

impl ExecutionRequested {
    /// The request inside.
    ///
    /// # Errors
    /// When `request_data` is not the JSON of an [`ExecutionRequest`].
    pub fn request(&self) -> Result<ExecutionRequest, serde_json::Error> {
        serde_json::from_str(&self.request_data)
    }
}

/// A request that was settled.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ExecutionCompleted {
    /// The request's number.
    pub request_id: RequestId,
    /// Its public handle.
    pub data_id: DataId,
    /// Who had asked.
    pub sender_id: AccountId,
    /// The program.
    pub code_source: CodeSource,
    /// What was charged for: the reported usage, clamped to the limits.
    pub resources_used: ResourcesUsed,
    /// Whether the caller's transaction returned a value.
    pub success: bool,
    /// Why not; absent with success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<FailureCode>,
    /// What was charged, in yoctoNEAR.
    pub cost: NearToken,
    /// What went back to the caller, in yoctoNEAR.
    pub refund: NearToken,
    /// Block time in nanoseconds since 1970.
    pub timestamp: u64,
}

/// The operators from now on.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct OperatorsChanged {
    /// All of them.
    pub operators: Vec<AccountId>,
}

/// Whether new requests are refused from now on.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PausedChanged {
    /// True when they are.
    pub paused: bool,
}

impl EventLog {
    /// Puts `event` into its envelope.
    #[must_use]
    pub fn new(event: Event) -> Self {
        Self { standard: STANDARD.to_owned(), version: VERSION.to_owned(), event }
    }

    /// The log line, with its prefix.
    ///
    /// # Errors
    /// Never for the types of this module; the signature is serde's.
    pub fn to_log(&self) -> Result<String, serde_json::Error> {
        Ok(format!("{PREFIX}{}", serde_json::to_string(self)?))
    }

    /// Reads a log line: [`None`] when it is not an event of this standard and major version, or one that this
    /// version does not know. A log is a stranger's text, so this never fails louder than that.
    #[must_use]
    pub fn parse(log: &str) -> Option<Self> {
        let json = log.strip_prefix(PREFIX)?;
        let event: Self = serde_json::from_str(json).ok()?;
        (event.standard == STANDARD && event.version.split('.').next() == VERSION.split('.').next()).then_some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GitSource, RepoUrl, code_source};

    fn completed() -> Event {
        Event::ExecutionCompleted(vec![ExecutionCompleted {
            request_id: 7,
            data_id: DataId([1; 32]),
            sender_id: "user.testnet".parse().unwrap(),
            code_source: CodeSource::Git(GitSource {
                repo: RepoUrl::new("https://github.com/user/project").unwrap(),
                commit: code_source::CommitId::new("abc123").unwrap(),
                build_target: code_source::BuildTarget::Wasm32Wasip1,
                path: None,
            }),
            resources_used: ResourcesUsed { instructions: 1, memory_bytes: 2, time_seconds: 3 },
            success: true,
            error_code: None,
            cost: NearToken::from_yoctonear(4),
            refund: NearToken::from_yoctonear(5),
            timestamp: 1_234_567_890,
        }])
    }

    #[test]
    fn events_keep_their_published_shape() {
        insta::assert_json_snapshot!("execution_completed", EventLog::new(completed()));
        let requested = ExecutionRequested {
            request_id: 7,
            request_data: "{}".to_owned(),
            data_id: DataId([1; 32]),
            timestamp: 1_234_567_890,
        };
        insta::assert_json_snapshot!("execution_requested", EventLog::new(Event::ExecutionRequested(vec![requested])));
        let operators = vec!["operator.testnet".parse().unwrap()];
        insta::assert_json_snapshot!(
            "operators_changed",
            EventLog::new(Event::OperatorsChanged(vec![OperatorsChanged { operators }]))
        );
        insta::assert_json_snapshot!("pricing_changed", EventLog::new(Event::PricingChanged(vec![Pricing::default()])));
        insta::assert_json_snapshot!(
            "paused_changed",
            EventLog::new(Event::PausedChanged(vec![PausedChanged { paused: true }]))
        );
    }

    #[test]
    fn what_is_written_is_read_back() {
        let log = EventLog::new(completed());
        assert_eq!(EventLog::parse(&log.to_log().unwrap()), Some(log));
    }

    #[test]
    fn foreign_logs_are_passed_over() {
        let ours = EventLog::new(completed()).to_log().unwrap();
        for log in [
            "",
            "hello",
            "EVENT_JSON:",
            "EVENT_JSON:{}",
            &ours.replace("near-offshore", "nep141"),
            &ours.replace("1.0.0", "2.0.0"),
            &ours.replace("execution_completed", "unheard_of"),
        ] {
            assert_eq!(EventLog::parse(log), None, "{log}");
        }
        assert!(EventLog::parse(&ours.replace("1.0.0", "1.7.0")).is_some());
    }
}
