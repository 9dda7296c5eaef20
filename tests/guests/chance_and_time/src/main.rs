//! Tells the time, a random number (the keys of a hash map's hasher), and the time after a sleep of two seconds.

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

fn main() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    println!("time: {}.{:09}", now.as_secs(), now.subsec_nanos());
    println!("random: {:016x}", RandomState::new().hash_one(0));
    let before = Instant::now();
    std::thread::sleep(Duration::from_secs(2));
    println!("slept: {} s", before.elapsed().as_secs());
}
