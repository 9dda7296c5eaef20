//! Takes a gibibyte of memory, a mebibyte at a time, and touches every page of it.

const MEBIBYTE: usize = 1 << 20;

fn main() {
    let mut held = Vec::new();
    for n in 0..1024u32 {
        held.push(std::hint::black_box(vec![n as u8 | 1; MEBIBYTE]));
    }
    println!("{} MiB", held.len());
}
