//! Group commit: whatever waits to be written at the same time becomes one transaction, so that a disk which takes
//! milliseconds to confirm a commit confirms many jobs at once; and writes of one kind become one statement where they
//! can. Nobody is told of a write before it is durable, unless it may be lost.

use std::{
    any::{Any, TypeId},
    future::Future,
    pin::Pin,
    sync::{Arc, OnceLock},
    thread,
    time::Instant,
};

use sqlx::{AnyConnection, AnyPool, Connection, Executor};
use tokio::{
    runtime,
    sync::{Mutex, mpsc, oneshot},
};

use super::{StoreError, database::Database};
use crate::{failpoint::failpoint, telemetry::Metrics};

/// Writes that may wait. More wait in their callers.
const QUEUE: usize = 1_024;
/// Writes in one transaction: enough to hide the disk, few enough to keep the others' wait short.
const LARGEST_GROUP: usize = 512;

/// A change of the store. It may be applied twice: the first time together with others, and again alone when that
/// transaction failed. An error that says [`StoreError::wrote_nothing`] must keep that promise.
pub(super) trait Write: Send + Sync + 'static {
    /// What it returns.
    type Output: Send + 'static;

    /// What it is called in tests that end the process before or after it is durable.
    fn name(&self) -> &'static str;

    /// Whether a power cut may undo it, as long as it undoes all that came later, too, and the worker is cut off as well.
    /// It must not undo what somebody was promised; but a claim is void then anyway, and what a block says the chain says
    /// again.
    fn may_be_lost(&self) -> bool {
        false
    }

    /// Does it, within a transaction.
    fn apply(&self, connection: &mut AnyConnection) -> impl Future<Output = Result<Self::Output, StoreError>> + Send;

    /// Does several, within one transaction, and says of each what came of it. They wait at the same time, so none of
    /// them counts on being before another. An error of its own says that the transaction is spoilt for all.
    fn apply_all(
        writes: &[&Self],
        connection: &mut AnyConnection,
    ) -> impl Future<Output = Result<Outcomes<Self>, StoreError>> + Send {
        async move {
            let mut outcomes = Vec::with_capacity(writes.len());
            for write in writes {
                match write.apply(connection).await {
                    Err(error) if !error.wrote_nothing() => return Err(error),
                    outcome => outcomes.push(outcome),
                }
            }
            Ok(outcomes)
        }
    }
}

/// What came of each of several writes.
pub(super) type Outcomes<W> = Vec<Result<<W as Write>::Output, StoreError>>;

/// The way to the threads that write. They end when the last of its clones is gone.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Box<dyn Entry>>,
    connections: Arc<[AnyPool]>,
    metrics: Arc<OnceLock<Metrics>>,
}

