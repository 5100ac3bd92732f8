//! Patterns of `*` and `?`, as agent.toml uses them. Everything else, `[` included, stands for itself.

use crate::id::split_key;

/// Whether `pattern` matches the whole of `text`: `*` is any run of characters, also none; `?` is one character.
///
/// ```
/// use flock_core::glob::matches;
/// assert!(matches("bender*", "bender12"));
/// assert!(!matches("bender?", "bender12"));
/// ```
pub fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    // Where to go on when the last `*` has to take one character more: linear space, never exponential time.
    let mut retry = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match retry {
                Some((after, taken)) => {
                    retry = Some((after, taken + 1));
                    (p, t) = (after, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

/// Whether `pattern` matches the resource `key`. A pattern `type[name]` is matched part by part, so that a `*` in front
/// of the bracket never reaches into the name; a pattern without brackets is matched against the whole key.
///
/// ```
/// use flock_core::glob::matches_key;
/// assert!(matches_key("service[*]", "service[nginx]"));
/// assert!(!matches_key("*[nginx]", "execute[echo service[nginx]"));
/// ```
pub fn matches_key(pattern: &str, key: &str) -> bool {
    let Ok((kind, name)) = split_key(key) else { return false };
    match pattern.strip_suffix(']').and_then(|rest| rest.split_once('[')) {
        Some((kinds, names)) => matches(kinds, kind) && matches(names, name),
        None => matches(pattern, key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_take_any_run() {
        for (pattern, text) in [
            ("*", ""),
            ("*", "a"),
            ("a*c", "ac"),
            ("a*c", "abbc"),
            ("*a*b*", "xaybz"),
            ("**", "x"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("", "a"), ("a*c", "abd"), ("a", "aa"), ("*b", "ba"), ("a*a", "a")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_question_mark_takes_one_character_of_any_length() {
        assert!(matches("n?de", "nöde"));
        assert!(!matches("n?de", "nde"));
    }

    #[test]
    fn brackets_and_backslashes_stand_for_themselves() {
        assert!(matches("a[b]", "a[b]"));
        assert!(!matches("a[bc]", "ab"));
        assert!(matches(r"a\*", r"a\b"));
    }

    #[test]
    fn a_hostile_pattern_ends_soon() {
        assert!(!matches(&"*a".repeat(200), &"a".repeat(199)));
    }

    #[test]
    fn keys_are_matched_part_by_part() {
        assert!(matches_key("service[*]", "service[nginx]"));
        assert!(matches_key("file[/etc/*]", "file[/etc/a[1]]"));
        assert!(matches_key("*", "service[nginx]"));
        assert!(matches_key("serv*", "service[nginx]"));
        assert!(!matches_key("service[*]", "service_x[nginx]"));
        assert!(!matches_key("*", "no key"));
    }
}
