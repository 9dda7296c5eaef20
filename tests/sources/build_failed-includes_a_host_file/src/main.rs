//! Would print a file of whoever compiles it.

fn main() {
    println!("{}", include_str!("/etc/passwd"));
}
