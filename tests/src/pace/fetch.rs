//! A client that does nothing but fetch blocks, one after the other on one connection.
//!
//! Of the standard library alone, which is optimised also where this crate is not: what is measured beside it is the
//! worker, not an unoptimised HTTP client.

use anyhow::{Context, Result, ensure};
use axum::body::Bytes;
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    ops::RangeInclusive,
};

/// The answer to each height, in order. It blocks.
pub(super) fn fetch(url: &str, heights: RangeInclusive<u64>) -> Result<Vec<(u64, Bytes)>> {
    let host = url.strip_prefix("http://").context("an http:// URL")?;
    let stream = TcpStream::connect(host)?;
    stream.set_nodelay(true)?;
    let mut connection = BufReader::new(stream);
    let ask = |height: u64| {
        let question = format!("GET /v0/block/{height} HTTP/1.1\r\nhost: {host}\r\n\r\n");
        connection.get_mut().write_all(question.as_bytes())?;
        Ok((height, answer(&mut connection).with_context(|| format!("block {height}"))?))
    };
    heights.map(ask).collect()
}

/// The body of an answer that is well and says how long it is.
fn answer(connection: &mut impl BufRead) -> Result<Bytes> {
    let mut line = String::new();
    connection.read_line(&mut line)?;
    ensure!(line.starts_with("HTTP/1.1 200 "), "the source answers {line:?}");
    let mut length = None;
    loop {
        line.clear();
        ensure!(connection.read_line(&mut line)? > 0, "the source breaks off");
        let Some((name, value)) = line.split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.trim().parse()?);
        }
    }
    let mut body = vec![0; length.context("an answer without a length")?];
    connection.read_exact(&mut body)?;
    Ok(body.into())
}
