//! Waiting for what the flock knows of one node to change.

use std::{future::pending, time::Duration};

use flock_core::{Result, limits};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::timeout,
};

use super::{Link, LinkEvent};
use crate::pb;

impl Link {
    /// The presence of `name`, as the hub's answers say it, once it is no longer `known`. Without a hub it is what was heard last.
    pub async fn presence_after(&self, name: &str, known: &str) -> String {
        let _watched = self.watch_name(name);
        let mut events = self.events();
        loop {
            if let Ok(Some(now)) = self.presence(name).await
                && now != known
            {
                return now;
            }
            // What was missed is seen then, too.
            let _ = timeout(Duration::from_millis(limits::OBSERVE_MS), news(&mut events, name)).await;
        }
    }

    async fn presence(&self, name: &str) -> Result<Option<String>> {
        let targets = pb::Targets {
            nodes: vec![name.to_owned()],
            ..Default::default()
        };
        let found = self.resolve(targets, "").await?.nodes.into_iter();
        Ok(found.map(|node| node.presence).next())
    }
}

/// Returns when it may have changed.
async fn news(events: &mut Receiver<LinkEvent>, name: &str) {
    loop {
        match events.recv().await {
            Ok(LinkEvent::Presence(node)) if node.name == name => return,
            Ok(LinkEvent::Connected) | Err(RecvError::Lagged(_)) => return,
            Ok(_) => {}
            // The link has ended, and the agent with it.
            Err(RecvError::Closed) => pending().await,
        }
    }
}
