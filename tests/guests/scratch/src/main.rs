//! Uses `/tmp` in the way that the first word of the input names, and says what it found.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    path::Path,
};

fn main() -> io::Result<()> {
    let input = io::read_to_string(io::stdin())?;
    let mut words = input.split_whitespace();
    let (task, number) = (words.next().unwrap_or_default(), words.next().and_then(|word| word.parse().ok()));
    let number = number.unwrap_or(0);
    match task {
        "fill" => fill(number),
        "flood" => flood(number),
        "outside" => outside(),
        "far" => far(),
        "descriptors" => descriptors(),
        "leave" => leave(),
        _ => everything(),
    }
}

/// Files and folders are made, written, read, renamed, listed and removed, many times over.
fn everything() -> io::Result<()> {
    let top = Path::new("/tmp/top");
    fs::create_dir_all(top.join("a/b/c"))?;
    for n in 0..300_u32 {
        let name = top.join(format!("a/b/c/{:03}", n * 7 % 300));
        fs::write(&name, n.to_string().repeat(n as usize))?;
        OpenOptions::new().append(true).open(&name)?.write_all(b"!")?;
    }
    for n in (0..300).step_by(3) {
        fs::rename(top.join(format!("a/b/c/{n:03}")), top.join(format!("a/{n:03}.moved")))?;
    }
    fs::copy(top.join("a/000.moved"), top.join("copy"))?;
    println!("{}", names(&top.join("a"))?.join(" "));
    println!("{}", names(&top.join("a/b/c"))?.join(" "));

    let mut file = OpenOptions::new().read(true).write(true).create_new(true).open(top.join("data"))?;
    for n in 0..2_000_u64 {
        file.seek(SeekFrom::Start(n * 7919 % 2_000 * 8))?;
        file.write_all(&n.to_le_bytes())?;
    }
    file.set_len(100_000)?;
    file.sync_all()?;
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    let sum = bytes.iter().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add((*byte).into()));
    println!("{} bytes, sum {sum:x}", bytes.len());

    let about = fs::metadata(top.join("data"))?;
    println!("{} {} {:?}", about.is_file(), about.len(), about.modified()?);
    // The standard library has no kind for a folder that is not empty here.
    println!("{:?}", fs::remove_dir(top).map_err(|error| error.raw_os_error()));
    println!("{:?}", File::create_new(top.join("data")).map(drop).map_err(|error| error.kind()));
    println!("{:?}", fs::read(top).map_err(|error| error.kind()));
    println!("{:?}", fs::read(top.join("data/x")).map_err(|error| error.kind()));
    fs::remove_dir_all(top)?;
    println!("{:?}", names(Path::new("/tmp"))?);
    Ok(())
}

/// The names in a folder, as they are told.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// A file of as many MiB as fit, at most `most`.
fn fill(most: usize) -> io::Result<()> {
    let chunk = vec![b'x'; 1 << 20];
    let mut file = File::create("/tmp/large")?;
    for held in 0..most {
        if let Err(error) = file.write_all(&chunk) {
            println!("{:?} after {held} MiB", error.kind());
            // What is given back can be used again.
            drop(file);
            fs::remove_file("/tmp/large")?;
            fs::write("/tmp/small", &chunk)?;
            println!("and room again for {} bytes", fs::metadata("/tmp/small")?.len());
            return Ok(());
        }
    }
    println!("{most} MiB");
    Ok(())
}

/// As many empty files as fit, at most `most`.
fn flood(most: usize) -> io::Result<()> {
    for n in 0..most {
        if let Err(error) = File::create(format!("/tmp/{n}")) {
            println!("{:?} after {n} files", error.kind());
            return Ok(());
        }
    }
    println!("{most} files");
    Ok(())
}

/// What lies elsewhere is not found.
fn outside() -> io::Result<()> {
    for path in ["/etc/passwd", "../../etc/passwd", "/tmp/../etc/passwd", "/tmp/../../etc/passwd", "Cargo.toml", "/"] {
        println!("read {path}: {:?}", fs::read(path).map(drop).map_err(|error| error.kind()));
        println!("write {path}: {:?}", fs::write(path, "x").map_err(|error| error.kind()));
        println!("list {path}: {:?}", names(Path::new(path)).map_err(|error| error.kind()));
    }
    Ok(())
}

/// A byte far out, and the longest file.
fn far() -> io::Result<()> {
    let mut file = File::create("/tmp/far")?;
    file.seek(SeekFrom::Start(1 << 60))?;
    file.write_all(b"x")?;
    println!("{} bytes", file.metadata()?.len());
    file.set_len(i64::MAX as u64)?;
    println!("{:?}", file.set_len(1 << 63).map_err(|error| error.kind()));
    file.seek(SeekFrom::Start(i64::MAX as u64))?;
    println!("{:?}", file.write(b"x").map_err(|error| error.kind()));
    Ok(())
}

/// As many open files as there may be.
fn descriptors() -> io::Result<()> {
    let mut open = Vec::new();
    let refused = loop {
        match File::create("/tmp/file") {
            Ok(file) => open.push(file),
            Err(error) => break error,
        }
    };
    println!("{} open, then {}", open.len(), refused.raw_os_error().unwrap_or_default());
    open.pop();
    println!("{}", File::open("/tmp/file").is_ok());
    Ok(())
}

/// Says what an earlier run has left, and leaves something itself.
fn leave() -> io::Result<()> {
    println!("{:?}", names(Path::new("/tmp"))?);
    fs::write("/tmp/left", "behind")?;
    assert_eq!(fs::read("/tmp/left").map_err(|error| error.kind() == ErrorKind::NotFound), Ok(b"behind".to_vec()));
    Ok(())
}
