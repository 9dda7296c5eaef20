//! Sleeps as many seconds as the input says, an hour without one.

use std::time::Duration;

fn main() {
    let text = std::io::read_to_string(std::io::stdin()).expect("the input is text");
    std::thread::sleep(Duration::from_secs(text.trim().parse().unwrap_or(3_600)));
    println!("awake");
}
