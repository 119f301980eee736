//! One endpoint, measured: its addresses, one conversation after the other, and what raw
//! hellos find. Judges nothing.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::budget::{Budget, Permit};
use super::certificate::Certificate;
use super::dialogue::Dialogue;
use super::facts::{
    self, Address, CertificateFault, Outcome, Protocol, Service, Session, Start, Stop, Taken,
    Trial, Verification,
};
use super::names::Names;
use super::plan::{Target, Tier};
use super::timing::{Phase, Timing, percentiles};
use super::trials::Who;
use super::{spoken, trials};
use crate::net::connect::addresses;
use crate::net::tls::{self, Connector, Settings, Verify};
use crate::net::{self, Wire};
use crate::open::{Context, Peer};

/// Addresses of one host that are tried until one answers.
const TRIED_ADDRESSES: usize = 4;

/// How long a server may take at a port that is only guessed.
const GUESS: Duration = Duration::from_secs(4);

/// How an endpoint is to be examined.
pub struct Manner<'a> {
    /// How connections are made.
    pub net: &'a net::Options,
    /// How many may be.
    pub budget: &'a Budget,
    /// Conversations in all, 1 or more.
    pub repeat: u32,
    /// List every suite and group.
    pub ciphers: bool,
    /// How far to go.
    pub tier: Tier,
    /// Who is asked for names of addresses and TLSA records.
    pub names: &'a Names,
    /// Where secrets come from.
    pub context: &'a Context,
}

/// The way to an endpoint at one of its addresses.
pub struct Way<'a> {
    endpoint: net::Endpoint,
    /// The kind of the endpoint.
    pub service: Service,
    net: net::Options,
    budget: &'a Budget,
    is_loopback: bool,
}

/// A connection, and the right to it.
pub struct Line {
    /// The connection.
    pub wire: Wire,
    /// How long it took to stand.
    pub took: Duration,
    /// Held for as long as the connection is used.
    pub permit: Permit,
}

impl Way<'_> {
    /// Connects.
    ///
    /// # Errors
    /// [`Stop`] where that cannot be, or the budget has no more.
    pub async fn connect(&self) -> Result<Line, Stop> {
        let permit = self.budget.take(self.endpoint.host(), self.is_loopback).await?;
        let connected = net::connect(&self.endpoint, &self.net)
            .await
            .map_err(|error| Stop::of(Phase::Tcp, &error))?;
        Ok(Line { wire: connected.wire, took: connected.timings.connect, permit })
    }

    /// A new connection, led to where TLS may begin.
    ///
    /// # Errors
    /// [`Stop`] where it does not come so far.
    pub async fn to_tls(&self) -> Result<Line, Stop> {
        let mut line = self.connect().await?;
        if self.service.tls == Start::Implicit {
            return Ok(line);
        }
        let mut talk = Dialogue::new(line.wire, self.service.protocol);
        talk.greeting().await?;
        if matches!(self.service.protocol, Protocol::Smtp | Protocol::Lmtp) {
            // RFC 3207 section 4.1: STARTTLS is an extension, which EHLO has to show first.
            talk.offer(Phase::Hello).await?;
        }
        talk.go_ahead().await?;
        line.wire = talk.into_wire();
        Ok(line)
    }

    /// A new conversation under TLS, where the server's next words are those behind EHLO; for
    /// a server without TLS in the clear. What it offers is asked for already.
    ///
    /// # Errors
    /// [`Stop`] where it does not come so far.
    pub async fn to_talk(&self, connector: Option<&Connector>) -> Result<(Dialogue, Permit), Stop> {
        let implicit = self.service.tls == Start::Implicit;
        let line = match connector {
            Some(_) => self.to_tls().await?,
            None => self.connect().await?,
        };
        let mut talk = Dialogue::new(line.wire, self.service.protocol);
        if let Some(connector) = connector {
            talk.start_tls(connector).await.map_err(|error| Stop::of(Phase::Tls, &error))?;
        }
        if implicit || connector.is_none() {
            talk.greeting().await?;
        }
        talk.offer(Phase::Capabilities).await?;
        Ok((talk, line.permit))
    }
}

/// A conversation, and what was wrong with TLS in it.
struct Talk {
    session: Session,
    fault: Option<tls::Error>,
    trials: Vec<facts::Tried>,
}

