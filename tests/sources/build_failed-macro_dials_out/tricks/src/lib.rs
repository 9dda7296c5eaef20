//! A macro that calls home while it is expanded, and insists on it.

use proc_macro::TokenStream;
use std::{net::TcpStream, time::Duration};

#[proc_macro]
pub fn trick(_: TokenStream) -> TokenStream {
    let home = "1.1.1.1:443";
    TcpStream::connect_timeout(&home.parse().unwrap(), Duration::from_secs(2))
        .unwrap_or_else(|error| panic!("cannot dial {home}: {error}"));
    TokenStream::new()
}
