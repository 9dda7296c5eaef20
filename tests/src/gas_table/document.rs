//! `docs/GAS.md`: written for a reader, and read back as budgets.

use super::{PROTOCOL_VERSION, Row, Table};
use crate::artifacts::contract_wasm;
use offchainvm_interface::calls::{BATCH_ENTRY_BYTES, MAX_BATCH};
use std::{
    collections::BTreeMap,
    fmt::{self, Display, Formatter},
};

/// Costs below this are summed up, in units of gas.
const SMALL_COST: u64 = 40_000_000_000;
const FEES: &str = "the receipt itself, before any code runs";

/// The budgets in a document, by method and case, in Tgas: the rows of every table that begin with a method.
#[must_use]
pub fn budgets(document: &str) -> BTreeMap<(String, String), f64> {
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let rows = document.lines().filter(|line| line.starts_with("| `")).map(cells);
    let budget = |row: Vec<String>| match row.as_slice() {
        [what, case, tgas, ..] => Some(((what.trim_matches('`').to_owned(), case.clone()), tgas.parse().ok()?)),
        _ => None,
    };
    rows.filter_map(budget).collect()
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let size = contract_wasm().len();
        write!(
            f,
            "# Gas

Written by `scripts/gas`; do not edit. Every figure is what a real NEAR VM burnt on the local chain at protocol
{PROTOCOL_VERSION}, with the contract's wasm of {size} bytes. `tests/tests/gas.rs` measures again, and fails when a figure beside a
method is off by more than 10 %, either way.

A call's figure is its transaction and the receipt that runs it; what it starts has rows of its own. Attached gas
that is not burnt comes back. 1 Tgas costs 0.0001 NEAR at the lowest gas price.

"
        )?;
        self.write_small(f)?;
        writeln!(f, "\n## A request's life\n")?;
        write_rows(f, &self.figures.life)?;
        self.write_batches(f)?;
        writeln!(f, "\n## Administration\n")?;
        write_rows(f, &self.figures.levers)?;
        self.write_windows(f)
    }
}

impl Table {
    fn write_small(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "## A small request between three accounts\n")?;
        writeln!(
            f,
            "The published example, answered with `42` and the digests of program and receipt. User, contract and"
        )?;
        writeln!(f, "operator are three accounts.\n")?;
        let small = &self.figures.small;
        writeln!(f, "| receipt | Tgas |\n|---|--:|")?;
        for (name, step) in &small.receipts {
            writeln!(f, "| {name} | {} |", tgas(step.gas))?;
        }
        writeln!(f, "| **together** | **{}** |", tgas(small.together()))?;
        writeln!(f, "| the two transactions that become request and resolve | {} |", tgas(small.transactions))?;
        writeln!(f, "| hearing how the refund went (`on_refund`) | {} |", tgas(small.hearing))?;
        writeln!(f, "| **everything** | **{}** |", tgas(small.together() + small.transactions + small.hearing))?;
        writeln!(f, "\nWhat the four receipts burn it for, in Tgas, as the node names the costs:\n")?;
        self.write_profile(f)
    }

    /// A row for each cost that matters, a column for each part.
    fn write_profile(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let receipts = &self.figures.small.receipts;
        let mut costs: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for (column, (_, step)) in receipts.iter().enumerate() {
            let known: u64 = step.profile.iter().map(|(_, gas)| gas).sum();
            let named = step.profile.iter().map(|(cost, gas)| (cost.as_str(), *gas));
            for (cost, gas) in named.chain([(FEES, step.gas.saturating_sub(known))]) {
                costs.entry(cost).or_insert_with(|| vec![0; receipts.len()])[column] += gas;
            }
        }
        let sum = |columns: &Vec<u64>| columns.iter().sum::<u64>();
        let (large, rest): (Vec<_>, Vec<_>) = costs.into_iter().partition(|(_, columns)| sum(columns) >= SMALL_COST);
        let mut lines: Vec<(String, Vec<u64>)> =
            large.into_iter().map(|(cost, columns)| (cost.to_lowercase().replace('_', " "), columns)).collect();
        lines.sort_by_key(|(_, columns)| std::cmp::Reverse(sum(columns)));
        let others = (0..receipts.len()).map(|column| rest.iter().map(|(_, columns)| columns[column]).sum());
        lines.push((format!("{} others, below {} each", rest.len(), tgas(SMALL_COST)), others.collect()));

        let names: Vec<_> = receipts.iter().map(|(name, _)| *name).collect();
        writeln!(f, "| cost | {} | together |", names.join(" | "))?;
        writeln!(f, "|---|{}--:|", "--:|".repeat(names.len()))?;
        for (cost, columns) in lines {
            let cells: Vec<_> = columns.iter().map(|gas| if *gas == 0 { String::new() } else { tgas(*gas) }).collect();
            writeln!(f, "| {cost} | {} | {} |", cells.join(" | "), tgas(sum(&columns)))?;
        }
        Ok(())
    }

    fn write_batches(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n## Batches\n")?;
        writeln!(f, "| method | case | Tgas | per answer |\n|---|---|--:|--:|")?;
        for (answers, Row { what, case, gas }) in &self.figures.batches {
            writeln!(f, "| `{what}` | {case} | {} | {} |", tgas(*gas), tgas(gas / *answers as u64))?;
        }
        let (small, full) = (self.largest_small, self.largest_full);
        write!(
            f,
            "
The largest batch that one call of 300 Tgas takes: {small} small answers, or {full} of {BATCH_ENTRY_BYTES} bytes of JSON each. A worker
sends at most {MAX_BATCH}, of at most {BATCH_ENTRY_BYTES} bytes each (`calls::MAX_BATCH`, `calls::BATCH_ENTRY_BYTES`).
"
        )
    }

    fn write_windows(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "
## Waiting

A window is 200 blocks, about two minutes; it is renewed until the request's deadline, while there is gas. With a
deadline that is far enough away:

"
        )?;
        writeln!(f, "| attached to `request_execution` | windows | about |\n|---|--:|--:|")?;
        for bought in &self.windows {
            let minutes = bought.windows * 2;
            let time = if minutes < 120 { format!("{minutes} minutes") } else { format!("{} hours", minutes / 60) };
            writeln!(f, "| {} Tgas | {} | {time} |", bought.tgas, bought.windows)?;
        }
        Ok(())
    }
}

fn write_rows(f: &mut Formatter<'_>, rows: &[Row]) -> fmt::Result {
    writeln!(f, "| method | case | Tgas |\n|---|---|--:|")?;
    rows.iter().try_for_each(|Row { what, case, gas }| writeln!(f, "| `{what}` | {case} | {} |", tgas(*gas)))
}

/// In Tgas, to a hundredth.
fn tgas(gas: u64) -> String {
    format!("{:.2}", gas as f64 / 1e12)
}
