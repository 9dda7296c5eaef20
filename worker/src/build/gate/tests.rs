//! The gate as a tool meets it: over real connections.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::*;

/// A server that answers one connection after the other with what it was sent.
async fn echo() -> (SocketAddr, AbortHandle) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut buffer = vec![0; 4096];
            let length = client.read(&mut buffer).await.unwrap();
            client.write_all(buffer.get(..length).unwrap()).await.unwrap();
        }
    });
    (address, serving.abort_handle())
}

async fn gate(private_hosts: &[&str]) -> Gate {
    let private_hosts = private_hosts.iter().map(|host| (*host).to_owned()).collect();
    Gate::open(&BuildConfig { private_hosts, network_env: Vec::new(), ..BuildConfig::default() }).await.unwrap()
}

async fn ask(gate: &Gate, text: &str) -> String {
    let mut client = TcpStream::connect(gate.url().strip_prefix("http://").unwrap()).await.unwrap();
    client.write_all(text.as_bytes()).await.unwrap();
    client.shutdown().await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn private_addresses_are_refused_by_number_and_by_name() {
    let (server, serving) = echo().await;
    let gate = gate(&[]).await;
    for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"] {
        let answer = ask(&gate, &format!("CONNECT {host}:{} HTTP/1.1\r\n\r\n", server.port())).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{host}: {answer}");
        assert!(answer.contains("private address"), "{host}: {answer}");
        let answer = ask(&gate, &format!("GET http://{host}:{}/x HTTP/1.1\r\n\r\n", server.port())).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{host}: {answer}");
    }
    assert_eq!(gate.refused(), ["127.0.0.1", "::1", "::ffff:127.0.0.1", "localhost"]);
    serving.abort();
}

#[tokio::test]
async fn a_host_that_the_operator_allows_is_reached_both_ways() {
    let (server, serving) = echo().await;
    let gate = gate(&["LocalHost"]).await;
    let port = server.port();
    let tunnelled = ask(&gate, &format!("CONNECT localhost:{port} HTTP/1.1\r\n\r\nhello")).await;
    assert_eq!(tunnelled, "HTTP/1.1 200 Connection established\r\n\r\nhello");
    let plain = format!(
        "GET http://localhost:{port}/a?b HTTP/1.1\r\nHost: localhost\r\nProxy-Connection: keep-alive\r\n\
         Connection: keep-alive\r\n\r\n"
    );
    assert_eq!(ask(&gate, &plain).await, "GET /a?b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert!(gate.refused().is_empty());
    serving.abort();
}

#[tokio::test]
async fn what_is_no_request_and_what_cannot_be_reached_is_said() {
    let gate = gate(&["127.0.0.1"]).await;
    for text in [
        "hello\r\n\r\n",
        "GET /x HTTP/1.1\r\n\r\n",
        "CONNECT nowhere HTTP/1.1\r\n\r\n",
        "GET http://me@h/ HTTP/1.1\r\n\r\n",
        // Some take a line feed alone for the end of a line.
        "CONNECT a\nb:443 HTTP/1.1\r\n\r\n",
        "GET http://127.0.0.1/ HTTP/1.1\r\nA: b\nC: d\r\n\r\n",
    ] {
        assert!(ask(&gate, text).await.starts_with("HTTP/1.1 400 "), "{text}");
    }
    // A port that was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let answer = ask(&gate, &format!("CONNECT {free} HTTP/1.1\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
}
