//! The chain and the contract that a worker serves: asked for, checked, and put into words.

use offchainvm_interface::views::Config as ContractConfig;
use url::Url;

use super::{Role, Roles, ServiceError};
use crate::{
    chain::{Contract, EndpointState, OperatorSigner, Rpc, name_of},
    config::Config,
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

/// Questions to the chain, for which everything on this machine is there. What a node said badly is remembered from one
/// attempt to the next.
#[derive(Debug)]
pub(super) struct Search {
    contract: Contract,
    signer: Option<OperatorSigner>,
    lane_signers: Vec<OperatorSigner>,
}

impl Search {
    /// Reads the keys that the roles need.
    pub(super) fn new(config: &Config, roles: &Roles) -> Result<Self, ServiceError> {
        let mut signers = if roles.has(Role::Publish) { config.signers()? } else { Vec::new() }.into_iter();
        let (signer, lane_signers) = (signers.next(), signers.collect());
        let contract = Contract::new(Rpc::new(&config.chain.rpc_urls)?, config.contract_id()?.clone());
        Ok(Self { contract, signer, lane_signers })
    }

    /// Asks the chain whether this worker may serve this contract in these roles.
    pub(super) async fn ask(&self) -> Result<Surroundings, ServiceError> {
        let Self { contract, signer, lane_signers } = self;
        let chain_id = contract.rpc().chain_id().await?;
        let settings = contract.config().await?;
        // Also so that the chain's time is known from the start.
        contract.rpc().final_block().await?;
        if let Some(signer) = signer {
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
        let (contract, signer, lane_signers) = (contract.clone(), signer.clone(), lane_signers.clone());
        Ok(Surroundings { chain_id, contract, settings, signer, lane_signers })
    }
}

impl Surroundings {
    /// Asks the chain whether a worker with this configuration may serve its contract in these roles.
    ///
    /// # Errors
    /// [`ServiceError`] says what is missing.
    pub async fn find(config: &Config, roles: &Roles) -> Result<Self, ServiceError> {
        Search::new(config, roles)?.ask().await
    }

    /// The worker in a few lines, for people.
    #[must_use]
    pub fn describe(&self, config: &Config, roles: &Roles) -> String {
        let paused = if self.settings.paused { ", paused" } else { "" };
        let signer = self.signer.as_ref().map_or_else(|| "(signs nothing)".to_owned(), |signer| format!("{signer:?}"));
        format!(
            "roles      {roles}\ncontract   {} on {}{paused}\noperator   {signer}\nlanes      {}\nnode       {}\n\
             blocks     {}\ndata       {}\nstore      {}\n",
            self.contract.id(),
            self.chain_id,
            self.signer.iter().chain(&self.lane_signers).count(),
            nodes(&self.contract.rpc().endpoints()),
            blocks(&config.chain.block_sources),
            config.store.path.display(),
            config.store.database(),
        )
    }
}

fn nodes(states: &[EndpointState]) -> String {
    let node = |state: &EndpointState| match state.condition.failures {
        0 => state.name.clone(),
        _ => format!("{} (does not answer)", state.name),
    };
    states.iter().map(node).collect::<Vec<_>>().join(", ")
}

/// Without what comes after the host: that may be a key.
fn blocks(sources: &[Url]) -> String {
    if sources.is_empty() { "(none)".to_owned() } else { sources.iter().map(name_of).collect::<Vec<_>>().join(", ") }
}
