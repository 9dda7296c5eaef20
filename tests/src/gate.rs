//! A gate between a worker and its chain, for tests in which the chain goes away and comes back.

use std::net::SocketAddr;

use anyhow::Result;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// Forwards connections while it is open; shut, it breaks those that there are and accepts none. Ends when dropped.
pub struct Gate {
    address: SocketAddr,
    open: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Gate {
    /// A gate, open, before `target` (`http://host:port`).
    pub async fn before(target: &str) -> Result<Self> {
        let target = target.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (open, _) = watch::channel(true);
        let task = tokio::spawn(forward(listener, target, open.clone()));
        Ok(Self { address, open, task })
    }

    /// Its own address, `http://host:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The chain goes away.
    pub fn shut(&self) {
        self.open.send_replace(false);
    }

    /// The chain comes back.
    pub fn open(&self) {
        self.open.send_replace(true);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(listener: TcpListener, target: String, open: watch::Sender<bool>) {
    while let Ok((mut inner, _)) = listener.accept().await {
        let mut state = open.subscribe();
        if !*state.borrow_and_update() {
            continue;
        }
        let target = target.clone();
        tokio::spawn(async move {
            let Ok(mut outer) = TcpStream::connect(target).await else { return };
            tokio::select! {
                _ = copy_bidirectional(&mut inner, &mut outer) => {}
                _ = state.wait_for(|open| !open) => {}
            }
        });
    }
}
