//! One connection, from its first octet to its last, by the protocol of its listener.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::Notify;

use super::faults::Faults;
use super::hidden;
use super::limits::Limits;
use super::listeners::{Kind, Protocol, Serve};
use super::news::News;
use super::personalities::Like;
use super::post::{Office, Post};
use super::proxy::Upstream;
use super::users::{Drops, Users, logins};
use crate::imap;
use crate::net::stop::{Cause, Stop};
use crate::net::tls::Acceptor;
use crate::net::transcript::{Event, Redactor, Transcript};
use crate::net::wire::Tap;
use crate::net::{Error, Wire};
use crate::nntp;
use crate::pop;
use crate::sasl::Mechanism;
use crate::smtp;
use crate::ui::report;

/// Octets that a client's pipelined commands may be ahead of the answers that it has read.
const READ_AHEAD_OCTETS: usize = 256 * 1024;

/// Those who do not read would keep the server for ever.
const GOODBYE: Duration = Duration::from_millis(500);

/// What all connections share.
pub struct Services {
    smtp: smtp::server::Service,
    submission: smtp::server::Service,
    lmtp: smtp::server::Service,
    pop: pop::server::Service,
    nntp: nntp::server::Service,
    imap: Rc<imap::server::Server>,
    users: Rc<Users>,
    implicit: Acceptor,
    starttls: Option<Acceptor>,
    upstream: Option<Upstream>,
    faults: Rc<Faults>,
    transcript: Option<Rc<dyn Transcript>>,
    redactor: Rc<Redactor>,
    connections: Cell<u32>,
    /// Connections at the moment, and how many there may be.
    open: Cell<u32>,
    most_open: u32,
    start: Instant,
    stop: Stop,
    /// Told when the last connection has ended.
    closed: Notify,
}

/// Counts a connection for as long as it lives.
struct Open<'a>(&'a Services);

impl<'a> Open<'a> {
    fn new(services: &'a Services) -> Self {
        services.open.set(services.open.get() + 1);
        Self(services)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let open = self.0.open.get() - 1;
        self.0.open.set(open);
        if open == 0 {
            self.0.closed.notify_one();
        }
    }
}

/// The mechanisms of AUTH: GSSAPI with a keytab; where `any_user` has a mailbox, ANONYMOUS, and
/// none that proves that both sides know a password, as there is none to know.
pub fn mechanisms(any_user: bool, has_keytab: bool) -> Vec<Mechanism> {
    Mechanism::ALL
        .into_iter()
        .filter(|mechanism| match mechanism {
            Mechanism::Anonymous => any_user,
            Mechanism::Gssapi => has_keytab,
            mechanism => !any_user || !mechanism.needs_stored_password(),
        })
        .collect()
}

/// What the services are made of.
pub struct Parts<'a> {
    /// The server's name.
    pub host: String,
    /// Who has mail here.
    pub users: Rc<Users>,
    /// Where mail by SMTP goes.
    pub office: Rc<Office>,
    /// The newsgroups.
    pub news: Rc<News>,
    /// TLS from the first octet.
    pub implicit: Acceptor,
    /// TLS behind STARTTLS and STLS; `None`: they are not offered.
    pub starttls: Option<Acceptor>,
    /// Passwords may cross in the clear.
    pub allow_cleartext: bool,
    /// What clients may log in by.
    pub mechanisms: Vec<Mechanism>,
    /// Capabilities that are not told.
    pub hidden: Vec<String>,
    /// Whose capabilities and mistakes to have.
    pub like: Option<Like>,
    /// How much a client may ask for.
    pub limits: Limits<'a>,
    /// A real server in place of our own.
    pub upstream: Option<Upstream>,
    /// What disturbs connections.
    pub faults: Rc<Faults>,
    /// Who listens to the dialogues.
    pub transcript: Option<Rc<dyn Transcript>>,
    /// Secrets to blot out of them.
    pub redactor: Rc<Redactor>,
}

