//! What raw hellos show beside versions, suites and groups: compression, renegotiation, whose order of suites counts, what a client without a name and one with another protocol is
//! told, the size of the Diffie-Hellman group, and the known holes.
//!
//! RFC 3749, RFC 5746, RFC 6066, RFC 7301, RFC 7919; the holes are those of
//! [`crate::net::tls::enumerate`]. Most can only be seen in TLS 1.2 and older, where the
//! server's first flight is in the clear; a server of TLS 1.3 alone does not have them, and what
//! it says of names and protocols is asked by whole handshakes (`trials::handshakes`).

use super::facts::{Trial, Tried};
use super::spoken::{Asker, HANGS_UP, HANGS_UP_EACH_TIME, all_groups, suite, suites_of};
use super::together::together;
use crate::net::tls::enumerate::{
    self, ClientHello, Flight, Hole, Offers, Padding, Protocol, SUITES, Said, ServerHello, Support,
    encrypted, key_of, oracle_answer,
};
use crate::sasl::system_random;

/// Extensions, by IANA's numbers.
const HEARTBEAT: u16 = 15;
const ALPN: u16 = 16;
const RENEGOTIATION_INFO: u16 = 0xff01;

/// DEFLATE, RFC 3749 section 2.
const DEFLATE: u8 = 1;

/// Smallest prime of RFC 9325 section 4.4, in bits.
const PRIME_BITS: usize = 2048;

/// A protocol that no mail server speaks.
const OTHER_PROTOCOL: &[u8] = b"\0\x0a\x09http/9.99";

/// What is said of questions that a server of TLS 1.3 alone cannot be asked.
const TOO_NEW: &str = "nothing older than TLS 1.3 is spoken";

/// What came of a flight that was asked for.
enum Outcome {
    Flight(Box<Flight>, Box<super::endpoint::Line>),
    Refused(String),
    Unknown(String),
}

/// Asks for all of it; `old` is the newest version below TLS 1.3 that is spoken, `new` the
/// answer of TLS 1.3. The certificates are those of the first flight.
pub async fn measure(
    asker: &Asker<'_>,
    old: Result<Option<Protocol>, String>,
    new: Result<Option<ServerHello>, String>,
) -> (Vec<Tried>, Vec<Vec<u8>>) {
    let ((mut tried, chain), ssl2) = tokio::join!(
        async {
            match (old, new) {
                (Ok(Some(version)), _) => {
                    // In TLS 1.3 a share is asked for before this extension is looked at.
                    let ((mut tried, chain), alpn) =
                        tokio::join!(of_old(asker, version), strict_alpn(asker, version));
                    tried.push(alpn);
                    (tried, chain)
                }
                (Ok(None), Ok(Some(hello))) => {
                    let mut tried = too_new();
                    tried.push(order_of_new(asker, &hello).await);
                    (tried, Vec::new())
                }
                (Err(why), Ok(Some(hello))) => {
                    let mut tried = untold(&OF_OLD, &why);
                    tried.push(order_of_new(asker, &hello).await);
                    (tried, Vec::new())
                }
                // No TLS at all: that is the finding.
                (Ok(None), Ok(None)) => (Vec::new(), Vec::new()),
                (Err(why), _) | (_, Err(why)) => {
                    let mut tried = untold(&OF_OLD, &why);
                    tried.extend(untold(&OF_ANY, &why));
                    (tried, Vec::new())
                }
            }
        },
        ssl2(asker)
    );
    tried.push(ssl2);
    (tried, chain)
}

fn untold(trials: &[Trial], why: &str) -> Vec<Tried> {
    trials.iter().map(|trial| Tried::unknown(*trial, why)).collect()
}

/// What there is in TLS 1.2 and older only.
const OF_OLD: [Trial; 7] = [
    Trial::Compression,
    Trial::SecureRenegotiation,
    Trial::ClientRenegotiation,
    Trial::SmallPrime,
    Trial::Heartbleed,
    Trial::EarlyChange,
    Trial::Robot,
];

