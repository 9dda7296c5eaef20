//! JSON schemas of what serde does not derive, for the contract's ABI; those of derived types stand beside the types.
//!
//! A schema says no less than the reader takes, and of its checks what a schema can say.

use crate::{
    code_source::{BuildTarget, CommitId, MAX_PATH_BYTES, MAX_REPO_BYTES, RepoUrl, SourcePath, WasmUrl},
    data_id::DataId,
    failure::FailureCode,
    sha256::Sha256,
};
use schemars::{JsonSchema, r#gen::SchemaGenerator, schema::Schema};
use serde_json::json;

/// `return_value`, as an answer is read.
pub(crate) struct Bytes;

/// Gives types the schemas that stand here as JSON.
macro_rules! schemas {
    ($($name:ident = $json:expr;)*) => {$(
        impl JsonSchema for $name {
            fn schema_name() -> String {
                stringify!($name).to_owned()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                // What is no schema would allow anything: the snapshot of the ABI shows it.
                serde_json::from_value($json).unwrap_or(Schema::Bool(true))
            }
        }
    )*};
}

schemas! {
    RepoUrl = json!({
        "description": "A repository's address, without credentials.",
        "type": "string", "maxLength": MAX_REPO_BYTES, "pattern": "^[a-z]+://[!-~]+$",
    });
    WasmUrl = json!({
        "description": "The address of a compiled program, without credentials.",
        "type": "string", "maxLength": MAX_REPO_BYTES, "pattern": "^https?://[!-~]+$",
    });
    CommitId = json!({
        "description": "A commit's hexadecimal name; never a branch or a tag.",
        "type": "string", "pattern": "^[0-9a-f]{6,40}$",
    });
    SourcePath = json!({
        "description": "A folder inside a repository: relative, without `.` and `..`.",
        "type": "string", "minLength": 1, "maxLength": MAX_PATH_BYTES,
    });
    BuildTarget = json!({
        "description": "What a program is compiled for; `wasm32-wasi` is read as `wasm32-wasip1`.",
        "type": "string", "enum": ["wasm32-wasip1", "wasm32-wasi", "wasm32-wasip2", "wasm32-unknown-unknown"],
    });
    Sha256 = json!({
        "description": "A SHA-256 digest in hexadecimal.",
        "type": "string", "pattern": "^[0-9a-f]{64}$",
    });
    DataId = json!({
        "description": "The handle under which a suspended transaction waits: 32 bytes.",
        "type": "array", "minItems": 32, "maxItems": 32, "items": byte(),
    });
    FailureCode = json!({
        "description": "What went wrong.",
        "type": "string", "enum": FailureCode::ALL,
    });
    Bytes = json!({
        "description": "Bytes: a string of base64, or an array of numbers, which costs far more gas.",
        "anyOf": [{ "type": "string" }, { "type": "array", "items": byte() }, { "type": "null" }],
    });
}

fn byte() -> serde_json::Value {
    json!({ "type": "integer", "format": "uint8", "minimum": 0, "maximum": 255 })
}
