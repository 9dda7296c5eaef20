//! Telling a stage that there may be work, so that it need not ask all the time.

use std::sync::Arc;

use tokio::sync::watch;

use crate::job::Stage;

/// One bell a stage, and one for jobs that end.
#[derive(Clone, Debug)]
pub(super) struct WakeUps(Arc<[watch::Sender<()>; 4]>);

impl Default for WakeUps {
    fn default() -> Self {
        Self(Arc::new(std::array::from_fn(|_| watch::Sender::new(()))))
    }
}

impl WakeUps {
    fn bell(&self, stage: Stage) -> &watch::Sender<()> {
        let [build, execute, publish, _] = &*self.0;
        match stage {
            Stage::Build => build,
            Stage::Execute => execute,
            Stage::Publish => publish,
        }
    }

    pub(super) fn ring(&self, stage: Stage) {
        self.bell(stage).send_replace(());
    }

    pub(super) fn ring_end(&self) {
        let [.., end] = &*self.0;
        end.send_replace(());
    }

    pub(super) fn ring_all(&self) {
        for bell in &*self.0 {
            bell.send_replace(());
        }
    }
}

/// Hears when this process gave a stage something to do. Other processes are not heard: polling stays as the floor.
#[derive(Debug)]
pub struct WakeUp(watch::Receiver<()>);

impl WakeUp {
    /// Forgets the wake-ups so far. Call it before looking for work: what comes after the look is then heard.
    pub fn listen(&mut self) {
        self.0.mark_unchanged();
    }

    /// Waits for a wake-up since [`Self::listen`].
    pub async fn heard(&mut self) {
        if self.0.changed().await.is_err() {
            // The store is gone, and with it all that could ring.
            std::future::pending::<()>().await;
        }
    }
}

impl super::Store {
    /// Hears when `stage` is given something to do.
    #[must_use]
    pub fn wake_up(&self, stage: Stage) -> WakeUp {
        WakeUp(self.wake.bell(stage).subscribe())
    }

    /// Hears when this process sees a job end.
    #[must_use]
    pub fn end_of_jobs(&self) -> WakeUp {
        let [.., end] = &*self.wake.0;
        WakeUp(end.subscribe())
    }
}
