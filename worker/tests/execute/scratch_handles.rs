//! The scratch directory behind WASI 0.2, at its edges: components written by hand call it as no library would.

use crate::support::{Fixture, message, text, wat_program};
use offchainvm_interface::{FailureCode, ResourceLimits, limits::BYTES_PER_MB};
use offchainvm_worker::execute::Outcome;

const LIMITS: ResourceLimits =
    ResourceLimits { max_instructions: 2_000_000_000, max_memory_mb: 64, max_execution_seconds: 60 };

/// The functions by short names: the instance and the name that each has there, and its parameters.
const FUNCTIONS: [(&str, &str, &str, &str); 16] = [
    ("directories", "preopens", "get-directories", "i32"),
    ("open", "files", "[method]descriptor.open-at", "i32 i32 i32 i32 i32 i32 i32"),
    ("read", "files", "[method]descriptor.read", "i32 i64 i64 i32"),
    ("write", "files", "[method]descriptor.write", "i32 i32 i32 i64 i32"),
    ("set-size", "files", "[method]descriptor.set-size", "i32 i64 i32"),
    ("unlink", "files", "[method]descriptor.unlink-file-at", "i32 i32 i32 i32"),
    ("symlink", "files", "[method]descriptor.symlink-at", "i32 i32 i32 i32 i32 i32"),
    ("reader", "files", "[method]descriptor.read-via-stream", "i32 i64 i32"),
    ("writer", "files", "[method]descriptor.write-via-stream", "i32 i64 i32"),
    ("appender", "files", "[method]descriptor.append-via-stream", "i32 i32"),
    ("lister", "files", "[method]descriptor.read-directory", "i32 i32"),
    ("code", "files", "filesystem-error-code", "i32 i32"),
    ("stream-read", "io", "[method]input-stream.read", "i32 i64 i32"),
    ("check-write", "io", "[method]output-stream.check-write", "i32 i32"),
    ("stream-write", "io", "[method]output-stream.write", "i32 i32 i32 i32"),
    ("splice", "io", "[method]output-stream.blocking-splice", "i32 i32 i64 i32"),
];
/// What gives a handle back.
const DROPS: [(&str, &str); 4] =
    [("close", "descriptor"), ("drop-input", "input"), ("drop-output", "output"), ("drop-listing", "listing")];

/// Answers are at 0, lists that are answered at a mebibyte, a path at 1024. The scratch directory is `$tmp`.
const HELPERS: &str = r#"
    (global $tmp (mut i32) (i32.const 0))
    (data (i32.const 1024) "file0000")
    ;; Traps unless both are the same.
    (func $same (param i32 i32) (if (i32.ne (local.get 0) (local.get 1)) (then unreachable)))
    ;; The last call gave a handle, or whatever lies where one would.
    (func $given (result i32) (call $same (i32.load8_u (i32.const 0)) (i32.const 0)) (i32.load (i32.const 4)))
    ;; The last call was refused with this code, which lies behind a byte, four, or eight.
    (func $refused-at (param $at i32) (param $code i32)
        (call $same (i32.load8_u (i32.const 0)) (i32.const 1))
        (call $same (i32.load8_u (local.get $at)) (local.get $code)))
    (func $refused (param $code i32) (call $refused-at (i32.const 4) (local.get $code)))
    ;; Asks for what is called by the first so many letters of the path, beside $from.
    (func $ask (param $from i32) (param $length i32) (param $how i32) (param $flags i32)
        (call $open (local.get $from) (i32.const 0) (i32.const 1024) (local.get $length)
            (local.get $how) (local.get $flags) (i32.const 0)))
    ;; The file of all eight, made if need be, to read and write.
    (func $file (result i32)
        (call $ask (global.get $tmp) (i32.const 8) (i32.const 1) (i32.const 3)) (call $given))
    (func $writer-at (param $file i32) (param $at i64) (result i32)
        (call $writer (local.get $file) (local.get $at) (i32.const 0)) (call $given))
    (func $reader-at (param $file i32) (param $at i64) (result i32)
        (call $reader (local.get $file) (local.get $at) (i32.const 0)) (call $given))
    ;; Writes 64 KiB again and again, until that is refused.
    (func $fill (param $stream i32)
        (loop $next
            (call $stream-write (local.get $stream) (i32.const 65536) (i32.const 65536) (i32.const 0))
            (br_if $next (i32.eqz (i32.load8_u (i32.const 0))))))
