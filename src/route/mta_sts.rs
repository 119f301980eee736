//! MTA-STS: a domain's own word on how its exchangers speak TLS.
//!
//! RFC 8461 sections 3 (record, policy, fetching), 4.1 (patterns) and 5.1 (applying, caching).
//! Policies are fetched over HTTPS with a verified certificate, and kept one file a domain, for
//! as long as they say. A domain without a record or with a policy that cannot be had keeps the
//! one that is still valid here. No reports (RFC 8460) are sent.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use crate::net::dns::{Answer, Resolver};
use crate::net::http::{Request, Url};
use crate::net::{Options, tls};

/// Largest policy that is taken, in octets; RFC 8461 section 3.3 suggests 64 KiB.
const POLICY_OCTETS: usize = 64 * 1024;

/// Longest life of a policy, in seconds: RFC 8461 section 3.2.
const MAX_AGE: u64 = 31_557_600;

/// A policy with the same id is fetched again after that many seconds, so that it never comes
/// to its end while its domain still has it (RFC 8461 section 10.2).
const REFRESH_AFTER: i64 = 24 * 60 * 60;

/// So many seconds a policy that could not be had is not asked for again, unless its id changes
/// (RFC 8461 section 3.3).
const RETRY_AFTER: i64 = 5 * 60;

/// What a policy wants where it is not met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The message must not be delivered.
    Enforce,
    /// The message is delivered all the same.
    Testing,
    /// There is no policy any more.
    None,
}

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// What it wants.
    pub mode: Mode,
    /// Seconds for which it may be kept.
    pub max_age: u64,
    /// Its `mx` patterns in lower case: a name, or `*.` and a name.
    pub patterns: Vec<String>,
}

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// In words: a field that is missing or malformed.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|_| "it is no UTF-8".to_owned())?;
        let (mut version, mut mode, mut max_age) = (None, None, None);
        let mut patterns = Vec::new();
        for line in text.split('\n').map(str::trim).filter(|line| !line.is_empty()) {
            let (key, value) =
                line.split_once(':').ok_or_else(|| format!("no colon in the line {line:?}"))?;
            let value = value.trim();
            // RFC 8461 section 3.2: of a field that comes twice the first counts, but for mx.
            match key {
                "version" => version = version.or(Some(value)),
                "mode" => mode = mode.or(Some(value)),
                "max_age" => max_age = max_age.or(Some(value)),
                "mx" => patterns.push(value.trim_end_matches('.').to_ascii_lowercase()),
                _ => {}
            }
        }
        match version {
            Some("STSv1") => {}
            Some(other) => return Err(format!("its version is {other:?}")),
            None => return Err("it has no version".into()),
        }
        let mode = match mode {
            Some("enforce") => Mode::Enforce,
            Some("testing") => Mode::Testing,
            Some("none") => Mode::None,
            Some(other) => return Err(format!("its mode is {other:?}")),
            None => return Err("it has no mode".into()),
        };
        let is_number = |text: &&str| {
            (1..=10).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit())
        };
        let max_age = max_age
            .filter(is_number)
            .and_then(|text| text.parse::<u64>().ok())
            .ok_or("it has no max_age")?
            .min(MAX_AGE);
        if patterns.is_empty() && mode != Mode::None {
            return Err("it has no mx".into());
        }
        if let Some(wrong) = patterns.iter().find(|pattern| !is_pattern(pattern)) {
            return Err(format!("its mx {wrong:?} is no pattern"));
        }
        Ok(Self { mode, max_age, patterns })
    }

    /// Whether an exchanger (A-labels) is one of the domain's (RFC 8461 section 4.1): `*` stands
    /// for one label.
    pub fn lists(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.patterns.iter().any(|pattern| match pattern.strip_prefix("*.") {
            Some(suffix) => host.split_once('.').is_some_and(|(_, rest)| rest == suffix),
            None => *pattern == host,
        })
    }
}

