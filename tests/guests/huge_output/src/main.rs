//! Writes to standard output until it is stopped.

use std::io::Write;

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    loop {
        out.write_all(&[b'x'; 4096])?;
    }
}
