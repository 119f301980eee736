//! A login with the user's own secret, and what only a user is shown: capabilities, extensions
//! of SMTP, namespaces, UIDVALIDITY, IDLE. Nothing is changed: INBOX is only examined, and no
//! message is sent.
//!
//! RFC 9051 sections 2.3.1.1, 6.3.10 and 6.3.13; RFC 4954; RFC 1939 section 7.

use std::time::{Duration, Instant};

use super::extensions::{Who, extensions};
use super::untold;
use crate::imap::client as imap;
use crate::imap::syntax::UidValidity;
use crate::imap::syntax::mailbox::Mailbox;
use crate::net::tls::Connector;
use crate::open::{Peer, own_name};
use crate::pop::client as pop;
use crate::sasl::Credential;
use crate::smtp::client as smtp;
use crate::store::PeerError as _;
use crate::verbs::probe::dialogue::Dialogue;
use crate::verbs::probe::endpoint::{Line, Manner, Way};
use crate::verbs::probe::facts::{Endpoint, Protocol, Start, Stop, Trial, Tried, Verification};
use crate::verbs::probe::timing::{Phase, Timing};

/// How long IDLE is left open.
const IDLE: Duration = Duration::from_millis(100);

/// Logs in, and writes down what came of it.
pub async fn login(found: &mut Endpoint, peer: &Peer, way: &Way<'_>, manner: &Manner<'_>) {
    if matches!(found.verification, Some(Verification::Failed { .. })) {
        let why = "the certificate is not good: no secret was sent";
        found.trials.push(Tried::unknown(Trial::Login, why));
        return;
    }
    let connector = match (&found.session.tls, peer.connector()) {
        (None, _) => None,
        (Some(_), Ok(connector)) => Some(connector),
        (Some(_), Err(error)) => {
            found.trials.push(Tried::unknown(Trial::Login, format!("{error:#}")));
            return;
        }
    };
    let connector = connector.as_ref();
    let credential = match peer.credential(manner.context).await {
        Ok(Some(credential)) => credential,
        Ok(None) => return,
        Err(error) => {
            found.trials.push(Tried::unknown(Trial::Login, format!("{error:#}")));
            return;
        }
    };
    let line = match begin(way, connector).await {
        Ok(line) => line,
        Err(stop) => {
            found.trials.push(untold(Trial::Login, &stop));
            return;
        }
    };
    match found.service.protocol {
        Protocol::Imap => {
            of_imap(found, peer, &credential, line, way, connector, manner).await;
        }
        Protocol::Pop3 => {
            of_pop(found, peer, &credential, line, within(way, connector), manner).await
        }
        Protocol::Smtp => {
            of_smtp(found, peer, &credential, line, within(way, connector), manner).await
        }
        Protocol::Lmtp => {}
    }
}

/// A connection on which a client of ours can begin: nothing was said of the protocol but the
/// way to TLS, which it does itself.
async fn begin(way: &Way<'_>, connector: Option<&Connector>) -> Result<Line, Stop> {
    let mut line = way.connect().await?;
    if let Some(connector) = connector
        && way.service.tls == Start::Implicit
    {
        let begun = line.wire.start_tls(connector).await;
        begun.map_err(|error| Stop::of(Phase::Tls, &error))?;
    }
    Ok(line)
}

/// TLS within the session, where it does not begin at once.
fn within<'a>(way: &Way<'_>, connector: Option<&'a Connector>) -> Option<&'a Connector> {
    connector.filter(|_| way.service.tls == Start::Starttls)
}

/// What a refusal is: one of the login, or anything else.
fn refused(is_auth: bool, is_transient: bool, words: String) -> Tried {
    match is_auth && !is_transient {
        true => Tried::no(Trial::Login, words),
        false => Tried::unknown(Trial::Login, words),
    }
}

fn passed(found: &mut Endpoint, began: Instant, detail: String) {
    found.session.phases.push(Timing { phase: Phase::Auth, took: began.elapsed() });
    found.trials.push(Tried::yes(Trial::Login, detail));
}

