//! What the operator decides about blobs: where they are kept.

use std::fmt;

use serde::Deserialize;

/// Section `[blobs]` of the configuration. A missing setting has its default.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct BlobsConfig {
    /// `s3://bucket/prefix`, `file:///folder`, or empty for a folder beside the rest of the worker's data.
    pub url: String,
    /// The server of an S3-compatible store that is not Amazon's, `https://host:port`. Empty: what
    /// `AWS_ENDPOINT_URL` says, or Amazon's.
    pub endpoint: String,
    /// The bucket's region. Empty: what `AWS_REGION` says, or `us-east-1`.
    pub region: String,
    /// Who asks. Empty: what `AWS_ACCESS_KEY_ID` says, or the machine's own role.
    pub access_key_id: String,
    /// The secret half of the key. Empty: what `AWS_SECRET_ACCESS_KEY` says.
    pub secret_access_key: SecretText,
    /// Whether the server may be reached without encryption.
    pub allow_http: bool,
}

impl BlobsConfig {
    /// Whether the blobs lie in a folder that nobody named: other machines do not see it.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.url.is_empty()
    }
}

/// A text that does not show itself.
#[derive(Clone, Default, Deserialize, Eq, PartialEq)]
#[serde(transparent)]
pub struct SecretText(pub String);

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "(none)" } else { "(a secret)" })
    }
}
