//! Transactions that an earlier attempt may have sent. Many jobs may have travelled in one: it is asked for once.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use near_account_id::AccountId;
use near_primitives::hash::CryptoHash;
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use super::confirm::{self, Earlier};
use crate::chain::{Rpc, RpcError};

/// A question that is asked once for all who have it at the same time.
type Question = OnceCell<Arc<Earlier>>;

/// The questions that somebody has just now.
#[derive(Debug)]
pub(super) struct EarlierTransactions {
    rpc: Rpc,
    account: AccountId,
    asked: Mutex<HashMap<CryptoHash, Weak<Question>>>,
}

impl EarlierTransactions {
    pub(super) fn new(rpc: Rpc, account: AccountId) -> Self {
        Self { rpc, account, asked: Mutex::default() }
    }

    /// What became of a transaction. A question that fails is asked again by the next who has it.
    pub(super) async fn ask(&self, hash: CryptoHash) -> Result<Arc<Earlier>, RpcError> {
        let question = self.question(hash);
        let ask = || async { confirm::ask(&self.rpc, &self.account, hash).await.map(Arc::new) };
        question.get_or_try_init(ask).await.cloned()
    }

    fn question(&self, hash: CryptoHash) -> Arc<Question> {
        let mut asked = self.asked.lock();
        if let Some(question) = asked.get(&hash).and_then(Weak::upgrade) {
            return question;
        }
        asked.retain(|_, question| question.strong_count() > 0);
        let question = Arc::new(Question::new());
        asked.insert(hash, Arc::downgrade(&question));
        question
    }
}
