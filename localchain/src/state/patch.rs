//! Records written into the state from outside, as a sandbox node allows.
use super::{StateError, StateRead, StateUpdate};
use near_primitives::account::Account;
use near_primitives::hash::hash;
use near_primitives::state_record::StateRecord;
use near_primitives::trie_key::TrieKey;
use near_primitives::types::{Balance, StateChangeCause};

/// A record that a patch may not hold.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    /// Only accounts, keys, code and contract data can be patched.
    #[error("a patch may hold accounts, access keys, contracts and data, not {0}")]
    Unsupported(&'static str),
    /// The balances in the patch do not fit the total supply.
    #[error("the patch's balances do not fit the total supply")]
    Supply,
    /// A record could not be written.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Refuses what `apply` could not write.
pub(crate) fn check(records: &[StateRecord]) -> Result<(), PatchError> {
    records.iter().try_for_each(|record| match record {
        StateRecord::Account { .. }
        | StateRecord::Data { .. }
        | StateRecord::Contract { .. }
        | StateRecord::AccessKey { .. } => Ok(()),
        StateRecord::PostponedReceipt(_) => Err(PatchError::Unsupported("a postponed receipt")),
        StateRecord::ReceivedData { .. } => Err(PatchError::Unsupported("received data")),
        StateRecord::DelayedReceipt(_) => Err(PatchError::Unsupported("a delayed receipt")),
        StateRecord::GasKeyNonce { .. } => Err(PatchError::Unsupported("a gas key nonce")),
    })
}

/// Writes the records, and returns what the total supply becomes.
pub(crate) fn apply(
    update: &mut StateUpdate,
    records: Vec<StateRecord>,
    mut supply: Balance,
) -> Result<Balance, PatchError> {
    check(&records)?;
    for record in records {
        match record {
            StateRecord::Account { account_id, account } => {
                let before = update.account(&account_id)?.as_ref().map_or(Some(Balance::ZERO), owned);
                supply = before
                    .and_then(|before| supply.checked_sub(before))
                    .zip(owned(&account))
                    .and_then(|(rest, owned)| rest.checked_add(owned))
                    .ok_or(PatchError::Supply)?;
                update.set_account(&account_id, &account)?;
            }
            StateRecord::Data { account_id, data_key, value } => {
                let key = TrieKey::ContractData { account_id, key: data_key.into() };
                update.write(key, Some(Vec::from(value).into()));
            }
            StateRecord::Contract { account_id, code } => {
                if let Some(mut account) = update.account(&account_id)? {
                    let contract = near_primitives::account::AccountContract::Local(hash(&code));
                    account.set_contract(contract).map_err(|_| StateError::Missing("an initialized account"))?;
                    update.set_account(&account_id, &account)?;
                }
                update.write(TrieKey::ContractCode { account_id }, Some(code.into()));
            }
            StateRecord::AccessKey { account_id, public_key, access_key } => {
                update.set(TrieKey::AccessKey { account_id, key_handle: public_key }, &access_key)?;
            }
            StateRecord::PostponedReceipt(_)
            | StateRecord::ReceivedData { .. }
            | StateRecord::DelayedReceipt(_)
            | StateRecord::GasKeyNonce { .. } => {}
        }
    }
    update.commit(StateChangeCause::Migration);
    Ok(supply)
}

fn owned(account: &Account) -> Option<Balance> {
    account.amount().checked_add(account.locked())
}
