//! What a build script can see and touch: it looks for itself, and fails the build when it finds a way out.

use super::*;
use std::{fs, net::TcpListener};

/// Runs in the sandbox. Every claim is one that does not hold outside of it.
const SCRIPT: &str = r##"
use std::{env, ffi::{c_char, c_int, c_uint}, fs, io::Write, net::{TcpStream, UdpSocket}, path::Path, process::Command};

unsafe extern "C" {
    fn memfd_create(name: *const c_char, flags: c_uint) -> c_int;
    fn shmget(key: c_int, size: usize, flags: c_int) -> c_int;
}

fn main() {
    for file in [SECRET, OWN_SOURCE, "/etc/passwd", "/etc/shadow", "/etc/hostname"] {
        assert!(fs::read(file).is_err(), "it reads {file}");
    }
    for folder in ["/root", "/home", "/var", "/run", "/sys", WORK_DIR] {
        assert!(fs::read_dir(folder).is_err(), "it lists {folder}");
    }
    for (name, value) in env::vars() {
        assert!(!value.contains(OWN_SOURCE), "its environment shows {name}={value}");
    }
    let mut processes = 0;
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        if entry.file_name().to_str().unwrap().parse::<u32>().is_err() {
            continue;
        }
        processes += 1;
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&environment).contains(OWN_SOURCE), "it reads another's environment");
    }
    assert!(processes < 20, "it sees {processes} processes");

    assert!(TcpStream::connect(LISTENER).is_err(), "it dials this machine");
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    assert!(socket.send_to(b"hello", "1.1.1.1:53").is_err(), "it sends a datagram");

    for folder in ["/", "/dev", "/dev/shm", "/usr", "/etc", "/toolchain", "/build/src", "/build/cargo", "/proc"] {
        let file = Path::new(folder).join("left-behind");
        assert!(fs::write(&file, "x").is_err(), "it writes to {folder}");
    }
    for registry in fs::read_dir("/build/cargo/registry/src").into_iter().flatten().flatten() {
        assert!(fs::write(registry.path().join("poison"), "x").is_err(), "it writes to the registry");
    }
    let source = env::var("CARGO_MANIFEST_DIR").unwrap();
    let appended = fs::OpenOptions::new().append(true).open(Path::new(&source).join("Cargo.lock"));
    assert!(appended.and_then(|mut file| file.write_all(b"x")).is_err(), "it changes the source");

    let unshare = Command::new("unshare").args(["--user", "--map-root-user", "true"]).status().unwrap();
    assert!(!unshare.success(), "it makes a user namespace");
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let capabilities = status.lines().find(|line| line.starts_with("CapEff:")).unwrap();
    assert!(capabilities.ends_with("\t0000000000000000"), "it has {capabilities}");
    assert!(status.contains("NoNewPrivs:\t1"), "it may gain privileges");
    // Memory that no cap would see.
    assert!(unsafe { memfd_create(c"hidden".as_ptr(), 0) } < 0, "it makes an anonymous file");
    assert!(unsafe { shmget(0, 4096, 0o1600) } < 0, "it makes System V memory");
    // It can write where it should, so that the failures above mean something.
    fs::write(Path::new(&env::var("OUT_DIR").unwrap()).join("allowed"), "x").unwrap();
    fs::write("/tmp/allowed", "x").unwrap();
}
"##;

#[tokio::test]
async fn a_build_script_sees_and_touches_nothing_of_the_operator() {
    let shop = Shop::new();
    let secret = shop.folder.path().join("operator-key.json");
    fs::write(&secret, "ed25519:secret").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let constants = [
        ("SECRET", secret.display().to_string()),
        ("WORK_DIR", shop.folder.path().display().to_string()),
        ("OWN_SOURCE", format!("{}/Cargo.toml", env!("CARGO_MANIFEST_DIR"))),
        ("LISTENER", listener.local_addr().unwrap().to_string()),
    ];
    let mut script = SCRIPT.to_owned();
    for (name, value) in constants {
        script.push_str(&format!("const {name}: &str = {value:?};\n"));
    }
    let mut repo = animal("ok-dependency");
    fs::write(repo.path().join("build.rs"), script).unwrap();
    repo.commit_all("a curious build script").unwrap();

    shop.build(&source(&repo)).await.unwrap();
}
