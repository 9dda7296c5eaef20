//! What these tests stand on: a chain, a worker's home, and programs that echo their input.

use anyhow::{Context, Result, ensure};
use near_workspaces::types::NearToken;
use offchainvm_tests::{
    GitRepo, Network,
    artifacts::workspace,
    network::{DEPOSIT, Sent},
    outcome::completed,
    worker::WorkerHome,
};
use serde_json::{Value, json};

/// A chain, a worker's home and a program that answers its input.
pub struct Scene {
    pub net: Network,
    pub home: WorkerHome,
    pub repo: GitRepo,
    /// How many requests there have been.
    pub requests: u64,
}

impl Scene {
    pub async fn new() -> Result<Self> {
        let net = Network::start_for_worker().await?;
        let home = WorkerHome::new(&net)?;
        let repo = GitRepo::from_dir(&workspace().join("tests/guests/echo"))?;
        Ok(Self { net, home, repo, requests: 0 })
    }

    /// Makes further keys of the operator's, as an operator does.
    pub async fn add_keys(&self, count: u8) -> Result<()> {
        let output = self.home.command(&["keys", "add", &count.to_string()]).await?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Sends a request whose answer has `size` bytes and names the request.
    pub async fn request(&mut self, size: usize) -> Result<Sent> {
        self.requests += 1;
        let args = json!({
            "code_source": {"repo": self.repo.url(), "commit": self.repo.commit, "build_target": "wasm32-wasip1"},
            "resource_limits": {"max_instructions": 100_000_000, "max_memory_mb": 16, "max_execution_seconds": 10},
            "input_data": said(self.requests, size),
        });
        // A long input occupies storage, and the deposit covers it.
        let storage = NearToken::from_yoctonear(size as u128 * 2 * 10u128.pow(19));
        self.net.request(&self.net.user, args, DEPOSIT.saturating_add(storage)).await
    }

    /// Several such requests.
    pub async fn requests(&mut self, count: usize, size: usize) -> Result<Vec<Sent>> {
        let mut sent = Vec::with_capacity(count);
        for _ in 0..count {
            sent.push(self.request(size).await?);
        }
        Ok(sent)
    }

    /// Waits until each of the transactions has returned what its own request asked for; `first` is the first's number.
    pub async fn answered(&self, sent: Vec<Sent>, first: u64, size: usize) -> Result<()> {
        for (number, sent) in (first..).zip(sent) {
            let result = sent.outcome().await?;
            ensure!(completed(&result).success, "request {number}: {result:?}");
            let value: String = result.json()?;
            ensure!(value == said(number, size), "request {number} got {value:.80}");
        }
        Ok(())
    }

    /// Checks that all requests so far were settled with success, and that the money adds up.
    pub async fn all_settled(&self) -> Result<()> {
        let stats = self.net.stats().await?;
        assert_eq!((stats.total_requests, stats.succeeded, stats.pending_requests), (self.requests, self.requests, 0));
        self.net.assert_solvent().await
    }

    /// The lines of the log with this event.
    pub fn lines(&self, event: &str) -> Result<Vec<Value>> {
        Ok(self.home.log()?.into_iter().filter(|line| line["event"] == event).collect())
    }

    /// Brings `count` requests as far as their outcomes, with a worker that does not publish.
    pub async fn executed(&mut self, count: usize, size: usize) -> Result<Vec<Sent>> {
        let first = self.requests + 1;
        let sent = self.requests(count, size).await?;
        let mut worker = self.home.start_as("index,build,execute")?;
        for number in first..=self.requests {
            worker.wait_for("execute.finished", Some(number)).await.with_context(|| format!("request {number}"))?;
        }
        // It stops when what it has at work is recorded.
        assert!(worker.stop().await?.success());
        Ok(sent)
    }
}

fn said(number: u64, size: usize) -> String {
    format!("{number:-<size$}")
}

/// The field `results` of lines about transactions.
pub fn results(lines: &[Value]) -> Vec<u64> {
    lines.iter().map(|line| line["results"].as_u64().unwrap()).collect()
}
