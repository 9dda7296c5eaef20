//! What is refused at the door: transactions that are malformed, unsigned, stale, or that their signer cannot pay.
use crate::fees::{TransactionCost, transaction_cost};
use crate::state::{State, StateRead, StateUpdate};
use crate::validate::Rules;
use near_parameters::RuntimeConfig;
use near_primitives::account::{AccessKey, AccessKeyPermission, Account, FunctionCallPermission};
use near_primitives::errors::{InvalidAccessKeyError, InvalidTxError, StorageError};
use near_primitives::transaction::{
    Action, NonceMode, SignedTransaction, Transaction, TransactionNonce, ValidatedTransaction,
};
use near_primitives::types::{Balance, BlockHeight, ProtocolVersion};

/// Storage that an account may use without owning anything.
const ZERO_BALANCE_ACCOUNT_BYTES: u64 = 770;

/// The rules and the prices in force where a transaction knocks.
pub(crate) struct Door<'a> {
    pub config: &'a RuntimeConfig,
    pub protocol_version: ProtocolVersion,
    pub gas_price: Balance,
    /// The height of the block that would take the transaction in.
    pub height: BlockHeight,
}

/// A signer who has paid, and what for.
pub(crate) struct Charged {
    pub cost: TransactionCost,
    account: Account,
    access_key: AccessKey,
}

impl Charged {
    /// Writes the payment down.
    pub(crate) fn write(
        &self,
        transaction: &Transaction,
        update: &mut StateUpdate,
    ) -> Result<(), crate::state::StateError> {
        let signer_id = transaction.signer_id();
        update.set_account(signer_id, &self.account)?;
        update.set_access_key(signer_id, transaction.public_key(), &self.access_key)
    }
}

impl Door<'_> {
    /// All that can be known of a transaction before it is in a block, except whether the block it names is recent.
    pub(crate) fn check(&self, signed: &SignedTransaction, state: &State) -> Result<(), InvalidTxError> {
        self.check_form(signed)?;
        self.charge(&signed.transaction, state).map(|_| ())
    }

    /// What needs no state: actions, version, size, signature.
    pub(crate) fn check_form(&self, signed: &SignedTransaction) -> Result<(), InvalidTxError> {
        let rules = Rules { limits: &self.config.wasm_config.limit_config, protocol_version: self.protocol_version };
        rules
            .check_actions(signed.transaction.actions(), signed.transaction.receiver_id())
            .map_err(InvalidTxError::ActionsValidation)?;
        ValidatedTransaction::check_valid_for_config(self.config, signed, self.protocol_version)?;
        if !signed.signature.verify(signed.get_hash().as_ref(), signed.transaction.public_key()) {
            return Err(InvalidTxError::InvalidSignature);
        }
        Ok(())
    }

    /// Makes the signer pay: nonce, balance, allowance and permission are checked in a node's order.
    pub(crate) fn charge(&self, transaction: &Transaction, state: &impl StateRead) -> Result<Charged, InvalidTxError> {
        let cost = transaction_cost(self.config, transaction, self.gas_price)?;
        let signer_id = transaction.signer_id();
        let mut account = state
            .account(signer_id)
            .map_err(unreadable)?
            .ok_or_else(|| InvalidTxError::SignerDoesNotExist { signer_id: signer_id.clone() })?;
        let public_key = transaction.public_key();
        let mut access_key = state.access_key(signer_id, public_key).map_err(unreadable)?.ok_or_else(|| {
            InvalidAccessKeyError::AccessKeyNotFound {
                account_id: signer_id.clone(),
                public_key: public_key.clone().into(),
            }
        })?;
        self.check_nonce(transaction, &access_key)?;

        let balance = account.amount();
        let left = balance.checked_sub(cost.total_cost).ok_or_else(|| InvalidTxError::NotEnoughBalance {
            signer_id: signer_id.clone(),
            balance,
            cost: cost.total_cost,
        })?;
        if let AccessKeyPermission::FunctionCall(FunctionCallPermission { allowance: Some(allowance), .. }) =
            &mut access_key.permission
        {
            *allowance =
                allowance.checked_sub(cost.total_cost).ok_or_else(|| InvalidAccessKeyError::NotEnoughAllowance {
                    account_id: signer_id.clone(),
                    public_key: public_key.clone().into(),
                    allowance: *allowance,
                    cost: cost.total_cost,
                })?;
        }
        account.set_amount(left);
        if let Some(amount) = storage_debt(&account, self.config) {
            return Err(InvalidTxError::LackBalanceForState { signer_id: signer_id.clone(), amount });
        }
        match &access_key.permission {
            AccessKeyPermission::FullAccess => {}
            AccessKeyPermission::FunctionCall(permission) => check_permission(transaction, permission)?,
            AccessKeyPermission::GasKeyFunctionCall(..) | AccessKeyPermission::GasKeyFullAccess(_) => {
                return Err(InvalidTxError::InvalidNonceIndex { tx_nonce_index: None, num_nonces: 0 });
            }
        }
        access_key.nonce = transaction.nonce().nonce();
        Ok(Charged { cost, account, access_key })
    }

    fn check_nonce(&self, transaction: &Transaction, access_key: &AccessKey) -> Result<(), InvalidTxError> {
        let nonce = match transaction.nonce() {
            TransactionNonce::Nonce { nonce } => nonce,
            TransactionNonce::GasKeyNonce { nonce_index, .. } => {
                let tx_nonce_index = Some(nonce_index);
                return Err(InvalidTxError::InvalidNonceIndex { tx_nonce_index, num_nonces: 0 });
            }
        };
        let ak_nonce = access_key.nonce;
        let next = match transaction.nonce_mode() {
            NonceMode::Monotonic => nonce > ak_nonce,
            NonceMode::Strict => Some(nonce) == ak_nonce.checked_add(1),
        };
        if !next {
            return Err(InvalidTxError::InvalidNonce { tx_nonce: nonce, ak_nonce });
        }
        let upper_bound = self.height.saturating_mul(AccessKey::ACCESS_KEY_NONCE_RANGE_MULTIPLIER);
        if nonce >= upper_bound {
            return Err(InvalidTxError::NonceTooLarge { tx_nonce: nonce, upper_bound });
        }
        Ok(())
    }
}

