//! What an injecting agent wants of an article before it takes it.
//!
//! RFC 5537 section 3.5, items 2 and 3, RFC 5536 sections 2.2 and 3, RFC 3977 section 3.6. What it
//! adds is not decided here.

use crate::base::date::Zoned;
use crate::message::address;
use crate::message::headers::{self, Field};
use crate::nntp::syntax::is_message_id;

/// Octets of a header line without its CRLF (RFC 5322 section 2.1.1).
const LINE_OCTETS: usize = 998;

/// How far ahead of us a date may be, in seconds.
const AHEAD_SECONDS: i64 = 86_400;

/// Fields that an article has once at most.
const SINGLE: [&str; 20] = [
    "Approved",
    "Archive",
    "Control",
    "Date",
    "Distribution",
    "Expires",
    "Followup-To",
    "From",
    "Injection-Date",
    "Keywords",
    "Message-ID",
    "Newsgroups",
    "Organization",
    "Path",
    "References",
    "Sender",
    "Subject",
    "Summary",
    "Supersedes",
    "User-Agent",
];

/// Looks at a proto-article of a client; `now` is the time.
///
/// # Errors
/// Why it cannot be injected, for a 441.
pub(super) fn check(article: &[u8], now: Zoned) -> Result<(), String> {
    if memchr::memchr(0, article).is_some() {
        return Err("the article holds NUL".into());
    }
    if headers::body_offset(article).is_none() {
        return Err("no empty line ends the header".into());
    }
    lines(&article[..headers::fields_end(article)])?;
    let all = |name: &str| -> Vec<Field<'_>> {
        headers::fields(article).filter(|field| field.is(name)).collect()
    };
    if let Some(twice) = SINGLE.iter().find(|name| all(name).len() > 1) {
        return Err(format!("the article has more than one {twice}"));
    }
    if let Some(name) = ["Injection-Info", "Xref"].iter().find(|name| !all(name).is_empty()) {
        return Err(format!("{name} is not for a client to write"));
    }
    let text = |name: &str| {
        let found = all(name);
        let field = found.first()?;
        Some(String::from_utf8_lossy(&field.unfolded()).trim().to_owned())
    };
    for name in ["From", "Subject"] {
        if text(name).is_none() {
            return Err(format!("the article has no {name}"));
        }
    }
    let from = text("From").unwrap_or_default();
    if !has_mailbox(&from) {
        return Err("From names no mailbox".into());
    }
    if text("Message-ID").is_some_and(|id| !is_message_id(id.as_bytes()) || !id.contains('@')) {
        return Err("Message-ID is no message-id".into());
    }
    if text("Path").is_some_and(|path| path.split('!').any(|it| it.trim().starts_with(".POSTED"))) {
        return Err("the article was injected before".into());
    }
    for name in ["Date", "Injection-Date"] {
        let Some(value) = text(name) else { continue };
        let date = Zoned::parse_message(value.as_bytes());
        let seconds = date.map_err(|_| format!("{name} is no date"))?.seconds;
        if seconds > now.seconds + AHEAD_SECONDS {
            return Err(format!("{name} is in the future"));
        }
    }
    let is_list = |value: String| value.split(',').all(|name| !name.trim().is_empty());
    if text("Followup-To").is_some_and(|value| !is_list(value)) {
        return Err("Followup-To names nothing".into());
    }
    Ok(())
}

/// Each line of a header: a name, a colon, a space and something, or more of the field before it.
fn lines(header: &[u8]) -> Result<(), String> {
    let mut is_in_field = false;
    for line in header.split(|octet| *octet == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        if line.len() > LINE_OCTETS {
            return Err("a line of the header is too long".into());
        }
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            if !is_in_field || line.trim_ascii().is_empty() {
                return Err("a folded line of the header folds nothing".into());
            }
            continue;
        }
        let colon = memchr::memchr(b':', line).ok_or("a line of the header has no colon")?;
        let name = std::str::from_utf8(&line[..colon]).unwrap_or_default();
        if !headers::is_name(name) {
            return Err("a header field has no name".into());
        }
        if !line[colon + 1..].starts_with(b" ") {
            return Err(format!("{name} has no space behind its colon"));
        }
        is_in_field = true;
    }
    let is_empty = |field: &Field<'_>| field.unfolded().trim_ascii().is_empty();
    match headers::fields(header).find(is_empty) {
        Some(_) => Err("a header field is empty".into()),
        None => Ok(()),
    }
}

fn has_mailbox(from: &str) -> bool {
    address::parse(from.as_bytes()).iter().any(|element| match element {
        address::Element::Mailbox(mailbox) => {
            mailbox.domain.as_ref().is_some_and(|it| !it.is_empty())
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Zoned = Zoned { seconds: 1_774_000_000, offset_seconds: 0 };

    fn checked(header: &str) -> Result<(), String> {
        check(format!("{header}\r\n\r\nbody\r\n").as_bytes(), NOW)
    }

    #[test]
    fn what_a_client_may_post() {
        let good = "From: Ann <ann@a.test>\r\nSubject: s\r\nNewsgroups: local.test";
        assert_eq!(checked(good), Ok(()));
        let more = format!(
            "{good}\r\nDate: Fri, 20 Mar 2026 09:46:40 +0000\r\nMessage-ID: <1@a.test>\r\n\
             Path: x!not-for-mail\r\nReferences: <0@a.test>\r\n\t<2@a.test>\r\nFollowup-To: poster"
        );
        assert_eq!(checked(&more), Ok(()));
    }

    #[test]
    fn what_no_client_may_post() {
        let good = "From: Ann <ann@a.test>\r\nSubject: s\r\nNewsgroups: local.test\r\n";
        for bad in [
            "Injection-Info: x",
            "Xref: x local.test:1",
            "Path: a!.POSTED!b",
            "Date: yesterday",
            "Date: Sun, 20 Mar 2033 09:46:40 +0000",
            "Subject: again",
            "Message-ID: <1@a.test> junk",
            "Message-ID: <1>",
            "X-Foo:bar",
            "garbage line",
            "X-A: b\r\n \r\nX-B: c",
            "Organization: ",
            "Followup-To: ,",
            &format!("X-Long: {}", "x".repeat(1000)),
        ] {
            assert!(checked(&format!("{good}{bad}")).is_err(), "{bad}");
        }
        assert!(checked("From: nobody\r\nSubject: s").is_err());
        assert!(checked("Subject: s").is_err());
        assert!(check(b"From: a@b\r\nSubject: s\r\n", NOW).is_err());
        assert!(check(b"From: a@b\r\nSubject: s\r\n\r\n\0\r\n", NOW).is_err());
    }
}
