//! The picture for people.

use super::Picture;
use crate::{
    cli::show::{Table, or_dash, span, utc},
    job::Ending,
};

impl Picture {
    pub(super) fn text(&self) -> String {
        let unread = match (&self.head, self.lag()) {
            (Ok(head), Some(lag)) => format!("{lag} behind the newest final block {head}"),
            (Ok(head), None) => format!("the newest final block is {head}"),
            (Err(reason), _) => format!("the chain does not answer: {reason}"),
        };
        let cursor = self.cursor.as_ref().map_or_else(|| "none yet".to_owned(), |cursor| cursor.height.to_string());
        let lines = [
            ("contract", or_dash(self.contract.as_ref().map(|(chain, contract)| format!("{contract} on {chain}")))),
            ("paused", self.paused.map_or_else(|| "no".to_owned(), |since| format!("since {}", utc(since)))),
            ("block read", format!("{cursor}; {unread}")),
            (
                "jobs",
                format!(
                    "{} open, {} completed, {} failed, of which {} dead letters",
                    self.open(),
                    self.over(|ending| ending.is_answer()),
                    self.over(|ending| !ending.is_answer()),
                    self.over(|ending| ending == Ending::Undelivered),
                ),
            ),
        ];
        let mut text: String = lines.into_iter().map(|(name, value)| format!("{name:<11}{value}\n")).collect();
        for table in [self.queues(), self.lanes(), self.workers()] {
            text.push('\n');
            text.push_str(&table);
        }
        text
    }

    fn queues(&self) -> String {
        let mut table = Table::new(["STAGE", "WAITING", "RUNNING", "OLDEST"]);
        for queue in &self.queues {
            let oldest = queue.oldest.map(|since| span(self.now.since(since)));
            table.row([queue.stage.to_string(), queue.waiting.to_string(), queue.running.to_string(), or_dash(oldest)]);
        }
        table.to_string()
    }

    fn lanes(&self) -> String {
        let mut table = Table::new(["LANE", "HELD BY", "LAST NONCE"]);
        for lane in &self.lanes {
            let holder = lane.holder.as_deref().filter(|_| lane.until >= self.now);
            table.row([lane.public_key.clone(), or_dash(holder), lane.last_nonce.to_string()]);
        }
        if table.is_empty() { "no lane was used yet\n".to_owned() } else { table.to_string() }
    }

    fn workers(&self) -> String {
        let mut table = Table::new(["WORKER", "ROLES", "VERSION", "UP", "HEARD"]);
        for worker in &self.workers {
            table.row([
                worker.name.clone(),
                worker.roles.clone(),
                worker.version.clone(),
                span(self.now.since(worker.started_at)),
                format!("{} ago", span(self.now.since(worker.beat_at))),
            ]);
        }
        if table.is_empty() { "no worker runs\n".to_owned() } else { table.to_string() }
    }
}