impl Services {
    /// Ready to serve.
    pub fn new(parts: Parts<'_>) -> Rc<Self> {
        let mechanisms: Vec<&str> = parts.mechanisms.iter().map(|it| it.name()).collect();
        let office = &parts.office;
        let service = |mode, protocol| {
            let mut settings = smtp::server::Settings::new(&parts.host, mode, &mechanisms);
            settings.allow_cleartext = parts.allow_cleartext;
            if let Some(like) = parts.like {
                like.smtp(&mut settings);
            }
            parts.limits.smtp(&mut settings);
            settings.offer.starttls &= parts.starttls.is_some();
            hidden::smtp(&mut settings, &parts.hidden);
            smtp::server::Service {
                settings: Rc::new(settings),
                delivery: Rc::new(Post { office: office.clone(), protocol }),
                acceptor: parts.starttls.clone(),
            }
        };
        Rc::new(Self {
            smtp: service(smtp::server::Mode::Smtp, "smtp"),
            submission: service(smtp::server::Mode::Submission, "submission"),
            lmtp: service(smtp::server::Mode::Lmtp, "lmtp"),
            imap: Rc::new(imap::server::Server {
                accounts: parts.users.clone(),
                acceptor: parts.starttls.clone(),
                settings: {
                    let mut hidden = parts.hidden.clone();
                    if let Some(like) = parts.like {
                        let names = hidden::imap_names(&[]).into_iter();
                        hidden.extend(like.hidden(names.chain(["LITERAL-".to_owned()])));
                    }
                    let mut settings = imap::server::Settings {
                        host: parts.host.clone(),
                        allow_cleartext: parts.allow_cleartext,
                        mechanisms: parts.mechanisms.clone(),
                        hidden,
                        gmail: parts.like == Some(Like::Gmail),
                        ..imap::server::Settings::default()
                    };
                    parts.limits.imap(&mut settings);
                    settings
                },
            }),
            users: parts.users.clone(),
            pop: {
                let mut settings = pop::server::Settings::new(&parts.host, &mechanisms);
                settings.apop = parts.users.knows_passwords();
                settings.allow_cleartext = parts.allow_cleartext;
                if let Some(like) = parts.like {
                    like.pop(&mut settings);
                }
                parts.limits.pop(&mut settings);
                settings.offer.stls &= parts.starttls.is_some();
                hidden::pop(&mut settings, &parts.hidden);
                pop::server::Service {
                    settings: Rc::new(settings),
                    maildrops: Rc::new(Drops(parts.users.clone())),
                    acceptor: parts.starttls.clone(),
                }
            },
            nntp: {
                let mut settings = nntp::server::Settings::new(&parts.host, &mechanisms);
                settings.allow_cleartext = parts.allow_cleartext;
                parts.limits.nntp(&mut settings);
                settings.offer.starttls &= parts.starttls.is_some();
                hidden::nntp(&mut settings, &parts.hidden);
                nntp::server::Service {
                    settings: Rc::new(settings),
                    newsroom: parts.news,
                    acceptor: parts.starttls.clone(),
                }
            },
            implicit: parts.implicit.clone(),
            starttls: parts.starttls.clone(),
            upstream: parts.upstream,
            faults: parts.faults,
            transcript: parts.transcript,
            redactor: parts.redactor,
            connections: Cell::new(0),
            open: Cell::new(0),
            most_open: parts.limits.connections(),
            start: Instant::now(),
            stop: Stop::default(),
            closed: Notify::new(),
        })
    }

    /// Ends all sessions: whoever is connected hears that the server goes, and has
    /// [`GOODBYE`] to take that.
    pub async fn end(&self) {
        self.stop.ask(Cause::Terminate);
        let all_closed = async {
            // An earlier moment without connections may be what is told first.
            while self.open.get() > 0 {
                self.closed.notified().await;
            }
        };
        let _ = tokio::time::timeout(GOODBYE, all_closed).await;
    }
}

#[async_trait(?Send)]
impl Serve for Services {
    async fn serve(&self, kind: Kind, mut wire: Wire, address: Option<SocketAddr>) {
        self.connections.set(self.connections.get() + 1);
        wire.set_read_ahead(READ_AHEAD_OCTETS);
        if let Some(transcript) = &self.transcript {
            let tap = Tap {
                transcript: transcript.clone(),
                redactor: self.redactor.clone(),
                connection: self.connections.get(),
                start: self.start,
            };
            let whom = match address {
                Some(address) => format!("{address} by {}", kind.name),
                None => format!("a Unix socket by {}", kind.name),
            };
            transcript.event(tap.connection, tap.start.elapsed(), &Event::Connected(&whom));
            wire.set_tap(tap);
        }
        wire.set_stop(self.stop.clone());
        let _open = Open::new(self);
        if self.open.get() > self.most_open {
            if !kind.implicit_tls {
                wire.queue(too_many(kind.protocol));
            }
            // Whether it hears that is its own affair.
            let _ = wire.shutdown().await;
            return;
        }
        if kind.implicit_tls && wire.accept_tls(&self.implicit).await.is_err() {
            return;
        }
        if let Some(upstream) = &self.upstream
            && upstream.protocol == kind.protocol
        {
            match upstream.serve(kind, &mut wire, self.starttls.as_ref()).await {
                Ok(()) | Err(Error::Closed | Error::Stopped(_)) => {}
                Err(error) => report::warning(&format!("--proxy: {error}")),
            }
            // Whether the client hears the end is its own affair.
            let _ = wire.shutdown().await;
            return;
        }
        let peer = smtp::server::Peer { address, ..smtp::server::Peer::default() };
        let hook = self.faults.hook(kind.protocol, address.map(|address| address.ip()));
        // An error ends one connection, and the next client does not care.
        let _ = match kind.protocol {
            Protocol::Smtp => smtp::server::serve(wire, &self.smtp, peer, hook).await,
            Protocol::Submission => smtp::server::serve(wire, &self.submission, peer, hook).await,
            Protocol::Lmtp => smtp::server::serve(wire, &self.lmtp, peer, hook).await,
            Protocol::Pop => pop::server::serve(wire, &self.pop, hook).await,
            Protocol::Nntp => nntp::server::serve(wire, &self.nntp, hook).await,
            Protocol::Imap => {
                let secrets = |subject: Option<&str>| logins(&self.users, subject);
                imap::server::serve(wire, self.imap.clone(), &secrets, hook).await
            }
        };
    }
}

/// The only words to a client for whom there is no room.
fn too_many(protocol: Protocol) -> &'static [u8] {
    match protocol {
        Protocol::Smtp | Protocol::Submission | Protocol::Lmtp => b"421 too many connections\r\n",
        Protocol::Pop => b"-ERR [SYS/TEMP] too many connections\r\n",
        Protocol::Imap => b"* BYE [UNAVAILABLE] too many connections\r\n",
        Protocol::Nntp => b"400 too many connections\r\n",
    }
}
