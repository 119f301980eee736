//! `--proxy`: a real server behind a listener here, so that the dialogue can be recorded.
//!
//! Octets pass as they are, in both directions. Lines with secrets are told from others by the
//! protocol's own commands, so that no transcript has them. STARTTLS is done on both sides, with
//! a certificate of ours towards the client: what comes behind it is recorded too.

use anyhow::Result;

use super::listeners::{KINDS, Kind, Protocol};
use crate::base::location::{Location, SmtpEndpoint};
use crate::net::tls::{Acceptor, Connector, Settings};
use crate::net::{self, Endpoint, Error, Wire};
use crate::ui::Failure;

/// A real server.
pub struct Upstream {
    /// Which listeners lead to it.
    pub protocol: Protocol,
    endpoint: Endpoint,
    connector: Connector,
    implicit_tls: bool,
    options: net::Options,
}

impl Upstream {
    /// The server of a URL: `imaps://host`, `pop3s://host`, `submissions://host`, `nntps://host`
    /// over verified TLS, with the authority of `roots` (DER) where there are any; `imap://`,
    /// `pop3://`, `smtp://` and `nntp://` in the clear, as the client goes on with STARTTLS or not.
    ///
    /// # Errors
    /// [`Failure`] for what is no such URL.
    pub fn new(url: &str, settings: &Settings, options: &net::Options) -> Result<Self> {
        let wrong = || Failure::usage(format!("--proxy {url}: want a URL as imaps://host:993"));
        let (server, protocol, scheme) = match Location::parse(url)? {
            Location::Imap(url) => {
                let scheme = if url.implicit_tls { "imaps" } else { "imap" };
                (url.server.clone(), Protocol::Imap, scheme)
            }
            Location::Pop(url) => {
                let scheme = if url.implicit_tls { "pop3s" } else { "pop3" };
                (url.server.clone(), Protocol::Pop, scheme)
            }
            Location::Nntp(url) => {
                let scheme = if url.implicit_tls { "nntps" } else { "nntp" };
                (url.server.clone(), Protocol::Nntp, scheme)
            }
            Location::Smtp(url) => match &url.endpoint {
                SmtpEndpoint::Tcp(server) => {
                    let name = url.scheme.name();
                    let kind =
                        KINDS.into_iter().find(|kind| kind.name == name).ok_or_else(wrong)?;
                    (server.clone(), kind.protocol, kind.name)
                }
                SmtpEndpoint::Unix(_) => return Err(wrong().into()),
            },
            _ => return Err(wrong().into()),
        };
        let kind = KINDS.into_iter().find(|kind| kind.name == scheme).ok_or_else(wrong)?;
        let port = server.port.unwrap_or(match kind.name {
            "imap" => 143,
            "imaps" => 993,
            "pop3" => 110,
            "pop3s" => 995,
            "smtp" => 25,
            "smtps" | "submissions" => 465,
            "submission" => 587,
            "nntp" => 119,
            "nntps" => 563,
            _ => 24,
        });
        let connector = Connector::new(&server.host, settings).map_err(Error::from)?;
        let implicit_tls = kind.implicit_tls;
        let endpoint = Endpoint::tcp(server.host.clone(), port);
        Ok(Self { protocol, endpoint, connector, implicit_tls, options: options.clone() })
    }

    /// Passes one connection through to its end; `acceptor` is for STARTTLS, and without one
    /// what comes behind it cannot be read.
    ///
    /// # Errors
    /// Whatever ends it but one side's going.
    pub async fn serve(
        &self,
        kind: Kind,
        near: &mut Wire,
        acceptor: Option<&Acceptor>,
    ) -> Result<(), Error> {
        let mut far = net::connect(&self.endpoint, &self.options).await?.wire;
        if self.implicit_tls {
            far.start_tls(&self.connector).await?;
        }
        let mut reading = Reading::new(kind.protocol);
        // Octets at the front of what `near` holds that have been passed on.
        let mut passed = 0;
        loop {
            tokio::select! {
                filled = near.fill() => filled?,
                filled = far.fill() => filled?,
            };
            let held = near.buffered();
            far.queue(&held[passed..]);
            passed = held.len();
            while let Some((count, kind)) = reading.next(near.buffered()) {
                passed -= count;
                match kind {
                    Words::Protocol => near.consume(count),
                    Words::Secret => near.consume_secret(count),
                    Words::Content => near.consume_body(count),
                }
            }
            if passed >= LINE_OCTETS {
                // No command is so long.
                near.consume_body(passed);
                passed = 0;
            }
            // The answer to STARTTLS is heard by `secure`.
            let is_answer = reading.is_opaque && acceptor.is_some();
            if !is_answer && !far.buffered().is_empty() {
                let said = far.buffered().to_vec();
                far.consume(said.len());
                reading.heard(&said);
                match reading.is_opaque {
                    true => near.queue_secret(&said),
                    false => near.queue(&said),
                }
            }
            far.flush().await?;
            near.flush().await?;
            if let Some(acceptor) = acceptor.filter(|_| reading.is_opaque) {
                reading.is_opaque = false;
                self.secure(near, &mut far, acceptor).await?;
                passed = near.buffered().len();
            }
        }
    }

