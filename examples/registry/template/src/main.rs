//! An interpreter: fills in the template that it is given, with its loops, conditions and sums.

use minijinja::{Environment, context};
use std::{error::Error, io};

fn main() -> Result<(), Box<dyn Error>> {
    let template = io::read_to_string(io::stdin())?;
    println!("{}", Environment::new().render_str(&template, context! {})?);
    Ok(())
}
