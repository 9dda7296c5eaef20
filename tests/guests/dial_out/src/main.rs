//! Connects to the address in its input. Ends with exit code 1 when that is refused, as it must be.

use std::{net::TcpStream, process::ExitCode};

fn main() -> ExitCode {
    let address = std::io::read_to_string(std::io::stdin()).expect("the input is text");
    match TcpStream::connect(address.trim()) {
        Ok(_) => {
            println!("connected");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("no connection: {error}");
            ExitCode::FAILURE
        }
    }
}
