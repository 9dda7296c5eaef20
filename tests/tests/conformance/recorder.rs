//! Runs one scenario at a time and notes what the node answered, in the recording's form.

use anyhow::{Context, Result};
use near_account_id::AccountId;
use near_primitives::action::Action;
use near_primitives::transaction::SignedTransaction;
use serde_json::{Map, Value, json};

use crate::actors::Actor;
use crate::rpc::Rpc;
use crate::scrub::{scrub, shape};

/// What a node answered so far, by scenario.
pub struct Recorder {
    pub rpc: Rpc,
    seen: Map<String, Value>,
    watched: Vec<AccountId>,
}

impl Recorder {
    pub fn new(rpc: Rpc) -> Self {
        Self { rpc, seen: Map::new(), watched: Vec::new() }
    }

    /// Everything noted.
    pub fn finish(self) -> Map<String, Value> {
        self.seen
    }

    /// From now on, transactions note what they change of these balances, and of their signer's.
    pub fn watch(&mut self, accounts: &[&Actor]) {
        self.watched = accounts.iter().map(|actor| actor.id.clone()).collect();
    }

    pub fn note(&mut self, scenario: &str, answer: Value) {
        self.seen.insert(scenario.to_owned(), answer);
    }

    /// Signs for the key's next nonce and the newest block.
    pub async fn sign(&self, from: &Actor, to: &AccountId, actions: Vec<Action>) -> Result<SignedTransaction> {
        let head = self.rpc.head().await?;
        let nonce = self.rpc.nonce(&from.id, &from.public_key()).await? + 1;
        Ok(from.sign(to, nonce, head.hash, actions))
    }

    /// A transaction, to the end of its last receipt.
    pub async fn transaction(
        &mut self,
        scenario: &str,
        from: &Actor,
        to: &AccountId,
        actions: Vec<Action>,
    ) -> Result<()> {
        let transaction = self.sign(from, to, actions).await.with_context(|| scenario.to_owned())?;
        self.signed(scenario, transaction).await
    }

    /// The same for a transaction that is signed already.
    pub async fn signed(&mut self, scenario: &str, transaction: SignedTransaction) -> Result<()> {
        let mut watched = self.watched.clone();
        watched.push(transaction.transaction.signer_id().clone());
        let before = self.balances(&watched).await?;
        let answer = self.rpc.send(&transaction, "FINAL").await.with_context(|| scenario.to_owned())?;
        let mut outcome = self.outcome(&answer).await?;
        let after = self.balances(&watched).await?;
        let changes = watched.iter().zip(before.into_iter().zip(after));
        outcome["balance_changes"] =
            changes.map(|(account, (before, after))| (account.to_string(), change(before, after))).collect();
        self.note(scenario, outcome);
        Ok(())
    }

    /// A question whose whole answer counts.
    pub async fn query(&mut self, scenario: &str, method: &str, params: Value) -> Result<()> {
        let answer = self.rpc.ask(method, params).await?;
        let noted = match answer.get("error") {
            Some(error) => json!({ "error": scrub(error) }),
            None => json!({ "result": scrub(&answer["result"]) }),
        };
        self.note(scenario, noted);
        Ok(())
    }

    /// A question of whose answer only the fields count.
    pub async fn shape(&mut self, scenario: &str, method: &str, params: Value, depth: u8) -> Result<()> {
        let answer = self.rpc.ask(method, params).await?;
        self.note(scenario, shape(&answer["result"], depth));
        Ok(())
    }

    /// The comparable part of a transaction's status.
    pub async fn outcome(&self, answer: &Value) -> Result<Value> {
        if let Some(error) = answer.get("error") {
            return Ok(json!({ "status": { "rpc_error": scrub(error) } }));
        }
        let result = &answer["result"];
        let transaction = &result["transaction_outcome"];
        if transaction.is_null() {
            return Ok(json!({ "status": result["final_execution_status"] }));
        }
        let start = self.rpc.height_of(&transaction["block_hash"]).await?;
        let mut receipts = Vec::new();
        for receipt in result["receipts_outcome"].as_array().into_iter().flatten() {
            let outcome = &receipt["outcome"];
            receipts.push(json!({
                "executor": outcome["executor_id"],
                "blocks_later": self.rpc.height_of(&receipt["block_hash"]).await? - start,
                "status": status(&outcome["status"]),
                "logs": outcome["logs"],
                "gas_burnt": outcome["gas_burnt"],
                "tokens_burnt": outcome["tokens_burnt"],
                "next_receipts": outcome["receipt_ids"].as_array().map(Vec::len),
            }));
        }
        Ok(json!({
            "final_execution_status": result["final_execution_status"],
            "status": scrub(&result["status"]),
            "transaction": {
                "status": status(&transaction["outcome"]["status"]),
                "gas_burnt": transaction["outcome"]["gas_burnt"],
                "tokens_burnt": transaction["outcome"]["tokens_burnt"],
            },
            "receipts": receipts,
        }))
    }

    async fn balances(&self, accounts: &[AccountId]) -> Result<Vec<Option<i128>>> {
        let mut balances = Vec::new();
        for account in accounts {
            balances.push(self.rpc.balance(account).await?);
        }
        Ok(balances)
    }
}

fn status(status: &Value) -> Value {
    if status.get("SuccessReceiptId").is_some() { json!("SuccessReceiptId") } else { scrub(status) }
}

fn change(before: Option<i128>, after: Option<i128>) -> Value {
    match (before, after) {
        (Some(before), Some(after)) => json!((after - before).to_string()),
        (None, Some(after)) => json!(format!("created with {after}")),
        (Some(_), None) => json!("gone"),
        (None, None) => Value::Null,
    }
}
