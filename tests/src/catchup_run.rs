//! `scripts/bench catchup`: how quickly a worker that was away reads the blocks that it missed, with its method.

use clap::Parser;
use offchainvm_tests::pace::{Absence, Answers};
use std::time::Duration;

/// Measures how quickly a worker reads the blocks that it missed.
#[derive(Parser)]
#[command(name = "scripts/bench catchup")]
struct Args {
    /// Blocks that are missed when the source answers at once.
    #[arg(long, default_value_t = 10_000)]
    blocks: u64,
    /// Requests in these blocks.
    #[arg(long, default_value_t = 100)]
    requests: u64,
    /// Blocks that are missed when it answers late.
    #[arg(long, default_value_t = 400)]
    late_blocks: usize,
    /// How late it answers then, in milliseconds.
    #[arg(long, default_value_t = 50)]
    delay_ms: u64,
    /// How large a busy chain's block is, in KB of JSON.
    #[arg(long, default_value_t = 500)]
    busy_kb: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    println!(
        "catchup: a worker that was away while {} blocks with {} requests were made. The local chain made and served the",
        args.blocks, args.requests
    );
    println!(
        "blocks; they were recorded and come from memory over HTTP, a busy chain's with the receipts of others added. The"
    );
    println!(
        "baseline fetches them one by one on one connection and does nothing with them. The worker (roles index and api,"
    );
    println!("SQLite) begins at the cursor of an earlier run and asks the contract first which requests still wait.");
    let absence = Absence::of(args.blocks, args.requests).await?;
    let (made, recorded) = absence.preparation;
    println!("The blocks were made in {made:.1?} and recorded in {recorded:.1?}; {} requests wait.\n", absence.waiting);
    println!(
        "the source answers                    blocks    KB each  one by one      worker   ratio   worker's processor"
    );
    let (whole, late) = (usize::try_from(args.blocks)?, Duration::from_millis(args.delay_ms));
    let at_once = Duration::ZERO;
    for (name, answers) in [
        ("at once", Answers { blocks: whole, delay: at_once, added: 0 }),
        ("at once, a busy chain", Answers { blocks: args.late_blocks, delay: at_once, added: args.busy_kb * 1_000 }),
        ("late", Answers { blocks: args.late_blocks, delay: late, added: 0 }),
        ("late, a busy chain", Answers { blocks: args.late_blocks, delay: late, added: args.busy_kb * 1_000 }),
    ] {
        let run = absence.over(answers).await?;
        let rate = |duration: Duration| run.blocks as f64 / duration.as_secs_f64();
        let name = if answers.delay.is_zero() { name.to_owned() } else { format!("{name}, {:?}", answers.delay) };
        println!(
            "  {name:32} {:9} {:10.1} {:8.0} /s {:9.0} /s {:7.2} {:7.2} ms a block, {:3.0} % of the time",
            run.blocks,
            run.bytes as f64 / 1e3 / run.blocks as f64,
            rate(run.fetching),
            rate(run.worker),
            rate(run.worker) / rate(run.fetching),
            run.processor.as_secs_f64() * 1e3 / run.blocks as f64,
            100.0 * run.processor.as_secs_f64() / run.worker.as_secs_f64(),
        );
    }
    Ok(())
}
