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
mod apply;
mod block;
mod chain;
mod door;
mod fees;
mod genesis;
mod history;
mod outcome;
mod queue;
mod state;
mod validate;
mod view;
mod vm;

pub use apply::ApplyError;
pub use block::{Block, Chunk};
pub use chain::{Chain, ChainError};
pub use genesis::{Genesis, GenesisAccount, GenesisError, Validator};
pub use history::TransactionRecord;
pub use outcome::{FinalOutcome, Outcome};
pub use state::{PatchError, State, StateError, StateRead};
pub use view::{ViewCall, ViewError, ViewOutcome};
pub use vm::VmError;
