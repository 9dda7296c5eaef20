//! Transactions that wait for the next block.
use near_account_id::AccountId;
use near_crypto::PublicKey;
use near_primitives::hash::CryptoHash;
use near_primitives::transaction::SignedTransaction;
use std::collections::{HashMap, VecDeque};

/// Waiting transactions, in the order they came.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: Vec<SignedTransaction>,
}

impl Queue {
    pub(crate) fn push(&mut self, transaction: SignedTransaction) {
        self.waiting.push(transaction);
    }

    /// Returns what a block has not taken in after all.
    pub(crate) fn put_back(&mut self, transactions: Vec<SignedTransaction>) {
        self.waiting.splice(0..0, transactions);
    }

    pub(crate) fn get(&self, hash: &CryptoHash) -> Option<&SignedTransaction> {
        self.waiting.iter().find(|transaction| transaction.hash() == hash)
    }

    /// Takes everything: signers in the order they came, and each key's transactions by nonce, since a network does
    /// not keep the order they were sent in.
    pub(crate) fn take(&mut self) -> Vec<SignedTransaction> {
        let waiting = std::mem::take(&mut self.waiting);
        let mut by_key: HashMap<(AccountId, PublicKey), Vec<SignedTransaction>> = HashMap::new();
        let keys: Vec<_> = waiting
            .into_iter()
            .map(|signed| {
                let key = (signed.transaction.signer_id().clone(), signed.transaction.public_key().clone());
                by_key.entry(key.clone()).or_default().push(signed);
                key
            })
            .collect();
        let mut by_key: HashMap<_, VecDeque<_>> = by_key
            .into_iter()
            .map(|(key, mut transactions)| {
                transactions.sort_by_key(|signed| signed.transaction.nonce().nonce());
                (key, transactions.into())
            })
            .collect();
        keys.iter().filter_map(|key| by_key.get_mut(key)?.pop_front()).collect()
    }
}
