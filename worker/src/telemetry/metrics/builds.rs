//! Building and running programs.

use offchainvm_interface::FailureCode;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use super::{Metrics, plain};

/// How the build stage came by a program.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BuildOutcome {
    /// It was built now.
    Built,
    /// It had been built before.
    Cached,
    /// It was not to be had, and the code says why.
    Failed(FailureCode),
}

#[derive(Debug)]
pub(super) struct Builds {
    builds: Family<BuildLabels, Counter>,
    cache_hits: Counter,
    instructions: Counter,
    runs: Family<RunLabels, Counter>,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct BuildLabels {
    code: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RunLabels {
    code: &'static str,
}

impl Builds {
    pub(super) fn register(registry: &mut Registry) -> Self {
        Self {
            builds: plain(
                registry,
                "builds",
                "Builds that were begun and ended, by failure code, or success",
                Family::default(),
            ),
            cache_hits: plain(
                registry,
                "build_cache_hits",
                "Programs that were needed and had been built before",
                Counter::default(),
            ),
            instructions: plain(
                registry,
                "executed_instructions",
                "WebAssembly instructions that programs have used",
                Counter::default(),
            ),
            runs: plain(registry, "runs", "Programs that were run, by failure code, or success", Family::default()),
        }
    }
}

impl Metrics {
    /// Counts how the build stage came by a program, or did not.
    pub fn built(&self, how: BuildOutcome) {
        let builds = &self.inner.builds;
        let code = match how {
            BuildOutcome::Cached => {
                builds.cache_hits.inc();
                return;
            }
            BuildOutcome::Built => "success",
            BuildOutcome::Failed(code) => code.as_str(),
        };
        builds.builds.get_or_create(&BuildLabels { code }).inc();
    }

    /// Counts a program that has run: how it ended ([`None`]: well) and how many instructions it used.
    pub fn ran(&self, code: Option<FailureCode>, instructions: u64) {
        let code = code.map_or("success", FailureCode::as_str);
        self.inner.builds.runs.get_or_create(&RunLabels { code }).inc();
        self.inner.builds.instructions.inc_by(instructions);
    }
}
