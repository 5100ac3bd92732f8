//! Small things with text and bytes that many parts need.

use std::fmt::Write;

use flock_core::limits;
use sha2::{Digest, Sha256};

/// The text up to `bytes`, cut between characters.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A code fit for programs: what is not a short lower-case word becomes `other`.
pub(crate) fn word<'a>(code: &'a str, other: &'a str) -> &'a str {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if code.len() <= limits::CODE_BYTES && code.bytes().all(fits) {
        code
    } else {
        other
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// SHA-256 in lower-case hexadecimal digits.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(
            (cut("aöb", 2), cut("aöb", 3), cut("aöb", 9), cut("", 3)),
            ("a", "aö", "aöb", "")
        );
    }

    #[test]
    fn a_code_is_a_short_word() {
        assert_eq!((word("outbox_full", "x"), word("", "x")), ("outbox_full", ""));
        for bad in ["Loud", "two words", "\u{1b}[2J", &"x".repeat(limits::CODE_BYTES + 1)] {
            assert_eq!(word(bad, "failed"), "failed");
        }
    }

    #[test]
    fn bytes_are_written_with_leading_zeros() {
        assert_eq!(hex(&[0, 0x0a, 0xff]), "000aff");
        assert!(sha256_hex(b"abc").starts_with("ba7816bf8f01cfea"));
    }
}
