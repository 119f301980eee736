//! What the server says it can do (RFC 9051 section 6.1.1).

use std::borrow::Cow;

use super::Settings;
use crate::sasl::{Channel, Mechanism};

/// What a client needs before it has logged in.
const ALWAYS: [&str; 6] = ["IMAP4rev1", "IMAP4rev2", "SASL-IR", "ENABLE", "ID", "IDLE"];

/// Octets of a literal that LITERAL- lets a client send without asking (RFC 7888 section 5).
pub const LITERAL_MINUS_OCTETS: u64 = 4096;

/// Extensions that need a mailbox, told once the client has logged in.
const LOGGED_IN: [&str; 49] = [
    "NAMESPACE",
    "CHILDREN",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "SPECIAL-USE",
    "CREATE-SPECIAL-USE",
    "UIDPLUS",
    "MOVE",
    "UNSELECT",
    "ESEARCH",
    "SEARCHRES",
    "ESORT",
    "PARTIAL",
    "CONDSTORE",
    "QRESYNC",
    "BINARY",
    "STATUS=SIZE",
    "WITHIN",
    "SORT",
    "SORT=DISPLAY",
    "THREAD=ORDEREDSUBJECT",
    "THREAD=REFERENCES",
    "OBJECTID",
    "SAVEDATE",
    "MULTIAPPEND",
    "PREVIEW",
    "ACL",
    "RIGHTS=kxte",
    "LIST-MYRIGHTS",
    "QUOTA",
    "QUOTA=RES-STORAGE",
    "QUOTA=RES-MESSAGE",
    "QUOTA=RES-MAILBOX",
    "QUOTASET",
    "METADATA",
    "METADATA-SERVER",
    "LIST-METADATA",
    "NOTIFY",
    "CONTEXT=SEARCH",
    "CONTEXT=SORT",
    "MULTISEARCH",
    "CATENATE",
    "URLAUTH",
    "URL-PARTIAL",
    "REPLACE",
    "UIDONLY",
    "UNAUTHENTICATE",
    "LANGUAGE",
    "I18NLEVEL=1",
];

/// Which SASL mechanisms a connection can carry, in the order of the settings.
/// `certificate`: the client showed one that names a user.
pub fn mechanisms(settings: &Settings, channel: &Channel, certificate: bool) -> Vec<Mechanism> {
    let fits = |mechanism: &Mechanism| {
        let private = channel.encrypted || settings.allow_cleartext;
        (private || !mechanism.is_cleartext())
            && (!channel.bindings.is_empty() || !mechanism.is_channel_bound())
            && (certificate || *mechanism != Mechanism::External)
    };
    settings.mechanisms.iter().copied().filter(fits).collect()
}

/// The capabilities of a connection. `tls` says whether STARTTLS can be done now, and
/// `compressed` whether COMPRESS was; `offered` are the mechanisms, `None` once the client
/// has logged in.
pub fn list(
    settings: &Settings,
    channel: &Channel,
    tls: bool,
    compressed: bool,
    offered: Option<&[Mechanism]>,
) -> Vec<Cow<'static, [u8]>> {
    let mut names: Vec<Cow<'static, str>> = ALWAYS.into_iter().map(Cow::Borrowed).collect();
    // RFC 7888 section 5: one of the two.
    names.insert(2, if settings.hides("LITERAL+") { "LITERAL-" } else { "LITERAL+" }.into());
    match offered {
        Some(mechanisms) => {
            if tls {
                names.push("STARTTLS".into());
            }
            if !channel.encrypted && !settings.allow_cleartext {
                names.push("LOGINDISABLED".into());
            }
            for mechanism in mechanisms {
                names.push(format!("AUTH={mechanism}").into());
            }
        }
        None => {
            names.extend(LOGGED_IN.into_iter().map(Cow::Borrowed));
            names.push("UTF8=ACCEPT".into());
            if settings.gmail {
                names.push("X-GM-EXT-1".into());
            }
            if !compressed {
                names.push("COMPRESS=DEFLATE".into());
            }
            names.push(format!("APPENDLIMIT={}", settings.append_limit).into());
        }
    }
    let shown = |name: &Cow<'static, str>| !settings.hides(name);
    names
        .into_iter()
        .filter(shown)
        .map(|name| match name {
            Cow::Borrowed(name) => Cow::Borrowed(name.as_bytes()),
            Cow::Owned(name) => Cow::Owned(name.into_bytes()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(encrypted: bool) -> Channel {
        Channel { encrypted, bindings: Vec::new(), host: String::new(), port: 0, service: "imap" }
    }

    fn told(settings: &Settings, encrypted: bool, offered: Option<&[Mechanism]>) -> Vec<String> {
        list(settings, &channel(encrypted), !encrypted, false, offered)
            .iter()
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .collect()
    }

    #[test]
    fn no_password_in_the_clear() {
        let settings = Settings::default();
        let offered = mechanisms(&settings, &channel(false), false);
        assert!(!offered.iter().any(|mechanism| mechanism.is_cleartext()));
        assert!(offered.contains(&Mechanism::ScramSha256));
        assert!(!offered.contains(&Mechanism::ScramSha256Plus));
        let names = told(&settings, false, Some(&offered));
        for name in ["STARTTLS", "LOGINDISABLED", "AUTH=SCRAM-SHA-256"] {
            assert!(names.iter().any(|told| told == name), "{name}");
        }
        let offered = mechanisms(&settings, &channel(true), false);
        let names = told(&settings, true, Some(&offered));
        assert!(names.iter().any(|told| told == "AUTH=PLAIN"));
        assert!(!names.iter().any(|told| told == "LOGINDISABLED" || told == "STARTTLS"));
    }

    #[test]
    fn hidden_ones_are_not_told() {
        let hidden = vec!["condstore".to_owned(), "THREAD".to_owned(), "SORT=DISPLAY".to_owned()];
        let settings = Settings { hidden, ..Settings::default() };
        let names = told(&settings, true, None);
        assert!(!names.iter().any(|name| name == "CONDSTORE" || name.starts_with("THREAD=")));
        assert!(names.iter().any(|name| name == "QRESYNC"));
        assert!(names.iter().any(|name| name == "SORT"));
        assert!(!names.iter().any(|name| name == "SORT=DISPLAY"));
    }
}
