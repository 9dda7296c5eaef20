//! Stage 2: a stranger's commit into a verified program, in a sandbox.
//!
//! `shop` goes through the steps of a build, in this order: `source` fetches the commit, `checkout` writes its files and
//! checks them, `submodules` adds those that are asked for (`gitmodules`: where they are), a recipe (`rust`) fetches the dependencies and compiles offline, `crate::program` looks at the bytes,
//! `artifacts` keeps them with their `provenance`.
//!
//! Beside them: `download` fetches programs that are built already; `attempt` is what the steps of one build share,
//! `attempts` where their files are, `once` keeps two from building the same; `sandbox` describes where foreign programs
//! run, `sandboxed` in bubblewrap's words, and `seccomp` what they may not call, `running` runs them, `gate` is their way
//! to the network, `supervise` and `processes` watch them, `log` keeps what they print, `logs` keeps that for later;
//! `recipe` is what every language's recipe gives, `artifact` what is known of a finished program, `shelf` a folder that
//! never grows too large; `config` and `error`; `parsers` gives strangers' bytes to the functions that read them.

mod artifact;
mod artifacts;
mod attempt;
mod attempts;
mod checkout;
mod config;
mod download;
mod error;
mod gate;
mod gitmodules;
mod log;
mod logs;
mod once;
pub mod parsers;
mod processes;
mod provenance;
mod recipe;
mod running;
mod rust;
mod sandbox;
mod sandboxed;
mod seccomp;
mod shelf;
mod shop;
mod source;
mod submodules;
mod supervise;

pub use artifact::Artifact;
pub use artifacts::{Artifacts, KeptProgram};
pub use config::{BuildConfig, Protocol};
pub use error::{BuildError, BuildSetupError, OperatorError};
pub use logs::BuildLogs;

use crate::job::WasmDigest;
use offchainvm_interface::{BuildTarget, GitSource, Sha256, WasmSource, WasmUrl};
use shop::Shop;
use std::{collections::HashSet, path::Path, sync::Arc};
use tokio_util::sync::CancellationToken;

/// Builds programs on this machine. Cloning it is cheap; all clones share the caps.
#[derive(Clone, Debug)]
pub struct Builder {
    shop: Arc<Shop>,
}

impl Builder {
    /// Prepares the folder and checks that this machine can build. It starts short-lived processes, so it may take a
    /// second. Several workers of one user may share a folder.
    ///
    /// # Errors
    /// Says what is missing and how to install it, or which setting makes no sense.
    pub fn new(config: BuildConfig, work_dir: &Path) -> Result<Self, BuildSetupError> {
        Ok(Self { shop: Arc::new(Shop::open(config, work_dir)?) })
    }

    /// Gives the program of a source: from the cache, or built now.
    ///
    /// Dropping the future ends the build and every process of it.
    ///
    /// # Errors
    /// A verdict on the source, cancellation, or a fault of this machine, after which another attempt may succeed.
    pub async fn build(&self, source: &GitSource, cancel: CancellationToken) -> Result<Artifact, BuildError> {
        self.shop.build(source, cancel).await
    }

    /// Gives a program that is here, by its digest; [`None`] when there is none.
    ///
    /// # Errors
    /// A fault of this machine.
    pub async fn with_digest(&self, digest: WasmDigest) -> Result<Option<Artifact>, OperatorError> {
        self.on_disk(move |artifacts| Ok(artifacts.with_digest(digest))).await
    }

    /// The canonical bytes of a program's provenance statement, by their digest; [`None`] when they are not here.
    ///
    /// # Errors
    /// A fault of this machine.
    pub async fn provenance(&self, digest: Sha256) -> Result<Option<Vec<u8>>, OperatorError> {
        self.on_disk(move |artifacts| Ok(artifacts.provenance(digest))).await
    }

    /// Keeps a program that the operator brings, until it is removed, so that requests can name it by its digest.
    ///
    /// # Errors
    /// [`BuildError::Source`] when it is no program that would be run, or a fault of this machine.
    pub async fn add(&self, wasm: Vec<u8>) -> Result<Artifact, BuildError> {
        self.accept(move |artifacts| artifacts.add(&wasm)).await
    }

    /// Keeps a program that was built elsewhere and fetched, as long as those that are built here; of the kind that a
    /// target stands for, if one is named.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub async fn keep(&self, wasm: Vec<u8>, target: Option<BuildTarget>) -> Result<Artifact, BuildError> {
        self.accept(move |artifacts| artifacts.keep_fetched(&wasm, target)).await
    }

    /// Fetches a program that was built elsewhere from the address beside its digest, and keeps it as [`Self::keep`] does.
    /// Bytes with another digest are never kept.
    ///
    /// # Errors
    /// A verdict on the address or on what is there, cancellation, or a fault of this machine.
    pub async fn fetch(
        &self,
        source: &WasmSource,
        url: &WasmUrl,
        cancel: CancellationToken,
    ) -> Result<Artifact, BuildError> {
        let download = download::download(&self.shop.config, url, source.wasm_sha256);
        let wasm = cancel.run_until_cancelled(download).await.ok_or(BuildError::Cancelled)??;
        self.keep(wasm, source.build_target).await
    }

    /// Whether more programs are kept than the configuration allows, so that [`Self::make_room`] would remove some.
    ///
    /// # Errors
    /// A fault of this machine.
    pub async fn is_full(&self) -> Result<bool, OperatorError> {
        self.on_disk(|artifacts| artifacts.is_full()).await
    }

    /// Removes built programs that nobody used for longest, until they are no more than the configuration allows; never
    /// those that are needed, that the operator added, or that were used within a minute; then old records and statements.
    /// Gives the digests of the programs and statements that are gone.
    ///
    /// # Errors
    /// A fault of this machine.
    pub async fn make_room(&self, needed: HashSet<WasmDigest>) -> Result<Vec<Sha256>, OperatorError> {
        self.on_disk(move |artifacts| artifacts.make_room(&needed)).await
    }

    async fn accept(
        &self,
        keep: impl FnOnce(&Artifacts) -> Result<Artifact, BuildError> + Send + 'static,
    ) -> Result<Artifact, BuildError> {
        let artifacts = self.shop.artifacts.clone();
        tokio::task::spawn_blocking(move || keep(&artifacts)).await.map_err(OperatorError::from)?
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Artifacts) -> Result<T, OperatorError> + Send + 'static,
    ) -> Result<T, OperatorError> {
        let artifacts = self.shop.artifacts.clone();
        tokio::task::spawn_blocking(move || work(&artifacts)).await?
    }
}
