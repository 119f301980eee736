//! From a name to a connected [`Wire`]: `--connect-to`, the resolver, happy eyeballs
//! (RFC 8305), TCP options.

use std::cell::Cell;
use std::io::Read as _;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::net::{TcpSocket, TcpStream, UnixStream};

use super::dns::Resolver;
use super::proxy::{self, Proxy};
use super::transcript::{Event, Redactor, Transcript};
use super::wire::{Tap, Wire};
use super::{Error, Stop, deadline};

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Name or address (IPv6 without brackets), and TCP port.
    Tcp {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

impl Endpoint {
    /// A TCP endpoint.
    pub fn tcp(host: impl Into<String>, port: u16) -> Self {
        Self::Tcp { host: host.into(), port }
    }

    /// The name that TLS verifies; a Unix socket is `localhost`.
    pub fn host(&self) -> &str {
        match self {
            Self::Tcp { host, .. } => host,
            Self::Unix(_) => "localhost",
        }
    }

    /// Whether only this machine can be behind it.
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Tcp { host, .. } => {
                host.eq_ignore_ascii_case("localhost")
                    || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
            }
            Self::Unix(_) => true,
        }
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// One `--connect-to NAME:PORT:ADDR:PORT`: who asks for the first gets the second, while
/// SNI and verification keep the name. Empty parts of the pattern match anything, empty
/// parts of the target keep what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectTo {
    from_host: String,
    from_port: Option<u16>,
    to_host: String,
    to_port: Option<u16>,
}

impl std::str::FromStr for ConnectTo {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        loop {
            let (part, after) = match rest.strip_prefix('[') {
                Some(inner) => {
                    let (address, after) =
                        inner.split_once(']').ok_or("a [ without its ]".to_owned())?;
                    (address, after.strip_prefix(':'))
                }
                None => match rest.split_once(':') {
                    Some((part, after)) => (part, Some(after)),
                    None => (rest, None),
                },
            };
            parts.push(part);
            match after {
                Some(after) => rest = after,
                None => break,
            }
        }
        let [from_host, from_port, to_host, to_port] = parts[..] else {
            return Err("want NAME:PORT:ADDRESS:PORT".into());
        };
        let port = |text: &str| match text {
            "" => Ok(None),
            digits => digits.parse().map(Some).map_err(|_| format!("{digits:?} is no port")),
        };
        Ok(Self {
            from_host: from_host.to_owned(),
            from_port: port(from_port)?,
            to_host: to_host.to_owned(),
            to_port: port(to_port)?,
        })
    }
}

/// How connections are made: the same for every verb.
#[derive(Clone)]
pub struct Options {
    /// How long a peer may make no progress.
    pub timeout: Option<Duration>,
    /// Redirections, first match counts.
    pub connect_to: Vec<ConnectTo>,
    /// The DNS server to ask instead of the system.
    pub resolver: Option<SocketAddr>,
    /// Trust anchors in a file of DNSKEY records; answers are validated by DNSSEC then.
    pub trust_anchor: Option<PathBuf>,
    /// The local address to speak from.
    pub bind: Option<IpAddr>,
    /// What goes by a proxy.
    pub proxies: proxy::Rules,
    /// Who listens to what is said.
    pub transcript: Option<Rc<dyn Transcript>>,
    /// What is blotted out of it.
    pub redactor: Rc<Redactor>,
    /// Number of connections made so far.
    pub connections: Rc<Cell<u32>>,
    /// When the transcript's clock started.
    pub start: Instant,
    /// Whether the run is to end: nothing waits for a peer then.
    pub stop: Stop,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: None,
            connect_to: Vec::new(),
            resolver: None,
            trust_anchor: None,
            bind: None,
            proxies: proxy::Rules::default(),
            transcript: None,
            redactor: Rc::default(),
            connections: Rc::default(),
            start: Instant::now(),
            stop: Stop::default(),
        }
    }
}

