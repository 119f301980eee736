//! The way out for mail without a server of one's own: to the exchangers of each domain.
//!
//! What TLS an exchanger has to speak is [`crate::route`]'s to say; here a session is opened
//! accordingly. Where TLS is only opportunistic, a handshake that fails is followed by a
//! session without (RFC 7672 section 2.2), and a policy in testing is given up for that one
//! session, which the verdict says.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};

use super::args::EndpointOptions;
use super::context::Context;
use super::outgoing::{own_domain, smtp_error};
use super::peer;
use crate::net::tls::{self, Connector};
use crate::net::{self, Endpoint};
use crate::route::{self, Destination, Exchanger, Router, Security};
use crate::sasl::system_random;
use crate::smtp::client::{self, Client, Options, StartTls};
use crate::state;
use crate::store::PeerError as _;
use crate::ui::{Failure, report};

/// Sessions with different addresses of one exchanger that a message is given a chance by.
const ADDRESSES: usize = 8;

/// The addresses of one exchanger where a message had its chance.
#[derive(Debug, Default)]
pub struct Tried {
    addresses: Vec<IpAddr>,
    /// Sessions, those whose address only a proxy knows with them.
    attempts: usize,
}

impl Tried {
    /// One more; `None`: nobody knows which.
    pub fn add(&mut self, address: Option<SocketAddr>) {
        self.attempts += 1;
        self.addresses.extend(address.map(|address| address.ip()));
    }
}

/// Every address of an exchanger has been tried.
#[derive(Debug, thiserror::Error)]
#[error("all addresses of this exchanger were tried")]
pub struct NoMore;

/// Delivery to mail exchangers.
pub struct Direct {
    router: Router,
}

/// How a session with an exchanger came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// The exchanger's name.
    pub host: String,
    /// The address that answered.
    pub address: Option<SocketAddr>,
    /// What its domain asked for, in a word: see [`Security::as_str`].
    pub security: &'static str,
    /// The exchanger is the one meant: by TLSA records or by its certificate's name.
    pub is_verified: bool,
    /// What TLS negotiated; `None`: the session is in the clear.
    pub tls: Option<String>,
    /// Why it is less than asked for.
    pub note: Option<String>,
}

impl std::fmt::Display for Reached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.host)?;
        if let Some(address) = self.address {
            write!(f, " [{}]", address.ip())?;
        }
        let asked = match self.security {
            "dane" => "DANE",
            "dane-unusable" => "DANE (no usable TLSA record)",
            "mta-sts" => "MTA-STS",
            "mta-sts-testing" => "MTA-STS in testing",
            _ => "opportunistic",
        };
        write!(f, ": {asked}, ")?;
        match (&self.tls, self.is_verified) {
            (Some(tls), true) => write!(f, "verified, {tls}")?,
            (Some(tls), false) => write!(f, "not verified, {tls}")?,
            (None, _) => f.write_str("in the clear")?,
        }
        match &self.note {
            Some(note) => write!(f, " ({note})"),
            None => Ok(()),
        }
    }
}

impl Direct {
    /// Prepares delivery to exchangers. Of the endpoint options those about trust count:
    /// authorities for policies and for the exchangers that they verify.
    ///
    /// # Errors
    /// [`Failure`] for an option that has no place here, or a file that cannot be read.
    pub async fn new(options: &EndpointOptions, context: &Context) -> Result<Self> {
        let trusting = EndpointOptions {
            tls_min: None,
            tls_backend: None,
            ca_file: None,
            client_cert: None,
            client_key: None,
            ..options.clone()
        };
        if let Some(option) = trusting.first_given() {
            return Err(Failure::usage(format!("--{option} does not go with --direct"))
                .hint("exchangers ask for no login, and their domains say how TLS is verified")
                .into());
        }
        let settings = peer::settings(None, options)?;
        let mut seed = [0; 8];
        system_random(&mut seed);
        let policies = state::folder()?.join("mta-sts");
        let router =
            Router::new(&context.net, &settings, policies, u64::from_ne_bytes(seed)).await?;
        if !router.validates() {
            report::warning(
                "the resolver does not pass DNSSEC signatures on: no exchanger is verified by DANE",
            );
        }
        Ok(Self { router })
    }