fn is_pattern(pattern: &str) -> bool {
    let name = pattern.strip_prefix("*.").unwrap_or(pattern);
    let is_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it))
    };
    name.split('.').all(is_label)
}

/// The id of the one MTA-STS record among TXT records (RFC 8461 section 3.1); `None` for none
/// or several.
fn record_id(records: &[Vec<u8>]) -> Option<String> {
    let mut ids = records.iter().filter_map(|record| {
        // Others are discarded, and only those; blanks may stand before the semicolon.
        let rest = record.strip_prefix(b"v=STSv1")?.trim_ascii_start().strip_prefix(b";")?;
        Some(std::str::from_utf8(rest).ok().and_then(|fields| {
            fields
                .split(';')
                .find_map(|field| field.trim().strip_prefix("id="))
                .filter(|id| (1..=32).contains(&id.len()))
                .filter(|id| id.bytes().all(|octet| octet.is_ascii_alphanumeric()))
                .map(str::to_owned)
        }))
    });
    match (ids.next(), ids.next()) {
        (Some(id), None) => id,
        _ => None,
    }
}

/// What is known of a domain's policy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// The policy in force.
    pub policy: Option<Policy>,
    /// What was wrong, for people.
    pub note: Option<String>,
}

/// Policies, kept in a folder.
#[derive(Debug, Clone)]
pub struct Policies {
    folder: PathBuf,
}

/// A policy as it is kept: a line with its id and when it came, then the policy itself.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    id: String,
    fetched: i64,
    text: Vec<u8>,
    policy: Policy,
}

impl Kept {
    fn parse(octets: &[u8]) -> Option<Self> {
        let end = memchr::memchr(b'\n', octets)?;
        let (line, text) = (std::str::from_utf8(&octets[..end]).ok()?, &octets[end + 1..]);
        let (id, fetched) = line.split_once(' ')?;
        Some(Self {
            id: id.to_owned(),
            fetched: fetched.parse().ok()?,
            text: text.to_vec(),
            policy: Policy::parse(text).ok()?,
        })
    }

    fn is_valid(&self, now: i64) -> bool {
        let age = u64::try_from(now.saturating_sub(self.fetched)).unwrap_or(0);
        age <= self.policy.max_age
    }
}

impl Policies {
    /// Policies that are kept in this folder, which is made when there is something to keep.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Finds the policy of a domain (A-labels): asks DNS whether it changed, and fetches it then.
    pub async fn find(
        &self,
        domain: &str,
        resolver: &Resolver,
        trust: &tls::Settings,
        options: &Options,
        now: i64,
    ) -> Found {
        let kept = self.read(domain).filter(|kept| kept.is_valid(now));
        let id = match resolver.txt(&format!("_mta-sts.{domain}")).await {
            Answer::Found(records) => record_id(&records),
            Answer::NoName | Answer::NoRecord | Answer::Unknown(_) => None,
        };
        let Some(id) = id else {
            // RFC 8461 section 5.1: a valid policy holds, whatever DNS says or does not say.
            return Found { policy: kept.map(|kept| kept.policy), note: None };
        };
        let is_fresh =
            |kept: &Kept| kept.id == id && now.saturating_sub(kept.fetched) < REFRESH_AFTER;
        if let Some(kept) = kept.as_ref().filter(|kept| is_fresh(kept)) {
            return Found { policy: Some(kept.policy.clone()), note: None };
        }
        let what = if kept.is_some() { "; the one from before holds" } else { "" };
        if self.failed_lately(domain, &id, now) {
            let note = format!("the MTA-STS policy of {domain} could not be had just now{what}");
            return Found { policy: kept.map(|kept| kept.policy), note: Some(note) };
        }
        match fetch(domain, trust, options).await {
            Ok((text, policy)) => {
                let fetched = Kept { id, fetched: now, text, policy };
                let note = self
                    .keep(domain, &fetched)
                    .err()
                    .map(|error| format!("the MTA-STS policy of {domain} cannot be kept: {error}"));
                Found { policy: Some(fetched.policy), note }
            }
            Err(why) => {
                // Where this cannot be kept, the next run asks again: no harm but the asking. One
                // that was only ended early says nothing of the policy.
                if options.stop.cause().is_none() {
                    let _ = self.keep_failure(domain, &id, now);
                }
                let note = format!("the MTA-STS policy of {domain} cannot be had: {why}{what}");
                Found { policy: kept.map(|kept| kept.policy), note: Some(note) }
            }
        }
    }

