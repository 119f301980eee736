//! What a server speaks of TLS, by raw hellos: each on a connection of its own, since no
//! handshake is ever finished. Questions that do not need each other's answers run together.

use std::cell::OnceCell;

use super::certificate::Certificate;
use super::endpoint::{Line, Way};
use super::facts::{Listing, Spoken, Suites, Taken, Tried, Version};
use super::together::together;
use crate::net::tls::enumerate::{
    self, ClientHello, GROUPS, Offers, Protocol, SUITES, ServerHello, Support, group_name,
    is_post_quantum, suite_name, weakness,
};
use crate::sasl::system_random;

/// Asks one server.
pub(super) struct Asker<'a> {
    pub(super) way: &'a Way<'a>,
    pub(super) host: &'a str,
    /// Why the server could not be reached any more: it is not asked again then.
    stopped: OnceCell<String>,
    /// A version that it speaks, once that is known.
    spoken: OnceCell<Protocol>,
}

/// What of a ServerHello is listed.
#[derive(Clone, Copy)]
enum Listed {
    Suites,
    Groups,
}

/// Asks for every version, for weak suites and a post-quantum group, for what else raw hellos
/// show, and with `ciphers` for all suites and groups.
pub async fn measure(way: &Way<'_>, host: &str, ciphers: bool) -> (Spoken, Vec<Tried>) {
    let asker = Asker { way, host, stopped: OnceCell::new(), spoken: OnceCell::new() };
    let groups = all_groups();
    // The newest first: should the budget end, the most important is known.
    let mut supports: Vec<(Protocol, Support)> =
        together(Protocol::ALL.into_iter().rev().map(async |version| {
            (version, asker.ask(version, &suites_of(version), &groups).await)
        }))
        .await;
    supports.reverse();
    asker.settle(&mut supports, &groups).await;
    let speaks = |wanted: Protocol| {
        supports.iter().find(|(version, _)| *version == wanted).map(|(_, support)| support)
    };
    let is_spoken = |wanted| matches!(speaks(wanted), Some(Support::Yes(_)));
    let old = weak_version(&supports);

    let weak = async {
        match &old {
            Ok(Some(version)) => asker.weak(*version).await,
            Ok(None) => Listing::default(),
            Err(why) => Listing { unknown: Some(why.clone()), ..Listing::default() },
        }
    };
    let post_quantum = async {
        match speaks(Protocol::Tls13) {
            Some(Support::Yes(hello)) => asker.post_quantum(hello).await,
            Some(Support::Unknown(why)) => {
                Listing { unknown: Some(why.clone()), ..Listing::default() }
            }
            Some(Support::No(_)) | None => Listing::default(),
        }
    };
    let suites = together(
        supports.iter().filter(|(_, support)| ciphers && matches!(support, Support::Yes(_))).map(
            async |(version, _)| Suites {
                version: version.to_string(),
                suites: asker.list(*version, Listed::Suites, suites_of(*version)).await,
            },
        ),
    );
    let named_groups = async {
        match ciphers && is_spoken(Protocol::Tls13) {
            true => Some(asker.list(Protocol::Tls13, Listed::Groups, groups.clone()).await),
            false => None,
        }
    };
    let new = match speaks(Protocol::Tls13) {
        Some(Support::Yes(hello)) => Ok(Some(hello.clone())),
        Some(Support::Unknown(why)) => Err(why.clone()),
        Some(Support::No(_)) | None => Ok(None),
    };
    let raw = super::flights::measure(&asker, old.clone(), new);
    let (weak, post_quantum, suites, groups, (tried, chain)) =
        tokio::join!(weak, post_quantum, suites, named_groups, raw);
    let chain = chain.iter().filter_map(|der| Certificate::read(der)).collect();
    let versions = supports
        .into_iter()
        .map(|(version, support)| Version { version: version.to_string(), taken: taken(support) })
        .collect();
    (Spoken { versions, weak, post_quantum, suites, groups, chain }, tried)
}

pub(super) fn all_groups() -> Vec<u16> {
    GROUPS.iter().map(|(code, _)| *code).collect()
}

/// The newest version below TLS 1.3 that is spoken, in which weak suites can be had; an error
/// when that is not known.
fn weak_version(supports: &[(Protocol, Support)]) -> Result<Option<Protocol>, String> {
    let mut unknown = None;
    for (version, support) in supports.iter().rev() {
        match support {
            _ if *version == Protocol::Tls13 => {}
            Support::Yes(_) => return Ok(Some(*version)),
            Support::Unknown(why) => unknown = unknown.or(Some(why.clone())),
            Support::No(_) => {}
        }
    }
    unknown.map_or(Ok(None), Err)
}

