//! A worker as a process of its own: started, watched through its log, stopped or killed.

use crate::{Network, artifacts};
use anyhow::{Context, Result, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use offchainvm_interface::RequestId;
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// How long a test waits for a line of the log, or for the end of the process.
const PATIENCE: Duration = Duration::from_secs(120);

/// The folder of a worker's data, in its home.
const DATA: &str = "data";

/// What outlives a worker: its configuration, its key and its data.
pub struct WorkerHome {
    folder: TempDir,
}

impl WorkerHome {
    /// A home for a worker that serves `net`'s contract as `net`'s operator and may build from local repositories.
    pub fn new(net: &Network) -> Result<Self> {
        Self::with(net, "")
    }

    /// The same, with further settings of the section `[build]`.
    pub fn with(net: &Network, build_settings: &str) -> Result<Self> {
        Self::make(net, net.chain.rpc_url(), build_settings)
    }

    /// A home for a worker that sees the chain through the proxy at `url`.
    pub fn through(net: &Network, url: &str) -> Result<Self> {
        Self::make(net, url, "")
    }

    fn make(net: &Network, url: &str, build_settings: &str) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("offchainvm-worker-").tempdir()?;
        let key = net.operator.secret_key();
        let key_file = json!({
            "account_id": net.operator.id(),
            "public_key": key.public_key().to_string(),
            "private_key": key.to_string(),
        });
        let path = folder.path().join("operator.json");
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        serde_json::to_writer(file, &key_file)?;

        let config = format!(
            "[chain]\nrpc_urls = [\"{url}\"]\nblock_sources = [\"{url}\"]\ncontract_id = \"{contract}\"\n\n\
             [operator]\nkey_file = \"{key}\"\n\n\
             [store]\npath = \"{data}\"\n\n\
             [api]\nlisten = \"127.0.0.1:0\"\n\n\
             [build]\nallowed_protocols = [\"https\", \"file\"]\n{build_settings}\n\
             [log]\nformat = \"json\"\n",
            contract = net.contract.id(),
            key = path.display(),
            data = folder.path().join(DATA).display(),
        );
        fs::write(folder.path().join("config.toml"), config)?;
        Ok(Self { folder })
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The folder where workers keep their data.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.path().join(DATA)
    }

    /// Changes the configuration of the workers that are started from now on.
    pub fn edit(&self, change: impl FnOnce(String) -> String) -> Result<()> {
        let path = self.path().join("config.toml");
        Ok(fs::write(&path, change(fs::read_to_string(&path)?))?)
    }

    /// Runs another command of `offchainvm` with this home's configuration. The test's chain goes on meanwhile.
    pub async fn command(&self, args: &[&str]) -> Result<Output> {
        let mut command = self.offchainvm();
        command.args(args).env("OFFCHAINVM_CONFIG", self.path().join("config.toml"));
        Ok(tokio::task::spawn_blocking(move || command.output()).await??)
    }

    fn offchainvm(&self) -> Command {
        let mut command = Command::new(artifacts::offchainvm());
        command.env_clear().envs(std::env::vars().filter(|(name, _)| !name.starts_with("OFFCHAINVM_")));
        command.stdin(Stdio::null());
        command
    }

    /// Starts a worker here; its log is appended to what earlier ones wrote.
    pub fn start(&self) -> Result<WorkerProcess> {
        self.start_with(&Launch::default())
    }

    /// The same in an environment of its own, such as `OFFCHAINVM_STORE__DATABASE_URL`.
    pub fn start_in(&self, environment: &[(&str, &str)]) -> Result<WorkerProcess> {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.start_with(&Launch { environment, ..Launch::default() })
    }

    /// Starts a worker with these roles only.
    pub fn start_as(&self, roles: &str) -> Result<WorkerProcess> {
        let arguments = ["--role", roles].map(str::to_owned).into();
        self.start_with(&Launch { arguments, ..Launch::default() })
    }

    /// Starts a worker that ends itself at the fail points named (`store.record.ran.after=return`).
    pub fn start_to_fail(&self, fail_points: &str) -> Result<WorkerProcess> {
        self.start_in(&[("FAILPOINTS", fail_points)])
    }

    /// The same in circumstances of its own.
    pub fn start_with(&self, launch: &Launch) -> Result<WorkerProcess> {
        let log = self.log_file();
        let output = File::options().append(true).create(true).open(&log)?;
        let seen_before = fs::metadata(&log)?.len();
        let binary = artifacts::offchainvm();
        let mut command = match launch.under.split_first() {
            None => Command::new(binary),
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(binary);
                command
            }
        };
        let child = command
            .args(["worker", "--config"])
            .arg(self.path().join("config.toml"))
            .args(&launch.arguments)
            .env_clear()
            .envs(std::env::vars().filter(|(name, _)| !name.starts_with("OFFCHAINVM_")))
            .envs(launch.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("offchainvm worker")?;
        Ok(WorkerProcess { child, log, seen_before })
    }

    /// Runs `offchainvm` with this home's configuration and waits for its end.
    pub async fn run(&self, args: &[&str], environment: &[(&str, &str)]) -> Result<Output> {
        let mut command = Command::new(artifacts::offchainvm());
        command
            .args(args)
            .env_clear()
            .envs(std::env::vars().filter(|(name, _)| !name.starts_with("OFFCHAINVM_")))
            .env("OFFCHAINVM_CONFIG", self.path().join("config.toml"))
            .envs(environment.iter().copied());
        // The chain that the command speaks with may need this thread.
        Ok(tokio::task::spawn_blocking(move || command.output()).await??)
    }

    /// Everything that workers in this home have logged, one value a line.
    pub fn log(&self) -> Result<Vec<Value>> {
        read_log(&self.log_file(), 0)
    }

    /// Where they have logged it.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.path().join("worker.log")
    }
}