/// How much an account lacks to cover the storage it uses; `None` if it covers it, or uses next to nothing.
pub(crate) fn storage_debt(account: &Account, config: &RuntimeConfig) -> Option<Balance> {
    if account.storage_usage() <= ZERO_BALANCE_ACCOUNT_BYTES {
        return None;
    }
    let required =
        config.storage_amount_per_byte().checked_mul(u128::from(account.storage_usage())).unwrap_or(Balance::MAX);
    let owned = account.amount().saturating_add(account.locked());
    required.checked_sub(owned).filter(|debt| !debt.is_zero())
}

/// What a function-call key may sign: one call, without deposit, of the methods and the contract it names.
fn check_permission(
    transaction: &Transaction,
    permission: &FunctionCallPermission,
) -> Result<(), InvalidAccessKeyError> {
    let [Action::FunctionCall(call)] = transaction.actions() else {
        return Err(InvalidAccessKeyError::RequiresFullAccess);
    };
    if !call.deposit.is_zero() {
        return Err(InvalidAccessKeyError::DepositWithFunctionCall);
    }
    if transaction.receiver_id().as_str() != permission.receiver_id {
        return Err(InvalidAccessKeyError::ReceiverMismatch {
            tx_receiver: transaction.receiver_id().clone(),
            ak_receiver: permission.receiver_id.clone(),
        });
    }
    if !permission.method_names.is_empty() && !permission.method_names.contains(&call.method_name) {
        return Err(InvalidAccessKeyError::MethodNameMismatch { method_name: call.method_name.clone() });
    }
    Ok(())
}

fn unreadable(error: crate::state::StateError) -> InvalidTxError {
    InvalidTxError::StorageError(StorageError::StorageInconsistentState(error.to_string()))
}
