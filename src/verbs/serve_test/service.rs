//! One connection, from its first octet to its last, by the protocol of its listener.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use super::accepted::Log;
use super::faults::Faults;
use super::hidden;
use super::listeners::{Kind, Protocol};
use super::users::{Drops, Post, Users, logins};
use crate::imap;
use crate::net::Wire;
use crate::net::tls::Acceptor;
use crate::net::transcript::{Event, Redactor, Transcript};
use crate::net::wire::Tap;
use crate::pop;
use crate::sasl::Mechanism;
use crate::smtp;

/// What all connections share.
pub struct Services {
    smtp: smtp::server::Service,
    submission: smtp::server::Service,
    lmtp: smtp::server::Service,
    pop: pop::server::Service,
    imap: Rc<imap::server::Server>,
    users: Rc<Users>,
    acceptor: Acceptor,
    faults: Rc<Faults>,
    transcript: Option<Rc<dyn Transcript>>,
    redactor: Rc<Redactor>,
    connections: Cell<u32>,
    start: Instant,
}

/// The mechanisms of AUTH, by their IANA names.
pub fn mechanisms() -> Vec<&'static str> {
    Mechanism::ALL
        .iter()
        .filter(|mechanism| **mechanism != Mechanism::Anonymous)
        .map(|mechanism| mechanism.name())
        .collect()
}

/// What the services are made of.
pub struct Parts {
    /// The server's name.
    pub host: String,
    /// Who has mail here.
    pub users: Rc<Users>,
    /// TLS.
    pub acceptor: Acceptor,
    /// Passwords may cross in the clear.
    pub allow_cleartext: bool,
    /// Capabilities that are not told.
    pub hidden: Vec<String>,
    /// What came.
    pub log: Rc<Log>,
    /// What disturbs connections.
    pub faults: Rc<Faults>,
    /// Who listens to the dialogues.
    pub transcript: Option<Rc<dyn Transcript>>,
    /// Secrets to blot out of them.
    pub redactor: Rc<Redactor>,
}

impl Services {
    /// Ready to serve.
    pub fn new(parts: Parts) -> Rc<Self> {
        let mechanisms = mechanisms();
        let service = |mode, protocol| {
            let mut settings = smtp::server::Settings::new(&parts.host, mode, &mechanisms);
            settings.allow_cleartext = parts.allow_cleartext;
            hidden::smtp(&mut settings, &parts.hidden);
            smtp::server::Service {
                settings: Rc::new(settings),
                delivery: Rc::new(Post {
                    users: parts.users.clone(),
                    log: parts.log.clone(),
                    protocol,
                }),
                acceptor: Some(parts.acceptor.clone()),
            }
        };
        Rc::new(Self {
            smtp: service(smtp::server::Mode::Smtp, "smtp"),
            submission: service(smtp::server::Mode::Submission, "submission"),
            lmtp: service(smtp::server::Mode::Lmtp, "lmtp"),
            imap: Rc::new(imap::server::Server {
                accounts: parts.users.clone(),
                acceptor: Some(parts.acceptor.clone()),
                settings: imap::server::Settings {
                    host: parts.host.clone(),
                    allow_cleartext: parts.allow_cleartext,
                    hidden: parts.hidden.clone(),
                    ..imap::server::Settings::default()
                },
            }),
            users: parts.users.clone(),
            pop: {
                let mut settings = pop::server::Settings::new(&parts.host, &mechanisms);
                settings.allow_cleartext = parts.allow_cleartext;
                hidden::pop(&mut settings, &parts.hidden);
                pop::server::Service {
                    settings: Rc::new(settings),
                    maildrops: Rc::new(Drops(parts.users.clone())),
                    acceptor: Some(parts.acceptor.clone()),
                }
            },
            acceptor: parts.acceptor.clone(),
            faults: parts.faults,
            transcript: parts.transcript,
            redactor: parts.redactor,
            connections: Cell::new(0),
            start: Instant::now(),
        })
    }

    /// Serves one connection. What goes wrong on it is the client's to see, and the
    /// transcript's to tell.
    pub async fn serve(&self, kind: Kind, mut wire: Wire, address: Option<SocketAddr>) {
        self.connections.set(self.connections.get() + 1);
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
        if kind.implicit_tls && wire.accept_tls(&self.acceptor).await.is_err() {
            return;
        }
        let peer = smtp::server::Peer { address, ..smtp::server::Peer::default() };
        let hook = self.faults.hook(kind.protocol);
        // An error ends one connection, and the next client does not care.
        let _ = match kind.protocol {
            Protocol::Smtp => smtp::server::serve(wire, &self.smtp, peer, hook).await,
            Protocol::Submission => smtp::server::serve(wire, &self.submission, peer, hook).await,
            Protocol::Lmtp => smtp::server::serve(wire, &self.lmtp, peer, hook).await,
            Protocol::Pop => pop::server::serve(wire, &self.pop, hook).await,
            Protocol::Imap => {
                let secrets = |subject: Option<&str>| logins(&self.users, subject);
                imap::server::serve(wire, self.imap.clone(), &secrets, hook).await
            }
        };
    }
}
