//! A snapshot as far as the agent needs it: the cards, the facts to announce, and how to start Ruby.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use flock_core::limits;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{apis, files, subscribed};
use crate::{pb, text};

/// A resource that others may fire, or that is only listed so that a refusal can say why.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Card {
    /// The declared key with its real name, also when it is sensitive.
    pub key: String,
    /// `execute`, `service`, ...
    #[serde(rename = "type", deserialize_with = "or_default")]
    pub kind: String,
    /// The declared name.
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    /// Whether its name must not leave the node.
    #[serde(deserialize_with = "or_default")]
    pub sensitive: bool,
    /// Where it is declared.
    #[serde(deserialize_with = "or_default")]
    pub cookbook: String,
    /// Where in it.
    #[serde(deserialize_with = "or_default")]
    pub recipe: String,
    /// Where in that.
    #[serde(deserialize_with = "or_default")]
    pub line: u32,
    /// What its type can do at all.
    #[serde(deserialize_with = "or_default")]
    pub allowed_actions: Vec<String>,
    /// What the recipe says, or is notified, to do with it.
    #[serde(deserialize_with = "or_default")]
    pub declared_actions: Vec<String>,
    /// What it does unless told otherwise.
    #[serde(deserialize_with = "or_default")]
    pub default_action: Vec<String>,
    /// Whether several resources have this key.
    #[serde(deserialize_with = "or_default")]
    pub duplicate: bool,
    /// Whether it lives inside a custom resource.
    #[serde(deserialize_with = "or_default")]
    pub nested: bool,
}

impl Card {
    /// Its key as others may see it: the name of a sensitive resource hashed.
    pub fn shown_key(&self) -> String {
        if self.sensitive {
            shown_key(&self.key)
        } else {
            self.key.clone()
        }
    }

    /// As others may see it.
    pub fn shown(&self) -> pb::Card {
        pb::Card {
            key: self.shown_key(),
            allowed_actions: self.allowed_actions.clone(),
            declared_actions: self.declared_actions.clone(),
            default_action: self.default_action.clone(),
            cookbook: self.cookbook.clone(),
            recipe: self.recipe.clone(),
            line: self.line,
            sensitive: self.sensitive,
            duplicate: self.duplicate,
            nested: self.nested,
        }
    }

    /// Two cards under one key: one in the run's own list hides those inside custom resources; two of them are duplicates.
    fn merge(self, other: Card) -> Card {
        match (self.nested, other.nested) {
            (true, false) => other,
            (false, true) => self,
            (nested, _) => Card {
                duplicate: self.duplicate || !nested,
                sensitive: self.sensitive || other.sensitive,
                ..self
            },
        }
    }
}

/// A key whose name is not to be shown: `type["sha256:<first 16 hex digits of the name's SHA-256>"]`.
///
/// ```
/// use flock_agent::run_state::shown_key;
/// assert_eq!(shown_key("file[/etc/secret]"), r#"file["sha256:be4b468ced3294ae"]"#);
/// ```
pub fn shown_key(key: &str) -> String {
    let (kind, name) = flock_core::id::split_key(key).unwrap_or(("resource", key));
    let digest = text::sha256_hex(name.as_bytes());
    format!("{kind}[\"sha256:{}\"]", text::cut(&digest, 16))
}

fn is_hashed(key: &str) -> bool {
    key.contains("[\"sha256:")
}

/// What the last successful run left behind.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// Names the snapshot.
    pub generation: u64,
    /// The run that left it.
    pub run_number: u64,
    /// Where it is.
    pub dir: PathBuf,
    /// By real key.
    pub cards: BTreeMap<String, Card>,
    /// How the worker's Ruby is started; passed on as it is.
    pub ruby: Value,
    /// What this node wants to hear of; `None` when the file is missing or cannot be used: what was declared before stands.
    pub subscriptions: Option<Arc<[pb::Subscription]>>,
    /// The same as others may see it: keys of sensitive resources hashed.
    pub declared: Option<Arc<[pb::Subscription]>>,
    /// Why it cannot be used.
    pub subscriptions_problem: Option<String>,
    /// What its cookbooks offer to others; `None` when it does not say: what was offered before stands.
    pub apis: Option<apis::Offered>,
    facts: Facts,
}

