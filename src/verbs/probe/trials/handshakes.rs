//! What whole handshakes show: resumption, the stapled response, the verdict of the other
//! library, DANE, and of servers of TLS 1.3 alone what their encrypted answers say of names and
//! protocols.
//!
//! RFC 8446 section 2.2 and RFC 5077 (resumption); RFC 6066 section 8 and RFC 6960 (stapling; the
//! signature of the response is not verified, since nothing is decided by it); RFC 7672
//! (DANE, by [`crate::net::tls::Dane`]; DNSSEC is validated here).

use super::untold;
use crate::net::dns::Answer;
use crate::net::tls::ocsp::{Response, Status};
use crate::net::tls::{
    self, Backend, Connector, Dane, Fault, Question, Session, Settings, Verify, Version,
};
use crate::open::{Peer, now};
use crate::verbs::probe::certificate::{Certificate, day};
use crate::verbs::probe::endpoint::{Manner, Way};
use crate::verbs::probe::facts::{
    CertificateFault, Endpoint, Role, Stop, Trial, Tried, Verification,
};
use crate::verbs::probe::names::UNVALIDATED;
use crate::verbs::probe::plan::Target;
use crate::verbs::probe::timing::Phase;

/// Whether there was a stapled response, and what it says; nothing where the library does not
/// tell: rustls is asked then (see [`handshakes`]).
pub fn staple(session: &Session) -> Vec<Tried> {
    let Some(staple) = &session.staple else { return Vec::new() };
    if staple.is_empty() {
        return vec![Tried::no(Trial::Staple, "no response is stapled")];
    }
    let mut tried =
        vec![Tried::yes(Trial::Staple, format!("a response of {} octets", staple.len()))];
    if let Some(leaf) = session.chain.first() {
        tried.push(vouched(staple, leaf, now().seconds));
    }
    tried
}

/// What a stapled response says of the certificate, at a time in seconds since 1970.
fn vouched(staple: &[u8], leaf: &[u8], now: i64) -> Tried {
    let trial = Trial::StapleGood;
    let answers = match Response::decode(staple) {
        Ok(Response::Answers(answers)) => answers,
        Ok(Response::Refused(why)) => return Tried::no(trial, format!("it says {why}")),
        Err(error) => return Tried::no(trial, error.to_string()),
    };
    let serial = x509_parser::parse_x509_certificate(leaf)
        .ok()
        .map(|(_, parsed)| parsed.raw_serial().to_vec());
    let Some(answer) = answers.iter().find(|answer| Some(&answer.serial) == serial.as_ref()) else {
        return Tried::no(trial, "it is about another certificate");
    };
    match (answer.status, answer.next_update) {
        (Status::Revoked(at), _) => Tried::no(trial, format!("revoked on {}", day(at))),
        (Status::Unknown, _) => Tried::no(trial, "the responder does not know the certificate"),
        (Status::Good, Some(next)) if next <= now => {
            Tried::no(trial, format!("good, but only until {}", day(next)))
        }
        (Status::Good, Some(next)) => Tried::yes(trial, format!("good, until {}", day(next))),
        (Status::Good, None) => Tried::yes(trial, "good"),
    }
}

/// All of them; `connector` is the one by which the conversation went.
pub async fn handshakes(
    known: &Endpoint,
    target: &Target,
    peer: &Peer,
    way: &Way<'_>,
    connector: Option<&Connector>,
    manner: &Manner<'_>,
) -> Vec<Tried> {
    let (resumed, other, mut dane) = tokio::join!(
        async {
            match connector {
                Some(connector) if tells(peer.settings()) => {
                    vec![resumption(way, connector).await]
                }
                Some(_) => told_by_rustls(known, peer, way).await,
                None => Vec::new(),
            }
        },
        backends(known, peer, way),
        dane(known, target, peer, way, manner)
    );
    dane.extend(resumed);
    dane.extend(other);
    dane
}

/// Whether the library that these settings lead to tells of resumption and staples.
fn tells(settings: &Settings) -> bool {
    settings.backend == Backend::Rustls && settings.min >= Version::Tls12
}

/// The connector that was used before has the session; it takes it up again.
async fn resumption(way: &Way<'_>, connector: &Connector) -> Tried {
    let trial = Trial::Resumption;
    match shake(way, connector).await {
        Err(error) => untold(trial, &error.into()),
        Ok(session) if session.is_resumed => Tried::yes(trial, format!("{session}, resumed")),
        Ok(session) => Tried::no(trial, format!("{session}, from the start")),
    }
}

