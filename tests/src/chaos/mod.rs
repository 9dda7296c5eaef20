//! A world in which everything goes wrong that may go wrong between a worker and its chain, by a plan that can be
//! repeated, and the run that proves that a worker loses nothing in it.
//!
//! [`Proxy`] stands between the two and injects a [`Plan`]'s [`Fault`]s: `asked` tells questions apart, `disturb` does
//! what each fault is, `upstream` asks the chain. [`run()`] is the run: `workload` is what is asked for, `callers` ask it,
//! `crew` are the workers that are killed and started again, `audit` checks the books afterwards and `store`
//! the workers' own record, `report` tells.
//!
//! [`SmallDisk`] and [`MovableClock`] are the two things that can go wrong with the machine itself.
//!
//! What is left out on purpose: a source that lies. A height that the chain skipped is never made up, nor a block's
//! content, nor an outcome: against those only a second source helps, and no order of retries.

mod asked;
mod audit;
mod callers;
mod clock;
mod crew;
mod disk;
mod disturb;
mod fault;
mod plan;
mod proxy;
mod report;
mod run;
mod store;
mod upstream;
mod workload;

pub use clock::MovableClock;
pub use disk::SmallDisk;
pub use fault::Fault;
pub use plan::Plan;
pub use proxy::{Proxy, Stats};
pub use report::Report;
pub use run::{Settings, run};
