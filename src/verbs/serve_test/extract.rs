//! What tests want out of a message: a link to follow, a code to type in, a header field, the
//! text.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use regex::Regex;

use crate::message::facts::{Facts, Header, part_octets, part_text};
use crate::message::headers;
use crate::message::structure::{Kind, Part};

/// What to take out of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extract {
    /// The first link: of the plain text, else of the HTML.
    Link,
    /// The code that looks most like a one-time password.
    Otp,
    /// The decoded value of the first field of this name.
    Header(String),
    /// The text that a reader sees first.
    Body,
}

impl FromStr for Extract {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "link" => Ok(Self::Link),
            "otp" => Ok(Self::Otp),
            "body" => Ok(Self::Body),
            _ => match text.strip_prefix("header:") {
                Some(name) if headers::is_name(name) => Ok(Self::Header(name.to_owned())),
                _ => Err("want link, otp, body or header:NAME".to_owned()),
            },
        }
    }
}

impl fmt::Display for Extract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link => f.write_str("link"),
            Self::Otp => f.write_str("otp"),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Body => f.write_str("body"),
        }
    }
}

impl Extract {
    /// Takes it out of a message; `None` when there is none.
    pub fn of(&self, message: &[u8]) -> Option<String> {
        match self {
            Self::Link => link(message),
            Self::Otp => otp(message),
            Self::Header(name) => Header::new(message).value(name).map(str::to_owned),
            Self::Body => {
                let text = Facts::new(message).readable_text();
                (!text.trim().is_empty()).then_some(text)
            }
        }
    }
}

static URL: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"(?i)\bhttps?://[^\s<>"\x00-\x1f]+"#).expect("a fixed pattern"));

static HREF: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?is)<a\s(?:[^>]*?\s)?href\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+))"#)
        .expect("a fixed pattern")
});

static CODE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b(?:[0-9]{3}[- ][0-9]{3}|[0-9]{4,8})\b").expect("a fixed pattern")
});

fn link(message: &[u8]) -> Option<String> {
    let facts = Facts::new(message);
    let shown = |subtype: &'static str| {
        let parts = facts.structure().parts().iter();
        parts.filter(move |part: &&Part| {
            part.kind == Kind::Leaf
                && !part.is_attachment()
                && part.content_type.is("text", subtype)
        })
    };
    let plain = shown("plain").find_map(|part| {
        let text = part_text(message, part);
        URL.find(&text).map(|found| trimmed(found.as_str()).to_owned())
    });
    plain.or_else(|| {
        shown("html").find_map(|part| {
            // Addresses are ASCII in any charset that mail has.
            let html = part_octets(message, part);
            let html = String::from_utf8_lossy(&html);
            HREF.captures_iter(&html).find_map(|found| {
                let value = (1..=3).find_map(|group| found.get(group))?.as_str();
                let address = unescaped(value.trim());
                let start = address.to_ascii_lowercase();
                (start.starts_with("http://") || start.starts_with("https://")).then_some(address)
            })
        })
    })
}

/// A link without the punctuation of the sentence that it ends.
fn trimmed(link: &str) -> &str {
    let mut link = link;
    loop {
        let shorter = link.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '*']);
        let shorter = match shorter.chars().last() {
            Some(')') if shorter.matches(')').count() > shorter.matches('(').count() => {
                &shorter[..shorter.len() - 1]
            }
            Some(']') if shorter.matches(']').count() > shorter.matches('[').count() => {
                &shorter[..shorter.len() - 1]
            }
            _ => shorter,
        };
        if shorter.len() == link.len() {
            return link;
        }
        link = shorter;
    }
}

/// An attribute's value without the references that links need.
fn unescaped(value: &str) -> String {
    let mut out = value.to_owned();
    for (reference, text) in [("&#38;", "&"), ("&#x26;", "&"), ("&quot;", "\""), ("&amp;", "&")] {
        out = out.replace(reference, text);
    }
    out
}

fn otp(message: &[u8]) -> Option<String> {
    let facts = Facts::new(message);
    let text =
        format!("{}\n{}", facts.header().subject().unwrap_or_default(), facts.readable_text());
    // A link has digits of its own.
    let text = URL.replace_all(&text, " ");
    let mut best: Option<(i32, &str)> = None;
    for found in CODE.find_iter(&text) {
        let score = likeness(&text, found.start(), found.end());
        if score >= 0 && best.is_none_or(|(other, _)| score > other) {
            best = Some((score, found.as_str()));
        }
    }
    best.map(|(_, code)| code.chars().filter(char::is_ascii_digit).collect())
}

