//! `wasi:random`: the random numbers of `wasi/random.rs`, all from the same seed, whether they are called secure or not.

use super::{Host, RunState, broken, interface, paid};
use crate::execute::{state::charge, wasi::fill};
use wasmtime::component::Linker;

/// The most random bytes that one call gives: what the host holds for a moment.
const MAX_BYTES: u64 = 1 << 20;

pub(super) fn define(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    for (interface, bytes_name, number_name) in [
        (interface!("random/random"), "get-random-bytes", "get-random-u64"),
        (interface!("random/insecure"), "get-insecure-random-bytes", "get-insecure-random-u64"),
    ] {
        let mut random = linker.instance(interface)?;
        paid(&mut random, bytes_name, |mut host: Host<'_>, (length,): (u64,)| Ok((bytes(&mut host, length)?,)))?;
        paid(&mut random, number_name, |mut host: Host<'_>, ()| Ok((number(&mut host)?,)))?;
    }
    paid(&mut linker.instance(interface!("random/insecure-seed"))?, "insecure-seed", |mut host: Host<'_>, ()| {
        Ok(((number(&mut host)?, number(&mut host)?),))
    })
}

fn bytes(host: &mut Host<'_>, length: u64) -> wasmtime::Result<Vec<u8>> {
    if length > MAX_BYTES {
        return Err(broken(&format!("it asks for {length} random bytes at once, and {MAX_BYTES} are the most")));
    }
    charge(&mut *host, length)?;
    let mut bytes = vec![0; usize::try_from(length)?];
    let state = host.data_mut();
    fill(&mut state.random, &state.clock, &mut bytes)?;
    Ok(bytes)
}

fn number(host: &mut Host<'_>) -> wasmtime::Result<u64> {
    let bytes = bytes(host, 8)?;
    Ok(bytes.first_chunk().copied().map(u64::from_le_bytes).unwrap_or_default())
}
