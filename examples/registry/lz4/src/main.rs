//! Compresses its input with LZ4, unpacks it again, and says how large it was on the way.

use lz4_flex::{compress_prepend_size, decompress_size_prepended};
use std::{
    error::Error,
    io::{self, Read},
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut input = Vec::new();
    io::stdin().read_to_end(&mut input)?;
    let packed = compress_prepend_size(&input);
    assert_eq!(decompress_size_prepended(&packed)?, input, "what comes out is what went in");
    println!("{} -> {}", input.len(), packed.len());
    Ok(())
}
