//! Never ends, and never asks anything of its host.

fn main() {
    let mut n = 0u64;
    loop {
        n = std::hint::black_box(n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
}
