//! Blobs in a folder and in an S3 server: the same bytes come back, or a clear error.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use anyhow::Result;
use axum::{Router, http::StatusCode};
use offchainvm_interface::Sha256;
use offchainvm_tests::{
    gate::Place,
    s3::{ACCESS_KEY_ID, BUCKET, S3, SECRET_ACCESS_KEY},
};
use offchainvm_worker::store::{BlobError, Blobs, BlobsConfig, Shelf};
use std::{
    fs,
    path::PathBuf,
    time::{Duration, SystemTime},
};
use tempfile::TempDir;

const MANY: u64 = 1 << 20;

/// One of the two kinds of store, and the file in which it keeps the blob of a digest.
struct Kind {
    name: &'static str,
    blobs: Blobs,
    file: Box<dyn Fn(Sha256) -> PathBuf>,
}

/// What the stores lie in.
struct Ground {
    folder: TempDir,
    s3: S3,
}

impl Ground {
    fn new() -> Result<Self> {
        Ok(Self { folder: TempDir::new()?, s3: S3::start()? })
    }

    fn bucket(&self) -> BlobsConfig {
        let config = format!(
            "url = 's3://{BUCKET}/some/where'\nendpoint = '{}'\naccess_key_id = '{ACCESS_KEY_ID}'\n\
             secret_access_key = '{SECRET_ACCESS_KEY}'\nallow_http = true",
            self.s3.endpoint()
        );
        toml::from_str(&config).unwrap()
    }

    fn open(&self, config: &BlobsConfig) -> Blobs {
        Blobs::open(config, &self.folder.path().join("blobs")).unwrap()
    }

    fn kinds(&self) -> [Kind; 2] {
        let name = |digest: Sha256| format!("sha256/{}/{digest}", &digest.to_string()[..2]);
        let (folder, bucket) = (self.folder.path().join("blobs"), self.s3.object("some/where"));
        [
            Kind {
                name: "a folder",
                blobs: self.open(&BlobsConfig::default()),
                file: Box::new(move |digest| folder.join(name(digest))),
            },
            Kind {
                name: "a bucket",
                blobs: self.open(&self.bucket()),
                file: Box::new(move |digest| bucket.join(name(digest))),
            },
        ]
    }
}

#[tokio::test]
async fn what_was_put_is_found_by_its_digest_however_often_it_is_put() -> Result<()> {
    let ground = Ground::new()?;
    for Kind { name, blobs, .. } in ground.kinds() {
        blobs.check().await?;
        let unknown = Sha256([7; 32]);
        assert!(!blobs.exists(unknown).await?, "{name}");
        for bytes in [b"\0asm and more".to_vec(), Vec::new(), vec![9; 16 << 20]] {
            let digest = blobs.put(bytes.clone()).await?;
            assert_eq!(blobs.put(bytes.clone()).await?, digest, "{name}");
            assert!(blobs.exists(digest).await?, "{name}");
            assert_eq!(blobs.get(digest, bytes.len() as u64).await?, bytes, "{name}");
        }
        let error = blobs.get(unknown, MANY).await.unwrap_err();
        assert!(matches!(error, BlobError::Missing { digest, .. } if digest == unknown), "{name}: {error}");
    }
    Ok(())
}

