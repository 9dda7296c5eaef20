//! What is asked for during a run, and the answer that each request must get.

use crate::{GitRepo, Network, artifacts::workspace};
use anyhow::{Context, Result};
use near_workspaces::types::NearToken;
use offchainvm_interface::FailureCode;
use rand::{Rng, rngs::StdRng};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The guests of `tests/guests` that take part.
const GUESTS: [&str; 5] = ["compute", "echo", "exit3", "spin", "trap"];
/// Some prime numbers with their place among all of them.
const PRIMES: [(u32, u32); 4] = [(1, 2), (10, 29), (100, 541), (500, 3_571)];
/// An input that does not fit the event: the worker reads it from the contract's state.
const LARGE_INPUT_BYTES: usize = 20_000;

/// What each request of a run attaches: enough for the storage of the largest input.
pub(super) const DEPOSIT: NearToken = NearToken::from_near(1);

/// One request, and how it must end.
#[derive(Clone, Debug)]
pub(super) struct Order {
    /// The arguments of `request_execution`.
    pub args: Value,
    /// The end.
    pub expected: Expected,
}

/// How a request must end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Expected {
    /// The caller's transaction returns this text.
    Value(String),
    /// It fails with this code.
    Failure(FailureCode),
}

/// The programs of a run, built by a worker before the faults begin.
pub(super) struct Programs {
    repo: GitRepo,
    digests: BTreeMap<&'static str, String>,
}

impl Programs {
    /// Has the worker that serves `net` build every guest, and learns their digests from its answers.
    pub(super) async fn build(net: &Network) -> Result<Self> {
        let repo = GitRepo::from_dir(&workspace().join("tests/guests"))?;
        let mut waiting = Vec::new();
        for guest in GUESTS {
            let args = json!({"code_source": source(&repo, guest), "compile_only": true});
            waiting.push((guest, net.request(&net.user, args, DEPOSIT).await?));
        }
        let mut digests = BTreeMap::new();
        for (guest, sent) in waiting {
            let answer: Value = sent.outcome().await?.json().with_context(|| format!("building {guest}"))?;
            let digest = answer["wasm_sha256"].as_str().with_context(|| answer.to_string())?;
            digests.insert(guest, digest.to_owned());
        }
        Ok(Self { repo, digests })
    }

    /// The `number`-th request of a run: mostly ones that succeed, by digest or by commit, among all ways to fail.
    pub(super) fn order(&self, number: usize, dice: &mut StdRng) -> Order {
        use FailureCode::{ExitNonzero, OutOfInstructions, ProgramNotFound, Trap};
        let text = format!("request {number}, {:016x}", dice.random::<u64>());
        match dice.random_range(0..20_u32) {
            0..8 => self.echo(dice, text),
            8..10 => self.echo(dice, text.repeat(LARGE_INPUT_BYTES / text.len() + 1)),
            10..13 => {
                let (place, prime) = PRIMES[dice.random_range(0..PRIMES.len())];
                let source = self.source(dice, "compute");
                order(source, &place.to_string(), Expected::Value(format!("{prime}\n")))
            }
            13..15 => order(self.source(dice, "exit3"), &text, Expected::Failure(ExitNonzero)),
            15..17 => order(self.source(dice, "trap"), &text, Expected::Failure(Trap)),
            17..19 => {
                let mut starved = order(self.source(dice, "spin"), &text, Expected::Failure(OutOfInstructions));
                starved.args["resource_limits"] =
                    json!({"max_instructions": 1_000_000, "max_memory_mb": 64, "max_execution_seconds": 10});
                starved
            }
            _ => {
                let unknown = json!({"wasm_sha256": format!("{:064x}", dice.random::<u128>())});
                order(unknown, &text, Expected::Failure(ProgramNotFound))
            }
        }
    }

    fn echo(&self, dice: &mut StdRng, text: String) -> Order {
        order(self.source(dice, "echo"), &text, Expected::Value(text.clone()))
    }

    /// A program by its digest, or now and then by the commit that it was built from.
    fn source(&self, dice: &mut StdRng, guest: &str) -> Value {
        if dice.random_bool(0.2) {
            return source(&self.repo, guest);
        }
        json!({"wasm_sha256": self.digests[guest]})
    }
}

fn source(repo: &GitRepo, guest: &str) -> Value {
    json!({"repo": repo.url(), "commit": repo.commit, "build_target": "wasm32-wasip1", "path": guest})
}

fn order(source: Value, input: &str, expected: Expected) -> Order {
    Order { args: json!({"code_source": source, "input_data": input}), expected }
}
