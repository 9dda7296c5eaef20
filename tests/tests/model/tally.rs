//! What the sequences have come through, for whoever wants to know what was not tried.

use crate::model::{Effect, Refusal, Returned, Verdict};
use offchainvm_interface::Event;
use std::{collections::BTreeMap, fmt};

/// How often each kind of end was seen.
#[derive(Debug, Default)]
pub struct Tally(BTreeMap<String, u64>);

impl Tally {
    pub fn count(&mut self, verdict: &Verdict) {
        match verdict {
            Ok(Effect { events, returned }) => {
                events.iter().for_each(|event| self.add(kind(event)));
                match returned {
                    Returned::Resolved(entries) => entries.iter().for_each(|entry| self.add(kind_of_entry(entry))),
                    Returned::Value(value) if value.len() > 64 << 10 => self.add("returned over 64 KiB".to_owned()),
                    Returned::Value(_) | Returned::Nothing | Returned::Promise => {}
                }
            }
            Err(why) => self.add(format!("refused: {why}")),
        }
    }

    pub fn join(&mut self, other: Self) {
        for (kind, times) in other.0 {
            *self.0.entry(kind).or_default() += times;
        }
    }

    fn add(&mut self, kind: String) {
        *self.0.entry(kind).or_default() += 1;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(kind, times)| writeln!(f, "{times:7}  {kind}"))
    }
}

fn kind_of_entry(entry: &Result<(), Refusal>) -> String {
    entry.map_or_else(|why| format!("entry refused: {why}"), |()| "entry taken".to_owned())
}

fn kind(event: &Event) -> String {
    let name = serde_json::to_value(event).unwrap()["event"].as_str().unwrap().to_owned();
    match event {
        Event::ExecutionCompleted(entries) => {
            let code = entries.first().and_then(|entry| entry.error_code);
            format!("{name}: {}", code.map_or("success", |code| code.as_str()))
        }
        _ => name,
    }
}
