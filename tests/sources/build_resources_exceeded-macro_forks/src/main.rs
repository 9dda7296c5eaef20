tricks::trick!();

fn main() {}
