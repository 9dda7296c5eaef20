//! A job that ran twice has two receipts, and the chain says which one counts.

use offchainvm_interface::Sha256;
use offchainvm_worker::receipt::digest;

use super::{outbox::receipt, support::*};

on_both_databases!(
    of_two_receipts_the_one_that_the_chain_names_stays,
    while_the_chain_names_neither_both_stay,
    of_one_job_only_so_many_are_kept,
);

/// Receipts of a request's two runs, different ones for each request.
fn both(request_id: u64) -> [SignedReceipt; 2] {
    [receipt(100 + request_id), receipt(200 + request_id)]
}

fn sha256(receipt: &SignedReceipt) -> Sha256 {
    digest(&receipt.receipt).unwrap()
}

async fn send(store: &Store, lease: &Lease, receipt: &SignedReceipt, tx_hash: &str) {
    let leaving = Leaving { lease: lease.clone(), receipt: Some(serde_json::to_string(receipt).unwrap().into()) };
    assert_eq!(store.about_to_send(vec![leaving], tx_hash, NOW).await.unwrap(), []);
}

/// Brings the job that waits to be built to where its answer leaves.
async fn run(store: &Store, now: Moment) -> Claimed {
    for stage in [Stage::Build, Stage::Execute] {
        let job = take(store, stage, now).await;
        record(store, &job, success(stage), now).await;
    }
    take(store, Stage::Publish, now).await
}

async fn give_up(store: &Store, job: Claimed, now: Moment) {
    let mut job = Some(job);
    while let Some(taken) = job {
        record(store, &taken, fault(FailureCode::OperatorError, "refused", Duration::ZERO), now).await;
        job = next(store, Stage::Publish, now).await;
    }
}

/// A request whose answer was sent and given up, and whose program then ran again.
async fn run_twice(store: &Store, request_id: u64) -> Claimed {
    store.take_block(block(request_id, vec![new_job(request_id)], vec![]), NOW).await.unwrap();
    let job = run(store, NOW).await;
    send(store, &job.lease, &both(request_id)[0], "TX1").await;
    give_up(store, job, NOW).await;
    let again = later(PERIOD.as_secs());
    let waiting = waiting(vec![new_job(request_id)], at(request_id), false);
    assert_eq!(store.reconcile(waiting, again).await.unwrap().reopened.len(), 1);
    let job = run(store, again).await;
    let answer = job.answer.as_ref().unwrap();
    assert_eq!((&answer.receipt, answer.sent.as_deref()), (&None, Some("TX1")), "another run, another receipt");
    job
}

/// The chain tells of the request's end.
async fn settle(store: &Store, request_id: u64, receipt: Option<Sha256>) {
    let closing = Closing { id: id(request_id), answered: true, receipt };
    store.take_block(block(100 + request_id, vec![], vec![closing]), later(PERIOD.as_secs())).await.unwrap();
}

async fn of_two_receipts_the_one_that_the_chain_names_stays(fixture: Fixture) {
    let store = fixture.open("a").await;
    // The first transaction lands after all, or the second; before that one left, while it is on its way, or when it
    // was given up, too.
    for (request_id, counts, left, over) in
        [(1, 0, false, false), (2, 0, true, false), (3, 1, true, false), (4, 0, true, true), (5, 1, true, true)]
    {
        let job = run_twice(&store, request_id).await;
        let receipts = both(request_id);
        if left {
            send(&store, &job.lease, &receipts[1], "TX2").await;
            let kept = store.receipts(id(request_id)).await.unwrap();
            assert_eq!(kept, [receipts[1].clone(), receipts[0].clone()], "the last first");
        }
        if over {
            give_up(&store, job, later(PERIOD.as_secs())).await;
        }
        for receipt in &receipts[..1 + usize::from(left)] {
            let found = store.receipt(id(request_id), Some(sha256(receipt))).await.unwrap();
            assert_eq!(found.as_ref(), Some(receipt), "each is found by its digest");
        }

        settle(&store, request_id, Some(sha256(&receipts[counts]))).await;
        let kept = store.receipts(id(request_id)).await.unwrap();
        assert_eq!(kept, [receipts[counts].clone()], "request {request_id}");
        assert!(look(&store, request_id).await.status.is_over());
    }
}

async fn while_the_chain_names_neither_both_stay(fixture: Fixture) {
    let store = fixture.open("a").await;
    for (request_id, named) in [(1, None), (2, Some(Sha256([9; 32])))] {
        let job = run_twice(&store, request_id).await;
        send(&store, &job.lease, &both(request_id)[1], "TX2").await;
        settle(&store, request_id, named).await;
        assert_eq!(store.receipts(id(request_id)).await.unwrap().len(), 2);
        let last = store.receipt(id(request_id), None).await.unwrap();
        assert_eq!(last.as_ref(), Some(&both(request_id)[1]));
        assert_eq!(store.receipt(id(request_id), Some(Sha256([9; 32]))).await.unwrap(), None);
    }
}

async fn of_one_job_only_so_many_are_kept(fixture: Fixture) {
    let store = with_answer(&fixture).await;
    let job = take(&store, Stage::Publish, NOW).await;
    for number in 1..=40 {
        send(&store, &job.lease, &receipt(number), "TX").await;
        send(&store, &job.lease, &receipt(number), "TX").await;
    }
    let kept = store.receipts(id(1)).await.unwrap();
    let last: Vec<SignedReceipt> = (8..=40).rev().map(receipt).collect();
    assert_eq!(kept, last, "the last one, and 32 before it");
}
