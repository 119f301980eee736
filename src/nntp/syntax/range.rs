//! Article numbers, ranges of them, and what names one article or several.
//!
//! RFC 3977 sections 6 and 9.2; numbers go up to 2,147,483,647 (RFC 3977 section 6), and are
//! read up to 64 bits, as large archives have them.

use crate::nntp::syntax::is_message_id;

/// Some articles of a group by their numbers.
///
/// ```text
/// range = article-number ["-" [article-number]]
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// One number.
    One(u64),
    /// This and all above.
    From(u64),
    /// Both ends included; empty where the second is below the first.
    Between(u64, u64),
}

impl Range {
    /// Reads a range; `None` for text that is none.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once('-') {
            None => Some(Self::One(number(text)?)),
            Some((first, "")) => Some(Self::From(number(first)?)),
            Some((first, last)) => Some(Self::Between(number(first)?, number(last)?)),
        }
    }

    /// Whether the number is among them.
    pub fn contains(self, number: u64) -> bool {
        match self {
            Self::One(only) => number == only,
            Self::From(first) => number >= first,
            Self::Between(first, last) => (first..=last).contains(&number),
        }
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::One(number) => write!(f, "{number}"),
            Self::From(first) => write!(f, "{first}-"),
            Self::Between(first, last) => write!(f, "{first}-{last}"),
        }
    }
}

/// The argument of ARTICLE, HEAD, BODY and STAT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Article {
    /// None: the current article.
    Current,
    /// By its number in the selected group.
    Number(u64),
    /// By its message-id, angle brackets included, in whatever group.
    Id(String),
}

impl Article {
    /// Reads the argument; `None` for text that is none.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" => Some(Self::Current),
            id if is_message_id(id.as_bytes()) => Some(Self::Id(id.to_owned())),
            text => number(text).map(Self::Number),
        }
    }
}

impl std::fmt::Display for Article {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Current => Ok(()),
            Self::Number(number) => write!(f, "{number}"),
            Self::Id(id) => f.write_str(id),
        }
    }
}

/// The argument of OVER and HDR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Articles {
    /// None: the current article.
    Current,
    /// By their numbers in the selected group.
    Range(Range),
    /// By its message-id, angle brackets included.
    Id(String),
}

impl Articles {
    /// Reads the argument; `None` for text that is none.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" => Some(Self::Current),
            id if is_message_id(id.as_bytes()) => Some(Self::Id(id.to_owned())),
            text => Range::parse(text).map(Self::Range),
        }
    }
}

impl std::fmt::Display for Articles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Current => Ok(()),
            Self::Range(range) => write!(f, "{range}"),
            Self::Id(id) => f.write_str(id),
        }
    }
}

/// Digits and nothing else.
pub fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_and_written() {
        for (text, range) in [
            ("3000234", Range::One(3_000_234)),
            ("3000234-3000240", Range::Between(3_000_234, 3_000_240)),
            ("3000234-", Range::From(3_000_234)),
            ("5-3", Range::Between(5, 3)),
        ] {
            assert_eq!(Range::parse(text), Some(range), "{text}");
            assert_eq!(range.to_string(), text);
        }
        for wrong in ["", "-", "-3", "1-2-3", "+1", "a", "1 - 2", "99999999999999999999"] {
            assert_eq!(Range::parse(wrong), None, "{wrong}");
        }
        assert!(!Range::Between(5, 3).contains(4));
    }

    #[test]
    fn articles_have_a_number_or_an_id() {
        assert_eq!(Article::parse(""), Some(Article::Current));
        assert_eq!(Article::parse("3"), Some(Article::Number(3)));
        let id = "<i.am.an.article.you.will.want@example.com>";
        assert_eq!(Article::parse(id), Some(Article::Id(id.into())));
        assert_eq!(Articles::parse("3-"), Some(Articles::Range(Range::From(3))));
        for wrong in ["<>", "<a b>", "a@b", "<a>b>", "3-4"] {
            assert_eq!(Article::parse(wrong), None, "{wrong}");
        }
        let long = format!("<{}>", "x".repeat(249));
        assert_eq!(Article::parse(&long), None);
    }
}
