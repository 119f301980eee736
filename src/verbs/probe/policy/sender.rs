//! Whether SPF allows an address to send for a domain: check_host() of RFC 7208 section 4, with
//! macros (section 7), the limits of lookups (section 4.6.4) and `ptr`, which nobody should use
//! any more. No explanation is fetched.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::spf::{modifier, parse};
use crate::net::dns::{Answer, Resolver};

/// Most terms that ask DNS, RFC 7208 section 4.6.4.
const LOOKUPS_MOST: u32 = 10;

/// Most of these that have no answer.
const VOIDS_MOST: u32 = 2;

/// Most hosts of an `mx`, and most names of a `ptr`.
const HOSTS_MOST: usize = 10;

/// What SPF says (RFC 7208 section 2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// There is no record.
    None,
    /// The record says neither yes nor no.
    Neutral,
    /// The address may send.
    Pass,
    /// It may not.
    Fail,
    /// It may not, says somebody who is not sure.
    SoftFail,
    /// DNS did not answer.
    TempError,
    /// The record cannot be evaluated.
    PermError,
}

impl Outcome {
    /// In the RFC's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Neutral => "neutral",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::SoftFail => "softfail",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }
}

/// Who sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// From this address.
    pub address: IpAddr,
    /// Its name in EHLO, as far as that is known; else empty.
    pub hello: String,
    /// The part of the reverse-path before the `@`.
    pub local: String,
    /// The part behind it.
    pub domain: String,
}

impl Sender {
    /// What the SPF record of the sender's domain says, and the term that decides; empty where
    /// none does. Cancel-safe.
    pub async fn check(&self, resolver: &Resolver) -> (Outcome, String) {
        let mut check = Check { sender: self, resolver, lookups: 0, voids: 0, by: String::new() };
        let outcome = match check.host(self.domain.clone()).await {
            Ok(outcome) | Err(outcome) => outcome,
        };
        (outcome, check.by)
    }
}

struct Check<'a> {
    sender: &'a Sender,
    resolver: &'a Resolver,
    lookups: u32,
    voids: u32,
    by: String,
}

/// An error is one of the two errors, and ends everything.
type Result<T> = std::result::Result<T, Outcome>;

