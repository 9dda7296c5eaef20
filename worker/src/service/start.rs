//! What a worker finds when it starts: the chain, the contract, its key, and its store with what the last run left.

use offchainvm_interface::views::Config as ContractConfig;
use tokio::time::sleep;
use tracing::{info, warn};

use super::{Role, Roles, ServiceError};
use crate::{
    chain::{Contract, OperatorSigner, Rpc},
    config::Config,
    identity::{Identity, Presence},
    store::Store,
    supervisor::BACKOFF,
};

/// The chain and the contract that a worker serves, and who signs. All were asked for, and answered.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The network.
    pub chain_id: String,
    /// The contract.
    pub contract: Contract,
    /// The contract's own settings.
    pub settings: ContractConfig,
    /// Who signs; [`None`] for roles that sign nothing.
    pub signer: Option<OperatorSigner>,
    /// Further keys of the signer's account, each a lane of its own.
    pub lane_signers: Vec<OperatorSigner>,
}

impl Surroundings {
    /// [`Self::find`], again and again while no node answers, later each time. Whatever else is wrong is no matter of
    /// time, and ends it.
    ///
    /// # Errors
    /// [`ServiceError`] says what is missing.
    pub async fn wait_for(config: &Config, roles: &Roles) -> Result<Self, ServiceError> {
        let mut attempts = 0u32;
        loop {
            let error = match Self::find(config, roles).await {
                Err(ServiceError::Chain(error)) if error.is_transient() => error,
                ended => return ended,
            };
            attempts = attempts.saturating_add(1);
            let wait = BACKOFF.wait(attempts, rand::random());
            warn!(
                event = "worker.waits_for_chain",
                %error,
                attempts,
                wait_ms = wait.as_millis() as u64,
                "the worker cannot start while no node answers; it tries again"
            );
            sleep(wait).await;
        }
    }

    /// Asks the chain whether this worker may serve this contract in these roles.
    ///
    /// # Errors
    /// [`ServiceError`] says what is missing.
    pub async fn find(config: &Config, roles: &Roles) -> Result<Self, ServiceError> {
        let mut signers = if roles.has(Role::Publish) { config.signers()? } else { Vec::new() }.into_iter();
        let (signer, lane_signers) = (signers.next(), signers.collect());
        let contract = Contract::new(Rpc::new(&config.chain.rpc_urls)?, config.contract_id()?.clone());
        let chain_id = contract.rpc().chain_id().await?;
        let settings = contract.config().await?;
        // Also so that the chain's time is known from the start.
        contract.rpc().final_block().await?;
        if let Some(signer) = &signer {
            if !settings.operators.contains(signer.account_id()) {
                let operators: Vec<&str> = settings.operators.iter().map(|account| account.as_str()).collect();
                return Err(ServiceError::NotOperator {
                    account: signer.account_id().to_string(),
                    contract: contract.id().to_string(),
                    operators: operators.join(", "),
                });
            }
            contract.rpc().access_key(signer.account_id(), &signer.public_key()).await?;
        }
        Ok(Self { chain_id, contract, settings, signer, lane_signers })
    }
}

/// The store, `given` or the one that the settings name, free of what processes hold that have ended; and the sign for
/// others that this one lives.
pub(super) async fn open_store(
    config: &Config,
    given: Option<Store>,
    found: Option<&Surroundings>,
) -> Result<(Store, Presence), ServiceError> {
    let identity = Identity::new();
    let folder = config.store.presence_dir();
    let fault = |source| ServiceError::Folder { path: folder.clone(), source };
    let presence = Presence::announce(&folder, &identity).map_err(fault)?;
    let gone = presence.gone().map_err(fault)?;
    let store = match given {
        Some(store) => store,
        None => Store::open(config.store.database(), identity.name()).await?,
    };
    if let Some(found) = found {
        store.belongs_to(&found.chain_id, found.contract.id().as_str()).await?;
    }
    let taken_over = store.expire_leases(|name| gone.has(name)).await?;
    gone.forget();
    if taken_over > 0 {
        info!(event = "worker.recovered", jobs = taken_over, "jobs that the last run left unfinished go on");
    }
    Ok((store, presence))
}