"#;

/// Runs a component whose `run` does `body`, with locals `$a`, `$b` and `$n`.
pub async fn run(body: &str, limits: ResourceLimits) -> Outcome {
    let (mut lowered, mut given, mut imported) = (String::new(), String::new(), String::new());
    let mut add = |name: &str, lower: &str, params: &str| {
        lowered += &format!("(core func ${name} (canon {lower}))\n");
        given += &format!("(export \"{name}\" (func ${name}))\n");
        imported += &format!("(import \"host\" \"{name}\" (func ${name} (param {params})))\n");
    };
    for (name, instance, function, params) in FUNCTIONS {
        add(name, &format!(r#"lower (func ${instance} "{function}") (memory $memory) (realloc $realloc)"#), params);
    }
    for (name, resource) in DROPS {
        add(name, &format!("resource.drop ${resource}"), "i32");
    }
    let text = format!(
        r#"(component {imports}
        (core module $libc
            (memory (export "memory") 40)
            ;; A place for bytes, and another for records.
            (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                (select (i32.const 1048576) (i32.const 512) (i32.eq (local.get 2) (i32.const 1)))))
        (core instance $libc (instantiate $libc))
        (alias core export $libc "memory" (core memory $memory))
        (alias core export $libc "realloc" (core func $realloc))
        {lowered}
        (core module $main
            (import "libc" "memory" (memory 40))
            {imported} {HELPERS}
            (func (export "run") (result i32) (local $a i32) (local $b i32) (local $n i32)
                (call $directories (i32.const 0))
                (global.set $tmp (i32.load (i32.load (i32.const 0))))
                {body}
                (i32.const 0)))
        (core instance $main (instantiate $main
            (with "libc" (instance $libc))
            (with "host" (instance {given}))))
        (func $run (result (result)) (canon lift (core func $main "run")))
        (instance $command (export "run" (func $run)))
        (export "wasi:cli/run@0.2.0" (instance $command)))"#,
        imports = include_str!("scratch_handles.wat"),
    );
    Fixture::new().run(&wat_program(&text), "", limits).await
}

#[tokio::test]
async fn so_much_can_be_open_and_no_more_and_what_is_closed_can_be_opened_again() {
    // 1,023 descriptors beside the directory itself, 4,096 streams of all kinds, 1,024 listings; then: quota.
    let body = "
        (loop $next
            (local.set $a (call $file))
            (br_if $next (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1023))))
        (call $ask (global.get $tmp) (i32.const 8) (i32.const 0) (i32.const 1)) (call $refused (i32.const 6))
        (call $close (local.get $a))
        (local.set $a (call $file))
        (local.set $n (i32.const 0))
        (loop $next
            (drop (call $reader-at (local.get $a) (i64.const 0)))
            (local.set $b (call $writer-at (local.get $a) (i64.const 0)))
            (br_if $next (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 2048))))
        (call $reader (local.get $a) (i64.const 0) (i32.const 0)) (call $refused (i32.const 6))
        (call $appender (local.get $a) (i32.const 0)) (call $refused (i32.const 6))
        (call $drop-output (local.get $b))
        (call $appender (local.get $a) (i32.const 0)) (drop (call $given))
        (local.set $n (i32.const 0))
        (loop $next
            (call $lister (global.get $tmp) (i32.const 0)) (local.set $b (call $given))
            (br_if $next (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1024))))
        (call $lister (global.get $tmp) (i32.const 0)) (call $refused (i32.const 6))
        (call $drop-listing (local.get $b))
        (call $lister (global.get $tmp) (i32.const 0)) (drop (call $given))";
    text(&run(body, LIMITS).await);
}

