//! Records of tags: DMARC (RFC 7489 section 6.3), MTA-STS (RFC 8461 section 3.1) and TLS-RPT
//! (RFC 8460 section 3). Errors are in words, and name the tag.

/// A DMARC record, as far as it is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dmarc {
    /// `p`
    pub policy: Policy,
    /// `rua`, in its order; empty: no reports.
    pub reports: Vec<String>,
    /// `sp`, for names below; `None`: the same as `p`.
    pub subdomains: Option<Policy>,
    /// `pct`, of RFC 7489; `None`: all.
    pub percent: Option<u8>,
    /// `psd`: whether this is a public suffix (`y`), or is not (`n`); `None`: it does not say.
    pub is_suffix: Option<bool>,
    /// `t=y`: nothing is to be done yet.
    pub is_test: bool,
    /// `adkim=s`: only a signature of the author's domain itself counts.
    pub is_dkim_strict: bool,
    /// `aspf=s`: only a sender of the author's domain itself counts.
    pub is_spf_strict: bool,
}

/// What is to be done with mail that is not from the domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Policy {
    /// Nothing.
    None,
    /// It is spam.
    Quarantine,
    /// It is refused.
    Reject,
}

/// Reads a DMARC record.
///
/// # Errors
/// In words, what is wrong with which tag.
pub fn dmarc(record: &str) -> Result<Dmarc, String> {
    let tags = tags(record, "DMARC1")?;
    let policy = value(&tags, "p").ok_or("the tag p is missing")?;
    let is_strict = |name| value(&tags, name).is_some_and(|mode| mode.eq_ignore_ascii_case("s"));
    let dmarc = Dmarc {
        policy: policy_of("p", policy)?,
        reports: uris(&tags, "rua", &["mailto:", "https:", "http:"])?,
        subdomains: value(&tags, "sp").map(|text| policy_of("sp", text)).transpose()?,
        percent: value(&tags, "pct").and_then(|text| text.parse().ok()),
        is_suffix: match value(&tags, "psd") {
            Some("y" | "Y") => Some(true),
            Some("n" | "N") => Some(false),
            _ => None,
        },
        is_test: value(&tags, "t").is_some_and(|text| text.eq_ignore_ascii_case("y")),
        is_dkim_strict: is_strict("adkim"),
        is_spf_strict: is_strict("aspf"),
    };
    value(&tags, "np").map(|text| policy_of("np", text)).transpose()?;
    uris(&tags, "ruf", &["mailto:", "https:", "http:"])?;
    for name in ["adkim", "aspf"] {
        match value(&tags, name) {
            None => {}
            Some(mode) if mode.eq_ignore_ascii_case("r") || mode.eq_ignore_ascii_case("s") => {}
            Some(other) => return Err(format!("{name}={other} is neither r nor s")),
        }
    }
    if let Some(percent) = value(&tags, "pct")
        && !percent.parse::<u8>().is_ok_and(|number| number <= 100)
    {
        return Err(format!("pct={percent} is no number from 0 to 100"));
    }
    Ok(dmarc)
}

/// Reads an MTA-STS record, and gives its id.
///
/// # Errors
/// In words, what is wrong with which tag.
pub fn mta_sts(record: &str) -> Result<String, String> {
    let tags = tags(record, "STSv1")?;
    let id = value(&tags, "id").ok_or("the tag id is missing")?;
    if (1..=32).contains(&id.len()) && id.bytes().all(|octet| octet.is_ascii_alphanumeric()) {
        Ok(id.to_owned())
    } else {
        Err(format!("id={id} is not 1 to 32 letters and digits"))
    }
}

/// Reads a TLS-RPT record, and gives where reports go.
///
/// # Errors
/// In words, what is wrong with which tag.
pub fn tls_rpt(record: &str) -> Result<Vec<String>, String> {
    let tags = tags(record, "TLSRPTv1")?;
    let reports = uris(&tags, "rua", &["mailto:", "https:"])?;
    if reports.is_empty() { Err("the tag rua is missing".into()) } else { Ok(reports) }
}

pub(super) type Tag<'a> = (&'a str, &'a str);

/// The values of the tags of a record that has no version, or one that stands anywhere.
///
/// # Errors
/// In words, what is no tag.
pub(super) fn loose(record: &str) -> Result<Vec<Tag<'_>>, String> {
    split(record)
}