    /// Where failures are kept: no domain begins with a dot.
    fn failures(&self) -> PathBuf {
        self.folder.join(".failed")
    }

    fn failed_lately(&self, domain: &str, id: &str, now: i64) -> bool {
        let Ok(text) = fs::read_to_string(self.failures().join(domain)) else { return false };
        let Some((failed, when)) = text.trim().split_once(' ') else { return false };
        let age = when.parse().map_or(i64::MAX, |when: i64| now.saturating_sub(when));
        failed == id && (0..RETRY_AFTER).contains(&age)
    }

    fn keep_failure(&self, domain: &str, id: &str, now: i64) -> std::io::Result<()> {
        use std::os::unix::fs::DirBuilderExt as _;
        let folder = self.failures();
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        fs::write(folder.join(domain), format!("{id} {now}\n"))
    }

    fn read(&self, domain: &str) -> Option<Kept> {
        Kept::parse(&fs::read(self.folder.join(domain)).ok()?)
    }

    /// Writes beside and renames: a reader sees the old one or the new one. Losing the newest
    /// at a crash costs a fetch, so nothing is flushed.
    fn keep(&self, domain: &str, kept: &Kept) -> std::io::Result<()> {
        use std::os::unix::fs::DirBuilderExt as _;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let beside = self.folder.join(format!(".{domain}.{}", std::process::id()));
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(format!("{} {}\n", kept.id, kept.fetched).as_bytes())?;
        file.write_all(&kept.text)?;
        drop(file);
        fs::rename(&beside, self.folder.join(domain))
    }
}

