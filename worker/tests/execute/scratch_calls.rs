//! The calls behind the scratch directory, at their edges: modules written by hand call them as no library would.

use crate::support::{Fixture, message, wat_program};
use offchainvm_interface::{FailureCode, ResourceLimits, limits::BYTES_PER_MB};
use offchainvm_worker::execute::{End, Outcome};

const LIMITS: ResourceLimits =
    ResourceLimits { max_instructions: 2_000_000_000, max_memory_mb: 64, max_execution_seconds: 60 };

/// The functions by short names, and some helpers. Address 0 is for answers, a path is at 1024.
const PRELUDE: &str = r#"
    (import "wasi_snapshot_preview1" "path_open"
        (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_symlink" (func $symlink (param i32 i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_link" (func $link (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_pwrite" (func $pwrite (param i32 i32 i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_filestat_set_size" (func $set_size (param i32 i64) (result i32)))
    (import "wasi_snapshot_preview1" "fd_readdir" (func $readdir (param i32 i32 i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_renumber" (func $renumber (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_tell" (func $tell (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $prestat_name (param i32 i32 i32) (result i32)))
    (memory (export "memory") 2)
    (data (i32.const 1024) "file0000")

    ;; Traps unless both are the same.
    (func $same (param i32 i32) (if (i32.ne (local.get 0) (local.get 1)) (then unreachable)))
    ;; Opens what is called by the first so many letters of the path, with these flags, to read and write.
    (func $open (param $length i32) (param $flags i32) (result i32)
        (call $path_open (i32.const 3) (i32.const 0) (i32.const 1024) (local.get $length) (local.get $flags)
            (i64.const 66) (i64.const 0) (i32.const 0) (i32.const 0)))
    ;; Writes a number of four digits at the end of the path.
    (func $number (param $n i32)
        (i32.store8 (i32.const 1028) (i32.add (i32.const 48) (i32.div_u (local.get $n) (i32.const 1000))))
        (i32.store8 (i32.const 1029)
            (i32.add (i32.const 48) (i32.rem_u (i32.div_u (local.get $n) (i32.const 100)) (i32.const 10))))
        (i32.store8 (i32.const 1030)
            (i32.add (i32.const 48) (i32.rem_u (i32.div_u (local.get $n) (i32.const 10)) (i32.const 10))))
        (i32.store8 (i32.const 1031) (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 10)))))
    ;; Makes so many empty files.
    (func $files (param $count i32) (local $n i32)
        (loop $next
            (call $number (local.get $n))
            (call $same (call $open (i32.const 8) (i32.const 5)) (i32.const 0))
            (call $same (call $close (i32.load (i32.const 0))) (i32.const 0))
            (br_if $next (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (local.get $count)))))
"#;

async fn run(around: &str, body: &str, limits: ResourceLimits) -> Outcome {
    let text = format!(r#"(module {PRELUDE} {around} (func (export "_start") (local $n i32) {body}))"#);
    Fixture::new().run(&wat_program(&text), "", limits).await
}

#[track_caller]
fn worked(outcome: Outcome) -> Outcome {
    assert_eq!(outcome.end, End::Success, "{}", outcome.stderr);
    outcome
}

#[tokio::test]
async fn a_listing_in_buffers_of_one_entry_is_whole_and_costs_no_more_for_a_large_folder() {
    // Each name is eight letters long: 32 bytes are an entry. `.` and `..` are read before.
    let list = |files: u32, remove: &str| {
        format!(
            "(call $files (i32.const {files}))
            (loop $next
                (call $same
                    (call $readdir (i32.const 3) (i32.const 2048) (i32.const 32)
                        (i64.add (i64.extend_i32_u (local.get $n)) (i64.const 2)) (i32.const 0))
                    (i32.const 0))
                (call $same (i32.load (i32.const 0)) (i32.const 32))
                (call $number (local.get $n))
                (call $same (i32.load (i32.const 2076)) (i32.load (i32.const 1028)))
                {remove}
                (br_if $next
                    (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const {files}))))"
        )
    };
    let few = worked(run("", &list(100, ""), LIMITS).await).used.instructions;
    let many = worked(run("", &list(9_900, ""), LIMITS).await).used.instructions;
    // To make a file takes twice as many steps in a folder of ten thousand as in one of a hundred; to go on with a listing
    // takes no more.
    assert!(many < 2 * 99 * few, "{few} for a hundred and {many} for ninety-nine times as many");
    // What has been told can be removed, and the listing goes on behind it.
    let remove = "(call $same (call $unlink (i32.const 3) (i32.const 1024) (i32.const 8)) (i32.const 0))";
    worked(run("", &list(500, remove), LIMITS).await);
}

#[tokio::test]
async fn a_listing_that_begins_anywhere_pays_for_the_way_there() {
    let body = |calls: u32| {
        format!(
            "(call $files (i32.const 5000))
            (loop $next
                (call $same
                    (call $readdir (i32.const 3) (i32.const 2048) (i32.const 32) (i64.const 4002) (i32.const 0))
                    (i32.const 0))
                (call $same (i32.load (i32.const 2076)) (i32.const 0x30303034)) ;; 4000
                (br_if $next
                    (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const {calls}))))"
        )
    };
    let once = worked(run("", &body(1), LIMITS).await).used.instructions;
    let often = worked(run("", &body(101), LIMITS).await).used.instructions;
    assert!(often - once > 100 * 4_000 * 300, "{once} for one and {often} for a hundred more");
    let starved = ResourceLimits { max_instructions: once + 30_000_000, ..LIMITS };
    message(&run("", &body(101), starved).await, FailureCode::OutOfInstructions);
}

#[tokio::test]
async fn one_call_moves_a_mebibyte_at_most_however_many_buffers_it_names() {
    // A thousand buffers of all of the memory each, filled from a file without an end.
    let body = "
        (call $same (call $open (i32.const 8) (i32.const 1)) (i32.const 0))
        (call $same (call $set_size (i32.const 4) (i64.const 0x7fffffffffffffff)) (i32.const 0))
        (loop $next
            (i32.store (i32.add (i32.const 65536) (i32.mul (local.get $n) (i32.const 8))) (i32.const 0))
            (i32.store (i32.add (i32.const 65540) (i32.mul (local.get $n) (i32.const 8))) (i32.const 65536))
            (br_if $next (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1024))))
        (call $same (call $read (i32.const 4) (i32.const 65536) (i32.const 1024) (i32.const 0)) (i32.const 0))
        (call $same (i32.load (i32.const 0)) (i32.const 1048576))
        (call $same (call $write (i32.const 4) (i32.const 65536) (i32.const 1024) (i32.const 0)) (i32.const 0))
        (call $same (i32.load (i32.const 0)) (i32.const 1048576))
        (call $same (call $tell (i32.const 4) (i32.const 0)) (i32.const 0))
        (call $same (i32.load (i32.const 0)) (i32.const 2097152))
        (call $same (call $read (i32.const 4) (i32.const 65536) (i32.const 1025) (i32.const 0)) (i32.const 28))";
    let used = worked(run("", body, LIMITS).await).used;
    assert!((2 * BYTES_PER_MB..3 * BYTES_PER_MB).contains(&used.instructions), "{used:?}");
    assert!(used.memory_bytes < 2 * BYTES_PER_MB, "a mebibyte was written: {used:?}");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_ends_nothing() {
    let body = "
        ;; The directory says what it is called, and no other descriptor does.
        (call $same (call $prestat (i32.const 3) (i32.const 0)) (i32.const 0))
        (call $same (i32.load (i32.const 4)) (i32.const 4))
        (call $same (call $prestat (i32.const 4) (i32.const 0)) (i32.const 8))
        (call $same (call $prestat_name (i32.const 3) (i32.const 0) (i32.const 3)) (i32.const 37))
        (call $same (call $prestat_name (i32.const 3) (i32.const 0) (i32.const 4)) (i32.const 0))
        (call $same (i32.load (i32.const 0)) (i32.const 0x706d742f)) ;; /tmp
        ;; Addresses beyond the memory, paths too long, names that are no text, flags that exclude each other.
        (call $same (call $prestat (i32.const 3) (i32.const -4)) (i32.const 21))
        (call $same (call $unlink (i32.const 3) (i32.const -4) (i32.const 8)) (i32.const 21))
        (call $same (call $open (i32.const 4097) (i32.const 1)) (i32.const 37))
        (call $same (call $open (i32.const 0) (i32.const 1)) (i32.const 44))
        (call $same (call $open (i32.const 8) (i32.const 3)) (i32.const 28))
        (i32.store8 (i32.const 1024) (i32.const 0xff))
        (call $same (call $open (i32.const 8) (i32.const 1)) (i32.const 25))
        (i32.store8 (i32.const 1024) (i32.const 0))
        (call $same (call $open (i32.const 8) (i32.const 1)) (i32.const 28))
        (i32.store8 (i32.const 1024) (i32.const 102))
        ;; Links do not exist.
        (call $same
            (call $symlink (i32.const 1024) (i32.const 1) (i32.const 3) (i32.const 1025) (i32.const 1)) (i32.const 58))
        (call $same
            (call $link (i32.const 3) (i32.const 0) (i32.const 1024) (i32.const 1) (i32.const 3) (i32.const 1025)
                (i32.const 1))
            (i32.const 58))
        ;; Positions beyond the longest file.
        (call $same (call $open (i32.const 8) (i32.const 1)) (i32.const 0))
        (call $same (call $set_size (i32.const 4) (i64.const -1)) (i32.const 22))
        (i64.store (i32.const 16) (i64.const 0x0000000100000000))
        (call $same (call $pwrite (i32.const 4) (i32.const 16) (i32.const 1) (i64.const -1) (i32.const 0)) (i32.const 28))
        (call $same
            (call $pwrite (i32.const 4) (i32.const 16) (i32.const 1) (i64.const 0x7fffffffffffffff) (i32.const 0))
            (i32.const 22))
        ;; A stream stays what it is; a file takes another's number, and a folder a file's.
        (call $same (call $renumber (i32.const 4) (i32.const 1)) (i32.const 58))
        (call $same (call $renumber (i32.const 4) (i32.const 9)) (i32.const 8))
        (call $same (call $renumber (i32.const 4) (i32.const 3)) (i32.const 0))
        (call $same (call $tell (i32.const 3) (i32.const 0)) (i32.const 0))
        (call $same (call $tell (i32.const 4) (i32.const 0)) (i32.const 8))
        (call $same (call $prestat (i32.const 3) (i32.const 0)) (i32.const 8))
        (call $same (call $open (i32.const 8) (i32.const 1)) (i32.const 54))
        (call $same (call $close (i32.const 3)) (i32.const 0))
        (call $same (call $close (i32.const 3)) (i32.const 8))";
    worked(run("", body, LIMITS).await);
}

#[tokio::test]
async fn a_folder_that_was_moved_by_number_is_still_the_scratch_directory() {
    // The preopened folder takes a file's number: what it is called moves along.
    let body = "
        (call $same (call $open (i32.const 8) (i32.const 1)) (i32.const 0))
        (call $same (call $renumber (i32.const 3) (i32.const 4)) (i32.const 0))
        (call $same (call $prestat (i32.const 3) (i32.const 0)) (i32.const 8))
        (call $same (call $prestat (i32.const 4) (i32.const 0)) (i32.const 0))";
    worked(run("", body, LIMITS).await);
}

#[tokio::test]
async fn a_program_that_fills_its_memory_with_files_cannot_grow_and_one_that_has_grown_cannot_fill() {
    let limits = ResourceLimits { max_memory_mb: 2, ..LIMITS };
    let fill = "
        (call $same (call $open (i32.const 8) (i32.const 1)) (i32.const 0))
        (i64.store (i32.const 16) (i64.const 0x0001000000000000)) ;; 64 KiB from 0 on
        (loop $next (br_if $next (i32.eqz
            (call $write (i32.const 4) (i32.const 16) (i32.const 1) (i32.const 0)))))
        (call $same (call $write (i32.const 4) (i32.const 16) (i32.const 1) (i32.const 0)) (i32.const 51))";
    // What is left is less than a block.
    let full = worked(run("", fill, limits).await).used.memory_bytes;
    assert!((2 * BYTES_PER_MB - 4_096..=2 * BYTES_PER_MB).contains(&full), "{full}");
    let grow = "(drop (memory.grow (i32.const 1)))";
    message(&run("", &format!("{fill} {grow}"), limits).await, FailureCode::OutOfMemory);
    // Thirty pages, with the two that are there: all that there may be.
    let full = "(call $same (memory.grow (i32.const 30)) (i32.const 2))
        (call $same (call $open (i32.const 8) (i32.const 1)) (i32.const 51))";
    assert_eq!(worked(run("", full, limits).await).used.memory_bytes, 2 * BYTES_PER_MB);
}
