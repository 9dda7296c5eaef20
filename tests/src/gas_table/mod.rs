//! What every method of the contract burns, measured on a chain of its own, block by block.
//!
//! | module | |
//! |---|---|
//! | `bench` | the chain, and what became of a transaction on it |
//! | `life` | requests and their ends |
//! | `batches` | many answers in one call |
//! | `levers` | the owner's and the operators' administration |
//! | `windows` | how long how much gas can wait |
//! | `document` | `docs/GAS.md`: written, and read back as budgets |

mod batches;
mod bench;
mod document;
mod levers;
mod life;
mod windows;

pub use bench::{PROTOCOL_VERSION, Step};
pub use document::budgets;
pub use windows::Windows;

use anyhow::Result;

/// What one call, or one receipt of it, burnt.
pub struct Row {
    /// The method, or the action.
    pub what: &'static str,
    /// Under which circumstances.
    pub case: String,
    /// How much, in units of gas.
    pub gas: u64,
}

/// The published example from its request to its refund, between three accounts.
pub struct Small {
    /// The receipts, in order: request, resolve, callback, refund.
    pub receipts: Vec<(&'static str, Step)>,
    /// The two transactions, which became the first two receipts.
    pub transactions: u64,
    /// The receipt that hears how the refund went.
    pub hearing: u64,
}

/// What is measured in a few seconds, and has budgets.
pub struct Figures {
    /// Requests, answers, callbacks and payments.
    pub life: Vec<Row>,
    /// The smallest of them, part by part.
    pub small: Small,
    /// Answers together, and how many.
    pub batches: Vec<(usize, Row)>,
    /// Administration.
    pub levers: Vec<Row>,
}

/// All of `docs/GAS.md`: the figures, and bounds that are found by trying.
pub struct Table {
    figures: Figures,
    largest_small: usize,
    largest_full: usize,
    windows: Vec<Windows>,
}

impl Figures {
    /// Measures. The same contract always gives the same figures.
    pub fn measure() -> Result<Self> {
        let (life, small) = life::measure()?;
        Ok(Self { life, small, batches: batches::measure()?, levers: levers::measure()? })
    }

    /// Everything that has a budget.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.life.iter().chain(self.batches.iter().map(|(_, row)| row)).chain(&self.levers)
    }
}

impl Table {
    /// Measures everything.
    pub fn measure() -> Result<Self> {
        let figures = Figures::measure()?;
        let (largest_small, largest_full) = batches::largest(&figures.batches)?;
        let windows = Windows::bought_by(&[100, 300, 1_000])?;
        Ok(Self { figures, largest_small, largest_full, windows })
    }
}

impl Small {
    /// What the four receipts burnt.
    #[must_use]
    pub fn together(&self) -> u64 {
        self.receipts.iter().map(|(_, step)| step.gas).sum()
    }
}
