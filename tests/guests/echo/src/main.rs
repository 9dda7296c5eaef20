//! Answers its input, byte for byte.

fn main() -> std::io::Result<()> {
    std::io::copy(&mut std::io::stdin(), &mut std::io::stdout())?;
    Ok(())
}
