//! What a selector means now.

use flock_core::{
    Result, limits,
    target::{Candidate, Match, check_named, choose},
};
use prost::Message;
use roaring::RoaringBitmap;

use super::{
    directory::{Directory, unknown},
    index::terms_of_targets,
};
use crate::pb;

/// Where sorting what was found is cheaper than walking all names.
const SORTED: u64 = 4_096;

impl Directory {
    /// One page of the nodes that are meant. No field set at all means every node.
    ///
    /// # Errors
    /// `configuration` for a `match` that is none, or with code `too_many_targets` when too many nodes are named.
    pub(super) fn resolve(&self, request: &pb::ResolveRequest) -> Result<pb::Resolved> {
        let targets = request.targets.clone().unwrap_or_default();
        check_named(targets.nodes.len())?;
        let select: Match = targets.r#match.parse()?;
        let found = self.found(&targets);
        let meant = select.of(usize::try_from(found.len()).unwrap_or(usize::MAX));
        let mut page = Page::new(request, meant, self.revision());
        if meant as u64 == found.len() {
            self.walk(&found, &request.after, |node| page.take(self, node));
        } else {
            let chosen = self.choose(&found, select, &request.id);
            let ids = chosen
                .iter()
                .filter(|name| **name > request.after)
                .filter_map(|name| self.by_name.get(name));
            self.each(ids.copied(), |node| page.take(self, node));
        }
        Ok(page.close(self, &targets))
    }

    pub(super) fn found(&self, targets: &pb::Targets) -> RoaringBitmap {
        let named = || {
            targets
                .nodes
                .iter()
                .filter_map(|name| self.by_name.get(name))
                .copied()
                .collect()
        };
        let among = if targets.nodes.is_empty() {
            self.all.clone()
        } else {
            named()
        };
        self.index.narrow(among, &terms_of_targets(targets))
    }

    /// Visits what was found in the order of the names, from after a name, until `visit` says that it is enough.
    fn walk(&self, found: &RoaringBitmap, after: &str, visit: impl FnMut(&pb::NodeInfo) -> bool) {
        if found.len() > SORTED {
            let rest = self
                .by_name
                .range::<str, _>((std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded));
            return self.each(rest.map(|(_, id)| *id).filter(|id| found.contains(*id)), visit);
        }
        let name = |id: &u32| {
            self.slots
                .get(*id as usize)
                .and_then(Option::as_ref)
                .map_or("", |node| node.name.as_str())
        };
        let mut ids: Vec<u32> = found.iter().filter(|id| name(id) > after).collect();
        ids.sort_unstable_by(|a, b| name(a).cmp(name(b)));
        self.each(ids.into_iter(), visit);
    }

    fn each(&self, ids: impl Iterator<Item = u32>, mut visit: impl FnMut(&pb::NodeInfo) -> bool) {
        for node in ids.filter_map(|id| self.slots.get(id as usize).and_then(Option::as_ref)) {
            if !visit(node) {
                break;
            }
        }
    }

    fn choose(&self, found: &RoaringBitmap, select: Match, id: &str) -> Vec<String> {
        let nodes = found
            .iter()
            .filter_map(|id| self.slots.get(id as usize).and_then(Option::as_ref));
        let candidates: Vec<_> = nodes
            .map(|node| Candidate {
                name: &node.name,
                live: self.presence(&node.name) == flock_core::lease::Presence::Alive,
            })
            .collect();
        choose(&candidates, select, id)
    }
}

/// A page under way: so many nodes, so many bytes.
struct Page {
    limit: usize,
    bytes: usize,
    reply: pb::Resolved,
}

impl Page {
    fn new(request: &pb::ResolveRequest, total: usize, revision: u64) -> Self {
        let limit = match request.limit as usize {
            0 => limits::RESOLVE_PAGE,
            limit => limit.min(limits::RESOLVE_PAGE),
        };
        let reply = pb::Resolved {
            revision,
            total: total as u64,
            ..Default::default()
        };
        Self { limit, bytes: 0, reply }
    }

    /// Takes one node; `false` = the page is full and this one belongs to the next.
    fn take(&mut self, directory: &Directory, node: &pb::NodeInfo) -> bool {
        let full = self.reply.nodes.len() >= self.limit || self.bytes > limits::MESSAGE_BYTES / 2;
        if full {
            self.reply.next = self
                .reply
                .nodes
                .last()
                .map(|last| last.name.clone())
                .unwrap_or_default();
            return false;
        }
        let node = directory.with_presence(node);
        self.bytes += node.encoded_len();
        self.reply.nodes.push(node);
        true
    }

    /// The last page also says which names nobody knows.
    fn close(mut self, directory: &Directory, targets: &pb::Targets) -> pb::Resolved {
        if self.reply.next.is_empty() {
            let mut missing: Vec<_> = targets
                .nodes
                .iter()
                .filter(|name| !directory.by_name.contains_key(*name))
                .collect();
            missing.sort_unstable();
            missing.dedup();
            self.reply.nodes.extend(missing.into_iter().map(|name| unknown(name)));
        }
        self.reply
    }
}
