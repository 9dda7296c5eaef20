//! `wasi:io/streams`: standard input, output and error, and files. Nothing blocks, so each call and its blocking twin are
//! one.

use super::{Host, RunState, broken, files, files::Failure, interface, paid, poll::Until};
use crate::execute::state::charge;
use wasmtime::component::{ComponentType, Lift, Linker, LinkerInstance, Lower, Resource, ResourceType};
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, DynPollable, IoError, bindings::filesystem::types::ErrorCode,
};

/// How much a program may write or read at a time, in bytes.
const PERMIT: u64 = 65_536;

/// The numbers that the handles of the standard streams have here.
pub(super) const INPUT: u32 = 0;
pub(super) const OUTPUT: u32 = 1;
pub(super) const ERRORS: u32 = 2;
/// From here on they are those of files, by their places.
const FIRST_FILE: u32 = 3;

/// What can become of a write to a file. A handle to an error is the place of its code in this list.
const CODES: [ErrorCode; 2] = [ErrorCode::InsufficientSpace, ErrorCode::FileTooLarge];

/// Why a stream gives or takes nothing.
#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    LastOperationFailed(Resource<IoError>),
    #[component(name = "closed")]
    Closed,
}

pub(super) type Input = Resource<DynInputStream>;
pub(super) type Output = Resource<DynOutputStream>;
/// What a call answers.
type Answer<T> = wasmtime::Result<(Result<T, StreamError>,)>;

/// The handle of a stream over a file.
pub(super) fn file_stream<T: 'static>(place: u32) -> Resource<T> {
    Resource::new_own(place.saturating_add(FIRST_FILE))
}

/// What an error of a stream says in the words of files.
pub(super) fn code_of(error: &Resource<IoError>) -> Option<ErrorCode> {
    CODES.get(error.rep() as usize).copied()
}

impl From<Failure> for StreamError {
    fn from(failure: Failure) -> Self {
        let place = match failure {
            Failure::Closed => return Self::Closed,
            Failure::Because(code) => CODES.iter().position(|known| *known == code).unwrap_or(CODES.len()),
        };
        Self::LastOperationFailed(Resource::new_own(u32::try_from(place).unwrap_or(u32::MAX)))
    }
}

pub(super) fn define(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    let mut error = linker.instance(interface!("io/error"))?;
    error.resource("error", ResourceType::host::<IoError>(), |_, _| Ok(()))?;
    paid(&mut error, "[method]error.to-debug-string", |_: Host<'_>, (error,): (Resource<IoError>,)| {
        Ok((code_of(&error).map(|code| code.name().to_owned()).unwrap_or_default(),))
    })?;

    let mut streams = linker.instance(interface!("io/streams"))?;
    streams.resource("input-stream", ResourceType::host::<DynInputStream>(), close)?;
    streams.resource("output-stream", ResourceType::host::<DynOutputStream>(), close)?;
    reading(&mut streams)?;
    writing(&mut streams)
}

fn reading(streams: &mut LinkerInstance<'_, RunState>) -> wasmtime::Result<()> {
    for name in ["read", "blocking-read"] {
        let name = format!("[method]input-stream.{name}");
        paid(streams, &name, |mut host: Host<'_>, (from, length): (Input, u64)| -> Answer<Vec<u8>> {
            Ok((read(&mut host, &from, length)?,))
        })?;
    }
    for name in ["skip", "blocking-skip"] {
        let name = format!("[method]input-stream.{name}");
        paid(streams, &name, |mut host: Host<'_>, (from, length): (Input, u64)| -> Answer<u64> {
            Ok((read(&mut host, &from, length)?.map(|bytes| bytes.len() as u64),))
        })?;
    }
    paid(streams, "[method]input-stream.subscribe", |mut host: Host<'_>, (_,): (Input,)| subscribe(&mut host))
}