    /// Finds where mail for a domain goes.
    ///
    /// # Errors
    /// As [`Router::destination`].
    pub async fn destination(&self, domain: &str) -> route::Result<Destination> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        self.router.destination(domain, i64::try_from(now).unwrap_or(i64::MAX)).await
    }

    /// Opens a session with one of a destination's exchangers: at its first address that takes
    /// one, but for those that were `tried` (RFC 5321 section 5.1: each address is tried until a
    /// delivery succeeds). Those where a server answered and no session came about are added.
    ///
    /// # Errors
    /// DNS, network, TLS and protocol errors; the next exchanger may do. [`NoMore`].
    pub async fn open(
        &self,
        destination: &Destination,
        host: &str,
        tried: &RefCell<Tried>,
        ehlo: Option<&str>,
        context: &Context,
    ) -> Result<(Client, Reached)> {
        let mut exchanger = self.router.exchanger(destination, host).await?;
        let is_led_elsewhere = context.net.target(&exchanger.host, route::PORT).0 != exchanger.host;
        let mut failed: Option<anyhow::Error> = None;
        loop {
            {
                let tried = tried.borrow();
                exchanger.addresses.retain(|address| !tried.addresses.contains(address));
                let is_over = tried.attempts > 0
                    && (is_led_elsewhere
                        || tried.addresses.is_empty()
                        || tried.attempts >= ADDRESSES);
                if exchanger.addresses.is_empty() || is_over {
                    return Err(failed.unwrap_or_else(|| NoMore.into()));
                }
            }
            let mut reached = None;
            match self.open_at(&exchanger, &mut reached, ehlo, context).await {
                Ok(opened) => return Ok(opened),
                Err(error) => {
                    tried.borrow_mut().add(reached);
                    // Where nobody answered, all have been tried at once.
                    if reached.is_none() {
                        return Err(failed.unwrap_or(error));
                    }
                    failed = Some(error);
                }
            }
        }
    }

    /// Opens a session at any address of the exchanger; `address`: the one that answered.
    async fn open_at(
        &self,
        exchanger: &Exchanger,
        address: &mut Option<SocketAddr>,
        ehlo: Option<&str>,
        context: &Context,
    ) -> Result<(Client, Reached)> {
        let (name, settings) = exchanger.security.tls(&exchanger.host, self.router.trust());
        let connector = Connector::new(&name, &settings).map_err(net::Error::from)?;
        let verifies = settings.verify != tls::Verify::Nothing;
        let is_testing = matches!(exchanger.security, Security::Testing { .. });
        let starttls = match exchanger.security.requires_tls() || is_testing && verifies {
            true => StartTls::Required(&connector),
            false => StartTls::IfOffered(&connector),
        };
        let failed = match session(exchanger, address, starttls, ehlo, context).await {
            Ok(client) => return Ok(reached(client, *address, exchanger, verifies, None)),
            Err(error) => error,
        };
        if !failed.is_tls() || exchanger.security.requires_tls() {
            return Err(told(failed, exchanger));
        }
        // The same server once more, where it is known.
        let same = Exchanger {
            addresses: address.map_or(exchanger.addresses.clone(), |it| vec![it.ip()]),
            ..exchanger.clone()
        };
        let exchanger = &same;
        let mut note = failed.to_string();
        if is_testing && verifies {
            let any = tls::Settings { verify: tls::Verify::Nothing, ..settings };
            let connector = Connector::new(&name, &any).map_err(net::Error::from)?;
            let starttls = StartTls::IfOffered(&connector);
            match session(exchanger, address, starttls, ehlo, context).await {
                Ok(client) => return Ok(reached(client, *address, exchanger, false, Some(note))),
                Err(error) if !error.is_tls() => return Err(told(error, exchanger)),
                Err(error) => note = error.to_string(),
            }
        }
        match session(exchanger, address, StartTls::Never, ehlo, context).await {
            Ok(client) => Ok(reached(client, *address, exchanger, false, Some(note))),
            Err(error) => Err(told(error, exchanger)),
        }
    }
}

async fn session(
    exchanger: &Exchanger,
    address: &mut Option<SocketAddr>,
    starttls: StartTls<'_>,
    ehlo: Option<&str>,
    context: &Context,
) -> std::result::Result<Client, client::Error> {
    let endpoint = Endpoint::tcp(exchanger.host.clone(), route::PORT);
    let connected = net::connect_at(&endpoint, &exchanger.addresses, &context.net)
        .await
        .map_err(|source| client::Error::Network { stage: client::Stage::Greeting, source })?;
    let options = Options {
        name: ehlo.map(str::to_owned).or_else(own_domain).unwrap_or_default(),
        starttls,
        timeout: context.net.timeout,
        ..Options::default()
    };
    *address = connected.address;
    Client::open(connected.wire, &options).await
}

fn told(error: client::Error, exchanger: &Exchanger) -> anyhow::Error {
    let whom = match exchanger.security.requires_tls() {
        true => format!("{} ({})", exchanger.host, exchanger.security.as_str()),
        false => exchanger.host.clone(),
    };
    Err::<(), _>(smtp_error(error))
        .context(whom)
        .err()
        .unwrap_or_else(|| anyhow::anyhow!("no error"))
}

fn reached(
    client: Client,
    address: Option<SocketAddr>,
    exchanger: &Exchanger,
    verifies: bool,
    note: Option<String>,
) -> (Client, Reached) {
    let tls = client.wire().tls().map(ToString::to_string);
    let note = match (&exchanger.security, note) {
        (Security::Testing { is_listed: false }, None) => {
            Some("the policy does not list this exchanger".to_owned())
        }
        (_, note) => note,
    };
    let reached = Reached {
        host: exchanger.host.clone(),
        address,
        security: exchanger.security.as_str(),
        is_verified: verifies && tls.is_some(),
        tls,
        note,
    };
    (client, reached)
}