#[derive(Deserialize)]
struct Cards {
    #[serde(default)]
    run_number: Option<u64>,
    cards: Vec<Card>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Facts {
    run_number: Option<u64>,
    #[serde(deserialize_with = "or_default")]
    environment: String,
    #[serde(deserialize_with = "or_default")]
    roles: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    recipes: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    policy: PolicyFacts,
    #[serde(deserialize_with = "or_default")]
    attributes: Attributes,
    #[serde(deserialize_with = "or_default")]
    ruby: Value,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
struct PolicyFacts {
    name: Option<String>,
    group: Option<String>,
}

/// Of the attributes only the tags are read; the rest may be megabytes.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Attributes {
    #[serde(deserialize_with = "or_default")]
    normal: Normal,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Normal {
    tags: Value,
}

/// `null` is what Ruby writes for "none".
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl Snapshot {
    /// Reads the snapshot `generation`; half of one is none.
    pub(super) fn read(data_dir: &Path, generation: u64) -> Result<Self, String> {
        let dir = dir(data_dir, generation);
        let cards: Cards = required(&dir.join("cards.json"))?;
        let mut facts: Facts = required(&dir.join("snapshot.json"))?;
        let (subscriptions, subscriptions_problem) = subscribed::read(&dir);
        let apis = apis::read(&dir);
        let mut snapshot = Self {
            generation,
            run_number: facts.run_number.or(cards.run_number).unwrap_or(generation),
            dir,
            cards: by_key(cards.cards),
            ruby: std::mem::take(&mut facts.ruby),
            subscriptions,
            declared: None,
            subscriptions_problem,
            apis,
            facts,
        };
        snapshot.declared = snapshot.subscriptions.as_deref().map(|all| snapshot.hide(all));
        Ok(snapshot)
    }

    fn hide(&self, subscriptions: &[pb::Subscription]) -> Arc<[pb::Subscription]> {
        let hidden = subscriptions.iter().cloned().map(|one| pb::Subscription {
            key: self.shown(&one.key),
            ..one
        });
        hidden.collect()
    }

    /// The resource of this key. It is found by its hashed key, too, whether or not it is sensitive now: it may have been when others
    /// were told of it.
    pub fn card(&self, key: &str) -> Option<&Card> {
        let hashed = |card: &&Card| shown_key(&card.key) == key;
        let by_hash = || self.cards.values().find(hashed);
        let found = self.cards.get(key);
        found.or_else(|| if is_hashed(key) { by_hash() } else { None })
    }

    /// The key as others may see it: that of a sensitive resource is hashed, however it was asked for.
    pub fn shown(&self, key: &str) -> String {
        self.card(key).map_or_else(|| key.to_owned(), Card::shown_key)
    }

    /// The subscription of this id, as this node declares it now.
    pub fn subscription(&self, id: &str) -> Option<&pb::Subscription> {
        self.subscriptions
            .as_ref()?
            .iter()
            .find(|subscription| subscription.id == id)
    }

    pub(super) fn announce(&self, own: pb::NodeInfo) -> pb::NodeInfo {
        let mut tags = own.tags;
        for tag in self.tags() {
            if !tags.iter().any(|known| known == tag) {
                tags.push(tag.to_owned());
            }
        }
        pb::NodeInfo {
            environment: self.facts.environment.clone(),
            roles: self.facts.roles.clone(),
            recipes: self.facts.recipes.clone(),
            policy_name: self.facts.policy.name.clone().unwrap_or_default(),
            policy_group: self.facts.policy.group.clone().unwrap_or_default(),
            generation: self.generation,
            tags,
            ..own
        }
    }

    fn tags(&self) -> impl Iterator<Item = &str> {
        let tags = self.facts.attributes.normal.tags.as_array();
        tags.into_iter().flatten().filter_map(Value::as_str)
    }
}

pub(super) fn dir(data_dir: &Path, generation: u64) -> PathBuf {
    data_dir.join("snapshots").join(generation.to_string())
}

fn required<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, String> {
    let found = files::json(path, limits::SNAPSHOT_FILE_BYTES)?;
    found.ok_or_else(|| format!("{} is missing", path.display()))
}

fn by_key(cards: Vec<Card>) -> BTreeMap<String, Card> {
    let mut map: BTreeMap<String, Card> = BTreeMap::new();
    for card in cards {
        let card = match map.remove(&card.key) {
            Some(known) => known.merge(card),
            None => card,
        };
        map.insert(card.key.clone(), card);
    }
    map
}