/// What the user's library does not tell of the server, by rustls: resumption and the staple.
async fn told_by_rustls(known: &Endpoint, peer: &Peer, way: &Way<'_>) -> Vec<Tried> {
    let both = |stop: &Stop| [Trial::Resumption, Trial::Staple].map(|trial| untold(trial, stop));
    let connector = match Connector::asking(&known.host, &any(peer), &Question::default()) {
        Ok(connector) => connector,
        Err(error) => return both(&Stop::of(Phase::Tls, &error.into())).into(),
    };
    // Servers of TLS 1.3 give a session behind the handshake: they have to be heard once more.
    let mut tried = match way.to_talk(Some(&connector)).await {
        Err(stop) => return both(&stop).into(),
        Ok((talk, _permit)) => {
            let tried = talk.wire().tls().map(staple).unwrap_or_default();
            talk.leave().await;
            tried
        }
    };
    tried.push(resumption(way, &connector).await);
    tried
}

/// Settings that take any certificate; the client's own is kept.
fn any(peer: &Peer) -> Settings {
    let settings = peer.settings();
    Settings {
        backend: Backend::Rustls,
        min: settings.min.max(Version::Tls12),
        verify: Verify::Nothing,
        identity: settings.identity.clone(),
    }
}

/// Why a handshake did not come to its end.
enum Failed {
    /// It was not begun.
    Before(Stop),
    /// It broke off.
    Within(crate::net::Error),
}

impl From<Failed> for Stop {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Before(stop) => stop,
            Failed::Within(error) => Self::of(Phase::Tls, &error),
        }
    }
}

/// One handshake on a connection of its own.
async fn shake(way: &Way<'_>, connector: &Connector) -> Result<Session, Failed> {
    let mut line = way.to_tls().await.map_err(Failed::Before)?;
    line.wire.start_tls(connector).await.map_err(Failed::Within)?;
    line.wire.tls().cloned().ok_or(Failed::Within(crate::net::Error::Closed))
}

/// A protocol that no mail server speaks.
const OTHER_PROTOCOL: &[u8] = b"http/9.99";

/// What raw hellos cannot ask of a server of TLS 1.3 alone: whether it shows another certificate
/// to a client that names no host, and whether it refuses one that wants another protocol.
pub async fn of_newest(known: &Endpoint, peer: &Peer, way: &Way<'_>) -> Vec<Tried> {
    let (one, other) = tokio::join!(nameless(known, peer, way), strict_alpn(known, peer, way));
    vec![one, other]
}

async fn nameless(known: &Endpoint, peer: &Peer, way: &Way<'_>) -> Tried {
    let trial = Trial::Nameless;
    let Some(named) = known.session.tls.as_ref().and_then(|tls| tls.chain.first()) else {
        return Tried::unknown(trial, "no handshake with its name came through");
    };
    let question = Question { is_nameless: true, ..Question::default() };
    let connector = match Connector::asking(&known.host, &any(peer), &question) {
        Ok(connector) => connector,
        Err(error) => return Tried::unknown(trial, error.to_string()),
    };
    match shake(way, &connector).await {
        Ok(session) => {
            let shown = session.chain.first().and_then(|der| Certificate::read(der));
            match shown.as_ref() == Some(named) {
                true => Tried::yes(trial, "the same certificate"),
                false => Tried::no(trial, "another certificate"),
            }
        }
        Err(failed) => refused(failed, |why| Tried::no(trial, why), trial),
    }
}

/// RFC 7301 section 3.2.
async fn strict_alpn(known: &Endpoint, peer: &Peer, way: &Way<'_>) -> Tried {
    let trial = Trial::StrictAlpn;
    let question = Question { alpn: &[OTHER_PROTOCOL], is_nameless: false };
    let connector = match Connector::asking(&known.host, &any(peer), &question) {
        Ok(connector) => connector,
        Err(error) => return Tried::unknown(trial, error.to_string()),
    };
    match shake(way, &connector).await {
        Ok(session) => Tried::no(
            trial,
            match session.alpn {
                Some(name) => format!("{} is taken", String::from_utf8_lossy(&name)),
                None => "the extension is passed over".to_owned(),
            },
        ),
        Err(failed) => refused(failed, |why| Tried::yes(trial, why), trial),
    }
}

/// Whether a handshake that failed was refused by an alert that can mean what was asked; an
/// internal error of the server says nothing, and neither does one of ours.
fn is_answer(why: &str) -> bool {
    why == tls::NO_SUITE || why.starts_with("it sent the alert") && !why.contains("InternalError")
}

/// An alert, where the same handshake without the question came through, is an answer to it.
fn refused(failed: Failed, answer: impl Fn(String) -> Tried, trial: Trial) -> Tried {
    match failed {
        Failed::Within(crate::net::Error::Tls(tls::Error {
            fault: Fault::Handshake(why), ..
        })) if is_answer(&why) => answer(why),
        other => untold(trial, &other.into()),
    }
}

