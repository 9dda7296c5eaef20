//! The functions of descriptors and paths: each goes to the standard streams, or to the files.

use super::{
    Host, MODULE, RunState,
    files::{self, FIRST, How, Path, Transfer},
    guest::{Errno, call},
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
    linker
        .func_wrap(MODULE, "fd_read", |mut host: Host<'_>, fd: u32, buffers: u32, count: u32, told: u32| {
            call(&mut host, |host| match fd {
                FIRST.. => files::read(host, fd, &Transfer { buffers, count, told }, None),
                _ => stdio::read(host, fd, buffers, count, told),
            })
        })?
        .func_wrap(MODULE, "fd_write", |mut host: Host<'_>, fd: u32, buffers: u32, count: u32, told: u32| {
            call(&mut host, |host| match fd {
                FIRST.. => files::write(host, fd, &Transfer { buffers, count, told }, None),
                _ => stdio::write(host, fd, buffers, count, told),
            })
        })?
        .func_wrap(MODULE, "fd_pread", |mut host: Host<'_>, fd: u32, buffers: u32, count: u32, at: u64, told: u32| {
            call(&mut host, |host| match fd {
                FIRST.. => files::read(host, fd, &Transfer { buffers, count, told }, Some(at)),
                _ => stdio::no_position(host, fd),
            })
        })?
        .func_wrap(MODULE, "fd_pwrite", |mut host: Host<'_>, fd: u32, buffers: u32, count: u32, at: u64, told: u32| {
            call(&mut host, |host| match fd {
                FIRST.. => files::write(host, fd, &Transfer { buffers, count, told }, Some(at)),
                _ => stdio::no_position(host, fd),
            })
        })?
        .func_wrap(MODULE, "fd_seek", |mut host: Host<'_>, fd: u32, offset: i64, whence: u32, told: u32| {
            call(&mut host, |host| match fd {
                FIRST.. => files::seek(host, fd, offset, whence, told),
                _ => stdio::no_position(host, fd),
            })
        })?
        .func_wrap(MODULE, "fd_tell", |mut host: Host<'_>, fd: u32, told: u32| {
            call(&mut host, |host| match fd {
                FIRST.. => files::tell(host, fd, told),
                _ => stdio::no_position(host, fd),
            })
        })?
        .func_wrap(MODULE, "fd_filestat_set_size", |mut host: Host<'_>, fd: u32, length: u64| {
            call(&mut host, |host| files::set_size(host, fd, length))
        })?
        .func_wrap(
            MODULE,
            "fd_readdir",
            |mut host: Host<'_>, fd: u32, at: u32, length: u32, cookie: u64, told: u32| {
                call(&mut host, |host| files::list(host, fd, (at, length), cookie, told))
            },
        )?;
    Ok(())
}

/// What descriptors are, and whether they are.
fn about(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    linker
        .func_wrap(MODULE, "fd_close", |mut host: Host<'_>, fd: u32| {
            call(&mut host, |host| match fd {
                FIRST.. => files::close(host, fd),
                _ => stdio::close(host, fd),
            })
        })?
        .func_wrap(MODULE, "fd_renumber", |mut host: Host<'_>, from: u32, to: u32| {
            call(&mut host, |host| match (from, to) {
                (FIRST.., FIRST..) => files::renumber(host, from, to),
                // A stream stays what it is.
                _ => Err(Errno::NOTSUP.into()),
            })
        })?
        .func_wrap(MODULE, "fd_prestat_get", |mut host: Host<'_>, fd: u32, at: u32| {
            call(&mut host, |host| files::prestat(host, fd, at))
        })?
        .func_wrap(MODULE, "fd_prestat_dir_name", |mut host: Host<'_>, fd: u32, at: u32, length: u32| {
            call(&mut host, |host| files::prestat_name(host, fd, at, length))
        })?
        .func_wrap(MODULE, "fd_fdstat_get", |mut host: Host<'_>, fd: u32, at: u32| {
            call(&mut host, |host| match fd {
                FIRST.. => files::fdstat(host, fd, at),
                _ => stdio::fdstat(host, fd, at),
            })
        })?
        .func_wrap(MODULE, "fd_fdstat_set_flags", |mut host: Host<'_>, fd: u32, flags: u32| {
            call(&mut host, |host| match fd {
                FIRST.. => files::set_flags(host, fd, flags),
                _ => stdio::set_flags(host, fd),
            })
        })?
        .func_wrap(MODULE, "fd_filestat_get", |mut host: Host<'_>, fd: u32, at: u32| {
            call(&mut host, |host| match fd {
                FIRST.. => files::filestat(host, fd, at),
                _ => stdio::filestat(host, fd, at),
            })
        })?
        .func_wrap(
            MODULE,
            "fd_filestat_set_times",
            |mut host: Host<'_>, fd: u32, _read: u64, modified: u64, which: u32| {
                call(&mut host, |host| files::set_times(host, fd, modified, which))
            },
        )?;
    Ok(())
}