/// Measures one endpoint.
///
/// # Errors
/// Only for TLS settings that cannot be followed; whatever the server does is a fact.
pub async fn measure(target: &Target, peer: &Peer, manner: &Manner<'_>) -> Result<facts::Endpoint> {
    let service = target.service(peer.mode);
    let host = target.endpoint.host();
    let mut found = facts::Endpoint {
        url: target.url.clone(),
        service,
        host: host.to_owned(),
        loopback: target.endpoint.is_loopback(),
        addresses: Vec::new(),
        session: Session::default(),
        verification: None,
        spoken: None,
        percentiles: Vec::new(),
        failed_runs: 0,
        trials: Vec::new(),
        offered_to_user: None,
    };
    let net = match target.is_guess {
        // What nobody has told of is not worth a long wait.
        true => net::Options {
            timeout: manner.net.timeout.map(|timeout| timeout.min(GUESS)),
            ..manner.net.clone()
        },
        false => manner.net.clone(),
    };
    let manner = &Manner { net: &net, ..*manner };
    let (candidates, lookup) = match candidates(&target.endpoint, manner.net).await {
        Ok(found) => found,
        Err(stop) => {
            found.session.stop = Some(stop);
            return Ok(found);
        }
    };

    let mut open = None;
    for candidate in candidates.iter().take(TRIED_ADDRESSES) {
        let way = way(candidate, service, manner);
        match try_address(candidate, &way, &mut found.addresses).await {
            Ok(line) => {
                open = Some((way, line));
                break;
            }
            // What is certain gives way to what is not: one silent address may yet live.
            Err(stop) => match &found.session.stop {
                Some(before) if !before.is_certain() => {}
                _ => found.session.stop = Some(stop),
            },
        }
    }
    let Some((way, line)) = open else { return Ok(found) };

    let (verifying, trusting) = match service.tls {
        Start::Never => (None, None),
        Start::Implicit | Start::Starttls => {
            let any = Settings { verify: Verify::Nothing, ..peer.settings().clone() };
            let trusting = Connector::new(host, &any).map_err(net::Error::from)?;
            (Some(peer.connector()?), Some(trusting))
        }
    };
    let mut begun = start(lookup, line.took);
    let mut talk = converse(&way, line, verifying.as_ref(), true).await;
    let mut connector = verifying.as_ref();
    let bad = talk.fault.as_ref().filter(|fault| fault.is_certificate()).cloned();
    if bad.is_some()
        && let Ok(line) = way.connect().await
    {
        // The same once more without verification, to see the chain and what is behind it.
        let took = line.took;
        let again = converse(&way, line, trusting.as_ref(), true).await;
        if again.session.tls.is_some() {
            begun = start(lookup, took);
            talk = again;
            connector = trusting.as_ref();
        }
    }
    found.verification = verification(peer.settings(), bad.as_ref(), &talk.session);
    begun.append(&mut talk.session.phases);
    talk.session.phases = begun;
    found.session = talk.session;
    found.trials = talk.trials;

    let mut runs = vec![found.session.phases.clone()];
    for _ in 1..manner.repeat {
        match once_more(target, &way, connector, manner.net).await {
            Some(run) => runs.push(run),
            None => found.failed_runs += 1,
        }
    }
    if manner.repeat > 1 {
        found.percentiles = percentiles(&runs);
    }
    depth(&mut found, target, peer, &way, connector, manner).await;
    other_families(&candidates, service, manner, &mut found.addresses).await;
    Ok(found)
}

/// All that needs connections of its own.
async fn depth(
    found: &mut facts::Endpoint,
    target: &Target,
    peer: &Peer,
    way: &Way<'_>,
    connector: Option<&Connector>,
    manner: &Manner<'_>,
) {
    let may_begin = match found.service.tls {
        Start::Implicit => true,
        Start::Starttls => found.session.go_ahead.is_some(),
        Start::Never => false,
    };
    let host = target.endpoint.host();
    let is_under_tls = found.session.tls.is_some();
    let known: &facts::Endpoint = found;
    let raw = async {
        match may_begin {
            true => Some(spoken::measure(way, host, manner.ciphers).await),
            false => None,
        }
    };
    let handshakes = async {
        match is_under_tls {
            true => trials::handshakes(known, target, peer, way, connector, manner).await,
            false => Vec::new(),
        }
    };
    let names = trials::reverse(known, manner);
    let active = trials::active(known, way, connector.filter(|_| is_under_tls), manner);
    let (spoken, handshakes, names, active) = tokio::join!(raw, handshakes, names, active);
    if let Some((spoken, mut tried)) = spoken {
        found.spoken = Some(spoken);
        found.trials.append(&mut tried);
    }
    for mut tried in [handshakes, names, active] {
        found.trials.append(&mut tried);
    }
    let is_new = found.spoken.as_ref().is_some_and(|spoken| {
        spoken.versions.iter().any(|version| {
            version.version == "TLS 1.3" && matches!(version.taken, Taken::Yes { .. })
        })
    });
    if is_new && !found.trials.iter().any(|tried| tried.trial == Trial::Nameless) {
        found.trials.extend(trials::of_newest(found, peer, way).await);
    }
    if is_hidden_by_somebody(found) {
        found.trials.push(trials::unoffered(way).await);
    }
    if peer.user.is_some() && (is_under_tls || peer.allow_cleartext) {
        trials::login(found, peer, way, manner).await;
    }
}

