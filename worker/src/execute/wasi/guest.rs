//! The program's memory as host calls see it, what they cost and how they answer.

use super::{Host, RunState, Stop};
use crate::execute::{scratch::FileError, state};

/// An error number of WASI preview 1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Errno(pub i32);

impl Errno {
    pub(super) const SUCCESS: Self = Self(0);
    /// No such descriptor, or not for this.
    pub(super) const BADF: Self = Self(8);
    /// The name is taken.
    pub(super) const EXIST: Self = Self(20);
    /// The pointer leaves the memory.
    pub(super) const FAULT: Self = Self(21);
    /// The file would be too long.
    pub(super) const FBIG: Self = Self(22);
    /// Not UTF-8.
    pub(super) const ILSEQ: Self = Self(25);
    /// The argument makes no sense, or exceeds what a call takes.
    pub(super) const INVAL: Self = Self(28);
    /// A folder.
    pub(super) const ISDIR: Self = Self(31);
    /// Too many descriptors.
    pub(super) const MFILE: Self = Self(33);
    /// The name or path is too long.
    pub(super) const NAMETOOLONG: Self = Self(37);
    /// There is nothing of this name.
    pub(super) const NOENT: Self = Self(44);
    /// No memory is left for it.
    pub(super) const NOSPC: Self = Self(51);
    /// Not a folder.
    pub(super) const NOTDIR: Self = Self(54);
    /// The folder is not empty.
    pub(super) const NOTEMPTY: Self = Self(55);
    /// Not supported.
    pub(super) const NOTSUP: Self = Self(58);
    /// A stream has no position.
    pub(super) const SPIPE: Self = Self(70);
}

/// Why a host call gives nothing: the program is told, or it is ended.
pub(super) enum Fault {
    Errno(Errno),
    Stop(wasmtime::Error),
}

impl From<Errno> for Fault {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl From<FileError> for Fault {
    fn from(error: FileError) -> Self {
        Self::Errno(match error {
            FileError::NotFound => Errno::NOENT,
            FileError::Exists => Errno::EXIST,
            FileError::NotADirectory => Errno::NOTDIR,
            FileError::IsADirectory => Errno::ISDIR,
            FileError::NotEmpty => Errno::NOTEMPTY,
            FileError::NoSpace => Errno::NOSPC,
            FileError::TooLarge => Errno::FBIG,
            FileError::NameTooLong => Errno::NAMETOOLONG,
            FileError::Invalid => Errno::INVAL,
        })
    }
}

impl From<Stop> for Fault {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop.into())
    }
}

impl From<wasmtime::Error> for Fault {
    fn from(error: wasmtime::Error) -> Self {
        Self::Stop(error)
    }
}

/// Charges for a host call, does its `work`, and returns the number that tells the program how it went.
pub(super) fn call(
    host: &mut Host<'_>,
    work: impl FnOnce(&mut Host<'_>) -> Result<(), Fault>,
) -> wasmtime::Result<i32> {
    state::charge_call(&mut *host)?;
    answer(work(host))
}

/// Defines host functions, by name and parameters, that [`call`] what follows.
macro_rules! functions {
    ($linker:ident; $($name:literal($host:ident $(, $parameter:ident: $type:ty)*) => $work:expr;)*) => {
        $($linker.func_wrap(MODULE, $name, |mut host: Host<'_>, $($parameter: $type),*| {
            call(&mut host, |$host| $work)
        })?;)*
    };
}
pub(super) use functions;

/// The number that a host call returns to the program.
pub(super) fn answer(result: Result<(), Fault>) -> wasmtime::Result<i32> {
    match result {
        Ok(()) => Ok(Errno::SUCCESS.0),
        Err(Fault::Errno(errno)) => Ok(errno.0),
        Err(Fault::Stop(error)) => Err(error),
    }
}

/// Takes `instructions` from what is left, see [`state::charge`].
pub(super) fn charge(host: &mut Host<'_>, instructions: u64) -> Result<(), Fault> {
    Ok(state::charge(host, instructions)?)
}

/// The program's memory and the run's state.
pub(super) fn guest<'a>(host: &'a mut Host<'_>) -> Result<(GuestMemory<'a>, &'a mut RunState), Fault> {
    let memory = match host.data().exported_memory {
        Some(memory) => memory,
        None => {
            let memory = host.get_export("memory").and_then(wasmtime::Extern::into_memory).ok_or(Errno::FAULT)?;
            host.data_mut().exported_memory = Some(memory);
            memory
        }
    };
    let (bytes, state) = memory.data_and_store_mut(host);
    Ok((GuestMemory(bytes), state))
}

/// Linear memory. Every access is checked; numbers are little-endian.
pub(super) struct GuestMemory<'a>(&'a mut [u8]);

impl GuestMemory<'_> {
    pub(super) fn bytes(&self, at: u32, length: u32) -> Result<&[u8], Fault> {
        let start = at as usize;
        Ok(self.0.get(start..start.saturating_add(length as usize)).ok_or(Errno::FAULT)?)
    }

    pub(super) fn bytes_mut(&mut self, at: u32, length: u32) -> Result<&mut [u8], Fault> {
        let start = at as usize;
        Ok(self.0.get_mut(start..start.saturating_add(length as usize)).ok_or(Errno::FAULT)?)
    }

    pub(super) fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), Fault> {
        let length = u32::try_from(bytes.len()).map_err(|_| Errno::FAULT)?;
        self.bytes_mut(at, length)?.copy_from_slice(bytes);
        Ok(())
    }

    pub(super) fn write_u32(&mut self, at: u32, value: u32) -> Result<(), Fault> {
        self.write(at, &value.to_le_bytes())
    }

    pub(super) fn write_u64(&mut self, at: u32, value: u64) -> Result<(), Fault> {
        self.write(at, &value.to_le_bytes())
    }
}

/// The little-endian number of `N` bytes at `at` in a record that has been read whole.
pub(super) fn field<const N: usize>(record: &[u8], at: usize) -> Result<[u8; N], Fault> {
    Ok(record.get(at..).and_then(|rest| rest.first_chunk::<N>()).copied().ok_or(Errno::FAULT)?)
}
