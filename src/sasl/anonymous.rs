//! ANONYMOUS (RFC 4505): no identity, and a trace of one if the client cares to leave it.

use stringprep::tables;

use super::{Client, Credential, Error, Mechanism, Server, Step, verify};

/// The longest token, in characters: RFC 4505 section 2.
const TOKEN_CHARACTERS: usize = 255;

/// The authorization identity that an anonymous client gets.
const IDENTITY: &str = "anonymous";

/// The client side.
#[derive(Debug)]
pub(super) struct AnonymousClient {
    trace: String,
}

impl AnonymousClient {
    /// The user name is the trace, unless it is an address: RFC 4505 section 5 wants the user's
    /// explicit permission for that, and an account's user name is none.
    ///
    /// # Errors
    /// When the trace is too long or the "trace" profile (RFC 4505 section 3) forbids it.
    pub(super) fn new(credential: &Credential) -> Result<Self, Error> {
        let trace = if credential.user.contains('@') { "" } else { credential.user.as_str() };
        if !is_trace(trace) {
            return Err(Error::Unencodable {
                mechanism: Mechanism::Anonymous,
                what: "user name",
                problem: "is no trace by RFC 4505 section 3",
            });
        }
        Ok(Self { trace: trace.to_owned() })
    }
}

impl Client for AnonymousClient {
    fn mechanism(&self) -> Mechanism {
        Mechanism::Anonymous
    }

    fn initial(&mut self) -> Result<Option<Vec<u8>>, Error> {
        Ok(Some(self.trace.as_bytes().to_vec()))
    }

    fn step(&mut self, _challenge: &[u8]) -> Result<Vec<u8>, Error> {
        Err(Error::Protocol {
            mechanism: Mechanism::Anonymous,
            expected: "no challenge after the trace",
        })
    }

    fn finish(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// The server side.
pub(super) struct AnonymousServer {
    over: bool,
}

impl AnonymousServer {
    pub(super) fn new() -> Self {
        Self { over: false }
    }
}

impl Server for AnonymousServer {
    fn step(&mut self, response: Option<&[u8]>) -> Step {
        if self.over {
            return verify::over();
        }
        let Some(trace) = response else {
            return Step::Challenge(Vec::new());
        };
        self.over = true;
        match std::str::from_utf8(trace) {
            Ok(trace) if is_trace(trace) => {
                Step::Done { user: IDENTITY.to_owned(), additional: None }
            }
            _ => verify::failed("expected at most 255 characters of trace, in UTF-8"),
        }
    }
}

/// Whether the "trace" profile of stringprep (RFC 4505 section 3) lets a string pass; it maps
/// nothing, so that to prepare is only to check.
fn is_trace(text: &str) -> bool {
    let prohibited = |c: char| {
        tables::ascii_control_character(c)
            || tables::non_ascii_control_character(c)
            || tables::private_use(c)
            || tables::non_character_code_point(c)
            || tables::surrogate_code(c)
            || tables::inappropriate_for_plain_text(c)
            || tables::change_display_properties_or_deprecated(c)
            || tables::tagging_character(c)
    };
    // RFC 3454 section 6: right-to-left text is all of that direction, at both ends at least.
    let bidirectional_fits = !text.contains(tables::bidi_r_or_al)
        || (!text.contains(tables::bidi_l)
            && text.starts_with(tables::bidi_r_or_al)
            && text.ends_with(tables::bidi_r_or_al));
    text.chars().count() <= TOKEN_CHARACTERS && !text.contains(prohibited) && bidirectional_fits
}

#[cfg(test)]
mod tests {
    use super::super::CredentialSecret;
    use super::super::tests::done;
    use super::*;

    fn trace(user: &str) -> Result<Vec<u8>, Error> {
        let credential = Credential {
            user: user.to_owned(),
            authorize_as: None,
            secret: CredentialSecret::None,
        };
        let mut client = AnonymousClient::new(&credential)?;
        Ok(client.initial()?.expect("client first"))
    }

    /// RFC 4505 section 4.
    #[test]
    fn the_example_of_rfc_4505() {
        let sent = trace("sirhc").expect("a trace");
        assert_eq!(super::super::encode(&sent), "c2lyaGM=");
        let mut server = AnonymousServer::new();
        assert_eq!(server.step(None), Step::Challenge(Vec::new()));
        assert_eq!(server.step(Some(&sent)), done("anonymous"));
        assert_eq!(server.step(Some(&sent)), verify::over());
    }

    #[test]
    fn an_address_is_not_given_away() {
        assert_eq!(trace("ann@example.org"), Ok(Vec::new()));
        assert_eq!(trace(""), Ok(Vec::new()));
    }

    #[test]
    fn the_trace_profile_is_kept_on_both_sides() {
        for bad in ["a\tb", "\u{e000}", "\u{5d0}1", "\u{5d0}a\u{5d0}", "\u{202e}x"] {
            assert!(trace(bad).is_err(), "{bad:?}");
            let step = AnonymousServer::new().step(Some(bad.as_bytes()));
            assert!(matches!(step, Step::Failed { .. }), "{bad:?}");
        }
        assert!(trace("\u{5d0}\u{5d1}").is_ok());
        assert!(trace(&"x".repeat(255)).is_ok());
        assert!(trace(&"x".repeat(256)).is_err());
    }
}
