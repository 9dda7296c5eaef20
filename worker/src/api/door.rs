//! The address of the window.

use std::{io, net::SocketAddr, sync::Arc};

use tokio::net::TcpListener;
use tracing::info;

use super::ApiError;

/// An address that is listened on, until the last clone is dropped. Whoever knocks while nobody answers waits for the
/// next who does: so one answers while the worker starts, and another one from then on.
#[derive(Clone, Debug)]
pub struct Door(Arc<std::net::TcpListener>);

impl Door {
    /// Listens; port 0 takes a free one.
    ///
    /// # Errors
    /// [`ApiError::Listen`].
    pub async fn open(address: SocketAddr) -> Result<Self, ApiError> {
        let fault = |source| ApiError::Listen { address, source };
        let listener = TcpListener::bind(address).await.and_then(TcpListener::into_std).map_err(fault)?;
        info!(event = "api.listening", address = %listener.local_addr().map_err(fault)?, "health and metrics are served");
        Ok(Self(Arc::new(listener)))
    }

    /// Where it is.
    ///
    /// # Errors
    /// What the system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// For one who answers.
    pub(super) fn listener(&self) -> io::Result<TcpListener> {
        TcpListener::from_std(self.0.try_clone()?)
    }
}
