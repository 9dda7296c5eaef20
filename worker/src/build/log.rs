//! Logs that a stranger writes: bounded in memory, and clean enough to be shown on chain and on a terminal.

use super::{
    running::{End, Ended},
    supervise::Excess,
};
use std::{collections::VecDeque, fmt::Write};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The most of a log that is kept. A build script can print for ever; its last 64 KiB say why it failed.
const KEPT_BYTES: usize = 64 << 10;
/// The longest line that is shown, in characters.
const SHOWN_COLUMNS: usize = 400;
/// The most that is shown, in characters. It goes on chain, where a transaction may log 16 KiB in all, and a character
/// can take four bytes.
const SHOWN_CHARACTERS: usize = 3_000;

/// The last bytes of a stream.
#[derive(Debug, Default)]
pub(super) struct LogTail {
    bytes: VecDeque<u8>,
}

impl LogTail {
    /// Reads to the end and forgets everything but the tail.
    pub(super) async fn follow(&mut self, mut stream: impl AsyncRead + Unpin) -> std::io::Result<()> {
        let mut chunk = [0; 4096];
        loop {
            let length = stream.read(&mut chunk).await?;
            if length == 0 {
                return Ok(());
            }
            self.push(chunk.get(..length).unwrap_or_default());
        }
    }

    pub(super) fn push(&mut self, new: &[u8]) {
        self.bytes.extend(new);
        let excess = self.bytes.len().saturating_sub(KEPT_BYTES);
        self.bytes.drain(..excess);
    }

    /// All lines that are left and say something, without control characters.
    fn lines(&self) -> Vec<String> {
        let bytes: Vec<u8> = self.bytes.iter().copied().collect();
        String::from_utf8_lossy(&bytes).lines().map(clean).filter(|line| !line.is_empty()).collect()
    }

    /// The last `count` lines that say something, without control characters.
    pub(super) fn last_lines(&self, count: usize) -> String {
        let lines = self.lines();
        let shown = lines.get(lines.len().saturating_sub(count)..).unwrap_or_default().join("\n");
        let excess = shown.chars().count().saturating_sub(SHOWN_CHARACTERS);
        shown.chars().skip(excess).collect()
    }
}

/// The log of a whole build: what each step reported, under its name.
#[derive(Debug, Default)]
pub(super) struct Steps(String);

impl Steps {
    /// The most that is kept, in bytes; what a step adds beyond is left out.
    const MAX_BYTES: usize = 256 << 10;

    /// Adds a step that has ended.
    pub(super) fn push(&mut self, ended: &Ended) {
        let how = match ended.end {
            End::Exit(0) => String::new(),
            End::Exit(code) => format!(": exit code {code}"),
            End::Exceeded(Excess::Machine) => ": stopped, this machine ran short of memory".to_owned(),
            End::Exceeded(excess) => format!(": stopped, it took more {} than a build may", excess.what()),
        };
        self.line(&format!("== {}{how}", ended.step));
        for line in ended.log.lines() {
            self.line(&line);
        }
    }

    /// Adds a remark of ours about the step that has just ended.
    pub(super) fn note(&mut self, text: &str) {
        self.line(&clean(text));
    }

    fn line(&mut self, line: &str) {
        if self.0.len() + line.len() < Self::MAX_BYTES {
            // Writing to a string does not fail.
            let _ = writeln!(self.0, "{line}");
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

fn clean(line: &str) -> String {
    let shown = line.chars().map(|c| if c == '\t' { ' ' } else { c }).filter(|c| !c.is_control());
    shown.take(SHOWN_COLUMNS).collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[tokio::test]
    async fn an_endless_log_keeps_only_its_end() {
        let mut log = LogTail::default();
        let text: String = (0..100_000).map(|n| format!("line {n}\n")).collect();
        log.follow(text.as_bytes()).await.unwrap();
        assert!(log.bytes.len() <= KEPT_BYTES);
        assert_eq!(log.last_lines(2), "line 99998\nline 99999");
    }

    #[test]
    fn the_log_of_a_build_names_its_steps_and_has_an_end() {
        let ended = |step, end, text: &[u8]| {
            let mut log = LogTail::default();
            log.push(text);
            Ended { step, end, output: Vec::new(), log }
        };
        let mut steps = Steps::default();
        steps.push(&ended("git fetch", End::Exit(0), b""));
        steps.push(&ended("cargo build", End::Exit(101), b"error: \x1b[1mno\n"));
        assert_eq!(steps.text(), "== git fetch\n== cargo build: exit code 101\nerror: [1mno\n");
        for _ in 0..10 {
            steps.push(&ended("a flood", End::Exceeded(Excess::Time), &b"0123456789\n".repeat(KEPT_BYTES)));
        }
        assert!((200 << 10..=Steps::MAX_BYTES).contains(&steps.text().len()), "{}", steps.text().len());
    }

    #[test]
    fn control_characters_empty_lines_and_broken_text_do_not_get_through() {
        let mut log = LogTail::default();
        log.push(b"\x1b[31merror\x1b[0m:\tno\n\n  \n\xff\xfe end\r\n");
        assert_eq!(log.last_lines(9), "[31merror[0m: no\n\u{fffd}\u{fffd} end");
    }

    #[test]
    fn a_very_long_line_is_cut() {
        let mut log = LogTail::default();
        log.push("\u{e9}".repeat(5_000).as_bytes());
        assert_eq!(log.last_lines(1).chars().count(), SHOWN_COLUMNS);
        log.push(&b"\n0123456789".repeat(1_000));
        assert_eq!(log.last_lines(1_000).chars().count(), SHOWN_CHARACTERS);
        assert!(log.last_lines(1_000).ends_with("\n0123456789"), "the end is what is kept");
    }
}
