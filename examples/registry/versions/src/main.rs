//! The newest of some versions that a requirement allows: the requirement first, then a version a line.

use semver::{Version, VersionReq};
use std::{error::Error, io};

fn main() -> Result<(), Box<dyn Error>> {
    let text = io::read_to_string(io::stdin())?;
    let mut lines = text.lines();
    let wanted = VersionReq::parse(lines.next().ok_or("no requirement")?)?;
    let versions: Vec<Version> = lines.map(Version::parse).collect::<Result<_, _>>()?;
    match versions.into_iter().filter(|version| wanted.matches(version)).max() {
        Some(newest) => println!("{newest}"),
        None => println!("none"),
    }
    Ok(())
}
