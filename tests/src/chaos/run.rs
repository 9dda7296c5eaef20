//! The chaos run: requests, faults and kills; then calm; then the books are checked.

use super::{
    Plan, Proxy, Stats,
    audit::{self, Books},
    callers::{Asked, settle_in},
    crew::{Crew, Treatment},
    report::Report,
    store,
    workload::Programs,
};
use crate::{
    Network, artifacts,
    worker::{Launch, WorkerHome},
};
use anyhow::{Result, bail};
use offchainvm_localchain::Blocks;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    collections::BTreeMap,
    fs,
    ops::Range,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// How often the chain is asked how far the requests have come.
const GLANCE: Duration = Duration::from_millis(100);
/// Calm returns when all requests were sent and no more than one in this many still waits.
const CALM_FROM: u64 = 10;
/// The longest pause between two rounds of requests.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How many lines a worker may log before it is killed: with a backlog of a hundred, a start alone is a hundred lines.
const LIFE: Range<usize> = 0..400;

/// More than the kills that one job lives through.
const MANY: u32 = 1_000;

/// A run's measures.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What faults, kills and requests are drawn from. The same seed gives the same draws; which request is at work
    /// when a worker is killed depends on the machine, too.
    pub seed: u64,
    /// How many requests are sent.
    pub requests: usize,
    /// From how many accounts.
    pub callers: usize,
    /// No new request is sent while this many wait for an answer.
    pub backlog: u64,
    /// Worker processes at the same time, on one store.
    pub workers: usize,
    /// The database that the workers share; their own folder's when absent.
    pub database_url: Option<String>,
    /// What happens between workers and chain.
    pub plan: Plan,
    /// How many lines a worker may log before it is killed.
    pub life: Range<usize>,
    /// The chain's pace.
    pub block_time: Duration,
    /// How long everything may take to settle once calm has returned.
    pub patience: Duration,
    /// Where the workers' log is kept after the run, if anywhere.
    pub log: Option<PathBuf>,
}

impl Settings {
    /// A run of `requests` requests with everything going wrong.
    #[must_use]
    pub fn new(seed: u64, requests: usize) -> Self {
        Self {
            seed,
            requests,
            callers: (requests / 20).clamp(5, 50),
            backlog: 100,
            workers: 1,
            database_url: None,
            plan: Plan::rough(seed),
            life: LIFE,
            block_time: Duration::from_millis(200),
            patience: Duration::from_secs(300),
            log: None,
        }
    }
}

/// Does a run and says what came of it.
///
/// # Errors
/// The run itself could not be done. What it found is in [`Report::findings`].
pub async fn run(settings: &Settings) -> Result<Report> {
    // Built before the clock starts; what cannot be built is said here.
    let _binary = artifacts::offchainvm();
    let begun = Instant::now();
    let net = Network::start_with(Blocks::Every(settings.block_time)).await?;
    let proxy = Proxy::start(net.chain.rpc_url(), Plan::calm()).await?;
    let home = Arc::new(WorkerHome::through(&net, proxy.url())?);
    let programs = prepare(&net, &home, settings).await?;
    let mut books = Books::open(&net, settle_in(&net, settings.callers).await?).await?;

    let undisturbed = proxy.stats().questions;
    let disturbed = Instant::now();
    proxy.set_plan(settings.plan.clone());
    let crew = Crew::start(&home, &treatment(settings));
    books.asked = ask(&net, &programs, &mut books, settings).await?;
    wait_until(&net, books.asked.len() as u64 / CALM_FROM, settings.patience).await?;
    let asking = disturbed.elapsed();

    proxy.calm();
    let stats = proxy.stats();
    let stats = Stats { questions: stats.questions - undisturbed, ..stats };
    crew.calm();
    let calmed = Instant::now();
    let settled = wait_until(&net, 0, settings.patience).await?;
    let settling = calmed.elapsed();
    let jobs = store::final_jobs(&home, &treatment(settings).launch).await?;
    let fates = crew.stop().await?;
    if let Some(file) = &settings.log {
        fs::copy(home.log_file(), file)?;
    }

    let mut findings = audit::check(&net, &books, &home).await?;
    if let Some(jobs) = &jobs {
        findings.extend(store::judge(jobs, &audit::settled_requests(&net).await?));
    }
    if !settled {
        findings.insert(0, format!("requests still wait {:?} after calm had returned", settings.patience));
    }
    let deeds = audit::deeds(&net, &home).await?;
    Ok(Report {
        seed: settings.seed,
        requests: settings.requests,
        callers: settings.callers,
        workers: settings.workers,
        duration: begun.elapsed(),
        asking,
        settling,
        stats,
        fates,
        deeds,
        jobs: jobs.as_ref().map(BTreeMap::len),
        findings,
    })
}

fn treatment(settings: &Settings) -> Treatment {
    let database = settings.database_url.iter().map(|url| ("OFFCHAINVM_STORE__DATABASE_URL".to_owned(), url.clone()));
    // A kill is not the program's fault, but a worker cannot know: by default it tells the caller after the fourth.
    let kills = ["BUILD", "EXECUTE"].map(|stage| (format!("OFFCHAINVM_RETRY__{stage}__MAX_RETRIES"), MANY.to_string()));
    Treatment {
        seed: settings.seed,
        workers: settings.workers,
        life: settings.life.clone(),
        launch: Launch { environment: database.chain(kills).collect(), ..Launch::default() },
    }
}

/// Has a worker build the programs, undisturbed.
async fn prepare(net: &Network, home: &Arc<WorkerHome>, settings: &Settings) -> Result<Programs> {
    let undisturbed = Treatment { workers: 1, ..treatment(settings) };
    let crew = Crew::start(home, &undisturbed);
    crew.calm();
    let programs = Programs::build(net).await?;
    crew.stop().await?;
    Ok(programs)
}

/// Sends the requests: in rounds of a seeded size, from callers as they come, never more than the backlog allows.
async fn ask(net: &Network, programs: &Programs, books: &mut Books, settings: &Settings) -> Result<Vec<Asked>> {
    let mut dice = StdRng::seed_from_u64(settings.seed);
    let mut asked = Vec::with_capacity(settings.requests);
    let largest_round = (settings.requests / 10).clamp(1, 25);
    while asked.len() < settings.requests {
        let round = dice.random_range(1..=largest_round).min(settings.requests - asked.len());
        for _ in 0..round {
            let order = programs.order(asked.len(), &mut dice);
            let caller = dice.random_range(0..books.callers.len());
            let transaction = books.callers[caller].ask(net, &order).await?;
            asked.push(Asked { caller, transaction, order });
        }
        sleep(LONGEST_PAUSE.mul_f64(dice.random())).await;
        let begun = Instant::now();
        while net.stats().await?.pending_requests >= settings.backlog {
            if begun.elapsed() > settings.patience {
                bail!("{} requests have been waiting for {:?}", settings.backlog, settings.patience);
            }
            sleep(GLANCE).await;
        }
    }
    Ok(asked)
}

/// Waits until the contract has taken all requests that were sent and no more than `rest` still wait; false when that
/// takes too long.
async fn wait_until(net: &Network, rest: u64, patience: Duration) -> Result<bool> {
    let begun = Instant::now();
    // What was sent last is in a block, and has been executed, a few blocks later.
    let head = net.chain.node().read(|chain| chain.head().height).await?;
    while net.chain.node().read(|chain| chain.final_block().height).await? < head + 3
        || net.stats().await?.pending_requests > rest
    {
        if begun.elapsed() > patience {
            return Ok(false);
        }
        sleep(GLANCE).await;
    }
    Ok(true)
}