impl Options {
    /// The deadline for a state: the user's where one was given, else the table's.
    pub fn deadline(&self, table: Duration) -> Duration {
        self.timeout.unwrap_or(table)
    }

    /// Where a connection to `host` and `port` is made instead, if `--connect-to` says so.
    pub fn target(&self, host: &str, port: u16) -> (String, u16) {
        let matching = self.connect_to.iter().find(|redirect| {
            (redirect.from_host.is_empty() || redirect.from_host.eq_ignore_ascii_case(host))
                && redirect.from_port.is_none_or(|from| from == port)
        });
        match matching {
            Some(redirect) => {
                let host = if redirect.to_host.is_empty() { host } else { &redirect.to_host };
                (host.to_owned(), redirect.to_port.unwrap_or(port))
            }
            None => (host.to_owned(), port),
        }
    }
}

/// How long it took to get there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timings {
    /// From the name to addresses; zero for an address or a Unix socket.
    pub lookup: Duration,
    /// From the first attempt to the connection that won.
    pub connect: Duration,
}

/// A connection and how it came about.
pub struct Connected {
    /// The connection.
    pub wire: Wire,
    /// The address that won; `None` for a Unix socket, and where only a proxy knows it.
    pub address: Option<SocketAddr>,
    /// Our own address; `None` where `address` is.
    pub own_address: Option<SocketAddr>,
    /// How long it took.
    pub timings: Timings,
}

/// Connects to `endpoint`.
///
/// All addresses are tried, IPv6 and IPv4 in turn, a new attempt each 250 ms while earlier
/// ones go on. Where a proxy is to be used, those are the addresses of the proxy, and the
/// server's name is not looked up here. Cancel-safe.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Lookup`], [`Error::Connect`] with the reason for each
/// address, [`Error::Unix`], [`Error::Proxy`].
pub async fn connect(endpoint: &Endpoint, options: &Options) -> Result<Connected, Error> {
    connect_at(endpoint, &[], options).await
}

/// As [`connect`], to the addresses that are known already of a host; `--connect-to` goes
/// before them. Without any, they are looked up. Cancel-safe.
///
/// # Errors
/// As [`connect`].
pub async fn connect_at(
    endpoint: &Endpoint,
    addresses: &[IpAddr],
    options: &Options,
) -> Result<Connected, Error> {
    let mut connected = options.stop.unless(connected(endpoint, addresses, options)).await?;
    connected.wire.set_stop(options.stop.clone());
    Ok(connected)
}

async fn connected(
    endpoint: &Endpoint,
    addresses: &[IpAddr],
    options: &Options,
) -> Result<Connected, Error> {
    let mut timings = Timings::default();
    let mut by = String::new();
    let mut own_address = None;
    let (mut wire, address) = match endpoint {
        Endpoint::Unix(path) => {
            let begun = Instant::now();
            let stream = UnixStream::connect(path)
                .await
                .map_err(|source| Error::Unix { path: path.display().to_string(), source })?;
            timings.connect = begun.elapsed();
            (Wire::new(Box::new(stream)), None)
        }
        Endpoint::Tcp { host, port } => {
            let (target, port) = options.target(host, *port);
            let known = if target == *host { addresses } else { &[] };
            match options.proxies.proxy_for(&target) {
                Some(proxy) => {
                    by = format!(" by {proxy}");
                    let wire = through(proxy, &target, port, options, &mut timings).await?;
                    (wire, None)
                }
                None => {
                    let (stream, address) =
                        dial(&target, port, known, options, &mut timings).await?;
                    own_address = stream.local_addr().ok();
                    let mut wire = Wire::new(Box::new(stream));
                    if let Some(own) = own_address {
                        wire.set_own_address(own.ip());
                    }
                    (wire, Some(address))
                }
            }
        }
    };
    wire.set_timeout(options.deadline(deadline::COMMAND));
    options.connections.set(options.connections.get() + 1);
    if let Some(transcript) = &options.transcript {
        let tap = Tap {
            transcript: transcript.clone(),
            redactor: options.redactor.clone(),
            connection: options.connections.get(),
            start: options.start,
        };
        let whom = match address {
            Some(address) => format!("{endpoint} ({address})"),
            None => format!("{endpoint}{by}"),
        };
        tap.transcript.event(tap.connection, tap.start.elapsed(), &Event::Connected(&whom));
        wire.set_tap(tap);
    }
    Ok(Connected { wire, address, own_address, timings })
}

