//! Does nothing: what a run costs that computes nothing.

fn main() {}
