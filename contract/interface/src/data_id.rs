//! The handle under which a suspended transaction waits.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The 32 bytes that `promise_yield_create` returned; JSON shows them as an array of 32 numbers.
#[derive(
    BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(transparent)]
pub struct DataId(pub [u8; 32]);

/// Lower-case hexadecimal, 64 digits: the form for logs and error messages.
impl fmt::Display for DataId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::DataId;

    #[test]
    fn json_is_an_array_of_numbers_and_display_is_hex() {
        let id = DataId([7; 32]);
        let json = serde_json::to_value(id).unwrap();
        assert_eq!(json, serde_json::json!(vec![7u8; 32]));
        assert_eq!(serde_json::from_value::<DataId>(json).unwrap(), id);
        assert_eq!(id.to_string(), "07".repeat(32));
    }

    #[test]
    fn the_wrong_length_is_refused() {
        assert!(serde_json::from_str::<DataId>("[1,2,3]").is_err());
    }
}
