//! What a value is compared with: a substring, a regular expression, or anything at all.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use regex::{Regex, RegexBuilder};

use super::words;
use crate::base::limits::NESTING;

/// Most octets that a compiled regular expression may take.
const REGEX_OCTETS: usize = 4 * 1024 * 1024;

/// A value of a term.
#[derive(Debug, Clone)]
pub enum Pattern {
    /// A substring, compared after folding.
    Text(Box<Text>),
    /// A regular expression, found anywhere in the text.
    Regex(Regex),
    /// `*`: there is such a field at all.
    Present,
}

/// A substring and its folded form.
#[derive(Debug, Clone)]
pub struct Text {
    text: String,
    finder: Finder<'static>,
}

impl Text {
    /// The substring as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Pattern {
    /// A substring.
    pub fn text(text: impl Into<String>) -> Pattern {
        let text = text.into();
        let finder = Finder::new(fold(&text).as_bytes()).into_owned();
        Pattern::Text(Box::new(Text { text, finder }))
    }

    /// A regular expression in the syntax of the `regex` crate. Case is ignored, and `^`
    /// and `$` stand for the ends of lines, CRLF and LF, unless flags in it say otherwise.
    ///
    /// # Errors
    /// It cannot be read, or is too large.
    pub fn regex(source: &str) -> Result<Pattern, regex::Error> {
        let nesting = u32::try_from(NESTING).unwrap_or(u32::MAX);
        RegexBuilder::new(&plain_slashes(source))
            .case_insensitive(true)
            .multi_line(true)
            .crlf(true)
            .size_limit(REGEX_OCTETS)
            .dfa_size_limit(REGEX_OCTETS)
            .nest_limit(nesting)
            .build()
            .map(Pattern::Regex)
    }

    /// Literals of which one, up to case, is in every text that this is found in: the substring
    /// itself, or what a regular expression cannot match without. `None`: nothing is needed.
    pub fn needed(&self) -> Option<Vec<String>> {
        match self {
            Pattern::Text(wanted) => Some(vec![wanted.text.clone()]),
            Pattern::Regex(regex) => words::needed(regex.as_str()),
            Pattern::Present => None,
        }
    }

    /// Whether the text has this in it; always so for [`Pattern::Present`].
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Pattern::Text(wanted) => wanted.finder.find(fold(text).as_bytes()).is_some(),
            Pattern::Regex(regex) => regex.is_match(text),
            Pattern::Present => true,
        }
    }

    /// How often it stands in the text, at most `most` times.
    pub fn count(&self, text: &str, most: usize) -> usize {
        match self {
            Pattern::Text(wanted) => {
                wanted.finder.find_iter(fold(text).as_bytes()).take(most).count()
            }
            Pattern::Regex(regex) => regex.find_iter(text).take(most).count(),
            Pattern::Present => 0,
        }
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        match (self, other) {
            (Pattern::Text(one), Pattern::Text(other)) => one.text == other.text,
            (Pattern::Regex(one), Pattern::Regex(other)) => one.as_str() == other.as_str(),
            (Pattern::Present, Pattern::Present) => true,
            _ => false,
        }
    }
}

impl Eq for Pattern {}

/// The expression with `\/` written as `/`, which means the same: so there is one way to
/// write it, and the language's way to escape it comes on top.
fn plain_slashes(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut chars = source.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('/') => out.push('/'),
            Some(escaped) => out.extend(['\\', escaped]),
            None => out.push('\\'),
        }
    }
    out
}

/// The text with case folded: ASCII by itself, anything else by Unicode's full mappings,
/// upper case first so that `ß` is `ss` and final sigma is sigma.
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return if text.bytes().any(|octet| octet.is_ascii_uppercase()) {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        };
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\0'..='\x7f' => out.push(c.to_ascii_lowercase()),
            // The capital ẞ has no other upper case, and is `ss` all the same (CaseFolding.txt).
            '\u{1e9e}' => out.push_str("ss"),
            // Kana, ideographs and Hangul have no case.
            '\u{3000}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' => out.push(c),
            _ => match NEAR.get(c as usize) {
                Some(Some(folded)) => out.push(*folded),
                _ => out.extend(folded(c)),
            },
        }
    }
    Cow::Owned(out)
}

fn folded(c: char) -> impl Iterator<Item = char> {
    c.to_uppercase().flat_map(char::to_lowercase)
}

/// What the letters of Latin, Greek and Cyrillic become, where that is one letter: of most mail
/// beyond ASCII, each.
static NEAR: LazyLock<Vec<Option<char>>> = LazyLock::new(|| {
    let letters = '\0'..'\u{530}';
    letters
        .map(|c| {
            let mut letters = folded(c);
            letters.next().filter(|_| letters.next().is_none())
        })
        .collect()
});

/// Writes a text so that the parser reads it as the same text, in quotation marks unless
/// it is plainly a word.
pub(super) fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let plain = |c: char| c.is_alphanumeric() || "@._+-<>$%&!,;=#'~^|{}[]?`".contains(c);
    let word = !text.is_empty()
        && text.chars().all(plain)
        && !text.starts_with('-')
        && !matches!(text, "AND" | "OR" | "NOT");
    if word {
        return f.write_str(text);
    }
    f.write_str("\"")?;
    for c in text.chars() {
        if c == '"' || c == '\\' {
            f.write_str("\\")?;
        }
        write!(f, "{c}")?;
    }
    f.write_str("\"")
}

impl fmt::Display for Pattern {
    /// As the language writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pattern::Text(wanted) => write_text(f, &wanted.text),
            Pattern::Regex(regex) => write!(f, "/{}/", regex.as_str().replace('/', "\\/")),
            Pattern::Present => f.write_str("*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn substrings_ignore_case_in_every_script() {
        for (wanted, text) in [
            ("ann", "Dear ANNA"),
            ("STRASSE", "Hauptstraße 1"),
            ("straße", "HAUPTSTRASSE"),
            ("strasse", "HAUPTSTRAẞE"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("привет", "ПРИВЕТ, мир"),
            ("東京", "新東京国際"),
            ("éa", "CRÉATION"),
            ("", ""),
        ] {
            assert!(Pattern::text(wanted).matches(text), "{wanted} in {text}");
        }
        assert!(!Pattern::text("ann").matches("an n"));
        assert!(!Pattern::text("x").matches(""));
    }

    #[test]
    fn folding_is_the_same_for_every_letter() {
        for c in ('\0'..=char::MAX).filter(|c| !c.is_ascii() && *c != '\u{1e9e}') {
            let whole: String = c.to_uppercase().flat_map(char::to_lowercase).collect();
            assert_eq!(fold(c.encode_utf8(&mut [0; 4])), whole);
        }
        assert_eq!(fold("A\u{e9}B"), "a\u{e9}b");
    }

    #[test]
    fn regular_expressions() {
        let invoice = Pattern::regex("inv-[0-9]{6}$").unwrap();
        assert!(invoice.matches("first\r\nsee INV-123456\r\nlast"));
        assert!(!Pattern::regex("(?-i)inv").unwrap().matches("INV"));
        assert!(Pattern::regex("(").is_err());
        assert!(Pattern::regex("((a{1000}){1000}){1000}").is_err());
        assert!(Pattern::regex(&"(".repeat(10_000)).is_err());
    }
}
