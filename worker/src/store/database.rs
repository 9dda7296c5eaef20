//! Which database it is, how it is opened, and which tables it has.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{
    AnyConnection, AnyPool, Connection, Executor,
    any::{AnyPoolOptions, install_default_drivers},
    migrate::{MigrateError, Migrator},
};
use tokio::time::timeout;
use url::Url;

use super::StoreError;

static SQLITE_TABLES: Migrator = sqlx::migrate!("src/store/migrations/sqlite");
static POSTGRES_TABLES: Migrator = sqlx::migrate!("src/store/migrations/postgres");

/// What every SQLite connection is told.
/// WAL: readers do not wait for the writer. FULL, not NORMAL: a nonce or an outcome that was promised must survive a
/// power cut, too. The time-out bounds waiting for another process's write, which takes milliseconds. A checkpoint after
/// 32 MiB of log instead of 4: a job is written several times in a short life, and the same pages need not be copied each
/// time. What a statement keeps to undo itself stays in memory.
const SQLITE_SETTINGS: &str = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                               PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 8192; PRAGMA temp_store = MEMORY;";
/// For the same reason the writer has 16 MiB of pages at hand instead of 2. Others would forget them with its next write.
const SQLITE_WRITER_SETTINGS: &str = "PRAGMA cache_size = -16384;";
/// Connections beside the writers'.
const SQLITE_CONNECTIONS: u32 = 3;
const POSTGRES_CONNECTIONS: u32 = 8;
/// Transactions that one process writes side by side. SQLite has one writer.
const POSTGRES_WRITERS: usize = 4;
/// How often tables are looked at that another process may be making, and the pause between two looks.
const MIGRATE_ATTEMPTS: u32 = 10;
const MIGRATE_PAUSE: Duration = Duration::from_millis(100);
/// How long a statement waits for a connection before it counts as the database's failure.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(20);

/// Where the store is.
#[derive(Clone, Eq, PartialEq)]
pub enum Database {
    /// One file on this machine.
    Sqlite(PathBuf),
    /// A PostgreSQL server, for workers on several machines: `postgres://user@host/name`.
    Postgres(Url),
}

/// Never the password.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "{}", path.display()),
            Self::Postgres(url) => {
                let mut shown = url.clone();
                // Fails only for addresses without a host, which have no password either.
                let _ = shown.set_password(None);
                shown.set_query(None);
                write!(f, "{shown}")
            }
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl From<&Path> for Database {
    fn from(path: &Path) -> Self {
        Self::Sqlite(path.to_owned())
    }
}

impl Database {
    /// Connects; a missing file is created.
    pub(super) async fn connect(&self) -> Result<AnyPool, StoreError> {
        let connections = match self {
            Self::Sqlite(_) => SQLITE_CONNECTIONS,
            Self::Postgres(url) => {
                reach(url).await.map_err(|source| self.unopened(source))?;
                POSTGRES_CONNECTIONS
            }
        };
        self.pool(connections, "").await
    }

    /// Connects once for each writer. A connection of its own keeps the pages that it wrote: SQLite forgets them when
    /// another connection writes.
    pub(super) async fn connect_writers(&self) -> Result<Vec<AnyPool>, StoreError> {
        let writers = match self {
            Self::Sqlite(_) => 1,
            Self::Postgres(_) => POSTGRES_WRITERS,
        };
        let mut pools = Vec::with_capacity(writers);
        for _ in 0..writers {
            pools.push(self.pool(1, SQLITE_WRITER_SETTINGS).await?);
        }
        Ok(pools)
    }

    /// `more` is told to SQLite connections after what each of them is told.
    async fn pool(&self, connections: u32, more: &'static str) -> Result<AnyPool, StoreError> {
        install_default_drivers();
        let options = AnyPoolOptions::new().acquire_timeout(ACQUIRE_TIMEOUT).max_connections(connections);
        let connected = match self {
            // A file does not go away as a server does.
            Self::Sqlite(path) => {
                let options = options.test_before_acquire(false).after_connect(move |connection, _| {
                    Box::pin(async move {
                        connection.execute(SQLITE_SETTINGS).await?;
                        connection.execute(more).await.map(drop)
                    })
                });
                options.connect(&sqlite_url(path)?).await
            }
            Self::Postgres(url) => options.connect(url.as_str()).await,
        };
        connected.map_err(|source| self.unopened(source))
    }

