//! Where blobs are kept: the settings become an object store.

use std::{fs, io, path::Path, sync::Arc, time::Duration};

use object_store::{
    ClientConfigKey, ObjectStore, RetryConfig, StaticCredentialProvider,
    aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsCredential},
    local::LocalFileSystem,
    path::Path as ObjectPath,
};
use url::Url;

use super::{BlobsConfig, line::Lines};

/// How long one exchange with an S3-compatible store may take: the largest blob over a slow line.
const EXCHANGE_TIMEOUT: &str = "60 s";
/// Tries beyond the first within one operation; what fails beyond that, the stages try again.
const RETRIES: usize = 3;
/// After this an operation is not tried again.
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);

/// The blob store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum BlobSetupError {
    /// A setting makes no sense.
    #[error("configuration: blobs.{setting} {problem}")]
    Setting {
        /// Its name within the section.
        setting: &'static str,
        /// What is wrong, and what was expected.
        problem: String,
    },
    /// The folder cannot be made.
    #[error("the folder of blobs {path} cannot be used: {source}")]
    Folder {
        /// The folder.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The settings do not lead to a client.
    #[error("the blob store {place} cannot be used: {source}")]
    Store {
        /// Its address.
        place: String,
        /// What the library said.
        source: object_store::Error,
    },
}

/// An object store, and where in it the blobs are.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) store: Arc<dyn ObjectStore>,
    /// The same store, when it is a folder.
    pub(super) folder: Option<Arc<LocalFileSystem>>,
    pub(super) prefix: ObjectPath,
    /// Its address, for people.
    pub(super) name: String,
}

impl Place {
    pub(super) fn open(config: &BlobsConfig, default_folder: &Path) -> Result<Self, BlobSetupError> {
        if config.url.is_empty() {
            return Self::folder(default_folder);
        }
        let expected = || setting("url", format!("is {:?}; expected s3://bucket/prefix or file:///folder", config.url));
        let url = Url::parse(&config.url).map_err(|_| expected())?;
        match url.scheme() {
            "file" => Self::folder(&url.to_file_path().map_err(|()| expected())?),
            "s3" => Self::bucket(config, &url, url.host_str().ok_or_else(expected)?),
            _ => Err(expected()),
        }
    }

    fn folder(path: &Path) -> Result<Self, BlobSetupError> {
        let name = path.display().to_string();
        fs::create_dir_all(path).map_err(|source| BlobSetupError::Folder { path: name.clone(), source })?;
        let opened = LocalFileSystem::new_with_prefix(path);
        let store = Arc::new(opened.map_err(|source| BlobSetupError::Store { place: name.clone(), source })?);
        Ok(Self { store: store.clone(), folder: Some(store), prefix: ObjectPath::default(), name })
    }

    /// Settings win over the `AWS_…` variables. Buckets are named in the path, which every S3-compatible server knows.
    fn bucket(config: &BlobsConfig, url: &Url, bucket: &str) -> Result<Self, BlobSetupError> {
        let (key_id, secret_key) = (config.access_key_id.clone(), config.secret_access_key.0.clone());
        if key_id.is_empty() != secret_key.is_empty() {
            let problem = "and blobs.secret_access_key must be set together".to_owned();
            return Err(setting("access_key_id", problem));
        }
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            .with_http_connector(Lines)
            .with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), EXCHANGE_TIMEOUT)
            .with_retry(RetryConfig { max_retries: RETRIES, retry_timeout: RETRY_TIMEOUT, ..RetryConfig::default() });
        let given =
            [(AmazonS3ConfigKey::S3Endpoint, config.endpoint.as_str()), (AmazonS3ConfigKey::Region, &config.region)];
        for (key, value) in given.into_iter().filter(|(_, value)| !value.is_empty()) {
            builder = builder.with_config(key, value);
        }
        if !key_id.is_empty() {
            // Without a session's token: one from the environment belongs to the environment's key.
            let credential = AwsCredential { key_id, secret_key, token: None };
            builder = builder.with_credentials(Arc::new(StaticCredentialProvider::new(credential)));
        }
        if config.allow_http {
            builder = builder.with_config(AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp), "true");
        }
        check_endpoint(&builder)?;

        let name = config.url.clone();
        let prefix = ObjectPath::from_url_path(url.path())
            .map_err(|error| setting("url", format!("is {name:?}, whose path is none for objects: {error}")))?;
        let store = builder.build().map_err(|source| BlobSetupError::Store { place: name.clone(), source })?;
        Ok(Self { store: Arc::new(store), folder: None, prefix, name })
    }
}

/// Finds an endpoint that would give the bytes away, or a secret in the logs.
fn check_endpoint(builder: &AmazonS3Builder) -> Result<(), BlobSetupError> {
    let value = |key| builder.get_config_value(&key).filter(|value| !value.is_empty());
    let Some(text) = value(AmazonS3ConfigKey::S3Endpoint).or_else(|| value(AmazonS3ConfigKey::Endpoint)) else {
        return Ok(());
    };
    let parsed = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let Some(endpoint) = parsed else {
        return Err(setting("endpoint", format!("is {text:?}; expected https://host:port")));
    };
    if !endpoint.username().is_empty() || endpoint.password().is_some() {
        let problem = "must not hold a user and a password; blobs.access_key_id and blobs.secret_access_key do".into();
        return Err(setting("endpoint", problem));
    }
    let allowed = value(AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp)).is_some_and(|value| value == "true");
    if endpoint.scheme() == "http" && !allowed {
        let problem = format!("is {text}, which is not encrypted; set blobs.allow_http = true if that is meant");
        return Err(setting("endpoint", problem));
    }
    Ok(())
}

fn setting(setting: &'static str, problem: String) -> BlobSetupError {
    BlobSetupError::Setting { setting, problem }
}
