//! `--raw`: one command to an IMAP server, and its responses as they come.
//!
//! Responses stand as on the wire, each literal behind its own announcement, so that whoever
//! reads them can tell text from content. With --json each is an object of its own.

use anyhow::Result;
use base64::Engine as _;
use serde::Serialize;

use crate::imap::syntax::response::Condition;
use crate::open::{Mail, Opened};
use crate::store;
use crate::ui::{Exit, Failure, Format, Output, output};

/// One response as JSON.
#[derive(Debug, Default, Serialize)]
struct Response {
    /// The line, with `{N}` where a literal stands; octets that are no UTF-8 are replaced.
    response: String,
    /// The literals in their order, in base64.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    literals: Vec<String>,
}

/// Octets of a literal that are held for an object; what is longer is cut off there.
const HELD_OCTETS: usize = 16 * 1024 * 1024;

/// Puts pieces of responses together.
#[derive(Default)]
struct Framing {
    line: Vec<u8>,
    literals: Vec<Vec<u8>>,
    /// Octets of a literal that are still to come.
    left: u64,
    /// A literal was longer than is held.
    is_cut: bool,
}

impl Framing {
    /// Takes what came; each response that is whole goes to `on`.
    fn take(&mut self, mut octets: &[u8], on: &mut dyn FnMut(Response)) {
        while !octets.is_empty() {
            if self.left > 0 {
                let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(octets.len());
                let (piece, rest) = octets.split_at(most);
                if let Some(literal) = self.literals.last_mut() {
                    let room = HELD_OCTETS - literal.len();
                    literal.extend_from_slice(&piece[..room.min(piece.len())]);
                    self.is_cut |= room < piece.len();
                }
                self.left -= piece.len() as u64;
                octets = rest;
                continue;
            }
            let end = memchr::memchr(b'\n', octets).map_or(octets.len(), |at| at + 1);
            let (piece, rest) = octets.split_at(end);
            self.line.extend_from_slice(piece);
            octets = rest;
            if !piece.ends_with(b"\n") {
                continue;
            }
            if let Some(len) = announced(&self.line) {
                self.left = len;
                self.literals.push(Vec::new());
                let kept = self.line.trim_ascii_end().len();
                self.line.truncate(kept);
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let literals = std::mem::take(&mut self.literals);
            let encode =
                |literal: &Vec<u8>| base64::engine::general_purpose::STANDARD.encode(literal);
            on(Response {
                response: String::from_utf8_lossy(line.trim_ascii_end()).into_owned(),
                literals: literals.iter().map(encode).collect(),
            });
        }
    }
}

/// The length of the literal that a line announces at its end.
fn announced(line: &[u8]) -> Option<u64> {
    let line = line.strip_suffix(b"\n")?;
    let line = line.strip_suffix(b"\r").unwrap_or(line).strip_suffix(b"}")?;
    let at = memchr::memrchr(b'{', line)?;
    let digits = &line[at + 1..];
    let digits = digits.strip_suffix(b"+").unwrap_or(digits);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Sends the command, in the folder that is selected, and prints what comes.
///
/// # Errors
/// [`Failure`]: 64 for another source than an IMAP server, 69 for a NO, 64 for a BAD; the
/// connection's and the output's.
pub async fn raw(source: &mut Opened, command: &str, out: &mut Output) -> Result<Exit> {
    let Mail::Imap(account, _) = &mut source.mail else {
        return Err(Failure::usage("--raw speaks to an IMAP server alone").into());
    };
    if command.contains(['\r', '\n', '\0']) {
        return Err(Failure::usage("--raw sends one line: no line end and no NUL in it").into());
    }
    let mut written: Result<(), output::Error> = Ok(());
    let mut framing = Framing::default();
    let as_json = out.format() == Format::Json;
    let mut print = |octets: &[u8]| {
        if written.is_err() {
            return;
        }
        if !as_json {
            written = out.content(octets);
            return;
        }
        framing.take(octets, &mut |response| {
            if written.is_ok() {
                written = out.json(&response);
            }
        });
    };
    let reply = account.client().raw(command.as_bytes(), &mut print).await;
    let reply = reply.map_err(store::Error::from)?;
    if framing.is_cut {
        let message = format!("a literal has more than {HELD_OCTETS} octets");
        return Err(Failure::new(Exit::Data, message).hint("without --json it comes whole").into());
    }
    match written {
        Err(output::Error::Closed) => return Err(store::Error::OutputClosed.into()),
        Err(error) => return Err(error.into()),
        Ok(()) => {}
    }
    let exit = match reply.condition {
        Condition::Ok => return Ok(Exit::Ok),
        Condition::Bad => Exit::Usage,
        _ => Exit::Unavailable,
    };
    Err(Failure::new(exit, format!("the server refused the command: {}", reply.text)).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_framed_however_they_come() {
        let wire = b"* 1 FETCH (BODY[] {5}\r\na\r\n{9 UID 7)\r\n* OK {x}\r\na1 OK done\r\n";
        for size in [1, 2, 3, 7, wire.len()] {
            let (mut framing, mut found) = (Framing::default(), Vec::new());
            for piece in wire.chunks(size) {
                framing.take(piece, &mut |response| found.push(response));
            }
            let lines: Vec<&str> = found.iter().map(|one| one.response.as_str()).collect();
            assert_eq!(lines, ["* 1 FETCH (BODY[] {5} UID 7)", "* OK {x}", "a1 OK done"]);
            assert_eq!(found[0].literals, ["YQ0Kezk="]);
        }
    }

    #[test]
    fn an_announcement_stands_at_the_end() {
        assert_eq!(announced(b"x {12}\r\n"), Some(12));
        assert_eq!(announced(b"x ~{3+}\n"), Some(3));
        assert_eq!(announced(b"x {12} \r\n"), None);
        assert_eq!(announced(b"x {}\r\n"), None);
        assert_eq!(announced(b"x {99999999999999999999}\r\n"), None);
    }
}
