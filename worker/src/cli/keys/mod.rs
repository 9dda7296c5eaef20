//! `offchainvm keys`: the access keys on which an operator's answers leave, side by side.
//!
//! - `change`: adding and deleting keys on the chain
//! - `list`: which keys there are, here and on the chain

mod change;
mod list;

use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use near_account_id::AccountId;
use near_crypto::PublicKey;
use near_primitives::views::{AccessKeyPermissionView, AccessKeyView};
use near_token::NearToken;

use crate::{
    chain::{KeySource, LaneKeyFile, LaneKeys, OperatorSigner, Rpc, RpcError},
    config::Config,
};

/// The most keys that one transaction may add: the chain's limit on actions.
const MOST_AT_ONCE: u16 = 100;

/// Arguments of `offchainvm keys`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The worker's configuration file (TOML); what it leaves out has its default
    #[arg(long, env = "OFFCHAINVM_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make new keys of the operator's account, which can do nothing but answer the contract's requests.
    ///
    /// Each key is written to a file of its own in operator.lane_keys before the chain hears of it, and becomes a lane
    /// when the chain has shown it. What an earlier command did not finish, because it was broken off, comes first and
    /// counts: the same command again makes no more keys than it was told to.
    Add {
        /// How many
        #[arg(value_parser = clap::value_parser!(u16).range(1..=i64::from(MOST_AT_ONCE)))]
        count: u16,
        /// What each key may spend on gas in all, such as "5 NEAR"; without it, as much as the account has
        #[arg(long, value_name = "AMOUNT")]
        allowance: Option<NearToken>,
        #[command(flatten)]
        signer: SignerArgs,
    },
    /// Show the operator's keys, and what the chain knows of each.
    List {
        /// Print one JSON array on standard output instead
        #[arg(long)]
        json: bool,
    },
    /// Delete a key on the chain, and then its file.
    ///
    /// Stop the worker first, or start it anew afterwards: it reads its keys when it starts.
    Remove {
        /// The key, as `keys list` shows it
        #[arg(value_name = "PUBLIC_KEY")]
        key: PublicKey,
        #[command(flatten)]
        signer: SignerArgs,
    },
}

#[derive(Debug, clap::Args)]
struct SignerArgs {
    /// A full-access key of the operator's account, as near-cli keeps it; by default the configured key, if it is one
    #[arg(long, value_name = "FILE")]
    signer_key_file: Option<PathBuf>,
}

/// What all of the commands work with.
struct Desk {
    rpc: Rpc,
    contract: AccountId,
    operator: OperatorSigner,
    lanes: LaneKeys,
}

impl Args {
    /// Does what the command line says.
    ///
    /// # Errors
    /// Says what is missing or what failed; it is for people.
    pub(super) async fn execute(self) -> anyhow::Result<()> {
        let config = Config::load(self.config.as_deref())?;
        let desk = Desk {
            rpc: Rpc::new(&config.chain.rpc_urls)?,
            contract: config.contract_id()?.clone(),
            operator: config.signer()?,
            lanes: config.lane_keys(),
        };
        match self.command {
            Command::Add { count, allowance, signer } => desk.add(count, allowance, signer).await,
            Command::List { json } => desk.list(json).await,
            Command::Remove { key, signer } => desk.remove(&key, signer).await,
        }
    }
}

impl Desk {
    fn account(&self) -> &AccountId {
        self.operator.account_id()
    }

    /// What the chain knows of a key; [`None`] when it does not know it.
    async fn on_chain(&self, key: &PublicKey) -> Result<Option<AccessKeyView>, RpcError> {
        match self.rpc.access_key(self.account(), key).await {
            Ok((access, _)) => Ok(Some(access)),
            Err(RpcError::UnknownKey(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Those of the keys that are not on the chain.
    async fn not_on_chain(&self, keys: Vec<LaneKeyFile>) -> Result<Vec<LaneKeyFile>, RpcError> {
        let mut missing = Vec::new();
        for key in keys {
            if self.on_chain(&key.signer.public_key()).await?.is_none() {
                missing.push(key);
            }
        }
        Ok(missing)
    }

    /// Who signs a change of the account's keys.
    async fn full_access(&self, args: SignerArgs) -> anyhow::Result<OperatorSigner> {
        let signer = match args.signer_key_file {
            Some(path) => OperatorSigner::load(&KeySource::File(path))?,
            None => self.operator.clone(),
        };
        let (account, key) = (self.account(), signer.public_key());
        ensure!(
            signer.account_id() == account,
            "the key given with --signer-key-file is {}'s, but the operator is {account}",
            signer.account_id()
        );
        let access = self.on_chain(&key).await?.with_context(|| format!("{key} is not a key of {account}"))?;
        if access.permission != AccessKeyPermissionView::FullAccess {
            bail!(
                "{key} is a function-call key, and only a full-access key can change the keys of {account}: \
                 name one with --signer-key-file"
            );
        }
        Ok(signer)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn the_number_of_keys_is_one_that_a_transaction_can_add() {
        for (count, fits) in [("0", false), ("1", true), ("100", true), ("101", false)] {
            assert_eq!(Line::try_parse_from(["keys", "add", count]).is_ok(), fits, "{count}");
        }
        let line = Line::try_parse_from(["keys", "add", "2", "--allowance", "5 NEAR"]).unwrap();
        assert!(
            matches!(line.args.command, Command::Add { allowance: Some(five), .. } if five == NearToken::from_near(5))
        );
    }
}
