//! What the worker knows of NEAR: how to ask a node, who signs, and how a transaction is sent and followed.

mod rpc;
mod send;
mod signer;
mod views;

pub use rpc::{BlockRef, Rpc, RpcError, TxProgress};
pub use send::{Call, Landing, SendError, landing_of, next_nonce, sign_call};
pub use signer::{KeySource, OperatorSigner, Secret, SignerError};
pub use views::{Contract, PendingPage};
