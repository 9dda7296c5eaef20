//! The VM's errors, in the words of an outcome.
use near_account_id::AccountId;
use near_primitives::errors as outcome;
use near_vm_runner::logic::errors as vm;

/// Execution errors become text, as in a node's outcomes; what keeps a contract from being run at all stays typed.
pub(super) fn function_call_error(error: vm::FunctionCallError, called: &AccountId) -> outcome::FunctionCallError {
    match error {
        vm::FunctionCallError::CompilationError(error) => {
            outcome::FunctionCallError::CompilationError(compilation_error(error, called))
        }
        vm::FunctionCallError::MethodResolveError(error) => {
            outcome::FunctionCallError::MethodResolveError(match error {
                vm::MethodResolveError::MethodEmptyName => outcome::MethodResolveError::MethodEmptyName,
                vm::MethodResolveError::MethodNotFound => outcome::MethodResolveError::MethodNotFound,
                vm::MethodResolveError::MethodInvalidSignature => outcome::MethodResolveError::MethodInvalidSignature,
            })
        }
        vm::FunctionCallError::LinkError { msg } => {
            outcome::FunctionCallError::ExecutionError(format!("Link Error: {msg}"))
        }
        error @ (vm::FunctionCallError::HostError(_)
        | vm::FunctionCallError::WasmTrap(_)
        | vm::FunctionCallError::LoadingError { .. }) => outcome::FunctionCallError::ExecutionError(error.to_string()),
    }
}

fn compilation_error(error: vm::CompilationError, called: &AccountId) -> outcome::CompilationError {
    match error {
        vm::CompilationError::CodeDoesNotExist { .. } => {
            outcome::CompilationError::CodeDoesNotExist { account_id: called.clone() }
        }
        vm::CompilationError::PrepareError(error) => outcome::CompilationError::PrepareError(prepare_error(&error)),
        vm::CompilationError::WasmerCompileError { msg } | vm::CompilationError::WasmtimeCompileError { msg } => {
            outcome::CompilationError::WasmerCompileError { msg }
        }
    }
}

fn prepare_error(error: &vm::PrepareError) -> outcome::PrepareError {
    use outcome::PrepareError as To;
    use vm::PrepareError as From;
    match error {
        From::Serialization => To::Serialization,
        From::Deserialization => To::Deserialization,
        From::InternalMemoryDeclared => To::InternalMemoryDeclared,
        From::GasInstrumentation => To::GasInstrumentation,
        From::StackHeightInstrumentation => To::StackHeightInstrumentation,
        From::Instantiate => To::Instantiate,
        From::Memory => To::Memory,
        From::TooManyFunctions => To::TooManyFunctions,
        From::TooManyLocals => To::TooManyLocals,
        From::TooManyTables => To::TooManyTables,
        From::TooManyTableElements => To::TooManyTableElements,
        From::FunctionBodyTooLarge => To::FunctionBodyTooLarge,
        From::InstrumentedCodeTooLarge => To::InstrumentedCodeTooLarge,
        From::TooManyBlocksPerFunction => To::TooManyBlocksPerFunction,
        From::TooManyBlocksPerContract => To::TooManyBlocksPerContract,
        From::TooManyTypes => To::TooManyTypes,
        From::TooManyParamsPerContract => To::TooManyParamsPerContract,
        From::TooManyParamsPerFunction => To::TooManyParamsPerFunction,
        From::OperandStackTooLarge => To::OperandStackTooLarge,
        From::TooManyGlobals => To::TooManyGlobals,
    }
}
