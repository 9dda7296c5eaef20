//! Compiling happens elsewhere: a module made to cost much costs its own process, and the next program runs.

use crate::support::{Fixture, assemble, config, leb128, message, repeatable};
use offchainvm_interface::{FailureCode, ResourceLimits, ResourcesUsed};
use offchainvm_worker::execute::{Compiler, End, ExecuteConfig, ExecuteSetupError, Executor, Program};
use std::{
    io::Write,
    process::{Command, Stdio},
};

/// A valid command with one function of so many steps: compilers take memory and time with the size of a function.
fn gigantic_function(steps: usize) -> Program {
    // (local.set 0 (i32.add (local.get 0) (i32.const 1)))
    let step = [0x20, 0, 0x41, 1, 0x6a, 0x21, 0];
    let mut body = vec![1, 1, 0x7f];
    body.extend(step.repeat(steps));
    body.push(0x0b);
    let mut code = vec![1];
    code.extend(leb128(body.len()));
    code.extend(body);
    let sections =
        [(1, vec![1, 0x60, 0, 0]), (3, vec![1, 0]), (7, [&[1, 6], b"_start".as_slice(), &[0, 0]].concat()), (10, code)];
    Program::bytes(assemble(sections))
}

async fn refused(config: &ExecuteConfig, program: &Program, code: FailureCode) -> String {
    let fixture = Fixture::with(config);
    let outcome = fixture.run(program, "", ResourceLimits::default()).await;
    assert_eq!(outcome.used, ResourcesUsed::default(), "nothing has run");
    let message = message(&outcome, code).to_owned();
    assert_eq!(fixture.wat(r#"(module (func (export "_start")))"#).await.end, End::Success);
    message
}

#[tokio::test]
async fn a_module_that_compiles_to_ruin_takes_only_its_own_process() {
    let small = ExecuteConfig { compile_memory_mb: 320, parallel_runs: 1, ..config() };
    let said = refused(&small, &gigantic_function(600_000), FailureCode::BuildResourcesExceeded).await;
    assert_eq!(said, "compiling the module took more than 320 MiB of memory");

    let quick = ExecuteConfig { compile_timeout_seconds: 1, parallel_runs: 1, ..config() };
    let said = refused(&quick, &gigantic_function(1_000_000), FailureCode::BuildTimeout).await;
    assert_eq!(said, "compiling the module to machine code took longer than 1 s");
}

#[tokio::test]
async fn compiling_in_the_process_gives_the_same_outcomes() {
    let (apart, here) = (Fixture::new(), Fixture::with(&ExecuteConfig { compiler: Compiler::InProcess, ..config() }));
    for name in ["echo", "trap"] {
        let (a, b) = (apart.guest(name, "same").await, here.guest(name, "same").await);
        assert_eq!(repeatable(&a), repeatable(&b), "{name}");
    }
    for bytes in [b"".as_slice(), b"\0asm\x01\0\0\0\xff"] {
        let program = Program::bytes(bytes);
        let (a, b) = (
            apart.run(&program, "", ResourceLimits::default()).await,
            here.run(&program, "", ResourceLimits::default()).await,
        );
        assert_eq!(repeatable(&a), repeatable(&b));
    }
}

#[test]
fn what_does_not_compile_is_found_at_the_start() {
    let cache = tempfile::tempdir().unwrap();
    let with = |compiler| Executor::new(&ExecuteConfig { compiler, parallel_runs: 1, ..config() }, cache.path());
    // The last is this test's own program, which takes the command for a test's name.
    for compiler in
        [Compiler::Program("/no/such/program".into()), Compiler::Program("/bin/true".into()), Compiler::ThisProgram]
    {
        let error = with(compiler).err().unwrap();
        assert!(matches!(error, ExecuteSetupError::Compiler { .. }), "{error}");
        assert!(error.to_string().contains("set execute.compiler"), "{error}");
    }
    assert!(with(config().compiler).is_ok());
}

#[test]
fn the_command_limits_itself_and_says_by_its_exit_code_what_came_of_it() {
    let compile = |wasm: &[u8]| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_offchainvm"))
            .args(["compile-module", "--memory-mb", "1024", "--seconds", "10"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(wasm).unwrap();
        child.wait_with_output().unwrap()
    };
    let output = compile(&wat::parse_str(r#"(module (func (export "_start")))"#).unwrap());
    assert!(output.status.success() && output.stdout.starts_with(b"\x7fELF"));
    let output = compile(b"\0asm\x01\0\0\0\xff");
    assert_eq!(output.status.code(), Some(65));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("not a WebAssembly module that we run"));
}
