//! Finds the dates in a text, one a line, in the order of day, month and year.

use regex_lite::Regex;
use std::{error::Error, io};

fn main() -> Result<(), Box<dyn Error>> {
    let text = io::read_to_string(io::stdin())?;
    let date = Regex::new(r"\b(?<year>\d{4})-(?<month>\d{2})-(?<day>\d{2})\b")?;
    for found in date.captures_iter(&text) {
        println!("{}.{}.{}", &found["day"], &found["month"], &found["year"]);
    }
    Ok(())
}
