//! Arguments that several subcommands take.

use anyhow::Context;
use offchainvm_interface::ResourceLimits;
use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// What the program may use. The defaults are the contract's.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct LimitArgs {
    /// WebAssembly instructions
    #[arg(long, value_name = "N", default_value_t = ResourceLimits::default().max_instructions)]
    max_instructions: u64,
    /// Memory in MiB
    #[arg(long, value_name = "N", default_value_t = ResourceLimits::default().max_memory_mb)]
    max_memory_mb: u32,
    /// Time in seconds
    #[arg(long, value_name = "N", default_value_t = ResourceLimits::default().max_execution_seconds)]
    max_seconds: u32,
}

impl From<LimitArgs> for ResourceLimits {
    fn from(args: LimitArgs) -> Self {
        Self {
            max_instructions: args.max_instructions,
            max_memory_mb: args.max_memory_mb,
            max_execution_seconds: args.max_seconds,
        }
    }
}

/// What the program reads on standard input; nothing by default.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(multiple = false)]
pub struct InputArgs {
    /// The input itself
    #[arg(long, value_name = "TEXT")]
    input: Option<String>,
    /// A file that holds the input, or - for this command's own standard input
    #[arg(long, value_name = "FILE")]
    input_file: Option<PathBuf>,
}

impl InputArgs {
    /// The input's bytes.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(self) -> anyhow::Result<Vec<u8>> {
        match (self.input, self.input_file) {
            (Some(text), _) => Ok(text.into_bytes()),
            (None, Some(path)) if path == Path::new("-") => {
                let mut input = Vec::new();
                io::stdin().read_to_end(&mut input).context("standard input cannot be read")?;
                Ok(input)
            }
            (None, Some(path)) => {
                fs::read(&path).with_context(|| format!("the input {} cannot be read", path.display()))
            }
            (None, None) => Ok(Vec::new()),
        }
    }
}
