//! Which keys there are, here and on the chain.

use std::path::PathBuf;

use near_primitives::views::{AccessKeyPermissionView, AccessKeyView};
use near_token::NearToken;
use serde::Serialize;

use super::Desk;

/// One key.
#[derive(Debug, Serialize)]
struct Row {
    public_key: String,
    /// Absent for the operator's own key, which the configuration names.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
    /// Absent when the chain does not know the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    on_chain: Option<OnChain>,
}

#[derive(Debug, Serialize)]
struct OnChain {
    nonce: u64,
    #[serde(flatten)]
    permission: Permission,
}

#[derive(Debug, Serialize)]
#[serde(tag = "permission", rename_all = "snake_case")]
enum Permission {
    FullAccess,
    FunctionCall {
        contract: String,
        /// Empty: all of them.
        methods: Vec<String>,
        /// What is left for gas, in yoctoNEAR; null: no limit.
        allowance: Option<NearToken>,
    },
    Other,
}

impl From<AccessKeyView> for OnChain {
    fn from(access: AccessKeyView) -> Self {
        let permission = match access.permission {
            AccessKeyPermissionView::FullAccess => Permission::FullAccess,
            AccessKeyPermissionView::FunctionCall { allowance, receiver_id, method_names } => {
                Permission::FunctionCall { contract: receiver_id, methods: method_names, allowance }
            }
            _ => Permission::Other,
        };
        Self { nonce: access.nonce, permission }
    }
}

impl Desk {
    /// `keys list`.
    pub(super) async fn list(&self, json: bool) -> anyhow::Result<()> {
        let lanes = [self.lanes.read(self.account())?, self.lanes.unconfirmed(self.account())?].concat();
        let main = self.operator.public_key();
        let mut rows = vec![self.row(&main, None).await?];
        // The configured key may lie among them.
        for lane in lanes.into_iter().filter(|lane| lane.signer.public_key() != main) {
            rows.push(self.row(&lane.signer.public_key(), Some(lane.path)).await?);
        }
        if json {
            println!("{}", serde_json::to_string_pretty(&rows)?);
            return Ok(());
        }
        println!("{} on {}", self.account(), self.contract);
        for row in rows {
            println!("{}", row.line());
        }
        Ok(())
    }

    async fn row(&self, key: &near_crypto::PublicKey, file: Option<PathBuf>) -> anyhow::Result<Row> {
        let on_chain = self.on_chain(key).await?.map(OnChain::from);
        Ok(Row { public_key: key.to_string(), file, on_chain })
    }
}

impl Row {
    fn line(&self) -> String {
        let place = self.file.as_ref().map_or_else(|| "(configured)".to_owned(), |path| path.display().to_string());
        let Some(on_chain) = &self.on_chain else {
            return format!("{}  not on the chain  {place}", self.public_key);
        };
        let permission = match &on_chain.permission {
            Permission::FullAccess => "full access".to_owned(),
            Permission::FunctionCall { contract, methods, allowance } => {
                let methods = if methods.is_empty() { "all methods".to_owned() } else { methods.join(", ") };
                let allowance = allowance.map_or_else(|| "no limit".to_owned(), |left| left.exact_amount_display());
                format!("{contract}: {methods}; allowance {allowance}")
            }
            Permission::Other => "a kind of key that this version does not know".to_owned(),
        };
        format!("{}  nonce {}  {permission}  {place}", self.public_key, on_chain.nonce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(permission: Option<AccessKeyPermissionView>) -> Row {
        let on_chain = permission.map(|permission| AccessKeyView { nonce: 7, permission }.into());
        Row { public_key: "ed25519:A".to_owned(), file: Some("a.json".into()), on_chain }
    }

    #[test]
    fn a_line_tells_what_a_key_may_do() {
        let restricted = AccessKeyPermissionView::FunctionCall {
            allowance: Some(NearToken::from_near(2)),
            receiver_id: "vm.near".to_owned(),
            method_names: vec!["resolve_execution".to_owned()],
        };
        let expected = "ed25519:A  nonce 7  vm.near: resolve_execution; allowance 2 NEAR  a.json";
        assert_eq!(row(Some(restricted)).line(), expected);
        assert_eq!(row(None).line(), "ed25519:A  not on the chain  a.json");
        assert_eq!(row(Some(AccessKeyPermissionView::FullAccess)).line(), "ed25519:A  nonce 7  full access  a.json");
    }

    #[test]
    fn json_says_the_same_with_names() {
        let json = serde_json::to_value(row(Some(AccessKeyPermissionView::FullAccess))).unwrap_or_default();
        let expected = serde_json::json!({
            "public_key": "ed25519:A", "file": "a.json", "on_chain": {"nonce": 7, "permission": "full_access"}
        });
        assert_eq!(json, expected);
    }
}
