//! The functions of files, folders and sockets: there to be linked, with nothing behind them.

use super::{MODULE, RunState, guest::Errno};
use wasmtime::Linker;

/// Defines functions by name and parameter types; each answers that the descriptor does not exist.
macro_rules! absent {
    ($linker:ident: $($name:literal($($parameter:ty),*))*) => {
        $($linker.func_wrap(MODULE, $name, |$(_: $parameter),*| Errno::BADF.0)?;)*
    };
}

pub(super) fn define(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    absent! { linker:
        "fd_advise"(u32, u64, u64, u32)
        "fd_allocate"(u32, u64, u64)
        "fd_datasync"(u32)
        "fd_fdstat_set_rights"(u32, u64, u64)
        "fd_filestat_set_size"(u32, u64)
        "fd_filestat_set_times"(u32, u64, u64, u32)
        "fd_pread"(u32, u32, u32, u64, u32)
        "fd_prestat_dir_name"(u32, u32, u32)
        "fd_prestat_get"(u32, u32)
        "fd_pwrite"(u32, u32, u32, u64, u32)
        "fd_readdir"(u32, u32, u32, u64, u32)
        "fd_renumber"(u32, u32)
        "fd_sync"(u32)
        "path_create_directory"(u32, u32, u32)
        "path_filestat_get"(u32, u32, u32, u32, u32)
        "path_filestat_set_times"(u32, u32, u32, u32, u64, u64, u32)
        "path_link"(u32, u32, u32, u32, u32, u32, u32)
        "path_open"(u32, u32, u32, u32, u32, u64, u64, u32, u32)
        "path_readlink"(u32, u32, u32, u32, u32, u32)
        "path_remove_directory"(u32, u32, u32)
        "path_rename"(u32, u32, u32, u32, u32, u32)
        "path_symlink"(u32, u32, u32, u32, u32)
        "path_unlink_file"(u32, u32, u32)
        "sock_accept"(u32, u32, u32)
        "sock_recv"(u32, u32, u32, u32, u32, u32)
        "sock_send"(u32, u32, u32, u32, u32)
        "sock_shutdown"(u32, u32)
    }
    Ok(())
}
