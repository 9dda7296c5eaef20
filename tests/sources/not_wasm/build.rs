//! Makes the linker print its version and write nothing.

fn main() {
    println!("cargo::rustc-link-arg-bins=--version");
}
