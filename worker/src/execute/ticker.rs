//! What interrupts running programs: a thread that moves the engine's epoch.

use std::{
    io,
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::Duration,
};
use wasmtime::Engine;

/// How often a running program is asked whether it may go on.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// The one ticker of an engine. It stops when this is dropped.
pub(super) struct Ticker {
    alive: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(super) fn start(engine: &Engine) -> io::Result<Self> {
        let (alive, stopped) = mpsc::channel();
        let engine = engine.clone();
        let thread = thread::Builder::new().name("epoch-ticker".to_owned()).spawn(move || {
            // Nothing is ever sent: the wait ends by time, or because the other end is gone.
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                engine.increment_epoch();
            }
        })?;
        Ok(Self { alive: Some(alive), thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.alive.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the epoch ticker had panicked");
        }
    }
}