/// Connects without a proxy, to the known addresses or to those that are looked up.
async fn dial(
    host: &str,
    port: u16,
    known: &[IpAddr],
    options: &Options,
    timings: &mut Timings,
) -> Result<(TcpStream, SocketAddr), Error> {
    let begun = Instant::now();
    let addresses = match known {
        [] => lookup(host, port, options).await?,
        known => in_turn(known.iter().map(|address| SocketAddr::new(*address, port)).collect()),
    };
    timings.lookup = begun.elapsed();
    let begun = Instant::now();
    let dialled = race(host, port, addresses, options).await?;
    timings.connect = begun.elapsed();
    Ok(dialled)
}

/// Connects to `host` through a proxy.
async fn through(
    proxy: &Proxy,
    host: &str,
    port: u16,
    options: &Options,
    timings: &mut Timings,
) -> Result<Wire, Error> {
    let name = ascii_name(host)?;
    if let Some(password) = proxy.password() {
        options.redactor.learn(password);
    }
    let begun = Instant::now();
    let asked = async {
        let (stream, _) = dial(proxy.host(), proxy.port(), &[], options, timings)
            .await
            .map_err(|error| proxy::Fault::Network(Box::new(error)))?;
        let mut wire = Wire::new(Box::new(stream));
        let limit = options.deadline(proxy::LIMIT);
        wire.set_timeout(limit);
        proxy::ask(proxy, &mut wire, &name, port, limit).await?;
        Ok(wire)
    };
    let wire = asked.await.map_err(|fault| Error::Proxy {
        proxy: proxy.to_string(),
        target: Endpoint::tcp(name.as_str(), port).to_string(),
        fault,
    })?;
    timings.connect = begun.elapsed().saturating_sub(timings.lookup);
    Ok(wire)
}

/// A host as DNS and proxies want it: an address without brackets, or a name in ASCII.
fn ascii_name(host: &str) -> Result<String, Error> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if bare.parse::<IpAddr>().is_ok() {
        return Ok(bare.to_owned());
    }
    idna::domain_to_ascii(bare)
        .ok()
        .filter(|name| {
            !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control())
        })
        .ok_or_else(|| Error::Setting(format!("{host:?} is no host name")))
}

/// Where `host` and `port` lead, `--connect-to` obeyed, in the order to try them. Cancel-safe.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Lookup`], [`Error::Setting`] for what is no host name.
pub async fn addresses(host: &str, port: u16, options: &Options) -> Result<Vec<SocketAddr>, Error> {
    let (target, port) = options.target(host, port);
    lookup(&target, port, options).await
}

/// Addresses of a host in the order to try them: the families in turn, the first family
/// the resolver named first (RFC 8305 section 4).
async fn lookup(host: &str, port: u16, options: &Options) -> Result<Vec<SocketAddr>, Error> {
    let name = ascii_name(host)?;
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let found: Vec<SocketAddr> = match (options.resolver, &options.trust_anchor) {
        (Some(_), _) | (_, Some(_)) => Resolver::new(options)?
            .addresses(&name)
            .await?
            .into_iter()
            .map(|address| SocketAddr::new(address, port))
            .collect(),
        (None, None) => match own_addresses(&name) {
            own if !own.is_empty() => {
                own.into_iter().map(|address| SocketAddr::new(address, port)).collect()
            }
            _ => tokio::net::lookup_host((name.as_str(), port))
                .await
                .map_err(|error| system_lookup(&name, &error))?
                .collect(),
        },
    };
    if found.is_empty() {
        return Err(Error::NotFound { host: host.to_owned() });
    }
    Ok(in_turn(found))
}

