//! System calls that a stranger's code does without: those that hold memory which belongs to no process and no file
//! system, where neither the watched caps nor the kernel's limits see it.

use nix::libc;
use std::{
    fs::File,
    io::{self, Seek, Write},
};

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

/// Anonymous files, System V memory and message queues. What asks for one of them is told that the kernel has none.
const REFUSED: [libc::c_long; 5] =
    [libc::SYS_memfd_create, libc::SYS_memfd_secret, libc::SYS_shmget, libc::SYS_msgget, libc::SYS_io_uring_setup];

/// The second set of numbers that x86-64 has for the same calls begins here; aarch64 has none so high.
const OTHER_NUMBERS: u32 = 0x4000_0000;

/// Where the kernel puts the number of the call, and the processor's architecture, for a filter to load.
const NUMBER_OFFSET: u32 = 0;
const ARCHITECTURE_OFFSET: u32 = 4;

const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const IF_AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// The filter as a file to read from, as bubblewrap takes it.
pub(super) fn filter() -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(&program())?;
    file.rewind()?;
    Ok(file)
}

fn program() -> Vec<u8> {
    let refuse = instruction(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32);
    let mut program = vec![
        instruction(LOAD, 0, 0, ARCHITECTURE_OFFSET),
        // A program for another architecture would have other numbers: it is not run.
        instruction(IF_EQUAL, 1, 0, ARCHITECTURE),
        instruction(RETURN, 0, 0, libc::SECCOMP_RET_KILL_PROCESS),
        instruction(LOAD, 0, 0, NUMBER_OFFSET),
        instruction(IF_AT_LEAST, 0, 1, OTHER_NUMBERS),
        refuse,
    ];
    for number in REFUSED {
        program.push(instruction(IF_EQUAL, 0, 1, number as u32));
        program.push(refuse);
    }
    program.push(instruction(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW));
    program.concat()
}

/// One instruction as the kernel lays it out: what to do, how far to go on when true and when false, and a number.
fn instruction(code: u16, when_true: u8, when_false: u8, number: u32) -> [u8; 8] {
    let [c0, c1] = code.to_ne_bytes();
    let [n0, n1, n2, n3] = number.to_ne_bytes();
    [c0, c1, when_true, when_false, n0, n1, n2, n3]
}
