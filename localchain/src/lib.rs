//! A NEAR network in one process.
//!
//! The NEAR VM itself runs the contracts, with real gas, logs and limits; what surrounds it is written here: accounts,
//! keys, receipts, promises, yields, blocks. In the order a transaction passes through:
//!
//! | module | |
//! |---|---|
//! | `genesis` | what the chain starts from |
//! | `chain` | takes transactions in, makes blocks, answers questions |
//! | `door`, `validate`, `queue` | what is refused, and what waits for the next block |
//! | `apply` | what a block does: transactions, receipts, actions, refunds, yields |
//! | `vm` | runs a contract's method: the only place that names the NEAR VM |
//! | `fees` | what it all costs |
//! | `state` | what every account owns |
//! | `block`, `outcome`, `history` | what has happened |
//! | `view` | calls that only read |
//! | `node` | the chain as several threads hold it, and its clock |
//! | `rpc`, `views`, `neardata` | what a node serves: JSON-RPC, and blocks by height |
//! | `local` | all of it behind one value |
mod apply;
mod block;
mod chain;
mod door;
mod fees;
mod genesis;
mod history;
mod local;
mod neardata;
mod node;
mod outcome;
mod queue;
mod rpc;
mod state;
mod validate;
mod view;
mod views;
mod vm;

pub use apply::ApplyError;
pub use block::{Block, Chunk};
pub use chain::{Chain, ChainError};
pub use genesis::{Genesis, GenesisAccount, GenesisError, Validator};
pub use history::TransactionRecord;
pub use local::{LocalChain, LocalChainBuilder, StartError};
pub use node::{Blocks, DEFAULT_BLOCK_TIME, Node, NodeError, Ticker};
pub use outcome::{FinalOutcome, Outcome};
pub use state::{PatchError, State, StateError, StateRead};
pub use view::{ViewCall, ViewError, ViewOutcome};
pub use vm::VmError;