async fn of_imap(
    found: &mut Endpoint,
    peer: &Peer,
    credential: &Credential,
    line: Line,
    way: &Way<'_>,
    connector: Option<&Connector>,
    manner: &Manner<'_>,
) {
    let login = imap::Login {
        credential,
        mechanism: peer.mechanism,
        allow_cleartext: peer.allow_cleartext,
        host: peer.endpoint.host(),
        port: peer.port,
    };
    let options = imap::Options {
        starttls: within(way, connector).map_or(imap::StartTls::Never, imap::StartTls::Required),
        timeout: manner.net.timeout,
        ..imap::Options::default()
    };
    let Line { wire, permit, .. } = line;
    let mut client = match imap::Client::open(wire, &options).await {
        Ok(client) => client,
        Err(error) => {
            found.trials.push(Tried::unknown(Trial::Login, error.to_string()));
            return;
        }
    };
    let began = Instant::now();
    if let Err(error) = client.login(&login).await {
        let (is_auth, is_transient) = (error.is_auth(), error.is_transient());
        found.trials.push(refused(is_auth, is_transient, error.to_string()));
        return;
    }
    let method = client.login_method().unwrap_or("PREAUTH").to_owned();
    passed(found, began, format!("logged in by {method}"));
    found.offered_to_user = Some(client.capabilities().names().to_vec());

    let mut lines = Vec::new();
    let asked = client
        .raw(b"NAMESPACE", &mut |octets| {
            lines.push(String::from_utf8_lossy(octets).trim_end().to_owned());
        })
        .await;
    let told = lines
        .iter()
        .find(|line| line.get(..11).is_some_and(|start| start.eq_ignore_ascii_case("* NAMESPACE")));
    found.trials.push(match (asked, told) {
        (Ok(_), Some(line)) => Tried::yes(Trial::Namespaces, line.clone()),
        (Ok(reply), None) => Tried::no(Trial::Namespaces, reply.to_string()),
        (Err(error), _) => Tried::unknown(Trial::Namespaces, error.to_string()),
    });

    let inbox = Mailbox::from_name("INBOX", false);
    let first = match client.select(&inbox, true).await {
        Ok(selected) => Ok(selected.uid_validity),
        Err(error) => Err(error.to_string()),
    };
    let can_idle = client.capabilities().has("IDLE") || client.capabilities().has("IMAP4rev2");
    if first.is_ok() && can_idle {
        found.trials.push(match client.wait_for_change(IDLE).await {
            Ok(_) => match client.noop().await {
                Ok(()) => Tried::yes(Trial::Idle, "IDLE, DONE and NOOP are taken"),
                Err(error) => Tried::unknown(Trial::Idle, error.to_string()),
            },
            Err(error @ imap::Error::Refused { .. }) => Tried::no(Trial::Idle, error.to_string()),
            Err(error) => Tried::unknown(Trial::Idle, error.to_string()),
        });
    } else if first.is_ok() {
        found.trials.push(Tried::no(Trial::Idle, "IDLE is not offered"));
    }
    // The server was asked all; whether it says goodbye does not matter.
    let _ = client.logout().await;
    drop(permit);

    let second = match &first {
        Err(why) => Err(why.clone()),
        Ok(_) => again(peer, way, connector, &login, &options, &inbox).await,
    };
    found.trials.push(match (first, second) {
        (Ok(first), Ok(second)) => {
            let words =
                format!("UIDVALIDITY {} of INBOX, and {} in another session", first.0, second.0);
            match first == second && first.0 != 0 {
                true => Tried::yes(Trial::UidValidity, words),
                false => Tried::no(Trial::UidValidity, words),
            }
        }
        (Err(why), _) | (_, Err(why)) => Tried::unknown(Trial::UidValidity, why),
    });
}

/// UIDVALIDITY of INBOX in another session.
async fn again(
    peer: &Peer,
    way: &Way<'_>,
    connector: Option<&Connector>,
    login: &imap::Login<'_>,
    options: &imap::Options<'_>,
    inbox: &Mailbox<'_>,
) -> Result<UidValidity, String> {
    let line = begin(way, connector).await.map_err(|stop| stop.detail)?;
    let words = |error: imap::Error| format!("{}: {error}", peer.endpoint);
    let mut client = imap::Client::open(line.wire, options).await.map_err(words)?;
    client.login(login).await.map_err(words)?;
    let validity = client.select(inbox, true).await.map_err(words)?.uid_validity;
    // It has told what was asked.
    let _ = client.logout().await;
    Ok(validity)
}

