//! What a compiled module takes while nobody runs it.

use anyhow::{Context, Result};
use offchainvm_worker::execute::{Executor, Program};

/// Modules held at the same time: as many as the default configuration keeps.
const MODULES: u32 = 64;

/// Loads many modules that differ in nothing but their digest, and looks at the process.
pub fn per_module(wasm: &[u8]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let runtime = crate::runtime(1)?;
    let programs: Vec<_> = (0..MODULES).map(|number| Program::bytes(distinct(wasm, number))).collect();
    let compiler = Executor::new(&crate::config(), folder.path())?;
    for program in &programs {
        runtime.block_on(crate::run(&compiler, program, ""))?;
    }
    drop(compiler);
    let executor = Executor::new(&crate::config(), folder.path())?;
    runtime.block_on(crate::run(&executor, programs.first().context("programs")?, ""))?;
    let before = resident_kib()?;
    for program in &programs {
        runtime.block_on(crate::run(&executor, program, ""))?;
    }
    let each = (resident_kib()? - before) / f64::from(MODULES - 1);
    println!("idle module           {each:8.0} KiB resident for each of {MODULES} no-ops in memory, each run once\n");
    Ok(())
}

/// The module with a custom section that only it has.
fn distinct(wasm: &[u8], number: u32) -> Vec<u8> {
    let mut wasm = wasm.to_vec();
    // Section 0, six bytes: a name of one letter and the number.
    wasm.extend([0, 6, 1, b'n']);
    wasm.extend(number.to_le_bytes());
    wasm
}

fn resident_kib() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    Ok(line.split_whitespace().next().context("VmRSS")?.parse()?)
}
