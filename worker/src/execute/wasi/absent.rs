//! The functions of what does not exist, links and sockets: there to be linked, with nothing behind them.

use super::{
    Host, MODULE, RunState,
    guest::{Errno, call},
};
use wasmtime::Linker;

/// Defines functions by name and parameter types; each gives the same answer.
macro_rules! absent {
    ($linker:ident, $answer:expr; $($name:literal($($parameter:ty),*))*) => {
        $($linker.func_wrap(MODULE, $name, |mut host: Host<'_>, $(_: $parameter),*| {
            call(&mut host, |_| Err($answer.into()))
        })?;)*
    };
}

pub(super) fn define(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    absent! { linker, Errno::NOTSUP;
        // Space cannot be kept for later: it is taken when it is written to.
        "fd_allocate"(u32, u64, u64)
        "fd_fdstat_set_rights"(u32, u64, u64)
        "path_link"(u32, u32, u32, u32, u32, u32, u32)
        "path_symlink"(u32, u32, u32, u32, u32)
    }
    absent! { linker, Errno::BADF;
        "sock_accept"(u32, u32, u32)
        "sock_recv"(u32, u32, u32, u32, u32, u32)
        "sock_send"(u32, u32, u32, u32, u32)
        "sock_shutdown"(u32, u32)
    }
    Ok(())
}
