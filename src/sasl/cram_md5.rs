//! CRAM-MD5 (RFC 2195): the server's timestamp, keyed with the password.
//!
//! Obsolete: the password does not cross the wire, but an eavesdropper can try passwords at
//! MD5's speed, and the client never learns whether the server knew it.

use std::rc::Rc;

use super::{Client, Credential, Error, Mechanism, Secrets, Server, Step, keyed_md5, verify};
use crate::base::secret::Secret;

/// The client side.
#[derive(Debug)]
pub(super) struct CramMd5Client {
    user: String,
    password: Secret,
    answered: bool,
}

impl CramMd5Client {
    /// # Errors
    /// When user or password are empty.
    pub(super) fn new(credential: &Credential, password: &Secret) -> Result<Self, Error> {
        for (what, empty) in
            [("user name", credential.user.is_empty()), ("password", password.is_empty())]
        {
            if empty {
                return Err(Error::Unencodable {
                    mechanism: Mechanism::CramMd5,
                    what,
                    problem: "is empty",
                });
            }
        }
        Ok(Self { user: credential.user.clone(), password: password.clone(), answered: false })
    }
}

impl Client for CramMd5Client {
    fn mechanism(&self) -> Mechanism {
        Mechanism::CramMd5
    }

    fn initial(&mut self) -> Result<Option<Vec<u8>>, Error> {
        Ok(None)
    }

    fn step(&mut self, challenge: &[u8]) -> Result<Vec<u8>, Error> {
        if self.answered || challenge.is_empty() {
            return Err(Error::Protocol {
                mechanism: Mechanism::CramMd5,
                expected: "one challenge with a timestamp",
            });
        }
        self.answered = true;
        let digest = keyed_md5::hmac_hex(self.password.expose(), challenge);
        Ok(format!("{} {digest}", self.user).into_bytes())
    }

    fn finish(&mut self) -> Result<(), Error> {
        if self.answered { Ok(()) } else { Err(Error::Unproven { mechanism: Mechanism::CramMd5 }) }
    }
}

/// The server side.
pub(super) struct CramMd5Server {
    secrets: Rc<dyn Secrets>,
    timestamp: String,
    state: State,
}

enum State {
    Start,
    Challenged,
    Over,
}

impl CramMd5Server {
    /// `timestamp` is the challenge, `<unique@host>`, and must never repeat.
    pub(super) fn new(secrets: Rc<dyn Secrets>, timestamp: String) -> Self {
        Self { secrets, timestamp, state: State::Start }
    }

    fn check(&self, response: &[u8]) -> Option<Step> {
        let space = response.iter().rposition(|&octet| octet == b' ')?;
        let user = std::str::from_utf8(&response[..space]).ok()?;
        let digest = response[space + 1..].to_ascii_lowercase();
        let password = self.secrets.password(user)?;
        let right = keyed_md5::hmac_hex(password.expose(), self.timestamp.as_bytes());
        verify::same(right.as_bytes(), &digest)
            .then(|| verify::admit(&*self.secrets, user, None, None))
    }
}

impl Server for CramMd5Server {
    fn step(&mut self, response: Option<&[u8]>) -> Step {
        let state = std::mem::replace(&mut self.state, State::Over);
        match (state, response) {
            (State::Start, None) => {
                self.state = State::Challenged;
                Step::Challenge(self.timestamp.clone().into_bytes())
            }
            (State::Start, Some(_)) => {
                verify::failed("CRAM-MD5 has no initial response: the server speaks first")
            }
            (State::Challenged, Some(response)) => {
                self.check(response).unwrap_or_else(verify::invalid)
            }
            (State::Challenged, None) | (State::Over, _) => verify::over(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Users, done, password};
    use super::*;

    const TIMESTAMP: &str = "<1896.697170952@postoffice.reston.mci.net>";
    const RESPONSE: &[u8] = b"tim b913a602c7eda7a495b4e6e7334d3890";

    fn challenged() -> CramMd5Server {
        let mut server = CramMd5Server::new(Rc::new(Users::default()), TIMESTAMP.to_owned());
        assert_eq!(server.step(None), Step::Challenge(TIMESTAMP.as_bytes().to_vec()));
        server
    }

    /// RFC 2195 section 2.
    #[test]
    fn the_example_of_rfc_2195() {
        let credential = password("tim", "tanstaaftanstaaf");
        let mut client =
            CramMd5Client::new(&credential, &Secret::new("tanstaaftanstaaf")).expect("a client");
        assert_eq!(client.initial(), Ok(None));
        assert!(client.finish().is_err());
        assert_eq!(client.step(TIMESTAMP.as_bytes()), Ok(RESPONSE.to_vec()));
        assert_eq!(client.finish(), Ok(()));
        assert!(client.step(b"<2@x>").expect_err("a second").is_protocol());

        let mut server = challenged();
        assert_eq!(server.step(Some(RESPONSE)), done("tim"));
        assert_eq!(server.step(Some(RESPONSE)), verify::over());
    }

    #[test]
    fn whatever_is_wrong_is_refused_alike() {
        for response in [
            &b"tim b913a602c7eda7a495b4e6e7334d3891"[..],
            b"tom b913a602c7eda7a495b4e6e7334d3890",
            b"tim b913a602c7eda7a495b4e6e7334d389",
            b"tim",
            b"",
            b"\xff b913a602c7eda7a495b4e6e7334d3890",
        ] {
            assert_eq!(
                challenged().step(Some(response)),
                verify::invalid(),
                "{}",
                response.escape_ascii()
            );
        }
    }

    #[test]
    fn an_initial_response_is_refused() {
        let mut server = CramMd5Server::new(Rc::new(Users::default()), TIMESTAMP.to_owned());
        assert!(matches!(server.step(Some(RESPONSE)), Step::Failed { .. }));
        assert_eq!(server.step(None), verify::over());
    }
}
