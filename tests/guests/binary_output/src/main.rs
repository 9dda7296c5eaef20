//! Reads n, answers n bytes: 0, 1, … 255, 0, 1, … most of which are not UTF-8.

use std::io::Write;

fn main() -> std::io::Result<()> {
    let text = std::io::read_to_string(std::io::stdin())?;
    let count: usize = text.trim().parse().expect("the input is a number");
    let bytes: Vec<u8> = (0..count).map(|n| n as u8).collect();
    std::io::stdout().write_all(&bytes)
}