/// What needs nothing to be done: everything is in memory already, and there is no more to be known about it.
fn accepted(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    linker
        .func_wrap(MODULE, "fd_sync", |mut host: Host<'_>, fd: u32| {
            call(&mut host, |host| files::expect_open(host, fd))
        })?
        .func_wrap(MODULE, "fd_datasync", |mut host: Host<'_>, fd: u32| {
            call(&mut host, |host| files::expect_open(host, fd))
        })?
        .func_wrap(MODULE, "fd_advise", |mut host: Host<'_>, fd: u32, _: u64, _: u64, _: u32| {
            call(&mut host, |host| files::expect_open(host, fd))
        })?;
    Ok(())
}

/// What paths name.
fn paths(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    linker
        .func_wrap(
            MODULE,
            "path_open",
            |mut host: Host<'_>,
             fd: u32,
             _follow: u32,
             at: u32,
             length: u32,
             open: u32,
             rights: u64,
             _inherited: u64,
             descriptor: u32,
             told: u32| {
                call(&mut host, |host| {
                    files::open(host, Path { fd, at, length }, &How { open, rights, descriptor }, told)
                })
            },
        )?
        .func_wrap(MODULE, "path_create_directory", |mut host: Host<'_>, fd: u32, at: u32, length: u32| {
            call(&mut host, |host| files::make_folder(host, Path { fd, at, length }))
        })?
        .func_wrap(MODULE, "path_remove_directory", |mut host: Host<'_>, fd: u32, at: u32, length: u32| {
            call(&mut host, |host| files::remove_folder(host, Path { fd, at, length }))
        })?
        .func_wrap(MODULE, "path_unlink_file", |mut host: Host<'_>, fd: u32, at: u32, length: u32| {
            call(&mut host, |host| files::remove_file(host, Path { fd, at, length }))
        })?
        .func_wrap(
            MODULE,
            "path_rename",
            |mut host: Host<'_>, fd: u32, at: u32, length: u32, new_fd: u32, new_at: u32, new_length: u32| {
                let new = Path { fd: new_fd, at: new_at, length: new_length };
                call(&mut host, |host| files::rename(host, Path { fd, at, length }, new))
            },
        )?
        .func_wrap(
            MODULE,
            "path_readlink",
            |mut host: Host<'_>, fd: u32, at: u32, length: u32, _into: u32, _space: u32, _told: u32| {
                call(&mut host, |host| files::read_link(host, Path { fd, at, length }))
            },
        )?
        .func_wrap(
            MODULE,
            "path_filestat_get",
            |mut host: Host<'_>, fd: u32, _follow: u32, at: u32, length: u32, told: u32| {
                call(&mut host, |host| files::path_filestat(host, Path { fd, at, length }, told))
            },
        )?
        .func_wrap(
            MODULE,
            "path_filestat_set_times",
            |mut host: Host<'_>, fd: u32, _follow: u32, at: u32, length: u32, _read: u64, modified: u64, which: u32| {
                call(&mut host, |host| files::path_set_times(host, Path { fd, at, length }, modified, which))
            },
        )?;
    Ok(())
}
