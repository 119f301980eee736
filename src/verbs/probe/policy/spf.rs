//! SPF records: read, followed through their includes, and counted (RFC 7208).
//!
//! Nothing is evaluated for a sender here (see [`super::sender`]), and nothing is asked: [`Tree::wanted`] names the
//! records that are still to be fetched.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::Serialize;

use crate::verbs::probe::facts::Known;

/// Lookups after which nothing more is counted; receivers stop at 10 (RFC 7208 section 4.6.4).
const COUNTED_LOOKUPS: usize = 100;

/// A mechanism or modifier that is not only passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Term {
    /// `all`
    All(Qualifier),
    /// `include:domain`
    Include(Qualifier, String),
    /// `a`, `mx`, `exists`: one lookup each; the name where it is not the record's own.
    Lookup(Asked, Option<String>),
    /// `ptr`
    Ptr,
    /// `ip4`, `ip6`: whether it is the whole family.
    Network(Qualifier, bool),
    /// `redirect=domain`
    Redirect(String),
    /// `exp=`, and modifiers that nobody knows.
    Other,
}

/// What a mechanism asks DNS for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asked {
    /// Addresses of a name.
    A,
    /// The exchangers of a name, and their addresses.
    Mx,
    /// Any address at all.
    Exists,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Qualifier {
    Pass,
    Fail,
    SoftFail,
    Neutral,
}

impl Qualifier {
    fn sign(self) -> char {
        match self {
            Self::Pass => '+',
            Self::Fail => '-',
            Self::SoftFail => '~',
            Self::Neutral => '?',
        }
    }
}

/// What the records come to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reading {
    /// Lookups that an evaluation can need, all includes counted.
    pub lookups: usize,
    /// What is wrong with the record or with one that it leads to; `None`: all can be read.
    pub fault: Option<String>,
    /// Why not all is known; `None`: it is.
    pub unknown: Option<String>,
    /// What the record says of everybody else: `-all`, `~all`, `?all`, `+all`; `None`: nothing.
    pub all: Option<String>,
    /// The term by which anybody at all may send; `None`: there is none.
    pub open: Option<String>,
    /// Whether `ptr` is used.
    pub ptr: bool,
    /// Domains that the record leads to, in the order in which they are met.
    pub leads_to: Vec<String>,
    /// Names that `a`, `mx` and `exists` ask for, without those that depend on the sender.
    pub asks_for: Vec<(Asked, String)>,
    /// Those of them that have no answer (void lookups, RFC 7208 section 4.6.4); `None`: they
    /// were not, or could not all be, asked for.
    pub voids: Option<Vec<String>>,
    /// Names with more than ten exchangers.
    pub crowds: Vec<String>,
}

/// A record and those that it leads to.
pub struct Tree {
    domain: String,
    records: BTreeMap<String, Known<Vec<String>>>,
}

impl Tree {
    /// The tree of `domain`, whose records are these.
    pub fn new(domain: &str, records: Vec<String>) -> Self {
        let domain = domain.to_ascii_lowercase();
        let records = BTreeMap::from([(domain.clone(), Known::Is(records))]);
        Self { domain, records }
    }

    /// A name whose records are needed to go on; `None`: all is there.
    pub fn wanted(&self) -> Option<String> {
        let mut walk = Walk::new(self);
        walk.visit(&self.domain, None);
        walk.wanted
    }

    /// Adds what was found at a name that was wanted.
    pub fn add(&mut self, name: &str, records: Known<Vec<String>>) {
        self.records.insert(name.to_ascii_lowercase(), records);
    }

    /// What it comes to.
    pub fn read(&self) -> Reading {
        let mut walk = Walk::new(self);
        let all = walk.visit(&self.domain, None);
        if let Some(name) = walk.wanted {
            let why = format!("the record of {name} was not asked for any more");
            walk.reading.unknown.get_or_insert(why);
        }
        walk.reading.all = all.map(|qualifier| format!("{}all", qualifier.sign()));
        walk.reading
    }
}

struct Walk<'a> {
    tree: &'a Tree,
    reading: Reading,
    /// The domains between the first and this one, to find loops.
    above: Vec<String>,
    wanted: Option<String>,
}

