//! Which answers go together in one transaction. Pure.

use offchainvm_interface::{
    calls::{BATCH_ENTRY_BYTES, BATCH_GAS, MAX_BATCH},
    response::MAX_RESUME_PAYLOAD,
};

/// Gas set aside for each byte of an answer's JSON beyond [`BATCH_ENTRY_BYTES`]: `docs/GAS.md` shows 131 Mgas a byte for
/// the largest answers and 190 for those that are just too large for the resume payload.
const GAS_PER_BYTE: u64 = 250_000_000;

/// The most JSON, in bytes, of those answers of a batch that the contract has to put aside in its state for a block: as
/// much as one largest answer by default. Its balance must have room for that one anyway; a batch asks for no more.
const STASHED_BYTES: usize = 90_000;

/// What an answer weighs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    /// Bytes of its JSON.
    pub(super) bytes: usize,
    /// The largest batch that it may be part of: smaller after a batch that failed as a whole.
    pub(super) company: usize,
}

impl Size {
    fn gas(self) -> u64 {
        let each = BATCH_GAS.as_gas() / MAX_BATCH as u64;
        let more = self.bytes.saturating_sub(BATCH_ENTRY_BYTES) as u64;
        each.saturating_add(more.saturating_mul(GAS_PER_BYTE))
    }

    /// Bytes that the contract puts aside; an answer whose JSON is no longer than the payload always fits it.
    fn stashed(self) -> usize {
        if self.bytes > MAX_RESUME_PAYLOAD { self.bytes } else { 0 }
    }
}

/// The places of those who go together, at most `most`: the first that waits, whatever it weighs, so that everybody's
/// turn comes, and of the others each that fits beside those chosen before it. What fits is far below the 1.5 MiB of a
/// transaction.
pub(super) fn choose(waiting: impl IntoIterator<Item = Size>, most: usize) -> Vec<usize> {
    let mut room = most.clamp(1, MAX_BATCH);
    let (mut gas, mut stash) = (BATCH_GAS.as_gas(), STASHED_BYTES);
    let mut chosen = Vec::new();
    for (place, size) in waiting.into_iter().enumerate() {
        if chosen.len() >= room {
            break;
        }
        let fits = size.company > chosen.len() && size.gas() <= gas && size.stashed() <= stash;
        if fits || chosen.is_empty() {
            chosen.push(place);
            room = room.min(size.company.max(1));
            gas = gas.saturating_sub(size.gas());
            stash = stash.saturating_sub(size.stashed());
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest transaction, in bytes.
    const MAX_TRANSACTION: usize = 3 << 19;

    fn of(bytes: usize) -> Size {
        Size { bytes, company: usize::MAX }
    }

    fn together(waiting: &[Size]) -> Vec<usize> {
        choose(waiting.iter().copied(), MAX_BATCH)
    }

    #[test]
    fn small_answers_go_together_up_to_the_contracts_figure() {
        assert!(together(&[]).is_empty());
        assert_eq!(together(&[of(200)]), [0]);
        assert_eq!(together(&[of(512); 500]).len(), MAX_BATCH);
        assert_eq!(choose([of(512); 500], 7).len(), 7);
        assert_eq!(choose([of(512); 5], 0).len(), 1, "nobody waits for ever");
    }

    #[test]
    fn longer_answers_leave_room_for_fewer() {
        assert_eq!(together(&[of(1_024); 500]).len(), 167);
        let stashed = together(&[of(2_000); 500]).len();
        assert_eq!(stashed, STASHED_BYTES / 2_000);
    }

    #[test]
    fn a_large_answer_goes_alone_when_its_turn_comes_and_holds_nobody_up() {
        assert_eq!(together(&[of(88_000), of(88_000), of(88_000)]), [0]);
        assert_eq!(together(&[of(300), of(200_000), of(300)]), [0, 2]);
        assert_eq!(together(&[of(200_000), of(3_000)]), [0]);
    }

    #[test]
    fn who_was_in_a_batch_that_failed_goes_in_a_smaller_one() {
        let shy = |company| Size { bytes: 300, company };
        assert_eq!(together(&[shy(1), of(300), of(300)]), [0]);
        assert_eq!(together(&[shy(2), of(300), of(300)]), [0, 1]);
        assert_eq!(together(&[of(300), of(300), shy(1), shy(2), of(300)]), [0, 1, 4]);
        assert_eq!(together(&[of(300), shy(2), of(300)]), [0, 1]);
    }

    #[test]
    fn nothing_that_is_chosen_is_too_large_for_a_transaction() {
        for bytes in [1, 500, 513, 1_024, 1_025, 5_000, 20_000, 100_000] {
            let chosen = together(&vec![of(bytes); 1_000]).len();
            assert!(chosen * bytes < MAX_TRANSACTION / 2, "{chosen} of {bytes} bytes");
        }
    }
}
