//! Everything at once: processes that work, a chain that settles, clocks that run out.

use std::sync::Arc;

use offchainvm_worker::store::StoreError;
use tokio::{sync::Barrier, task::JoinSet};

use super::support::*;

on_both_databases!(under_load_every_job_comes_to_one_end_and_no_statement_fails);

const JOBS: u64 = 240;
const STAGES: [Stage; 3] = [Stage::Build, Stage::Execute, Stage::Publish];

/// Three processes work on all stages while the chain settles every third job and everybody tends the leases.
async fn under_load_every_job_comes_to_one_end_and_no_statement_fails(fixture: Fixture) {
    let stores = fixture.open_many(3).await;
    let jobs = (1..=JOBS).map(|number| from(number, &format!("caller{}.near", number % 7))).collect();
    stores[0].take_block(block(1, jobs, vec![]), NOW).await.unwrap();
    let start = Arc::new(Barrier::new(3 * stores.len() + 1));
    let mut all = JoinSet::new();
    for store in &stores {
        for stage in STAGES {
            all.spawn(works(store.clone(), stage, start.clone()));
        }
    }
    let chain = stores[1].clone();
    all.spawn(async move {
        start.wait().await;
        for (height, number) in (2..).zip((1..=JOBS).step_by(3)) {
            chain.take_block(block(height, vec![], vec![settled(number)]), NOW).await.unwrap();
        }
    });
    all.join_all().await;

    let counts = stores[2].counts().await.unwrap();
    assert_eq!((counts.open(), counts.completed, counts.failed), (0, JOBS, 0));
    for number in 1..=JOBS {
        let job = look(&stores[2], number).await;
        assert!(!job.has_payload && job.closed_at.is_some(), "{job:?}");
    }
}

/// Claims and records until all jobs are over.
async fn works(store: Store, stage: Stage, start: Arc<Barrier>) {
    start.wait().await;
    while store.counts().await.unwrap().open() > 0 {
        store.take_back(NOW).await.unwrap();
        assert_eq!(store.end_late(Duration::from_secs(60), NOW).await.unwrap(), []);
        for job in store.claim(stage, 8, LEASE, NOW).await.unwrap() {
            assert_eq!(job.attempts, 1, "{:?}", job.lease);
            if stage == Stage::Publish {
                store.about_to_send(leaving(&job.lease), "TX", NOW).await.unwrap();
            }
            assert!(store.renew(&job.lease, LEASE, NOW).await.is_ok());
            match store.record(&job.lease, &success(stage), &retry(), NOW).await {
                Ok(_) | Err(StoreError::LeaseLost(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}