/// Whether the server does not offer STARTTLS where it should: it may, and somebody between
/// strikes that out.
fn is_hidden_by_somebody(found: &facts::Endpoint) -> bool {
    found.service.tls == Start::Starttls
        && found.session.go_ahead.is_none()
        && found.session.before.as_ref().is_some_and(|offer| !offer.starttls)
}

/// An address and the endpoint that it makes; `None` for a Unix socket.
type Candidate = (Option<SocketAddr>, net::Endpoint);

/// Where the endpoint leads, and how long it took to find out; `None` where nothing had to be
/// looked up.
async fn candidates(
    endpoint: &net::Endpoint,
    options: &net::Options,
) -> Result<(Vec<Candidate>, Option<Duration>), Stop> {
    let net::Endpoint::Tcp { host, port } = endpoint else {
        return Ok((vec![(None, endpoint.clone())], None));
    };
    let (target, target_port) = options.target(host, *port);
    if options.proxies.proxy_for(&target).is_some() {
        // The proxy looks the name up, and chooses among the addresses.
        return Ok((vec![(None, net::Endpoint::tcp(target, target_port))], None));
    }
    let begun = Instant::now();
    let list =
        addresses(host, *port, options).await.map_err(|error| Stop::of(Phase::Dns, &error))?;
    let took = host.parse::<IpAddr>().is_err().then(|| begun.elapsed());
    let list = list
        .into_iter()
        .map(|address| {
            (Some(address), net::Endpoint::tcp(address.ip().to_string(), address.port()))
        })
        .collect();
    Ok((list, took))
}

fn way<'a>(candidate: &Candidate, service: Service, manner: &Manner<'a>) -> Way<'a> {
    // --connect-to was obeyed already, and must not lead an address to yet another place.
    let mut net = net::Options { connect_to: Vec::new(), ..manner.net.clone() };
    if candidate.0.is_some() {
        // That no proxy is used was decided by the name.
        net.proxies = net::proxy::Rules::default();
    }
    let is_loopback = candidate.1.is_loopback();
    Way { endpoint: candidate.1.clone(), service, net, budget: manner.budget, is_loopback }
}

async fn try_address(
    candidate: &Candidate,
    way: &Way<'_>,
    tried: &mut Vec<Address>,
) -> Result<Line, Stop> {
    let result = way.connect().await;
    let outcome = match &result {
        Ok(line) => Outcome::Connected { took: line.took },
        Err(stop) => Outcome::Failed { kind: stop.kind, detail: stop.detail.clone() },
    };
    tried.push(Address {
        address: candidate.1.to_string(),
        ip: candidate.0.map(|address| address.ip()),
        outcome,
    });
    result
}

fn start(lookup: Option<Duration>, connect: Duration) -> Vec<Timing> {
    let mut phases = Vec::new();
    if let Some(took) = lookup {
        phases.push(Timing { phase: Phase::Dns, took });
    }
    phases.push(Timing { phase: Phase::Tcp, took: connect });
    phases
}

/// One conversation; with `asks`, what can be asked in it of SMTP is asked at its end.
async fn converse(way: &Way<'_>, line: Line, connector: Option<&Connector>, asks: bool) -> Talk {
    let mut talk = Talk { session: Session::default(), fault: None, trials: Vec::new() };
    let mut dialogue = Dialogue::new(line.wire, way.service.protocol);
    match walk(&mut dialogue, way.service, connector, &mut talk, asks).await {
        Ok(()) => {
            if asks && let Some(offer) = talk.session.offer() {
                let is_encrypted = talk.session.tls.is_some();
                let who = Who::nobody(way.service.role);
                let mut tried = trials::extensions(&mut dialogue, offer, &who, is_encrypted).await;
                talk.trials.append(&mut tried);
            }
            dialogue.leave().await;
        }
        Err(stop) => talk.session.stop = Some(stop),
    }
    talk
}

