//! Waits for ever while it is compiled.

fn main() {
    loop {
        std::thread::park();
    }
}
