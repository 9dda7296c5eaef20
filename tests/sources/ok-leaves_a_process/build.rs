//! Starts a process that would outlive the build, and does not wait for it.

use std::process::{Command, Stdio};

fn main() {
    // A name that a test can look for.
    let command = "exec -a left-by-a-build-script sleep 600";
    let mut shell = Command::new("setsid");
    shell.args(["bash", "-c", command]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    shell.spawn().unwrap();
}