/// What there is in every version.
const OF_ANY: [Trial; 3] = [Trial::ServerOrder, Trial::Nameless, Trial::StrictAlpn];

/// TLS 1.3 has neither compression nor renegotiation, and none of the holes.
fn too_new() -> Vec<Tried> {
    vec![
        Tried::no(Trial::Compression, TOO_NEW),
        Tried::yes(Trial::SecureRenegotiation, TOO_NEW),
        Tried::no(Trial::ClientRenegotiation, TOO_NEW),
        Tried::no(Trial::SmallPrime, TOO_NEW),
        Tried::no(Trial::Heartbleed, TOO_NEW),
        Tried::no(Trial::EarlyChange, TOO_NEW),
        Tried::no(Trial::Robot, TOO_NEW),
    ]
}

/// Asks for a flight; the connection stands where it is the client's turn.
async fn flight(
    asker: &Asker<'_>,
    version: Protocol,
    suites: &[u16],
    offers: Offers<'_>,
) -> Outcome {
    match once(asker, version, suites, offers).await {
        // As for versions: a hang-up that comes again, from a server that is well, is a no.
        Outcome::Unknown(why) if why == HANGS_UP => {
            match once(asker, version, suites, offers).await {
                Outcome::Unknown(why) if why == HANGS_UP && asker.is_well().await => {
                    Outcome::Refused(HANGS_UP_EACH_TIME.into())
                }
                other => other,
            }
        }
        other => other,
    }
}

/// As [`flight`], and takes leave: a server that serves one after the other is not kept
/// waiting.
async fn said(
    asker: &Asker<'_>,
    version: Protocol,
    suites: &[u16],
    offers: Offers<'_>,
) -> Result<Flight, Outcome> {
    match flight(asker, version, suites, offers).await {
        Outcome::Flight(flight, line) => {
            drop(line);
            Ok(*flight)
        }
        other => Err(other),
    }
}

async fn once(asker: &Asker<'_>, version: Protocol, suites: &[u16], offers: Offers<'_>) -> Outcome {
    let mut line = match asker.line().await {
        Ok(line) => line,
        Err(why) => return Outcome::Unknown(why),
    };
    let mut random = [0; 32];
    system_random(&mut random);
    let groups = all_groups();
    let hello = ClientHello { version, suites, groups: &groups, host: asker.host, random, offers };
    match enumerate::ask_flight(&mut line.wire, &hello).await {
        Ok(Said::Flight(flight)) if flight.hello.version == version.code() => {
            Outcome::Flight(flight, Box::new(line))
        }
        Ok(Said::Flight(flight)) => Outcome::Refused(format!(
            "the server answered with {}",
            Protocol::from_code(flight.hello.version)
                .map_or_else(|| format!("{:#06x}", flight.hello.version), |it| it.to_string())
        )),
        Ok(Said::Alert(alert)) if alert.is_refusal() => Outcome::Refused(alert.to_string()),
        Ok(Said::Alert(alert)) => Outcome::Unknown(alert.to_string()),
        Err(error) if error.is_closed() => Outcome::Unknown(HANGS_UP.into()),
        Err(error) => Outcome::Unknown(error.to_string()),
    }
}

