//! Adds up a column of a table: the name of the column in the first line, then CSV with a head.

use std::{
    error::Error,
    io::{self, BufRead},
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut input = io::stdin().lock();
    let mut wanted = String::new();
    input.read_line(&mut wanted)?;
    let mut table = csv::Reader::from_reader(input);
    let column = table.headers()?.iter().position(|name| name == wanted.trim()).ok_or("no such column")?;
    let mut total = 0_i64;
    for row in table.records() {
        total += row?.get(column).ok_or("a short row")?.trim().parse::<i64>()?;
    }
    println!("{total}");
    Ok(())
}
