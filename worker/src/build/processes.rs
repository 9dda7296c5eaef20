//! What the kernel says about the processes of a sandbox, read from `/proc`.

use nix::{
    sys::signal::{Signal, kill as send_signal},
    unistd::Pid,
};
use std::{collections::HashMap, fs, time::Duration};

/// In how many parts of a second the kernel counts for programs, on every processor that Rust has a toolchain for.
const TICKS_PER_SECOND: u64 = 100;

/// One process.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Process {
    pub(super) pid: u32,
    parent: u32,
    /// Its threads, at least one.
    pub(super) threads: u64,
    /// Memory that it holds and that is not a file's, in bytes.
    pub(super) memory_bytes: u64,
}

/// Every process that descends from `root`, without `root` itself, parents before children. Orphans stay within:
/// they become children of the first process of their pid namespace.
pub(super) fn descendants(root: u32) -> Vec<Process> {
    let mut by_parent: HashMap<u32, Vec<Process>> = HashMap::new();
    for process in all() {
        by_parent.entry(process.parent).or_default().push(process);
    }
    let mut found: Vec<Process> = by_parent.remove(&root).unwrap_or_default();
    let mut next = 0;
    while let Some(process) = found.get(next) {
        let children = by_parent.remove(&process.pid);
        found.extend(children.into_iter().flatten());
        next += 1;
    }
    found
}

/// The direct children of a process.
pub(super) fn children(pid: u32) -> Vec<u32> {
    all().filter(|process| process.parent == pid).map(|process| process.pid).collect()
}

/// Processor time of a process and of those of its children that have ended and were waited for; nothing, when it is
/// gone. Summed over all living processes of a sandbox that is the time of the dead ones too, each once.
pub(super) fn cpu_time(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    cpu_of(&stat).unwrap_or_default()
}

fn cpu_of(stat: &str) -> Option<Duration> {
    // The second field is a name in parentheses that may hold anything; the times are the 14th to the 17th.
    let (_, fields) = stat.rsplit_once(')')?;
    let times = fields.split_whitespace().skip(11).take(4);
    let ticks: u64 = times.map(|time| time.parse::<u64>()).sum::<Result<_, _>>().ok()?;
    Some(Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND))
}

/// Memory that this machine can still give, in bytes; without end, when the kernel does not say.
pub(super) fn spare_memory_bytes() -> u64 {
    let status = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|value| value.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.map_or(u64::MAX, |kib| kib << 10)
}

/// Kills one process; one that has ended already is none to worry about.
pub(super) fn kill(pid: u32) {
    if let Ok(pid) = i32::try_from(pid) {
        send_signal(Pid::from_raw(pid), Signal::SIGKILL).ok();
    }
}

fn all() -> impl Iterator<Item = Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    // A process that ends while we look simply is not there any more.
    pids.filter_map(|pid| parse(pid, &fs::read_to_string(format!("/proc/{pid}/status")).ok()?))
}

fn parse(pid: u32, status: &str) -> Option<Process> {
    let mut process = Process { pid, ..Process::default() };
    for (name, value) in status.lines().filter_map(|line| line.split_once(':')) {
        let number = || value.trim().trim_end_matches(" kB").parse::<u64>().ok();
        match name {
            "PPid" => process.parent = number()?.try_into().ok()?,
            "Threads" => process.threads = number()?,
            "RssAnon" | "RssShmem" => process.memory_bytes += number()? << 10,
            _ => {}
        }
    }
    Some(process)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn a_status_is_read_and_files_in_memory_do_not_count() {
        let status = "Name:\trustc\nPPid:\t41\nVmRSS:\t  900 kB\nRssAnon:\t     100 kB\nRssFile:\t     700 kB\nRssShmem:\t       1 kB\nThreads:\t3\n";
        let expected = Process { pid: 42, parent: 41, threads: 3, memory_bytes: 101 << 10 };
        assert_eq!(parse(42, status), Some(expected));
    }

    #[test]
    fn processor_time_is_that_of_a_process_and_its_dead() {
        let stat = "42 (a) name 1 2) S 41 42 42 0 -1 4194304 100 0 0 0 150 50 200 100 20 0 1 0 0";
        assert_eq!(cpu_of(stat), Some(Duration::from_secs(5)));
        assert_eq!(cpu_of("garbage"), None);
        assert_eq!(cpu_time(u32::MAX), Duration::ZERO);
    }

    #[test]
    fn the_machine_says_what_it_has_left() {
        assert!((1 << 20..1 << 50).contains(&spare_memory_bytes()));
    }

    #[test]
    fn a_kernel_thread_without_memory_is_read_too() {
        assert_eq!(
            parse(2, "PPid:\t0\nThreads:\t1\n"),
            Some(Process { pid: 2, parent: 0, threads: 1, memory_bytes: 0 })
        );
    }

    #[test]
    fn a_grandchild_is_a_descendant() {
        let mut child = std::process::Command::new("sh")
            .args(["-c", "sleep 60 & echo started; wait"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = [0; 8];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut first).unwrap();
        let mine = descendants(std::process::id());
        let sleep = mine.iter().find(|process| process.parent == child.id()).copied();
        kill(child.id());
        kill(sleep.unwrap().pid);
        child.wait().unwrap();
        assert!(mine.iter().any(|process| process.pid == child.id()));
    }
}
