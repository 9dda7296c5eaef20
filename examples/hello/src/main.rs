//! A first program for OffchainVM: greets whoever is named on standard input, and counts the primes below a bound.
//!
//! The input is `name` or `name bound`, as in `Alice 1000`. What it prints is the result of the request; an exit code
//! other than zero makes the request fail.

use std::{
    io::{self, Read, Write},
    process::ExitCode,
};

const DEFAULT_BOUND: u32 = 10_000;
/// Keeps the sieve within the default limits of a request.
const MAX_BOUND: u32 = 10_000_000;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("hello: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let mut input = String::new();
    io::stdin().read_to_string(&mut input).map_err(|error| format!("the input cannot be read: {error}"))?;
    let (name, bound) = parse(&input)?;
    let primes = primes_below(bound);
    writeln!(io::stdout(), "Hello, {name}! There are {primes} primes below {bound}.").map_err(|error| error.to_string())
}

/// Splits the input into whom to greet and how far to count.
fn parse(input: &str) -> Result<(String, u32), String> {
    let words: Vec<&str> = input.split_whitespace().collect();
    let Some((last, rest)) = words.split_last() else { return Ok(("world".into(), DEFAULT_BOUND)) };
    match last.parse::<u64>() {
        Ok(bound) if bound > MAX_BOUND.into() => Err(format!("{bound} is too far to count; at most {MAX_BOUND}")),
        Ok(bound) => {
            let name = if rest.is_empty() { "world".into() } else { rest.join(" ") };
            Ok((name, bound as u32))
        }
        Err(_) => Ok((words.join(" "), DEFAULT_BOUND)),
    }
}

/// Counts the primes below a bound with the sieve of Eratosthenes.
fn primes_below(bound: u32) -> usize {
    let bound = bound as usize;
    let mut composite = vec![false; bound];
    let mut count = 0;
    for number in 2..bound {
        if composite[number] {
            continue;
        }
        count += 1;
        for multiple in (number.saturating_mul(number)..bound).step_by(number) {
            composite[multiple] = true;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_primes_are_counted_right() {
        assert_eq!([0, 2, 3, 10, 100, 10_000].map(primes_below), [0, 0, 1, 4, 25, 1_229]);
    }

    #[test]
    fn names_and_bounds_are_told_apart() {
        assert_eq!(parse(""), Ok(("world".into(), DEFAULT_BOUND)));
        assert_eq!(parse("Ada Lovelace\n"), Ok(("Ada Lovelace".into(), DEFAULT_BOUND)));
        assert_eq!(parse("Ada Lovelace 50"), Ok(("Ada Lovelace".into(), 50)));
        assert_eq!(parse("50"), Ok(("world".into(), 50)));
        assert!(parse("Ada 99999999999").is_err());
    }
}