    /// Hears the answer to STARTTLS, and begins TLS on both sides where it is yes. Octets that
    /// either side sends before that end the connection.
    async fn secure(
        &self,
        near: &mut Wire,
        far: &mut Wire,
        acceptor: &Acceptor,
    ) -> Result<(), Error> {
        // Untagged responses may come before the answer of IMAP.
        loop {
            let length = far.line(LINE_OCTETS).await?;
            let line = far.buffered()[..length].to_vec();
            far.consume(length);
            near.queue(&line);
            if line.starts_with(b"* ") {
                continue;
            }
            if is_go_ahead(self.protocol, &line) {
                far.start_tls(&self.connector).await?;
                near.flush().await?;
                return near.accept_tls(acceptor).await;
            }
            return near.flush().await;
        }
    }
}

/// Whether the answer to STARTTLS or STLS is yes.
fn is_go_ahead(protocol: Protocol, line: &[u8]) -> bool {
    let mut words = line.split(|octet| octet.is_ascii_whitespace());
    let first = words.next().unwrap_or_default();
    match protocol {
        Protocol::Imap => words.next().is_some_and(|word| word.eq_ignore_ascii_case(b"OK")),
        Protocol::Pop => first == b"+OK",
        Protocol::Nntp => first == b"382",
        Protocol::Smtp | Protocol::Submission | Protocol::Lmtp => first == b"220",
    }
}

/// Octets of one line of a client.
const LINE_OCTETS: usize = 64 * 1024;

/// What octets of a client are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Words {
    Protocol,
    Secret,
    Content,
}

/// Reads a client's lines as far as telling secrets and content from commands needs.
struct Reading {
    protocol: Protocol,
    /// Between AUTH and its end every line is a secret.
    is_exchange: bool,
    /// Content up to a dot.
    is_dotted: bool,
    /// Octets of content, by BDAT or a literal.
    left: usize,
    /// STARTTLS was said: nothing can be read any more.
    is_opaque: bool,
}

impl Reading {
    fn new(protocol: Protocol) -> Self {
        Self { protocol, is_exchange: false, is_dotted: false, left: 0, is_opaque: false }
    }

    /// How many of the octets belong together, and what they are; `None`: more are wanted.
    fn next(&mut self, held: &[u8]) -> Option<(usize, Words)> {
        if held.is_empty() {
            return None;
        }
        if self.is_opaque {
            return Some((held.len(), Words::Secret));
        }
        if self.left > 0 {
            let count = held.len().min(self.left);
            self.left -= count;
            return Some((count, Words::Content));
        }
        let length = memchr::memchr(b'\n', held)? + 1;
        let line = held[..length].trim_ascii_end();
        if self.is_dotted {
            self.is_dotted = line != b".";
            return Some((length, Words::Content));
        }
        let is_secret = self.is_secret(line);
        if !is_secret && !self.is_exchange {
            let text = String::from_utf8_lossy(line).to_ascii_uppercase();
            let mut words = text.split_ascii_whitespace();
            match self.protocol {
                Protocol::Imap => {
                    self.is_opaque = words.nth(1) == Some("STARTTLS");
                    self.left = literal(&text).unwrap_or(0);
                }
                _ => match words.next() {
                    Some("STARTTLS" | "STLS") => self.is_opaque = true,
                    Some("BDAT") => {
                        self.left = words.next().and_then(|size| size.parse().ok()).unwrap_or(0);
                    }
                    _ => {}
                },
            }
        }
        Some((length, if is_secret { Words::Secret } else { Words::Protocol }))
    }

