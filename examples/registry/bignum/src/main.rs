//! The factorial of a number, with all its digits.

use num_bigint::BigUint;
use std::{error::Error, io};

fn main() -> Result<(), Box<dyn Error>> {
    let number: u32 = io::read_to_string(io::stdin())?.trim().parse()?;
    let factorial = (1..=number).fold(BigUint::from(1_u32), |product, factor| product * factor);
    println!("{factorial}");
    Ok(())
}
