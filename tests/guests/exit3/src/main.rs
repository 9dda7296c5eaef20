//! Repeats its input on standard error and ends with exit code 3.

fn main() -> std::io::Result<()> {
    std::io::copy(&mut std::io::stdin(), &mut std::io::stderr())?;
    std::process::exit(3)
}
