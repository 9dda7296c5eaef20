//! Blocks from a source that notes what it is asked, and holds its answers back until it was asked for enough.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle, time::timeout};
use url::Url;

use super::{super::source::Fetched, *};

/// The first block that is asked for.
const FIRST: u64 = 10;
/// The chain's newest block.
const NEWEST: u64 = 40;
/// Far longer than anything here takes: a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

struct Source {
    url: Url,
    state: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    /// The heights that were asked for, in that order.
    asked: watch::Sender<Vec<u64>>,
    /// What it does.
    manner: watch::Sender<Manner>,
}

#[derive(Clone, Copy)]
enum Manner {
    /// Answers at once.
    Prompt,
    /// Holds each block back until it was asked for all that a reader may ask for before it has that block.
    Withholding,
    /// Fails.
    Failing,
}

impl Source {
    async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let state = Arc::new(Shared { asked: watch::Sender::default(), manner: watch::Sender::new(manner) });
        let router = Router::new().route("/v0/block/{height}", get(answer)).with_state(state.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, state, task }
    }

    fn asked(&self) -> Vec<u64> {
        self.state.asked.borrow().clone()
    }

    fn becomes(&self, manner: Manner) {
        self.state.manner.send_replace(manner);
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(state): State<Arc<Shared>>, Path(height): Path<u64>) -> Response {
    state.asked.send_modify(|asked| asked.push(height));
    let manner = *state.manner.borrow();
    match manner {
        Manner::Prompt => {}
        Manner::Withholding => {
            let enough = NEWEST.min(height + (height - FIRST).min(MOST as u64));
            state.asked.subscribe().wait_for(|asked| asked.contains(&enough)).await.unwrap();
        }
        Manner::Failing => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
    let header = json!({
        "height": height, "hash": format!("H{height}"), "prev_height": height - 1, "prev_hash": format!("H{}", height - 1),
        "timestamp": 1,
    });
    axum::Json(json!({"block": {"header": header}, "shards": []})).into_response()
}

fn reader(sources: &[&Source]) -> Ahead {
    let urls: Vec<_> = sources.iter().map(|source| source.url.clone()).collect();
    Ahead::new(BlockSources::new(&urls).unwrap())
}

/// Asks for a block; the height of the one that comes, and from which source.
async fn take(ahead: &mut Ahead, height: u64) -> (u64, usize) {
    let answer = timeout(PATIENCE, ahead.block(height, NEWEST)).await.unwrap().unwrap();
    let Fetched::Block(block) = answer.fetched else { unreachable!("{answer:?}") };
    (block.height(), answer.from)
}

#[tokio::test]
async fn more_and_more_blocks_are_asked_for_at_the_same_time_and_come_in_their_order() {
    let source = Source::start(Manner::Withholding).await;
    let mut ahead = reader(&[&source]);
    for height in FIRST..=NEWEST {
        assert_eq!(take(&mut ahead, height).await, (height, 0));
        ahead.went_well();
    }
    let mut asked = source.asked();
    asked.sort_unstable();
    assert_eq!(asked, (FIRST..=NEWEST).collect::<Vec<_>>(), "each once, and none that is not there yet");
}

#[tokio::test]
async fn a_question_that_is_given_up_and_asked_again_costs_nothing() {
    let source = Source::start(Manner::Withholding).await;
    let mut ahead = reader(&[&source]);
    for height in FIRST..=NEWEST {
        let given_up = tokio::select! {
            biased;
            _ = ahead.block(height, NEWEST) => false,
            () = std::future::ready(()) => true,
        };
        // The first two are not asked for ahead: a question that is given up is lost then.
        if given_up && height > FIRST + 1 {
            assert_eq!(take(&mut ahead, height).await, (height, 0));
        }
        ahead.went_well();
    }
    let asked = source.asked();
    let times = |height: u64| asked.iter().filter(|other| **other == height).count();
    assert!((FIRST + 2..=NEWEST).all(|height| times(height) == 1), "{asked:?}");
}

#[tokio::test]
async fn after_a_fault_blocks_are_asked_for_one_by_one_again() {
    let source = Source::start(Manner::Prompt).await;
    let mut ahead = reader(&[&source]);
    for height in FIRST..FIRST + 5 {
        take(&mut ahead, height).await;
        ahead.went_well();
    }
    ahead.stumbled();
    // So far that no question of before was about it.
    let far = FIRST + 20;
    for _ in 0..3 {
        assert_eq!(take(&mut ahead, far).await, (far, 0));
    }
    assert_eq!(source.asked().into_iter().filter(|height| *height >= far).collect::<Vec<_>>(), [far; 3]);
}

#[tokio::test]
async fn a_source_that_fails_many_questions_at_once_is_blamed_once_and_another_one_answers() {
    let (first, second) = (Source::start(Manner::Prompt).await, Source::start(Manner::Prompt).await);
    let mut ahead = reader(&[&first, &second]);
    for height in FIRST..FIRST + 6 {
        assert_eq!(take(&mut ahead, height).await, (height, 0));
        ahead.went_well();
    }
    first.becomes(Manner::Failing);
    // What was asked for before it failed is taken from it yet.
    let mut height = FIRST + 6;
    while take(&mut ahead, height).await == (height, 0) {
        ahead.went_well();
        height += 1;
    }
    assert!(height <= FIRST + 6 + MOST as u64, "{height}");
    let failures: Vec<u32> = ahead.sources.states().iter().map(|state| state.condition.failures).collect();
    assert_eq!(failures, [1, 0]);
    assert_eq!(take(&mut ahead, height + 1).await, (height + 1, 1));
}
