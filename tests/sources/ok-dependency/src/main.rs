//! A sound program with a real dependency from the registry.

use std::io::Read;

fn main() {
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input).unwrap();
    println!("{} bytes", itoa::Buffer::new().format(input.len()));
}
