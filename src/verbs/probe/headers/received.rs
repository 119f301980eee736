//! The way of a message: its Received fields (RFC 5321 section 4.4), oldest first.

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::base::date::Zoned;
use crate::message::headers;

/// Comments within comments that are followed; deeper ones end the reading of a field.
const DEPTH: usize = 16;

/// One hop.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hop {
    /// Who gave the message; `None` where it began.
    pub from: Option<String>,
    /// Who took it.
    pub by: Option<String>,
    /// How: `ESMTPS`, `LMTP`, `HTTP` and the like.
    pub with: Option<String>,
    /// When, in seconds since 1970; `None` where the date cannot be read.
    pub seconds: Option<i64>,
    /// The address that it came from, as the host that took it saw that; `None` where it does
    /// not say.
    pub address: Option<IpAddr>,
    /// What the field says of TLS in comments.
    mentions_tls: bool,
}

impl Hop {
    /// Whether it was encrypted: RFC 3848's protocols end in S or SA then, and many servers say
    /// it in a comment alone. `None`: it does not cross the network, as far as can be seen.
    pub fn is_encrypted(&self) -> Option<bool> {
        let with = self.with.as_deref()?.to_ascii_uppercase();
        self.from.as_ref()?;
        let is_mail = ["SMTP", "ESMTP", "LMTP", "UTF8SMTP", "UTF8LMTP"]
            .iter()
            .any(|known| with.strip_prefix(known).is_some_and(|rest| rest.len() <= 2));
        let is_local = self.from.as_deref().is_some_and(is_local)
            || (with.starts_with("LMTP") && !with.ends_with('S'));
        if !is_mail || is_local {
            return None;
        }
        let is_told = with.ends_with("PS") || with.ends_with("SA");
        Some(is_told || self.mentions_tls)
    }

    /// As JSON; `delay` in seconds since the hop before.
    pub fn json(&self, delay: Option<i64>) -> Value {
        json!({
            "type": "hop",
            "from": self.from,
            "by": self.by,
            "with": self.with,
            "time": self.seconds,
            "delay_s": delay,
            "encrypted": self.is_encrypted(),
        })
    }

    /// In a line.
    pub fn text(&self) -> String {
        let word = |name: &str, value: &Option<String>| {
            value.as_ref().map(|value| format!("{name} {value} ")).unwrap_or_default()
        };
        let text = format!(
            "{}{}{}",
            word("from", &self.from),
            word("by", &self.by),
            word("with", &self.with)
        );
        text.trim_end().to_owned()
    }
}

fn is_local(name: &str) -> bool {
    let bare = name.trim_matches(['[', ']']);
    name.eq_ignore_ascii_case("localhost") || bare == "127.0.0.1" || bare.ends_with("::1")
}

/// The hops of a message, oldest first.
pub fn path(message: &[u8]) -> Vec<Hop> {
    let mut hops: Vec<Hop> = headers::fields(message)
        .filter(|field| field.is("Received"))
        .map(|field| hop(&String::from_utf8_lossy(&field.unfolded())))
        .collect();
    hops.reverse();
    hops
}

/// The time from each hop to the next, in seconds; `None` for the first, and where one of the
/// two dates cannot be read.
pub fn delays(hops: &[Hop]) -> Vec<Option<i64>> {
    let mut before = None;
    hops.iter()
        .map(|hop| {
            let delay = hop.seconds.zip(before).map(|(now, then): (i64, i64)| now - then);
            before = hop.seconds.or(before);
            delay
        })
        .collect()
}

fn hop(value: &str) -> Hop {
    let (text, date) = value.rsplit_once(';').unwrap_or((value, ""));
    let (words, comments) = words(text);
    let after = |name: &str| {
        let at = words.iter().position(|word| word.eq_ignore_ascii_case(name))?;
        words.get(at + 1).cloned()
    };
    let comments = comments.to_ascii_lowercase();
    Hop {
        address: literal(text),
        from: after("from"),
        by: after("by"),
        with: after("with"),
        seconds: Zoned::parse_message(date.trim().as_bytes()).ok().map(|date| date.seconds),
        mentions_tls: ["tlsv1", "version=tls", "using tls", "cipher"]
            .iter()
            .any(|sign| comments.contains(sign)),
    }
}

/// The first address literal (RFC 5321 section 4.1.3).
fn literal(text: &str) -> Option<IpAddr> {
    text.split('[').skip(1).find_map(|rest| {
        let inner = rest.split(']').next()?;
        let is_v6 = inner.get(..5).is_some_and(|tag| tag.eq_ignore_ascii_case("IPv6:"));
        let bare = if is_v6 { &inner[5..] } else { inner };
        bare.parse().ok()
    })
}

/// Words outside comments, and all comments in one.
fn words(text: &str) -> (Vec<String>, String) {
    let (mut outside, mut comments) = (String::new(), String::new());
    let mut depth = 0;
    for c in text.chars() {
        match c {
            '(' => {
                depth += 1;
                outside.push(' ');
            }
            ')' if depth > 0 => {
                depth -= 1;
                comments.push(' ');
            }
            c if depth > 0 => comments.push(c),
            c => outside.push(c),
        }
        if depth > DEPTH {
            break;
        }
    }
    (outside.split_whitespace().map(str::to_owned).collect(), comments)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = b"Received: from mx.example.org (mx.example.org [192.0.2.1])\r\n\
\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384)\r\n\
\tby mail.example.net (Postfix) with ESMTPS id 1 for <bob@example.net>;\r\n\
\tTue, 3 Mar 2026 10:00:20 +0000 (UTC)\r\n\
Received: from laptop ([198.51.100.7]) by mx.example.org with ESMTP id 2;\r\n\
\tTue, 3 Mar 2026 11:00:05 +0100\r\n\
Received: by laptop with HTTP; nonsense\r\n\
From: ann@example.org\r\n\r\n";

    #[test]
    fn the_way_and_its_times() {
        let hops = path(MESSAGE);
        assert_eq!(hops.len(), 3);
        assert_eq!(hops[0].by.as_deref(), Some("laptop"));
        assert_eq!((hops[0].seconds, hops[0].is_encrypted()), (None, None));
        assert_eq!(hops[1].text(), "from laptop by mx.example.org with ESMTP");
        assert_eq!(hops[1].is_encrypted(), Some(false));
        assert_eq!(hops[2].from.as_deref(), Some("mx.example.org"));
        assert_eq!(hops[2].is_encrypted(), Some(true));
        assert_eq!(delays(&hops), [None, None, Some(15)]);
        let addresses: Vec<Option<IpAddr>> = hops.iter().map(|hop| hop.address).collect();
        let v4 = |octets: [u8; 4]| Some(IpAddr::from(octets));
        assert_eq!(addresses, [None, v4([198, 51, 100, 7]), v4([192, 0, 2, 1])]);
        assert_eq!(literal("from x (x [IPv6:2001:db8::1])"), "2001:db8::1".parse().ok());
        assert_eq!(literal("from x ([what] [1.2.3])"), None);
    }

    #[test]
    fn nonsense_is_read_without_harm() {
        for value in ["", ";", "(((((((((((((((((((((((((((", "from", "by ) ) x;", "from (a;b) c"] {
            let message = format!("Received: {value}\r\n\r\n");
            assert_eq!(path(message.as_bytes()).len(), 1, "{value}");
        }
        assert!(path(b"").is_empty());
    }
}
