//! `scripts/bench chain`: a worker's pace on a chain with the public one's blocks, with its method.

use clap::Parser;
use offchainvm_tests::pace::{BLOCK_TIME, latency, throughput};

/// Measures the worker's own part of a request's latency, and how many answers a second its lanes bring to the chain.
#[derive(Parser)]
#[command(name = "scripts/bench chain")]
struct Args {
    /// Requests of the latency run; 0 leaves it out.
    #[arg(long, default_value_t = 100)]
    requests: u64,
    /// Numbers of access keys to measure; the first is the baseline.
    #[arg(long, value_delimiter = ',', default_value = "1,2,4,8")]
    lanes: Vec<u32>,
    /// Answers for each lane.
    #[arg(long, default_value_t = 100)]
    answers: u64,
    /// The most answers in one transaction. Few, so that every lane has several transactions to send.
    #[arg(long, default_value_t = 25)]
    batch: u32,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    println!(
        "chain: the contract in the NEAR VM, blocks of {BLOCK_TIME:?}, final two blocks later; one worker process\n"
    );
    if args.requests > 0 {
        let steps = latency(args.requests).await?;
        println!("latency of {} requests that come one by one, the program built and compiled before;", args.requests);
        println!("from the worker's log, in ms              median     p95     max");
        for (name, step) in [
            ("block read to job durable", &steps.taken_in),
            ("to the program's start", &steps.started),
            ("to its end", &steps.run),
            ("to the transaction that leaves", &steps.sent),
            ("block read to transaction", &steps.whole),
        ] {
            let at =
                |part: f64| step.get(((step.len() - 1) as f64 * part).round() as usize).copied().unwrap_or(f64::NAN);
            println!("  {name:38} {:7.1} {:7.1} {:7.1}", at(0.5), at(0.95), at(1.0));
        }
        println!();
    }
    println!(
        "answers that wait, {} for each lane, at most {} in a transaction, until the last is settled:",
        args.answers, args.batch
    );
    let mut baseline = None;
    for &lanes in &args.lanes {
        let run = throughput(lanes, args.answers * u64::from(lanes), args.batch).await?;
        let first = *baseline.get_or_insert(run.rate() / f64::from(lanes));
        println!(
            "  {lanes:3} lanes {:6} answers {:4} transactions {:6.1} s {:8.1} answers/s {:5.2} of linear",
            run.answers,
            run.transactions,
            run.duration.as_secs_f64(),
            run.rate(),
            run.rate() / (first * f64::from(lanes)),
        );
    }
    Ok(())
}
