//! Components: what makes one a WASI preview 2 command.

use super::NotAProgram;
use wasmparser::{ComponentExternalKind, Parser, Payload};

/// The packages of WASI preview 2 whose interfaces a command may import. Which of their functions do anything is the
/// executor's business; here, that nothing else is asked for.
const PACKAGES: [&str; 6] = ["wasi:cli", "wasi:clocks", "wasi:filesystem", "wasi:io", "wasi:random", "wasi:sockets"];
/// The interface that a command exports.
const RUN: &str = "wasi:cli/run";
/// Every version of preview 2.
const VERSION: &str = "0.2.";

/// It exports `wasi:cli/run`, and imports interfaces of WASI preview 2 only.
///
/// The bytes must be valid.
pub(super) fn check_command(wasm: &[u8]) -> Result<(), NotAProgram> {
    let broken = |error| NotAProgram::not_wasm(format!("it is not valid WebAssembly: {error}"));
    let mut runs = false;
    // How deep in components and modules within the component.
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.map_err(broken)? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(imports) if depth == 0 => {
                for import in imports {
                    let name = import.map_err(broken)?.name.name;
                    if !PACKAGES.iter().any(|package| is_interface_of(package, name)) {
                        return Err(NotAProgram::import(format!(
                            "it imports {name:?}; a program for wasm32-wasip2 may import from {} only, version 0.2",
                            PACKAGES.join(", ")
                        )));
                    }
                }
            }
            Payload::ComponentExportSection(exports) if depth == 0 => {
                for export in exports {
                    let export = export.map_err(broken)?;
                    runs |= export.kind == ComponentExternalKind::Instance && is_version_of(RUN, export.name.name);
                }
            }
            _ => {}
        }
    }
    match runs {
        true => Ok(()),
        false => Err(NotAProgram::not_wasm(format!("it is no command: it does not export {RUN}"))),
    }
}

/// `package/interface@0.2.…`.
fn is_interface_of(package: &str, name: &str) -> bool {
    let rest = name.strip_prefix(package).and_then(|rest| rest.strip_prefix('/'));
    rest.and_then(|rest| rest.split_once('@')).is_some_and(|(_, version)| version.starts_with(VERSION))
}

fn is_version_of(interface: &str, name: &str) -> bool {
    let version = name.strip_prefix(interface).and_then(|rest| rest.strip_prefix('@'));
    version.is_some_and(|version| version.starts_with(VERSION))
}
