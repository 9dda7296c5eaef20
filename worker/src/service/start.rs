//! What a worker finds when it starts: its chain, its blobs, and its store with what the last run left.

use tokio::try_join;
use tracing::info;

use super::{Builder, ServiceError, Surroundings, patience::Patience, surroundings::Search};
use crate::{
    identity::{Identity, Presence},
    store::{Blobs, Store},
};

/// What messages call them when a start has to wait for them.
const NODE: &str = "node";
const DATABASE: &str = "database";

/// What a worker has found.
pub(super) struct Found {
    /// The chain and the contract, for a service that asks them.
    pub(super) surroundings: Option<Surroundings>,
    /// Where programs are kept.
    pub(super) blobs: Blobs,
    /// The store, free of what processes hold that have ended.
    pub(super) store: Store,
    /// The sign for others that this process lives.
    pub(super) presence: Presence,
}

impl Builder {
    /// Asks the chain, opens the store and tries the blobs, side by side: what is wrong with one is said though another is
    /// away.
    pub(super) async fn find(&mut self, patience: &Patience) -> Result<Found, ServiceError> {
        let identity = Identity::new();
        let folder = self.config.store.presence_dir();
        let fault = |source| ServiceError::Folder { path: folder.clone(), source };
        let presence = Presence::announce(&folder, &identity).map_err(fault)?;
        let gone = presence.gone().map_err(fault)?;
        let (found, given) = (self.found.take(), self.store.take());
        let (surroundings, blobs, store) = try_join!(
            self.surroundings_with(found, patience),
            self.blobs(patience),
            patience.until_there(DATABASE, async || self.open_store(given.clone(), &identity).await)
        )?;
        if let Some(found) = &surroundings {
            let (chain, contract) = (&found.chain_id, found.contract.id().as_str());
            patience.until_there(DATABASE, async || Ok(store.belongs_to(chain, contract).await?)).await?;
        }
        let taken_over =
            patience.until_there(DATABASE, async || Ok(store.expire_leases(|name| gone.has(name)).await?)).await?;
        gone.forget();
        if taken_over > 0 {
            info!(event = "worker.recovered", jobs = taken_over, "jobs that the last run left unfinished go on");
        }
        Ok(Found { surroundings, blobs, store, presence })
    }

    async fn surroundings_with(
        &self,
        found: Option<Surroundings>,
        patience: &Patience,
    ) -> Result<Option<Surroundings>, ServiceError> {
        if found.is_some() || !(patience.waits() || self.roles.need_chain()) {
            return Ok(found);
        }
        let search = Search::new(&self.config, &self.roles)?;
        patience.until_there(NODE, async || search.ask().await).await.map(Some)
    }

    /// The store that was `given`, or else the one that the settings name.
    async fn open_store(&self, given: Option<Store>, identity: &Identity) -> Result<Store, ServiceError> {
        match given {
            Some(store) => Ok(store),
            None => Ok(Store::open(self.config.store.database(), identity.name()).await?),
        }
    }
}
