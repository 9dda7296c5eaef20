//! Which process holds a lease: its machine and its number.

use nix::{errno::Errno, sys::signal::kill, unistd::Pid};

/// A worker process's name in the leases it takes: `machine/pid`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    machine: String,
    pid: i32,
}

impl Identity {
    /// This process.
    #[must_use]
    pub fn own() -> Self {
        let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned();
        Self { machine, pid: Pid::this().as_raw() }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.machine, self.pid)
    }

    /// Whether the process of that name has certainly ended: it ran on this machine, and no process has its number now,
    /// or we have it ourselves. Of another machine's process nothing is known; its leases run out by themselves.
    #[must_use]
    pub fn knows_gone(&self, name: &str) -> bool {
        let Some((machine, pid)) = name.rsplit_once('/') else { return false };
        let Ok(pid) = pid.parse::<i32>() else { return false };
        machine == self.machine && pid > 0 && (pid == self.pid || kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn only_the_ended_processes_of_this_machine_are_known_to_be_gone() {
        let own = Identity::own();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        child.wait().unwrap();
        let named = |machine: &str, pid: i32| Identity { machine: machine.to_owned(), pid }.name();
        assert!(own.knows_gone(&named(&own.machine, pid)));
        assert!(!own.knows_gone(&named("elsewhere", pid)));
        assert!(!own.knows_gone(&named(&own.machine, Pid::parent().as_raw())));
        // A restarted container often gives the new worker the old one's number.
        assert!(own.knows_gone(&own.name()));
        assert!(!own.knows_gone("something else"));
    }
}
