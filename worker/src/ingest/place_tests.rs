//! A source says all kinds of things; only the next block moves the place.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use serde_json::json;

use super::*;

fn at(height: u64) -> Cursor {
    Cursor { height, hash: format!("H{height}") }
}

/// A block of the chain whose blocks are called H and their height.
fn block(height: u64, parent: u64) -> Fetched {
    let header = json!({
        "height": height, "hash": format!("H{height}"), "prev_height": parent, "prev_hash": format!("H{parent}"), "timestamp": 1
    });
    let json = json!({"block": {"header": header}, "shards": []}).to_string();
    Fetched::Block(Box::new(Block::read(json.as_bytes()).unwrap().unwrap()))
}

/// Judges an answer as ingest does, and takes what is to be taken.
fn tell(place: &mut Place, answer: Fetched, newest: u64, sources: usize) -> Step {
    let step = place.judge(answer, newest, sources);
    if let Step::Take(block) = &step {
        place.took(block);
    }
    step
}

#[test]
fn blocks_are_taken_in_their_order_and_passed_over_heights_are_bridged() {
    let mut place = Place::after(at(10), 0);
    assert!(matches!(tell(&mut place, block(11, 10), 20, 1), Step::Take(_)));
    assert!(matches!(tell(&mut place, Fetched::Skipped, 20, 1), Step::AskOn));
    assert!(matches!(tell(&mut place, Fetched::Skipped, 20, 1), Step::AskOn));
    assert_eq!((place.next(), place.cursor().height), (14, 11));
    assert!(matches!(tell(&mut place, block(14, 11), 20, 1), Step::Take(_)));
    assert_eq!((place.next(), place.cursor()), (15, &at(14)));
    assert!(matches!(tell(&mut place, Fetched::NotYet, 14, 1), Step::Wait));
    assert_eq!(place.next(), 15);
}

#[test]
fn an_older_a_later_and_a_repeated_block_leave_the_place_alone() {
    for (served, parent) in [(9, 8), (10, 9), (12, 11), (400, 399)] {
        let mut place = Place::after(at(10), 0);
        match tell(&mut place, block(served, parent), 500, 1) {
            Step::Distrust(fault) => assert_eq!(fault, Fault::OtherHeight { asked: 11, served }),
            other => panic!("{served}: {other:?}"),
        }
        assert_eq!((place.next(), place.cursor()), (11, &at(10)));
        assert!(matches!(tell(&mut place, block(11, 10), 500, 1), Step::Take(_)));
    }
}

/// All orders in which a source may serve five blocks, some twice: whatever comes, each is taken once, in order.
#[test]
fn blocks_in_any_order_are_each_taken_once_and_in_order() {
    for seed in 0u64..40 {
        let mut place = Place::after(at(10), 0);
        let mut taken = Vec::new();
        let mut state = seed;
        while taken.len() < 5 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let height = 9 + (state >> 33) % 8;
            if let Step::Take(block) = tell(&mut place, block(height, height - 1), 20, 1) {
                taken.push(block.height());
            }
        }
        assert_eq!(taken, [11, 12, 13, 14, 15], "{seed}");
    }
}

#[test]
fn a_block_of_another_chain_is_refused_until_every_source_serves_one() {
    let mut place = Place::after(Cursor { height: 10, hash: "another chain's".into() }, 0);
    assert!(matches!(tell(&mut place, block(11, 10), 20, 3), Step::Distrust(Fault::Stranger { .. })));
    assert!(matches!(tell(&mut place, block(11, 10), 20, 3), Step::Distrust(Fault::Stranger { .. })));
    assert!(matches!(tell(&mut place, block(11, 10), 20, 3), Step::Skip(_)));
    let mut alone = Place::after(Cursor { height: 10, hash: "another chain's".into() }, 0);
    assert!(matches!(tell(&mut alone, block(11, 10), 20, 1), Step::Skip(_)));
}

#[test]
fn a_height_passed_over_wrongly_is_asked_for_again() {
    let mut place = Place::after(at(10), 0);
    assert!(matches!(tell(&mut place, Fetched::Skipped, 20, 2), Step::AskOn));
    assert!(matches!(
        tell(&mut place, block(12, 11), 20, 2),
        Step::Distrust(Fault::Stranger { height: 12, after: 10 })
    ));
    assert_eq!(place.next(), 11);
    assert!(matches!(tell(&mut place, block(11, 10), 20, 2), Step::Take(_)));
    assert!(matches!(tell(&mut place, block(12, 11), 20, 2), Step::Take(_)));
}

#[test]
fn a_source_that_passes_over_the_future_does_not_carry_the_place_away() {
    let mut place = Place::after(at(10), 0);
    assert!(matches!(tell(&mut place, Fetched::Skipped, 11, 1), Step::AskOn));
    for _ in 0..3 {
        assert!(matches!(tell(&mut place, Fetched::Skipped, 11, 1), Step::AskOn | Step::Wait));
        assert!(place.next() <= 12);
    }
    assert!(matches!(tell(&mut place, Fetched::NotServed, 11, 1), Step::Skip(_)));
}

#[test]
fn what_was_compared_with_the_chain_stays_compared() {
    let mut place = Place::after(at(10), 20);
    place.compared(15);
    assert!(place.is_compared(20) && !place.is_compared(21));
    tell(&mut place, block(11, 10), 30, 1);
    assert!(place.is_compared(20) && !place.is_compared(21));
    assert_eq!(place.behind(30), 19);
}