/// Octets of the system's own list of hosts that are looked through here.
const HOSTS_OCTETS: u64 = 64 * 1024;

/// The addresses of `localhost` as the system's own list has them, IPv6 first; none for any other
/// name, and where the list has none. No server is ever asked for that name (RFC 6761 section
/// 6.3), so that nothing here can hang: a thread for getaddrinfo would take as long as all the rest
/// of handing over a message.
fn own_addresses(name: &str) -> Vec<IpAddr> {
    if !name.eq_ignore_ascii_case("localhost") {
        return Vec::new();
    }
    let mut list = Vec::new();
    let read = std::fs::File::open("/etc/hosts")
        .and_then(|file| file.take(HOSTS_OCTETS + 1).read_to_end(&mut list));
    match read {
        Ok(octets) if octets as u64 <= HOSTS_OCTETS => loopback_of(&list),
        // The system's own resolver may have an index, and as much time as it likes.
        _ => Vec::new(),
    }
}

/// What hosts(5) gives for `localhost`; an entry that is no loopback address is left to the
/// system's own resolver to judge.
fn loopback_of(list: &[u8]) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = list
        .split(|octet| *octet == b'\n')
        .filter_map(|line| {
            let line = line.split(|octet| *octet == b'#').next().unwrap_or_default();
            let mut words = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
            let address = words.next()?.parse::<IpAddr>().ok()?;
            words.any(|name| name.eq_ignore_ascii_case("localhost")).then_some(address)
        })
        .collect();
    if !found.iter().all(IpAddr::is_loopback) {
        return Vec::new();
    }
    found.sort_by_key(IpAddr::is_ipv4);
    found.dedup();
    found
}

/// The families in turn, the first address' family first (RFC 8305 section 4).
fn in_turn(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = found.first().is_some_and(SocketAddr::is_ipv6);
    let (mut first, mut second): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    first.dedup();
    second.dedup();
    let mut ordered = Vec::with_capacity(first.len() + second.len());
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    loop {
        match (first.next(), second.next()) {
            (None, None) => return ordered,
            (a, b) => ordered.extend(a.into_iter().chain(b)),
        }
    }
}

/// getaddrinfo's error code does not come through the standard library; its text does
/// (untranslated, since this program sets no locale).
fn system_lookup(host: &str, error: &std::io::Error) -> Error {
    let text = error.to_string();
    let detail = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
    if detail.starts_with("Temporary failure") || detail.starts_with("System error") {
        Error::Lookup { host: host.to_owned(), detail: detail.to_owned() }
    } else {
        Error::NotFound { host: host.to_owned() }
    }
}

async fn race(
    host: &str,
    port: u16,
    addresses: Vec<SocketAddr>,
    options: &Options,
) -> Result<(TcpStream, SocketAddr), Error> {
    use self::attempts::Attempts;
    let limit = options.deadline(deadline::CONNECT).min(deadline::CONNECT);
    let mut failed = Vec::new();
    let mut waiting = addresses.into_iter();
    let mut attempts = Attempts::default();
    let Some(first) = waiting.next() else {
        return Err(Error::NotFound { host: host.to_owned() });
    };
    attempts.push(first, attempt(first, options.bind, limit));
    loop {
        let next = tokio::time::sleep(deadline::ATTEMPT_DELAY);
        tokio::select! {
            (address, outcome) = attempts.next() => match outcome {
                Ok(stream) => return Ok((stream, address)),
                Err(error) => {
                    failed.push((address, error));
                    match waiting.next() {
                        Some(address) => {
                            attempts.push(address, attempt(address, options.bind, limit));
                        }
                        None if attempts.is_empty() => {
                            return Err(Error::Connect {
                                host: host.to_owned(),
                                port,
                                attempts: failed,
                            });
                        }
                        None => {}
                    }
                }
            },
            () = next, if waiting.len() > 0 => {
                if let Some(address) = waiting.next() {
                    attempts.push(address, attempt(address, options.bind, limit));
                }
            }
        }
    }
}