/// What the first flight of TLS 1.2 and older shows.
async fn of_old(asker: &Asker<'_>, version: Protocol) -> (Vec<Tried>, Vec<Vec<u8>>) {
    let offers =
        Offers { extensions: &[(HEARTBEAT, &[1])], compressions: &[DEFLATE], ..Offers::default() };
    // A server that takes suites without a certificate shows none where they are offered.
    let mut suites = suites_with(version, |name| !name.contains("_anon_"));
    let outcome = match flight(asker, version, &suites, offers).await {
        Outcome::Refused(_) => {
            suites = suites_of(version);
            flight(asker, version, &suites, offers).await
        }
        other => other,
    };
    let (first, mut line) = match outcome {
        Outcome::Flight(flight, line) => (flight, line),
        Outcome::Refused(why) | Outcome::Unknown(why) => {
            let mut tried = untold(&OF_OLD, &why);
            tried.extend(untold(&[Trial::ServerOrder, Trial::Nameless], &why));
            return (tried, Vec::new());
        }
    };
    let mut tried = vec![
        match first.hello.compression {
            0 => Tried::no(Trial::Compression, "no method is agreed to"),
            method => Tried::yes(Trial::Compression, format!("method {method}")),
        },
        match first.hello.extension(RENEGOTIATION_INFO) {
            Some(_) => Tried::yes(Trial::SecureRenegotiation, "renegotiation_info"),
            None => Tried::no(Trial::SecureRenegotiation, "no renegotiation_info"),
        },
    ];
    // The connection stands where a ChangeCipherSpec would be too early.
    let early = async {
        let hole = enumerate::early_change(&mut line.wire, version.code()).await;
        drop(line);
        of_hole(Trial::EarlyChange, hole)
    };
    let (early, order, nameless, prime, bleed, robot, again) = tokio::join!(
        early,
        order(asker, version, &suites, &first),
        nameless(asker, version, &suites, &first),
        prime(asker, version),
        bleed(asker, version, &first),
        robot(asker, version),
        again(asker, version)
    );
    tried.extend([early, order, nameless, prime, bleed, robot, again]);
    (tried, first.chain)
}

fn of_hole(trial: Trial, hole: Hole) -> Tried {
    match hole {
        Hole::Open(words) => Tried::yes(trial, words),
        Hole::Closed(words) => Tried::no(trial, words),
        Hole::Unknown(words) => Tried::unknown(trial, words),
    }
}

/// The same list from its other end, the first choice last: a server with an order of its own
/// makes the same choice.
async fn order(asker: &Asker<'_>, version: Protocol, offered: &[u16], first: &Flight) -> Tried {
    let chosen = first.hello.suite;
    let mut suites: Vec<u16> =
        offered.iter().copied().rev().filter(|code| *code != chosen).collect();
    suites.push(chosen);
    let trial = Trial::ServerOrder;
    let second = match said(asker, version, &suites, Offers::default()).await {
        Ok(flight) => flight.hello.suite,
        Err(Outcome::Refused(why) | Outcome::Unknown(why)) => return Tried::unknown(trial, why),
        Err(Outcome::Flight(..)) => return Tried::unknown(trial, CHANGED),
    };
    if second != chosen {
        return by_the_client(chosen, second);
    }
    suites.pop();
    match said(asker, version, &suites, Offers::default()).await {
        Ok(_) => Tried::yes(trial, format!("{} in either order", suite(chosen))),
        Err(Outcome::Unknown(why)) => Tried::unknown(trial, why),
        Err(_) => Tried::yes(trial, only(chosen)),
    }
}

/// Why nobody can tell where a server says one thing and then another.
const CHANGED: &str = "the server's answers change by themselves";

fn by_the_client(chosen: u16, second: u16) -> Tried {
    let words = format!("{}, or {} when the client prefers it", suite(chosen), suite(second));
    Tried::no(Trial::ServerOrder, words)
}

/// With no other suite in common there is no choice to be made by anybody's order.
fn only(chosen: u16) -> String {
    format!("{} is the only one", suite(chosen))
}

/// As [`order`], in TLS 1.3, where the suite stands in the clear; `hello` is the answer to the
/// list in our own order.
async fn order_of_new(asker: &Asker<'_>, hello: &ServerHello) -> Tried {
    let (trial, version, chosen) = (Trial::ServerOrder, Protocol::Tls13, hello.suite);
    let groups = all_groups();
    let mut suites: Vec<u16> =
        suites_of(version).into_iter().rev().filter(|code| *code != chosen).collect();
    suites.push(chosen);
    match asker.ask(version, &suites, &groups).await {
        Support::Yes(second) if second.suite != chosen => {
            return by_the_client(chosen, second.suite);
        }
        Support::Yes(_) => {}
        Support::No(_) => return Tried::unknown(trial, CHANGED),
        Support::Unknown(why) => return Tried::unknown(trial, why),
    }
    suites.pop();
    match asker.ask(version, &suites, &groups).await {
        Support::Yes(_) => Tried::yes(trial, format!("{} in either order", suite(chosen))),
        Support::No(_) => Tried::yes(trial, only(chosen)),
        Support::Unknown(why) => Tried::unknown(trial, why),
    }
}