/// Circumstances in which a worker is started.
#[derive(Clone, Debug, Default)]
pub struct Launch {
    /// The command that runs the worker as its own arguments say, such as `nsenter`; none when empty.
    pub under: Vec<String>,
    /// Further arguments of the worker, such as `--role`.
    pub arguments: Vec<String>,
    /// Environment variables, such as `OFFCHAINVM_STORE__DATABASE_URL`.
    pub environment: Vec<(String, String)>,
}

/// A running worker; killed when dropped.
pub struct WorkerProcess {
    child: Child,
    log: PathBuf,
    seen_before: u64,
}

impl WorkerProcess {
    /// Waits until this worker has logged `event`, for `request_id` if one is given, and returns that line.
    pub async fn wait_for(&mut self, event: &str, request_id: Option<RequestId>) -> Result<Value> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let lines = read_log(&self.log, self.seen_before)?;
            let wanted =
                |line: &&Value| line["event"] == event && request_id.is_none_or(|id| line["request_id"] == json!(id));
            if let Some(line) = lines.iter().find(wanted) {
                return Ok(line.clone());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the worker ended with {status} before {event}:\n{}", fs::read_to_string(&self.log)?);
            }
            if tokio::time::Instant::now() > deadline {
                bail!("the worker did not log {event} in {PATIENCE:?}:\n{}", fs::read_to_string(&self.log)?);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until it has ended by itself.
    pub async fn ended(mut self) -> Result<ExitStatus> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            anyhow::ensure!(tokio::time::Instant::now() < deadline, "the worker did not end in {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// How many lines it has logged so far.
    pub fn lines(&self) -> Result<usize> {
        let mut log = File::open(&self.log)?;
        log.seek(SeekFrom::Start(self.seen_before))?;
        Ok(BufReader::new(log).lines().count())
    }

    /// How it ended, if it has.
    pub fn exit_status(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Pulls the plug.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to finish what it has begun and to stop, as a service manager does, and waits for that.
    pub async fn stop(self) -> Result<ExitStatus> {
        kill(Pid::from_raw(self.child.id().try_into()?), Signal::SIGTERM)?;
        self.ended().await
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn read_log(path: &Path, from: u64) -> Result<Vec<Value>> {
    let text = fs::read(path)?;
    let new = text.get(usize::try_from(from)?..).unwrap_or_default();
    // The last line may be half written.
    let whole = new.rsplitn(2, |byte| *byte == b'\n').nth(1).unwrap_or_default();
    Ok(whole.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
}