/// How much the digits at this place look like a code to be typed in.
fn likeness(text: &str, start: usize, end: usize) -> i32 {
    const WORDS: [&str; 6] = ["code", "otp", " pin", "password", "verif", "token"];
    let (before, code, after) = (&text[..start], &text[start..end], &text[end..]);
    let near: String = before.chars().rev().take(60).collect();
    let near: String = near.chars().rev().collect::<String>().to_lowercase();
    let following: String = after.chars().take(40).collect::<String>().to_lowercase();
    let digits = code.bytes().filter(u8::is_ascii_digit).count();
    let mut score = 0;
    if digits == 6 {
        score += 2;
    }
    if WORDS.iter().any(|word| near.contains(word)) {
        score += 4;
    }
    if WORDS.iter().any(|word| following.contains(word)) {
        score += 2;
    }
    let line_before = before.rsplit('\n').next().unwrap_or_default();
    let line_after = after.split('\n').next().unwrap_or_default();
    if line_before.trim().is_empty() && line_after.trim().is_empty() {
        score += 3;
    }
    let is_year = digits == 4 && (code.starts_with("19") || code.starts_with("20"));
    if is_year {
        score -= 5;
    }
    // Prices, times, dates, numbers of invoices and telephones.
    let is_joined_before = before.ends_with(['#', '$', '€', '£', '+', '/', ':', '.', ',', '-']);
    let is_joined_after = {
        let mut next = after.chars();
        matches!(next.next(), Some('.' | ',' | ':' | '/' | '-'))
            && next.next().is_some_and(|c| c.is_ascii_digit())
    };
    if (is_joined_before && !before.ends_with(": ")) || is_joined_after {
        score -= 5;
    }
    score
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: &str, body: &str) -> Vec<u8> {
        format!(
            "From: a@x.test\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe_1999?=\r\n\
             Content-Type: {kind}; charset=utf-8\r\n\r\n{body}"
        )
        .into_bytes()
    }

    fn plain(extract: &Extract, body: &str) -> Option<String> {
        extract.of(&message("text/plain", body))
    }

    #[test]
    fn links() {
        for (body, link) in [
            ("go to https://x.test/a?b=1&c=2.\r\n", Some("https://x.test/a?b=1&c=2")),
            ("(see <http://x.test/y>)", Some("http://x.test/y")),
            ("(http://x.test/y_(z)), or", Some("http://x.test/y_(z)")),
            ("(http://x.test/y), or", Some("http://x.test/y")),
            ("ftp://x.test/", None),
        ] {
            assert_eq!(plain(&Extract::Link, body).as_deref(), link, "{body}");
        }
        let html = "<link href='https://x.test/style'><A class=b\r\n \
                    HREF=\"https://x.test/?a=1&amp;b=2\">go</A> <a href=https://x.test/2>2</a>";
        let found = Extract::Link.of(&message("text/html", html));
        assert_eq!(found.as_deref(), Some("https://x.test/?a=1&b=2"));
        assert_eq!(
            Extract::Link.of(&message("text/html", "<a href='mailto:a@x.test'>x</a>")),
            None
        );
    }

    #[test]
    fn codes() {
        for (body, code) in [
            ("Order 20251, from 2024.\r\nYour code is 483 920.\r\n", Some("483920")),
            ("Your verification code:\r\n\r\n  7741\r\n\r\nCall +49 3012345", Some("7741")),
            ("123456 is your login code. It expires at 10:3000", Some("123456")),
            ("https://x.test/123456 costs 47.1100 euro", None),
            ("Copyright 2026", None),
        ] {
            assert_eq!(plain(&Extract::Otp, body).as_deref(), code, "{body}");
        }
    }

    #[test]
    fn fields_and_text() {
        let subject: Extract = "header:subject".parse().expect("a field");
        assert_eq!(plain(&subject, "x").as_deref(), Some("Gr\u{fc}\u{df}e 1999"));
        assert_eq!(plain(&"header:X-No".parse().expect("a field"), "x"), None);
        assert_eq!(plain(&Extract::Body, "hello\r\n").as_deref(), Some("hello\r\n"));
        assert_eq!(plain(&Extract::Body, " \r\n"), None);
        for text in ["link", "otp", "body", "header:X-A"] {
            assert_eq!(text.parse::<Extract>().expect(text).to_string(), text);
        }
        assert!("header:".parse::<Extract>().is_err() && "links".parse::<Extract>().is_err());
    }
}
