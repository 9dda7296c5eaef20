//! The functions of descriptors and paths: each goes to the standard streams, or to the files.

use super::{
    Host, MODULE, RunState,
    files::{self, FIRST, How, Path, Transfer},
    guest::{Errno, answer},
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
            answer(match fd {
                FIRST.. => files::read(&mut host, fd, &Transfer { buffers, count, told }, None),
                _ => stdio::read(&mut host, fd, buffers, count, told),
            })
        })?
        .func_wrap(MODULE, "fd_write", |mut host: Host<'_>, fd: u32, buffers: u32, count: u32, told: u32| {
            answer(match fd {
                FIRST.. => files::write(&mut host, fd, &Transfer { buffers, count, told }, None),
                _ => stdio::write(&mut host, fd, buffers, count, told),
            })
        })?
        .func_wrap(MODULE, "fd_pread", |mut host: Host<'_>, fd: u32, buffers: u32, count: u32, at: u64, told: u32| {
            answer(match fd {
                FIRST.. => files::read(&mut host, fd, &Transfer { buffers, count, told }, Some(at)),
                _ => stdio::no_position(&mut host, fd),
            })
        })?
        .func_wrap(MODULE, "fd_pwrite", |mut host: Host<'_>, fd: u32, buffers: u32, count: u32, at: u64, told: u32| {
            answer(match fd {
                FIRST.. => files::write(&mut host, fd, &Transfer { buffers, count, told }, Some(at)),
                _ => stdio::no_position(&mut host, fd),
            })
        })?
        .func_wrap(MODULE, "fd_seek", |mut host: Host<'_>, fd: u32, offset: i64, whence: u32, told: u32| {
            answer(match fd {
                FIRST.. => files::seek(&mut host, fd, offset, whence, told),
                _ => stdio::no_position(&mut host, fd),
            })
        })?
        .func_wrap(MODULE, "fd_tell", |mut host: Host<'_>, fd: u32, told: u32| {
            answer(match fd {
                FIRST.. => files::tell(&mut host, fd, told),
                _ => stdio::no_position(&mut host, fd),
            })
        })?
        .func_wrap(MODULE, "fd_filestat_set_size", |mut host: Host<'_>, fd: u32, length: u64| {
            answer(files::set_size(&mut host, fd, length))
        })?
        .func_wrap(
            MODULE,
            "fd_readdir",
            |mut host: Host<'_>, fd: u32, at: u32, length: u32, cookie: u64, told: u32| {
                answer(files::list(&mut host, fd, (at, length), cookie, told))
            },
        )?;
    Ok(())
}

/// What descriptors are, and whether they are.
fn about(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    linker
        .func_wrap(MODULE, "fd_close", |mut host: Host<'_>, fd: u32| {
            answer(match fd {
                FIRST.. => files::close(&mut host, fd),
                _ => stdio::close(&mut host, fd),
            })
        })?
        .func_wrap(MODULE, "fd_renumber", |mut host: Host<'_>, from: u32, to: u32| {
            answer(match (from, to) {
                (FIRST.., FIRST..) => files::renumber(&mut host, from, to),
                // A stream stays what it is.
                _ => Err(Errno::NOTSUP.into()),
            })
        })?
        .func_wrap(MODULE, "fd_prestat_get", |mut host: Host<'_>, fd: u32, at: u32| {
            answer(files::prestat(&mut host, fd, at))
        })?
        .func_wrap(MODULE, "fd_prestat_dir_name", |mut host: Host<'_>, fd: u32, at: u32, length: u32| {
            answer(files::prestat_name(&mut host, fd, at, length))
        })?
        .func_wrap(MODULE, "fd_fdstat_get", |mut host: Host<'_>, fd: u32, at: u32| {
            answer(match fd {
                FIRST.. => files::fdstat(&mut host, fd, at),
                _ => stdio::fdstat(&mut host, fd, at),
            })
        })?
        .func_wrap(MODULE, "fd_fdstat_set_flags", |mut host: Host<'_>, fd: u32, flags: u32| {
            answer(match fd {
                FIRST.. => files::set_flags(&mut host, fd, flags),
                _ => stdio::set_flags(&mut host, fd),
            })
        })?
        .func_wrap(MODULE, "fd_filestat_get", |mut host: Host<'_>, fd: u32, at: u32| {
            answer(match fd {
                FIRST.. => files::filestat(&mut host, fd, at),
                _ => stdio::filestat(&mut host, fd, at),
            })
        })?
        .func_wrap(
            MODULE,
            "fd_filestat_set_times",
            |mut host: Host<'_>, fd: u32, _read: u64, modified: u64, which: u32| {
                answer(files::set_times(&mut host, fd, modified, which))
            },
        )?;
    Ok(())
}

/// What needs nothing to be done: everything is in memory already, and there is no more to be known about it.
fn accepted(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    linker
        .func_wrap(MODULE, "fd_sync", |host: Host<'_>, fd: u32| files::is_open(&host, fd).0)?
        .func_wrap(MODULE, "fd_datasync", |host: Host<'_>, fd: u32| files::is_open(&host, fd).0)?
        .func_wrap(MODULE, "fd_advise", |host: Host<'_>, fd: u32, _: u64, _: u64, _: u32| {
            files::is_open(&host, fd).0
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
                answer(files::open(&mut host, Path { fd, at, length }, &How { open, rights, descriptor }, told))
            },
        )?
        .func_wrap(MODULE, "path_create_directory", |mut host: Host<'_>, fd: u32, at: u32, length: u32| {
            answer(files::make_folder(&mut host, Path { fd, at, length }))
        })?
        .func_wrap(MODULE, "path_remove_directory", |mut host: Host<'_>, fd: u32, at: u32, length: u32| {
            answer(files::remove_folder(&mut host, Path { fd, at, length }))
        })?
        .func_wrap(MODULE, "path_unlink_file", |mut host: Host<'_>, fd: u32, at: u32, length: u32| {
            answer(files::remove_file(&mut host, Path { fd, at, length }))
        })?
        .func_wrap(
            MODULE,
            "path_rename",
            |mut host: Host<'_>, fd: u32, at: u32, length: u32, new_fd: u32, new_at: u32, new_length: u32| {
                let new = Path { fd: new_fd, at: new_at, length: new_length };
                answer(files::rename(&mut host, Path { fd, at, length }, new))
            },
        )?
        .func_wrap(
            MODULE,
            "path_readlink",
            |mut host: Host<'_>, fd: u32, at: u32, length: u32, _into: u32, _space: u32, _told: u32| {
                answer(files::read_link(&mut host, Path { fd, at, length }))
            },
        )?
        .func_wrap(
            MODULE,
            "path_filestat_get",
            |mut host: Host<'_>, fd: u32, _follow: u32, at: u32, length: u32, told: u32| {
                answer(files::path_filestat(&mut host, Path { fd, at, length }, told))
            },
        )?
        .func_wrap(
            MODULE,
            "path_filestat_set_times",
            |mut host: Host<'_>, fd: u32, _follow: u32, at: u32, length: u32, _read: u64, modified: u64, which: u32| {
                answer(files::path_set_times(&mut host, Path { fd, at, length }, modified, which))
            },
        )?;
    Ok(())
}