impl<'a> Walk<'a> {
    fn new(tree: &'a Tree) -> Self {
        Self { tree, reading: Reading::default(), above: Vec::new(), wanted: None }
    }

    fn fault(&mut self, why: String) {
        self.reading.fault.get_or_insert(why);
    }

    /// Walks through the record of `domain`; what it says of everybody else. `by` is the
    /// term that led here, and `None` at the first record.
    fn visit(&mut self, domain: &str, by: Option<&str>) -> Option<Qualifier> {
        let tree = self.tree;
        let record = match tree.records.get(domain) {
            Some(Known::Is(records)) => match records.as_slice() {
                [record] => record,
                [] => {
                    self.fault(format!(
                        "{} leads to {domain}, which has no SPF record",
                        by.unwrap_or("it")
                    ));
                    return None;
                }
                _ => {
                    self.fault(format!("{domain} has {} SPF records", records.len()));
                    return None;
                }
            },
            Some(Known::Unknown { unknown }) => {
                self.reading.unknown.get_or_insert(format!("{domain}: {unknown}"));
                return None;
            }
            None => {
                self.wanted.get_or_insert(domain.to_owned());
                return None;
            }
        };
        let terms = match parse(record) {
            Ok(terms) => terms,
            Err(why) => {
                self.fault(format!("{domain}: {why}"));
                return None;
            }
        };
        self.above.push(domain.to_owned());
        let all = self.terms(&terms);
        self.above.pop();
        all
    }

    fn terms(&mut self, terms: &[Term]) -> Option<Qualifier> {
        for term in terms {
            if self.reading.lookups > COUNTED_LOOKUPS {
                return None;
            }
            match term {
                // RFC 7208 section 5.1: what stands behind `all` is never tested, and
                // `redirect` does not count beside it.
                Term::All(qualifier) => {
                    if *qualifier == Qualifier::Pass {
                        self.reading.open.get_or_insert("+all".into());
                    }
                    return Some(*qualifier);
                }
                Term::Include(qualifier, domain) => {
                    self.reading.lookups += 1;
                    let open = self.reading.open.take();
                    self.follow(domain, &format!("include:{domain}"));
                    // What an include lets through counts only where the include passes.
                    let inner = self.reading.open.take().filter(|_| *qualifier == Qualifier::Pass);
                    self.reading.open =
                        open.or(inner.map(|term| format!("{term} by include:{domain}")));
                }
                Term::Lookup(asked, name) => {
                    self.reading.lookups += 1;
                    let own = self.above.last().cloned().unwrap_or_default();
                    let name = name.clone().unwrap_or(own);
                    let name = name.trim_end_matches('.').to_ascii_lowercase();
                    if !name.contains('%')
                        && !self.reading.asks_for.contains(&(*asked, name.clone()))
                    {
                        self.reading.asks_for.push((*asked, name));
                    }
                }
                Term::Ptr => {
                    self.reading.lookups += 1;
                    self.reading.ptr = true;
                }
                Term::Network(Qualifier::Pass, true) => {
                    self.reading.open.get_or_insert("a network of all addresses".into());
                }
                Term::Network(..) | Term::Redirect(_) | Term::Other => {}
            }
        }
        let redirect = terms.iter().find_map(|term| match term {
            Term::Redirect(domain) => Some(domain),
            _ => None,
        })?;
        self.reading.lookups += 1;
        self.follow(redirect, &format!("redirect={redirect}"))
    }

    fn follow(&mut self, domain: &str, by: &str) -> Option<Qualifier> {
        // A macro is another name for each sender (RFC 7208 section 7).
        if domain.contains('%') {
            return None;
        }
        let domain = domain.trim_end_matches('.').to_ascii_lowercase();
        if self.above.contains(&domain) {
            self.fault(format!("{by} leads back to where it came from"));
            return None;
        }
        if !self.reading.leads_to.contains(&domain) {
            self.reading.leads_to.push(domain.clone());
        }
        self.visit(&domain, Some(by))
    }
}

