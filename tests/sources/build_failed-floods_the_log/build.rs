//! Says far too much, control characters included, and then fails.

fn main() {
    let line = "\u{1b}[2J\u{7}".repeat(1_000);
    for _ in 0..2_000 {
        eprintln!("{line}");
    }
    panic!("that was all");
}