    fn is_secret(&mut self, line: &[u8]) -> bool {
        if self.is_exchange {
            return true;
        }
        let text = String::from_utf8_lossy(line).to_ascii_uppercase();
        let mut words = text.split_ascii_whitespace();
        if self.protocol == Protocol::Imap {
            words.next();
        }
        match words.next() {
            Some("AUTH" | "AUTHENTICATE") => {
                self.is_exchange = true;
                // The mechanism alone is none, an initial response is.
                words.nth(1).is_some()
            }
            Some("AUTHINFO") => match words.next() {
                Some("SASL") => {
                    self.is_exchange = true;
                    words.nth(1).is_some()
                }
                kind => kind == Some("PASS"),
            },
            Some("LOGIN" | "PASS" | "APOP") => true,
            _ => false,
        }
    }

    /// The server ends an exchange with anything but another challenge, and asks for content.
    fn heard(&mut self, octets: &[u8]) {
        let challenge: &[u8] = if self.protocol == Protocol::Nntp { b"383" } else { b"334" };
        let is_challenge = octets.starts_with(b"+ ") || octets.starts_with(challenge);
        if self.is_exchange && !is_challenge && !octets.starts_with(b"+\r") {
            self.is_exchange = false;
        }
        // The last line: the replies to a pipelined MAIL and RCPT stand before.
        let mut lines = octets.trim_ascii_end().rsplit(|octet| *octet == b'\n');
        let go_ahead: &[u8] = if self.protocol == Protocol::Nntp { b"340" } else { b"354" };
        if self.protocol != Protocol::Imap
            && lines.next().is_some_and(|line| line.starts_with(go_ahead))
        {
            self.is_dotted = true;
        }
    }
}

/// The octets of `{12}` or `{12+}` at the end of a line.
fn literal(text: &str) -> Option<usize> {
    let (_, digits) = text.strip_suffix('}')?.rsplit_once('{')?;
    digits.trim_end_matches('+').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(reading: &mut Reading, said: &[u8]) -> Vec<Words> {
        let (mut rest, mut all) = (said, Vec::new());
        while let Some((count, words)) = reading.next(rest) {
            rest = &rest[count..];
            all.push(words);
        }
        assert!(rest.is_empty(), "{rest:?}");
        all
    }

    #[test]
    fn secrets_and_content_are_told_from_commands() {
        use Words::{Content, Protocol as Plain, Secret};
        let mut imap = Reading::new(Protocol::Imap);
        assert_eq!(read(&mut imap, b"a LOGIN alice secret\r\n"), [Secret]);
        assert_eq!(read(&mut imap, b"b AUTHENTICATE PLAIN\r\n"), [Plain]);
        imap.heard(b"+ \r\n");
        assert_eq!(read(&mut imap, b"AGFsaWNlAHNlY3JldA==\r\n"), [Secret]);
        imap.heard(b"b OK\r\n");
        let append = b"c APPEND INBOX {5+}\r\na\r\nbc\r\nd STARTTLS\r\n\x16\x03";
        assert_eq!(read(&mut imap, append), [Plain, Content, Plain, Plain, Secret]);
        let mut smtp = Reading::new(Protocol::Smtp);
        assert_eq!(read(&mut smtp, b"auth plain AGFsaWNlAHNlY3JldA==\r\n"), [Secret]);
        smtp.heard(b"235 2.7.0 welcome\r\n");
        assert_eq!(read(&mut smtp, b"MAIL FROM:<a@b>\r\nDATA\r\n"), [Plain, Plain]);
        smtp.heard(b"250 ok\r\n354 go\r\n");
        assert_eq!(
            read(&mut smtp, b"PASS x\r\n.\r\nBDAT 3\r\nabc"),
            [Content, Content, Plain, Content]
        );
        let mut pop = Reading::new(Protocol::Pop);
        assert_eq!(read(&mut pop, b"USER alice\r\nPASS secret\r\n"), [Plain, Secret]);
        let mut news = Reading::new(Protocol::Nntp);
        let login = b"AUTHINFO USER alice\r\nauthinfo pass secret\r\n";
        assert_eq!(read(&mut news, login), [Plain, Secret]);
        news.heard(b"281 welcome\r\n");
        assert_eq!(read(&mut news, b"AUTHINFO SASL PLAIN\r\n"), [Plain]);
        news.heard(b"383 =\r\n");
        assert_eq!(read(&mut news, b"AGFsaWNlAHNlY3JldA==\r\n"), [Secret]);
        news.heard(b"281 welcome\r\n");
        assert_eq!(read(&mut news, b"POST\r\n"), [Plain]);
        news.heard(b"340 go\r\n");
        let article = b"From: a@b\r\n\r\nAUTHINFO PASS x\r\n.\r\nQUIT\r\n";
        assert_eq!(read(&mut news, article), [Content, Content, Content, Content, Plain]);
    }
}
