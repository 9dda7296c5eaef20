//! What a machine that cannot build says when the worker starts.

use super::*;
use std::{fs, os::unix::fs::PermissionsExt};

fn refusal(config: BuildConfig) -> String {
    let folder = tempfile::tempdir().unwrap();
    Builder::new(config, folder.path()).expect_err("it cannot build").to_string()
}

#[test]
fn a_missing_toolchain_says_how_to_install_it() {
    let message = refusal(BuildConfig { toolchain: "1.0.99".into(), ..BuildConfig::default() });
    assert!(message.contains("rustup toolchain install 1.0.99"), "{message}");
    let message = refusal(BuildConfig { toolchain: "/nowhere".into(), ..BuildConfig::default() });
    assert!(message.contains("\"/nowhere\" was not found"), "{message}");
}

#[test]
fn a_toolchain_without_the_target_says_how_to_add_it() {
    let toolchain = tempfile::tempdir().unwrap();
    fs::create_dir(toolchain.path().join("bin")).unwrap();
    for program in ["rustc", "cargo"] {
        let path = toolchain.path().join("bin").join(program);
        fs::write(&path, "#!/bin/sh\necho rustc 9.9.9\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let message =
        refusal(BuildConfig { toolchain: toolchain.path().to_str().unwrap().into(), ..BuildConfig::default() });
    assert!(message.contains("rustup target add wasm32-wasip1 --toolchain"), "{message}");
}

#[test]
fn a_setting_that_makes_no_sense_is_named() {
    let default = BuildConfig::default;
    for (config, expected) in [
        (BuildConfig { max_seconds: 0, ..default() }, "build.max_seconds is 0, but must be at least 1"),
        (BuildConfig { allowed_protocols: Vec::new(), ..default() }, "build.allowed_protocols is empty"),
        (
            BuildConfig { cargo_config: Some("/nowhere".into()), ..default() },
            "build.cargo_config names no file: /nowhere",
        ),
    ] {
        let message = refusal(config);
        assert!(message.starts_with(expected), "{message}");
    }
}
