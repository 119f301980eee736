//! What was said on a connection, with every secret taken out.
//!
//! Secrets are kept out twice: what is queued as a secret is never handed to a transcript,
//! and a [`Redactor`] blots out known secrets, raw and in base64, wherever else they show up
//! (a server that echoes a password, say).

use std::cell::RefCell;
use std::time::Duration;

use base64::Engine as _;

use crate::base::secret::Secret;

/// Which way octets went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From us.
    Sent,
    /// To us.
    Received,
}

/// A thing that a connection tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// The connection stands: to whom.
    Connected(&'a str),
    /// Octets of the protocol, one or more lines.
    Octets(Direction, &'a [u8]),
    /// A secret passed; only that it did.
    Secret(Direction),
    /// Octets of message content passed, not looked through for secrets unless
    /// [`Transcript::wants_content`].
    Body(Direction, &'a [u8]),
    /// TLS began, with its version and cipher in words.
    Encrypted(&'a str),
    /// The connection ended.
    Closed,
}

/// Listens to connections. Implementations print (`ui`) or collect (tests, probe, record).
pub trait Transcript {
    /// Takes one event of connection `connection` (numbered from 1), `since_start` after the
    /// first connection of the process was begun. `event` is redacted already.
    fn event(&self, connection: u32, since_start: Duration, event: &Event<'_>);

    /// Whether message content is kept, and not only counted: then secrets are taken out of it
    /// too.
    fn wants_content(&self) -> bool {
        false
    }
}

/// Blots out secrets.
#[derive(Default)]
pub struct Redactor {
    needles: RefCell<Vec<Vec<u8>>>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor(..)")
    }
}

/// What stands where a secret stood.
pub const REDACTED: &str = "[redacted]";

impl Redactor {
    /// From now on, this secret is blotted out: raw, in base64, and as the last field of a
    /// SASL PLAIN message in base64 whatever its alignment. Secrets under 4 octets are left
    /// alone, since blotting them out would tear up everything else.
    pub fn learn(&self, secret: &Secret) {
        let raw = secret.expose();
        if raw.len() < 4 {
            return;
        }
        let mut needles = self.needles.borrow_mut();
        let mut add = |needle: Vec<u8>| {
            if needle.len() >= 4 && !needles.contains(&needle) {
                needles.push(needle);
            }
        };
        add(raw.to_vec());
        for shift in 0..3usize {
            // Base64 of the secret at each alignment, without the characters that mix with
            // its neighbours.
            let mut padded = vec![0u8; shift];
            padded.extend_from_slice(raw);
            let text = base64::engine::general_purpose::STANDARD_NO_PAD.encode(&padded);
            let from = (shift * 8).div_ceil(6);
            let to = padded.len() * 8 / 6;
            if let Some(core) = text.as_bytes().get(from..to) {
                add(core.to_vec());
            }
        }
        needles.sort_by_key(|needle| std::cmp::Reverse(needle.len()));
    }

    /// `octets` with every known secret replaced by `[redacted]`; `None` when there was none.
    pub fn blot(&self, octets: &[u8]) -> Option<Vec<u8>> {
        let needles = self.needles.borrow();
        let mut clean: Option<Vec<u8>> = None;
        for needle in needles.iter() {
            let current = clean.as_deref().unwrap_or(octets);
            if memchr::memmem::find(current, needle).is_some() {
                let mut out = Vec::with_capacity(current.len());
                let mut rest = current;
                while let Some(at) = memchr::memmem::find(rest, needle) {
                    out.extend_from_slice(&rest[..at]);
                    out.extend_from_slice(REDACTED.as_bytes());
                    rest = &rest[at + needle.len()..];
                }
                out.extend_from_slice(rest);
                clean = Some(out);
            }
        }
        clean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_blotted_out_raw_and_in_base64() {
        let redactor = Redactor::default();
        redactor.learn(&Secret::new("hunter22!"));
        let engine = base64::engine::general_purpose::STANDARD;
        for prefix in ["", "\0a\0", "\0ab\0", "\0abc\0"] {
            let encoded = engine.encode(format!("{prefix}hunter22!"));
            let line = format!("AUTH PLAIN {encoded}\r\n");
            let clean = redactor.blot(line.as_bytes()).expect("found");
            let clean = String::from_utf8(clean).expect("text");
            assert!(clean.contains(REDACTED), "{clean}");
            assert!(!clean.contains(&engine.encode("hunter22!")[..8]), "{clean}");
        }
        assert_eq!(redactor.blot(b"PASS hunter22!\r\n").expect("found"), b"PASS [redacted]\r\n");
        assert_eq!(redactor.blot(b"nothing here"), None);
    }
}
