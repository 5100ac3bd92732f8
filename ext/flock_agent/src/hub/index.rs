//! Bitmaps: which nodes have a role, a recipe, a tag and so on.

use std::collections::HashMap;

use roaring::RoaringBitmap;

use crate::pb;

/// What nodes can be asked for besides their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Field {
    Role,
    Recipe,
    Environment,
    PolicyName,
    PolicyGroup,
    Tag,
    Cloud,
    Service,
}

/// One thing that a node has or a selector asks for.
pub(super) type Term = (Field, String);

/// Everything that nodes can be found by.
#[derive(Debug, Default)]
pub(super) struct Index(HashMap<Term, RoaringBitmap>);

impl Index {
    pub(super) fn add(&mut self, id: u32, terms: Vec<Term>) {
        for term in terms {
            self.0.entry(term).or_default().insert(id);
        }
    }

    pub(super) fn remove(&mut self, id: u32, terms: Vec<Term>) {
        for term in terms {
            if let Some(bitmap) = self.0.get_mut(&term) {
                bitmap.remove(id);
                if bitmap.is_empty() {
                    self.0.remove(&term);
                }
            }
        }
    }

    /// Those of `among` that have all of `terms`.
    pub(super) fn narrow(&self, mut among: RoaringBitmap, terms: &[Term]) -> RoaringBitmap {
        for term in terms {
            match self.0.get(term) {
                Some(bitmap) => among &= bitmap,
                None => return RoaringBitmap::new(),
            }
        }
        among
    }
}

/// What a node has.
pub(super) fn terms_of_node(node: &pb::NodeInfo) -> Vec<Term> {
    let words = [
        (Field::Environment, &node.environment),
        (Field::PolicyName, &node.policy_name),
        (Field::PolicyGroup, &node.policy_group),
        (Field::Cloud, &node.cloud),
    ];
    let lists = [
        (Field::Role, &node.roles),
        (Field::Recipe, &node.recipes),
        (Field::Tag, &node.tags),
        (Field::Service, &node.services),
    ];
    terms(words, lists)
}

/// What a selector asks for; all of it must hold.
pub(super) fn terms_of_targets(targets: &pb::Targets) -> Vec<Term> {
    let words = [
        (Field::Environment, &targets.environment),
        (Field::PolicyName, &targets.policy_name),
        (Field::PolicyGroup, &targets.policy_group),
        (Field::Cloud, &targets.cloud),
    ];
    let lists = [
        (Field::Role, &targets.roles),
        (Field::Recipe, &targets.recipes),
        (Field::Tag, &targets.tags),
        (Field::Service, &targets.services),
    ];
    terms(words, lists)
}

fn terms(words: [(Field, &String); 4], lists: [(Field, &Vec<String>); 4]) -> Vec<Term> {
    let words = words.into_iter().filter(|(_, word)| !word.is_empty());
    let listed = lists
        .into_iter()
        .flat_map(|(field, list)| list.iter().map(move |word| (field, word)));
    let mut terms: Vec<Term> = words
        .chain(listed)
        .map(|(field, word)| (field, normal(field, word)))
        .collect();
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// `cb` is short for `cb::default`.
fn normal(field: Field, word: &str) -> String {
    match field {
        Field::Recipe if !word.contains("::") => format!("{word}::default"),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_removed_is_found_no_more() {
        let node = pb::NodeInfo {
            tags: vec!["a".into(), "a".into(), "b".into()],
            recipes: vec!["cb".into()],
            ..Default::default()
        };
        let mut index = Index::default();
        index.add(7, terms_of_node(&node));
        let all: RoaringBitmap = [7, 8].into_iter().collect();
        let asked = terms_of_targets(&pb::Targets {
            recipes: vec!["cb::default".into()],
            tags: vec!["b".into()],
            ..Default::default()
        });
        assert_eq!(index.narrow(all.clone(), &asked).iter().collect::<Vec<_>>(), [7]);
        index.remove(7, terms_of_node(&node));
        assert!(index.narrow(all, &asked).is_empty());
        assert!(index.0.is_empty(), "an empty bitmap must not stay behind");
    }
}
