//! A constant that takes for ever to compute.
#![allow(long_running_const_eval)]

const NEVER: u64 = {
    let mut number = 0_u64;
    while number < u64::MAX {
        number += 1;
    }
    number
};

fn main() {
    println!("{NEVER}");
}
