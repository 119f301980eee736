//! LOGIN (RFC 9051 section 6.2.3) and AUTHENTICATE (section 6.2.2, RFC 4959): who the client
//! is. The mechanisms themselves are `sasl`'s.

use super::outcome::Outcome;
use crate::base::secret::Secret;
use crate::imap::syntax::code::Word;
use crate::sasl::{self, Step};

/// An exchange in progress.
pub(super) struct Exchange {
    mechanism: Box<dyn sasl::Server>,
    /// Who the client has proved to be, while its empty answer to the last data is awaited.
    proved: Option<String>,
}

/// What comes next in an exchange.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Say this, in base64, and wait for a line.
    Challenge(String),
    /// The client is this user.
    Proved(String),
    /// It is over.
    Refused(Outcome),
}

fn refused() -> Answer {
    Answer::Refused(Outcome::no("the login was refused").word(Word::AuthenticationFailed))
}

impl Exchange {
    /// Begins; `initial` is the initial response in base64, `=` where it is empty.
    pub fn begin(mechanism: Box<dyn sasl::Server>, initial: Option<&Secret>) -> (Self, Answer) {
        let mut exchange = Self { mechanism, proved: None };
        let answer = match initial.map(|text| sasl::decode_initial(text.expose())) {
            None => exchange.step(None),
            Some(Some(octets)) => exchange.step(Some(&octets)),
            Some(None) => not_base64(),
        };
        (exchange, answer)
    }

    /// Takes a line of the client, its end included.
    pub fn line(&mut self, line: &[u8]) -> Answer {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line == b"*" {
            return Answer::Refused(Outcome::bad("the login was cancelled"));
        }
        let Some(octets) = sasl::decode(line) else { return not_base64() };
        match self.proved.take() {
            Some(user) if octets.is_empty() => Answer::Proved(user),
            Some(_) => refused(),
            None => self.step(Some(&octets)),
        }
    }

    fn step(&mut self, response: Option<&[u8]>) -> Answer {
        match self.mechanism.step(response) {
            Step::Challenge(octets) => Answer::Challenge(sasl::encode(&octets)),
            Step::Done { user, additional: None } => Answer::Proved(user),
            // IMAP has no place for data beside the success: they are one more challenge.
            Step::Done { user, additional: Some(octets) } => {
                self.proved = Some(user);
                Answer::Challenge(sasl::encode(&octets))
            }
            Step::Failed { .. } => refused(),
        }
    }
}

fn not_base64() -> Answer {
    Answer::Refused(Outcome::bad("that is not base64"))
}

/// Checks the arguments of LOGIN with PLAIN's server, which knows how names and passwords
/// are compared; who the client is, or `None`.
pub(super) fn login(
    mut plain: Box<dyn sasl::Server>,
    user: &[u8],
    password: &Secret,
) -> Option<String> {
    let mut message = Vec::with_capacity(user.len() + password.expose().len() + 2);
    message.push(0);
    message.extend_from_slice(user);
    message.push(0);
    message.extend_from_slice(password.expose());
    let message = Secret::new(message);
    match plain.step(Some(message.expose())) {
        Step::Done { user, .. } => Some(user),
        Step::Challenge(_) | Step::Failed { .. } => None,
    }
}
