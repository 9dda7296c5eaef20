//! Blocks beside those of the clock as long as something happens: a test waits for its transactions, and for no clock.

use offchainvm_localchain::{Chain, Node};
use std::{iter, sync::Arc};
use tokio::task::JoinHandle;

/// So many empty blocks follow one in which something happened: then it is final.
const AFTERMATH: usize = 3;

/// While this lives, a chain makes its next block at once when one of the last was not empty.
pub(crate) struct Hurry(JoinHandle<()>);

impl Hurry {
    pub(crate) fn of(node: &Node) -> Self {
        let node = node.clone();
        Self(tokio::spawn(async move {
            let mut heads = node.heads();
            while heads.changed().await.is_ok() {
                // A chain that makes no more blocks has said so itself.
                if node.read(is_busy).await.unwrap_or(false) && node.produce_block_now().await.is_err() {
                    return;
                }
            }
        }))
    }
}

impl Drop for Hurry {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn is_busy(chain: &Chain) -> bool {
    let mut last = iter::successors(Some(chain.head()), |block| chain.block_by_hash(&block.prev_hash)).map(Arc::as_ref);
    last.by_ref().take(AFTERMATH).any(|block| !block.outcomes.is_empty())
}
