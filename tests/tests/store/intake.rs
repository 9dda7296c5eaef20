//! What comes from the chain: blocks, the cursor, reconciling, settlements.

use super::support::*;

on_both_databases!(
    a_block_and_the_cursor_move_together_and_a_request_is_taken_once,
    a_thousand_requests_of_a_block_are_taken_in_once_and_in_their_order,
    a_block_that_cannot_be_stored_moves_nothing,
    data_ids_tell_requests_of_the_same_number_apart,
    reconciling_finds_what_was_missed_and_closes_what_is_gone_but_not_what_is_newer,
    a_settlement_tells_our_answer_from_anothers_and_closes_once,
);

async fn a_block_and_the_cursor_move_together_and_a_request_is_taken_once(fixture: Fixture) {
    let store = fixture.open("a").await;
    assert_eq!(store.cursor().await.unwrap(), None);
    let events = block(7, vec![new_job(1), new_job(2)], vec![]);
    assert_eq!(store.take_block(events.clone(), NOW).await.unwrap().inserted, [id(1), id(2)]);
    assert_eq!(store.cursor().await.unwrap(), Some(at(7)));
    assert_eq!(store.take_block(events.clone(), NOW).await.unwrap().inserted, []);
    drop(store);
    assert_eq!(fixture.open("b").await.cursor().await.unwrap(), Some(at(7)));
}

async fn a_thousand_requests_of_a_block_are_taken_in_once_and_in_their_order(fixture: Fixture) {
    let store = fixture.open("a").await;
    store.take_block(block(1, vec![new_job(1)], vec![]), NOW).await.unwrap();
    let twice = (1..=1_001).chain([700, 1_001]).map(new_job).collect();
    let taken = store.take_block(block(2, twice, vec![]), NOW).await.unwrap();
    assert_eq!(taken.inserted, (2..=1_001).map(id).collect::<Vec<_>>());
    let claimed = store.claim(Stage::Build, 2_000, LEASE, NOW).await.unwrap();
    let order: Vec<JobId> = claimed.iter().map(|job| job.lease.id()).collect();
    assert_eq!(order, (1..=1_001).map(id).collect::<Vec<_>>(), "one caller's turns are in the order of the requests");
}

async fn a_block_that_cannot_be_stored_moves_nothing(fixture: Fixture) {
    let store = fixture.open("a").await;
    store.take_block(block(7, vec![], vec![]), NOW).await.unwrap();
    let mut impossible = new_job(2);
    impossible.request.request_id = u64::MAX;
    let error = store.take_block(block(8, vec![new_job(1), impossible], vec![]), NOW).await.unwrap_err();
    assert!(matches!(error, StoreError::TooLarge(u64::MAX)), "{error}");
    assert_eq!(store.cursor().await.unwrap(), Some(at(7)));
    assert_eq!(store.job(1).await.unwrap(), None);
}

fn ends(taken: &Taken) -> Vec<(JobId, Ending)> {
    taken.closed.iter().map(|closed| (closed.id, closed.ending)).collect()
}

async fn data_ids_tell_requests_of_the_same_number_apart(fixture: Fixture) {
    let store = fixture.open("a").await;
    let mut other = new_job(1);
    other.request.data_id = DataId([9; 32]);
    store.take_block(block(1, vec![new_job(1), other], vec![]), NOW).await.unwrap();
    assert_eq!(store.counts().await.unwrap().open(), 2);
}

async fn reconciling_finds_what_was_missed_and_closes_what_is_gone_but_not_what_is_newer(fixture: Fixture) {
    let store = fixture.open("a").await;
    store.take_block(block(5, vec![new_job(1), new_job(2)], vec![]), NOW).await.unwrap();
    store.take_block(block(9, vec![new_job(4)], vec![]), NOW).await.unwrap();
    let taken = store.reconcile(waiting(vec![new_job(2), new_job(3)], at(7), false), NOW).await.unwrap();
    assert_eq!(taken.inserted, [id(3)]);
    assert_eq!(ends(&taken), [(id(1), Ending::Settled)]);
    assert_eq!(store.cursor().await.unwrap(), Some(at(9)), "the cursor only moves when blocks are skipped");
    assert_eq!(look(&store, 4).await.status, Status::Pending);
    store.reconcile(waiting(vec![new_job(2), new_job(3), new_job(4)], at(20), true), NOW).await.unwrap();
    assert_eq!(store.cursor().await.unwrap(), Some(at(20)));
}

async fn a_settlement_tells_our_answer_from_anothers_and_closes_once(fixture: Fixture) {
    let store = with_answer(&fixture).await;
    store.take_block(block(2, vec![new_job(2)], vec![]), NOW).await.unwrap();
    let job = take(&store, Stage::Publish, NOW).await;
    store.about_to_send(leaving(&job.lease), "TX", NOW).await.unwrap();
    let settled = [1, 2, 99].map(|request_id| Closing { id: id(request_id), answered: true, receipt: None });
    let taken = store.take_block(block(3, vec![], settled.to_vec()), NOW).await.unwrap();
    assert_eq!(ends(&taken), [(id(1), Ending::Answered), (id(2), Ending::Settled)]);
    assert!(matches!(store.record(&job.lease, &Effect::Delivered, &retry(), NOW).await, Err(StoreError::LeaseLost(_))));
    assert_eq!(store.take_block(block(4, vec![], settled.to_vec()), NOW).await.unwrap().closed, []);
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.open(), counts.completed, counts.failed), (0, 2, 0));
}