impl Check<'_> {
    async fn host(&mut self, domain: String) -> Result<Outcome> {
        let records: Vec<String> = match self.resolver.txt(&domain).await {
            Answer::Unknown(_) => return Err(Outcome::TempError),
            Answer::NoName | Answer::NoRecord => Vec::new(),
            Answer::Found(texts) => texts
                .iter()
                .map(|text| String::from_utf8_lossy(text).into_owned())
                .filter(|text| text.split(' ').next().is_some_and(is_version))
                .collect(),
        };
        let record = match records.as_slice() {
            [] => return Ok(Outcome::None),
            [record] => record,
            _ => return Err(Outcome::PermError),
        };
        parse(record).map_err(|_| Outcome::PermError)?;
        let mut redirect = None;
        for word in record.split(' ').skip(1).filter(|word| !word.is_empty()) {
            if let Some((name, value)) = modifier(word) {
                if name.eq_ignore_ascii_case("redirect") {
                    redirect = Some(value);
                }
                continue;
            }
            let (outcome, mechanism) = match word.split_at_checked(1) {
                Some(("+", rest)) => (Outcome::Pass, rest),
                Some(("-", rest)) => (Outcome::Fail, rest),
                Some(("~", rest)) => (Outcome::SoftFail, rest),
                Some(("?", rest)) => (Outcome::Neutral, rest),
                _ => (Outcome::Pass, word),
            };
            if self.matches(mechanism, &domain).await? {
                self.by = format!("{word} of {domain}");
                return Ok(outcome);
            }
        }
        let Some(target) = redirect else { return Ok(Outcome::Neutral) };
        self.count()?;
        let target = self.expand(target, &domain);
        match Box::pin(self.host(target)).await? {
            Outcome::None => Err(Outcome::PermError),
            outcome => Ok(outcome),
        }
    }

    async fn matches(&mut self, mechanism: &str, domain: &str) -> Result<bool> {
        let end = mechanism.find([':', '/']).unwrap_or(mechanism.len());
        let (name, arguments) = mechanism.split_at(end);
        let value = arguments.strip_prefix(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "all" => Ok(true),
            "ip4" | "ip6" => Ok(network(value)
                .is_some_and(|(network, bits)| is_within(self.sender.address, network, bits))),
            "a" => {
                let (host, bits) = self.target(arguments, domain);
                self.count()?;
                let found = self.addresses(&host).await?;
                Ok(found.iter().any(|one| self.is_near(*one, bits)))
            }
            "mx" => {
                let (host, bits) = self.target(arguments, domain);
                self.count()?;
                let hosts = match self.resolver.mx(&host).await {
                    Answer::Found(hosts) => hosts,
                    Answer::NoName | Answer::NoRecord => {
                        self.void()?;
                        Vec::new()
                    }
                    Answer::Unknown(_) => return Err(Outcome::TempError),
                };
                if hosts.len() > HOSTS_MOST {
                    return Err(Outcome::PermError);
                }
                for (_, host) in hosts {
                    let found = self.addresses(host.trim_end_matches('.')).await?;
                    if found.iter().any(|one| self.is_near(*one, bits)) {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            "include" => {
                self.count()?;
                let target = self.expand(value, domain);
                match Box::pin(self.host(target)).await? {
                    Outcome::Pass => Ok(true),
                    Outcome::Fail | Outcome::SoftFail | Outcome::Neutral => Ok(false),
                    Outcome::None => Err(Outcome::PermError),
                    error @ (Outcome::TempError | Outcome::PermError) => Err(error),
                }
            }
            "exists" => {
                self.count()?;
                let target = self.expand(value, domain);
                match self.resolver.v4(&target).await {
                    Answer::Found(list) => Ok(!list.is_empty()),
                    Answer::NoName | Answer::NoRecord => self.void().map(|()| false),
                    Answer::Unknown(_) => Err(Outcome::TempError),
                }
            }
            "ptr" => {
                self.count()?;
                let target = match value {
                    "" => domain.to_owned(),
                    value => self.expand(value, domain),
                };
                Ok(self.is_named(&target).await)
            }
            _ => Err(Outcome::PermError),
        }
    }

    /// Whether a name of the address is `target` or below it, and leads back (section 5.5): what
    /// DNS does not answer here is no match.
    async fn is_named(&self, target: &str) -> bool {
        let address = self.sender.address;
        let Answer::Found(names) = self.resolver.reverse(address).await else { return false };
        for name in names.iter().take(HOSTS_MOST) {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            let target = target.to_ascii_lowercase();
            let is_below = name
                .strip_suffix(&target)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
            if is_below
                && let Answer::Found(found) = self.resolver.vouched_addresses(&name).await.answer
                && found.contains(&address)
            {
                return true;
            }
        }
        false
    }

    /// `[":" domain-spec] [dual-cidr-length]`: the name, and the bits that count of each family.
    fn target(&self, arguments: &str, domain: &str) -> (String, (u8, u8)) {
        // A macro may hold a / as a delimiter; the lengths stand behind the last one.
        let from = arguments.rfind('}').unwrap_or(0);
        let at = arguments[from..].find('/').map_or(arguments.len(), |at| from + at);
        let (name, lengths) = arguments.split_at(at);
        let (v4, v6) = lengths.split_once("//").unwrap_or((lengths, ""));
        let bits = |text: &str, most| text.trim_start_matches('/').parse().unwrap_or(most);
        let host = match name.strip_prefix(':') {
            Some(name) => self.expand(name, domain),
            None => domain.to_owned(),
        };
        (host, (bits(v4, 32), bits(v6, 128)))
    }

    fn is_near(&self, other: IpAddr, (v4, v6): (u8, u8)) -> bool {
        is_within(self.sender.address, other, if other.is_ipv4() { v4 } else { v6 })
    }

    async fn addresses(&mut self, host: &str) -> Result<Vec<IpAddr>> {
        match self.resolver.vouched_addresses(host).await.answer {
            Answer::Found(list) => Ok(list),
            Answer::NoName | Answer::NoRecord => self.void().map(|()| Vec::new()),
            Answer::Unknown(_) => Err(Outcome::TempError),
        }
    }

    fn count(&mut self) -> Result<()> {
        self.lookups += 1;
        if self.lookups > LOOKUPS_MOST { Err(Outcome::PermError) } else { Ok(()) }
    }

    fn void(&mut self) -> Result<()> {
        self.voids += 1;
        if self.voids > VOIDS_MOST { Err(Outcome::PermError) } else { Ok(()) }
    }

    fn expand(&self, text: &str, domain: &str) -> String {
        expand(text, self.sender, domain)
    }
}

fn is_version(word: &str) -> bool {
    word.eq_ignore_ascii_case("v=spf1")
}

fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    Some((address, bits.unwrap_or(if address.is_ipv4() { 32 } else { 128 })))
}

/// Whether the first `bits` of two addresses of the same family are the same.
fn is_within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let same = |one: u128, other: u128, width: u32| {
        let rest = width.saturating_sub(u32::from(bits));
        rest >= width || (one >> rest) == (other >> rest)
    };
    let v4 = |address: Ipv4Addr| u128::from(u32::from(address));
    let v6 = |address: Ipv6Addr| u128::from(address);
    match (address, network) {
        (IpAddr::V4(one), IpAddr::V4(other)) => same(v4(one), v4(other), 32),
        (IpAddr::V6(one), IpAddr::V6(other)) => same(v6(one), v6(other), 128),
        _ => false,
    }
}

