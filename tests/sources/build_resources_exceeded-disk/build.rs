//! Writes as much as it can, wherever it can.

use std::{env, fs, path::PathBuf, thread, time::Duration};

fn main() {
    let folder = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    let megabyte = vec![1_u8; 1 << 20];
    for number in 0_u64.. {
        if fs::write(folder.join(number.to_string()), &megabyte).is_err() {
            thread::sleep(Duration::from_millis(10));
        }
    }
}
