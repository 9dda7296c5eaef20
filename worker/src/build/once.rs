//! One build per source at a time: who asks for a program that is being built waits for it.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError, Weak},
};
use tokio::sync::OwnedMutexGuard;

/// A lock for each key that somebody holds or waits for.
#[derive(Debug)]
pub(super) struct Once<K> {
    locks: Mutex<HashMap<K, Weak<tokio::sync::Mutex<()>>>>,
}

impl<K: Clone + Eq + Hash> Once<K> {
    pub(super) fn new() -> Self {
        Self { locks: Mutex::default() }
    }

    /// Waits until nobody else holds this key, and holds it for as long as the guard lives.
    pub(super) async fn enter(&self, key: &K) -> OwnedMutexGuard<()> {
        let lock = {
            // The map is whole after each line below, also when a thread panicked between them.
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            locks.retain(|_, lock| lock.strong_count() > 0);
            let known = locks.get(key).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let lock = Arc::default();
                locks.insert(key.clone(), Arc::downgrade(&lock));
                lock
            })
        };
        lock.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use std::{
        future::Future,
        pin::pin,
        task::{Context, Waker},
    };

    #[tokio::test]
    async fn the_same_key_waits_another_does_not_and_nothing_is_kept() {
        let once = Once::new();
        let first = once.enter(&"a").await;
        let other = once.enter(&"b").await;
        let mut second = pin!(once.enter(&"a"));
        assert!(second.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());

        drop(first);
        drop((second.await, other));
        drop(once.enter(&"c").await);
        assert_eq!(once.locks.lock().unwrap().keys().collect::<Vec<_>>(), [&"c"]);
    }
}
