//! A macro that takes memory inside the compiler itself.

use proc_macro::TokenStream;

#[proc_macro]
pub fn trick(_: TokenStream) -> TokenStream {
    let mut hoard = Vec::new();
    loop {
        hoard.push(vec![1_u8; 16 << 20]);
    }
}
