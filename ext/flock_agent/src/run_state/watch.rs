//! The one task that notices what Chef runs change: a few `stat` calls per poll, a read only when one of them differs.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use flock_core::limits;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::{Run, RunView, files, snapshot};
use crate::{blocking::blocking, vital::vital};

/// A cloneable view that follows `data_dir`.
#[derive(Clone)]
pub struct RunWatch {
    data_dir: Arc<Path>,
    view: watch::Receiver<Arc<RunView>>,
    poke: Arc<Notify>,
}

/// The versions of all files that a view was read from.
type Prints = [files::Print; 6];

impl RunWatch {
    /// Reads what is there, then follows it until `cancel`. Must be called within a tokio runtime.
    pub fn spawn(data_dir: &Path, cancel: CancellationToken) -> Self {
        let prints = prints(data_dir);
        let (sender, view) = watch::channel(Arc::new(RunView::read(data_dir)));
        let watch = Self {
            data_dir: data_dir.into(),
            view,
            poke: Arc::default(),
        };
        let following = follow(data_dir.into(), prints, sender, Arc::clone(&watch.poke), cancel.clone());
        tokio::spawn(vital("following Chef runs", cancel, following));
        watch
    }

    /// The newest view.
    pub fn view(&self) -> Arc<RunView> {
        Arc::clone(&self.view.borrow())
    }

    /// For waiting on changes.
    pub fn subscribe(&self) -> watch::Receiver<Arc<RunView>> {
        self.view.clone()
    }

    /// Looks now instead of at the next poll: someone said that something changed.
    pub fn poke(&self) {
        self.poke.notify_one();
    }

    /// The newest run, read from disk now. Blocks for one small file.
    pub fn current_run(&self) -> Option<Run> {
        files::run(&self.data_dir).ok().flatten()
    }

    /// The number of the newest run that has started, read from disk now: the view may be a poll old. Blocks for one small file.
    pub fn newest_run(&self) -> u64 {
        let fresh = files::run(&self.data_dir).ok().flatten().map_or(0, |run| run.number);
        fresh.max(self.view().newest_run())
    }
}

async fn follow(
    data_dir: PathBuf,
    mut known: Prints,
    sender: watch::Sender<Arc<RunView>>,
    poke: Arc<Notify>,
    cancel: CancellationToken,
) {
    let pause = Duration::from_millis(limits::RUN_STATE_POLL_MS);
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            () = poke.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
        let now = prints(&data_dir);
        if now != known {
            // Taken before the read: what changes during it is seen as a change again.
            known = now;
            reread(&data_dir, &sender).await;
        } else if sender.borrow().converging {
            notice_end(&sender);
        }
    }
}

async fn reread(data_dir: &Path, sender: &watch::Sender<Arc<RunView>>) {
    let data_dir = data_dir.to_owned();
    let Ok(view) = blocking("reading a Chef run", move || RunView::read(&data_dir)).await else {
        return;
    };
    if let Some(problem) = view
        .problem
        .as_ref()
        .filter(|p| Some(*p) != sender.borrow().problem.as_ref())
    {
        tracing::warn!(problem, "what a Chef run left behind cannot be used");
    }
    sender.send_replace(Arc::new(view));
}

/// A run that is killed changes no file.
fn notice_end(sender: &watch::Sender<Arc<RunView>>) {
    sender.send_if_modified(|view| {
        let ended = !view.run.as_ref().is_some_and(super::Run::is_active);
        if ended {
            Arc::make_mut(view).converging = false;
        }
        ended
    });
}

fn prints(data_dir: &Path) -> Prints {
    let current = files::current(data_dir).ok().flatten().unwrap_or_default();
    let dir = snapshot::dir(data_dir, current);
    [
        files::print(&files::run_path(data_dir)),
        files::print(&files::current_path(data_dir)),
        files::print(&dir.join("cards.json")),
        files::print(&dir.join("snapshot.json")),
        files::print(&dir.join(super::subscribed::FILE)),
        files::print(&dir.join(super::apis::FILE)),
    ]
}