async fn attempt(
    address: SocketAddr,
    bind: Option<IpAddr>,
    limit: Duration,
) -> std::io::Result<TcpStream> {
    let socket = if address.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
    if let Some(bind) = bind {
        socket.bind(SocketAddr::new(bind, 0))?;
    }
    let stream = tokio::time::timeout(limit, socket.connect(address))
        .await
        .map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A handful of connection attempts at once.
mod attempts {
    use std::future::{Future, poll_fn};
    use std::net::SocketAddr;
    use std::pin::Pin;
    use std::task::Poll;

    use tokio::net::TcpStream;

    type Attempt<'a> = Pin<Box<dyn Future<Output = std::io::Result<TcpStream>> + 'a>>;

    #[derive(Default)]
    pub(super) struct Attempts<'a>(Vec<(SocketAddr, Attempt<'a>)>);

    impl<'a> Attempts<'a> {
        pub(super) fn push(
            &mut self,
            address: SocketAddr,
            attempt: impl Future<Output = std::io::Result<TcpStream>> + 'a,
        ) {
            self.0.push((address, Box::pin(attempt)));
        }

        pub(super) fn is_empty(&self) -> bool {
            self.0.is_empty()
        }

        /// The next one to end; waits forever when there is none.
        pub(super) async fn next(&mut self) -> (SocketAddr, std::io::Result<TcpStream>) {
            poll_fn(|context| {
                for index in 0..self.0.len() {
                    if let Poll::Ready(outcome) = self.0[index].1.as_mut().poll(context) {
                        let (address, _) = self.0.swap_remove(index);
                        return Poll::Ready((address, outcome));
                    }
                }
                Poll::Pending
            })
            .await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connect_to_is_read_with_empty_parts_and_brackets() {
        let redirect: ConnectTo = "mail.example:993:[::1]:1993".parse().expect("parses");
        let options = Options { connect_to: vec![redirect], ..Options::default() };
        assert_eq!(options.target("mail.example", 993), ("::1".into(), 1993));
        assert_eq!(options.target("mail.example", 143), ("mail.example".into(), 143));
        let any: ConnectTo = "::127.0.0.1:".parse().expect("parses");
        let options = Options { connect_to: vec![any], ..Options::default() };
        assert_eq!(options.target("any.example", 25), ("127.0.0.1".into(), 25));
        assert!("a:b".parse::<ConnectTo>().is_err());
        assert!("a:x:b:1".parse::<ConnectTo>().is_err());
    }

    #[test]
    fn localhost_is_what_the_list_says_as_long_as_it_is_this_machine() {
        let of = |list: &str| {
            let all = loopback_of(list.as_bytes());
            all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            of("127.0.0.1 localhost\n::1\tip6-localhost LocalHost # mine\n"),
            "::1 127.0.0.1"
        );
        assert_eq!(of("127.0.0.1 vm localhost\n127.0.0.1 localhost"), "127.0.0.1");
        assert_eq!(of("# 127.0.0.1 localhost\nnonsense localhost\n127.0.1.1 vm"), "");
        assert_eq!(of("192.0.2.1 localhost\n127.0.0.1 localhost"), "", "left to the system");
        assert_eq!(loopback_of(b"\xff\xfe localhost\n127.0.0.1 localhost").len(), 1);
        assert!(own_addresses("localhost.example").is_empty());
        assert!(own_addresses("LOCALHOST").iter().all(IpAddr::is_loopback));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_dead_address_does_not_keep_a_live_one_waiting() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("listen");
        let live = listener.local_addr().expect("address");
        let closed = {
            let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("listen");
            socket.local_addr().expect("address")
        };
        let (_, won) = race("test", live.port(), vec![closed, live], &Options::default())
            .await
            .expect("connects");
        assert_eq!(won, live);
        let error = race("test", closed.port(), vec![closed], &Options::default())
            .await
            .expect_err("refused");
        assert!(error.to_string().contains("connection refused"), "{error}");
    }
}
