//! Whatever happens in whatever order, every request ends once and every yocto is accounted for.
//!
//! Random sequences of [`steps`] are played against the contract's wasm in the NEAR VM. Beside it stands a [`model`] in
//! plain Rust, which says what every single receipt must come to; [`books`] are compared after every block.
//!
//! `OFFCHAINVM_MODEL_STEPS` sets how many steps are taken, `PROPTEST_RNG_SEED` which ones. A sequence that fails is
//! shrunk and printed with its seed.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod answers;
mod books;
mod calls;
mod levers;
mod model;
mod people;
mod play;
mod receipts;
mod requests;
mod steps;
mod tally;
mod world;

use anyhow::Context;
use proptest::{
    strategy::Strategy,
    test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner},
};
use std::{
    cell::{Cell, RefCell},
    env,
    hash::{BuildHasher, RandomState},
    time::Instant,
};
use steps::{Setup, Step};
use tally::Tally;
use world::World;

/// Steps under the newest rules, unless told otherwise: half of them in each test. Under the oldest rules it is a tenth.
const STEPS: usize = 10_000;
/// The longest sequence.
const SEQUENCE: usize = 120;
/// How often a failing sequence is played to make it shorter.
const SHRINKING: u32 = 200;

#[test]
fn every_request_ends_once_and_every_yocto_is_accounted_for() {
    take_steps(steps::rich(), 2);
}

#[test]
fn a_contract_without_money_of_its_own_still_pays_everybody() {
    take_steps(steps::poor(), 2);
}

#[test]
fn all_of_it_holds_under_the_oldest_rules_too() {
    take_steps(steps::old(), 10);
}

/// Plays sequences until one `part` of all steps is taken.
fn take_steps(setups: impl Strategy<Value = Setup>, part: usize) {
    let all = env::var("OFFCHAINVM_MODEL_STEPS").map_or(STEPS, |text| text.parse().expect("a number of steps"));
    let config = Config { failure_persistence: None, max_shrink_iters: SHRINKING, ..Config::default() };
    let seed = match config.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => RandomState::new().hash_one(()),
    };
    println!("PROPTEST_RNG_SEED={seed}");

    let began = Instant::now();
    let (taken, sequences, tally) = (Cell::new(0), Cell::new(0), RefCell::new(Tally::default()));
    let strategy = (setups, steps::steps(SEQUENCE));
    let mut runner = TestRunner::new(Config { rng_seed: RngSeed::Fixed(seed), ..config });
    while taken.get() < all / part {
        let sequence = strategy.new_tree(&mut runner).expect("a sequence");
        let result = runner.run_one(sequence, |(setup, steps)| {
            taken.set(taken.get() + steps.len());
            sequences.set(sequences.get() + 1);
            let seen = play(&setup, &steps).map_err(|error| TestCaseError::fail(format!("{error:#}")))?;
            tally.borrow_mut().join(seen);
            Ok(())
        });
        match result {
            Ok(_) => {}
            Err(TestError::Fail(reason, (setup, steps))) => {
                panic!("PROPTEST_RNG_SEED={seed} fails, shrunk to {setup:#?}\n{}\n{reason}", listed(&steps))
            }
            Err(TestError::Abort(reason)) => panic!("PROPTEST_RNG_SEED={seed}: {reason}"),
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let (taken, sequences, tally) = (taken.get(), sequences.get(), tally.into_inner());
    println!("PROPTEST_RNG_SEED={seed}: {taken} steps in {sequences} sequences, {seconds:.0} s\n{tally}");
}

fn play(setup: &Setup, steps: &[Step]) -> anyhow::Result<Tally> {
    let mut world = World::new(setup)?;
    for (number, step) in steps.iter().enumerate() {
        world.play(step).with_context(|| format!("step {}", number + 1))?;
    }
    world.finish(setup.patient)?;
    Ok(world.tally)
}

fn listed(steps: &[Step]) -> String {
    steps.iter().enumerate().map(|(number, step)| format!("{:3}  {step:?}\n", number + 1)).collect()
}
