//! A first look at HTML: whether a word could be there for the reader although it does not
//! stand in the octets in one piece.
//!
//! The reader's text leaves out tags that stand inside a line, comments and soft hyphens, and
//! has letters where character references are. All else separates words (see
//! `message::html`). So a word that is not in one piece begins somewhere, and goes on behind
//! one of these; or it begins with a reference.

use regex::bytes::{Regex, RegexBuilder};

use crate::message::html::INLINE;

/// Character references that stand for a letter or digit of ASCII, or for one of the letters
/// that fold to such, by name and by number.
const REFERENCES: &str = "^&(?:f[fijl]|szlig|imath|inodot|Idot|napos|#[xX]0*(?:3[0-9]\
|[46][1-9a-fA-F]|[57][0-9aA]|[dD][fF]|13[01]|149|17[fF]|1[fF]0|1[eE]9[6-9aAeE]|212[aA]\
|[fF][bB]0[0-6]);|#0*(?:4[89]|5[0-7]|6[5-9]|[78][0-9]|90|9[7-9]|1[01][0-9]|12[0-2]|223|30[45]\
|329|383|496|783[0-48]|8490|6425[6-9]|6426[0-2]);)";

/// The longest reference that is one, in octets, and a few more.
const REFERENCE_OCTETS: usize = 48;

/// Knows the words.
#[derive(Debug, Clone)]
pub struct Markup {
    /// Letters and digits in small letters.
    words: Vec<Vec<u8>>,
    /// Which octets a word can have before its last one.
    inside: [bool; 256],
    references: Regex,
}

impl Markup {
    /// Makes ready for words of ASCII letters and digits.
    ///
    /// # Errors
    /// Never, as long as the table of references is right.
    pub fn new<'w>(words: impl Iterator<Item = &'w str>) -> Result<Markup, regex::Error> {
        let words: Vec<Vec<u8>> =
            words.map(|word| word.to_ascii_lowercase().into_bytes()).collect();
        let mut inside = [false; 256];
        for octet in words.iter().flat_map(|word| &word[..word.len().saturating_sub(1)]) {
            inside[usize::from(*octet)] = true;
            inside[usize::from(octet.to_ascii_uppercase())] = true;
        }
        let references = RegexBuilder::new(REFERENCES).unicode(false).build()?;
        Ok(Markup { words, inside, references })
    }

    /// Whether one of the words could be there, though not in one piece.
    pub fn may_join(&self, octets: &[u8], charset: &str) -> bool {
        let joins = memchr::memchr2_iter(b'<', b'&', octets).any(|at| {
            let (before, rest) = octets.split_at(at);
            match rest[0] {
                b'<' => self.has_begun(before) && is_unseen(rest),
                _ => {
                    let window = &rest[..rest.len().min(REFERENCE_OCTETS)];
                    self.references.is_match(window)
                        || (self.has_begun(before) && is_reference(window))
                }
            }
        });
        joins || self.may_join_by_hyphen(octets, charset)
    }

    /// Soft hyphens: AD in most charsets, C2 AD in UTF-8, and pairs of their own in those that
    /// have more octets a letter.
    fn may_join_by_hyphen(&self, octets: &[u8], charset: &str) -> bool {
        if octets.is_ascii() {
            return false;
        }
        let charset = charset.trim().to_ascii_lowercase();
        let has_pairs = |start: &&str| charset.starts_with(*start);
        if ["gb", "big5", "shift", "euc", "ks_"].iter().any(has_pairs) {
            return true;
        }
        memchr::memchr_iter(0xad, octets).any(|at| {
            let before = &octets[..at];
            self.has_begun(before.strip_suffix(b"\xc2").unwrap_or(before)) || self.has_begun(before)
        })
    }

    /// Whether an escape sequence may stand inside a word.
    pub fn may_be_cut(&self, octets: &[u8]) -> bool {
        memchr::memchr_iter(0x1b, octets).any(|at| self.has_begun(&octets[..at]))
    }

    /// Whether the octets end with the start of a word.
    fn has_begun(&self, before: &[u8]) -> bool {
        let Some(last) = before.last() else { return false };
        self.inside[usize::from(*last)]
            && self.words.iter().any(|word| {
                (1..word.len()).any(|length| {
                    before.len() >= length
                        && before[before.len() - length..].eq_ignore_ascii_case(&word[..length])
                })
            })
    }
}

/// Whether a tag or comment begins here that separates nothing.
fn is_unseen(rest: &[u8]) -> bool {
    if rest.starts_with(b"<!--") {
        return true;
    }
    let name = rest[1..].strip_prefix(b"/").unwrap_or(&rest[1..]);
    INLINE.iter().any(|inline| {
        name.len() > inline.len()
            && name[..inline.len()].eq_ignore_ascii_case(inline)
            && matches!(name[inline.len()], b'>' | b'/' | b' ' | b'\t' | b'\r' | b'\n' | 0x0c)
    })
}

/// Whether it looks like a character reference.
fn is_reference(window: &[u8]) -> bool {
    let name = window[1..].iter().take_while(|c| c.is_ascii_alphanumeric() || **c == b'#').count();
    name > 0 && window.get(1 + name) == Some(&b';')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_pieces() {
        let markup = Markup::new(["budget", "x1"].into_iter()).expect("made");
        for html in [
            "bud<b>get",
            "BUD</A>get",
            "b<!-- -->udget",
            "b&#117;dget",
            "&#98;udget",
            "&#X42;udget",
            "bud\u{ad}get",
            "x<i\nclass=a>1",
        ] {
            assert!(markup.may_join(html.as_bytes(), "utf-8"), "{html}");
        }
        for html in
            ["bud<p>get", "bug<b>", "get<b>", "a&nbsp;b", "bud & get", "B&Q", "\u{e4}\u{ad}"]
        {
            assert!(!markup.may_join(html.as_bytes(), "utf-8"), "{html}");
        }
        assert!(markup.may_join(b"bud\xadget", "iso-8859-1"));
        assert!(markup.may_join(b"bud\x81\x30\x84\x33get", "gb18030"));
        assert!(!markup.may_join(b"b u", "gb18030"));
    }
}