#[tokio::test]
async fn of_texts_with_the_same_name_the_last_is_kept() -> Result<()> {
    let ground = Ground::new()?;
    for Kind { name, blobs, .. } in ground.kinds() {
        assert_eq!(blobs.text(Shelf::BuildLogs, "a.log").await?, None, "{name}");
        for text in ["first", "", "zweiter\n"] {
            blobs.put_text(Shelf::BuildLogs, "a.log", text.to_owned()).await?;
            blobs.put_text(Shelf::BuildLogs, "b.log", "another".to_owned()).await?;
            assert_eq!(blobs.text(Shelf::BuildLogs, "a.log").await?.as_deref(), Some(text), "{name}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn texts_in_a_folder_come_to_a_number_of_bytes_and_the_oldest_go() -> Result<()> {
    let ground = Ground::new()?;
    let blobs = ground.open(&BlobsConfig::default());
    // 64 MiB are the most.
    let text = "x".repeat(1 << 20);
    for number in 0..66 {
        let name = format!("{number}.log");
        blobs.put_text(Shelf::BuildLogs, &name, text.clone()).await?;
        let file = ground.folder.path().join("blobs/texts-v1").join(name);
        // Written one after the other, and not within a moment of the clock.
        let written = SystemTime::UNIX_EPOCH + Duration::from_secs(number);
        fs::File::options().write(true).open(file)?.set_modified(written)?;
    }
    for (number, kept) in [(0, false), (1, false), (2, true), (65, true)] {
        assert_eq!(blobs.text(Shelf::BuildLogs, &format!("{number}.log")).await?.is_some(), kept, "{number}");
    }
    Ok(())
}

#[tokio::test]
async fn a_blob_that_is_larger_than_asked_for_is_not_read() -> Result<()> {
    let ground = Ground::new()?;
    for Kind { name, blobs, .. } in ground.kinds() {
        let digest = blobs.put(vec![1; 100]).await?;
        let error = blobs.get(digest, 99).await.unwrap_err();
        assert!(matches!(error, BlobError::TooLarge { size: 100, max: 99, .. }), "{name}: {error}");
    }
    Ok(())
}

#[tokio::test]
async fn a_damaged_blob_is_refused_and_healed_by_putting_it_again() -> Result<()> {
    let ground = Ground::new()?;
    for Kind { name, blobs, file } in ground.kinds() {
        let digest = blobs.put(b"right".to_vec()).await?;
        for damage in [&b"wrong"[..], b""] {
            fs::write(file(digest), damage)?;
            let error = blobs.get(digest, MANY).await.unwrap_err();
            assert!(matches!(error, BlobError::Damaged { .. }) && error.is_lost(), "{name}: {error}");
            assert!(error.to_string().contains(&digest.to_string()), "{name}: {error}");
            blobs.put(b"right".to_vec()).await?;
            assert_eq!(blobs.get(digest, MANY).await?, b"right", "{name}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn writers_of_the_same_blob_do_not_disturb_each_other_or_readers() -> Result<()> {
    let ground = Ground::new()?;
    for Kind { name, blobs, .. } in ground.kinds() {
        let bytes = vec![3; 300_000];
        let digest = blobs.put(bytes.clone()).await?;
        let mut all = tokio::task::JoinSet::new();
        for number in 0..16 {
            let (blobs, bytes) = (blobs.clone(), bytes.clone());
            all.spawn(async move {
                match number % 2 {
                    0 => blobs.put(bytes).await.map(drop),
                    _ => blobs.get(digest, MANY).await.map(drop),
                }
            });
        }
        for done in all.join_all().await {
            done.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_key_or_bucket_is_found_at_the_start_and_the_secret_is_not_shown() -> Result<()> {
    let ground = Ground::new()?;
    let right = ground.bucket();
    let (mut other_secret, mut other_key, mut other_bucket) = (right.clone(), right.clone(), right);
    other_secret.secret_access_key.0 = "another secret".into();
    other_key.access_key_id = "AKIDANOTHER".into();
    other_bucket.url = "s3://elsewhere/some/where".into();
    let cases = [(other_secret, "SignatureDoesNotMatch"), (other_key, "NotSignedUp"), (other_bucket, "NoSuchBucket")];
    for (config, expected) in cases {
        let error = ground.open(&config).check().await.unwrap_err();
        let shown = format!("{config:?} {error} {error:?}");
        assert!(shown.contains(expected), "{expected}: {shown}");
        assert!(!shown.contains(&config.secret_access_key.0), "{shown}");
        assert!(!error.is_lost() && !error.is_away(), "{shown}");
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_cannot_answer_now_is_away_and_one_that_refuses_is_not() -> Result<()> {
    let ground = Ground::new()?;
    let mut all = tokio::task::JoinSet::new();
    for (status, away) in
        [(500, true), (503, true), (429, true), (400, false), (301, false), (404, false), (403, false)]
    {
        let listener = Place::take()?.listen()?;
        let config = BlobsConfig { endpoint: format!("http://{}", listener.local_addr()?), ..ground.bucket() };
        let blobs = ground.open(&config);
        let answer = move || async move { (StatusCode::from_u16(status).unwrap(), "as it is") };
        let server = tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        all.spawn(async move {
            let error = blobs.check().await.unwrap_err();
            server.abort();
            assert_eq!(error.is_away(), away, "{status}: {error}");
            assert!(status == 301 || error.to_string().contains(&format!("{status}")), "{status}: {error}");
        });
    }
    all.join_all().await;
    // Nobody there at all.
    let config = BlobsConfig { endpoint: Place::take()?.url()?, ..ground.bucket() };
    let error = ground.open(&config).check().await.unwrap_err();
    assert!(error.is_away() && error.to_string().contains("127.0.0.1"), "{error}");
    Ok(())
}

#[test]
fn each_setting_that_makes_no_sense_is_named() {
    let cases = [
        ("url = 'somewhere'", "blobs.url"),
        ("url = 'ftp://host/x'", "blobs.url"),
        ("url = 's3:///x'", "blobs.url"),
        ("url = 's3://b'\nendpoint = 'localhost:9000'", "blobs.endpoint"),
        ("url = 's3://b'\nendpoint = 'http://localhost:9000'", "blobs.allow_http"),
        ("url = 's3://b'\nendpoint = 'https://user:pass@host'", "blobs.endpoint"),
        ("url = 's3://b'\naccess_key_id = 'x'", "blobs.secret_access_key"),
    ];
    let folder = TempDir::new().unwrap();
    for (config, expected) in cases {
        let config: BlobsConfig = toml::from_str(config).unwrap();
        let error = Blobs::open(&config, folder.path()).unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains("user:pass"), "{config:?}: {error}");
    }
}
