//! A worker with room for two programs and one compiled module, which is asked for three: what nobody used for longest
//! goes, and comes back when somebody asks for it, or waits for it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use anyhow::{Result, ensure};
use offchainvm_tests::{
    GitRepo, Network,
    artifacts::workspace,
    network::{DEPOSIT, Sent, eventually},
    worker::{WorkerHome, WorkerProcess},
};
use serde_json::json;
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::Duration,
};

/// Bytes of each program's table: with its code, two programs fit into one MiB and three do not, and neither do two
/// compiled ones.
const TABLE: usize = 400_000;
/// Longer than the minute in which nothing goes that was used.
const AN_HOUR: Duration = Duration::from_secs(3_600);

/// A program that answers the byte at a place of its own table.
struct Program {
    repo: GitRepo,
    table: Vec<u8>,
}

impl Program {
    fn new(seed: u32) -> Result<Self> {
        let next = |number: &u32| Some(number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
        let numbers = std::iter::successors(Some(seed), next).skip(1);
        let table: Vec<u8> = numbers.map(|number| number.to_be_bytes()[0]).take(TABLE).collect();
        let mut repo = GitRepo::from_dir(&workspace().join("tests/guests/echo"))?;
        fs::write(repo.path().join("table.bin"), &table)?;
        let main = r#"
            static TABLE: &[u8] = include_bytes!("../table.bin");
            fn main() {
                let place = std::io::read_to_string(std::io::stdin()).unwrap();
                print!("{}", TABLE[place.parse::<usize>().unwrap()]);
            }"#;
        fs::write(repo.path().join("src/main.rs"), main)?;
        repo.commit_all("a table")?;
        Ok(Self { repo, table })
    }
}

/// A network, and a worker's home.
struct Site {
    net: Network,
    home: WorkerHome,
}

impl Site {
    async fn ask(&self, program: &Program, place: usize) -> Result<Sent> {
        let Program { repo, .. } = program;
        let source = json!({"repo": repo.url(), "commit": repo.commit, "build_target": "wasm32-wasip1"});
        let args = json!({"code_source": source, "input_data": place.to_string()});
        self.net.request(&self.net.user, args, DEPOSIT).await
    }

    /// Asks, checks the answer, and gives the program's digest. Requests are numbered from 1 in their order.
    async fn answer(&self, worker: &mut WorkerProcess, program: &Program, request_id: u64) -> Result<String> {
        let sent = self.ask(program, request_id as usize).await?;
        self.is_right(sent, program, request_id).await?;
        let built = worker.wait_for("build.finished", Some(request_id)).await?;
        Ok(built["wasm_sha256"].as_str().unwrap().to_owned())
    }

    async fn is_right(&self, sent: Sent, program: &Program, request_id: u64) -> Result<()> {
        let answer: String = sent.outcome().await?.json()?;
        ensure!(answer == program.table[request_id as usize].to_string(), "request {request_id}: {answer}");
        Ok(())
    }

    /// The files of the worker whose name holds `part`, by the first folder that they lie in.
    fn files(&self, part: &str) -> Vec<String> {
        let data = self.home.data();
        let all = files_under(&data);
        let named = all.iter().filter(|path| path.file_name().unwrap().to_string_lossy().contains(part));
        let folder = |path: &PathBuf| {
            let first = path.strip_prefix(&data).unwrap().components().next().unwrap();
            first.as_os_str().to_string_lossy().into_owned()
        };
        let mut folders: Vec<String> = named.map(folder).collect();
        folders.sort();
        folders
    }

    /// Whether a program is kept: as what was built, and for the other workers.
    fn is_kept(&self, digest: &str) -> bool {
        let mut folders = self.files(digest);
        folders.retain(|folder| folder != COMPILED);
        assert!(folders.is_empty() || folders == [SHARED, BUILT], "{digest} is neither here nor gone: {folders:?}");
        !folders.is_empty()
    }

    fn is_compiled(&self, digest: &str) -> bool {
        self.files(digest).iter().any(|folder| folder == COMPILED)
    }

