//! What the contract burns stays what `docs/GAS.md` says: a change of more than a tenth shows in review.
//!
//! Gas does not depend on the machine, so this is no timed assertion.

#![allow(clippy::unwrap_used, reason = "tests")]

use anyhow::Result;
use offchainvm_interface::calls::{BATCH_GAS, MAX_BATCH, REQUEST_GAS};
use offchainvm_tests::{
    artifacts::workspace,
    gas_table::{Figures, Windows, budgets},
};
use std::{collections::BTreeSet, fs, sync::OnceLock};

const TGAS: u64 = 1_000_000_000_000;

fn measured() -> &'static Figures {
    static FIGURES: OnceLock<Figures> = OnceLock::new();
    FIGURES.get_or_init(|| Figures::measure().unwrap())
}

#[test]
fn every_method_stays_within_a_tenth_of_its_budget() -> Result<()> {
    let budgets = budgets(&fs::read_to_string(workspace().join("docs/GAS.md"))?);
    let mut faults = vec![];
    let mut seen = BTreeSet::new();
    for row in measured().rows() {
        let key = (row.what.to_owned(), row.case.clone());
        let measured = row.gas as f64 / TGAS as f64;
        match budgets.get(&key) {
            None => faults.push(format!("{}, {}: {measured:.2} Tgas without a budget", row.what, row.case)),
            Some(budget) if measured > budget * 1.1 || measured < budget * 0.9 => {
                faults.push(format!("{}, {}: {measured:.2} instead of {budget:.2} Tgas", row.what, row.case));
            }
            Some(_) => {}
        }
        assert!(seen.insert(key), "{}, {} is measured twice", row.what, row.case);
    }
    let gone = budgets.keys().filter(|key| !seen.contains(*key));
    faults.extend(gone.map(|(what, case)| format!("{what}, {case}: a budget for nothing that is measured")));
    assert!(faults.is_empty(), "run scripts/gas if this is meant:\n{}", faults.join("\n"));
    Ok(())
}

#[test]
fn a_small_request_costs_at_most_eight_and_a_half_tgas_in_all() {
    let burnt = measured().small.together();
    assert!(burnt <= 17 * TGAS / 2, "{burnt}");
}

/// That they were all taken, the measuring itself makes sure.
#[test]
fn the_largest_batch_that_a_worker_sends_leaves_a_reserve_of_gas() {
    let full = measured().batches.iter().filter(|(answers, _)| *answers == MAX_BATCH).map(|(_, row)| row.gas);
    let most = full.max().unwrap();
    assert!(most <= BATCH_GAS.as_gas() / 100 * 92, "{most}");
}

#[test]
fn the_gas_that_callers_attach_lasts_for_the_default_deadline() -> Result<()> {
    let bought = Windows::bought_by(&[REQUEST_GAS.as_tgas()])?;
    let windows: Vec<_> = bought.iter().map(|bought| bought.windows).collect();
    // Ten minutes, in windows of two.
    assert!(matches!(windows.as_slice(), [windows] if *windows >= 5), "{windows:?}");
    Ok(())
}
