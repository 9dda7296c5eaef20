//! What a program is, to whoever builds it and whoever runs it: its kinds, and whether bytes are one.
//!
//! - `module`: modules, that is WASI preview 1 commands and modules of our own small [`abi`]
//! - `component`: WASI preview 2 commands

pub mod abi;
mod component;
mod module;

#[cfg(test)]
mod tests;

use offchainvm_interface::{BuildTarget, FailureCode};
use wasmparser::{Encoding, Parser, Payload, Validator, types::Types};

/// Why bytes are no program.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct NotAProgram {
    /// `not_wasm`, or `import_not_allowed`.
    pub code: FailureCode,
    /// What is wrong, and what was expected.
    pub message: String,
}

impl NotAProgram {
    fn not_wasm(message: impl Into<String>) -> Self {
        Self { code: FailureCode::NotWasm, message: message.into() }
    }

    fn import(message: String) -> Self {
        Self { code: FailureCode::ImportNotAllowed, message }
    }
}

/// Checks that the bytes are a valid program of the kind that a target stands for; [`None`] takes any kind, as the bytes
/// themselves tell. Gives that kind.
///
/// # Errors
/// [`NotAProgram`] with `not_wasm` when the bytes are not valid WebAssembly, are of another kind or lack what makes one
/// of theirs; `import_not_allowed` when they import what no program of their kind may.
pub fn check(wasm: &[u8], expected: Option<BuildTarget>) -> Result<BuildTarget, NotAProgram> {
    let encoding = encoding(wasm)?;
    let types = validate(wasm)?;
    let types = types.as_ref();
    let kind = expected.unwrap_or_else(|| match encoding {
        Encoding::Component => BuildTarget::Wasm32Wasip2,
        Encoding::Module if module::exports(types, abi::RUN) => BuildTarget::Wasm32UnknownUnknown,
        Encoding::Module => BuildTarget::Wasm32Wasip1,
    });
    match (kind, encoding) {
        (BuildTarget::Wasm32Wasip1, Encoding::Module) => module::check_command(types)?,
        (BuildTarget::Wasm32UnknownUnknown, Encoding::Module) => module::check_bare(types)?,
        (BuildTarget::Wasm32Wasip2, Encoding::Component) => component::check_command(wasm)?,
        (BuildTarget::Wasm32Wasip2, Encoding::Module) => {
            return Err(NotAProgram::not_wasm("it is a module, but programs for wasm32-wasip2 are components"));
        }
        (_, Encoding::Component) => {
            return Err(NotAProgram::not_wasm(format!("it is a component, but programs for {kind} are modules")));
        }
    }
    Ok(kind)
}

fn encoding(wasm: &[u8]) -> Result<Encoding, NotAProgram> {
    match Parser::new(0).parse_all(wasm).next() {
        Some(Ok(Payload::Version { encoding, .. })) => Ok(encoding),
        Some(Ok(_)) => Err(NotAProgram::not_wasm("it does not begin as WebAssembly")),
        Some(Err(error)) => Err(NotAProgram::not_wasm(format!("it is not WebAssembly: {error}"))),
        None => Err(NotAProgram::not_wasm("it is empty")),
    }
}

fn validate(wasm: &[u8]) -> Result<Types, NotAProgram> {
    let invalid = |error| NotAProgram::not_wasm(format!("it is not valid WebAssembly: {error}"));
    Validator::new().validate_all(wasm).map_err(invalid)
}
