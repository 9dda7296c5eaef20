//! Beside it, a link to the top of the source, and one that goes on from there: its text alone looks harmless.

fn main() {}
