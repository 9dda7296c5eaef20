//! A sandboxed program, from its start to its end or to the first limit that it reaches.

use super::{
    error::{BuildError, OperatorError},
    log::LogTail,
    processes,
    sandbox::Limits,
    sandboxed::SandboxedCommand,
    supervise::{self, Excess},
};
use std::{ffi::OsStr, process::Stdio};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
};
use tokio_util::sync::CancellationToken;

/// How a program in a sandbox ended.
#[derive(Debug)]
pub(super) enum End {
    /// By itself, with this exit code; 128 + n when signal n ended it.
    Exit(i32),
    /// It was stopped because it used more than it may.
    Exceeded(Excess),
}

/// What a program in a sandbox left behind.
#[derive(Debug)]
pub(super) struct Ended {
    /// Which step it was.
    pub(super) step: &'static str,
    /// How it ended.
    pub(super) end: End,
    /// What it wrote to standard output.
    pub(super) output: Vec<u8>,
    /// The end of what it wrote to standard error.
    pub(super) log: LogTail,
}

impl SandboxedCommand<'_> {
    /// Runs a program to its end, or to the first limit it reaches. Afterwards none of its processes is left.
    ///
    /// # Errors
    /// [`BuildError::Cancelled`], or an operator's error when the sandbox itself fails.
    pub(super) async fn run<S: AsRef<OsStr>>(
        self,
        step: &'static str,
        program: &[S],
        limits: &Limits,
        cancel: &CancellationToken,
    ) -> Result<Ended, BuildError> {
        let bwrap = self.bwrap();
        // The environment is cleared on the outside too: bubblewrap's own processes show theirs in /proc.
        let mut command = Command::new(bwrap);
        command.env_clear().args(self.arguments(limits)).arg("--").args(program);
        let stdin = self.stdin().map_err(OperatorError::file("prepare the filter for", bwrap))?;
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| OperatorError::Spawn { program: bwrap.to_owned(), error })?;
        let pid = child.id().unwrap_or_default();
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());

        let mut output = Vec::new();
        let mut log = LogTail::default();
        let finished = async {
            let read = read_capped(stdout, &mut output, self.max_output_bytes);
            let followed = async {
                match stderr {
                    Some(stream) => log.follow(stream).await.map_err(Broken::Pipe),
                    None => Ok(()),
                }
            };
            match tokio::try_join!(read, followed) {
                Ok(_) => {
                    let status = child.wait().await.map_err(OperatorError::file("wait for", bwrap))?;
                    Ok(Stop::Ended(status.code()))
                }
                Err(Broken::TooMuch) => Ok(Stop::Exceeded(Excess::Output)),
                Err(Broken::Pipe(error)) => Err(OperatorError::file("read the output of", bwrap)(error)),
            }
        };
        let stop = tokio::select! {
            biased;
            () = cancel.cancelled() => Stop::Cancelled,
            () = tokio::time::sleep_until(limits.deadline) => Stop::Exceeded(Excess::Time),
            stop = finished => stop?,
            excess = supervise::watch(pid, limits, self.growing.as_ref()) => Stop::Exceeded(excess?),
        };
        if !matches!(stop, Stop::Ended(_)) {
            stop_all(&mut child, pid).await?;
        }
        match stop {
            Stop::Cancelled => Err(BuildError::Cancelled),
            Stop::Exceeded(excess) => Ok(Ended { step, end: End::Exceeded(excess), output, log }),
            Stop::Ended(Some(code)) => Ok(Ended { step, end: End::Exit(code), output, log }),
            Stop::Ended(None) => Err(OperatorError::Unexpected {
                step: "the sandbox",
                how: "killed from outside".into(),
                log: log.last_lines(5),
            }
            .into()),
        }
    }
}

enum Stop {
    Ended(Option<i32>),
    Exceeded(Excess),
    Cancelled,
}

/// Why the output of a sandbox is not read to its end.
enum Broken {
    TooMuch,
    Pipe(std::io::Error),
}

/// Reads to the end, or until there is more than the cap.
async fn read_capped(
    stream: Option<impl AsyncRead + Unpin>,
    output: &mut Vec<u8>,
    max_bytes: u64,
) -> Result<(), Broken> {
    let Some(stream) = stream else { return Ok(()) };
    let mut capped = stream.take(max_bytes.saturating_add(1));
    let length = capped.read_to_end(output).await.map_err(Broken::Pipe)?;
    if length as u64 > max_bytes { Err(Broken::TooMuch) } else { Ok(()) }
}

/// Ends every process of a sandbox and returns when none is left.
async fn stop_all(child: &mut Child, bwrap: u32) -> Result<(), OperatorError> {
    // The first process of the pid namespace: the kernel ends all the others before it lets go of this one, and
    // bubblewrap waits for it. Killing bubblewrap itself would not wait for them.
    let first = tokio::task::spawn_blocking(move || processes::children(bwrap).first().copied()).await?;
    match first {
        Some(init) => processes::kill(init),
        None => child.start_kill().map_err(OperatorError::file("stop", "the sandbox"))?,
    }
    child.wait().await.map_err(OperatorError::file("wait for", "the sandbox"))?;
    Ok(())
}
