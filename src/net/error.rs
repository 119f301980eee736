//! What can go wrong between us and a peer before any protocol is spoken.

use std::net::SocketAddr;
use std::time::Duration;

use super::{proxy, stop, tls};

/// An error of the network, TLS included.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name does not exist.
    #[error("host {host} not found")]
    NotFound {
        /// The name.
        host: String,
    },
    /// The name could not be looked up now.
    #[error("cannot look up {host}: {detail}")]
    Lookup {
        /// The name.
        host: String,
        /// The resolver's words.
        detail: String,
    },
    /// No address of the host took the connection.
    #[error("cannot connect to {host} port {port}: {}", reasons(.attempts))]
    Connect {
        /// The name as asked for.
        host: String,
        /// TCP port.
        port: u16,
        /// Each address tried and why it failed, in the order tried.
        attempts: Vec<(SocketAddr, std::io::Error)>,
    },
    /// The Unix socket could not be reached.
    #[error("cannot connect to {path}: {source}")]
    Unix {
        /// Its path.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A proxy stands in between, and did not connect us.
    #[error("proxy {proxy}, asked for {target}: {fault}")]
    Proxy {
        /// Which one, without user and password.
        proxy: String,
        /// Where we wanted to go.
        target: String,
        /// What became of it.
        fault: proxy::Fault,
    },
    /// Nothing moved for too long.
    #[error("no answer within {}", seconds(.after))]
    Timeout {
        /// The deadline that passed.
        after: Duration,
    },
    /// The peer ended the connection.
    #[error("the connection was closed by the other side")]
    Closed,
    /// The socket failed.
    #[error("the connection broke: {0}")]
    Io(#[source] std::io::Error),
    /// A line without an end.
    #[error("the other side sent more than {limit} octets without a line end")]
    LineTooLong {
        /// How many we take.
        limit: usize,
    },
    /// Plaintext stood behind the go-ahead for TLS: a command injection.
    #[error(
        "{octets} octets of plaintext came behind the go-ahead for TLS: somebody may be injecting commands"
    )]
    PlaintextBehindTls {
        /// How many.
        octets: usize,
    },
    /// TLS itself.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// The run was to end before the peer had answered.
    #[error("{0}")]
    Stopped(stop::Cause),
    /// A setting that cannot work.
    #[error("{0}")]
    Setting(String),
}

fn reasons(list: &[(SocketAddr, std::io::Error)]) -> String {
    let words: Vec<String> = list
        .iter()
        .map(|(address, error)| format!("{}: {}", address.ip(), io_reason(error)))
        .collect();
    if words.is_empty() { "no address to try".into() } else { words.join("; ") }
}

fn io_reason(error: &std::io::Error) -> String {
    use std::io::ErrorKind as Kind;
    match error.kind() {
        Kind::ConnectionRefused => "connection refused".into(),
        Kind::TimedOut => "no answer".into(),
        Kind::NetworkUnreachable => "network unreachable".into(),
        Kind::HostUnreachable => "host unreachable".into(),
        _ => error.to_string(),
    }
}

fn seconds(time: &Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds.fract() == 0.0 { format!("{seconds} s") } else { format!("{seconds:.1} s") }
}

impl Error {
    /// Nothing came in time.
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::Timeout { .. } => true,
            Self::Proxy { fault: proxy::Fault::Network(error), .. } => error.is_timeout(),
            _ => false,
        }
    }

    /// The peer went away, politely or not.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed | Self::Io(_))
    }

    /// TLS is missing, broken or not verified.
    pub fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// The name does not exist, as opposed to "could not be asked".
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::NotFound { .. } => true,
            Self::Proxy { fault: proxy::Fault::Network(error), .. } => error.is_not_found(),
            _ => false,
        }
    }

    /// The peer sent what no protocol allows.
    pub fn is_protocol(&self) -> bool {
        match self {
            Self::LineTooLong { .. } | Self::PlaintextBehindTls { .. } => true,
            Self::Proxy { fault, .. } => fault.is_protocol(),
            _ => false,
        }
    }

    /// A proxy does not know us, or does not let us through.
    pub fn is_auth(&self) -> bool {
        matches!(self, Self::Proxy { fault, .. } if fault.is_auth())
    }

    /// A proxy refused for good, and not because of who we are.
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Proxy { fault: proxy::Fault::Refused(_), .. })
    }

    /// Worth trying again later, unchanged.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Lookup { .. }
            | Self::Connect { .. }
            | Self::Timeout { .. }
            | Self::Closed
            | Self::Io(_)
            | Self::Stopped(_)
            | Self::Unix { .. } => true,
            Self::Tls(error) => error.is_transient(),
            Self::Proxy { fault, .. } => fault.is_transient(),
            _ => false,
        }
    }

    /// What the user can do about it, in one line.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { .. } => Some("check the spelling of the host name".into()),
            Self::Connect { port, attempts, .. }
                if attempts
                    .iter()
                    .any(|(_, e)| e.kind() == std::io::ErrorKind::ConnectionRefused) =>
            {
                Some(format!("nothing listens on port {port} there: check host and port"))
            }
            Self::Tls(error) => error.hint(),
            Self::Proxy { fault, .. } => fault.hint(),
            _ => None,
        }
    }
}
