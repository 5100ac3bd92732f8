//! Taking in what a member subscribes to.

use std::collections::BTreeMap;

use flock_core::{Error, Result, limits};
use prost::Message;

use super::{keys, lock, stream::MemberStream};
use crate::{
    pb::{self, down},
    subscription,
};

/// The declarations of one session. Only the newest matters: one that comes while another is written waits, and a third takes its place.
#[derive(Debug, Default)]
pub(super) struct Declaring {
    parts: Vec<pb::Subscription>,
    bytes: usize,
    next: Option<pb::Declare>,
    busy: bool,
}

impl Declaring {
    /// The whole set, once its last part has come. What is too much is not kept, but counted.
    fn add(&mut self, part: pb::Declare) -> Option<pb::Declare> {
        for one in part.subscriptions {
            self.bytes = self.bytes.saturating_add(one.encoded_len().max(1));
            if self.bytes <= limits::SUBSCRIPTIONS_BYTES && self.parts.len() <= limits::SUBSCRIPTIONS {
                self.parts.push(one);
            }
        }
        if part.more {
            return None;
        }
        let too_much = std::mem::take(&mut self.bytes) > limits::SUBSCRIPTIONS_BYTES;
        Some(pb::Declare {
            generation: part.generation,
            subscriptions: std::mem::take(&mut self.parts),
            more: too_much,
        })
    }
}

impl MemberStream {
    /// Takes one part; the whole is written beside the stream, whose heartbeats must not wait for it.
    pub(super) fn declare(&self, part: pb::Declare) {
        let mut declaring = lock(&self.slot.declaring);
        let Some(whole) = declaring.add(part) else { return };
        declaring.next = Some(whole);
        if !std::mem::replace(&mut declaring.busy, true) {
            let (stream, ended) = (self.clone(), self.slot.ended.clone());
            tokio::spawn(async move { ended.run_until_cancelled(stream.write_declared()).await });
        }
    }

    async fn write_declared(self) {
        while let Some(whole) = self.next_declared() {
            let generation = whole.generation;
            let answer = match self.write(whole).await {
                Ok(revision) => pb::Declared {
                    generation,
                    revision,
                    ..Default::default()
                },
                Err(error) => {
                    tracing::warn!(member = %self.slot.name, %error, "its subscriptions cannot be taken");
                    pb::Declared {
                        generation,
                        code: error.code().to_owned(),
                        message: error.message().to_owned(),
                        ..Default::default()
                    }
                }
            };
            if self.send(down::Body::Declared(answer)).await.is_err() {
                return;
            }
        }
    }

    fn next_declared(&self) -> Option<pb::Declare> {
        let mut declaring = lock(&self.slot.declaring);
        let next = declaring.next.take();
        declaring.busy = next.is_some();
        next
    }

    async fn write(&self, whole: pb::Declare) -> Result<u64> {
        if whole.more {
            let message = format!("more than {} bytes of subscriptions", limits::SUBSCRIPTIONS_BYTES);
            return Err(Error::rejected(message).with_code("too_many_subscriptions"));
        }
        subscription::check_all(&whole.subscriptions)?;
        let prefix = keys::subscriptions_of(&self.slot.name);
        let mut wanted = BTreeMap::new();
        for one in whole.subscriptions {
            subscription::check(&one)?;
            let key = format!("{prefix}{}", one.id);
            // Who it is and since when, its key says.
            let value = keys::encode(&pb::Subscription {
                subscriber: String::new(),
                revision: 0,
                ..one
            })?;
            wanted.insert(key, value);
        }
        self.hub.book.declare(&self.slot.name, &wanted).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subscription::tests::subscription;

    fn part(n: std::ops::Range<u32>, more: bool) -> pb::Declare {
        pb::Declare {
            generation: 7,
            subscriptions: n.map(|n| subscription(n, "a")).collect(),
            more,
        }
    }

    #[test]
    fn a_set_counts_when_its_last_part_has_come() {
        let mut declaring = Declaring::default();
        assert_eq!(declaring.add(part(0..2, true)), None);
        let whole = declaring.add(part(2..3, false)).unwrap();
        assert_eq!((whole.subscriptions.len(), whole.generation), (3, 7));
        assert_eq!(declaring.add(part(0..0, false)).unwrap().subscriptions.len(), 0);
    }

    #[test]
    fn a_set_without_end_is_not_kept() {
        let mut declaring = Declaring::default();
        for _ in 0..200 {
            declaring.add(part(0..1_000, true));
        }
        assert!(declaring.parts.len() <= limits::SUBSCRIPTIONS + 1);
        assert!(declaring.add(part(0..0, false)).unwrap().more);
    }
}
