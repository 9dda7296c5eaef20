//! The receipts a call is putting together: promises, what they wait for, and answers to yields.
use near_account_id::AccountId;
use near_primitives::errors::IntegerOverflowError;
use near_primitives::hash::CryptoHash;
use near_primitives::receipt::{
    ActionReceiptV2, DataReceipt, DataReceiver, Receipt, ReceiptEnum, ReceiptV0, VersionedActionReceipt,
};
use near_primitives::transaction::Action;
use near_primitives::types::{Gas, GasWeight};

/// A promise that the contract cannot mean.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutgoingError {
    /// The VM names a receipt that was not created.
    #[error("there is no receipt {0}")]
    UnknownReceipt(u64),
}

/// Receipts in the making. They get their ids when the call has succeeded.
#[derive(Default)]
pub(crate) struct Outgoing {
    promises: Vec<Promise>,
    resumes: Vec<(CryptoHash, Vec<u8>)>,
    weights: Vec<Weight>,
}

struct Promise {
    receiver_id: AccountId,
    refund_to: Option<AccountId>,
    output_data_receivers: Vec<DataReceiver>,
    input_data_ids: Vec<CryptoHash>,
    actions: Vec<Action>,
    is_yield: bool,
}

/// A claim to a share of the gas that the call leaves over.
struct Weight {
    receipt: u64,
    action: u64,
    weight: u64,
}

impl Outgoing {
    /// A receipt that waits for the results of others, each to be delivered under its own data id.
    pub(crate) fn create(
        &mut self,
        waits_for: Vec<(CryptoHash, u64)>,
        receiver_id: AccountId,
    ) -> Result<u64, OutgoingError> {
        let mut input_data_ids = Vec::with_capacity(waits_for.len());
        for (data_id, index) in waits_for {
            let receiver_id = receiver_id.clone();
            let promise = self.promise(index).ok_or(OutgoingError::UnknownReceipt(index))?;
            promise.output_data_receivers.push(DataReceiver { data_id, receiver_id });
            input_data_ids.push(data_id);
        }
        Ok(self.push(receiver_id, input_data_ids, false))
    }

    /// A receipt that waits until its contract, or the time-out, delivers `data_id`.
    pub(crate) fn create_yield(&mut self, data_id: CryptoHash, receiver_id: AccountId) -> u64 {
        self.push(receiver_id, vec![data_id], true)
    }

    /// Delivers data to a yield.
    pub(crate) fn resume(&mut self, data_id: CryptoHash, data: Vec<u8>) {
        self.resumes.push((data_id, data));
    }

    /// Adds an action to a receipt, and returns its place there.
    pub(crate) fn append(&mut self, receipt: u64, action: Action) -> u64 {
        let Some(promise) = self.promise(receipt) else { return 0 };
        promise.actions.push(action);
        promise.actions.len() as u64 - 1
    }

    /// Lets a function call have a share of the unused gas.
    pub(crate) fn weigh(&mut self, receipt: u64, action: u64, weight: GasWeight) {
        if weight.0 > 0 {
            self.weights.push(Weight { receipt, action, weight: weight.0 });
        }
    }

    pub(crate) fn receiver(&self, receipt: u64) -> Option<&AccountId> {
        let promise = self.promises.get(usize::try_from(receipt).ok()?)?;
        Some(&promise.receiver_id)
    }

    pub(crate) fn set_refund_to(&mut self, receipt: u64, refund_to: AccountId) {
        if let Some(promise) = self.promise(receipt) {
            promise.refund_to = Some(refund_to);
        }
    }

    /// Shares unused gas out by weight; the last one gets what rounding leaves. Returns how much was given: all or none.
    pub(crate) fn share_out(&mut self, unused: Gas) -> Result<Gas, IntegerOverflowError> {
        let weights = std::mem::take(&mut self.weights);
        let sum: u128 = weights.iter().map(|weight| u128::from(weight.weight)).sum();
        if sum == 0 || unused == Gas::ZERO {
            return Ok(Gas::ZERO);
        }
        let mut left = unused;
        for (index, Weight { receipt, action, weight }) in weights.iter().enumerate() {
            let share = u128::from(unused.as_gas()) * u128::from(*weight) / sum;
            let share = u64::try_from(share).map_err(|_| IntegerOverflowError)?;
            let share = if index + 1 == weights.len() { left } else { Gas::from_gas(share) };
            left = left.saturating_sub(share);
            let action = usize::try_from(*action).map_err(|_| IntegerOverflowError)?;
            if let Some(Action::FunctionCall(call)) =
                self.promise(*receipt).and_then(|promise| promise.actions.get_mut(action))
            {
                call.gas = call.gas.checked_add_result(share)?;
            }
        }
        Ok(unused)
    }

    /// The receipts, without ids, as sent by `sender` on behalf of `parent`'s signer: promises first, then answers to
    /// yields.
    pub(crate) fn into_receipts(self, sender: &AccountId, parent: &VersionedActionReceipt<'_>) -> Vec<Receipt> {
        let promises = self.promises.into_iter().map(|promise| {
            let receipt = ActionReceiptV2 {
                signer_id: parent.signer_id().clone(),
                refund_to: promise.refund_to,
                signer_public_key: parent.signer_public_key().clone(),
                gas_price: parent.gas_price(),
                output_data_receivers: promise.output_data_receivers,
                input_data_ids: promise.input_data_ids,
                actions: promise.actions,
            };
            let receipt =
                if promise.is_yield { ReceiptEnum::PromiseYieldV2(receipt) } else { ReceiptEnum::ActionV2(receipt) };
            unnamed(sender, promise.receiver_id, receipt)
        });
        let resumes = self.resumes.into_iter().map(|(data_id, data)| {
            unnamed(sender, sender.clone(), ReceiptEnum::PromiseResume(DataReceipt { data_id, data: Some(data) }))
        });
        promises.chain(resumes).collect()
    }

    fn promise(&mut self, index: u64) -> Option<&mut Promise> {
        self.promises.get_mut(usize::try_from(index).ok()?)
    }

    fn push(&mut self, receiver_id: AccountId, input_data_ids: Vec<CryptoHash>, is_yield: bool) -> u64 {
        self.promises.push(Promise {
            receiver_id,
            refund_to: None,
            output_data_receivers: Vec::new(),
            input_data_ids,
            actions: Vec::new(),
            is_yield,
        });
        self.promises.len() as u64 - 1
    }
}

/// A receipt that has not got its id yet.
pub(super) fn unnamed(sender: &AccountId, receiver_id: AccountId, receipt: ReceiptEnum) -> Receipt {
    Receipt::V0(ReceiptV0 { predecessor_id: sender.clone(), receiver_id, receipt_id: CryptoHash::default(), receipt })
}