pub(super) fn suites_of(version: Protocol) -> Vec<u16> {
    let is_new = |code: u16| code & 0xff00 == 0x1300;
    SUITES
        .iter()
        .map(|(code, _)| *code)
        .filter(|code| is_new(*code) == (version == Protocol::Tls13))
        .collect()
}

/// How a hang-up is told.
pub(super) const HANGS_UP: &str = "the server hangs up";

/// How one that counts is told.
pub(super) const HANGS_UP_EACH_TIME: &str = "the server hangs up, each time";

fn is_hang_up(support: &Support) -> bool {
    matches!(support, Support::Unknown(why) if why == HANGS_UP)
}

fn taken(support: Support) -> Taken {
    match support {
        Support::Yes(hello) => Taken::Yes { detail: suite(hello.suite) },
        Support::No(detail) => Taken::No { detail },
        Support::Unknown(detail) => Taken::Unknown { detail },
    }
}

pub(super) fn suite(code: u16) -> String {
    suite_name(code).map_or_else(|| format!("{code:#06x}"), str::to_owned)
}

impl Listed {
    fn choice(self, hello: &ServerHello) -> Option<u16> {
        match self {
            Self::Suites => Some(hello.suite),
            Self::Groups => hello.group,
        }
    }

    fn name(self, code: u16) -> String {
        match self {
            Self::Suites => suite(code),
            Self::Groups => group_name(code).map_or_else(|| format!("{code:#06x}"), str::to_owned),
        }
    }
}

