//! Takes memory, writes to it so that it is really there, and keeps it.

fn main() {
    let mut hoard = Vec::new();
    loop {
        hoard.push(vec![1_u8; 16 << 20]);
    }
}
