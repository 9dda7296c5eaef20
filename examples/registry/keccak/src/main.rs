//! The Keccak-256 digest of its input, as Ethereum uses it.

use sha3::{Digest, Keccak256};
use std::io;

fn main() -> io::Result<()> {
    let mut hash = Keccak256::new();
    io::copy(&mut io::stdin(), &mut hash)?;
    println!("{:x}", hash.finalize());
    Ok(())
}
