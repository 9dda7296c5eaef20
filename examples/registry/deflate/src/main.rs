//! Compresses its input with zlib, unpacks it again, and says how large it was on the way.

use miniz_oxide::{deflate::compress_to_vec_zlib, inflate::decompress_to_vec_zlib};
use std::{
    error::Error,
    io::{self, Read},
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut input = Vec::new();
    io::stdin().read_to_end(&mut input)?;
    let packed = compress_to_vec_zlib(&input, 9);
    let unpacked = decompress_to_vec_zlib(&packed).map_err(|error| error.to_string())?;
    assert_eq!(unpacked, input, "what comes out is what went in");
    println!("{} -> {}", input.len(), packed.len());
    Ok(())
}
