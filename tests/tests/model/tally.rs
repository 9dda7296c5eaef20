//! What the sequences have come through, for whoever wants to know what was not tried.

use crate::model::{Effect, Returned, Verdict};
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
                if let Returned::Resolved(entries) = returned {
                    for entry in entries {
                        self.add(
                            entry.map_or_else(|why| format!("entry refused: {why}"), |()| "entry taken".to_owned()),
                        );
                    }
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