    /// Lets time pass: everything was used so much longer ago.
    fn an_hour_passes(&self) -> Result<()> {
        for file in files_under(&self.home.data().join(BUILT).join("programs-v2")) {
            let used = fs::metadata(&file)?.modified()?;
            File::open(&file)?.set_modified(used - AN_HOUR)?;
        }
        Ok(())
    }
}

/// The worker's folders of programs: as they were built, for other workers, and as machine code.
const BUILT: &str = "build";
const SHARED: &str = "blobs";
const COMPILED: &str = "execute";

fn files_under(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_under(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn what_was_unused_for_longest_goes_and_comes_back_the_same_when_it_is_asked_for() -> Result<()> {
    let net = Network::start_for_worker().await?;
    let home =
        WorkerHome::with(&net, "program_cache_mb = 1\n[execute]\nmodules_in_memory = 1\nmodules_on_disk_mb = 1")?;
    let site = Site { net, home };
    let [first, second, third] = [1, 2, 3].map(|seed| Program::new(seed).unwrap());

    // The first was used after the second, which makes room for the third.
    let mut worker = site.home.start()?;
    let a = site.answer(&mut worker, &first, 1).await?;
    let b = site.answer(&mut worker, &second, 2).await?;
    assert!(!site.is_compiled(&a) && site.is_compiled(&b), "there is disk for one compiled module");
    assert_eq!(site.answer(&mut worker, &first, 3).await?, a);
    site.an_hour_passes()?;
    let c = site.answer(&mut worker, &third, 4).await?;
    assert_eq!([&a, &b, &c].map(|digest| site.is_kept(digest)), [true, false, true]);
    assert_eq!(site.files(&b), [""; 0], "nothing of it is left");

    // It is asked for again, and now the first is the one that nobody used for longest.
    assert_eq!(site.answer(&mut worker, &second, 5).await?, b, "the same commit, the same bytes");
    assert_eq!([&a, &b, &c].map(|digest| site.is_kept(digest)), [false, true, true]);
    // Its machine code goes when another's is made from what was kept.
    assert_eq!(site.answer(&mut worker, &third, 6).await?, c);
    assert!(!site.is_compiled(&b) && site.is_compiled(&c));
    assert!(worker.stop().await?.success());

    // What a job waits for stays, however long nobody used it; but an operator may remove it all the same.
    let mut builder = site.home.start_as("index,build,publish")?;
    let waiting = site.ask(&second, 7).await?;
    builder.wait_for("build.finished", Some(7)).await?;
    site.an_hour_passes()?;
    let other = site.ask(&first, 8).await?;
    let shared = async || Ok(site.files(&a).contains(&SHARED.to_owned()).then_some(()));
    eventually("the first program to be shared", shared).await?;
    assert_eq!([&a, &b, &c].map(|digest| site.is_kept(digest)), [true, true, false]);
    let removed = site.home.command(&["program", "remove", &b]).await?;
    ensure!(removed.status.success(), "{}", String::from_utf8_lossy(&removed.stderr));
    assert_eq!(site.files(&b), [""; 0], "nothing of it is left");

    let mut executor = site.home.start_as("execute")?;
    executor.wait_for("execute.artifact_lost", Some(7)).await?;
    site.is_right(waiting, &second, 7).await?;
    site.is_right(other, &first, 8).await?;
    assert!(site.is_kept(&b), "it was built again, to the same bytes");

    for temporary in ["tmp", "#"] {
        assert_eq!(site.files(temporary), [""; 0], "a temporary file is left");
    }
    assert!(builder.stop().await?.success() && executor.stop().await?.success());
    let attempts = files_under(&site.home.data().join(BUILT).join("attempts"));
    assert!(attempts.iter().all(|file| file.ends_with("lock")), "a build's folder is left: {attempts:?}");
    let stats = site.net.stats().await?;
    assert_eq!((stats.total_requests, stats.succeeded, stats.pending_requests), (8, 8, 0));
    site.net.assert_solvent().await
}
