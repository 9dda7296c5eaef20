//! A throw-away PostgreSQL: one server a test process, one database a test.
//!
//! The server runs from Debian's binaries with its default settings for durability, on a socket in a temporary folder.
//! A keeper, a shell process, removes both when the test process ends, however it ends.

use crate::artifacts::workspace;
use anyhow::{Context, Result, bail, ensure};
use nix::unistd::{User, chown, geteuid};
use std::{
    env, fs,
    io::Read,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};
use tempfile::TempDir;

/// The database user that owns everything.
const USER: &str = "offchainvm";
/// The database of a server that is started later: every server has it from its first moment, so whoever waits for the
/// server does not find it without.
const LATE: &str = "postgres";
/// Users that may run a server when we are root, which PostgreSQL refuses.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// A database of its own, empty; dropped with everything in it, even while there are connections.
#[derive(Debug)]
pub struct Postgres {
    server: Arc<Server>,
    name: String,
}

/// A server of one's own that is still to be started, and ends with its database.
#[derive(Debug)]
pub struct Later(TempDir);

impl Later {
    /// The address that its database will have.
    #[must_use]
    pub fn url(&self) -> String {
        url_of(LATE, self.0.path())
    }

    /// Starts it.
    ///
    /// # Errors
    /// As [`Postgres::start`].
    pub fn start(self) -> Result<Postgres> {
        Ok(Postgres { server: Arc::new(Server::start(self.0)?), name: LATE.to_owned() })
    }
}

impl Postgres {
    /// Makes a database, and the server before it if this process has none yet: that takes two or three seconds.
    ///
    /// # Errors
    /// PostgreSQL is not installed, or does not start; the error holds what it said.
    pub fn start() -> Result<Self> {
        static SERVER: OnceLock<Result<Arc<Server>>> = OnceLock::new();
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let server = SERVER.get_or_init(|| Ok(Arc::new(Server::start(folder()?)?))).as_ref();
        let server = server.map_err(|error| anyhow::anyhow!("{error:#}"))?;
        Self::make(server.clone(), format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed)))
    }

    /// A server that is started when the test says so, at an address that is known now.
    ///
    /// # Errors
    /// There is no place for it.
    pub fn later() -> Result<Later> {
        Ok(Later(folder()?))
    }

    fn make(server: Arc<Server>, name: String) -> Result<Self> {
        server.run("postgres", &format!("CREATE DATABASE {name}"))?;
        Ok(Self { server, name })
    }

    /// Its address: `postgres://…`.
    #[must_use]
    pub fn url(&self) -> String {
        url_of(&self.name, &self.server.folder)
    }

    /// Runs SQL as its owner and gives what it returns, a line a row, columns parted by `|`.
    ///
    /// # Errors
    /// The SQL fails; the error holds what the server said.
    pub fn sql(&self, statements: &str) -> Result<String> {
        self.server.run(&self.name, statements)
    }

    /// The server's folder: it is gone when the server is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.server.folder
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // The database that a server begins with cannot be dropped, and goes with the server.
        let _ = self.server.run("postgres", &format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

/// A running server.
#[derive(Debug)]
struct Server {
    folder: PathBuf,
    bin: PathBuf,
    /// Holds the pipe whose end tells the keeper that this process has ended.
    _keeper: Child,
}

impl Server {
    fn start(folder: TempDir) -> Result<Self> {
        let bin = programs()?;
        let as_server = if geteuid().is_root() {
            let user = unprivileged()?;
            format!("setpriv --reuid={} --regid={} --clear-groups", user.uid, user.gid)
        } else {
            String::new()
        };
        let mut keeper = command("sh")
            .args(["-c", include_str!("postgres/keeper.sh"), "keeper"])
            .arg(folder.path())
            .arg(&bin)
            .arg(as_server)
            .current_dir(folder.path())
            // Not ours, so that an interrupt from the terminal ends us and not the keeper.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the keeper of PostgreSQL")?;
        // From here on the folder is the keeper's to remove.
        let folder = folder.keep();
        let mut said = String::new();
        keeper.stdout.take().context("the keeper's output")?.read_to_string(&mut said)?;
        ensure!(said == "ready\n", "PostgreSQL did not start:\n{said}");
        Ok(Self { folder, bin, _keeper: keeper })
    }

    fn run(&self, database: &str, statements: &str) -> Result<String> {
        let output = command(self.bin.join("psql"))
            .args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"])
            .args(["--username", USER, "--dbname", database, "--command", statements])
            .arg("--host")
            .arg(&self.folder)
            .stdin(Stdio::null())
            .output()
            .context("psql")?;
        ensure!(output.status.success(), "{statements}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// The folder of a server, which belongs to the user that it will run as.
fn folder() -> Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("offchainvm-postgres-").tempdir()?;
    if geteuid().is_root() {
        let user = unprivileged()?;
        chown(folder.path(), Some(user.uid), Some(user.gid))?;
    }
    Ok(folder)
}

fn url_of(database: &str, folder: &Path) -> String {
    format!("postgres://{USER}@localhost/{database}?host={}", folder.display())
}

/// A command without the environment's own settings for PostgreSQL, and in a language that tests can read.
fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"PG")) {
        command.env_remove(name);
    }
    command.env("LC_ALL", "C");
    command
}

/// The folder of the newest version's programs.
fn programs() -> Result<PathBuf> {
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = installed
        .map(|entry| entry.path())
        .filter(|path| path.join("bin/initdb").exists())
        .max_by_key(|path| version(path));
    let install = workspace().join("scripts/install-postgresql");
    newest
        .map(|path| path.join("bin"))
        .with_context(|| format!("PostgreSQL is missing; {} installs it", install.display()))
}

fn unprivileged() -> Result<User> {
    for name in UNPRIVILEGED {
        if let Some(user) = User::from_name(name)? {
            return Ok(user);
        }
    }
    bail!("PostgreSQL does not run as root, and there is no user {}", UNPRIVILEGED.join(" or "))
}
