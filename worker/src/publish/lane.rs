//! One access key and the order in which its transactions leave.

use near_account_id::AccountId;
use near_primitives::{errors::InvalidTxError, transaction::SignedTransaction};
use tokio::sync::Mutex;

use super::PublishError;
use crate::{
    chain::{Call, OperatorSigner, Rpc, RpcError, next_nonce, sign_call},
    failpoint::failpoint,
    store::{Lease, Moment, Store, StoreError},
};

/// One access key. Its transactions leave one after the other, because the chain takes a key's nonces only in rising
/// order; they are waited for side by side.
#[derive(Debug)]
pub(super) struct Lane {
    rpc: Rpc,
    store: Store,
    signer: OperatorSigner,
    order: Mutex<()>,
}

impl Lane {
    pub(super) fn new(rpc: Rpc, store: Store, signer: OperatorSigner) -> Self {
        Self { rpc, store, signer, order: Mutex::new(()) }
    }

    pub(super) fn account(&self) -> &AccountId {
        self.signer.account_id()
    }

    /// Signs the call with the next nonce, notes it in the outbox and sends it. When sending fails it may have arrived
    /// nevertheless, and the outbox knows it.
    pub(super) async fn send(&self, call: Call, lease: &Lease) -> Result<SignedTransaction, PublishError> {
        let _turn = self.order.lock().await;
        let key = self.signer.public_key();
        let (access, block) = self.rpc.access_key(self.signer.account_id(), &key).await?;
        let nonce = self.store.next_nonce(&key.to_string(), next_nonce(block, access.nonce)).await?;
        let transaction = sign_call(call, &self.signer, nonce, block.hash);
        let lost =
            self.store.about_to_send(vec![lease.clone()], &transaction.get_hash().to_string(), Moment::now()).await?;
        if !lost.is_empty() {
            return Err(StoreError::LeaseLost(lease.id()).into());
        }
        self.rpc.broadcast(&transaction).await?;
        failpoint("publish.sent");
        Ok(transaction)
    }
}

/// Refusals that another transaction, a little later, does not meet again.
pub(super) fn is_passing(error: &RpcError) -> bool {
    let RpcError::InvalidTransaction(error) = error else { return false };
    matches!(
        **error,
        InvalidTxError::InvalidNonce { .. }
            | InvalidTxError::NonceTooLarge { .. }
            | InvalidTxError::Expired
            | InvalidTxError::ShardCongested { .. }
            | InvalidTxError::ShardStuck { .. }
    )
}
