//! Every finding that `probe` can have, in one table: what should hold, why, where it is
//! written, and what to do in Postfix, Exim, Dovecot or DNS.
//!
//! An id is for ever. Names of hosts in the texts are examples (RFC 2606).

use super::findings::{Entry, Severity};

mod depth;
mod domain;
mod parts;
mod records;
mod server;

pub use depth::*;
pub use domain::*;
pub use parts::*;
pub use records::*;
pub use server::*;

/// What an entry has not.
const BLANK: Entry = Entry {
    id: "",
    severity: Severity::Info,
    title: "",
    why: "",
    rfc: "",
    postfix: "",
    exim: "",
    dovecot: "",
    dns: "",
    other: "",
};

/// All of them, in the order in which reports name them.
pub static ALL: &[&Entry] = &[
    &NET_REACHABLE,
    &NET_FAMILIES,
    &NET_REVERSE,
    &NET_CONFIRMED,
    &NET_GREETED,
    &TLS_STARTTLS,
    &TLS_HANDSHAKE,
    &TLS_TRUSTED,
    &TLS_NAME,
    &TLS_TIME,
    &TLS_EXPIRY,
    &TLS_NO_SSL,
    &TLS_NO_OLD,
    &TLS_13,
    &TLS_BROKEN_SUITES,
    &TLS_ANONYMOUS,
    &TLS_SMALL_BLOCKS,
    &TLS_POST_QUANTUM,
    &TLS_KEY_SIZE,
    &TLS_SIGNATURE,
    &TLS_REQUIRED,
    &TLS_INJECTION,
    &TLS_MASKED,
    &TLS_STAPLE,
    &TLS_STAPLE_GOOD,
    &TLS_NAMELESS,
    &TLS_ALPN,
    &TLS_RESUMPTION,
    &TLS_COMPRESSION,
    &TLS_RENEGOTIATION,
    &TLS_AGAIN,
    &TLS_ORDER,
    &TLS_PRIME,
    &TLS_HEARTBLEED,
    &TLS_EARLY_CHANGE,
    &TLS_ROBOT,
    &TLS_POODLE,
    &TLS_DROWN,
    &TLS_FREAK,
    &TLS_LOGJAM,
    &TLS_BACKENDS,
    &AUTH_BEFORE_TLS,
    &AUTH_OFFERED,
    &AUTH_LOGIN,
    &SMTP_GREETING,
    &SMTP_BANNER,
    &SMTP_EHLO,
    &SMTP_PIPELINING,
    &SMTP_8BITMIME,
    &SMTP_SIZE,
    &SMTP_UTF8,
    &SMTP_REPLIES,
    &SMTP_ENHANCED,
    &SMTP_8BIT_TAKEN,
    &SMTP_UTF8_TAKEN,
    &SMTP_SIZE_KEPT,
    &SMTP_CHUNKING_TAKEN,
    &SMTP_REQUIRETLS,
    &SMTP_EARLY,
    &SMTP_VRFY,
    &SMTP_EXPN,
    &SMTP_RELAY,
    &SMTP_SMUGGLING,
    &IMAP_GREETING,
    &IMAP_REVISION,
    &IMAP_NAMESPACE,
    &IMAP_UIDVALIDITY,
    &IMAP_IDLE,
    &POP_GREETING,
    &POP_CAPA,
    &POP_UIDL,
    &DNS_DOMAIN,
    &DNS_SIGNED,
    &MX_PRESENT,
    &MX_NULL,
    &MX_NULL_ALONE,
    &MX_ALIAS,
    &MX_LITERAL,
    &MX_ADDRESS,
    &SPF_PRESENT,
    &SPF_ONE,
    &SPF_VALID,
    &SPF_ALL,
    &SPF_LOOKUPS,
    &SPF_END,
    &SPF_PTR,
    &SPF_VOIDS,
    &SPF_CROWD,
    &DKIM_PRESENT,
    &DKIM_VALID,
    &DKIM_SIZE,
    &DKIM_REVOKED,
    &DKIM_TESTING,
    &DMARC_PRESENT,
    &DMARC_ONE,
    &DMARC_VALID,
    &DMARC_POLICY,
    &DMARC_REPORTS,
    &DMARC_SUBDOMAINS,
    &DMARC_PART,
    &DMARC_CONSENT,
    &DMARC_ALIGNED,
    &MTA_STS_PRESENT,
    &MTA_STS_VALID,
    &STS_POLICY,
    &STS_COVERS,
    &STS_ENFORCE,
    &TLS_RPT_PRESENT,
    &TLS_RPT_VALID,
    &DANE_PRESENT,
    &DANE_MATCH,
    &CAA_PRESENT,
    &CAA_HOSTS,
    &BIMI_PRESENT,
    &BIMI_VALID,
    &LIST_CLEAR,
    &SRV_PRESENT,
    &SRV_HOSTS,
    &AUTOCONFIG,
    &AUTOCONFIG_VALID,
    &AUTODISCOVER,
    &AUTODISCOVER_VALID,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_whole_and_every_id_is_its_own() {
        let all: Vec<&Entry> = ALL.iter().chain(PARTS).copied().collect();
        for (index, entry) in all.iter().enumerate() {
            let id = entry.id;
            let (area, number) = id.split_once('-').expect("AREA-NUMBER");
            assert!(area.bytes().all(|octet| octet.is_ascii_uppercase()), "{id}");
            assert!(
                number.len() == 3 && number.bytes().all(|octet| octet.is_ascii_digit()),
                "{id}"
            );
            assert!(!all[..index].iter().any(|other| other.id == id), "{id} twice");
            assert!(!all[..index].iter().any(|other| other.title == entry.title), "{id}");
            for text in [entry.title, entry.why, entry.rfc] {
                assert!(!text.is_empty(), "{id}");
                assert_eq!(text.trim(), text, "{id}");
            }
            assert!(entry.rfc.starts_with("RFC "), "{id}");
            assert!(!entry.title.ends_with('.') && entry.why.ends_with('.'), "{id}");
            assert!(entry.fixes().count() > 0, "{id} has no fix");
        }
        assert!(ALL.len() >= 25);
    }

    /// Where a finding of an area can be mended, at least; ids go before areas.
    const PLACES: &[(&str, &[&str])] = &[
        ("NET-003", &["DNS"]),
        ("NET-004", &["DNS"]),
        ("NET", &["Postfix", "Exim", "Dovecot"]),
        ("TLS", &["Postfix", "Exim", "Dovecot"]),
        ("AUTH", &["Postfix", "Exim", "Dovecot"]),
        ("SMTP", &["Postfix", "Exim"]),
        ("IMAP", &["Dovecot"]),
        ("POP", &["Dovecot"]),
        // A policy and a document are files of a web server; a list is somebody else's.
        ("STS-003", &["else"]),
        ("STS-005", &["else"]),
        ("CONF-002", &["else"]),
        ("LIST", &["else"]),
        ("TRACE-004", &["Postfix", "Exim"]),
        ("SIG-001", &["Postfix", "Exim"]),
        ("RES-006", &["DNS"]),
        // What a message, a transcript or a run shows has no line of a configuration.
        ("TRACE", &["else"]),
        ("MSG", &["else"]),
        ("SIG", &["else"]),
        ("RES", &["else"]),
        ("ARC", &["else"]),
        ("TRIP", &["else"]),
        ("LOAD", &["else"]),
        ("SES", &["else"]),
    ];

    #[test]
    fn every_fix_is_there_for_what_it_applies_to() {
        let mut lacking = Vec::new();
        for entry in ALL.iter().chain(PARTS) {
            let area = entry.id.split('-').next().unwrap_or_default();
            let of = |name: &str| PLACES.iter().find(|(known, _)| *known == name);
            let wanted = of(entry.id).or_else(|| of(area)).map_or(&["DNS"][..], |(_, it)| it);
            for place in wanted {
                if !entry.fixes().any(|(known, _)| known == *place) {
                    lacking.push(format!("{}: {place}", entry.id));
                }
            }
        }
        assert!(lacking.is_empty(), "{lacking:#?}");
    }

    /// Tests with real servers, domains and messages; each names findings as `"TLS-004 fail"`.
    const TESTS: [&str; 8] = [
        "probe.rs",
        "probe_parts.rs",
        "probe_findings.rs",
        "probe_findings/domains.rs",
        "probe_findings/hidden.rs",
        "probe_findings/mail.rs",
        "probe_findings/messages.rs",
        "probe_findings/tls.rs",
    ];

    /// Names of tests in which a finding is `"ID WORD"`, for one of these words.
    fn where_it_is(source: &str, id: &str, words: &[&str]) -> Vec<String> {
        let mut names = Vec::new();
        let mut test = "";
        for line in source.lines() {
            if let Some(rest) = line.strip_prefix("fn ") {
                test = rest.split('(').next().unwrap_or_default();
            }
            if words.iter().any(|word| line.contains(&format!("\"{id} {word}\""))) {
                names.push(test.to_owned());
            }
        }
        names.dedup();
        names
    }

    #[test]
    fn every_finding_is_produced_and_shown_absent_by_a_test() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        let sources = TESTS.map(|name| {
            std::fs::read_to_string(folder.join(name)).expect("a file of this repository")
        });
        let of = |id: &str, words: &[&str]| -> Vec<String> {
            sources.iter().flat_map(|source| where_it_is(source, id, words)).collect()
        };
        let mut missing = Vec::new();
        for entry in ALL.iter().chain(PARTS) {
            // What cannot be read is not wrong: there is no worse verdict than unknown.
            let bad: &[&str] =
                if entry.id == SES_KNOWN.id { &["unknown"] } else { &["fail", "warn", "not"] };
            let produced = of(entry.id, bad);
            let absent = of(entry.id, &["holds", "pass"]);
            println!("{}: {} | {}", entry.id, produced.join(", "), absent.join(", "));
            for (list, what) in [(produced, "produced"), (absent, "shown absent")] {
                if list.is_empty() {
                    missing.push(format!("{} is not {what}", entry.id));
                }
            }
        }
        assert!(missing.is_empty(), "{missing:#?}");
    }
}
