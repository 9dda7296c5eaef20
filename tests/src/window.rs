//! A worker's window as a monitoring system sees it: `/healthz`, `/readyz` and `/metrics` over HTTP.

use std::collections::HashMap;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::worker::WorkerProcess;

/// Where a running worker answers.
pub struct Window {
    base: String,
    client: reqwest::Client,
}

/// The samples of one scrape: `name{labels}`, as they are served, and their values.
pub struct Samples(HashMap<String, f64>);

impl Window {
    /// The window of a worker that has just been started.
    pub async fn of(worker: &mut WorkerProcess) -> Result<Self> {
        let line = worker.wait_for("api.listening", None).await?;
        let address = line["address"].as_str().context("an address")?;
        Ok(Self { base: format!("http://{address}"), client: reqwest::Client::new() })
    }

    /// The whole address of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Status and JSON of a path.
    pub async fn get(&self, path: &str) -> Result<(u16, Value)> {
        let response = self.client.get(self.url(path)).send().await?;
        Ok((response.status().as_u16(), response.json().await?))
    }

    /// The text of a path that answers well.
    pub async fn text(&self, path: &str) -> Result<String> {
        Ok(self.client.get(self.url(path)).send().await?.error_for_status()?.text().await?)
    }

    /// Everything that `/metrics` serves now.
    pub async fn scrape(&self) -> Result<Samples> {
        let text = self.client.get(self.url("/metrics")).send().await?.error_for_status()?.text().await?;
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let read = |line: &str| {
            let (name, value) = line.rsplit_once(' ').with_context(|| line.to_owned())?;
            Ok((name.to_owned(), value.parse()?))
        };
        Ok(Samples(samples.map(read).collect::<Result<_>>()?))
    }
}

impl Samples {
    /// One sample, 0 when it is not served.
    #[must_use]
    pub fn value(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// The sum of the samples of a family, whatever their labels.
    #[must_use]
    pub fn sum(&self, family: &str) -> f64 {
        let of_family = |name: &str| name.split('{').next() == Some(family);
        self.0.iter().filter(|(name, _)| of_family(name)).map(|(_, value)| value).sum()
    }
}
