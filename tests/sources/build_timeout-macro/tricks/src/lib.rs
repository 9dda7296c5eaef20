//! A macro that is never done.

use proc_macro::TokenStream;
use std::{thread, time::Duration};

#[proc_macro]
pub fn trick(_: TokenStream) -> TokenStream {
    loop {
        thread::sleep(Duration::from_secs(1));
    }
}