/// Reads a record (RFC 7208 sections 4.5, 4.6 and 12).
///
/// # Errors
/// In words, what is wrong with which term.
pub(super) fn parse(record: &str) -> Result<Vec<Term>, String> {
    let mut words = record.split(' ').filter(|word| !word.is_empty());
    match words.next() {
        Some(version) if version.eq_ignore_ascii_case("v=spf1") => {}
        _ => return Err("it does not begin with v=spf1".into()),
    }
    let mut terms: Vec<Term> = Vec::new();
    let mut explained = false;
    for word in words {
        if !word.bytes().all(|octet| octet.is_ascii_graphic()) {
            return Err(format!("{word:?} has characters that no term can have"));
        }
        let term = term(word).map_err(|why| format!("{word:?}: {why}"))?;
        let is_exp = word.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("exp="));
        let is_again = match &term {
            Term::Redirect(_) => terms.iter().any(|term| matches!(term, Term::Redirect(_))),
            _ => is_exp && explained,
        };
        // RFC 7208 section 6: each of the two at most once.
        if is_again {
            return Err(format!("{word:?}: it stands twice"));
        }
        explained |= is_exp;
        terms.push(term);
    }
    Ok(terms)
}

fn term(word: &str) -> Result<Term, &'static str> {
    if let Some((name, value)) = modifier(word) {
        return match name.to_ascii_lowercase().as_str() {
            "redirect" => Ok(Term::Redirect(domain_spec(value)?)),
            "exp" => domain_spec(value).map(|_| Term::Other),
            _ => Ok(Term::Other),
        };
    }
    let (qualifier, rest) = match word.as_bytes().first() {
        Some(b'+') => (Qualifier::Pass, &word[1..]),
        Some(b'-') => (Qualifier::Fail, &word[1..]),
        Some(b'~') => (Qualifier::SoftFail, &word[1..]),
        Some(b'?') => (Qualifier::Neutral, &word[1..]),
        _ => (Qualifier::Pass, word),
    };
    let end = rest.find([':', '/']).unwrap_or(rest.len());
    let (name, arguments) = rest.split_at(end);
    match name.to_ascii_lowercase().as_str() {
        "all" if arguments.is_empty() => Ok(Term::All(qualifier)),
        "all" => Err("all takes no argument"),
        "include" => Ok(Term::Include(qualifier, domain_spec(needed(arguments)?)?)),
        "exists" => {
            domain_spec(needed(arguments)?).map(|name| Term::Lookup(Asked::Exists, Some(name)))
        }
        "a" => host(arguments).map(|name| Term::Lookup(Asked::A, name)),
        "mx" => host(arguments).map(|name| Term::Lookup(Asked::Mx, name)),
        "ptr" if arguments.is_empty() => Ok(Term::Ptr),
        "ptr" => domain_spec(needed(arguments)?).map(|_| Term::Ptr),
        "ip4" => {
            let (address, length) = network(needed(arguments)?, 32)?;
            address.parse::<Ipv4Addr>().map_err(|_| "that is no IPv4 address")?;
            Ok(Term::Network(qualifier, length == 0))
        }
        "ip6" => {
            let (address, length) = network(needed(arguments)?, 128)?;
            address.parse::<Ipv6Addr>().map_err(|_| "that is no IPv6 address")?;
            Ok(Term::Network(qualifier, length == 0))
        }
        _ => Err("there is no such mechanism"),
    }
}

/// `name=value`; `None` for what is no modifier: a mechanism has `:` or `/` first.
pub(super) fn modifier(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet));
    is_name.then_some((name, value))
}

fn needed(arguments: &str) -> Result<&str, &'static str> {
    arguments.strip_prefix(':').ok_or("a : and a value are missing")
}

fn domain_spec(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        return Err("the domain is missing");
    }
    // RFC 7208 section 7.1: % begins %{...}, %%, %_ or %-.
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        rest = match rest.as_bytes().get(at + 1) {
            Some(b'%' | b'_' | b'-') => &rest[at + 2..],
            Some(b'{') => match rest[at..].find('}') {
                Some(end) => &rest[at + end + 1..],
                None => return Err("a macro has no end"),
            },
            _ => return Err("a % begins no macro"),
        };
    }
    if !text.contains('%') && text.contains('/') {
        return Err("a domain has no /");
    }
    Ok(text.to_owned())
}

