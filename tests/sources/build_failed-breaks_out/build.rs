//! Tries the usual ways out of a sandbox, and says how many worked.

use std::process::Command;

fn main() {
    let ways = [
        "unshare --user --map-root-user true",
        "mount -t tmpfs none /tmp",
        "chroot / true",
        "mknod /tmp/disk b 8 0",
        "setpriv --reuid 0 true",
        "kill -0 $PPID && cat /proc/$PPID/root/etc/shadow",
        "cat /proc/1/root/etc/shadow",
        "echo 1 > /proc/sys/kernel/core_pattern",
        "ls /sys/fs/cgroup/*",
    ];
    let worked: Vec<&str> = ways
        .into_iter()
        .filter(|way| Command::new("sh").args(["-c", way]).output().is_ok_and(|output| output.status.success()))
        .collect();
    panic!("{} ways out: {worked:?}", worked.len());
}
