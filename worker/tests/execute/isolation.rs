//! What lies outside a run is out of reach.

use crate::support::{Fixture, message, text};
use offchainvm_interface::FailureCode;
use std::{io::ErrorKind, net::TcpListener};

#[tokio::test]
async fn a_program_sees_no_arguments_no_environment_and_no_files_but_its_own() {
    let outcome = Fixture::new().guest("read_env", "").await;
    let seen = text(&outcome);
    assert!(seen.contains("arguments: []"), "{seen}");
    assert!(seen.contains("environment: []"), "{seen}");
    let places = seen.lines().skip(2).collect::<Vec<_>>();
    assert_eq!(places.len(), 11);
    let (own, elsewhere) = places.into_iter().partition::<Vec<_>, _>(|line| line.starts_with("/tmp"));
    assert_eq!(own, ["/tmp: 0 entries"]);
    assert!(elsewhere.iter().all(|line| line.ends_with(": denied")), "{seen}");
}

#[tokio::test]
async fn a_program_that_dials_out_reaches_nobody() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let outcome = Fixture::new().guest("dial_out", &listener.local_addr().unwrap().to_string()).await;
    assert!(message(&outcome, FailureCode::ExitNonzero).contains("no connection"));
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}
