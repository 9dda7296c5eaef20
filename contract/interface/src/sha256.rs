//! SHA-256 digests, and data that is named by one.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// A SHA-256 digest; JSON shows 64 hexadecimal digits in lower case.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Sha256(pub [u8; 32]);

/// Data that is too large for where it is named: who wants it asks for it by its digest.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "abi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DataRef {
    /// The digest of the bytes.
    pub sha256: Sha256,
    /// How many bytes there are.
    pub size: u64,
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Sha256 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha256 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as Deserialize>::deserialize(deserializer)?;
        parse(text.as_bytes())
            .map(Self)
            .ok_or_else(|| de::Error::custom("expected 64 hexadecimal digits in lower case"))
    }
}

fn parse(text: &[u8]) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    if text.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_hexadecimal_and_nothing_else_is_read() {
        let digest = Sha256(std::array::from_fn(|i| i as u8 * 8));
        let json = serde_json::to_string(&digest).unwrap();
        assert!(json.starts_with("\"0008101820"), "{json}");
        assert_eq!(serde_json::from_str::<Sha256>(&json).unwrap(), digest);
        for bad in [String::new(), "00".repeat(31), "00".repeat(33), "0".repeat(63), "AB".repeat(32), "é".repeat(32)] {
            let error = serde_json::from_value::<Sha256>(bad.clone().into()).unwrap_err().to_string();
            assert!(error.contains("64 hexadecimal digits"), "{bad}: {error}");
        }
    }
}
