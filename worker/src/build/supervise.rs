//! Watching a sandbox from outside: what its processes use together, which no limit per process can tell.

use super::{
    error::OperatorError,
    processes::{self, Process},
    sandbox::{GrowingFolder, Limits, SCRATCH},
};
use nix::sys::statvfs::statvfs;
use offchainvm_interface::FailureCode;
use std::{fs, path::Path, time::Duration};

/// How often a sandbox is looked at. In this time a process can write some 100 MB, and fork some hundred times; the
/// limits that the kernel enforces stand above the caps by more than that.
const INTERVAL: Duration = Duration::from_millis(50);
/// A folder on disk is walked every so many looks: a large one takes longer to walk than one interval.
const LOOKS_PER_WALK: u32 = 20;

/// Which limit was reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Excess {
    /// The deadline passed.
    Time,
    /// Processor time.
    Cpu,
    /// Memory.
    Memory,
    /// The memory of the whole machine, whoever took it: nothing that a source answers for.
    Machine,
    /// Processes and threads.
    Processes,
    /// Bytes written.
    Disk,
    /// Files made.
    Files,
    /// The folder on disk that the step may write to.
    Folder,
    /// Standard output.
    Output,
}

impl Excess {
    /// The failure that it means, unless the step knows better.
    pub(super) fn code(self) -> FailureCode {
        match self {
            Self::Time => FailureCode::BuildTimeout,
            _ => FailureCode::BuildResourcesExceeded,
        }
    }

    /// For the message: what there was too much of.
    pub(super) fn what(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Cpu => "processor time",
            Self::Memory | Self::Machine => "memory",
            Self::Processes => "processes",
            Self::Disk | Self::Folder => "disk space",
            Self::Files => "files",
            Self::Output => "output",
        }
    }
}

/// What a sandbox uses at one moment.
#[derive(Clone, Copy, Debug, Default)]
struct Use {
    cpu: Duration,
    memory_bytes: u64,
    /// What the machine has left.
    spare_bytes: u64,
    processes: u64,
    disk_bytes: u64,
    files: u64,
}

impl Use {
    fn excess(self, limits: &Limits) -> Option<Excess> {
        [
            (self.cpu > limits.cpu, Excess::Cpu),
            (self.processes > limits.processes, Excess::Processes),
            (self.memory_bytes > limits.memory_bytes, Excess::Memory),
            (self.spare_bytes < limits.spare_bytes, Excess::Machine),
            (self.disk_bytes > limits.disk_bytes, Excess::Disk),
            (self.files > limits.files, Excess::Files),
        ]
        .into_iter()
        .find_map(|(reached, excess)| reached.then_some(excess))
    }
}

/// Returns when the sandbox whose bubblewrap has this pid uses more than it may; never, when it does not.
pub(super) async fn watch(
    bwrap: u32,
    limits: &Limits,
    growing: Option<&GrowingFolder>,
) -> Result<Excess, OperatorError> {
    let mut clock = tokio::time::interval(INTERVAL);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for look in 1_u32.. {
        clock.tick().await;
        let scratch_bytes = limits.scratch_bytes();
        let used = tokio::task::spawn_blocking(move || measure(bwrap, scratch_bytes)).await?;
        if let Some(excess) = used.excess(limits) {
            return Ok(excess);
        }
        if let Some(folder) = growing.filter(|_| look.is_multiple_of(LOOKS_PER_WALK))
            && exceeds(folder).await?
        {
            return Ok(Excess::Folder);
        }
    }
    std::future::pending().await
}

/// Whether a folder holds more than it may.
async fn exceeds(folder: &GrowingFolder) -> Result<bool, OperatorError> {
    let path = folder.path.clone();
    let size = tokio::task::spawn_blocking(move || folder_bytes(&path)).await?;
    Ok(size > folder.max_bytes)
}

fn measure(bwrap: u32, scratch_bytes: u64) -> Use {
    let processes = processes::descendants(bwrap);
    let (disk_bytes, files) = scratch_use(&processes, scratch_bytes);
    Use {
        cpu: processes.iter().map(|process| processes::cpu_time(process.pid)).sum(),
        memory_bytes: processes.iter().map(|process| process.memory_bytes).sum(),
        spare_bytes: processes::spare_memory_bytes(),
        processes: processes.iter().map(|process| process.threads).sum(),
        disk_bytes,
        files,
    }
}

/// Bytes and files on the sandbox's memory file system, seen through one of its processes.
fn scratch_use(processes: &[Process], scratch_bytes: u64) -> (u64, u64) {
    let seen = processes.iter().rev().find_map(|process| {
        let stat = statvfs(format!("/proc/{}/root{SCRATCH}", process.pid).as_str()).ok()?;
        let block = stat.fragment_size();
        // A process that has not entered the sandbox yet still shows this machine's own folders.
        let ours = stat.blocks().checked_mul(block)? == scratch_bytes;
        ours.then(|| {
            (stat.blocks().saturating_sub(stat.blocks_free()) * block, stat.files().saturating_sub(stat.files_free()))
        })
    });
    seen.unwrap_or_default()
}

/// The bytes of all files in a folder. What vanishes meanwhile does not count.
pub(super) fn folder_bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => folder_bytes(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn each_limit_is_reached_one_above_it_and_not_before() {
        let limits = Limits {
            deadline: tokio::time::Instant::now(),
            cpu: Duration::from_secs(60),
            memory_bytes: 10,
            spare_bytes: 50,
            processes: 20,
            disk_bytes: 30,
            files: 40,
        };
        let full = Use { cpu: limits.cpu, memory_bytes: 10, spare_bytes: 50, processes: 20, disk_bytes: 30, files: 40 };
        assert_eq!(full.excess(&limits), None);
        assert_eq!(Use { cpu: Duration::from_secs(61), ..full }.excess(&limits), Some(Excess::Cpu));
        assert_eq!(Use { memory_bytes: 11, ..full }.excess(&limits), Some(Excess::Memory));
        assert_eq!(Use { spare_bytes: 49, ..full }.excess(&limits), Some(Excess::Machine));
        assert_eq!(Use { processes: 21, ..full }.excess(&limits), Some(Excess::Processes));
        assert_eq!(Use { disk_bytes: 31, ..full }.excess(&limits), Some(Excess::Disk));
        assert_eq!(Use { files: 41, ..full }.excess(&limits), Some(Excess::Files));
    }

    #[test]
    fn a_folder_is_measured_with_its_folders_and_not_through_links() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(folder.path().join("a/b"), [0; 700]).unwrap();
        fs::write(folder.path().join("c"), [0; 300]).unwrap();
        std::os::unix::fs::symlink("/", folder.path().join("d")).unwrap();
        let size = folder_bytes(folder.path());
        assert!((1_000..1_010).contains(&size), "{size}");
    }
}
