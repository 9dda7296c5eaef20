//! Compares what a node answered with the recording, scenario by scenario.

use std::fmt;

use serde_json::{Map, Value};

use crate::allowed::{Allowance, allowance, is_memory_growth, is_unpublished};

/// Everything that is not as recorded, and not allowed to differ.
#[derive(Default)]
pub struct Differences {
    scenarios: Vec<(String, Vec<String>)>,
    /// Scenarios that agree to the last unit.
    equal: usize,
    /// Scenarios that differ as they are allowed to.
    allowed: Vec<String>,
}

impl Differences {
    pub fn between(recorded: &Map<String, Value>, seen: &Map<String, Value>) -> Self {
        let mut differences = Self::default();
        for (scenario, recorded) in recorded {
            match seen.get(scenario) {
                Some(seen) if seen == recorded => differences.equal += 1,
                Some(seen) => differences.add(scenario, compare(scenario, recorded, seen)),
                None => differences.add(scenario, vec!["was not run".to_owned()]),
            }
        }
        for scenario in seen.keys().filter(|scenario| !recorded.contains_key(*scenario)) {
            differences.add(scenario, vec!["is not in the recording".to_owned()]);
        }
        differences
    }

    pub fn is_empty(&self) -> bool {
        self.scenarios.is_empty()
    }

    fn add(&mut self, scenario: &str, found: Vec<String>) {
        if found.is_empty() {
            self.allowed.push(scenario.to_owned());
        } else {
            self.scenarios.push((scenario.to_owned(), found));
        }
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenarios, equal, allowed } = self;
        writeln!(f, "{equal} scenarios agree to the unit, {} differ", scenarios.len())?;
        writeln!(f, "{} differ only as they may: {}", allowed.len(), allowed.join("; "))?;
        for (scenario, found) in scenarios {
            writeln!(f, "\n{scenario}")?;
            for line in found {
                writeln!(f, "    {line}")?;
            }
        }
        Ok(())
    }
}

fn compare(scenario: &str, recorded: &Value, seen: &Value) -> Vec<String> {
    let mut found = Vec::new();
    match allowance(scenario) {
        None => exact("", recorded, seen, &mut found),
        Some(Allowance::AnyRefusal) => {
            exact(".balance_changes", &recorded["balance_changes"], &seen["balance_changes"], &mut found);
            if seen["status"].get("rpc_error").is_none() {
                found.push(format!(".status: expected a refusal, got {}", seen["status"]));
            }
        }
        Some(Allowance::Settling) => {
            let status = "final_execution_status";
            let mut settled = seen.clone();
            if settled[status] == "FINAL" {
                settled[status] = recorded[status].clone();
            }
            exact("", recorded, &settled, &mut found);
        }
        Some(Allowance::MoreFields) => fields("", recorded, seen, &mut found),
    }
    found
}

fn exact(path: &str, recorded: &Value, seen: &Value, found: &mut Vec<String>) {
    match (recorded, seen) {
        (Value::Object(a), Value::Object(b)) => {
            for (name, recorded) in a {
                exact(&format!("{path}.{name}"), recorded, b.get(name).unwrap_or(&Value::Null), found);
            }
            for (name, seen) in b.iter().filter(|(name, _)| !a.contains_key(*name)) {
                found.push(format!("{path}.{name}: not recorded, got {seen}"));
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (recorded, seen)) in a.iter().zip(b).enumerate() {
                exact(&format!("{path}[{index}]"), recorded, seen, found);
            }
        }
        _ if recorded == seen || is_memory_growth(path, recorded, seen) => {}
        _ => found.push(format!("{path}: recorded {recorded}, got {seen}")),
    }
}

/// Every recorded field is there and of the recorded kind. A list that happens to be empty shows no fields.
fn fields(path: &str, recorded: &Value, seen: &Value, found: &mut Vec<String>) {
    match (recorded, seen) {
        (Value::Object(a), Value::Object(b)) => {
            for (name, recorded) in a {
                let path = format!("{path}.{name}");
                match b.get(name) {
                    Some(seen) => fields(&path, recorded, seen, found),
                    None if is_unpublished(&path) => {}
                    None => found.push(format!("{path}: missing")),
                }
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            for (recorded, seen) in a.iter().zip(b) {
                fields(&format!("{path}[]"), recorded, seen, found);
            }
        }
        _ if recorded == seen => {}
        _ => found.push(format!("{path}: recorded {recorded}, got {seen}")),
    }
}
