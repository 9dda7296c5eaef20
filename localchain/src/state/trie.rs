//! How many nodes of a Merkle-Patricia trie a lookup touches, computed from the sorted keys alone.
//!
//! A trie is determined by its keys. The keys below a node are a range of the sorted map, and what they share is what
//! the first and the last of them share; so each step down costs two lookups, and no trie has to be kept.
use super::State;
use std::ops::Bound;

impl State {
    /// Nodes on the way from the root to `key`, or to where the way ends if the key is absent.
    pub(crate) fn nodes_on_path(&self, key: &[u8]) -> u64 {
        let mut nodes = 0;
        let mut depth = 0;
        while let Some((first, last)) = self.ends(key, depth) {
            nodes += 1;
            if first == last {
                return nodes; // a leaf
            }
            let shared = shared_nibbles(first, last);
            if shared > depth {
                // An extension. Only a key that follows it to its end reaches the branch below.
                if shared_nibbles(key, first) < shared {
                    return nodes;
                }
                nodes += 1;
            }
            if key.len() * 2 == shared {
                return nodes; // the branch itself holds the value
            }
            depth = shared + 1;
        }
        nodes
    }

    /// The first and the last key that begin with the first `depth` nibbles of `key`.
    fn ends(&self, key: &[u8], depth: usize) -> Option<(&[u8], &[u8])> {
        let whole = key.get(..depth / 2)?;
        let mut low = whole.to_vec();
        let mut high = whole.to_vec();
        let mut bounded = true;
        if depth % 2 == 1 {
            let nibble = key.get(depth / 2)? & 0xf0;
            low.push(nibble);
            match nibble.checked_add(0x10) {
                Some(next) => high.push(next),
                None => bounded = raise(&mut high),
            }
        } else {
            bounded = raise(&mut high);
        }
        let end = if bounded { Bound::Excluded(high.as_slice()) } else { Bound::Unbounded };
        let mut range = self.entries.range::<_, [u8]>((Bound::Included(low.as_slice()), end));
        let first = range.next().map(|(key, _)| key.as_ref())?;
        let last = range.next_back().map_or(first, |(key, _)| key.as_ref());
        Some((first, last))
    }
}

/// Turns a prefix into the smallest key beyond everything that begins with it. False if there is none.
fn raise(prefix: &mut Vec<u8>) -> bool {
    while let Some(last) = prefix.pop() {
        if let Some(next) = last.checked_add(1) {
            prefix.push(next);
            return true;
        }
    }
    false
}

fn shared_nibbles(a: &[u8], b: &[u8]) -> usize {
    let bytes = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let half = match (a.get(bytes), b.get(bytes)) {
        (Some(a), Some(b)) => usize::from(a & 0xf0 == b & 0xf0),
        _ => 0,
    };
    bytes * 2 + half
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(keys: &[&[u8]]) -> State {
        let mut state = State::default();
        for key in keys {
            state.write(key.to_vec(), Some(vec![1].into()));
        }
        state
    }

    #[test]
    fn an_empty_trie_has_no_nodes() {
        assert_eq!(state(&[]).nodes_on_path(b"key"), 0);
    }

    #[test]
    fn a_single_key_is_one_leaf() {
        assert_eq!(state(&[b"key"]).nodes_on_path(b"key"), 1);
        assert_eq!(state(&[b"key"]).nodes_on_path(b"other"), 1);
    }

    #[test]
    fn two_keys_share_an_extension_and_a_branch() {
        let state = state(&[b"abx", b"aby"]);
        assert_eq!(state.nodes_on_path(b"abx"), 3, "extension, branch, leaf");
        assert_eq!(state.nodes_on_path(b"abz"), 2, "extension, branch, no child");
        assert_eq!(state.nodes_on_path(b"zzz"), 1, "the extension does not match");
    }

    #[test]
    fn keys_that_part_at_once_have_no_extension() {
        let state = state(&[&[0x00], &[0xf0]]);
        assert_eq!(state.nodes_on_path(&[0xf0]), 2, "branch, leaf");
        assert_eq!(state.nodes_on_path(&[0xff]), 2, "the leaf is another's");
        assert_eq!(state.nodes_on_path(&[0x50]), 1);
    }

    #[test]
    fn a_key_that_begins_another_is_a_branch_with_a_value() {
        let state = state(&[b"ab", b"abc"]);
        assert_eq!(state.nodes_on_path(b"ab"), 2, "extension, branch");
        assert_eq!(state.nodes_on_path(b"abc"), 3, "extension, branch, leaf");
    }

    #[test]
    fn the_last_prefix_of_all_has_no_end() {
        let state = state(&[&[0xff, 0xff], &[0xff, 0xfe]]);
        assert_eq!(state.nodes_on_path(&[0xff, 0xff]), 3);
    }

    /// A trie that is built, key by key, to count in.
    #[derive(Default)]
    struct Branch {
        children: std::collections::BTreeMap<u8, Branch>,
        value: bool,
    }

    impl Branch {
        fn insert(&mut self, nibbles: &[u8]) {
            match nibbles.split_first() {
                None => self.value = true,
                Some((nibble, rest)) => self.children.entry(*nibble).or_default().insert(rest),
            }
        }

        fn is_leaf(&self) -> bool {
            self.children.is_empty()
        }

        /// Steps without a choice: the nibbles of a leaf or an extension, and what they lead to.
        fn straight(&self) -> (Vec<u8>, &Branch) {
            let mut nibbles = Vec::new();
            let mut end = self;
            while let (false, 1, Some((nibble, next))) = (end.value, end.children.len(), end.children.first_key_value())
            {
                nibbles.push(*nibble);
                end = next;
            }
            (nibbles, end)
        }

        fn nodes(&self, key: &[u8]) -> u64 {
            let (nibbles, end) = self.straight();
            if end.is_leaf() {
                return 1;
            }
            let extension = u64::from(!nibbles.is_empty());
            let Some(rest) = key.strip_prefix(nibbles.as_slice()) else { return extension };
            let below = rest.split_first().and_then(|(nibble, rest)| Some(end.children.get(nibble)?.nodes(rest)));
            extension + 1 + below.unwrap_or(0)
        }
    }

    fn nibbles(key: &[u8]) -> Vec<u8> {
        key.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]).collect()
    }

    #[test]
    fn counts_agree_with_a_trie_that_is_built() {
        // A few byte values, so that keys share much and begin each other.
        let mut seed = 7_u32;
        let mut random = |below: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) % below
        };
        let mut key = || {
            let bytes = [0x00, 0x01, 0x10, 0x1f, 0xff];
            let length = 1 + random(5);
            (0..length).map(|_| bytes.get(random(5) as usize).copied().unwrap_or_default()).collect::<Vec<u8>>()
        };
        for _ in 0..50 {
            let (mut state, mut trie) = (State::default(), Branch::default());
            for _ in 0..30 {
                let key = key();
                trie.insert(&nibbles(&key));
                state.write(key, Some(vec![1].into()));
            }
            for _ in 0..100 {
                let key = key();
                assert_eq!(state.nodes_on_path(&key), trie.nodes(&nibbles(&key)), "{key:02x?} in {state:?}");
            }
        }
    }
}
