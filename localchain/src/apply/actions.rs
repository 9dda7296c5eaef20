//! One action runs on an account: who may do what, and what it changes.
use super::execute::{ActionResult, Running};
use super::{Applier, ApplyError};
use crate::fees;
use crate::state::{StateError, StateRead};
use crate::vm;
use near_account_id::{AccountId, AccountType};
use near_crypto::PublicKey;
use near_primitives::account::{AccessKey, AccessKeyPermission, Account, AccountContract};
use near_primitives::errors::ActionErrorKind;
use near_primitives::hash::hash;
use near_primitives::receipt::Receipt;
use near_primitives::transaction::{Action, AddKeyAction, DeleteAccountAction, DeleteKeyAction, DeployContractAction};
use near_primitives::trie_key::TrieKey;
use near_primitives::types::{Balance, Nonce};

/// What an action does to the account, or why it does not.
type Done = Result<(), ActionErrorKind>;

impl Applier<'_> {
    /// Runs the action at `index` of the running receipt.
    pub(super) fn act(
        &mut self,
        running: &mut Running<'_>,
        action: &Action,
        index: usize,
    ) -> Result<ActionResult, ApplyError> {
        let mut result = ActionResult::costing(fees::exec_fee(self.block.config, action, running.account_id())?);
        if let Err(kind) = check_existence(running, action).and_then(|()| check_permission(running, action)) {
            result.fail(kind);
            return Ok(result);
        }
        let done = match action {
            Action::CreateAccount(_) => self.create_account(running),
            Action::DeployContract(deploy) => self.deploy(running, deploy)?,
            Action::FunctionCall(call) => return self.call(running, call, index, result),
            Action::Transfer(transfer) => self.transfer(running, transfer.deposit)?,
            Action::AddKey(add) => self.add_key(running, add)?,
            Action::DeleteKey(delete) => self.delete_key(running, delete)?,
            Action::DeleteAccount(delete) => self.delete_account(running, delete, &mut result)?,
            // Refused by validation, wherever a receipt comes from.
            _ => return Err(StateError::Missing("support for an action that passed validation").into()),
        };
        if let Err(kind) = done {
            result.fail(kind);
        }
        Ok(result)
    }

    fn create_account(&self, running: &mut Running<'_>) -> Done {
        let account_id = running.account_id().clone();
        let predecessor_id = running.receipt.predecessor_id();
        let rules = &self.block.config.account_creation_config;
        if account_id.is_top_level() {
            let short = account_id.len() < usize::from(rules.min_allowed_top_level_account_length);
            if short && predecessor_id != &rules.registrar_account_id {
                return Err(ActionErrorKind::CreateAccountOnlyByRegistrar {
                    account_id,
                    registrar_account_id: rules.registrar_account_id.clone(),
                    predecessor_id: predecessor_id.clone(),
                });
            }
        } else if !account_id.is_sub_account_of(predecessor_id) {
            let predecessor_id = predecessor_id.clone();
            return Err(ActionErrorKind::CreateAccountNotAllowed { account_id, predecessor_id });
        }
        let bytes = self.block.config.fees.storage_usage_config.num_bytes_account;
        running.account = Some(Account::new(Balance::ZERO, Balance::ZERO, AccountContract::None, bytes));
        running.actor_id = account_id;
        Ok(())
    }

    fn deploy(&mut self, running: &mut Running<'_>, deploy: &DeployContractAction) -> Result<Done, ApplyError> {
        let account_id = running.account_id().clone();
        let freed = self.contract_bytes(&account_id, present(&mut running.account)?);
        let account = present(&mut running.account)?;
        let usage = account.storage_usage().saturating_sub(freed);
        account.set_storage_usage(usage.checked_add(deploy.code.len() as u64).ok_or(ApplyError::Overflow)?);
        account
            .set_contract(AccountContract::Local(hash(&deploy.code)))
            .map_err(|_| StateError::Missing("an initialized account"))?;
        self.update.write(TrieKey::ContractCode { account_id }, Some(deploy.code.as_slice().into()));
        vm::compile(&deploy.code, self.block.config);
        Ok(Ok(()))
    }

    /// Bytes that the account's contract takes of its storage.
    fn contract_bytes(&self, account_id: &AccountId, account: &Account) -> u64 {
        match account.contract().as_ref() {
            AccountContract::Local(_) => self.update.code(account_id).map_or(0, |code| code.len() as u64),
            other => other.identifier_storage_usage(),
        }
    }

    fn transfer(&mut self, running: &mut Running<'_>, deposit: Balance) -> Result<Done, ApplyError> {
        let signer_id = running.action_receipt.signer_id();
        if running.receipt.predecessor_id().is_system() && signer_id == running.receipt.receiver_id() {
            let public_key = running.action_receipt.signer_public_key().clone();
            self.refund_allowance(running.receipt.receiver_id(), &public_key, deposit)?;
        }
        match &mut running.account {
            Some(account) => {
                account.set_amount(account.amount().checked_add(deposit).ok_or(ApplyError::Overflow)?);
            }
            None => self.create_implicit(running, deposit)?,
        }
        Ok(Ok(()))
    }

    /// A gas refund also gives a function-call key back what it may spend.
    fn refund_allowance(
        &mut self,
        account_id: &AccountId,
        public_key: &PublicKey,
        deposit: Balance,
    ) -> Result<(), ApplyError> {
        let Some(mut access_key) = self.update.access_key(account_id, public_key)? else { return Ok(()) };
        if let AccessKeyPermission::FunctionCall(permission) = &mut access_key.permission
            && let Some(allowance) = &mut permission.allowance
        {
            *allowance = allowance.saturating_add(deposit);
            self.update.set_access_key(account_id, public_key, &access_key)?;
        }
        Ok(())
    }

    /// The first transfer to an account that is named by its key creates it.
    fn create_implicit(&mut self, running: &mut Running<'_>, deposit: Balance) -> Result<(), ApplyError> {
        let account_id = running.account_id().clone();
        let public_key = PublicKey::from_near_implicit_account(&account_id)
            .map_err(|_| StateError::Missing("the key in an implicit account's name"))?;
        let access_key = AccessKey { nonce: self.first_nonce(), permission: AccessKeyPermission::FullAccess };
        let storage = &self.block.config.fees.storage_usage_config;
        let bytes = fees::access_key_storage(&public_key, &access_key, storage.num_extra_bytes_record)?;
        let usage = storage.num_bytes_account.saturating_add(bytes);
        self.update.set_access_key(&account_id, &public_key, &access_key)?;
        running.account = Some(Account::new(deposit, Balance::ZERO, AccountContract::None, usage));
        running.actor_id = account_id;
        Ok(())
    }

    /// A new key starts beyond every nonce that an earlier key of the same name can have used.
    fn first_nonce(&self) -> Nonce {
        self.block.height.saturating_sub(1).saturating_mul(AccessKey::ACCESS_KEY_NONCE_RANGE_MULTIPLIER)
    }

    fn add_key(&mut self, running: &mut Running<'_>, add: &AddKeyAction) -> Result<Done, ApplyError> {
        let account_id = running.account_id().clone();
        if self.update.access_key(&account_id, &add.public_key)?.is_some() {
            let public_key = add.public_key.clone().into();
            return Ok(Err(ActionErrorKind::AddKeyAlreadyExists { account_id, public_key }));
        }
        let access_key = AccessKey { nonce: self.first_nonce(), permission: add.access_key.permission.clone() };
        self.update.set_access_key(&account_id, &add.public_key, &access_key)?;
        let bytes = self.key_bytes(&add.public_key, &access_key)?;
        let account = present(&mut running.account)?;
        account.set_storage_usage(account.storage_usage().checked_add(bytes).ok_or(ApplyError::Overflow)?);
        Ok(Ok(()))
    }

    fn delete_key(&mut self, running: &mut Running<'_>, delete: &DeleteKeyAction) -> Result<Done, ApplyError> {
        let account_id = running.account_id().clone();
        let Some(access_key) = self.update.access_key(&account_id, &delete.public_key)? else {
            let public_key = delete.public_key.clone().into();
            return Ok(Err(ActionErrorKind::DeleteKeyDoesNotExist { account_id, public_key }));
        };
        let bytes = self.key_bytes(&delete.public_key, &access_key)?;
        self.update.remove_access_key(&account_id, &delete.public_key);
        let account = present(&mut running.account)?;
        account.set_storage_usage(account.storage_usage().saturating_sub(bytes));
        Ok(Ok(()))
    }

    fn key_bytes(&self, public_key: &PublicKey, access_key: &AccessKey) -> Result<u64, StateError> {
        let per_record = self.block.config.fees.storage_usage_config.num_extra_bytes_record;
        fees::access_key_storage(public_key, access_key, per_record)
    }

    fn delete_account(
        &mut self,
        running: &mut Running<'_>,
        delete: &DeleteAccountAction,
        result: &mut ActionResult,
    ) -> Result<Done, ApplyError> {
        let account_id = running.account_id().clone();
        let account = present(&mut running.account)?;
        let data = account.storage_usage().saturating_sub(self.contract_bytes(&account_id, account));
        if data > Account::MAX_ACCOUNT_DELETION_STORAGE_USAGE {
            return Ok(Err(ActionErrorKind::DeleteAccountWithLargeState { account_id }));
        }
        let balance = account.amount();
        if !balance.is_zero() {
            result.new_receipts.push(Receipt::new_balance_refund(&delete.beneficiary_id, balance));
        }
        self.update.remove_account(&account_id)?;
        running.actor_id = running.receipt.predecessor_id().clone();
        running.account = None;
        Ok(Ok(()))
    }
}

