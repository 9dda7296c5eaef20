//! Places where a test may end this process, as a power cut would. Only test builds have them: they need the cargo
//! feature `failpoints`, which does not compile without debug assertions, and the variable `FAILPOINTS`
//! (`store.record.ran.after=return`, as the crate `fail` reads it).

#[cfg(all(feature = "failpoints", not(debug_assertions)))]
compile_error!("fail points are for test builds; the operator's binary is built with --package offchainvm-worker");

/// Makes the process heed `FAILPOINTS` for as long as the returned value lives.
#[cfg(feature = "failpoints")]
#[must_use]
pub fn heed() -> fail::FailScenario<'static> {
    fail::FailScenario::setup()
}

/// Ends the process here if a test says so. No destructor runs and nothing is flushed.
#[cfg(feature = "failpoints")]
pub fn failpoint(name: &str) {
    fail::fail_point!(name, |_| {
        use nix::{
            sys::signal::{Signal, kill},
            unistd::Pid,
        };
        // Nothing survives SIGKILL to see it fail.
        let _ = kill(Pid::this(), Signal::SIGKILL);
    });
}

/// Does nothing in this build.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub fn failpoint(_name: &str) {}