    fn unopened(&self, source: sqlx::Error) -> StoreError {
        StoreError::Open { database: self.to_string(), source }
    }

    /// What makes the commits of a connection wait for the disk, as they do when it is new, or not: then a power cut may
    /// undo the last of them, but never one that waited, nor what came before that one. [`None`] where all of them wait: a
    /// server's workers go on when it is cut off, and must not lose what they hold.
    pub(super) fn wait_for_disk(&self, wait: bool) -> Option<&'static str> {
        match (self, wait) {
            (Self::Sqlite(_), true) => Some("PRAGMA synchronous = FULL"),
            (Self::Sqlite(_), false) => Some("PRAGMA synchronous = NORMAL"),
            (Self::Postgres(_), _) => None,
        }
    }

    /// Brings the tables up to date. Several processes may do so at once: PostgreSQL lets one at a time. Under SQLite
    /// one of them is first with a table, and the others look again.
    pub(super) async fn migrate(&self, pool: &AnyPool) -> Result<(), StoreError> {
        let mut attempts = match self {
            Self::Sqlite(_) => MIGRATE_ATTEMPTS,
            Self::Postgres(_) => 1,
        };
        loop {
            attempts -= 1;
            match self.tables().run(pool).await {
                Err(MigrateError::Execute(_) | MigrateError::ExecuteMigration(..)) if attempts > 0 => {
                    tokio::time::sleep(MIGRATE_PAUSE).await;
                }
                done => return done.map_err(|error| self.fault(error)),
            }
        }
    }

    /// Takes the tables back to what they were after migration `version`; 0 removes them all.
    pub(super) async fn undo(&self, pool: &AnyPool, version: i64) -> Result<(), StoreError> {
        self.tables().undo(pool, version).await.map_err(|error| self.fault(error))
    }

    /// Begins a transaction that writes. SQLite takes the write lock at once, because a read lock that is upgraded
    /// later fails instead of waiting.
    pub(super) fn begin(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "BEGIN IMMEDIATE",
            Self::Postgres(_) => "BEGIN",
        }
    }

    fn tables(&self) -> &'static Migrator {
        match self {
            Self::Sqlite(_) => &SQLITE_TABLES,
            Self::Postgres(_) => &POSTGRES_TABLES,
        }
    }

    fn fault(&self, error: MigrateError) -> StoreError {
        let database = self.to_string();
        match error {
            MigrateError::VersionMissing(found) => {
                let known = self.tables().iter().map(|migration| migration.version).max().unwrap_or_default();
                StoreError::Newer { database, found, known }
            }
            source => StoreError::Migrate { database, source },
        }
    }
}

/// One connection before the pool's: the pool tries for as long as it may, and then does not say what was wrong.
async fn reach(url: &Url) -> Result<(), sqlx::Error> {
    install_default_drivers();
    let connection = timeout(ACQUIRE_TIMEOUT, AnyConnection::connect(url.as_str())).await;
    connection.map_err(|_| sqlx::Error::Io(io::ErrorKind::TimedOut.into()))??.close().await
}

/// The file as the address that the driver wants: absolute, with what is special in an address escaped.
fn sqlite_url(path: &Path) -> Result<String, StoreError> {
    let fault = |reason: String| StoreError::Path { path: path.to_owned(), reason };
    let path = std::path::absolute(path).map_err(|error| fault(error.to_string()))?;
    let url = Url::from_file_path(&path).map_err(|()| fault("not a path of a file".to_owned()))?;
    Ok(format!("sqlite://{}?mode=rwc", url.path()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_database_does_not_show_its_password() {
        let database = Database::Postgres("postgres://me:secret@host/jobs?sslmode=require&password=x".parse().unwrap());
        assert_eq!(format!("{database} {database:?}"), "postgres://me@host/jobs postgres://me@host/jobs");
    }

    #[test]
    fn a_files_address_escapes_what_is_special() {
        assert_eq!(sqlite_url(Path::new("/a b/c?d#e.sqlite")).unwrap(), "sqlite:///a%20b/c%3Fd%23e.sqlite?mode=rwc");
    }
}
