//! Sockets, and which protocol is spoken on each.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::rc::Rc;

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use tokio::net::{TcpListener, UnixListener};

use crate::net::Wire;
use crate::ui::{Exit, Failure};

/// What a listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// SMTP for mail from other servers.
    Smtp,
    /// Submission, after a login.
    Submission,
    /// LMTP.
    Lmtp,
    /// IMAP.
    Imap,
    /// POP3.
    Pop,
    /// NNTP.
    Nntp,
}

/// One listener's name, protocol, and whether TLS begins at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// As in the URL scheme and the line of JSON.
    pub name: &'static str,
    /// What is spoken.
    pub protocol: Protocol,
    /// TLS from the first octet.
    pub implicit_tls: bool,
}

const fn kind(name: &'static str, protocol: Protocol, implicit_tls: bool) -> Kind {
    Kind { name, protocol, implicit_tls }
}

/// All TCP listeners.
pub const KINDS: [Kind; 11] = [
    kind("smtp", Protocol::Smtp, false),
    kind("smtps", Protocol::Smtp, true),
    kind("submission", Protocol::Submission, false),
    kind("submissions", Protocol::Submission, true),
    kind("lmtp", Protocol::Lmtp, false),
    kind("imap", Protocol::Imap, false),
    kind("imaps", Protocol::Imap, true),
    kind("pop3", Protocol::Pop, false),
    kind("pop3s", Protocol::Pop, true),
    kind("nntp", Protocol::Nntp, false),
    kind("nntps", Protocol::Nntp, true),
];

/// `--port imap=1143`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port {
    /// Which listener.
    pub kind: Kind,
    /// Which port.
    pub port: u16,
}

impl std::str::FromStr for Port {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || KINDS.map(|kind| kind.name).join(", ");
        let (name, port) = text.split_once('=').ok_or("want PROTOCOL=PORT".to_owned())?;
        let kind = KINDS
            .into_iter()
            .find(|kind| kind.name == name)
            .ok_or_else(|| format!("{name:?} is none of {}", names()))?;
        let port = port.parse().map_err(|_| format!("{port:?} is no port"))?;
        Ok(Self { kind, port })
    }
}

/// What becomes of connections.
#[async_trait(?Send)]
pub trait Serve {
    /// Serves one connection to its end; `address` is the client's, unless it came over a Unix
    /// socket. What goes wrong on it is the client's to see.
    async fn serve(&self, kind: Kind, wire: Wire, address: Option<SocketAddr>);
}

/// Sockets that listen.
pub struct Listeners {
    tcp: Vec<(Kind, TcpListener, SocketAddr)>,
    unix: Option<UnixListener>,
}

impl Listeners {
    /// Binds every TCP listener, and LMTP on a Unix socket.
    ///
    /// # Errors
    /// A port that is taken, or an address that is not this machine's.
    pub async fn bind(address: IpAddr, ports: &[Port], lmtp: &Path) -> Result<Self> {
        let mut tcp = Vec::new();
        for kind in KINDS {
            let chosen = ports.iter().rev().find(|port| port.kind == kind);
            let port = chosen.map_or(0, |port| port.port);
            let listener = TcpListener::bind((address, port)).await.map_err(|error| {
                Failure::new(
                    Exit::Unavailable,
                    format!("cannot listen on {address} port {port} for {}: {error}", kind.name),
                )
            })?;
            // Those that it accepts inherit this. Without it, answers are only slower.
            let _ = rustix::net::sockopt::set_tcp_nodelay(&listener, true);
            let bound = listener.local_addr()?;
            tcp.push((kind, listener, bound));
        }
        let unix = UnixListener::bind(lmtp)
            .with_context(|| format!("cannot listen on {}", lmtp.display()))?;
        Ok(Self { tcp, unix: Some(unix) })
    }

    /// The ports, in the order of [`KINDS`].
    pub fn ports(&self) -> Vec<(&'static str, u16)> {
        self.tcp.iter().map(|(kind, _, address)| (kind.name, address.port())).collect()
    }

    /// Serves every connection from now on, each in a task of its own.
    pub fn serve(self, services: &Rc<dyn Serve>) {
        for (kind, listener, _) in self.tcp {
            let services = services.clone();
            tokio::task::spawn_local(async move {
                loop {
                    match listener.accept().await {
                        Ok((stream, peer)) => {
                            let wire = Wire::new(Box::new(stream));
                            let services = services.clone();
                            tokio::task::spawn_local(async move {
                                services.serve(kind, wire, Some(peer)).await;
                            });
                        }
                        Err(_) => pause().await,
                    }
                }
            });
        }
        if let Some(listener) = self.unix {
            let services = services.clone();
            tokio::task::spawn_local(async move {
                let kind = kind("lmtp", Protocol::Lmtp, false);
                loop {
                    match listener.accept().await {
                        Ok((stream, _)) => {
                            let wire = Wire::new(Box::new(stream));
                            let services = services.clone();
                            tokio::task::spawn_local(async move {
                                services.serve(kind, wire, None).await;
                            });
                        }
                        Err(_) => pause().await,
                    }
                }
            });
        }
    }
}

/// Out of descriptors: those in use have to be given back first.
async fn pause() {
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
}
