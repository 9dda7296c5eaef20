//! Makes one file of a terabyte, with nothing in it.

use std::{env, fs::File, path::PathBuf};

fn main() {
    let file = PathBuf::from(env::var_os("OUT_DIR").unwrap()).join("huge");
    File::create(file).unwrap().set_len(1 << 40).unwrap();
}