/// The kind of the verdict of a handshake; an error for one that says nothing of it.
fn verdict(outcome: Result<(), crate::net::Error>) -> Result<Option<CertificateFault>, Stop> {
    match outcome {
        Ok(()) => Ok(None),
        Err(crate::net::Error::Tls(tls::Error { fault, host })) => {
            match CertificateFault::of(&fault) {
                Some(kind) => Ok(Some(kind)),
                None => {
                    let error = crate::net::Error::Tls(tls::Error { fault, host });
                    Err(Stop::of(Phase::Tls, &error))
                }
            }
        }
        Err(error) => Err(Stop::of(Phase::Tls, &error)),
    }
}

async fn backends(known: &Endpoint, peer: &Peer, way: &Way<'_>) -> Option<Tried> {
    let first = match known.verification.as_ref()? {
        Verification::Verified => None,
        Verification::Failed { fault, .. } => Some(*fault),
        Verification::Unknown { .. } => return None,
    };
    let (name, backend) = match peer.settings().backend {
        Backend::Rustls => ("the platform's library", Backend::Native),
        Backend::Native => ("rustls", Backend::Rustls),
    };
    let settings = Settings { backend, ..peer.settings().clone() };
    // A build without the other one, or settings that only one can follow.
    let connector = Connector::new(&known.host, &settings).ok()?;
    let trial = Trial::Backends;
    let mut line = match way.to_tls().await {
        Ok(line) => line,
        Err(stop) => return Some(untold(trial, &stop)),
    };
    Some(match verdict(line.wire.start_tls(&connector).await) {
        Err(stop) => untold(trial, &stop),
        Ok(second) => {
            let words = |verdict: Option<CertificateFault>| match verdict {
                None => "good",
                Some(CertificateFault::Time) => "not in its time",
                Some(CertificateFault::Name) => "for other names",
                Some(CertificateFault::Trust) => "not trusted",
            };
            // A certificate with two faults has two right verdicts.
            if first.is_none() == second.is_none() {
                Tried::yes(trial, format!("{name} finds it {}", words(second)))
            } else {
                let (one, other) = (words(first), words(second));
                Tried::no(trial, format!("it is {one}, and {name} finds it {other}"))
            }
        }
    })
}

/// TLSA records of a mail exchanger, and whether they vouch for what it shows.
async fn dane(
    known: &Endpoint,
    target: &Target,
    peer: &Peer,
    way: &Way<'_>,
    manner: &Manner<'_>,
) -> Vec<Tried> {
    let host = target.endpoint.host();
    let is_name = host.parse::<std::net::IpAddr>().is_err();
    let is_own = known.loopback && !manner.names.knows_loopback();
    if known.service.role != Role::Mx || !is_name || is_own {
        return Vec::new();
    }
    let trial = Trial::Tlsa;
    let resolver = match manner.names.resolver().await {
        Ok(resolver) if resolver.validates() => resolver,
        Ok(_) => return vec![Tried::unknown(trial, UNVALIDATED)],
        Err(why) => return vec![Tried::unknown(trial, why)],
    };
    let name = format!("_{}._tcp.{}", peer.port, host.trim_end_matches('.'));
    let found = resolver.tlsa(&name).await;
    let records = match found.answer {
        Answer::Found(records) => records,
        Answer::NoName | Answer::NoRecord => {
            return vec![Tried::no(trial, format!("no TLSA record at {name}"))];
        }
        Answer::Unknown(why) => return vec![Tried::unknown(trial, format!("{name}: {why}"))],
    };
    let shown: Vec<String> = records.iter().map(ToString::to_string).collect();
    let shown = format!("{name}: {}", shown.join(", "));
    if !found.is_secure {
        return vec![Tried::no(trial, format!("{shown}, without a signature"))];
    }
    let names = [Some(host.to_owned()), target.domain.clone()].into_iter().flatten().collect();
    let Some(dane) = Dane::new(&records, names) else {
        return vec![Tried::no(trial, format!("{shown}: none of them is usable"))];
    };
    let mut tried = vec![Tried::yes(trial, shown.clone())];
    let settings = Settings {
        backend: Backend::Rustls,
        verify: Verify::Dane(dane),
        ..peer.settings().clone()
    };
    let trial = Trial::TlsaMatch;
    let Ok(connector) = Connector::new(host, &settings) else { return tried };
    tried.push(match way.to_tls().await {
        Err(stop) => untold(trial, &stop),
        Ok(mut line) => match line.wire.start_tls(&connector).await {
            Ok(()) => Tried::yes(trial, shown),
            Err(crate::net::Error::Tls(error))
                if error.fault == Fault::NoTlsaMatch || error.is_certificate() =>
            {
                Tried::no(trial, format!("{shown}: {error}"))
            }
            Err(error) => untold(trial, &Stop::of(Phase::Tls, &error)),
        },
    });
    tried
}
