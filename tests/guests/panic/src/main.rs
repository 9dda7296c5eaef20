//! Panics; what it said stands in the failure's message.

fn main() {
    eprintln!("about to panic");
    panic!("the guest gave up on purpose");
}