#[tokio::test]
async fn a_flood_of_handles_is_ended() {
    let body = "(loop $next (call $directories (i32.const 0)) (br $next))";
    let outcome = run(body, LIMITS).await;
    assert!(message(&outcome, FailureCode::Trap).contains("handle limit"), "{:?}", outcome.end);
    assert!(outcome.used.instructions > 100_000 * 500, "{:?}", outcome.used);
}

#[tokio::test]
async fn a_stream_that_finds_no_space_says_so_and_is_closed_and_what_is_given_back_can_be_used() {
    let limits = ResourceLimits { max_memory_mb: 4, ..LIMITS };
    let body = "
        (local.set $a (call $file))
        (local.set $b (call $writer-at (local.get $a) (i64.const 0)))
        (call $fill (local.get $b))
        ;; The write failed, and its error says: insufficient-space.
        (call $refused (i32.const 0))
        (call $code (i32.load (i32.const 8)) (i32.const 0)) (call $refused-at (i32.const 1) (i32.const 23))
        ;; From then on the stream is closed.
        (call $stream-write (local.get $b) (i32.const 65536) (i32.const 1) (i32.const 0)) (call $refused (i32.const 1))
        (call $check-write (local.get $b) (i32.const 0)) (call $refused-at (i32.const 8) (i32.const 1))
        ;; The descriptor says the same at once, and can be used when there is space.
        (call $write (local.get $a) (i32.const 65536) (i32.const 65536) (i64.const 0x1000000) (i32.const 0))
        (call $refused-at (i32.const 8) (i32.const 23))
        (call $set-size (local.get $a) (i64.const 0) (i32.const 0)) (drop (call $given))
        (local.set $b (call $writer-at (local.get $a) (i64.const 0)))
        (call $stream-write (local.get $b) (i32.const 65536) (i32.const 65536) (i32.const 0)) (drop (call $given))";
    let outcome = run(body, limits).await;
    text(&outcome);
    let peak = outcome.used.memory_bytes;
    assert!((4 * BYTES_PER_MB - 4_096..=4 * BYTES_PER_MB).contains(&peak), "less than a block was left: {peak}");
}

#[tokio::test]
async fn a_removed_file_lives_as_long_as_a_stream_and_its_space_comes_back_with_the_last_handle() {
    let limits = ResourceLimits { max_memory_mb: 4, ..LIMITS };
    let body = "
        (local.set $a (call $file))
        (i32.store8 (i32.const 65536) (i32.const 120))
        (local.set $b (call $writer-at (local.get $a) (i64.const 0)))
        (call $fill (local.get $b))
        (call $drop-output (local.get $b))
        (local.set $b (call $reader-at (local.get $a) (i64.const 0)))
        (call $unlink (global.get $tmp) (i32.const 1024) (i32.const 8) (i32.const 0)) (drop (call $given))
        (call $close (local.get $a))
        (call $stream-read (local.get $b) (i64.const 1) (i32.const 0))
        (call $same (call $given) (i32.const 1048576))
        (call $same (i32.load8_u (i32.const 1048576)) (i32.const 120))
        ;; There is space for a file, which is new and empty, and for nothing in it.
        (local.set $a (call $file))
        (local.set $n (call $writer-at (local.get $a) (i64.const 0)))
        (call $stream-write (local.get $n) (i32.const 65536) (i32.const 4096) (i32.const 0)) (call $refused (i32.const 0))
        (call $drop-input (local.get $b))
        (local.set $n (call $writer-at (local.get $a) (i64.const 0)))
        (call $stream-write (local.get $n) (i32.const 65536) (i32.const 65536) (i32.const 0)) (drop (call $given))
        ;; A stream reads to the end, which may move.
        (local.set $b (call $reader-at (local.get $a) (i64.const 65530)))
        (call $stream-read (local.get $b) (i64.const 100) (i32.const 0)) (drop (call $given))
        (call $same (i32.load (i32.const 8)) (i32.const 6))
        (call $stream-read (local.get $b) (i64.const 100) (i32.const 0)) (call $refused (i32.const 1))
        (call $appender (local.get $a) (i32.const 0))
        (call $stream-write (call $given) (i32.const 65536) (i32.const 3) (i32.const 0)) (drop (call $given))
        (call $stream-read (local.get $b) (i64.const 100) (i32.const 0)) (drop (call $given))
        (call $same (i32.load (i32.const 8)) (i32.const 3))";
    text(&run(body, limits).await);
}

