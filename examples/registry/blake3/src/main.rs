//! The BLAKE3 digest of its input, computed without a C compiler.

use std::io;

fn main() -> io::Result<()> {
    let mut hash = blake3::Hasher::new();
    hash.update_reader(io::stdin())?;
    println!("{}", hash.finalize());
    Ok(())
}
