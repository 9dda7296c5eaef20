//! A world in which everything goes wrong that may go wrong between a worker and its chain, by a plan that can be
//! repeated.
//!
//! [`Proxy`] stands between the two and injects a [`Plan`]'s [`Fault`]s; `asked` tells questions apart, `disturb`
//! does what each fault is, `upstream` asks the chain.
//!
//! What is left out on purpose: a source that lies. A height that the chain skipped is never made up, nor a block's
//! content, nor an outcome: against those only a second source helps, and no order of retries.

mod asked;
mod disturb;
mod fault;
mod plan;
mod proxy;
mod upstream;

pub use fault::Fault;
pub use plan::Plan;
pub use proxy::{Proxy, Stats};