#[tokio::test]
async fn one_call_moves_a_mebibyte_at_most_and_each_byte_is_paid_for() {
    let body = "
        (local.set $a (call $file))
        (call $set-size (local.get $a) (i64.const 0x7fffffffffffffff) (i32.const 0)) (drop (call $given))
        (call $read (local.get $a) (i64.const -1) (i64.const 0) (i32.const 0)) (drop (call $given))
        (call $same (i32.load (i32.const 8)) (i32.const 1048576))
        (call $same (i32.load8_u (i32.const 12)) (i32.const 0))
        (call $write (local.get $a) (i32.const 65536) (i32.const 2097152) (i64.const 0) (i32.const 0))
        (call $same (i32.load8_u (i32.const 0)) (i32.const 0))
        (call $same (i32.load (i32.const 8)) (i32.const 1048576))
        ;; The last bytes, and whether they are.
        (call $read (local.get $a) (i64.const 9) (i64.const 0x7ffffffffffffffc) (i32.const 0)) (drop (call $given))
        (call $same (i32.load (i32.const 8)) (i32.const 3))
        (call $same (i32.load8_u (i32.const 12)) (i32.const 1))
        (call $read (local.get $a) (i64.const 9) (i64.const -1) (i32.const 0)) (call $refused (i32.const 12))
        (call $writer (local.get $a) (i64.const -1) (i32.const 0)) (call $refused (i32.const 12))
        (call $set-size (local.get $a) (i64.const -1) (i32.const 0)) (call $refused-at (i32.const 1) (i32.const 8))";
    let outcome = run(body, LIMITS).await;
    text(&outcome);
    // A mebibyte out, two in, and the blocks of what was written.
    assert!((3 * BYTES_PER_MB..4 * BYTES_PER_MB).contains(&outcome.used.instructions), "{:?}", outcome.used);
    assert!(outcome.used.memory_bytes < 4 * BYTES_PER_MB, "{:?}", outcome.used);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_ends_nothing() {
    let body = "
        ;; Paths too long and empty, with a zero, from a root, out of the folder; flags that exclude each other.
        (call $ask (global.get $tmp) (i32.const 4097) (i32.const 1) (i32.const 3)) (call $refused (i32.const 18))
        (call $ask (global.get $tmp) (i32.const 0) (i32.const 1) (i32.const 3)) (call $refused (i32.const 20))
        (call $ask (global.get $tmp) (i32.const 9) (i32.const 1) (i32.const 3)) (call $refused (i32.const 12))
        (i32.store8 (i32.const 1024) (i32.const 47))
        (call $ask (global.get $tmp) (i32.const 8) (i32.const 1) (i32.const 3)) (call $refused (i32.const 20))
        (i32.store16 (i32.const 1024) (i32.const 0x2e2e))
        (call $ask (global.get $tmp) (i32.const 2) (i32.const 0) (i32.const 1)) (call $refused (i32.const 20))
        (call $ask (global.get $tmp) (i32.const 8) (i32.const 3) (i32.const 1)) (call $refused (i32.const 12))
        ;; A folder is not written, nor read as a file is; a file holds nothing.
        (call $ask (global.get $tmp) (i32.const 1) (i32.const 0) (i32.const 3)) (call $refused (i32.const 14))
        (call $ask (global.get $tmp) (i32.const 1) (i32.const 0) (i32.const 1)) (local.set $a (call $given))
        (call $reader (local.get $a) (i64.const 0) (i32.const 0)) (call $refused (i32.const 14))
        (call $writer (local.get $a) (i64.const 0) (i32.const 0)) (call $refused (i32.const 3))
        (local.set $a (call $file))
        (call $ask (local.get $a) (i32.const 8) (i32.const 1) (i32.const 3)) (call $refused (i32.const 24))
        (call $lister (local.get $a) (i32.const 0)) (call $refused (i32.const 24))
        ;; What was not opened to be written, or read.
        (call $ask (global.get $tmp) (i32.const 8) (i32.const 0) (i32.const 1)) (local.set $a (call $given))
        (call $appender (local.get $a) (i32.const 0)) (call $refused (i32.const 3))
        (call $set-size (local.get $a) (i64.const 0) (i32.const 0)) (call $refused-at (i32.const 1) (i32.const 12))
        (call $ask (global.get $tmp) (i32.const 8) (i32.const 0) (i32.const 2)) (local.set $a (call $given))
        (call $reader (local.get $a) (i64.const 0) (i32.const 0)) (call $refused (i32.const 3))
        ;; Links do not exist.
        (call $symlink (global.get $tmp) (i32.const 1024) (i32.const 8) (i32.const 1024) (i32.const 1) (i32.const 0))
        (call $refused-at (i32.const 1) (i32.const 27))
        ;; The directory itself is never closed, however often that is said.
        (call $directories (i32.const 0))
        (call $close (i32.load (i32.load (i32.const 0))))
        (drop (call $file))";
    text(&run(body, LIMITS).await);
}

#[tokio::test]
async fn a_path_that_is_too_long_is_paid_for_by_the_byte() {
    let body = "(loop $next
        (call $ask (global.get $tmp) (i32.const 1000000) (i32.const 1) (i32.const 3)) (call $refused (i32.const 18))
        (br_if $next (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 10))))";
    let outcome = run(body, LIMITS).await;
    text(&outcome);
    assert!((10_000_000..11_000_000).contains(&outcome.used.instructions), "{:?}", outcome.used);
}

