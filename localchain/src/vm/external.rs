//! What a contract may ask of the chain while it runs: storage (in `storage`), promises, yields.
use super::{BlockFacts, Call};
use crate::apply::outgoing::{Outgoing, OutgoingError};
use crate::apply::yields;
use crate::state::{StateError, StateRead, StateUpdate};
use near_account_id::AccountId;
use near_crypto::PublicKey;
use near_primitives::account::{AccessKey, AccessKeyPermission, FunctionCallPermission, GasKeyInfo};
use near_primitives::action::{
    DeployGlobalContractAction, DeterministicStateInitAction, GlobalContractDeployMode, TransferToGasKeyAction,
    UniversalStateInitAction, UseGlobalContractAction,
};
use near_primitives::deterministic_account_id::{DeterministicAccountStateInit, DeterministicAccountStateInitV1};
use near_primitives::hash::{CryptoHash, YieldId};
use near_primitives::transaction::{
    Action, AddKeyAction, CreateAccountAction, DeleteAccountAction, DeleteKeyAction, DeployContractAction,
    FunctionCallAction, StakeAction, TransferAction,
};
use near_primitives::types::{Balance, Gas, GasWeight, Nonce, NonceIndex};
use near_primitives::universal_state_init::{
    DecodeMode, RawStateInit, StateInitError, UniversalStateInit, UniversalStateInitCounts, state_init_send_counts,
};
use near_primitives::utils::create_receipt_id_from_action_hash;
use near_vm_runner::logic::errors::AnyError;
use near_vm_runner::logic::types::{
    ActionIndex, GlobalContractDeployMode as VmDeployMode, GlobalContractIdentifier, ReceiptIndex,
};
use near_vm_runner::logic::{External, HostError, StorageAccessTracker, VMLogicError, ValuePtr};

pub(super) type VmResult<T> = Result<T, VMLogicError>;

/// A running call's view of the chain.
pub(super) struct RuntimeExternal<'a> {
    pub(super) update: &'a mut StateUpdate,
    outgoing: Outgoing,
    pub(super) account_id: &'a AccountId,
    action_hash: CryptoHash,
    /// Data ids made so far: each gets its own.
    data_ids: u64,
    block: BlockFacts<'a>,
    proof_size_before: usize,
}

impl<'a> RuntimeExternal<'a> {
    pub(super) fn new(call: &Call<'a>, update: &'a mut StateUpdate) -> RuntimeExternal<'a> {
        RuntimeExternal {
            update,
            outgoing: Outgoing::default(),
            account_id: call.account_id,
            action_hash: call.action_hash,
            data_ids: 0,
            block: call.block,
            proof_size_before: call.proof_size_before,
        }
    }

    pub(super) fn into_outgoing(self) -> Outgoing {
        self.outgoing
    }

    fn append(&mut self, receipt: ReceiptIndex, action: Action) {
        self.outgoing.append(receipt, action);
    }

    fn method_names(names: Vec<Vec<u8>>) -> VmResult<Vec<String>> {
        names.into_iter().map(|name| String::from_utf8(name).map_err(|_| HostError::InvalidMethodName.into())).collect()
    }

    fn add_key(&mut self, receipt: ReceiptIndex, public_key: PublicKey, nonce: Nonce, permission: AccessKeyPermission) {
        let access_key = AccessKey { nonce, permission };
        self.append(receipt, Action::AddKey(Box::new(AddKeyAction { public_key, access_key })));
    }
}

fn broken(error: StateError) -> VMLogicError {
    VMLogicError::ExternalError(AnyError::new(error))
}

impl From<OutgoingError> for VMLogicError {
    fn from(error: OutgoingError) -> VMLogicError {
        let OutgoingError::UnknownReceipt(receipt_index) = error;
        HostError::InvalidReceiptIndex { receipt_index }.into()
    }
}

