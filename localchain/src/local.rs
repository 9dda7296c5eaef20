//! The whole local chain behind one value: for tests, demos, and the binary.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use near_account_id::{AccountId, AccountIdRef};
use near_crypto::{KeyType, PublicKey, SecretKey};
use near_primitives::types::{Balance, BlockHeight, ProtocolVersion};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::genesis::{Genesis, GenesisAccount, GenesisError};
use crate::node::{Blocks, DEFAULT_BLOCK_TIME, Node, NodeError, Ticker, wall_clock_ns};
use crate::rpc::RpcState;
use crate::{neardata, rpc};

/// The account that owns everything at the start, under the name near-workspaces and near-cli expect.
const ROOT_ACCOUNT: &AccountIdRef = AccountIdRef::new_or_panic("test.near");
/// How long open requests may take when the chain stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a local chain did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The genesis contradicts itself.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// The address is taken, or may not be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// Settings of a local chain; see [`LocalChain::builder`].
#[derive(Clone, Debug)]
pub struct LocalChainBuilder {
    address: SocketAddr,
    blocks: Blocks,
    root: AccountId,
    root_key: SecretKey,
    chain_id: Option<String>,
    protocol_version: Option<ProtocolVersion>,
    gas_price: Option<Balance>,
    accounts: Vec<GenesisAccount>,
}

impl Default for LocalChainBuilder {
    fn default() -> Self {
        // A fixed key, so that commands can be copied between runs. It guards play money on the loopback interface.
        let root_key = SecretKey::from_seed(KeyType::ED25519, ROOT_ACCOUNT.as_str());
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            blocks: Blocks::Every(DEFAULT_BLOCK_TIME),
            root: ROOT_ACCOUNT.to_owned(),
            root_key,
            chain_id: None,
            protocol_version: None,
            gas_price: None,
            accounts: Vec::new(),
        }
    }
}

impl LocalChainBuilder {
    /// Listens on `address`; port 0 takes a free one. Default: a free port on the loopback interface.
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// When blocks are produced. Default: every 600 ms, about a real node's pace.
    pub fn blocks(mut self, blocks: Blocks) -> Self {
        self.blocks = blocks;
        self
    }

    /// The rich account. Default: `test.near`.
    pub fn root_account(mut self, account_id: AccountId) -> Self {
        self.root = account_id;
        self
    }

    /// The rich account's full-access key. Default: one that is the same in every run.
    pub fn root_key(mut self, key: SecretKey) -> Self {
        self.root_key = key;
        self
    }

    /// The network's name. Default: `localnet`.
    pub fn chain_id(mut self, chain_id: impl Into<String>) -> Self {
        self.chain_id = Some(chain_id.into());
        self
    }

    /// The rules in force. Default: the newest the NEAR crates know.
    pub fn protocol_version(mut self, version: ProtocolVersion) -> Self {
        self.protocol_version = Some(version);
        self
    }

    /// What a unit of gas costs in an idle network. Default: 10⁸ yoctoNEAR.
    pub fn gas_price(mut self, price: Balance) -> Self {
        self.gas_price = Some(price);
        self
    }

    /// One more account in the first block, with a full-access key.
    pub fn account(mut self, account_id: AccountId, balance: Balance, public_key: PublicKey) -> Self {
        self.accounts.push(GenesisAccount {
            account_id,
            balance,
            locked: Balance::ZERO,
            public_keys: vec![public_key],
        });
        self
    }

    /// Starts the chain, its clock and its server. All three end when the returned value is dropped.
    pub async fn start(self) -> Result<LocalChain, StartError> {
        let mut genesis = Genesis::local(self.root.clone(), self.root_key.public_key());
        if let Some(chain_id) = self.chain_id {
            genesis.chain_id = chain_id;
        }
        if let Some(version) = self.protocol_version {
            genesis.protocol_version = version;
        }
        if let Some(price) = self.gas_price {
            genesis.min_gas_price = price;
            genesis.max_gas_price = genesis.max_gas_price.max(price);
        }
        if let Blocks::Every(interval) = self.blocks {
            genesis.block_interval = interval;
            genesis.timestamp_ns = wall_clock_ns();
        }
        genesis.accounts.extend(self.accounts);

        let node = Node::new(genesis)?;
        let listen = |source| StartError::Listen { address: self.address, source };
        let listener = TcpListener::bind(self.address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let server = serve(listener, &node, address);
        let ticker = match self.blocks {
            Blocks::Every(interval) => Some(node.tick_every(interval)),
            Blocks::ByHand => None,
        };
        Ok(LocalChain {
            rpc_url: format!("http://{address}"),
            root: self.root,
            root_key: self.root_key,
            node,
            server: Some(server),
            _ticker: ticker,
        })
    }
}

fn serve(listener: TcpListener, node: &Node, address: SocketAddr) -> JoinHandle<io::Result<()>> {
    let router = rpc::router(RpcState { node: node.clone(), rpc_addr: address.to_string() })
        .merge(neardata::router(node.clone()));
    let stopped = node.stopping().clone().cancelled_owned();
    tokio::spawn(async move { axum::serve(listener, router).with_graceful_shutdown(stopped).await })
}

/// A running local chain. Dropping it stops it.
///
/// ```no_run
/// # async fn example() -> Result<(), offchainvm_localchain::StartError> {
/// let chain = offchainvm_localchain::LocalChain::builder().start().await?;
/// println!("{} {}", chain.rpc_url(), chain.root_secret_key());
/// # Ok(())
/// # }
/// ```
pub struct LocalChain {
    rpc_url: String,
    root: AccountId,
    root_key: SecretKey,
    node: Node,
    server: Option<JoinHandle<io::Result<()>>>,
    _ticker: Option<Ticker>,
}

impl LocalChain {
    /// A chain with default settings, to be changed before it starts.
    pub fn builder() -> LocalChainBuilder {
        LocalChainBuilder::default()
    }

    /// Where JSON-RPC and blocks by height are served, as `http://host:port`.
    pub fn rpc_url(&self) -> &str {
        &self.rpc_url
    }

    /// The rich account.
    pub fn root_account_id(&self) -> &AccountId {
        &self.root
    }

    /// The rich account's full-access key.
    pub fn root_secret_key(&self) -> &SecretKey {
        &self.root_key
    }

    /// The chain itself: to produce blocks by hand, wait for them, or look inside.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Produces one block now; see [`Blocks::ByHand`].
    pub async fn produce_block(&self) -> Result<BlockHeight, NodeError> {
        self.node.produce_block().await
    }

    /// Lets `blocks` blocks' worth of height and time pass.
    pub async fn fast_forward(&self, blocks: u64) -> Result<BlockHeight, NodeError> {
        self.node.fast_forward(blocks).await
    }

    /// Puts the chain's clock forward: the next block is later by this much, without any in between.
    pub async fn advance_time(&self, by: Duration) -> Result<(), NodeError> {
        self.node.advance_time(by).await
    }

    /// Stops: no more blocks, open requests are answered, then the port is free.
    pub async fn stop(mut self) -> io::Result<()> {
        self.node.stopping().cancel();
        let Some(mut server) = self.server.take() else {
            return Ok(());
        };
        match tokio::time::timeout(STOP_TIMEOUT, &mut server).await {
            Ok(Ok(result)) => result,
            Ok(Err(error)) => Err(io::Error::other(error)),
            Err(_) => {
                server.abort();
                Ok(())
            }
        }
    }
}

impl Drop for LocalChain {
    fn drop(&mut self) {
        self.node.stopping().cancel();
    }
}
