//! What a chain starts from: its name, its rules, and who owns what.
use crate::state::{State, StateError, StateUpdate};
use near_account_id::AccountId;
use near_crypto::PublicKey;
use near_primitives::account::{AccessKey, Account, AccountContract};
use near_primitives::trie_key::TrieKey;
use near_primitives::types::{Balance, Gas, ProtocolVersion, StateChangeCause};
use near_primitives::version::{MIN_SUPPORTED_PROTOCOL_VERSION, PROTOCOL_VERSION};
use std::time::Duration;

/// Balance and stake that `neard init` gives to the root account of a test network.
const ROOT_BALANCE: Balance = Balance::from_near(1_000_000_000);
const ROOT_STAKE: Balance = Balance::from_near(50_000_000);
/// The network treasury. Every network has this account.
const TREASURY: &str = "near";

/// An account that exists from the first block on.
#[derive(Clone, Debug)]
pub struct GenesisAccount {
    /// Its name.
    pub account_id: AccountId,
    /// What it can spend, in yoctoNEAR.
    pub balance: Balance,
    /// What it has staked, in yoctoNEAR. Not spendable, and it counts towards storage staking.
    pub locked: Balance,
    /// Full-access keys.
    pub public_keys: Vec<PublicKey>,
}

/// The one validator, named as author of every block.
#[derive(Clone, Debug)]
pub struct Validator {
    /// The validator's account; it must be among the genesis accounts.
    pub account_id: AccountId,
    /// The key it would sign blocks with.
    pub public_key: PublicKey,
}

/// The first block's contents, and the rules that hold from there on.
#[derive(Clone, Debug)]
pub struct Genesis {
    /// Name of the network, as contracts and clients see it.
    pub chain_id: String,
    /// Rules in force: any version the NEAR crates know, 84 or later.
    pub protocol_version: ProtocolVersion,
    /// Price of a unit of gas in an idle network, in yoctoNEAR.
    pub min_gas_price: Balance,
    /// Price of a unit of gas in the busiest network, in yoctoNEAR.
    pub max_gas_price: Balance,
    /// Gas that the receipts of one block may burn; the rest waits for the next block.
    pub gas_limit: Gas,
    /// Height of the first block.
    pub height: u64,
    /// Time of the first block, in nanoseconds since 1970.
    pub timestamp_ns: u64,
    /// Time between two blocks that are produced by hand.
    pub block_interval: Duration,
    /// How many blocks a transaction may lag behind the block it names.
    pub transaction_validity_period: u64,
    /// The validator.
    pub validator: Validator,
    /// Everybody who exists at the start.
    pub accounts: Vec<GenesisAccount>,
}

/// A genesis that no chain can start from.
#[derive(Debug, thiserror::Error)]
pub enum GenesisError {
    /// The NEAR crates have no rules for this version.
    #[error("protocol version {0} is not supported: {MIN_SUPPORTED_PROTOCOL_VERSION} to {PROTOCOL_VERSION} are")]
    ProtocolVersion(ProtocolVersion),
    /// The same account twice.
    #[error("account {0} is listed twice")]
    DuplicateAccount(AccountId),
    /// The validator owns nothing.
    #[error("the validator {0} is not among the accounts")]
    UnknownValidator(AccountId),
    /// All balances together do not fit a number.
    #[error("the balances add up to more than 2^128 yoctoNEAR")]
    SupplyOverflow,
    /// A record could not be written.
    #[error(transparent)]
    State(#[from] StateError),
}

impl Genesis {
    /// A test network as `neard init` makes it: `root` is rich, and the validator; the newest rules; 600 ms a block.
    pub fn local(root: AccountId, public_key: PublicKey) -> Genesis {
        let mut accounts = vec![GenesisAccount {
            account_id: root.clone(),
            balance: ROOT_BALANCE,
            locked: ROOT_STAKE,
            public_keys: vec![public_key.clone()],
        }];
        if let Ok(account_id) = TREASURY.parse::<AccountId>()
            && account_id != root
        {
            // The key's owner does not matter, that there is one does: it takes its place in the state.
            let public_keys = vec![public_key.clone()];
            accounts.push(GenesisAccount { account_id, balance: ROOT_BALANCE, locked: Balance::ZERO, public_keys });
        }
        Genesis {
            chain_id: "localnet".into(),
            protocol_version: PROTOCOL_VERSION,
            min_gas_price: Balance::from_yoctonear(100_000_000),
            max_gas_price: Balance::from_yoctonear(2_000_000_000),
            gas_limit: Gas::from_teragas(1_000),
            height: 0,
            timestamp_ns: 1_700_000_000_000_000_000,
            block_interval: Duration::from_millis(600),
            transaction_validity_period: 86_400,
            validator: Validator { account_id: root, public_key },
            accounts,
        }
    }

    pub(crate) fn total_supply(&self) -> Result<Balance, GenesisError> {
        self.accounts
            .iter()
            .try_fold(Balance::ZERO, |sum, account| sum.checked_add(account.balance)?.checked_add(account.locked))
            .ok_or(GenesisError::SupplyOverflow)
    }

    pub(crate) fn check(&self) -> Result<(), GenesisError> {
        if !(MIN_SUPPORTED_PROTOCOL_VERSION..=PROTOCOL_VERSION).contains(&self.protocol_version) {
            return Err(GenesisError::ProtocolVersion(self.protocol_version));
        }
        let mut seen = std::collections::HashSet::new();
        if let Some(twice) = self.accounts.iter().find(|account| !seen.insert(&account.account_id)) {
            return Err(GenesisError::DuplicateAccount(twice.account_id.clone()));
        }
        if !seen.contains(&self.validator.account_id) {
            return Err(GenesisError::UnknownValidator(self.validator.account_id.clone()));
        }
        Ok(())
    }

    /// The state of the first block. `bytes_per_account` and `bytes_per_record` are the storage a record is billed for.
    pub(crate) fn state(&self, bytes_per_account: u64, bytes_per_record: u64) -> Result<State, GenesisError> {
        let mut update = StateUpdate::new(State::default());
        // A real node keeps its bandwidth scheduler in the state. Nothing reads it here, but it is a place in the
        // trie, and so part of what storage accesses cost.
        update.set(TrieKey::BandwidthSchedulerState, &self.chain_id)?;
        for genesis in &self.accounts {
            let account_id = &genesis.account_id;
            let access_key = AccessKey::full_access();
            let mut usage = bytes_per_account;
            for public_key in &genesis.public_keys {
                let record = crate::fees::access_key_storage(public_key, &access_key, bytes_per_record)?;
                usage = usage.saturating_add(record);
                update.set_access_key(account_id, public_key, &access_key)?;
            }
            let account = Account::new(genesis.balance, genesis.locked, AccountContract::None, usage);
            update.set_account(account_id, &account)?;
        }
        update.commit(StateChangeCause::InitialState);
        Ok(update.finish().0)
    }
}
