//! What is built goes on directly.

use super::*;

/// Builds when it may, and runs until it is cancelled.
struct Both {
    permits: Semaphore,
    running: mpsc::UnboundedSender<u64>,
}

impl Handler for Both {
    fn handle<'a>(&'a self, job: &'a Claimed, cancel: CancellationToken) -> Handling<'a> {
        Box::pin(async move {
            if job.artifact.is_none() {
                self.permits.acquire().await.unwrap().forget();
                return built();
            }
            self.running.send(job.request.request_id).unwrap();
            cancel.cancelled().await;
            Effect::NotYet { wait: Duration::ZERO }
        })
    }
}

struct Stages {
    fixture: Fixture,
    work: Arc<Both>,
    running: mpsc::UnboundedReceiver<u64>,
    build: Pool,
    execute: Pool,
}

impl Stages {
    async fn new(permits: usize) -> Self {
        let fixture = Fixture::new(|_| Behaviour::Panic, 0).await;
        let (sender, running) = mpsc::unbounded_channel();
        let work = Arc::new(Both { permits: Semaphore::new(permits), running: sender });
        let pool = |stage| Pool::new(stage, work.clone(), fixture.store.clone(), fixture.pace.clone());
        let execute = pool(Stage::Execute);
        let build = pool(Stage::Build).followed_by(&execute);
        Self { fixture, work, running, build, execute }
    }

    fn start(&self, pool: &Pool) -> tokio::task::JoinHandle<Result<(), StoreError>> {
        tokio::spawn(run(pool.clone(), self.fixture.stop.clone()))
    }

    /// Until the stage has looked into the empty queue, and offers its hands.
    async fn hands_are_free(&self) {
        let offered = async {
            while self.execute.hands.one().is_none() {
                time::sleep(Duration::from_millis(1)).await;
            }
        };
        time::timeout(PATIENCE, offered).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_built_goes_into_free_hands_and_the_rest_into_the_queue() {
    let mut stages = Stages::new(0).await;
    let loops = [stages.start(&stages.execute)];
    stages.hands_are_free().await;
    let loops = loops.into_iter().chain([stages.start(&stages.build)]).collect::<Vec<_>>();
    // Nobody but the claim of a later job could ring for these: the poll is an hour.
    stages.fixture.request(1..=3, soon()).await;
    stages.work.permits.add_permits(3);
    let mut running = Vec::new();
    for _ in 0..2 {
        running.push(time::timeout(PATIENCE, stages.running.recv()).await.unwrap().unwrap());
    }
    let left = (1..=3).find(|id| !running.contains(id)).unwrap();
    stages.fixture.until(left, |status| is_at(status, Stage::Execute)).await;
    for id in running {
        // Their builds are held back for a moment, and recorded when the runs last longer.
        let runs = Status::InProgress { stage: Stage::Execute, turn: Turn::Running, attempts: 1 };
        stages.fixture.until(id, |status| status == runs).await;
        let times = stages.fixture.store.job(id).await.unwrap().unwrap().times;
        assert_eq!(times.execute, times.built, "one write did both");
    }
    stages.fixture.stop.drain.cancel();
    stages.fixture.stop.now.cancel();
    for stage in loops {
        stage.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_stage_that_has_stopped_has_no_hands_and_nothing_it_was_given_is_lost() {
    let stages = Stages::new(1).await;
    let execute = stages.start(&stages.execute);
    stages.hands_are_free().await;
    let hand = stages.execute.hands.one().unwrap();
    stages.fixture.request([1], soon()).await;
    let store = &stages.fixture.store;
    let lease = Duration::from_secs(30);
    let job = store.claim(Stage::Build, 1, lease, Moment::now()).await.unwrap().pop().unwrap();
    let Effect::Built(artifact) = built() else { unreachable!() };
    let job = job.built(artifact, lease, Moment::now());
    stages.fixture.stop.drain.cancel();
    execute.await.unwrap().unwrap();

    assert!(stages.execute.hands.one().is_none());
    let refused = hand.take(job).unwrap_err();
    give_back(&stages.execute, &refused).await.unwrap();
    let waiting = Status::InProgress { stage: Stage::Execute, turn: Turn::Waiting, attempts: 0 };
    assert_eq!(stages.fixture.status(1).await, waiting);
}

#[tokio::test]
async fn without_hands_to_run_them_no_more_jobs_are_taken_in_hand_than_are_built_at_a_time() {
    let stages = Stages::new(0).await;
    let build = stages.start(&stages.build);
    stages.fixture.request(1..=60, soon()).await;
    // Built one after the other, they are quick enough for dozens to be taken in hand.
    for built in 1..=20 {
        stages.work.permits.add_permits(1);
        let is_built = async {
            while stages.fixture.store.counts().await.unwrap().execute < built {
                time::sleep(Duration::from_millis(1)).await;
            }
        };
        time::timeout(PATIENCE, is_built).await.unwrap();
    }
    let mut in_hand = 0;
    for id in 1..=60 {
        let running = Status::InProgress { stage: Stage::Build, turn: Turn::Running, attempts: 1 };
        in_hand += usize::from(stages.fixture.status(id).await == running);
    }
    assert!(in_hand <= stages.fixture.pace.concurrency, "{in_hand} in hand");
    stages.fixture.stop.drain.cancel();
    stages.work.permits.add_permits(60);
    build.await.unwrap().unwrap();
}
