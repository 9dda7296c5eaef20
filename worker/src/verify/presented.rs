//! What is checked: a receipt that somebody hands out, or whichever counts of those that a store keeps.

use offchainvm_interface::{Sha256, receipt::SignedReceipt};

use crate::receipt::digest;

/// What is checked.
#[derive(Clone, Debug)]
pub enum Presented {
    /// This receipt. Another one on the chain speaks against it.
    Receipt(Box<SignedReceipt>),
    /// The one that the request was settled with, of all that a store keeps of it: the last that was sent, and those
    /// before it.
    Kept(Box<SignedReceipt>, Vec<SignedReceipt>),
}

impl Presented {
    /// The receipts that a store keeps of one request, the last first; [`None`] when there are none.
    #[must_use]
    pub fn kept(receipts: Vec<SignedReceipt>) -> Option<Self> {
        let mut receipts = receipts.into_iter();
        Some(Self::Kept(Box::new(receipts.next()?), receipts.collect()))
    }

    /// The receipt as long as nobody knows better.
    #[must_use]
    pub fn last(&self) -> &SignedReceipt {
        let (Self::Receipt(receipt) | Self::Kept(receipt, _)) = self;
        receipt
    }

    /// The receipt with a digest, of several; the only one when there is no choice.
    pub(super) fn with(&self, sha256: Option<Sha256>) -> Option<&SignedReceipt> {
        match self {
            Self::Receipt(receipt) => Some(receipt),
            Self::Kept(last, earlier) => {
                let mut all = [&**last].into_iter().chain(earlier);
                all.find(|signed| digest(&signed.receipt).ok() == sha256 && sha256.is_some())
            }
        }
    }
}
