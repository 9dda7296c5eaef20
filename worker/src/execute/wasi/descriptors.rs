//! The functions of descriptors and paths: each goes to the standard streams, or to the files.

use super::{
    Host, MODULE, RunState,
    files::{self, FIRST, How, Path, Transfer},
    guest::{Errno, call, functions},
    stdio,
};
use wasmtime::Linker;

pub(super) fn define(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    data(linker)?;
    about(linker)?;
    accepted(linker)?;
    paths(linker)
}

/// Reading, writing, and where.
fn data(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    functions! { linker;
        "fd_read"(host, fd: u32, buffers: u32, count: u32, told: u32) => match fd {
            FIRST.. => files::read(host, fd, &Transfer { buffers, count, told }, None),
            _ => stdio::read(host, fd, buffers, count, told),
        };
        "fd_write"(host, fd: u32, buffers: u32, count: u32, told: u32) => match fd {
            FIRST.. => files::write(host, fd, &Transfer { buffers, count, told }, None),
            _ => stdio::write(host, fd, buffers, count, told),
        };
        "fd_pread"(host, fd: u32, buffers: u32, count: u32, at: u64, told: u32) => match fd {
            FIRST.. => files::read(host, fd, &Transfer { buffers, count, told }, Some(at)),
            _ => stdio::no_position(host, fd),
        };
        "fd_pwrite"(host, fd: u32, buffers: u32, count: u32, at: u64, told: u32) => match fd {
            FIRST.. => files::write(host, fd, &Transfer { buffers, count, told }, Some(at)),
            _ => stdio::no_position(host, fd),
        };
        "fd_seek"(host, fd: u32, offset: i64, whence: u32, told: u32) => match fd {
            FIRST.. => files::seek(host, fd, offset, whence, told),
            _ => stdio::no_position(host, fd),
        };
        "fd_tell"(host, fd: u32, told: u32) => match fd {
            FIRST.. => files::tell(host, fd, told),
            _ => stdio::no_position(host, fd),
        };
        "fd_filestat_set_size"(host, fd: u32, length: u64) => files::set_size(host, fd, length);
        "fd_readdir"(host, fd: u32, at: u32, length: u32, cookie: u64, told: u32) =>
            files::list(host, fd, (at, length), cookie, told);
    }
    Ok(())
}

/// What descriptors are, and whether they are.
fn about(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    functions! { linker;
        "fd_close"(host, fd: u32) => match fd {
            FIRST.. => files::close(host, fd),
            _ => stdio::close(host, fd),
        };
        "fd_renumber"(host, from: u32, to: u32) => match (from, to) {
            (FIRST.., FIRST..) => files::renumber(host, from, to),
            // A stream stays what it is.
            _ => Err(Errno::NOTSUP.into()),
        };
        "fd_prestat_get"(host, fd: u32, at: u32) => files::prestat(host, fd, at);
        "fd_prestat_dir_name"(host, fd: u32, at: u32, length: u32) => files::prestat_name(host, fd, at, length);
        "fd_fdstat_get"(host, fd: u32, at: u32) => match fd {
            FIRST.. => files::fdstat(host, fd, at),
            _ => stdio::fdstat(host, fd, at),
        };
        "fd_fdstat_set_flags"(host, fd: u32, flags: u32) => match fd {
            FIRST.. => files::set_flags(host, fd, flags),
            _ => stdio::set_flags(host, fd),
        };
        "fd_filestat_get"(host, fd: u32, at: u32) => match fd {
            FIRST.. => files::filestat(host, fd, at),
            _ => stdio::filestat(host, fd, at),
        };
        "fd_filestat_set_times"(host, fd: u32, _read: u64, modified: u64, which: u32) =>
            files::set_times(host, fd, modified, which);
    }
    Ok(())
}

/// What needs nothing to be done: everything is in memory already, and there is no more to be known about it.
fn accepted(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    functions! { linker;
        "fd_sync"(host, fd: u32) => files::expect_open(host, fd);
        "fd_datasync"(host, fd: u32) => files::expect_open(host, fd);
        "fd_advise"(host, fd: u32, _at: u64, _length: u64, _advice: u32) => files::expect_open(host, fd);
    }
    Ok(())
}

/// What paths name.
fn paths(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    functions! { linker;
        "path_open"(host, fd: u32, _follow: u32, at: u32, length: u32, open: u32, rights: u64, _inherited: u64,
            descriptor: u32, told: u32) =>
            files::open(host, Path { fd, at, length }, &How { open, rights, descriptor }, told);
        "path_create_directory"(host, fd: u32, at: u32, length: u32) =>
            files::make_folder(host, Path { fd, at, length });
        "path_remove_directory"(host, fd: u32, at: u32, length: u32) =>
            files::remove_folder(host, Path { fd, at, length });
        "path_unlink_file"(host, fd: u32, at: u32, length: u32) => files::remove_file(host, Path { fd, at, length });
        "path_rename"(host, fd: u32, at: u32, length: u32, new_fd: u32, new_at: u32, new_length: u32) =>
            files::rename(host, Path { fd, at, length }, Path { fd: new_fd, at: new_at, length: new_length });
        "path_readlink"(host, fd: u32, at: u32, length: u32, _into: u32, _space: u32, _told: u32) =>
            files::read_link(host, Path { fd, at, length });
        "path_filestat_get"(host, fd: u32, _follow: u32, at: u32, length: u32, told: u32) =>
            files::path_filestat(host, Path { fd, at, length }, told);
        "path_filestat_set_times"(host, fd: u32, _follow: u32, at: u32, length: u32, _read: u64, modified: u64,
            which: u32) =>
            files::path_set_times(host, Path { fd, at, length }, modified, which);
    }
    Ok(())
}
