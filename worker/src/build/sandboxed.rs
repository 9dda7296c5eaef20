//! One sandbox in bubblewrap's words: what it shows of the machine, what it lets do, and the caps that the kernel holds.

use super::{
    sandbox::{GrowingFolder, Limits, SCRATCH, Sandbox, Trust},
    seccomp,
};
use std::{
    ffi::{OsStr, OsString},
    io,
    path::Path,
    process::Stdio,
};

/// Who a process in the sandbox is, in its own user namespace.
const INNER_ID: &str = "1000";
/// Who a stranger's process is to the kernel when the worker runs as root: nobody.
const STRANGER_ID: &str = "65534";

/// What of the machine every sandbox sees, read-only.
const SYSTEM_FILES: &[&str] = &["/etc/alternatives", "/etc/ld.so.cache"];
/// What it sees besides when it has network: names and certificates.
const NETWORK_FILES: &[&str] =
    &["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/ssl", "/etc/pki", "/etc/ca-certificates"];
/// Folders of programs and libraries; on most systems symbolic links into `/usr`.
const SYSTEM_FOLDERS: &[&str] = &["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/// A sandbox being described, then run once.
#[derive(Debug)]
pub(super) struct SandboxedCommand<'a> {
    sandbox: &'a Sandbox,
    trust: Trust,
    network: bool,
    mounts: Vec<[OsString; 3]>,
    env: Vec<(OsString, OsString)>,
    pub(super) growing: Option<GrowingFolder>,
    pub(super) max_output_bytes: u64,
}

impl<'a> SandboxedCommand<'a> {
    /// A sandbox that shows and lets do as little as can be.
    pub(super) fn new(sandbox: &'a Sandbox, trust: Trust) -> Self {
        Self {
            sandbox,
            trust,
            network: false,
            mounts: Vec::new(),
            env: Vec::new(),
            growing: None,
            max_output_bytes: 1 << 20,
        }
    }

    /// Shows a file or folder of this machine at `inside`, read-only.
    pub(super) fn read(mut self, outside: &Path, inside: impl AsRef<OsStr>) -> Self {
        self.mounts.push(["--ro-bind".into(), outside.into(), inside.as_ref().into()]);
        self
    }

    /// Lets a tool write to a folder of this machine that may grow up to a cap.
    pub(super) fn write(mut self, folder: GrowingFolder, inside: &str) -> Self {
        self.mounts.push(["--bind".into(), folder.path.clone().into(), inside.into()]);
        self.growing = Some(folder);
        self
    }

