//! A block source that serves recorded blocks from memory, as late as wanted.
//!
//! Threads and the standard library alone, which is optimised also where this crate is not: a source that took longer
//! than the worker that reads from it would be what is measured.

use super::recording::Recording;
use anyhow::Result;
use std::{
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// How long a question for a block that is not there waits, so that whoever asks again and again is no load.
const NOT_YET: Duration = Duration::from_secs(1);
/// The answer to it, as the neardata service gives it.
const REFUSAL: &[u8] = br#"{"error": "there is no such block here", "type": "BLOCK_HEIGHT_TOO_HIGH"}"#;

/// A running block source. It takes no more clients once the value is dropped.
pub(super) struct Shelf {
    pub(super) url: String,
    address: SocketAddr,
    ended: Arc<AtomicBool>,
}

impl Shelf {
    /// Serves the blocks, each so long after it was asked for.
    pub(super) fn serve(recording: Recording, delay: Duration) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let ended = Arc::new(AtomicBool::new(false));
        let (recording, over) = (Arc::new(recording), Arc::clone(&ended));
        thread::spawn(move || {
            for client in listener.incoming().map_while(io::Result::ok) {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let recording = Arc::clone(&recording);
                // A client that breaks off has what it wanted.
                thread::spawn(move || answer(client, &recording, delay));
            }
        });
        Ok(Self { url: format!("http://{address}"), address, ended })
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Whoever waits for clients gets a last one to see it.
        let _ = TcpStream::connect(self.address);
    }
}

/// Answers one client's questions until it leaves.
fn answer(client: TcpStream, recording: &Recording, delay: Duration) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut client = BufReader::new(client);
    let (mut line, mut reply) = (String::new(), Vec::new());
    loop {
        line.clear();
        if client.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let asked = line.split_whitespace().nth(1).and_then(|path| path.strip_prefix("/v0/block/")?.parse().ok());
        while line.trim_end() != "" {
            line.clear();
            client.read_line(&mut line)?;
        }
        let (status, body) = match asked.and_then(|height| recording.block(height)) {
            Some(block) => {
                thread::sleep(delay);
                ("200 OK", block.as_ref())
            }
            None => {
                thread::sleep(NOT_YET);
                ("404 Not Found", REFUSAL)
            }
        };
        reply.clear();
        write!(reply, "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len())?;
        reply.extend_from_slice(body);
        client.get_mut().write_all(&reply)?;
    }
}
