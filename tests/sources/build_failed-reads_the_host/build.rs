//! Looks for what an operator would not want it to know, and tells.

use std::{env, fs};

fn main() {
    let files = ["/etc/passwd", "/etc/shadow", "/etc/hostname", "/root/.ssh/id_ed25519", "/proc/1/environ"];
    let mut found: Vec<String> =
        files.into_iter().filter(|file| fs::read(file).is_ok_and(|bytes| !bytes.is_empty())).map(String::from).collect();
    // The first process of the sandbox is the sandbox itself, whose environment is empty too.
    found.extend(["/root", "/home", "/run", "/var"].into_iter().filter(|folder| fs::read_dir(folder).is_ok()).map(String::from));
    found.extend(env::vars().map(|(name, _)| name).filter(|name| {
        ["OFFCHAINVM", "AWS", "SSH", "NEAR", "USER", "LOGNAME"].iter().any(|secret| name.starts_with(secret))
    }));
    panic!("it found {} things: {found:?}", found.len());
}