impl Asker<'_> {
    /// A connection where TLS may begin; an error, in words, where the server does not let us
    /// come so far, and from then on.
    pub(super) async fn line(&self) -> Result<Line, String> {
        if let Some(why) = self.stopped.get() {
            return Err(why.clone());
        }
        match self.way.to_tls().await {
            Ok(line) => Ok(line),
            Err(stop) => {
                // A server that turns us away is not to be bothered any more.
                Err(self.stopped.get_or_init(|| stop.detail).clone())
            }
        }
    }

    /// Versions on which the server hung up, asked again, once it is known what it speaks.
    async fn settle(&self, supports: &mut [(Protocol, Support)], groups: &[u16]) {
        let spoken = supports.iter().find(|(_, it)| matches!(it, Support::Yes(_))).map(|it| it.0);
        let Some(spoken) = spoken else { return };
        self.spoken.get_or_init(|| spoken);
        for (version, support) in supports.iter_mut().filter(|(_, it)| is_hang_up(it)) {
            *support = self.ask(*version, &suites_of(*version), groups).await;
        }
    }

    /// Whether the server answers to a version that it is known to speak.
    pub(super) async fn is_well(&self) -> bool {
        match self.spoken.get() {
            Some(version) => {
                let support = self.once(*version, &suites_of(*version), &all_groups()).await;
                matches!(support, Support::Yes(_))
            }
            None => false,
        }
    }

    /// Offers; a server may hang up on an offer that it does not take. That counts as a no
    /// where it does so again, and answers right behind that to one that it takes: then it is
    /// neither in trouble nor tired of us.
    pub(super) async fn ask(&self, version: Protocol, suites: &[u16], groups: &[u16]) -> Support {
        let first = self.once(version, suites, groups).await;
        if !is_hang_up(&first) || self.spoken.get().is_none() {
            return first;
        }
        let second = self.once(version, suites, groups).await;
        if is_hang_up(&second) && self.is_well().await {
            return Support::No(HANGS_UP_EACH_TIME.into());
        }
        second
    }

    async fn once(&self, version: Protocol, suites: &[u16], groups: &[u16]) -> Support {
        let mut line = match self.line().await {
            Ok(line) => line,
            Err(why) => return Support::Unknown(why),
        };
        let mut random = [0; 32];
        system_random(&mut random);
        let offers = Offers::default();
        let hello = ClientHello { version, suites, groups, host: self.host, random, offers };
        match enumerate::ask(&mut line.wire, &hello).await {
            Ok(answer) => Support::of(version, &answer),
            Err(error) if error.is_closed() => Support::Unknown(HANGS_UP.into()),
            Err(error) => Support::Unknown(error.to_string()),
        }
    }

    /// The post-quantum group that the server likes best, and no other.
    async fn post_quantum(&self, hello: &ServerHello) -> Listing {
        let mut listing = Listing::default();
        if let Some(group) = hello.group.filter(|group| is_post_quantum(*group)) {
            listing.found.push(Listed::Groups.name(group));
            return listing;
        }
        let wanted: Vec<u16> =
            all_groups().into_iter().filter(|code| is_post_quantum(*code)).collect();
        self.choice(Protocol::Tls13, Listed::Groups, &wanted, &mut listing).await;
        listing
    }

    /// Offers `codes`, takes away what the server chose, and again until it refuses.
    async fn list(&self, version: Protocol, what: Listed, codes: Vec<u16>) -> Listing {
        let mut listing = Listing::default();
        let mut left = codes;
        while !left.is_empty() {
            let Some(code) = self.choice(version, what, &left, &mut listing).await else { break };
            left.retain(|other| *other != code);
        }
        listing
    }

    /// Weak suites, one of each kind of weakness: where there is one, there is mostly more.
    async fn weak(&self, version: Protocol) -> Listing {
        let mut listing = Listing::default();
        // Export keys of RSA and of Diffie-Hellman are two holes (FREAK, LOGJAM).
        let mut left: Vec<(u16, (enumerate::Weakness, bool))> = SUITES
            .iter()
            .filter_map(|(code, name)| {
                let kind = weakness(name)?;
                let is_rsa = kind == enumerate::Weakness::Export && name.starts_with("TLS_RSA_");
                Some((*code, (kind, is_rsa)))
            })
            .collect();
        while !left.is_empty() {
            let codes: Vec<u16> = left.iter().map(|(code, _)| *code).collect();
            let chosen = self.choice(version, Listed::Suites, &codes, &mut listing).await;
            let kind = left.iter().find(|(code, _)| Some(*code) == chosen).map(|(_, kind)| *kind);
            let Some(kind) = kind else { break };
            left.retain(|(_, other)| *other != kind);
        }
        listing
    }

    /// What the server chooses of `left`, written down; `None` when it chooses nothing more.
    async fn choice(
        &self,
        version: Protocol,
        what: Listed,
        left: &[u16],
        listing: &mut Listing,
    ) -> Option<u16> {
        let support = match what {
            Listed::Suites => self.ask(version, left, &all_groups()).await,
            Listed::Groups => self.ask(version, &suites_of(version), left).await,
        };
        match support {
            Support::Yes(hello) => match what.choice(&hello).filter(|code| left.contains(code)) {
                Some(code) => {
                    listing.found.push(what.name(code));
                    Some(code)
                }
                None => {
                    listing.unknown = Some("the server chose what was not offered".into());
                    None
                }
            },
            Support::No(_) => None,
            Support::Unknown(why) => {
                listing.unknown = Some(why);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_suites_are_asked_for_in_the_newest_version_that_can_have_them() {
        let yes = || {
            Support::Yes(ServerHello {
                version: 0,
                suite: 0,
                group: None,
                is_retry: false,
                is_master_secret_extended: false,
                compression: 0,
                extensions: Vec::new(),
            })
        };
        let no = || Support::No("alert".into());
        let unknown = || Support::Unknown("silence".into());
        let of = |old: Support, new: Support, newest: Support| {
            weak_version(&[
                (Protocol::Tls11, old),
                (Protocol::Tls12, new),
                (Protocol::Tls13, newest),
            ])
        };
        assert_eq!(of(yes(), yes(), yes()), Ok(Some(Protocol::Tls12)));
        assert_eq!(of(yes(), no(), yes()), Ok(Some(Protocol::Tls11)));
        assert_eq!(of(no(), no(), yes()), Ok(None));
        assert_eq!(of(no(), unknown(), yes()), Err("silence".into()));
        assert_eq!(of(yes(), unknown(), no()), Ok(Some(Protocol::Tls11)));
    }

    #[test]
    fn each_version_is_offered_its_own_suites() {
        assert_eq!(suites_of(Protocol::Tls13), [0x1301, 0x1302, 0x1303, 0x1304, 0x1305]);
        assert!(suites_of(Protocol::Ssl30).contains(&0x0005));
        assert!(!suites_of(Protocol::Tls12).contains(&0x1301));
        assert_eq!(Listed::Groups.name(0x11ec), "X25519MLKEM768");
        assert_eq!(Listed::Suites.name(0xfefe), "0xfefe");
    }
}
