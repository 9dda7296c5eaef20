//! Libraries that are loaded before the C library, and answer in its place.

use anyhow::{Context, Result, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Makes `folder/name.so` of a C source.
///
/// # Errors
/// There is no C compiler, or it does not take the source.
pub fn library(folder: &Path, name: &str, source: &str) -> Result<PathBuf> {
    let [written, made] = ["c", "so"].map(|ending| folder.join(format!("{name}.{ending}")));
    fs::write(&written, source)?;
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-O2", "-o"]).arg(&made).arg(written).status();
    ensure!(compiled.context("cc")?.success(), "the library {name} does not compile");
    Ok(made)
}