impl External for RuntimeExternal<'_> {
    fn storage_set(
        &mut self,
        tracker: &mut dyn StorageAccessTracker,
        key: &[u8],
        value: &[u8],
    ) -> VmResult<Option<Vec<u8>>> {
        let key = self.storage_key(key);
        let evicted = self.replaced(tracker, &key, |tracker, bytes| tracker.deref_write_evicted_value_bytes(bytes))?;
        self.update.write(key, Some(value.into()));
        Ok(evicted)
    }

    fn storage_get<'b>(
        &'b self,
        _: &mut dyn StorageAccessTracker,
        key: &[u8],
    ) -> VmResult<Option<Box<dyn ValuePtr + 'b>>> {
        Ok(self.found(key).map(|value| Box::new(value) as Box<dyn ValuePtr>))
    }

    fn storage_remove(&mut self, tracker: &mut dyn StorageAccessTracker, key: &[u8]) -> VmResult<Option<Vec<u8>>> {
        let key = self.storage_key(key);
        let removed = self.replaced(tracker, &key, |tracker, bytes| tracker.deref_removed_value_bytes(bytes))?;
        self.update.remove(key);
        Ok(removed)
    }

    fn storage_has_key(&mut self, _: &mut dyn StorageAccessTracker, key: &[u8]) -> VmResult<bool> {
        Ok(self.found(key).is_some())
    }

    fn generate_data_id(&mut self) -> CryptoHash {
        let data_id = create_receipt_id_from_action_hash(&self.action_hash, self.block.height, self.data_ids);
        self.data_ids += 1;
        data_id
    }

    fn get_recorded_storage_size(&self) -> usize {
        self.update.proof_size()
    }

    fn storage_proof_size_before_receipt(&self) -> usize {
        self.proof_size_before
    }

    fn validator_stake(&self, account_id: &AccountId) -> VmResult<Option<Balance>> {
        if account_id != self.block.validator_id {
            return Ok(None);
        }
        Ok(self.update.account(account_id).map_err(broken)?.map(|account| account.locked()))
    }

    fn validator_total_stake(&self) -> VmResult<Balance> {
        Ok(self.validator_stake(self.block.validator_id)?.unwrap_or(Balance::ZERO))
    }

    fn chain_id(&self) -> String {
        self.block.chain_id.into()
    }

    fn create_action_receipt(
        &mut self,
        receipt_indices: Vec<ReceiptIndex>,
        receiver_id: AccountId,
    ) -> VmResult<ReceiptIndex> {
        let waits_for = receipt_indices.into_iter().map(|index| (self.generate_data_id(), index)).collect();
        Ok(self.outgoing.create(waits_for, receiver_id)?)
    }

    fn create_promise_yield_receipt(&mut self, receiver_id: AccountId) -> VmResult<(ReceiptIndex, CryptoHash)> {
        let data_id = self.generate_data_id();
        yields::begin(self.update, &receiver_id, data_id).map_err(broken)?;
        Ok((self.outgoing.create_yield(data_id, receiver_id), data_id))
    }

    fn create_promise_yield_receipt_with_id(
        &mut self,
        receiver_id: AccountId,
        user_yield_id: YieldId,
    ) -> VmResult<Option<(ReceiptIndex, CryptoHash)>> {
        if yields::named(self.update, &receiver_id, user_yield_id).map_err(broken)?.is_some() {
            return Ok(None);
        }
        let data_id = self.generate_data_id();
        yields::name(self.update, &receiver_id, user_yield_id, data_id).map_err(broken)?;
        yields::begin(self.update, &receiver_id, data_id).map_err(broken)?;
        Ok(Some((self.outgoing.create_yield(data_id, receiver_id), data_id)))
    }

    fn submit_promise_resume_data(&mut self, data_id: CryptoHash, data: Vec<u8>) -> VmResult<bool> {
        let waiting = yields::resume(self.update, self.account_id, data_id).map_err(broken)?;
        if waiting {
            self.outgoing.resume(data_id, data);
        }
        Ok(waiting)
    }

    fn submit_promise_resume_data_with_yield_id(&mut self, user_yield_id: YieldId, data: Vec<u8>) -> VmResult<bool> {
        match yields::named(self.update, self.account_id, user_yield_id).map_err(broken)? {
            Some(data_id) => self.submit_promise_resume_data(data_id, data),
            None => Ok(false),
        }
    }

    fn append_action_create_account(&mut self, receipt: ReceiptIndex) {
        self.append(receipt, Action::CreateAccount(CreateAccountAction {}));
    }

    fn append_action_deploy_contract(&mut self, receipt: ReceiptIndex, code: Vec<u8>) {
        self.append(receipt, Action::DeployContract(DeployContractAction { code }));
    }

    fn append_action_deploy_global_contract(&mut self, receipt: ReceiptIndex, code: Vec<u8>, mode: VmDeployMode) {
        let deploy_mode = match mode {
            VmDeployMode::CodeHash => GlobalContractDeployMode::CodeHash,
            VmDeployMode::AccountId => GlobalContractDeployMode::AccountId,
        };
        let action = DeployGlobalContractAction { code: code.into(), deploy_mode };
        self.append(receipt, Action::DeployGlobalContract(action));
    }

    fn append_action_use_global_contract(&mut self, receipt: ReceiptIndex, contract_id: GlobalContractIdentifier) {
        let action = UseGlobalContractAction { contract_identifier: contract_id.into() };
        self.append(receipt, Action::UseGlobalContract(Box::new(action)));
    }

    fn append_action_deterministic_state_init(
        &mut self,
        receipt: ReceiptIndex,
        contract_id: GlobalContractIdentifier,
        amount: Balance,
    ) -> ActionIndex {
        let state_init = DeterministicAccountStateInit::V1(DeterministicAccountStateInitV1 {
            code: contract_id.into(),
            data: Default::default(),
        });
        let action = DeterministicStateInitAction { state_init, deposit: amount };
        self.outgoing.append(receipt, Action::DeterministicStateInit(Box::new(action)))
    }

    fn set_deterministic_state_init_data_entry(
        &mut self,
        _: ReceiptIndex,
        _: ActionIndex,
        _: Vec<u8>,
        _: Vec<u8>,
    ) -> VmResult<()> {
        Ok(()) // the receipt is refused when the call ends, whatever its data
    }

    fn check_state_init(&self, state_init: &RawStateInit) -> Result<(), StateInitError> {
        UniversalStateInit::from_raw_strict(state_init).map(|_| ())
    }

    fn state_init_send_counts(&self, state_init: &RawStateInit, mode: DecodeMode) -> UniversalStateInitCounts {
        state_init_send_counts(state_init, mode)
    }

    fn append_action_universal_state_init(&mut self, receipt: ReceiptIndex, state_init: RawStateInit, amount: Balance) {
        let action = UniversalStateInitAction { state_init, deposit: amount };
        self.append(receipt, Action::UniversalStateInit(Box::new(action)));
    }

    fn append_action_function_call_weight(
        &mut self,
        receipt: ReceiptIndex,
        method_name: Vec<u8>,
        args: Vec<u8>,
        attached_deposit: Balance,
        prepaid_gas: Gas,
        gas_weight: GasWeight,
    ) -> VmResult<()> {
        let method_name = String::from_utf8(method_name).map_err(|_| HostError::InvalidMethodName)?;
        let call = FunctionCallAction { method_name, args, gas: prepaid_gas, deposit: attached_deposit };
        let action = self.outgoing.append(receipt, Action::FunctionCall(Box::new(call)));
        self.outgoing.weigh(receipt, action, gas_weight);
        Ok(())
    }

    fn append_action_transfer(&mut self, receipt: ReceiptIndex, deposit: Balance) {
        self.append(receipt, Action::Transfer(TransferAction { deposit }));
    }

    fn append_action_transfer_to_gas_key(&mut self, receipt: ReceiptIndex, public_key: PublicKey, deposit: Balance) {
        let action = TransferToGasKeyAction { public_key, deposit };
        self.append(receipt, Action::TransferToGasKey(Box::new(action)));
    }

    fn append_action_add_gas_key_with_full_access(
        &mut self,
        receipt: ReceiptIndex,
        public_key: PublicKey,
        num_nonces: NonceIndex,
    ) {
        let info = GasKeyInfo { balance: Balance::ZERO, num_nonces };
        self.add_key(receipt, public_key, 0, AccessKeyPermission::GasKeyFullAccess(info));
    }

    fn append_action_add_gas_key_with_function_call(
        &mut self,
        receipt: ReceiptIndex,
        public_key: PublicKey,
        num_nonces: NonceIndex,
        allowance: Option<Balance>,
        receiver_id: AccountId,
        method_names: Vec<Vec<u8>>,
    ) -> VmResult<()> {
        let method_names = Self::method_names(method_names)?;
        let permission = FunctionCallPermission { allowance, receiver_id: receiver_id.into(), method_names };
        let info = GasKeyInfo { balance: Balance::ZERO, num_nonces };
        self.add_key(receipt, public_key, 0, AccessKeyPermission::GasKeyFunctionCall(info, permission));
        Ok(())
    }

    fn append_action_stake(&mut self, receipt: ReceiptIndex, stake: Balance, public_key: PublicKey) {
        self.append(receipt, Action::Stake(Box::new(StakeAction { stake, public_key })));
    }

    fn append_action_add_key_with_full_access(&mut self, receipt: ReceiptIndex, public_key: PublicKey, nonce: Nonce) {
        self.add_key(receipt, public_key, nonce, AccessKeyPermission::FullAccess);
    }

    fn append_action_add_key_with_function_call(
        &mut self,
        receipt: ReceiptIndex,
        public_key: PublicKey,
        nonce: Nonce,
        allowance: Option<Balance>,
        receiver_id: AccountId,
        method_names: Vec<Vec<u8>>,
    ) -> VmResult<()> {
        let method_names = Self::method_names(method_names)?;
        let permission = FunctionCallPermission { allowance, receiver_id: receiver_id.into(), method_names };
        self.add_key(receipt, public_key, nonce, AccessKeyPermission::FunctionCall(permission));
        Ok(())
    }

    fn append_action_delete_key(&mut self, receipt: ReceiptIndex, public_key: PublicKey) {
        self.append(receipt, Action::DeleteKey(Box::new(DeleteKeyAction { public_key })));
    }

    fn append_action_delete_account(&mut self, receipt: ReceiptIndex, beneficiary_id: AccountId) {
        self.append(receipt, Action::DeleteAccount(DeleteAccountAction { beneficiary_id }));
    }

    fn get_receipt_receiver(&self, receipt: ReceiptIndex) -> &AccountId {
        // The VM asks only for receipts it has created.
        self.outgoing.receiver(receipt).unwrap_or(self.account_id)
    }

    fn set_refund_to(&mut self, receipt: ReceiptIndex, refund_to: AccountId) {
        self.outgoing.set_refund_to(receipt, refund_to);
    }

    fn post_quantum_keys_enabled(&self) -> bool {
        use near_primitives::version::ProtocolFeature::PostQuantumSignatures;
        PostQuantumSignatures.enabled(self.block.protocol_version)
    }
}