impl Writer {
    /// A thread for each of the connections, of which each pool has one. As a task the writer would be asked to go on
    /// only after all those whom it has just told that their writes are done, while the database waits for it.
    pub(super) fn start(connections: Vec<AnyPool>, database: &Database) -> Result<Self, StoreError> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let queue = Arc::new(Mutex::new(receiver));
        let metrics = Arc::new(OnceLock::new());
        for pool in &connections {
            let commits =
                Commits { pool: pool.clone(), database: database.clone(), waits: true, metrics: metrics.clone() };
            let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(StoreError::Writer)?;
            let serve = serve(commits, queue.clone());
            let thread = thread::Builder::new().name("store-writer".to_owned());
            thread.spawn(move || runtime.block_on(serve)).map_err(StoreError::Writer)?;
        }
        Ok(Self { queue: sender, connections: connections.into(), metrics })
    }

    pub(super) fn report_to(&self, metrics: &Metrics) {
        // The first who asks is told: a store has one owner.
        let _ = self.metrics.set(metrics.clone());
    }

    /// Closes the connections; what is under way is finished first.
    pub(super) async fn close(&self) {
        for pool in &*self.connections {
            pool.close().await;
        }
    }

    /// Returns when the change is committed, and durable unless it may be lost; or when it failed. A caller that does not
    /// wait for it does not take it back.
    pub(super) async fn write<W: Write>(&self, write: W) -> Result<W::Output, StoreError> {
        let (reply, answer) = oneshot::channel();
        let entry = Box::new(Waiting { write, outcome: None, reply });
        self.queue.send(entry).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

type Applied<'a> = Pin<Box<dyn Future<Output = Result<(), Unkept>> + Send + 'a>>;
type Apply = for<'a> fn(&'a mut [Box<dyn Entry>], &'a mut AnyConnection) -> Applied<'a>;

/// Why a transaction was not kept.
enum Unkept {
    /// One of its writes failed, and knows how.
    Write,
    /// The database does not take it.
    Database(sqlx::Error),
}

impl From<sqlx::Error> for Unkept {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// A write with whoever waits for it.
trait Entry: Any + Send {
    /// The write's kind.
    fn kind(&self) -> TypeId;
    /// Applies writes of this kind and keeps the outcomes. It fails when the transaction must be rolled back.
    fn apply(&self) -> Apply;
    /// The write's name.
    fn name(&self) -> &'static str;
    /// Whether a power cut may undo it.
    fn may_be_lost(&self) -> bool;
    /// Replaces the kept outcome.
    fn fail(&mut self, error: sqlx::Error);
    /// Tells whoever waits.
    fn finish(self: Box<Self>);
}

struct Waiting<W: Write> {
    write: W,
    outcome: Option<Result<W::Output, StoreError>>,
    reply: oneshot::Sender<Result<W::Output, StoreError>>,
}

impl<W: Write> Entry for Waiting<W> {
    fn kind(&self) -> TypeId {
        TypeId::of::<W>()
    }

    fn apply(&self) -> Apply {
        |entries, connection| Box::pin(apply_all::<W>(entries, connection))
    }

    fn name(&self) -> &'static str {
        self.write.name()
    }

    fn may_be_lost(&self) -> bool {
        self.write.may_be_lost()
    }

    fn fail(&mut self, error: sqlx::Error) {
        self.outcome = Some(Err(error.into()));
    }

    fn finish(self: Box<Self>) {
        // Whoever asked may have gone.
        let _ = self.reply.send(self.outcome.unwrap_or(Err(StoreError::Closed)));
    }
}

/// Applies entries that are all of the kind `W`.
async fn apply_all<W: Write>(entries: &mut [Box<dyn Entry>], connection: &mut AnyConnection) -> Result<(), Unkept> {
    let mut waiting: Vec<&mut Waiting<W>> =
        entries.iter_mut().filter_map(|entry| (&mut **entry as &mut dyn Any).downcast_mut()).collect();
    let writes: Vec<&W> = waiting.iter().map(|waiting| &waiting.write).collect();
    match W::apply_all(&writes, connection).await {
        Ok(outcomes) => {
            waiting.iter_mut().zip(outcomes).for_each(|(waiting, outcome)| waiting.outcome = Some(outcome));
            Ok(())
        }
        Err(error) => {
            // Of several, each is tried alone and finds its own error.
            if let Some(first) = waiting.into_iter().next() {
                first.outcome = Some(Err(error));
            }
            Err(Unkept::Write)
        }
    }
}

/// How groups are committed.
struct Commits {
    /// Of one connection.
    pool: AnyPool,
    database: Database,
    /// Whether the connection's commits wait for the disk. A new one's do.
    waits: bool,
    metrics: Arc<OnceLock<Metrics>>,
}

async fn serve(mut commits: Commits, queue: Arc<Mutex<mpsc::Receiver<Box<dyn Entry>>>>) {
    let mut group = Vec::with_capacity(LARGEST_GROUP);
    loop {
        if queue.lock().await.recv_many(&mut group, LARGEST_GROUP).await == 0 {
            return;
        }
        // Writes of one kind are done together.
        group.sort_by_key(|entry| entry.kind());
        if group.len() == 1 || commits.commit(&mut group).await.is_err() {
            // Alone, each fails or succeeds for itself.
            for entry in &mut group {
                if let Err(Unkept::Database(error)) = commits.commit(std::slice::from_mut(entry)).await {
                    entry.fail(error);
                }
            }
        }
        group.drain(..).for_each(Entry::finish);
    }
}

impl Commits {
    /// One transaction for the whole group.
    async fn commit(&mut self, group: &mut [Box<dyn Entry>]) -> Result<(), Unkept> {
        let begun = Instant::now();
        let mut connection = self.pool.acquire().await?;
        let wait = !group.iter().all(|entry| entry.may_be_lost());
        if wait != self.waits
            && let Some(setting) = self.database.wait_for_disk(wait)
        {
            connection.execute(setting).await?;
            self.waits = wait;
        }
        let mut transaction = connection.begin_with(self.database.begin()).await?;
        for entries in group.chunk_by_mut(|one, next| one.kind() == next.kind()) {
            let Some(apply) = entries.first().map(|entry| entry.apply()) else { continue };
            if let Err(unkept) = apply(entries, &mut transaction).await {
                transaction.rollback().await?;
                return Err(unkept);
            }
        }
        reach(group, "before");
        transaction.commit().await?;
        reach(group, "after");
        if let Some(metrics) = self.metrics.get() {
            metrics.store_committed(group.len(), begun.elapsed());
        }
        Ok(())
    }
}

/// The fail points `store.NAME.before` and `store.NAME.after`.
fn reach(group: &[Box<dyn Entry>], moment: &str) {
    if cfg!(feature = "failpoints") {
        group.iter().for_each(|entry| failpoint(&format!("store.{}.{moment}", entry.name())));
    }
}
