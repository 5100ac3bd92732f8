//! Names and numbers that identify things: validated once, at the edge.

use std::fmt;

use crate::{Error, Result, limits};

/// The name of a node: the Chef node name, 1 to 255 bytes without control characters, spaces or slashes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeName(String);

impl NodeName {
    /// Checks a name.
    ///
    /// # Errors
    /// `configuration` when the name is empty, too long or holds a character that a node name cannot hold.
    pub fn parse(name: &str) -> Result<Self> {
        let bad = |c: char| c.is_control() || c.is_whitespace() || c == '/' || c == '\\';
        if name.is_empty() || name.len() > limits::NODE_NAME_BYTES || name.chars().any(bad) {
            return Err(Error::configuration(format!(
                "{name:?} is not a node name: 1 to 255 bytes without spaces, slashes or control characters"
            ))
            .with_code("bad_node_name"));
        }
        Ok(Self(name.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as one segment of a registry path or a URI: all but letters, digits, `-`, `.` and `_` percent-encoded.
    pub fn escaped(&self) -> String {
        escape(&self.0)
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Percent-encodes everything but letters, digits, `-`, `.` and `_` (RFC 3986, the unreserved set without `~`).
pub fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// Undoes [`escape`]; `None` when the text is not the result of it.
pub fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            let hex = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(hex, 16).ok()?);
            rest = tail.get(2..)?;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok().filter(|decoded| escape(decoded) == text)
}

/// Whether a text has the form of a UUID: 36 characters, lower-case hexadecimal digits and four dashes.
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(i, byte)| match i {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

/// A declared resource key taken apart: `service[nginx]` is type `service`, name `nginx`; Chef has resources without a name, `apt_update[]`.
///
/// # Errors
/// `configuration` when the text is not `type[name]`.
pub fn split_key(key: &str) -> Result<(&str, &str)> {
    let parts = key.strip_suffix(']').and_then(|rest| rest.split_once('['));
    match parts {
        Some((kind, name)) if is_type(kind) && key.len() <= limits::KEY_BYTES => Ok((kind, name)),
        _ => Err(Error::configuration(format!(
            "{key:?} is not a resource: write it as 'type[name]', as in 'service[nginx]'"
        ))
        .with_code("bad_key")),
    }
}

fn is_type(kind: &str) -> bool {
    !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_names_are_checked() {
        for good in ["a", "web1.example.com", "döner", &"x".repeat(limits::NODE_NAME_BYTES)] {
            assert_eq!(NodeName::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "a b",
            "a/b",
            "a\\b",
            "a\n",
            &"x".repeat(limits::NODE_NAME_BYTES + 1),
        ] {
            assert_eq!(NodeName::parse(bad).unwrap_err().code(), "bad_node_name", "{bad:?}");
        }
    }

    #[test]
    fn escapes_go_there_and_back() {
        for text in ["", "plain-1.0_x", "a/b c%", "döner", "~"] {
            assert_eq!(unescape(&escape(text)).as_deref(), Some(text));
        }
        assert_eq!(escape("a/b~"), "a%2Fb%7E");
    }

    #[test]
    fn only_what_escape_writes_is_unescaped() {
        for text in ["a b", "%2f", "%4", "%zz", "%41", "%FF", "%+1"] {
            assert_eq!(unescape(text), None, "{text}");
        }
    }

    #[test]
    fn uuids_are_lower_case_with_dashes() {
        assert!(is_uuid("01900000-0000-7000-8000-00000000000a"));
        for bad in [
            "",
            "01900000-0000-7000-8000-00000000000A",
            "01900000000070008000000000000000aaaa",
        ] {
            assert!(!is_uuid(bad), "{bad}");
        }
    }

    #[test]
    fn keys_are_taken_apart_at_the_first_bracket() {
        assert_eq!(split_key("service[nginx]"), Ok(("service", "nginx")));
        assert_eq!(split_key("execute[a[1] b]"), Ok(("execute", "a[1] b")));
        assert_eq!(split_key("apt_update[]").unwrap(), ("apt_update", ""));
        for bad in ["", "service", "[x]", "se rvice[x]", "service[x] "] {
            assert_eq!(split_key(bad).unwrap_err().code(), "bad_key", "{bad:?}");
        }
    }
}