/// `[":" domain-spec] [dual-cidr-length]` of `a` and `mx`.
fn host(arguments: &str) -> Result<Option<String>, &'static str> {
    let (domain, lengths) = match arguments.strip_prefix(':') {
        // A macro may hold a / as a delimiter; the lengths stand behind the last one.
        Some(rest) => {
            let from = rest.rfind('}').unwrap_or(0);
            let at = rest[from..].find('/').map_or(rest.len(), |at| from + at);
            (Some(&rest[..at]), &rest[at..])
        }
        None => (None, arguments),
    };
    let domain = domain.map(domain_spec).transpose()?;
    let (v4, v6) = match lengths.split_once("//") {
        Some((v4, v6)) => (v4, Some(v6)),
        None => (lengths, None),
    };
    if !v4.is_empty() {
        length(v4.strip_prefix('/').ok_or("a / is missing")?, 32)?;
    }
    v6.map(|v6| length(v6, 128)).transpose()?;
    Ok(domain)
}

fn network(text: &str, most: u8) -> Result<(&str, u8), &'static str> {
    match text.split_once('/') {
        Some((address, bits)) => Ok((address, length(bits, most)?)),
        None => Ok((text, most)),
    }
}

fn length(digits: &str, most: u8) -> Result<u8, &'static str> {
    if !digits.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err("the length of the network is no number");
    }
    digits
        .parse()
        .ok()
        .filter(|bits| *bits <= most)
        .ok_or("the length of the network is out of range")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `record` of `example.org` among other records.
    fn read(record: &str, others: &[(&str, &str)]) -> Reading {
        let mut tree = Tree::new("example.org", vec![record.to_owned()]);
        while let Some(name) = tree.wanted() {
            let found = others
                .iter()
                .filter(|(domain, _)| *domain == name)
                .map(|(_, record)| (*record).to_owned())
                .collect();
            tree.add(&name, Known::Is(found));
        }
        tree.read()
    }

    #[test]
    fn terms_are_read_or_named() {
        for record in [
            "v=spf1",
            "v=spf1 a mx:example.com/24//64 a:%{d}/24 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all",
            "V=SPF1  +A ?exists:%{ir}.%{v}._spf.%{d2} ~ALL",
            "v=spf1 include:_spf.%{d} redirect=example.net exp=explain._spf.%{d} unknown=%{x}",
            "v=spf1 ptr ptr:example.com a//64 mx/24",
        ] {
            assert!(parse(record).is_ok(), "{record}: {:?}", parse(record));
        }
        for (record, word) in [
            ("v=spf1 al -all", "\"al\""),
            ("v=spf1 include -all", "\"include\""),
            ("v=spf1 include: -all", "\"include:\""),
            ("v=spf1 all:x", "\"all:x\""),
            ("v=spf1 ip4:192.0.2", "\"ip4:192.0.2\""),
            ("v=spf1 ip4:192.0.2.1/33", "out of range"),
            ("v=spf1 ip6:192.0.2.1", "no IPv6"),
            ("v=spf1 a/x", "no number"),
            ("v=spf1 a:%z", "begins no macro"),
            ("v=spf1 exists:%{i", "no end"),
            ("v=spf1 redirect=a.test redirect=b.test", "twice"),
            ("v=spf1 exp=a.test exp=b.test", "twice"),
            ("v=spf1 redirect=", "missing"),
            ("v=spf1 \u{e4}", "characters"),
            ("spf1 -all", "begin with v=spf1"),
        ] {
            let error = parse(record).expect_err(record);
            assert!(error.contains(word), "{record}: {error}");
        }
    }

    #[test]
    fn lookups_are_counted_through_includes() {
        let others = [
            ("a.test", "v=spf1 mx a:x.test include:b.test ?all"),
            ("b.test", "v=spf1 ip4:192.0.2.1 exists:%{i}.x.test -all"),
        ];
        let reading = read("v=spf1 include:A.test mx ptr -all a", &others);
        // include, mx, a, include, exists; mx, ptr. The last a stands behind all.
        assert_eq!(reading.lookups, 7);
        assert_eq!(reading.all.as_deref(), Some("-all"));
        assert_eq!(reading.leads_to, ["a.test", "b.test"]);
        assert!(reading.ptr && reading.fault.is_none() && reading.open.is_none());
        let reading = read("v=spf1 redirect=b.test", &others);
        assert_eq!((reading.lookups, reading.all.as_deref()), (2, Some("-all")));
        let reading = read("v=spf1 ?all redirect=b.test", &others);
        assert_eq!((reading.lookups, reading.all.as_deref()), (0, Some("?all")));
        let many = format!("v=spf1 {}-all", "a:x.test ".repeat(11));
        assert_eq!(read(&many, &[]).lookups, 11);
        assert_eq!(read("v=spf1 include:%{d}.x.test", &[]).lookups, 1);
    }

    #[test]
    fn names_that_are_asked_for_are_told() {
        let others = [("i.test", "v=spf1 mx exists:%{i}.x.test a:A.test. -all")];
        let reading = read("v=spf1 a a include:i.test exists:e.test mx:m.test -all", &others);
        let names: Vec<(Asked, &str)> =
            reading.asks_for.iter().map(|(asked, name)| (*asked, name.as_str())).collect();
        assert_eq!(
            names,
            [
                (Asked::A, "example.org"),
                (Asked::Mx, "i.test"),
                (Asked::A, "a.test"),
                (Asked::Exists, "e.test"),
                (Asked::Mx, "m.test"),
            ]
        );
    }

    #[test]
    fn who_lets_anybody_send_is_found() {
        let others = [("open.test", "v=spf1 +all"), ("net.test", "v=spf1 ip4:0.0.0.0/0 -all")];
        let open = |record| read(record, &others).open;
        assert_eq!(open("v=spf1 all").as_deref(), Some("+all"));
        assert_eq!(
            open("v=spf1 include:open.test -all").as_deref(),
            Some("+all by include:open.test")
        );
        assert!(open("v=spf1 include:net.test -all").is_some());
        assert_eq!(open("v=spf1 -include:open.test ~all"), None);
        assert_eq!(open("v=spf1 redirect=open.test").as_deref(), Some("+all"));
        assert_eq!(open("v=spf1 ip6:::/0 -all").as_deref(), Some("a network of all addresses"));
        assert_eq!(open("v=spf1 ?ip4:0.0.0.0/0 -all"), None);
    }

    #[test]
    fn what_cannot_be_evaluated_is_told() {
        let fault = |record, others: &[(&str, &str)]| read(record, others).fault.expect("a fault");
        assert!(fault("v=spf1 include:gone.test -all", &[]).contains("gone.test, which has no"));
        let two = [("two.test", "v=spf1 -all"), ("two.test", "v=spf1 ~all")];
        assert!(fault("v=spf1 include:two.test -all", &two).contains("2 SPF records"));
        let round = [("r.test", "v=spf1 include:example.org -all")];
        assert!(fault("v=spf1 include:r.test -all", &round).contains("leads back"));
        let wrong = [("w.test", "v=spf1 nonsense")];
        assert!(fault("v=spf1 include:w.test -all", &wrong).contains("w.test: \"nonsense\""));
        let mut tree = Tree::new("example.org", vec!["v=spf1 include:slow.test -all".into()]);
        assert_eq!(tree.wanted().as_deref(), Some("slow.test"));
        assert!(tree.read().unknown.expect("not asked").contains("slow.test"));
        tree.add("slow.test", Known::unknown("SERVFAIL"));
        assert_eq!(tree.wanted(), None);
        assert_eq!(tree.read().unknown.as_deref(), Some("slow.test: SERVFAIL"));
        assert_eq!(tree.read().all.as_deref(), Some("-all"));
    }

    #[test]
    fn a_bush_of_includes_does_not_grow_for_ever() {
        let names: Vec<(String, String)> = (0..12)
            .map(|n| {
                let next = n + 1;
                (
                    format!("t{n}.test"),
                    format!("v=spf1 include:t{next}.test include:t{next}.test -all"),
                )
            })
            .collect();
        let mut others: Vec<(&str, &str)> =
            names.iter().map(|(name, record)| (name.as_str(), record.as_str())).collect();
        others.push(("t12.test", "v=spf1 -all"));
        assert!(read("v=spf1 include:t0.test -all", &others).lookups <= COUNTED_LOOKUPS + 1);
    }
}