/// The account must exist, or must not, depending on the action.
fn check_existence(running: &Running<'_>, action: &Action) -> Done {
    let account_id = running.account_id();
    let missing = || Err(ActionErrorKind::AccountDoesNotExist { account_id: account_id.clone() });
    match (action, &running.account) {
        (Action::CreateAccount(_), Some(_)) => {
            Err(ActionErrorKind::AccountAlreadyExists { account_id: account_id.clone() })
        }
        // Whoever could add actions to the creation of an implicit account could take it over.
        (Action::CreateAccount(_), None) if account_id.get_account_type() != AccountType::NamedAccount => {
            Err(ActionErrorKind::OnlyImplicitAccountCreationAllowed { account_id: account_id.clone() })
        }
        (Action::CreateAccount(_), None) | (_, Some(_)) => Ok(()),
        (Action::Transfer(_), None) => {
            let alone = running.action_receipt.actions().len() == 1;
            let refund = running.receipt.predecessor_id().is_system();
            // Accounts named by other keys or by their state need actions that a local chain does not run.
            let implicit = account_id.get_account_type() == AccountType::NearImplicitAccount;
            if alone && !refund && implicit { Ok(()) } else { missing() }
        }
        (_, None) => missing(),
    }
}

/// Keys, code and the end of an account are its own business.
fn check_permission(running: &Running<'_>, action: &Action) -> Done {
    let own = matches!(
        action,
        Action::DeployContract(_) | Action::AddKey(_) | Action::DeleteKey(_) | Action::DeleteAccount(_)
    );
    let account_id = running.account_id();
    if own && &running.actor_id != account_id {
        let actor_id = running.actor_id.clone();
        return Err(ActionErrorKind::ActorNoPermission { account_id: account_id.clone(), actor_id });
    }
    let staking = running.account.as_ref().is_some_and(|account| !account.locked().is_zero());
    if staking && matches!(action, Action::DeleteAccount(_)) {
        return Err(ActionErrorKind::DeleteAccountStaking { account_id: account_id.clone() });
    }
    Ok(())
}

pub(super) fn present(account: &mut Option<Account>) -> Result<&mut Account, StateError> {
    account.as_mut().ok_or(StateError::Missing("an account that was checked for"))
}
