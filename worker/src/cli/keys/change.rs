//! Changing the account's keys on the chain: the files first, then one transaction, then a look at the chain.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use near_crypto::PublicKey;
use near_primitives::{
    account::{AccessKey, AccessKeyPermission, FunctionCallPermission},
    action::{Action, AddKeyAction, DeleteKeyAction},
    transaction::SignedTransaction,
    views::FinalExecutionOutcomeView,
};
use near_token::NearToken;
use offchainvm_interface::calls::method;
use tokio::time::{Instant, sleep};

use super::{Desk, SignerArgs};
use crate::{
    chain::{Landing, LaneKeyFile, OperatorSigner, Rpc, TxProgress, landing_of, next_nonce, sign_actions},
    failpoint::failpoint,
};

/// How long the chain may take for a transaction.
const PATIENCE: Duration = Duration::from_secs(120);
/// How soon it is asked again when it answers at once.
const PAUSE: Duration = Duration::from_millis(300);

impl Desk {
    /// `keys add`.
    pub(super) async fn add(&self, count: u16, allowance: Option<NearToken>, signer: SignerArgs) -> anyhow::Result<()> {
        let signer = self.full_access(signer).await?;
        let (mut keys, mut missing) = self.unfinished().await?;
        missing.truncate(usize::from(count).saturating_sub(keys.len()));
        if !keys.is_empty() || !missing.is_empty() {
            eprintln!("{} keys of an earlier attempt come first", keys.len() + missing.len());
        }
        while keys.len() + missing.len() < count.into() {
            missing.push(self.lanes.create(self.account())?);
        }
        failpoint("keys.written");
        if !missing.is_empty() {
            self.bring_to_chain(&missing, allowance, &signer).await?;
        }
        keys.append(&mut missing);
        for key in keys {
            let key = self.lanes.confirm(key)?;
            println!("{} {}", key.signer.public_key(), key.path.display());
        }
        Ok(())
    }

    /// What earlier commands have begun and not finished: the keys that the chain has taken unheard, and those that it
    /// does not have.
    async fn unfinished(&self) -> anyhow::Result<(Vec<LaneKeyFile>, Vec<LaneKeyFile>)> {
        let mut landed = Vec::new();
        let mut missing = Vec::new();
        for key in self.lanes.unconfirmed(self.account())? {
            let place =
                if self.on_chain(&key.signer.public_key()).await?.is_some() { &mut landed } else { &mut missing };
            place.push(key);
        }
        missing.extend(self.not_on_chain(self.lanes.read(self.account())?).await?);
        Ok((landed, missing))
    }

    /// Adds the keys in one transaction and waits until the chain shows all of them.
    async fn bring_to_chain(
        &self,
        keys: &[LaneKeyFile],
        allowance: Option<NearToken>,
        signer: &OperatorSigner,
    ) -> anyhow::Result<()> {
        let add = |key: &LaneKeyFile| {
            let permission = AccessKeyPermission::FunctionCall(FunctionCallPermission {
                allowance,
                receiver_id: self.contract.to_string(),
                method_names: vec![method::RESOLVE_EXECUTION.to_owned(), method::RESOLVE_EXECUTIONS.to_owned()],
            });
            let access_key = AccessKey { nonce: 0, permission };
            Action::AddKey(Box::new(AddKeyAction { public_key: key.signer.public_key(), access_key }))
        };
        let landing = self.change(signer, keys.iter().map(add).collect()).await?;
        failpoint("keys.executed");
        let missing = self.not_on_chain_after(&landing, keys.to_vec()).await?;
        if let (Landing::Failed(error), false) = (&landing, missing.is_empty()) {
            bail!("the keys were not added: {error}; their files stay, and the same command tries again");
        }
        ensure!(missing.is_empty(), "the chain does not show all of the keys yet: the same command looks again");
        Ok(())
    }

    /// `keys remove`.
    pub(super) async fn remove(&self, key: &PublicKey, signer: SignerArgs) -> anyhow::Result<()> {
        let lanes = [self.lanes.read(self.account())?, self.lanes.unconfirmed(self.account())?].concat();
        let lane = lanes.into_iter().find(|lane| lane.signer.public_key() == *key);
        let lane = lane.with_context(|| format!("{} holds no such key", self.lanes.folder().display()))?;
        let signer = self.full_access(signer).await?;
        ensure!(signer.public_key() != *key, "{key} is the key that would sign its own removal");
        if self.on_chain(key).await?.is_some() {
            let delete = Action::DeleteKey(Box::new(DeleteKeyAction { public_key: key.clone() }));
            let landing = self.change(&signer, vec![delete]).await?;
            if let Landing::Failed(error) = landing
                && self.on_chain(key).await?.is_some()
            {
                bail!("the key was not removed: {error}");
            }
        }
        lane.delete()?;
        println!("{key} removed");
        Ok(())
    }

    /// Signs the actions on the operator's account and sees them through.
    async fn change(&self, signer: &OperatorSigner, actions: Vec<Action>) -> anyhow::Result<Landing> {
        let (access, at) = self.rpc.access_key(self.account(), &signer.public_key()).await?;
        let nonce = next_nonce(at, access.nonce);
        let transaction = sign_actions(self.account().clone(), actions, signer, nonce, at.hash);
        eprintln!("transaction {}", transaction.get_hash());
        Ok(landing_of(&see_through(&self.rpc, &transaction).await?))
    }

    /// Which of the keys the chain does not know, when those that were just added have had time to become final.
    async fn not_on_chain_after(&self, landing: &Landing, keys: Vec<LaneKeyFile>) -> anyhow::Result<Vec<LaneKeyFile>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let missing = self.not_on_chain(keys.clone()).await?;
            if missing.is_empty() || !matches!(landing, Landing::Succeeded(_)) || Instant::now() > deadline {
                return Ok(missing);
            }
            sleep(PAUSE).await;
        }
    }
}

/// Hands the transaction over, again and again if it must be, until it is executed: once.
async fn see_through(rpc: &Rpc, transaction: &SignedTransaction) -> anyhow::Result<FinalExecutionOutcomeView> {
    let (hash, account) = (transaction.get_hash(), transaction.transaction.signer_id());
    let deadline = Instant::now() + PATIENCE;
    let mut known = false;
    while Instant::now() < deadline {
        let progress = if known { rpc.follow(hash, account).await } else { rpc.submit(transaction).await };
        match progress {
            Ok(TxProgress::Executed(outcome)) => return Ok(*outcome),
            Ok(TxProgress::Pending(_)) => known = true,
            Ok(TxProgress::Unknown) => known = false,
            Err(error) if error.is_transient() => eprintln!("{error}; trying again"),
            // A copy that arrived earlier makes the next one invalid.
            Err(error) => match rpc.transaction(hash, account).await {
                Ok(TxProgress::Executed(_) | TxProgress::Pending(_)) => known = true,
                _ => return Err(error).context("nothing was changed"),
            },
        }
        sleep(PAUSE).await;
    }
    bail!("no outcome of transaction {hash} after {} s: see `offchainvm keys list`", PATIENCE.as_secs())
}
