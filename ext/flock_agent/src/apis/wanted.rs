//! Which hosts there should be: one for the newest snapshot's cookbooks, if they have APIs, and one for `data_dir/apis`.

use std::{path::PathBuf, time::Duration};

use flock_core::limits;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Hosts, Kind, files, hosts::Want};
use crate::{
    blocking::blocking,
    run_state::{RunView, RunWatch, Snapshot},
};

/// What the hosts are found from.
pub struct HostsParts {
    /// Where `apis/` is.
    pub data_dir: PathBuf,
    /// agent.toml, for APIs that call other nodes.
    pub config: PathBuf,
    /// Where hosts connect.
    pub socket: PathBuf,
    /// What Chef runs leave behind.
    pub runs: RunWatch,
    /// Told of every change.
    pub hosts: Hosts,
    /// Ends this.
    pub cancel: CancellationToken,
}

/// Follows snapshots and files until cancelled.
pub async fn follow(parts: HostsParts) {
    let mut views = parts.runs.subscribe();
    let (mut cookbook, mut plain) = (None, Plain::default());
    let common = json!({"socket": parts.socket, "data_dir": parts.data_dir, "config": parts.config});
    loop {
        cookbook = of_cookbooks(&views.borrow_and_update(), cookbook);
        plain = plain.look(parts.data_dir.clone()).await;
        let wants: Vec<Want> = cookbook
            .clone()
            .flatten()
            .into_iter()
            .chain(plain.want.clone())
            .collect();
        parts.hosts.want(&wants, &common);
        tokio::select! {
            () = parts.cancel.cancelled() => return,
            Ok(()) = views.changed() => {}
            () = tokio::time::sleep(Duration::from_millis(limits::API_FILES_POLL_MS)) => {}
        }
    }
}

/// A snapshot that cannot be read, or does not say, changes nothing: what was wanted before is wanted still.
fn of_cookbooks(view: &RunView, before: Option<Option<Want>>) -> Option<Option<Want>> {
    match view.snapshot.as_deref() {
        Some(snapshot) if snapshot.apis.is_some() => Some(want(snapshot)),
        _ => before,
    }
}

fn want(snapshot: &Snapshot) -> Option<Want> {
    let offered = snapshot.apis.as_ref().filter(|offered| !offered.names.is_empty())?;
    Some(Want {
        kind: Kind::Cookbook,
        digest: offered.digest.clone(),
        apis: offered.names.clone(),
        start: json!({"generation": snapshot.generation, "snapshot_dir": snapshot.dir, "ruby": snapshot.ruby}),
    })
}

#[derive(Default)]
struct Plain {
    print: files::Print,
    want: Option<Want>,
}

impl Plain {
    /// Files are read only when one of them changed.
    async fn look(self, data_dir: PathBuf) -> Self {
        let before = self.print.clone();
        let looked = blocking("looking for API files", move || {
            let print = files::print(&data_dir);
            let want = (print != before).then(|| files::want(&print));
            (print, want)
        });
        match looked.await {
            Ok((print, Some(want))) => Self { print, want },
            _ => self,
        }
    }
}