async fn of_pop(
    found: &mut Endpoint,
    peer: &Peer,
    credential: &Credential,
    line: Line,
    connector: Option<&Connector>,
    manner: &Manner<'_>,
) {
    let starttls = connector.map_or(pop::StartTls::Never, pop::StartTls::Required);
    let method = match (peer.apop, peer.mechanism) {
        (true, _) => Some(pop::Method::Apop),
        (false, mechanism) => mechanism.map(pop::Method::Sasl),
    };
    let login = pop::Login {
        credential,
        method,
        allow_cleartext: peer.allow_cleartext,
        host: peer.endpoint.host(),
        port: peer.port,
    };
    let options = pop::Options { starttls, timeout: manner.net.timeout, ..pop::Options::default() };
    let mut client = match pop::Client::open(line.wire, &options).await {
        Ok(client) => client,
        Err(error) => {
            found.trials.push(Tried::unknown(Trial::Login, error.to_string()));
            return;
        }
    };
    let began = Instant::now();
    match client.login(&login).await {
        Ok(method) => passed(found, began, format!("logged in by {method}")),
        Err(error) => {
            let (is_auth, is_transient) = (error.is_auth(), error.is_transient());
            found.trials.push(refused(is_auth, is_transient, error.to_string()));
            return;
        }
    }
    let mut lines = Vec::new();
    if let Ok(reply) = client.command(&crate::pop::syntax::command::Command::Capa).await
        && reply.is_ok()
    {
        let told = client
            .lines(pop::Stage::Capabilities, |line| {
                lines.push(String::from_utf8_lossy(line).into_owned());
            })
            .await;
        found.offered_to_user = told.ok().map(|()| lines);
    }
    // All is known; nothing was marked for deletion.
    let _ = client.quit().await;
}

async fn of_smtp(
    found: &mut Endpoint,
    peer: &Peer,
    credential: &Credential,
    line: Line,
    connector: Option<&Connector>,
    manner: &Manner<'_>,
) {
    let starttls = connector.map_or(smtp::StartTls::Never, smtp::StartTls::Required);
    let login = smtp::Login {
        credential,
        mechanism: peer.mechanism,
        allow_cleartext: peer.allow_cleartext,
        host: peer.endpoint.host(),
        port: peer.port,
    };
    let options = smtp::Options {
        name: own_name(),
        starttls,
        timeout: manner.net.timeout,
        ..smtp::Options::default()
    };
    let mut client = match smtp::Client::open(line.wire, &options).await {
        Ok(client) => client,
        Err(error) => {
            found.trials.push(Tried::unknown(Trial::Login, error.to_string()));
            return;
        }
    };
    let began = Instant::now();
    match client.login(&login).await {
        Ok(mechanism) => passed(found, began, format!("logged in by {}", mechanism.name())),
        Err(error) => {
            let (is_auth, is_transient) = (error.is_auth(), error.is_transient());
            found.trials.push(refused(is_auth, is_transient, error.to_string()));
            return;
        }
    }
    // To a user more may be offered, and what is offered can be tried.
    let is_encrypted = found.session.tls.is_some();
    let mut talk = Dialogue::new(client.into_wire(), Protocol::Smtp);
    match talk.offer(Phase::Capabilities).await {
        Ok(offer) => {
            let who = Who::user(peer.user.as_deref().unwrap_or_default());
            let tried = extensions(&mut talk, &offer, &who, is_encrypted).await;
            found.trials.retain(|old| !tried.iter().any(|new| new.trial == old.trial));
            found.trials.extend(tried);
            found.offered_to_user = Some(offer.lines);
        }
        Err(stop) => {
            // What was tried before stands; what waited for the login is unknown.
            let offer = found.session.offer().cloned().unwrap_or_default();
            for (word, trial) in [
                ("8BITMIME", Trial::EightBit),
                ("SMTPUTF8", Trial::Utf8),
                ("SIZE", Trial::SizeKept),
            ] {
                if offer.has(word) && !found.trials.iter().any(|tried| tried.trial == trial) {
                    found.trials.push(untold(trial, &stop));
                }
            }
        }
    }
    // All is known.
    talk.leave().await;
}