#[tokio::test]
async fn a_file_can_be_spliced_into_another() {
    let body = "
        (local.set $a (call $file))
        (i64.store (i32.const 65536) (i64.const 0x6867666564636261)) ;; abcdefgh
        (local.set $b (call $writer-at (local.get $a) (i64.const 0)))
        (call $stream-write (local.get $b) (i32.const 65536) (i32.const 8) (i32.const 0)) (drop (call $given))
        (local.set $n (call $reader-at (local.get $a) (i64.const 2)))
        (call $splice (local.get $b) (local.get $n) (i64.const 3) (i32.const 0))
        (call $same (i32.load8_u (i32.const 0)) (i32.const 0))
        (call $same (i32.load (i32.const 8)) (i32.const 3))
        (call $read (local.get $a) (i64.const 100) (i64.const 8) (i32.const 0)) (drop (call $given))
        (call $same (i32.load (i32.const 8)) (i32.const 3))
        (call $same (i32.and (i32.load (i32.const 1048576)) (i32.const 0xffffff)) (i32.const 0x656463)) ;; cde
        ;; At the end of the one, the other gets nothing.
        (local.set $n (call $reader-at (local.get $a) (i64.const 11)))
        (call $splice (local.get $b) (local.get $n) (i64.const 3) (i32.const 0))
        (call $refused-at (i32.const 8) (i32.const 1))";
    text(&run(body, LIMITS).await);
}
