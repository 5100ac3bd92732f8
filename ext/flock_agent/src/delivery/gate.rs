//! Policy and loop verdict as the target applies them: the only place here that knows their interfaces.

use flock_core::{
    Error, Result,
    chain::{Hop, verdict},
    holder::Asker,
    id::NodeName,
    policy::{Admission, Policy, admits_card},
};

use crate::{
    draft, pb,
    run_state::{Card, Snapshot},
    transport::DenyList,
};

/// Who may have what run on this node.
#[derive(Debug, Clone)]
pub struct Gate {
    own: NodeName,
    policy: Policy,
    deny: DenyList,
}

impl Gate {
    /// The gate of the node `own`, which is always admitted to itself.
    pub fn new(own: NodeName, policy: Policy) -> Self {
        let policy = policy.on_node(own.clone());
        Self {
            own,
            policy,
            deny: DenyList::default(),
        }
    }

    /// The same gate, which refuses operators that were removed: no connection of theirs ends here that could be closed.
    pub fn denying(self, deny: DenyList) -> Self {
        Self { deny, ..self }
    }

    /// Whose gate this is.
    pub fn own(&self) -> &NodeName {
        &self.own
    }

    /// Whether a notification may come in; what depends on the resource's card is left for [`Gate::at_claim`].
    ///
    /// `snapshot` is this node's newest: whoever it subscribes to by name is admitted for that.
    ///
    /// # Errors
    /// `denied` with code `loop` or `policy`.
    pub fn at_arrival(&self, from: &impl Asker, envelope: &pb::Envelope, snapshot: Option<&Snapshot>) -> Result<()> {
        self.refuse_removed(from)?;
        let asked = &envelope.key;
        let chain: Vec<Hop> = envelope.chain.iter().map(hop).collect();
        let shown = snapshot.map_or_else(|| asked.clone(), |snapshot| snapshot.shown(asked));
        verdict(&chain, &Hop::new(self.own.as_str(), shown, &envelope.action))?;
        let card = snapshot.and_then(|snapshot| snapshot.card(asked));
        let key = card.map_or(asked, |card| &card.key);
        let subscribed = snapshot.and_then(|snapshot| snapshot.subscription(&envelope.subscription));
        if subscribed.is_some_and(|own| consents(own, from, key, &envelope.action)) {
            return Ok(());
        }
        match self.policy.at_arrival(from, key, &envelope.action) {
            Admission::Denied => Err(self.policy.denial(from, asked, &envelope.action)),
            Admission::Admitted | Admission::AskCard => Ok(()),
        }
    }

    /// Whether it may be run, now that its card is known; the table may have changed since it arrived.
    ///
    /// `subscribed` is the subscription that it answers, as this node declares it now.
    ///
    /// # Errors
    /// `denied` with code `policy`.
    pub fn at_claim(
        &self,
        from: &impl Asker,
        action: &str,
        card: &Card,
        subscribed: Option<&pb::Subscription>,
    ) -> Result<()> {
        self.refuse_removed(from)?;
        if subscribed.is_some_and(|own| consents(own, from, &card.key, action)) {
            return Ok(());
        }
        let admitted = match self.policy.at_arrival(from, &card.key, action) {
            Admission::Admitted => true,
            Admission::Denied => false,
            Admission::AskCard => admits_card(action, &card.declared_actions, &card.default_action),
        };
        match admitted {
            true => Ok(()),
            false => Err(self.policy.denial(from, &card.shown_key(), action)),
        }
    }

    /// Whether `from` may ask for this node's cards at all: any member under the default policy, else those whom a
    /// rule names; an operator may.
    ///
    /// # Errors
    /// `denied` with code `policy`.
    pub fn may_list(&self, from: &impl Asker) -> Result<()> {
        self.refuse_removed(from)?;
        if self.policy.admits_listing(from) {
            return Ok(());
        }
        Err(Error::denied(format!(
            "{from} may not list the resources of {}: no [[allow]] of its agent.toml names it; add one",
            self.own
        ))
        .with_code("policy"))
    }

    /// Whether `from` may call this method of an API of this node.
    ///
    /// # Errors
    /// `denied` with code `policy`.
    pub fn may_call(&self, from: &impl Asker, api: &str, method: &str) -> Result<()> {
        self.refuse_removed(from)?;
        match self.policy.admits_call(from, api, method) {
            true => Ok(()),
            false => Err(self.policy.call_denial(from, &format!("{api}.{method}"))),
        }
    }

    /// Whether `from` may hear of changes of an API: it may call something of it.
    ///
    /// # Errors
    /// `denied` with code `policy`.
    pub fn may_observe(&self, from: &impl Asker, api: &str) -> Result<()> {
        self.refuse_removed(from)?;
        match self.policy.admits_observing(from, api) {
            true => Ok(()),
            false => Err(self.policy.call_denial(from, api)),
        }
    }

    fn refuse_removed(&self, from: &impl Asker) -> Result<()> {
        match from.is_operator() && self.deny.denies(from) {
            true => Err(Error::denied(format!("{from} was removed from the flock")).with_code("removed")),
            false => Ok(()),
        }
    }

    /// Whether `from` may see this card: it could have at least one of its actions run, or is an operator, who sees all.
    pub fn may_see(&self, from: &impl Asker, card: &Card) -> bool {
        let admits = |action: &String| self.policy.at_arrival(from, &card.key, action) != Admission::Denied;
        self.policy.sees_all(from) || card.allowed_actions.iter().any(admits)
    }
}

/// A subscription is its node's own word: a source that it names, and nothing else, needs no `[[allow]]` for what it asks. Whom a
/// selector means this node cannot check, so the table decides.
fn consents(own: &pb::Subscription, from: &impl Asker, key: &str, action: &str) -> bool {
    let named = own.sources.as_ref().and_then(draft::named_targets);
    !from.is_operator()
        && own.key == key
        && own.action == action
        && named.is_some_and(|names| names.iter().any(|name| name == from.as_str()))
}

fn hop(hop: &pb::Hop) -> Hop {
    Hop::new(&hop.node, &hop.key, &hop.action)
}
