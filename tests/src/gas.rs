//! `scripts/gas`: measures what every method of the contract burns, and prints `docs/GAS.md`.

use anyhow::Result;
use offchainvm_tests::gas_table::Table;

fn main() -> Result<()> {
    print!("{}", Table::measure()?);
    Ok(())
}
