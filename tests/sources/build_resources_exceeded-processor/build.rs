//! Works on every processor, on nothing, for ever.

use std::thread;

fn main() {
    let workers: Vec<_> = (0..4).map(|_| thread::spawn(|| loop { std::hint::spin_loop() })).collect();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}
