//! `wasi:io/streams`: standard input, output and error. Nothing blocks, so each call and its blocking twin are one.

use super::{Host, RunState, broken, interface, paid};
use crate::execute::{component::poll::Until, state::charge};
use wasmtime::component::{ComponentType, Lift, Linker, LinkerInstance, Lower, Resource, ResourceType};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, IoError};

/// How much a program may write or read at a time, in bytes.
const PERMIT: u64 = 65_536;

/// The standard streams, by the numbers that their handles have here.
#[derive(Clone, Copy)]
pub(super) enum Stream {
    Input = 0,
    Output = 1,
    Errors = 2,
}

impl Stream {
    pub(super) fn number(self) -> u32 {
        self as u32
    }
}

/// Why a stream gives or takes nothing. The first is part of the interface, and never happens here.
#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    LastOperationFailed(Resource<IoError>),
    #[component(name = "closed")]
    Closed,
}

type Input = Resource<DynInputStream>;
type Output = Resource<DynOutputStream>;
/// What a call answers.
type Answer<T> = wasmtime::Result<(Result<T, StreamError>,)>;

pub(super) fn define(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    let mut error = linker.instance(interface!("io/error"))?;
    error.resource("error", ResourceType::host::<IoError>(), |_, _| Ok(()))?;
    paid(&mut error, "[method]error.to-debug-string", |_: Host<'_>, (_,): (Resource<IoError>,)| Ok((String::new(),)))?;

    let mut streams = linker.instance(interface!("io/streams"))?;
    streams.resource("input-stream", ResourceType::host::<DynInputStream>(), |_, _| Ok(()))?;
    streams.resource("output-stream", ResourceType::host::<DynOutputStream>(), |_, _| Ok(()))?;
    reading(&mut streams)?;
    writing(&mut streams)
}

fn reading(streams: &mut LinkerInstance<'_, RunState>) -> wasmtime::Result<()> {
    for name in ["read", "blocking-read"] {
        let name = format!("[method]input-stream.{name}");
        paid(streams, &name, |mut host: Host<'_>, (_, length): (Input, u64)| -> Answer<Vec<u8>> {
            Ok((read(&mut host, length)?,))
        })?;
    }
    for name in ["skip", "blocking-skip"] {
        let name = format!("[method]input-stream.{name}");
        paid(streams, &name, |mut host: Host<'_>, (_, length): (Input, u64)| -> Answer<u64> {
            Ok((read(&mut host, length)?.map(|bytes| bytes.len() as u64),))
        })?;
    }
    paid(streams, "[method]input-stream.subscribe", |mut host: Host<'_>, (_,): (Input,)| subscribe(&mut host))
}

fn writing(streams: &mut LinkerInstance<'_, RunState>) -> wasmtime::Result<()> {
    paid(streams, "[method]output-stream.check-write", |_: Host<'_>, (_,): (Output,)| -> Answer<u64> {
        Ok((Ok(PERMIT),))
    })?;
    for name in ["write", "blocking-write-and-flush"] {
        let name = format!("[method]output-stream.{name}");
        paid(streams, &name, |mut host: Host<'_>, (to, bytes): (Output, Vec<u8>)| -> Answer<()> {
            write(&mut host, &to, &bytes)?;
            Ok((Ok(()),))
        })?;
    }
    for name in ["flush", "blocking-flush"] {
        let name = format!("[method]output-stream.{name}");
        paid(streams, &name, |_: Host<'_>, (_,): (Output,)| -> Answer<()> { Ok((Ok(()),)) })?;
    }
    for name in ["write-zeroes", "blocking-write-zeroes-and-flush"] {
        let name = format!("[method]output-stream.{name}");
        paid(streams, &name, |mut host: Host<'_>, (to, length): (Output, u64)| -> Answer<()> {
            let Some(length) = usize::try_from(length).ok().filter(|_| length <= PERMIT) else {
                return Err(broken(&format!("it writes {length} zeroes, and {PERMIT} are allowed")));
            };
            write(&mut host, &to, &vec![0; length])?;
            Ok((Ok(()),))
        })?;
    }
    for name in ["splice", "blocking-splice"] {
        let name = format!("[method]output-stream.{name}");
        paid(streams, &name, |mut host: Host<'_>, (to, _, length): (Output, Input, u64)| -> Answer<u64> {
            let bytes = match read(&mut host, length)? {
                Ok(bytes) => bytes,
                Err(closed) => return Ok((Err(closed),)),
            };
            write(&mut host, &to, &bytes)?;
            Ok((Ok(bytes.len() as u64),))
        })?;
    }
    paid(streams, "[method]output-stream.subscribe", |mut host: Host<'_>, (_,): (Output,)| subscribe(&mut host))
}

/// Takes up to `length` bytes of the input; at its end it is closed. A component may get less than it asks for.
fn read(host: &mut Host<'_>, length: u64) -> wasmtime::Result<Result<Vec<u8>, StreamError>> {
    let bytes = host.data_mut().stdio.take(usize::try_from(length.min(PERMIT))?);
    if bytes.is_empty() && length > 0 {
        return Ok(Err(StreamError::Closed));
    }
    charge(host, bytes.len() as u64)?;
    Ok(Ok(bytes))
}

fn write(host: &mut Host<'_>, to: &Output, bytes: &[u8]) -> wasmtime::Result<()> {
    charge(&mut *host, bytes.len() as u64)?;
    let stdio = &mut host.data_mut().stdio;
    if to.rep() == Stream::Errors.number() {
        stdio.write_error(bytes);
    } else {
        stdio.write_output(bytes)?;
    }
    Ok(())
}

/// The streams are always ready.
fn subscribe(host: &mut Host<'_>) -> wasmtime::Result<(Resource<DynPollable>,)> {
    Ok((host.data_mut().pollables.add(Until::Now)?,))
}
