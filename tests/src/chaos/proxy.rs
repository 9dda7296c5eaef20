//! The proxy between a worker and its chain: JSON-RPC at `/`, blocks at `/v0/block/{height}`, one port, as the local
//! chain serves them.

use super::{
    Fault, Plan,
    asked::Asked,
    disturb::{Disturbed, disturb},
    plan::Course,
    upstream::{Call, Upstream},
};
use anyhow::Result;
use http_body_util::Full;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use std::{
    collections::BTreeMap,
    future::Future,
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::sleep,
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// What the proxy has seen and done since it was started.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Stats {
    /// Questions that came in.
    pub questions: u64,
    /// How often each kind of fault was injected; kinds that never were are absent.
    pub faults: BTreeMap<Fault, u64>,
}

impl Stats {
    /// How often `fault` was injected.
    #[must_use]
    pub fn count(&self, fault: Fault) -> u64 {
        self.faults.get(&fault).copied().unwrap_or(0)
    }
}

/// A running proxy. Dropping it ends it with all its connections; late transactions that are still to come are lost.
pub struct Proxy {
    url: String,
    shared: Arc<Shared>,
    _stop: DropGuard,
}

struct Shared {
    upstream: Upstream,
    course: watch::Sender<Arc<Course>>,
    stats: Mutex<Stats>,
    stop: CancellationToken,
}

impl Proxy {
    /// Starts a proxy on a free port of the loopback interface, in front of the chain at `upstream`.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(upstream: &str, plan: Plan) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared {
            upstream: Upstream::new(upstream)?,
            course: watch::Sender::new(Arc::new(Course::new(plan))),
            stats: Mutex::default(),
            stop: stop.clone(),
        });
        shared.spawn(accept(listener, shared.clone()));
        Ok(Self { url, shared, _stop: stop.drop_guard() })
    }

    /// Its address, as `http://host:port`: both the node's and the block source's.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Another plan from now on. Questions that hang or are held back go on at once.
    pub fn set_plan(&self, plan: Plan) {
        self.shared.course.send_replace(Arc::new(Course::new(plan)));
    }

    /// No more faults from now on.
    pub fn calm(&self) {
        self.set_plan(Plan::calm());
    }

    /// What has happened so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.stats().clone()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => shared.spawn(converse(stream, shared.clone())),
            // Out of file descriptors, say: a little later there may be some.
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn converse(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(|request| shared.answer(request));
    // An error here is a connection that we cut, or that the client did.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// The connection is to end without an answer: hyper closes it when a service fails.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut by plan")
    }
}

impl std::error::Error for Cut {}

impl From<anyhow::Error> for Cut {
    /// The chain itself does not answer, so neither do we.
    fn from(_: anyhow::Error) -> Self {
        Self
    }
}

impl Shared {
    async fn answer(self: &Arc<Self>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Cut> {
        let call = Call::read(request).await?;
        let asked = Asked::of(&call);
        self.stats().questions += 1;
        let mut changes = self.course.subscribe();
        let course = changes.borrow_and_update().clone();
        let (fault, mut dice) = course.next(&asked);
        let Some(fault) = fault else { return Ok(self.upstream.ask(&call).await?.into_response()) };

        let pause = async |time| {
            tokio::select! {
                () = sleep(time) => {}
                _ = changes.changed() => {}
            }
        };
        // Counted first: a client that loses patience ends this future.
        *self.stats().faults.entry(fault).or_insert(0) += 1;
        match disturb(fault, &call, &asked, &course.plan, &mut dice, &self.upstream, pause).await? {
            Disturbed::Answered(answer) => Ok(answer.into_response()),
            Disturbed::Honest(answer) => {
                *self.stats().faults.entry(fault).or_insert(1) -= 1;
                Ok(answer.into_response())
            }
            Disturbed::Cut => Err(Cut),
            Disturbed::Later(answer, delay) => {
                let shared = self.clone();
                self.spawn(async move {
                    sleep(delay).await;
                    let _ = shared.upstream.ask(&call).await;
                });
                Ok(answer.into_response())
            }
        }
    }

    /// Runs until it ends or the proxy does.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        tokio::spawn(async move { stop.run_until_cancelled(task).await });
    }

    fn stats(&self) -> std::sync::MutexGuard<'_, Stats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
