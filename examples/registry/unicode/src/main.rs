//! Text in its composed form (NFC), and how many characters it has in either form.

use std::io;
use unicode_normalization::UnicodeNormalization;

fn main() -> io::Result<()> {
    let text = io::read_to_string(io::stdin())?;
    let composed: String = text.nfc().collect();
    println!("{composed} {} {}", text.nfd().count(), composed.chars().count());
    Ok(())
}
