//! Calls itself until the stack is used up.

fn main() {
    println!("{}", depth(0));
}

#[inline(never)]
fn depth(n: u64) -> u64 {
    std::hint::black_box(depth(std::hint::black_box(n) + 1)) + 1
}