async fn nameless(asker: &Asker<'_>, version: Protocol, offered: &[u16], first: &Flight) -> Tried {
    let trial = Trial::Nameless;
    if first.chain.is_empty() {
        return Tried::unknown(trial, "the server shows no certificate at all");
    }
    let offers = Offers { is_nameless: true, ..Offers::default() };
    match said(asker, version, offered, offers).await {
        Ok(other) if other.chain.first() == first.chain.first() => {
            Tried::yes(trial, "the same certificate")
        }
        Err(Outcome::Refused(why)) => Tried::no(trial, why),
        Err(Outcome::Unknown(why)) => Tried::unknown(trial, why),
        Ok(_) | Err(Outcome::Flight(..)) => Tried::no(trial, "another certificate"),
    }
}

/// RFC 7301 section 3.2: a server that has none of the protocols refuses. One that passes the
/// extension over can be used to speak with another in its name (ALPACA).
async fn strict_alpn(asker: &Asker<'_>, version: Protocol) -> Tried {
    let trial = Trial::StrictAlpn;
    let offers = Offers { extensions: &[(ALPN, OTHER_PROTOCOL)], ..Offers::default() };
    let mut line = match asker.line().await {
        Ok(line) => line,
        Err(why) => return Tried::unknown(trial, why),
    };
    let mut random = [0; 32];
    system_random(&mut random);
    let (suites, groups) = (suites_of(version), all_groups());
    let hello =
        ClientHello { version, suites: &suites, groups: &groups, host: asker.host, random, offers };
    match enumerate::ask(&mut line.wire, &hello).await {
        Ok(enumerate::Answer::Alert(alert)) => Tried::yes(trial, alert.to_string()),
        Ok(answer) => match Support::of(version, &answer) {
            Support::Yes(hello) => match hello.alpn() {
                Some(name) => {
                    Tried::no(trial, format!("{} is taken", String::from_utf8_lossy(name)))
                }
                None => Tried::no(trial, "the extension is passed over"),
            },
            Support::No(why) | Support::Unknown(why) => Tried::unknown(trial, why),
        },
        Err(error) => Tried::unknown(trial, error.to_string()),
    }
}

fn suites_with(version: Protocol, wanted: impl Fn(&str) -> bool) -> Vec<u16> {
    SUITES
        .iter()
        .filter(|(code, name)| suites_of(version).contains(code) && wanted(name))
        .map(|(code, _)| *code)
        .collect()
}

async fn prime(asker: &Asker<'_>, version: Protocol) -> Tried {
    let trial = Trial::SmallPrime;
    let suites = suites_with(version, |name| name.contains("_DHE_") || name.contains("_DH_anon_"));
    match flight(asker, version, &suites, Offers::default()).await {
        Outcome::Flight(flight, line) => match (drop(line), flight.prime_bits()).1 {
            Some(bits) if bits < PRIME_BITS => {
                Tried::yes(trial, format!("{bits} bits with {}", suite(flight.hello.suite)))
            }
            Some(bits) => Tried::no(trial, format!("{bits} bits")),
            None => Tried::unknown(trial, "the server does not say its group"),
        },
        Outcome::Refused(why) => Tried::no(trial, format!("no such key exchange is taken: {why}")),
        Outcome::Unknown(why) => Tried::unknown(trial, why),
    }
}

async fn bleed(asker: &Asker<'_>, version: Protocol, first: &Flight) -> Tried {
    let trial = Trial::Heartbleed;
    if first.hello.extension(HEARTBEAT).is_none() {
        return Tried::no(trial, "no heartbeats are agreed to");
    }
    let offers = Offers { extensions: &[(HEARTBEAT, &[1])], ..Offers::default() };
    match flight(asker, version, &suites_of(version), offers).await {
        Outcome::Flight(_, mut line) => {
            of_hole(trial, enumerate::heartbleed(&mut line.wire, version.code()).await)
        }
        Outcome::Refused(why) | Outcome::Unknown(why) => Tried::unknown(trial, why),
    }
}

