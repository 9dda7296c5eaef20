//! What kind of program a module is, and how each is called: told from the module itself, whatever its caller says.

use super::{
    component, engine,
    error::Refusal,
    function,
    state::RunState,
    wasi::{self, ENTRY},
};
use crate::program::abi;
use offchainvm_interface::{FailureCode, response::cut};
use wasmtime::{Engine, InstancePre, Linker, Module, Store, component as model};
use wasmtime_wasi::p2::bindings::CommandPre;

/// The longest part of wasmtime's text about a module that goes into a message: it repeats the module's own names.
const MAX_REASON_BYTES: usize = 500;

/// A program whose imports are resolved and that only waits for its input.
#[derive(Clone)]
pub(super) enum Ready {
    /// A WASI preview 1 command: `wasm32-wasip1`.
    Command(InstancePre<RunState>),
    /// A module that is given bytes and gives bytes back, and imports nothing: `wasm32-unknown-unknown`.
    Function(InstancePre<RunState>),
    /// A component with the exports of a WASI 0.2 command: `wasm32-wasip2`.
    Component(CommandPre<RunState>),
}

impl Ready {
    /// The engine that runs it.
    pub(super) fn engine(&self) -> &Engine {
        match self {
            Self::Command(program) | Self::Function(program) => program.module().engine(),
            Self::Component(program) => program.engine(),
        }
    }

    /// Instantiates, which runs start functions, and calls the program.
    pub(super) async fn call(&self, store: &mut Store<RunState>) -> wasmtime::Result<()> {
        match self {
            Self::Command(program) => {
                let instance = program.instantiate_async(&mut *store).await?;
                instance.get_typed_func::<(), ()>(&mut *store, ENTRY)?.call_async(store, ()).await
            }
            Self::Function(program) => function::call(program, store).await,
            Self::Component(program) => component::call(program, store).await,
        }
    }
}

/// What each kind of program may import.
pub(super) struct Linkers {
    command: Linker<RunState>,
    nothing: Linker<RunState>,
    component: model::Linker<RunState>,
}

impl Linkers {
    pub(super) fn new(engine: &Engine) -> wasmtime::Result<Self> {
        Ok(Self { command: wasi::linker(engine)?, nothing: Linker::new(engine), component: component::linker(engine)? })
    }

    /// Makes a core module ready: a function if it exports what one does, otherwise a command.
    pub(super) fn module(&self, module: &Module) -> Result<Ready, Refusal> {
        engine::fits(&module.resources_required(), engine::MAX_TABLES_OF_MODULE).map_err(too_much)?;
        if function::is_function(module) {
            return self.nothing.instantiate_pre(module).map(Ready::Function).map_err(|error| alien_import(&error));
        }
        if !wasi::is_command(module) {
            let message = format!(
                "the module exports neither a command ({ENTRY}, without parameters and results) nor a function ({}, {} \
                 and {}, as docs/GUESTS.md describes them)",
                abi::RUN,
                abi::ALLOC,
                abi::MEMORY
            );
            return Err(Refusal { code: FailureCode::NotWasm, message });
        }
        self.command.instantiate_pre(module).map(Ready::Command).map_err(|error| alien_import(&error))
    }

    /// Makes a component ready.
    pub(super) fn component(&self, component: &model::Component) -> Result<Ready, Refusal> {
        if let Some(needed) = component.resources_required() {
            engine::fits(&needed, engine::MAX_TABLES).map_err(too_much)?;
        }
        let linked = self.component.instantiate_pre(component).map_err(|error| alien_import(&error))?;
        CommandPre::new(linked)
            .map(Ready::Component)
            .map_err(|error| refusal(FailureCode::NotWasm, "the component is not a command: ", &error))
    }
}

fn too_much(reason: String) -> Refusal {
    Refusal { code: FailureCode::NotWasm, message: format!("not a WebAssembly module that we run: {reason}") }
}

/// wasmtime's text names the first import that nobody offers.
fn alien_import(error: &wasmtime::Error) -> Refusal {
    refusal(FailureCode::ImportNotAllowed, "", error)
}

/// A refusal in wasmtime's words.
pub(super) fn refusal(code: FailureCode, about: &str, error: &wasmtime::Error) -> Refusal {
    let reason = format!("{error:#}");
    Refusal { code, message: format!("{about}{}", cut(&reason, MAX_REASON_BYTES)) }
}
