//! A gate between a worker and its chain, for tests in which the chain comes late, or goes away and comes back.

use std::net::SocketAddr;

use anyhow::Result;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// Forwards connections while it is open; shut, it breaks those that there are and accepts none. Ends when dropped.
pub struct Gate {
    address: SocketAddr,
    open: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// A place where nothing listens yet, and where nobody else can: for a gate, or for a server that comes late.
pub struct Place(TcpSocket);

impl Place {
    /// A free one.
    pub fn take() -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind("127.0.0.1:0".parse()?)?;
        Ok(Self(socket))
    }

    /// Somebody listens there from now on.
    pub fn listen(self) -> Result<TcpListener> {
        Ok(self.0.listen(1024)?)
    }

    /// The address that the gate will have, `http://host:port`.
    pub fn url(&self) -> Result<String> {
        Ok(format!("http://{}", self.0.local_addr()?))
    }

    /// The gate, open, before `target` (`http://host:port`).
    pub fn gate_before(self, target: &str) -> Result<Gate> {
        let target = target.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let listener = self.listen()?;
        let address = listener.local_addr()?;
        let (open, _) = watch::channel(true);
        let task = tokio::spawn(forward(listener, target, open.clone()));
        Ok(Gate { address, open, task })
    }
}

impl Gate {
    /// A gate, open, before `target` (`http://host:port`).
    pub async fn before(target: &str) -> Result<Self> {
        Place::take()?.gate_before(target)
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