/// Five paddings, each on a connection of its own; where the endings differ, all once more:
/// only a difference that comes again is one.
async fn robot(asker: &Asker<'_>, version: Protocol) -> Tried {
    let trial = Trial::Robot;
    let suites =
        suites_with(version, |name| name.starts_with("TLS_RSA_WITH_") && !name.contains("_NULL_"));
    let (key, line) = match flight(asker, version, &suites, Offers::default()).await {
        Outcome::Flight(flight, line) => match flight.chain.first().and_then(|leaf| key_of(leaf)) {
            Some(key) => (key, line),
            None => return Tried::unknown(trial, "the server's key is no RSA key of usual size"),
        },
        Outcome::Refused(why) => {
            return Tried::no(trial, format!("no key exchange by RSA is taken: {why}"));
        }
        Outcome::Unknown(why) => return Tried::unknown(trial, why),
    };
    drop(line);
    let round = async || -> Result<Vec<String>, String> {
        together(Padding::ALL.map(async |padding| {
            let mut line = match flight(asker, version, &suites, Offers::default()).await {
                Outcome::Flight(_, line) => line,
                Outcome::Refused(why) | Outcome::Unknown(why) => return Err(why),
            };
            let mut filler = [0; 48];
            system_random(&mut filler);
            let secret = encrypted(padding, version.code(), &key, &filler);
            oracle_answer(&mut line.wire, version.code(), &secret)
                .await
                .map_err(|error| error.to_string())
        }))
        .await
        .into_iter()
        .collect()
    };
    let first = match round().await {
        Ok(endings) => endings,
        Err(why) => return Tried::unknown(trial, why),
    };
    if first.windows(2).all(|pair| pair[0] == pair[1]) {
        return Tried::no(
            trial,
            format!("every padding: {}", first.first().map_or("", String::as_str)),
        );
    }
    match round().await {
        Ok(second) if second == first => Tried::yes(trial, first.join(", ")),
        Ok(_) => Tried::unknown(trial, CHANGED),
        Err(why) => Tried::unknown(trial, why),
    }
}

/// Whether the client may ask for one handshake after the other.
async fn again(asker: &Asker<'_>, version: Protocol) -> Tried {
    let trial = Trial::ClientRenegotiation;
    if version != Protocol::Tls12 {
        return Tried::unknown(
            trial,
            format!("it is asked in TLS 1.2, and {version} is the newest"),
        );
    }
    let mut line = match asker.line().await {
        Ok(line) => line,
        Err(why) => return Tried::unknown(trial, why),
    };
    let mut random = [0; 32];
    system_random(&mut random);
    of_hole(trial, enumerate::renegotiation(&mut line.wire, asker.host, random).await)
}

async fn ssl2(asker: &Asker<'_>) -> Tried {
    let trial = Trial::Ssl2;
    let mut line = match asker.line().await {
        Ok(line) => line,
        Err(why) => return Tried::unknown(trial, why),
    };
    let mut challenge = [0; 16];
    system_random(&mut challenge);
    match enumerate::ask_ssl2(&mut line.wire, challenge).await {
        Ok(Ok(kinds)) if kinds.is_empty() => Tried::yes(trial, "SSL 2.0, without a cipher"),
        Ok(Ok(kinds)) => Tried::yes(trial, kinds.join(", ")),
        Ok(Err(why)) => Tried::no(trial, why),
        Err(error) => Tried::unknown(trial, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_are_chosen_by_their_key_exchange() {
        let rsa = suites_with(Protocol::Tls12, |name| name.starts_with("TLS_RSA_WITH_"));
        assert!(rsa.contains(&0x002f) && !rsa.contains(&0xc02f) && !rsa.contains(&0x0003));
        let finite = suites_with(Protocol::Tls12, |name| name.contains("_DHE_"));
        assert!(finite.contains(&0x009e) && !finite.contains(&0xc02f));
    }
}