/// The conversation from its first word on, each step written down as it is done.
async fn walk(
    dialogue: &mut Dialogue,
    service: Service,
    connector: Option<&Connector>,
    talk: &mut Talk,
    asks: bool,
) -> Result<(), Stop> {
    let implicit = service.tls == Start::Implicit;
    if implicit {
        handshake(dialogue, connector, talk).await?;
    }
    let begun = Instant::now();
    talk.session.greeting = Some(dialogue.greeting().await?);
    passed(talk, Phase::Banner, begun);
    let phase = if implicit { Phase::Capabilities } else { Phase::Hello };
    let begun = Instant::now();
    let offer = dialogue.offer(phase).await?;
    passed(talk, phase, begun);
    if implicit {
        talk.session.after = Some(offer);
        return Ok(());
    }
    let goes_on = offer.starttls && service.tls == Start::Starttls;
    talk.session.before = Some(offer);
    if !goes_on {
        return Ok(());
    }
    if asks && service.role == facts::Role::Submission {
        talk.trials.extend(trials::mail_in_the_clear(dialogue).await);
    }
    let begun = Instant::now();
    talk.session.go_ahead = Some(dialogue.go_ahead().await?);
    passed(talk, Phase::Starttls, begun);
    handshake(dialogue, connector, talk).await?;
    let begun = Instant::now();
    talk.session.after = Some(dialogue.offer(Phase::Capabilities).await?);
    passed(talk, Phase::Capabilities, begun);
    Ok(())
}

async fn handshake(
    dialogue: &mut Dialogue,
    connector: Option<&Connector>,
    talk: &mut Talk,
) -> Result<(), Stop> {
    let Some(connector) = connector else { return Ok(()) };
    let begun = Instant::now();
    if let Err(error) = dialogue.start_tls(connector).await {
        if let net::Error::Tls(fault) = &error {
            talk.fault = Some(fault.clone());
        }
        return Err(Stop::of(Phase::Tls, &error));
    }
    passed(talk, Phase::Tls, begun);
    talk.session.tls = dialogue.wire().tls().map(|session| facts::Tls {
        version: session.version.clone(),
        cipher: session.cipher.clone(),
        group: session.group.clone(),
        chain: session.chain.iter().filter_map(|der| Certificate::read(der)).collect(),
    });
    talk.trials.extend(dialogue.wire().tls().map(trials::staple).unwrap_or_default());
    Ok(())
}

fn passed(talk: &mut Talk, phase: Phase, begun: Instant) {
    talk.session.phases.push(Timing { phase, took: begun.elapsed() });
}

fn verification(
    settings: &Settings,
    bad: Option<&tls::Error>,
    session: &Session,
) -> Option<Verification> {
    if let Some(error) = bad {
        let fault = CertificateFault::of(&error.fault)?;
        return Some(Verification::Failed { fault, detail: error.to_string() });
    }
    session.tls.as_ref()?;
    Some(match settings.verify {
        Verify::Nothing => Verification::Unknown { detail: "--insecure was given".into() },
        Verify::System | Verify::Roots(_) | Verify::Pins(_) | Verify::Dane(_) => {
            Verification::Verified
        }
    })
}

/// One more run from the lookup on; `None` when it did not come through.
async fn once_more(
    target: &Target,
    way: &Way<'_>,
    connector: Option<&Connector>,
    options: &net::Options,
) -> Option<Vec<Timing>> {
    let (_, lookup) = candidates(&target.endpoint, options).await.ok()?;
    let line = way.connect().await.ok()?;
    let connect = line.took;
    let mut talk = converse(way, line, connector, false).await;
    if talk.session.stop.is_some() {
        return None;
    }
    let mut phases = start(lookup, connect);
    phases.append(&mut talk.session.phases);
    Some(phases)
}

/// Connects once to each family that no address was tried of.
async fn other_families(
    candidates: &[Candidate],
    service: Service,
    manner: &Manner<'_>,
    tried: &mut Vec<Address>,
) {
    for candidate in candidates {
        let Some(address) = candidate.0 else { continue };
        let is_tried =
            tried.iter().filter_map(|tried| tried.ip).any(|ip| ip.is_ipv6() == address.is_ipv6());
        if is_tried {
            continue;
        }
        let way = way(candidate, service, manner);
        if let Ok(mut line) = try_address(candidate, &way, tried).await {
            // That it could be reached is all that was asked.
            let _ = line.wire.shutdown().await;
        }
    }
}