/// Splits a record into tags, of which the first is its version.
fn tags<'a>(record: &'a str, version: &str) -> Result<Vec<Tag<'a>>, String> {
    let tags = split(record)?;
    match tags.first() {
        Some((name, value)) if name.eq_ignore_ascii_case("v") && *value == version => Ok(tags),
        _ => Err(format!("it does not begin with v={version}")),
    }
}

fn split(record: &str) -> Result<Vec<Tag<'_>>, String> {
    let mut tags: Vec<Tag<'_>> = Vec::new();
    for part in record.split(';').map(str::trim) {
        if part.is_empty() {
            continue;
        }
        let (name, value) =
            part.split_once('=').ok_or_else(|| format!("{part:?} is no tag: it has no ="))?;
        let (name, value) = (name.trim_end(), value.trim_start());
        if name.is_empty()
            || !name.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'_')
        {
            return Err(format!("{name:?} is no name of a tag"));
        }
        if tags.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
            return Err(format!("the tag {name} stands twice"));
        }
        tags.push((name, value));
    }
    Ok(tags)
}

pub(super) fn value<'a>(tags: &[Tag<'a>], wanted: &str) -> Option<&'a str> {
    tags.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| *value)
}

fn policy_of(name: &str, text: &str) -> Result<Policy, String> {
    match text.to_ascii_lowercase().as_str() {
        "none" => Ok(Policy::None),
        "quarantine" => Ok(Policy::Quarantine),
        "reject" => Ok(Policy::Reject),
        _ => Err(format!("{name}={text} is neither none, quarantine nor reject")),
    }
}

/// The URIs of a tag; none where it is missing.
fn uris(tags: &[Tag<'_>], name: &str, schemes: &[&str]) -> Result<Vec<String>, String> {
    let Some(list) = value(tags, name) else { return Ok(Vec::new()) };
    list.split(',')
        .map(str::trim)
        .map(|uri| {
            let fits = schemes.iter().any(|scheme| {
                uri.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
                    && uri.len() > scheme.len()
            });
            if fits {
                Ok(uri.to_owned())
            } else {
                Err(format!("{name}: {uri:?} is no {}", schemes.join(" or ")))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dmarc_records_are_read_or_the_tag_is_named() {
        let read = dmarc("v=DMARC1; p=quarantine; rua=mailto:a@example.org!10m, mailto:b@example.org ; pct=50; adkim=s;")
            .expect("reads");
        assert_eq!(read.policy, Policy::Quarantine);
        assert_eq!(read.reports, ["mailto:a@example.org!10m", "mailto:b@example.org"]);
        assert_eq!(dmarc("v=DMARC1;p=REJECT").expect("reads").policy, Policy::Reject);
        assert_eq!(dmarc("v = DMARC1 ; p = none").expect("reads").policy, Policy::None);
        for (record, says) in [
            ("v=DMARC1", "p is missing"),
            ("p=none; v=DMARC1", "begin with v=DMARC1"),
            ("v=dmarc1; p=none", "begin with v=DMARC1"),
            ("v=DMARC1; p=nothing", "p=nothing"),
            ("v=DMARC1; p=none; p=reject", "p stands twice"),
            ("v=DMARC1; p=none; sp=x", "sp=x"),
            ("v=DMARC1; p=none; rua=dmarc@example.org", "rua"),
            ("v=DMARC1; p=none; pct=101", "pct=101"),
            ("v=DMARC1; p=none; aspf=x", "aspf=x"),
            ("v=DMARC1; p=none; none", "no ="),
            ("v=DMARC1; p=none; =x", "name of a tag"),
            ("", "begin with"),
        ] {
            let error = dmarc(record).expect_err(record);
            assert!(error.contains(says), "{record}: {error}");
        }
    }

    #[test]
    fn sts_and_rpt_records_are_read_or_the_tag_is_named() {
        assert_eq!(mta_sts("v=STSv1; id=20160831085700Z;").as_deref(), Ok("20160831085700Z"));
        assert!(mta_sts("v=STSv1").expect_err("no id").contains("id is missing"));
        assert!(mta_sts("v=STSv1; id=a-b").is_err());
        assert!(mta_sts("v=STSv1; id=").is_err());
        assert!(mta_sts(&format!("v=STSv1; id={}", "1".repeat(33))).is_err());
        let read = tls_rpt("v=TLSRPTv1; rua=mailto:a@example.com,https://example.com/v1");
        assert_eq!(read.expect("reads").len(), 2);
        assert!(tls_rpt("v=TLSRPTv1;").is_err());
        assert!(tls_rpt("v=TLSRPTv1; rua=a@example.com").is_err());
    }
}
