//! Choosing some of many, the same ones whoever asks and however often.

use super::Match;

/// A node that matches, and whether it can be expected to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether its presence is alive.
    pub live: bool,
}

/// The names that a notification goes to, sorted. Live candidates come first; among equals, the id of the notification
/// decides by rendezvous hashing, so that a node more or less changes as few choices as it can.
///
/// ```
/// use flock_core::target::{Candidate, Match, choose};
/// let nodes = [Candidate { name: "a", live: false }, Candidate { name: "b", live: true }];
/// assert_eq!(choose(&nodes, Match::Any, "0190-id"), ["b"]);
/// ```
pub fn choose(candidates: &[Candidate<'_>], select: Match, id: &str) -> Vec<String> {
    let wanted = select.of(candidates.len());
    let mut ranked: Vec<_> = candidates
        .iter()
        .map(|one| (!one.live, score(id, one.name), one.name))
        .collect();
    if wanted < ranked.len() {
        ranked.sort_unstable();
        ranked.truncate(wanted);
    }
    let mut names: Vec<String> = ranked.into_iter().map(|(_, _, name)| name.to_owned()).collect();
    names.sort_unstable();
    names
}

/// FNV-1a with the SplitMix64 finisher: fixed for all time, unlike the standard library's hasher.
fn score(id: &str, name: &str) -> u64 {
    let fnv = id
        .bytes()
        .chain([0])
        .chain(name.bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    let mixed = (fnv ^ (fnv >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("node{n:03}")).collect()
    }

    fn live(names: &[String]) -> Vec<Candidate<'_>> {
        names.iter().map(|name| Candidate { name, live: true }).collect()
    }

    #[test]
    fn the_same_id_chooses_the_same_nodes_in_whatever_order_they_come() {
        let names = names(50);
        let mut nodes = live(&names);
        let first = choose(&nodes, Match::Count(5), "id-1");
        nodes.reverse();
        assert_eq!(choose(&nodes, Match::Count(5), "id-1"), first);
        assert_eq!(first.len(), 5);
        assert!(first.is_sorted());
    }

    #[test]
    fn ids_spread_over_the_nodes() {
        let names = names(10);
        let nodes = live(&names);
        let mut hits = BTreeMap::new();
        for n in 0..1000 {
            let chosen = choose(&nodes, Match::Any, &format!("id-{n}"));
            *hits.entry(chosen[0].clone()).or_insert(0) += 1;
        }
        assert!(
            hits.len() == 10 && hits.values().all(|count| (50..200).contains(count)),
            "{hits:?}"
        );
    }

    #[test]
    fn live_nodes_come_first_and_others_fill_up() {
        let names = names(4);
        let nodes: Vec<_> = names
            .iter()
            .enumerate()
            .map(|(n, name)| Candidate { name, live: n == 2 })
            .collect();
        for n in 0..20 {
            let chosen = choose(&nodes, Match::Percent(50), &format!("id-{n}"));
            assert!(chosen.len() == 2 && chosen.contains(&names[2]), "{chosen:?}");
        }
    }

    #[test]
    fn one_node_more_moves_no_choice_but_its_own() {
        let names = names(21);
        for n in 0..50 {
            let id = format!("id-{n}");
            let before = choose(&live(&names[..20]), Match::Any, &id);
            let after = choose(&live(&names), Match::Any, &id);
            assert!(after == before || after == [names[20].clone()]);
        }
    }

    #[test]
    fn the_choice_is_fixed_for_all_time() {
        let names = names(8);
        assert_eq!(
            choose(&live(&names), Match::Count(2), "01900000-0000-7000-8000-000000000000"),
            FIXED
        );
    }

    const FIXED: [&str; 2] = ["node001", "node003"];
}