/// A domain-spec with its macros (RFC 7208 section 7); what no macro is stays as it is.
fn expand(text: &str, sender: &Sender, domain: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(next) = rest.chars().next() else { break };
        match next {
            '%' => out.push('%'),
            '_' => out.push(' '),
            '-' => out.push_str("%20"),
            '{' => {
                let end = rest.find('}').unwrap_or(rest.len());
                out.push_str(&of_macro(&rest[1..end], sender, domain));
                rest = &rest[(end + 1).min(rest.len())..];
                continue;
            }
            _ => {}
        }
        rest = &rest[next.len_utf8()..];
    }
    out.push_str(rest);
    out
}

/// `macro-letter transformers *delimiter`.
fn of_macro(body: &str, sender: &Sender, domain: &str) -> String {
    let mut letters = body.chars();
    let letter = letters.next().unwrap_or_default().to_ascii_lowercase();
    let value = match letter {
        's' => format!("{}@{}", sender.local, sender.domain),
        'l' => sender.local.clone(),
        'o' => sender.domain.clone(),
        'd' => domain.to_owned(),
        'h' => sender.hello.clone(),
        'i' => match sender.address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let digits = format!("{:032x}", u128::from(address));
                digits.chars().map(String::from).collect::<Vec<_>>().join(".")
            }
        },
        'v' => if sender.address.is_ipv4() { "in-addr" } else { "ip6" }.to_owned(),
        // The name of the address is not asked for: it may be unknown to anybody.
        _ => "unknown".to_owned(),
    };
    let rest = letters.as_str();
    let count = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, rest) = rest.split_at(count);
    let (is_reversed, delimiters) = match rest.strip_prefix(['r', 'R']) {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let delimiters = if delimiters.is_empty() { "." } else { delimiters };
    let mut parts: Vec<&str> = value.split(|c: char| delimiters.contains(c)).collect();
    if is_reversed {
        parts.reverse();
    }
    let keep = digits.parse().unwrap_or(parts.len()).clamp(1, parts.len());
    parts[parts.len() - keep..].join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(address: &str) -> Sender {
        Sender {
            address: address.parse().expect("an address"),
            hello: "mx.example.org".into(),
            local: "strong-bad".into(),
            domain: "email.example.com".into(),
        }
    }

    /// RFC 7208 section 7.4.
    #[test]
    fn macros_are_those_of_the_rfc() {
        let v4 = sender("192.0.2.3");
        for (text, want) in [
            ("%{s}", "strong-bad@email.example.com"),
            ("%{o}", "email.example.com"),
            ("%{d}", "email.example.com"),
            ("%{d4}", "email.example.com"),
            ("%{d3}", "email.example.com"),
            ("%{d2}", "example.com"),
            ("%{d1}", "com"),
            ("%{dr}", "com.example.email"),
            ("%{d2r}", "example.email"),
            ("%{l}", "strong-bad"),
            ("%{l-}", "strong.bad"),
            ("%{lr}", "strong-bad"),
            ("%{lr-}", "bad.strong"),
            ("%{l1r-}", "strong"),
            ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
            ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
            ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"),
            ("%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"),
            ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
            ("a%%b%_c%-d", "a%b c%20d"),
            ("%", ""),
            ("%{d", "email.example.com"),
        ] {
            assert_eq!(expand(text, &v4, "email.example.com"), want, "{text}");
        }
        let v6 = sender("2001:db8::cb01");
        assert_eq!(
            expand("%{ir}.%{v}._spf.%{d2}", &v6, "email.example.com"),
            "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com"
        );
    }

    #[test]
    fn networks_have_their_members() {
        let is = |address: &str, text: &str| {
            let (network, bits) = network(text).expect(text);
            is_within(address.parse().expect("an address"), network, bits)
        };
        assert!(is("192.0.2.129", "192.0.2.128/28") && !is("192.0.2.65", "192.0.2.128/28"));
        assert!(is("192.0.2.1", "192.0.2.1") && !is("192.0.2.2", "192.0.2.1"));
        assert!(is("1.2.3.4", "0.0.0.0/0") && !is("::1", "0.0.0.0/0"));
        assert!(is("2001:db8::1", "2001:db8::/32") && !is("2001:db9::1", "2001:db8::/32"));
        assert!(is("::1", "::/0") && network("1.2.3.4/x").is_none());
    }
}
