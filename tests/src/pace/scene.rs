//! A chain at the public one's pace, a worker's home with several keys, callers, and a program that is built already.

use super::BLOCK_TIME;
use crate::{
    GitRepo, Network,
    artifacts::workspace,
    network::{DEPOSIT, Sent},
    worker::WorkerHome,
};
use anyhow::{Result, ensure};
use near_workspaces::Account;
use offchainvm_localchain::Blocks;
use serde_json::{Value, json};

/// Enough that no account runs out of money: each request holds its deposit and its gas back for a while.
const CALLERS: usize = 10;

pub(super) struct Scene {
    pub(super) net: Network,
    pub(super) home: WorkerHome,
    repo: GitRepo,
    callers: Vec<Account>,
    requests: usize,
}

impl Scene {
    /// A scene whose operator has `lanes` access keys.
    pub(super) async fn with_lanes(lanes: u32) -> Result<Self> {
        let net = Network::start_with(Blocks::Every(BLOCK_TIME)).await?;
        let home = WorkerHome::new(&net)?;
        if lanes > 1 {
            let output = home.command(&["keys", "add", &(lanes - 1).to_string()]).await?;
            ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        let mut callers = Vec::with_capacity(CALLERS);
        for number in 0..CALLERS {
            callers.push(net.account(&format!("caller{number}")).await?);
        }
        let repo = GitRepo::from_dir(&workspace().join("tests/guests/echo"))?;
        let scene = Self { net, home, repo, callers, requests: 0 };
        scene.warm_up().await?;
        Ok(scene)
    }

    /// Has a worker build and compile the program.
    async fn warm_up(&self) -> Result<()> {
        let worker = self.home.start()?;
        let outcome = self.net.request(&self.net.user, self.order("warm"), DEPOSIT).await?.outcome().await?;
        ensure!(outcome.is_success(), "{outcome:?}");
        ensure!(worker.stop().await?.success(), "the worker did not stop well");
        Ok(())
    }

    /// Sends a request, from one caller after the other.
    pub(super) async fn ask(&mut self) -> Result<Sent> {
        let args = self.order(&format!("request {}", self.requests));
        let caller = &self.callers[self.requests % self.callers.len()];
        self.requests += 1;
        self.net.request(caller, args, DEPOSIT).await
    }

    fn order(&self, input: &str) -> Value {
        json!({
            "code_source": {"repo": self.repo.url(), "commit": self.repo.commit, "build_target": "wasm32-wasip1"},
            "resource_limits": {"max_instructions": 1_000_000, "max_memory_mb": 16, "max_execution_seconds": 1},
            "input_data": input,
        })
    }

    /// The lines of the log with this event.
    pub(super) fn lines(&self, event: &str) -> Result<Vec<Value>> {
        Ok(self.home.log()?.into_iter().filter(|line| line["event"] == event).collect())
    }
}