    /// Sets an environment variable; nothing is inherited.
    pub(super) fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().into(), value.as_ref().into()));
        self
    }

    /// Gives the sandbox this machine's network, and the named variables of the worker's environment.
    pub(super) fn network(mut self, variables: &[String]) -> Self {
        self.network = true;
        for name in variables {
            let Some(value) = std::env::var_os(name) else { continue };
            // A certificate file that a variable names must be there to be read.
            let named = Path::new(&value);
            let hidden = !["/usr", "/etc/ssl", "/etc/pki"].iter().any(|seen| named.starts_with(seen));
            if hidden && named.is_absolute() && named.exists() {
                self.mounts.push(["--ro-bind".into(), value.clone(), value.clone()]);
            }
            self.env.push((name.into(), value));
        }
        self
    }

    /// The program that makes the sandbox.
    pub(super) fn bwrap(&self) -> &Path {
        &self.sandbox.bwrap
    }

    /// What bubblewrap must find at its standard input.
    pub(super) fn stdin(&self) -> io::Result<Stdio> {
        match self.trust {
            Trust::Tool => Ok(Stdio::null()),
            Trust::Stranger => Ok(seccomp::filter()?.into()),
        }
    }

    /// How much standard output is accepted.
    pub(super) fn max_output(mut self, bytes: u64) -> Self {
        self.max_output_bytes = bytes;
        self
    }

    /// Everything between `bwrap` and the program.
    pub(super) fn arguments(&self, limits: &Limits) -> Vec<OsString> {
        let mut args = Arguments::default();
        args.push(&["--die-with-parent", "--new-session", "--clearenv", "--hostname", "build"]);
        args.push(&["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]);
        if !self.network {
            args.push(&["--unshare-net"]);
        }
        let drops_root = self.sandbox.as_root && self.trust == Trust::Stranger;
        if drops_root {
            args.push(&["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]);
        } else {
            args.push(USER_NAMESPACE);
        }
        if self.trust == Trust::Stranger {
            // Read from standard input, which is at its end afterwards.
            args.push(&["--seccomp", "0"]);
        }
        self.file_system(limits, &mut args);
        args.push(&["--setenv", "PATH", "/toolchain/bin:/usr/local/bin:/usr/bin:/bin"]);
        args.push(&[
            "--setenv",
            "HOME",
            "/build/tmp",
            "--setenv",
            "TMPDIR",
            "/build/tmp",
            "--setenv",
            "LANG",
            "C.UTF-8",
        ]);
        for (name, value) in &self.env {
            args.0.extend(["--setenv".into(), name.clone(), value.clone()]);
        }
        if drops_root {
            // As nobody first, then into a user namespace of its own: there the count of processes starts from zero.
            args.push(&["--", "setpriv", "--reuid", STRANGER_ID, "--regid", STRANGER_ID, "--clear-groups"]);
            args.push(&["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--"]);
            args.0.push(self.sandbox.bwrap.clone().into());
            args.push(&["--bind", "/", "/", "--dev-bind", "/dev", "/dev", "--die-with-parent"]);
            args.push(USER_NAMESPACE);
        }
        args.push(&["--", "prlimit", "--core=0", "--nofile=4096"]);
        // Half as much again as the watched caps, or where filling takes no time thrice as much: what the watcher is too
        // slow for, the kernel stops. What the kernel stops looks like any failure of the build.
        args.0.push(format!("--nproc={}", limits.processes.saturating_add(limits.processes / 2)).into());
        args.0.push(format!("--data={}", limits.memory_bytes.saturating_mul(3)).into());
        args.0.push(format!("--fsize={}", limits.scratch_bytes()).into());
        let cpu = limits.cpu.as_secs();
        args.0.push(format!("--cpu={}", cpu.saturating_add(cpu / 2).saturating_add(1)).into());
        args.push(&["--", "sh", "-c", "umask 022; shift; exec \"$@\"", "sh"]);
        args.0
    }

    fn file_system(&self, limits: &Limits, args: &mut Arguments) {
        for folder in SYSTEM_FOLDERS.iter().map(Path::new) {
            match std::fs::read_link(folder) {
                Ok(target) => args.0.extend(["--symlink".into(), target.into(), folder.into()]),
                Err(_) => args.0.extend(["--ro-bind-try".into(), folder.into(), folder.into()]),
            }
        }
        let files = if self.network { NETWORK_FILES } else { &[] };
        // Made here, because bubblewrap closes the folders that it makes on the way to a mount to everyone but itself.
        args.push(&["--perms", "0755", "--dir", "/etc"]);
        for file in SYSTEM_FILES.iter().chain(files) {
            args.push(&["--ro-bind-try", file, file]);
        }
        args.push(&["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev", "--perms", "1777", "--size"]);
        args.0.push(limits.scratch_bytes().to_string().into());
        args.push(&["--tmpfs", SCRATCH, "--perms", "1777", "--dir", "/build/tmp", "--symlink", "build/tmp", "/tmp"]);
        args.0.extend(self.mounts.iter().flatten().cloned());
        // The root and /dev are memory file systems without a cap: closed for writing once everything is in place.
        args.push(&["--remount-ro", "/", "--chdir", "/"]);
    }
}

/// A user namespace in which no further one can be made: in a further one a stranger could mount file systems of any
/// size.
const USER_NAMESPACE: &[&str] = &["--unshare-user", "--disable-userns", "--uid", INNER_ID, "--gid", INNER_ID];

#[derive(Default)]
struct Arguments(Vec<OsString>);

impl Arguments {
    fn push(&mut self, words: &[&str]) {
        self.0.extend(words.iter().map(OsString::from));
    }
}
