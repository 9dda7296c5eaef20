//! Takes out of an answer what differs from run to run: hashes, keys, nonces, heights, times.

use serde_json::{Value, json};

/// Fields that say something else in every run.
const VOLATILE: &[&str] = &[
    "block_hash",
    "block_height",
    "hash",
    "nonce",
    "ak_nonce",
    "tx_nonce",
    "public_key",
    "data",
    "timestamp",
    "height",
    "requested_block_height",
    "transaction_hash",
    "requested_transaction_hash",
];

/// The answer with placeholders.
pub fn scrub(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), scrub_field(name, value))).collect::<Value>()
        }
        Value::Array(values) => values.iter().map(scrub).collect(),
        Value::String(text) if text.starts_with("ed25519:") => json!("<key>"),
        Value::String(text) => json!(hide_hashes(text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn scrub_field(name: &str, value: &Value) -> Value {
    if VOLATILE.contains(&name) && !value.is_object() { json!(format!("<{name}>")) } else { scrub(value) }
}

/// A word of 40 to 50 letters and digits, with a digit and a capital, is a hash.
fn hide_hashes(text: &str) -> String {
    text.split_inclusive(|c: char| !c.is_ascii_alphanumeric())
        .map(|piece| {
            let word = piece.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            let end = piece.get(word.len()..).unwrap_or_default();
            if is_hash(word) { format!("<hash>{end}") } else { piece.to_owned() }
        })
        .collect()
}

fn is_hash(word: &str) -> bool {
    (40..=50).contains(&word.len())
        && word.bytes().any(|byte| byte.is_ascii_digit())
        && word.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// Field names and kinds of value, down to a depth; of a list, its first element's.
pub fn shape(value: &Value, depth: u8) -> Value {
    match (value, depth.checked_sub(1)) {
        (Value::Object(fields), Some(depth)) => {
            fields.iter().map(|(name, value)| (name.clone(), shape(value, depth))).collect()
        }
        (Value::Array(values), Some(depth)) => values.first().map(|first| shape(first, depth)).into_iter().collect(),
        (Value::Object(_), None) => json!("object"),
        (Value::Array(_), None) => json!("array"),
        (Value::String(_), _) => json!("string"),
        (Value::Number(_), _) => json!("number"),
        (Value::Bool(_), _) => json!("bool"),
        (Value::Null, _) => Value::Null,
    }
}
