//! Outcomes on their way to the chain: kept until they are there, and no longer.

use super::support::*;
use serde_json::json;

on_both_databases!(
    a_payload_is_cleared_when_it_is_delivered,
    the_last_attempt_still_has_its_payload_and_then_it_is_cleared,
    outcome_and_outbox_are_one_and_survive_a_crash,
    an_outcome_without_its_lease_leaves_no_trace_in_the_outbox,
    a_transaction_is_noted_before_it_is_sent_and_known_after_a_crash,
    a_receipt_is_kept_with_its_transaction_and_stays,
);

async fn outcome_and_outbox_are_one_and_survive_a_crash(fixture: Fixture) {
    drop(with_answer(&fixture).await);
    let store = fixture.open("b").await;
    assert!(next(&store, Stage::Execute, later(3_600)).await.is_none(), "it never runs again");
    let job = take(&store, Stage::Publish, NOW).await;
    assert_eq!(job.answer.as_ref().unwrap().response, answer());
    assert_eq!(job.answer.unwrap().sent, None);
}

async fn an_outcome_without_its_lease_leaves_no_trace_in_the_outbox(fixture: Fixture) {
    let store = fixture.open("a").await;
    store.take_block(block(1, vec![new_job(1)], vec![]), NOW).await.unwrap();
    let job = take(&store, Stage::Build, NOW).await;
    record(&store, &job, Effect::Built(artifact()), NOW).await;
    let job = take(&store, Stage::Execute, NOW).await;
    store.take_block(block(2, vec![], vec![Closing { id: id(1), answered: false, receipt: None }]), NOW).await.unwrap();
    assert!(store.record(&job.lease, &Effect::Ran(Box::new(ran())), &retry(), NOW).await.is_err());
    let job = look(&store, 1).await;
    assert_eq!((job.code, job.has_payload), (None, false));
    assert_eq!(job.status, Status::Failed { retry_count: 0, ending: Ending::Withdrawn });
}

async fn a_transaction_is_noted_before_it_is_sent_and_known_after_a_crash(fixture: Fixture) {
    let store = with_answer(&fixture).await;
    let job = take(&store, Stage::Publish, NOW).await;
    assert_eq!(store.about_to_send(leaving(&job.lease), "TX1", NOW).await.unwrap(), []);
    drop(store);
    let store = fixture.open("b").await;
    let again = take(&store, Stage::Publish, later(60)).await;
    assert_eq!(again.answer.unwrap().sent.as_deref(), Some("TX1"));
    assert_eq!(store.about_to_send(leaving(&job.lease), "TX2", NOW).await.unwrap(), [id(1)]);
}

/// A receipt that differs from those with other numbers.
pub fn receipt(request_id: u64) -> SignedReceipt {
    let reference = json!({"sha256": "00".repeat(32), "size": 1});
    let source = json!({"repo": "https://h/p", "commit": "abcdef", "build_target": "wasm32-wasip1"});
    let receipt = json!({
        "version": 1, "chain_id": "c", "contract_id": "vm.near", "request_id": request_id, "data_id": vec![7; 32],
        "requested_at": 1, "code_source": source, "input": reference, "resource_limits": {}, "compile_only": false,
        "response_format": "text", "max_result_bytes": 1, "resources_used": answer().resources_used,
        "operator_id": "op.near", "public_key": "ed25519:k",
    });
    serde_json::from_value(json!({"receipt": receipt, "signature": "ed25519:s"})).unwrap()
}

async fn a_receipt_is_kept_with_its_transaction_and_stays(fixture: Fixture) {
    let store = with_answer(&fixture).await;
    let job = take(&store, Stage::Publish, NOW).await;
    let kept = job.answer.unwrap();
    assert_eq!((kept.run, kept.receipt), (ran().run, None));
    let send = async |lease: &Lease, receipt: Option<SignedReceipt>, tx_hash: &str| {
        let receipt = receipt.map(|receipt| serde_json::to_string(&receipt).unwrap().into());
        store.about_to_send(vec![Leaving { lease: lease.clone(), receipt }], tx_hash, NOW).await.unwrap()
    };
    assert_eq!(send(&job.lease, Some(receipt(1)), "TX1").await, []);
    let again = take(&store, Stage::Publish, later(60)).await;
    assert_eq!(again.answer.as_ref().unwrap().receipt, Some(receipt(1)), "the next attempt says the same");
    assert_eq!(send(&job.lease, Some(receipt(2)), "TX2").await, [id(1)], "whoever has lost the job changes nothing");
    assert_eq!(send(&again.lease, None, "TX3").await, []);
    record(&store, &again, Effect::Delivered, NOW).await;
    assert_eq!(store.receipt(id(1), None).await.unwrap(), Some(receipt(1)));
    assert_eq!(store.receipt(id(2), None).await.unwrap(), None);
}

async fn a_payload_is_cleared_when_it_is_delivered(fixture: Fixture) {
    let store = with_answer(&fixture).await;
    assert!(look(&store, 1).await.has_payload);
    let job = take(&store, Stage::Publish, NOW).await;
    assert_eq!(record(&store, &job, Effect::Delivered, NOW).await, Status::Completed(Ending::Answered));
    let done = look(&store, 1).await;
    assert_eq!((done.has_payload, done.closed_at), (false, Some(NOW)));
}

async fn the_last_attempt_still_has_its_payload_and_then_it_is_cleared(fixture: Fixture) {
    let store = with_answer(&fixture).await;
    let mut status = Status::Pending;
    while !status.is_over() {
        let job = take(&store, Stage::Publish, NOW).await;
        assert_eq!(job.answer.as_ref().unwrap().response, answer());
        status = record(&store, &job, fault(FailureCode::OperatorError, "no", Duration::ZERO), NOW).await;
    }
    assert_eq!(status, Status::Failed { retry_count: 2, ending: Ending::Undelivered });
    assert!(!look(&store, 1).await.has_payload);
}
