//! What a server speaks of TLS, by raw hellos: each on a connection of its own, since no
//! handshake is ever finished.

use super::endpoint::Way;
use super::facts::{Listing, Spoken, Suites, Taken, Version};
use crate::net::tls::enumerate::{
    self, ClientHello, GROUPS, Protocol, SUITES, ServerHello, Support, group_name, is_post_quantum,
    suite_name, weakness,
};
use crate::sasl::system_random;

/// Asks one server.
struct Asker<'a> {
    way: &'a Way<'a>,
    host: &'a str,
    /// Why the server could not be reached any more: it is not asked again then.
    stopped: Option<String>,
}

/// What of a ServerHello is listed.
#[derive(Clone, Copy)]
enum Listed {
    Suites,
    Groups,
}

/// Asks for every version, for weak suites and post-quantum groups, and with `ciphers` for
/// all suites and groups.
pub async fn measure(way: &Way<'_>, host: &str, ciphers: bool) -> Spoken {
    let mut asker = Asker { way, host, stopped: None };
    let groups: Vec<u16> = GROUPS.iter().map(|(code, _)| *code).collect();
    let mut supports = Vec::new();
    // The newest first: should the budget end, the most important is known.
    for version in Protocol::ALL.into_iter().rev() {
        let support = asker.ask(version, &suites_of(version), &groups).await;
        supports.push((version, support));
    }
    supports.reverse();
    let speaks = |wanted: Protocol| {
        supports.iter().find(|(version, _)| *version == wanted).map(|(_, support)| support)
    };

    let weak = match weak_version(&supports) {
        Ok(Some(version)) => asker.weak(version).await,
        Ok(None) => Listing::default(),
        Err(why) => Listing { unknown: Some(why), ..Listing::default() },
    };
    let post_quantum = match speaks(Protocol::Tls13) {
        Some(Support::Yes(_)) => {
            let wanted = groups.iter().copied().filter(|code| is_post_quantum(*code)).collect();
            asker.list(Protocol::Tls13, Listed::Groups, wanted).await
        }
        Some(Support::Unknown(why)) => Listing { unknown: Some(why.clone()), ..Listing::default() },
        Some(Support::No(_)) | None => Listing::default(),
    };
    let mut spoken = Spoken { weak, post_quantum, ..Spoken::default() };
    if ciphers {
        for (version, support) in &supports {
            if matches!(support, Support::Yes(_)) {
                let suites = asker.list(*version, Listed::Suites, suites_of(*version)).await;
                spoken.suites.push(Suites { version: version.to_string(), suites });
            }
        }
        if matches!(speaks(Protocol::Tls13), Some(Support::Yes(_))) {
            spoken.groups = Some(asker.list(Protocol::Tls13, Listed::Groups, groups.clone()).await);
        }
    }
    spoken.versions = supports
        .into_iter()
        .map(|(version, support)| Version { version: version.to_string(), taken: taken(support) })
        .collect();
    spoken
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

fn suites_of(version: Protocol) -> Vec<u16> {
    let is_new = |code: u16| code & 0xff00 == 0x1300;
    SUITES
        .iter()
        .map(|(code, _)| *code)
        .filter(|code| is_new(*code) == (version == Protocol::Tls13))
        .collect()
}

fn taken(support: Support) -> Taken {
    match support {
        Support::Yes(hello) => Taken::Yes { detail: suite(hello.suite) },
        Support::No(detail) => Taken::No { detail },
        Support::Unknown(detail) => Taken::Unknown { detail },
    }
}

fn suite(code: u16) -> String {
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
    async fn ask(&mut self, version: Protocol, suites: &[u16], groups: &[u16]) -> Support {
        if let Some(why) = &self.stopped {
            return Support::Unknown(why.clone());
        }
        let mut wire = match self.way.to_tls().await {
            Ok(wire) => wire,
            Err(stop) => {
                // A server that turns us away is not to be bothered any more.
                self.stopped = Some(stop.detail.clone());
                return Support::Unknown(stop.detail);
            }
        };
        let mut random = [0; 32];
        system_random(&mut random);
        let hello = ClientHello { version, suites, groups, host: self.host, random };
        match enumerate::ask(&mut wire, &hello).await {
            Ok(answer) => Support::of(version, &answer),
            Err(error) => Support::Unknown(error.to_string()),
        }
    }

    /// Offers `codes`, takes away what the server chose, and again until it refuses.
    async fn list(&mut self, version: Protocol, what: Listed, codes: Vec<u16>) -> Listing {
        let mut listing = Listing::default();
        let mut left = codes;
        while !left.is_empty() {
            let Some(code) = self.choice(version, what, &left, &mut listing).await else { break };
            left.retain(|other| *other != code);
        }
        listing
    }

    /// Weak suites, one of each kind of weakness: where there is one, there is mostly more.
    async fn weak(&mut self, version: Protocol) -> Listing {
        let mut listing = Listing::default();
        let mut left: Vec<(u16, enumerate::Weakness)> =
            SUITES.iter().filter_map(|(code, name)| Some((*code, weakness(name)?))).collect();
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
        &mut self,
        version: Protocol,
        what: Listed,
        left: &[u16],
        listing: &mut Listing,
    ) -> Option<u16> {
        let support = match what {
            Listed::Suites => {
                let groups: Vec<u16> = GROUPS.iter().map(|(code, _)| *code).collect();
                self.ask(version, left, &groups).await
            }
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