fn writing(streams: &mut LinkerInstance<'_, RunState>) -> wasmtime::Result<()> {
    paid(streams, "[method]output-stream.check-write", |mut host: Host<'_>, (to,): (Output,)| -> Answer<u64> {
        Ok((expect_open(&mut host, &to)?.map(|()| PERMIT),))
    })?;
    for name in ["write", "blocking-write-and-flush"] {
        let name = format!("[method]output-stream.{name}");
        paid(streams, &name, |mut host: Host<'_>, (to, bytes): (Output, Vec<u8>)| -> Answer<()> {
            Ok((write(&mut host, &to, &bytes)?,))
        })?;
    }
    for name in ["flush", "blocking-flush"] {
        let name = format!("[method]output-stream.{name}");
        paid(streams, &name, |mut host: Host<'_>, (to,): (Output,)| -> Answer<()> {
            Ok((expect_open(&mut host, &to)?,))
        })?;
    }
    for name in ["write-zeroes", "blocking-write-zeroes-and-flush"] {
        let name = format!("[method]output-stream.{name}");
        paid(streams, &name, |mut host: Host<'_>, (to, length): (Output, u64)| -> Answer<()> {
            let Some(length) = usize::try_from(length).ok().filter(|_| length <= PERMIT) else {
                return Err(broken(&format!("it writes {length} zeroes, and {PERMIT} are allowed")));
            };
            Ok((write(&mut host, &to, &vec![0; length])?,))
        })?;
    }
    for name in ["splice", "blocking-splice"] {
        let name = format!("[method]output-stream.{name}");
        paid(streams, &name, |mut host: Host<'_>, (to, from, length): (Output, Input, u64)| -> Answer<u64> {
            let bytes = match read(&mut host, &from, length)? {
                Ok(bytes) => bytes,
                Err(closed) => return Ok((Err(closed),)),
            };
            Ok((write(&mut host, &to, &bytes)?.map(|()| bytes.len() as u64),))
        })?;
    }
    paid(streams, "[method]output-stream.subscribe", |mut host: Host<'_>, (_,): (Output,)| subscribe(&mut host))
}

/// Takes up to `length` bytes of the input or a file; at its end it is closed. A component may get less than it asks for.
fn read(host: &mut Host<'_>, from: &Input, length: u64) -> wasmtime::Result<Result<Vec<u8>, StreamError>> {
    let most = usize::try_from(length.min(PERMIT))?;
    let bytes = match from.rep().checked_sub(FIRST_FILE) {
        None => host.data_mut().stdio.take(most),
        Some(file) => match files::read_stream(host, file, most)? {
            Ok(bytes) => bytes,
            Err(failure) => return Ok(Err(failure.into())),
        },
    };
    if bytes.is_empty() && length > 0 {
        return Ok(Err(StreamError::Closed));
    }
    charge(host, bytes.len() as u64)?;
    Ok(Ok(bytes))
}

fn write(host: &mut Host<'_>, to: &Output, bytes: &[u8]) -> wasmtime::Result<Result<(), StreamError>> {
    charge(&mut *host, bytes.len() as u64)?;
    let stdio = &mut host.data_mut().stdio;
    match to.rep().checked_sub(FIRST_FILE) {
        Some(file) => return Ok(files::write_stream(host, file, bytes)?.map_err(StreamError::from)),
        None if to.rep() == ERRORS => stdio.write_error(bytes),
        None => stdio.write_output(bytes)?,
    }
    Ok(Ok(()))
}

/// The standard streams are open to the end; one over a file is until a write fails.
fn expect_open(host: &mut Host<'_>, to: &Output) -> wasmtime::Result<Result<(), StreamError>> {
    match to.rep().checked_sub(FIRST_FILE) {
        Some(file) => Ok(files::expect_open(host, file)?.map_err(StreamError::from)),
        None => Ok(Ok(())),
    }
}

/// A handle is gone. To a standard stream there can be others, and all are the same.
fn close(mut host: Host<'_>, number: u32) -> wasmtime::Result<()> {
    match number.checked_sub(FIRST_FILE) {
        Some(file) => files::close_stream(&mut host, file),
        None => Ok(()),
    }
}

/// The streams are always ready.
fn subscribe(host: &mut Host<'_>) -> wasmtime::Result<(Resource<DynPollable>,)> {
    Ok((host.data_mut().handles.pollables.add(Until::Now)?,))
}
