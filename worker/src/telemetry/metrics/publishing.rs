//! Answers on their way: lanes, transactions, batches, and what they cost.

use std::sync::atomic::AtomicU64;

use near_token::NearToken;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::{Metrics, measured, plain};
use crate::telemetry::LaneState;

/// YoctoNEAR in a NEAR, as a float: metrics are read as floats anyway.
const YOCTO_PER_NEAR: f64 = 1e24;

/// What became of a transaction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TxFate {
    /// Executed, and its call went through.
    Succeeded,
    /// Executed, and its call failed.
    Failed,
    /// The node refused it: it will not be executed.
    Refused,
    /// Nobody could say in time.
    Unknown,
}

impl TxFate {
    fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}

#[derive(Debug)]
pub(super) struct Publishing {
    lanes: Family<LaneLabels, Gauge>,
    transactions: Family<TransactionLabels, Counter>,
    results: Histogram,
    burnt_gas: Counter,
    spent: Counter<f64, AtomicU64>,
    balance: Gauge<f64, AtomicU64>,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct LaneLabels {
    lane: u32,
    state: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct TransactionLabels {
    lane: u32,
    fate: &'static str,
}

impl Publishing {
    pub(super) fn register(registry: &mut Registry) -> Self {
        Self {
            lanes: plain(
                registry,
                "lane_state",
                "1 for the state that the lane is in, idle, busy or unusable, and 0 for the others",
                Family::default(),
            ),
            transactions: plain(
                registry,
                "lane_transactions",
                "Transactions by lane and by what became of them: succeeded, failed, refused or unknown",
                Family::default(),
            ),
            results: plain(
                registry,
                "transaction_results",
                "Results in one transaction",
                Histogram::new([1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 180.0]),
            ),
            burnt_gas: plain(
                registry,
                "burnt_gas",
                "Gas that the operator's transactions have burnt, in units of gas (10^12 are a Tgas)",
                Counter::default(),
            ),
            spent: measured(
                registry,
                "gas_spent",
                Unit::Other("near".to_owned()),
                "NEAR that the operator has paid for gas",
                Counter::default(),
            ),
            balance: measured(
                registry,
                "operator_balance",
                Unit::Other("near".to_owned()),
                "The operator's balance in NEAR when it was last looked at",
                Gauge::default(),
            ),
        }
    }
}

fn near(amount: NearToken) -> f64 {
    amount.as_yoctonear() as f64 / YOCTO_PER_NEAR
}

impl Metrics {
    /// Says in what state a lane is.
    pub fn lane_state(&self, lane: u32, state: &LaneState) {
        for name in LaneState::NAMES {
            let labels = LaneLabels { lane, state: name };
            self.inner.publishing.lanes.get_or_create(&labels).set(i64::from(name == state.as_str()));
        }
    }

    /// Counts a transaction that carried `results` results.
    pub fn transaction(&self, lane: u32, fate: TxFate, results: usize) {
        let labels = TransactionLabels { lane, fate: fate.as_str() };
        self.inner.publishing.transactions.get_or_create(&labels).inc();
        self.inner.publishing.results.observe(results as f64);
    }

    /// Counts what a transaction has burnt: `gas` in units of gas, and what it cost.
    pub fn gas_spent(&self, gas: u64, cost: NearToken) {
        self.inner.publishing.burnt_gas.inc_by(gas);
        self.inner.publishing.spent.inc_by(near(cost));
    }

    /// Says what the operator has.
    pub fn operator_balance(&self, balance: NearToken) {
        self.inner.publishing.balance.set(near(balance));
    }
}
