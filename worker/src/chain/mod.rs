//! What the worker knows of NEAR: how to ask nodes, who signs, and how a transaction is sent and followed.

mod endpoints;
mod health;
mod lane_keys;
mod rpc;
mod send;
mod signer;
mod views;

pub use endpoints::{EndpointState, Endpoints, Round, http_reason, name_of};
pub use health::{Condition, Health};
pub use lane_keys::{LaneKeyError, LaneKeyFile, LaneKeys};
pub use rpc::{BlockRef, Rpc, RpcError, TxProgress};
pub use send::{Call, Landing, SendError, landing_of, next_nonce, sign_actions, sign_call};
pub use signer::{KeySource, OperatorSigner, Secret, SignerError};
pub use views::{Contract, PendingPage};
