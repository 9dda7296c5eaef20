//! Makes the linker write an object file: valid WebAssembly, but nothing in it can be started.

fn main() {
    println!("cargo::rustc-link-arg-bins=-r");
    println!("cargo::rustc-link-arg-bins=--no-gc-sections");
}
