//! The way out for the tools of a build that have network: an HTTP proxy of the worker's own on the loopback interface,
//! which connects to public addresses only.
//!
//! A stranger names where git and cargo fetch from, and the servers there may redirect them or have names that lead into
//! the operator's own network. Names are resolved here, at the moment of connecting, and it is the resolved address that
//! is connected to: so neither redirects nor names that change their meaning lead anywhere else. The tools are trusted
//! to use the proxy that they are given; a stranger's own code has no network at all.
//!
//! - `request`: what a tool asks for
//! - `address`: which addresses are public
//! - `upstream`: the operator's own proxy, if the worker lives behind one

mod address;
pub(super) mod request;
mod upstream;

use super::{config::BuildConfig, error::OperatorError};
use parking_lot::Mutex;
use request::Request;
use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream, lookup_host},
    task::{AbortHandle, JoinSet},
    time::timeout,
};
use upstream::{Upstream, Upstreams};

/// What tells git and cargo which proxy to use.
pub(super) const PROXY_VARIABLES: [&str; 5] =
    ["http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "CARGO_HTTP_PROXY"];

/// Whether a variable is about proxies, which are the gate's business.
pub(super) fn names_proxy(variable: &str) -> bool {
    variable.to_ascii_lowercase().ends_with("_proxy")
}

/// The longest head of a request that is read.
const MAX_HEAD_BYTES: usize = 16 << 10;
/// How long resolving a name and connecting may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// An open gate; it closes, with all its connections, when dropped.
#[derive(Debug)]
pub(super) struct Gate {
    url: String,
    refused: Arc<Mutex<BTreeSet<String>>>,
    task: AbortHandle,
}

/// What decides where a connection may lead.
#[derive(Debug)]
struct Rules {
    /// Hosts that may be anywhere.
    private_hosts: Vec<String>,
    upstreams: Upstreams,
    refused: Arc<Mutex<BTreeSet<String>>>,
}

/// Why a request goes nowhere.
#[derive(Debug, thiserror::Error)]
enum Closed {
    #[error("{0} has a private address, and this operator does not fetch from there")]
    Private(String),
    #[error("{0} cannot be reached: {1}")]
    Unreachable(String, io::Error),
    #[error("not a request for a proxy")]
    Malformed,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Gate {
    /// Opens a gate for one build.
    pub(super) async fn open(config: &BuildConfig) -> Result<Self, OperatorError> {
        let opened = async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let url = format!("http://{}", listener.local_addr()?);
            Ok::<_, io::Error>((listener, url))
        };
        let (listener, url) = opened.await.map_err(OperatorError::file("listen on", "127.0.0.1"))?;
        let refused = Arc::default();
        let rules = Arc::new(Rules {
            private_hosts: config.private_hosts.clone(),
            upstreams: Upstreams::read(&config.network_env, |name| std::env::var(name).ok()),
            refused: Arc::clone(&refused),
        });
        let task = tokio::spawn(serve(listener, rules)).abort_handle();
        Ok(Self { url, refused, task })
    }

    /// What a tool calls its proxy.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The hosts that were asked for and are on private addresses.
    pub(super) fn refused(&self) -> Vec<String> {
        self.refused.lock().iter().cloned().collect()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, rules: Arc<Rules>) {
    // They end with this task.
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                let rules = Arc::clone(&rules);
                connections.spawn(async move { rules.serve_one(client).await });
            }
            // Out of file descriptors: some connection will end.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

impl Rules {
    async fn serve_one(&self, mut client: TcpStream) {
        if let Err(closed) = self.pass(&mut client).await {
            let status = match closed {
                Closed::Private(_) => "403 Forbidden",
                Closed::Unreachable(..) => "502 Bad Gateway",
                Closed::Malformed => "400 Bad Request",
                Closed::Io(_) => return,
            };
            let text = format!(
                "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{closed}\n",
                closed.to_string().len() + 1
            );
            // A client that has gone needs no answer.
            let _ = client.write_all(text.as_bytes()).await;
        }
    }

    async fn pass(&self, client: &mut TcpStream) -> Result<(), Closed> {
        let (head, rest) = read_head(client).await?;
        let request = Request::parse(&head).ok_or(Closed::Malformed)?;
        let upstream = self.upstreams.of(&request.host, request.tunnel);
        let mut server = match upstream {
            None => self.connect(&request.host, request.port).await?,
            Some(upstream) => self.connect_by(upstream, &request.host, request.port).await?,
        };
        match (request.tunnel, upstream) {
            (true, None) => client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?,
            (true, Some(upstream)) => {
                let (host, port, authorization) = (&request.host, request.port, &upstream.authorization);
                let ask = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n{authorization}\r\n");
                server.write_all(ask.as_bytes()).await?;
            }
            (false, None) => server.write_all(request.forwarded(request.path(), "").as_bytes()).await?,
            (false, Some(upstream)) => {
                server.write_all(request.forwarded(request.target, &upstream.authorization).as_bytes()).await?;
            }
        }
        server.write_all(&rest).await?;
        copy_bidirectional(client, &mut server).await?;
        Ok(())
    }

    /// Connects to a host that is on the public internet, or that the operator lets builds reach.
    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, Closed> {
        let unreachable = |error| Closed::Unreachable(host.to_owned(), error);
        let allowed = self.allowed(host, &resolve(host, port).await.map_err(unreachable)?)?;
        let connecting = async { TcpStream::connect(&*allowed).await };
        timeout(PATIENCE, connecting).await.unwrap_or_else(|late| Err(late.into())).map_err(unreachable)
    }

    /// Connects to the operator's proxy. It resolves names itself; where this machine knows one too, that must be public.
    async fn connect_by(&self, upstream: &Upstream, host: &str, port: u16) -> Result<TcpStream, Closed> {
        if let Ok(addresses) = resolve(host, port).await {
            self.allowed(host, &addresses)?;
        }
        let unreachable = |error| Closed::Unreachable(upstream.address.clone(), error);
        let connecting = TcpStream::connect(&upstream.address);
        timeout(PATIENCE, connecting).await.unwrap_or_else(|late| Err(late.into())).map_err(unreachable)
    }

    fn allowed(&self, host: &str, addresses: &[SocketAddr]) -> Result<Vec<SocketAddr>, Closed> {
        let anywhere = self.private_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host));
        let is_allowed = |address: &&SocketAddr| anywhere || address::is_public(address.ip());
        let allowed: Vec<SocketAddr> = addresses.iter().filter(is_allowed).copied().collect();
        if allowed.is_empty() {
            self.refused.lock().insert(host.to_owned());
            return Err(Closed::Private(host.to_owned()));
        }
        Ok(allowed)
    }
}

async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let found = timeout(PATIENCE, lookup_host((host, port))).await??;
    let found: Vec<SocketAddr> = found.collect();
    if found.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(found) }
}

/// Reads up to the empty line that ends a head, and gives what came after it too.
async fn read_head(client: &mut TcpStream) -> Result<(String, Vec<u8>), Closed> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return Ok((String::from_utf8(bytes).map_err(|_| Closed::Malformed)?, rest));
        }
        if bytes.len() >= MAX_HEAD_BYTES || client.read_buf(&mut bytes).await? == 0 {
            return Err(Closed::Malformed);
        }
    }
}

#[cfg(test)]
mod tests;
