//! Writes the contract's ABI into a folder: `abi.json` to be read, and `abi.zst`, the same for the wasm to carry.
//! `scripts/abi` runs it.
//!
//! The SDK's macros leave a function for every `#[near] impl` block that describes the block's methods. This puts the
//! descriptions together in the form of near-abi, and corrects what the macros cannot know.

#![expect(improper_ctypes, improper_ctypes_definitions, reason = "the macros return a tuple from an extern function")]

use near_abi::{
    __private::{AbiCombineError, ChunkedAbiEntry},
    AbiFunction, AbiFunctionKind, AbiMetadata, AbiParameters, AbiRoot, AbiType,
};
use near_sdk::{
    AccountId,
    schemars::{
        schema::{Schema, SchemaObject},
        schema_for,
        visit::{Visitor, visit_schema_object},
    },
    serde_json,
};
// Only to be linked: the functions below are in it.
use offchainvm_contract as _;
use std::{error::Error, fs, path::PathBuf};

/// Methods that the macros take for views because they do not borrow the root record to change it.
const CALLS: &[&str] = &["resolve_execution", "resolve_executions", "on_refund", "on_withdrawal"];

/// Methods that return JSON past the macros: what the program's output becomes, and the metadata of NEP-330.
const RETURNING_JSON: &[&str] = &["request_execution", "on_execution_response", "contract_source_metadata"];

/// What the macros make of an `impl` block: a buffer of JSON and its length.
type Block = extern "C" fn() -> (*const u8, usize);

/// Declares the macros' functions, which are named after the first method of their block, and lists them.
macro_rules! blocks {
    ($($function:ident)*) => {
        #[expect(unsafe_code, reason = "the SDK offers its descriptions through symbols only")]
        unsafe extern "C" {
            $(safe fn $function() -> (*const u8, usize);)*
        }

        const BLOCKS: &[Block] = &[$($function),*];
    };
}

blocks! {
    __near_abi_contract_source_metadata
    __near_abi_new
    __near_abi_request_execution
    __near_abi_resolve_execution
    __near_abi_on_execution_response
    __near_abi_cancel_stale_execution
    __near_abi_withdraw_fees
    __near_abi_set_operator
    __near_abi_set_pricing
    __near_abi_upgrade
    __near_abi_get_request
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: offchainvm-abi FOLDER")?);
    let chunks = BLOCKS.iter().map(described).collect::<Result<Vec<_>, _>>()?;
    let abi = assemble(chunks)?;
    fs::write(folder.join("abi.json"), serde_json::to_string_pretty(&abi)? + "\n")?;
    let compact = serde_json::to_vec(&abi)?;
    let level = *zstd::compression_level_range().end();
    fs::write(folder.join("abi.zst"), zstd::encode_all(compact.as_slice(), level)?)?;
    Ok(())
}

/// What the macros say of one block.
fn described(block: &Block) -> Result<ChunkedAbiEntry, serde_json::Error> {
    let (start, length) = block();
    // SAFETY: the macros return a buffer of that length, and give it up.
    #[expect(unsafe_code, reason = "as above")]
    let json = unsafe { std::slice::from_raw_parts(start, length) };
    serde_json::from_slice(json)
}

fn assemble(chunks: Vec<ChunkedAbiEntry>) -> Result<AbiRoot, AbiCombineError> {
    let mut abi = ChunkedAbiEntry::combine(chunks)?.into_abi_root(AbiMetadata {
        name: Some(env!("CARGO_PKG_NAME").to_owned()),
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        ..AbiMetadata::default()
    });
    let mut shorten = ShortenAccountIds::new();
    shorten.visit_root_schema(&mut abi.body.root_schema);
    for function in &mut abi.body.functions {
        correct(function);
        schemas(function).into_iter().for_each(|schema| shorten.visit_schema(schema));
    }
    Ok(abi)
}

/// The kind and the result that the macros cannot know.
fn correct(function: &mut AbiFunction) {
    if CALLS.contains(&function.name.as_str()) {
        function.kind = AbiFunctionKind::Call;
    }
    if RETURNING_JSON.contains(&function.name.as_str()) {
        function.result = Some(AbiType::Json { type_schema: Schema::Bool(true) });
    }
}

/// The schemas of what a function takes and returns.
fn schemas(function: &mut AbiFunction) -> Vec<&mut Schema> {
    let result = match &mut function.result {
        Some(AbiType::Json { type_schema }) => Some(type_schema),
        _ => None,
    };
    match &mut function.params {
        AbiParameters::Json { args } => args.iter_mut().map(|arg| &mut arg.type_schema).chain(result).collect(),
        AbiParameters::Borsh { .. } => result.into_iter().collect(),
    }
}

/// An account id is described by pages of its crate's documentation, again at each place where one is taken.
struct ShortenAccountIds {
    theirs: Option<String>,
}

impl ShortenAccountIds {
    fn new() -> Self {
        Self { theirs: schema_for!(AccountId).schema.metadata.and_then(|metadata| metadata.description) }
    }
}

impl Visitor for ShortenAccountIds {
    fn visit_schema_object(&mut self, schema: &mut SchemaObject) {
        if let Some(metadata) = &mut schema.metadata
            && metadata.description.is_some()
            && metadata.description == self.theirs
        {
            metadata.description = Some("An account id.".to_owned());
        }
        visit_schema_object(self, schema);
    }
}
