//! Two megabytes that cannot be left out.

const fn noise() -> [u8; 2 << 20] {
    let mut bytes = [1; 2 << 20];
    bytes[7] = 3;
    bytes
}

static NOISE: [u8; 2 << 20] = noise();

fn main() {
    let number = std::env::args().count();
    println!("{}", NOISE[number]);
}