/// Fetches a policy, RFC 8461 section 3.3: HTTPS with a verified certificate, no redirects.
async fn fetch(
    domain: &str,
    trust: &tls::Settings,
    options: &Options,
) -> Result<(Vec<u8>, Policy), String> {
    let words = |error: crate::net::http::Error| error.to_string();
    let url =
        Url::https(&format!("mta-sts.{domain}"), "/.well-known/mta-sts.txt").map_err(words)?;
    let request = Request::get(url).at_most(POLICY_OCTETS).within(Duration::from_secs(60));
    let response = request.send(trust, options).await.map_err(words)?;
    if response.status != 200 {
        return Err(format!("the server answered {}", response.status));
    }
    if response.media_type() != "text/plain" {
        return Err(format!("its media type is {:?}", response.media_type()));
    }
    let policy = Policy::parse(&response.body)?;
    Ok((response.body, policy))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &[u8] = b"version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\n\
        mx: *.example.net\r\nmx: backupmx.example.com\r\nmax_age: 604800\r\n";

    #[test]
    fn the_rfc_s_example_is_read() {
        let policy = Policy::parse(EXAMPLE).expect("it is one");
        assert_eq!((policy.mode, policy.max_age), (Mode::Enforce, 604_800));
        assert_eq!(policy.patterns, ["mail.example.com", "*.example.net", "backupmx.example.com"]);
        for (host, listed) in [
            ("mail.example.com", true),
            ("MAIL.example.com.", true),
            ("mx1.example.net", true),
            ("example.net", false),
            ("a.b.example.net", false),
            ("mail.example.com.evil.test", false),
            ("other.example.com", false),
        ] {
            assert_eq!(policy.lists(host), listed, "{host}");
        }
    }

    #[test]
    fn policies_good_and_bad() {
        let parse = |text: &str| Policy::parse(text.as_bytes());
        let good = parse("version:STSv1\nmode:  testing\nmax_age: 99999999999\n").is_err()
            && parse("version:STSv1\nmode:none\nmax_age:0").is_ok()
            && parse("version: STSv1\nmode: testing\nmx: a.test\nmax_age: 9999999999\nx: y\n")
                .is_ok_and(|policy| policy.max_age == MAX_AGE && policy.mode == Mode::Testing)
            && parse("version: STSv1\nmode: enforce\nmode: none\nmx: a\nmax_age: 1")
                .is_ok_and(|policy| policy.mode == Mode::Enforce);
        assert!(good);
        for wrong in [
            "",
            "<html>",
            "version: STSv2\nmode: none\nmax_age: 1",
            "mode: none\nmax_age: 1",
            "version: STSv1\nmode: strict\nmx: a\nmax_age: 1",
            "version: STSv1\nmode: enforce\nmax_age: 1",
            "version: STSv1\nmode: enforce\nmx: a\nmax_age: -1",
            "version: STSv1\nmode: enforce\nmx: a\n",
            "version: STSv1\nmode: enforce\nmx: *.*.a\nmax_age: 1",
            "version: STSv1\nmode: enforce\nmx: a b\nmax_age: 1",
            "version: STSv1\nmode: enforce\nno colon\nmx: a\nmax_age: 1",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(Policy::parse(b"version: STSv1\nmode: none\nmax_age: 1\nx: \xff").is_err());
    }

    #[test]
    fn one_record_has_an_id_and_two_have_none() {
        let id = |records: &[&str]| {
            record_id(&records.iter().map(|it| it.as_bytes().to_vec()).collect::<Vec<_>>())
        };
        assert_eq!(id(&["v=STSv1; id=20160831085700Z;"]).as_deref(), Some("20160831085700Z"));
        assert_eq!(id(&["v=spf1 -all", "v=STSv1;id=a"]).as_deref(), Some("a"));
        assert_eq!(id(&["v=STSv1; id=a", "v=STSv1; id=b"]), None);
        assert_eq!(id(&["v=STSv1;"]), None);
        assert_eq!(id(&["v=STSv1; id=a b"]), None);
        assert_eq!(id(&["v=STSv2; id=a"]), None);
        // What only looks like one is discarded, and what is wrong in one counts.
        assert_eq!(id(&[" v=STSv1; id=a"]), None);
        assert_eq!(id(&["v=STSv10; id=b", "v=STSv1 ; id=a"]).as_deref(), Some("a"));
        let broken = [b"v=STSv1; x=\xff".to_vec(), b"v=STSv1; id=a".to_vec()];
        assert_eq!(record_id(&broken), None);
        assert_eq!(id(&[]), None);
    }

    #[test]
    fn what_is_kept_is_read_again_and_ends() {
        let folder = std::env::temp_dir().join(format!("pillarbox-sts-{}", std::process::id()));
        let policies = Policies::new(folder.clone());
        let policy = Policy::parse(EXAMPLE).expect("it is one");
        let kept = Kept { id: "a1".into(), fetched: 1000, text: EXAMPLE.to_vec(), policy };
        policies.keep("example.com", &kept).expect("written");
        assert_eq!(policies.read("example.com"), Some(kept.clone()));
        assert_eq!(policies.read("example.net"), None);
        assert!(kept.is_valid(1000 + 604_800));
        assert!(!kept.is_valid(1001 + 604_800));
        // What could not be had is not asked for again at once, unless it is another policy.
        assert!(!policies.failed_lately("example.com", "a1", 1000));
        policies.keep_failure("example.com", "a1", 1000).expect("written");
        let lately = |id, now| policies.failed_lately("example.com", id, now);
        assert!(lately("a1", 1000) && lately("a1", 1299));
        assert!(!lately("a1", 1300) && !lately("a2", 1001) && !lately("a1", 999));
        assert!(!policies.failed_lately("example.net", "a1", 1000));
        fs::remove_dir_all(folder).expect("an own folder");
    }
}
