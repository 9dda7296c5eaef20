//! The events as the world reads them.

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
        output_sha256: Some(Sha256([2; 32])),
        receipt_sha256: Some(Sha256([3; 32])),
        timestamp: 1_234_567_890,
    }])
}

#[test]
fn events_keep_their_published_shape() {
    let requested = ExecutionRequested {
        request_id: 7,
        request_data: "{}".to_owned(),
        data_id: DataId([1; 32]),
        timestamp: 1_234_567_890,
    };
    let account = |name: &str| -> AccountId { name.parse().unwrap() };
    let payment = || vec![Payment { account_id: account("user.testnet"), amount: NearToken::from_yoctonear(5) }];
    let renewed = ExecutionRenewed { request_id: 7, data_id: DataId([1; 32]), window: 2, gas_left: 90 };
    let config = ConfigChanged { deadline_seconds: 600, max_result_bytes: 65_536, receipt_history: 100 };
    let owner = OwnerChanged { owner_id: account("new.testnet"), former_owner_id: account("owner.testnet") };
    let events = [
        completed(),
        Event::ExecutionRequested(vec![requested]),
        Event::ExecutionRenewed(vec![renewed]),
        Event::OperatorsChanged(vec![OperatorsChanged { operators: vec![account("operator.testnet")] }]),
        Event::PricingChanged(vec![Pricing::default()]),
        Event::PausedChanged(vec![PausedChanged { paused: true }]),
        Event::OwnerProposed(vec![OwnerProposed { proposed_owner_id: Some(account("new.testnet")) }]),
        Event::OwnerChanged(vec![owner]),
        Event::LimitsChanged(vec![MaxLimits::default()]),
        Event::ConfigChanged(vec![config]),
        Event::FeesWithdrawn(payment()),
        Event::WithdrawalFailed(payment()),
        Event::RefundCredited(payment()),
        Event::CreditClaimed(payment()),
        Event::ContractUpgraded(vec![ContractUpgraded { from_version: 1, to_version: 2 }]),
    ];
    for event in events {
        let log = EventLog::new(event);
        let json = serde_json::to_value(&log).unwrap();
        insta::assert_json_snapshot!(json["event"].as_str().unwrap(), &log);
        assert_eq!(EventLog::parse(&log.to_log().unwrap()), Some(log));
    }
}

#[test]
fn an_announced_request_reads_as_it_was() {
    let request = ExecutionRequest {
        request_id: 7,
        data_id: DataId([1; 32]),
        sender_id: "user.testnet".parse().unwrap(),
        refund_to: Some("payer.testnet".parse().unwrap()),
        code_source: CodeSource::Git(GitSource {
            repo: RepoUrl::new("https://h/p").unwrap(),
            commit: code_source::CommitId::new("abc123").unwrap(),
            build_target: code_source::BuildTarget::Wasm32Wasip1,
            path: None,
        }),
        resource_limits: ResourceLimits::default(),
        compile_only: true,
        input_data: "\"x\"".to_owned(),
        input_ref: Some(DataRef { sha256: Sha256([3; 32]), size: 9 }),
        response_format: ResponseFormat::Json,
        deposit: NearToken::from_near(1),
        pricing: Pricing::default(),
        timestamp: 1_700_000_000_123_456_789,
        deadline: 1_700_000_600_123_456_789,
    };
    let announced = ExecutionRequested {
        request_id: request.request_id,
        request_data: serde_json::to_string(&RequestData::of(&request)).unwrap(),
        data_id: request.data_id,
        timestamp: request.timestamp,
    };
    assert_eq!(announced.request().unwrap(), request);
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
