//! PLAIN (RFC 4616): identity, user and password in one message.

use std::rc::Rc;

use super::{Client, Credential, Error, Mechanism, Secrets, Server, Step, verify};
use crate::base::secret::Secret;

/// The client side.
#[derive(Debug)]
pub(super) struct PlainClient {
    authorize_as: String,
    user: String,
    password: Secret,
}

impl PlainClient {
    /// # Errors
    /// When a string has a NUL, which separates the strings of the message, or user or password
    /// are empty.
    pub(super) fn new(credential: &Credential, password: &Secret) -> Result<Self, Error> {
        let authorize_as = credential.other_identity().unwrap_or_default();
        if authorize_as.contains('\0') {
            return Err(unencodable("identity to act as", "has a NUL"));
        }
        for (what, octets) in
            [("user name", credential.user.as_bytes()), ("password", password.expose())]
        {
            if octets.is_empty() {
                return Err(unencodable(what, "is empty"));
            }
            if octets.contains(&0) {
                return Err(unencodable(what, "has a NUL"));
            }
        }
        Ok(Self {
            authorize_as: authorize_as.to_owned(),
            user: credential.user.clone(),
            password: password.clone(),
        })
    }
}

impl Client for PlainClient {
    fn mechanism(&self) -> Mechanism {
        Mechanism::Plain
    }

    /// `message = [authzid] UTF8NUL authcid UTF8NUL passwd`
    fn initial(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let mut message = Vec::new();
        message.extend_from_slice(self.authorize_as.as_bytes());
        message.push(0);
        message.extend_from_slice(self.user.as_bytes());
        message.push(0);
        message.extend_from_slice(self.password.expose());
        Ok(Some(message))
    }

    fn step(&mut self, _challenge: &[u8]) -> Result<Vec<u8>, Error> {
        Err(Error::Protocol {
            mechanism: Mechanism::Plain,
            expected: "no challenge after the message",
        })
    }

    fn finish(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

fn unencodable(what: &'static str, problem: &'static str) -> Error {
    Error::Unencodable { mechanism: Mechanism::Plain, what, problem }
}

/// The server side.
pub(super) struct PlainServer {
    secrets: Rc<dyn Secrets>,
    over: bool,
}

impl PlainServer {
    pub(super) fn new(secrets: Rc<dyn Secrets>) -> Self {
        Self { secrets, over: false }
    }
}

impl Server for PlainServer {
    fn step(&mut self, response: Option<&[u8]>) -> Step {
        if self.over {
            return verify::over();
        }
        let Some(message) = response else {
            return Step::Challenge(Vec::new());
        };
        self.over = true;
        let Some((authorize_as, user, password)) = parts(message) else {
            return verify::failed("expected [authzid] NUL authcid NUL passwd, in UTF-8");
        };
        match verify::opens(Mechanism::Plain, &*self.secrets, user, password) {
            Some(user) => verify::admit(&*self.secrets, &user, Some(authorize_as), None),
            None => verify::invalid(),
        }
    }
}

/// The three strings of the message: authzid (may be empty), authcid, passwd.
fn parts(message: &[u8]) -> Option<(&str, &str, &[u8])> {
    let mut parts = message.split(|&octet| octet == 0);
    let authorize_as = std::str::from_utf8(parts.next()?).ok()?;
    let user = std::str::from_utf8(parts.next()?).ok()?;
    let password = parts.next()?;
    if parts.next().is_some() || user.is_empty() || password.is_empty() {
        return None;
    }
    Some((authorize_as, user, password))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Users, done, password};
    use super::*;

    fn server() -> PlainServer {
        PlainServer::new(Rc::new(Users::default()))
    }

    /// RFC 4616 section 4, the first example.
    #[test]
    fn the_first_example_of_rfc_4616() {
        let credential = password("tim", "tanstaaftanstaaf");
        let mut client =
            PlainClient::new(&credential, &Secret::new("tanstaaftanstaaf")).expect("a client");
        let message = client.initial().expect("encodable").expect("client first");
        assert_eq!(message, b"\0tim\0tanstaaftanstaaf");

        let mut server = server();
        assert_eq!(server.step(None), Step::Challenge(Vec::new()));
        assert_eq!(server.step(Some(&message)), done("tim"));
        assert_eq!(server.step(Some(&message)), verify::over());
    }

    /// RFC 4616 section 4, the second example: Kurt may not act as Ursel, here until he may.
    #[test]
    fn the_second_example_of_rfc_4616() {
        let mut credential = password("Kurt", "xipj3plmq");
        credential.authorize_as = Some("Ursel".to_owned());
        let mut client =
            PlainClient::new(&credential, &Secret::new("xipj3plmq")).expect("a client");
        let message = client.initial().expect("encodable").expect("client first");
        assert_eq!(message, b"Ursel\0Kurt\0xipj3plmq");

        let refused = verify::failed("not authorized to act as the requested identity");
        assert_eq!(server().step(Some(&message)), refused);
        let mut admin =
            PlainServer::new(Rc::new(Users { admin: Some("Kurt"), ..Users::default() }));
        assert_eq!(admin.step(Some(&message)), done("Ursel"));
    }

    #[test]
    fn a_wrong_password_and_an_unknown_user_look_the_same() {
        assert_eq!(server().step(Some(b"\0tim\0tanstaaf")), verify::invalid());
        assert_eq!(server().step(Some(b"\0tom\0tanstaaf")), verify::invalid());
    }

    #[test]
    fn a_server_that_takes_anyone_takes_anyone() {
        let mut server = PlainServer::new(Rc::new(Users { any: true, ..Users::default() }));
        assert_eq!(server.step(Some(b"\0nobody\0x")), done("nobody"));
    }

    #[test]
    fn malformed_messages_are_refused() {
        for message in
            [&b""[..], b"tim", b"\0tim", b"\0tim\0", b"\0\0secret", b"\0tim\0a\0b", b"\0\xff\0a"]
        {
            let step = server().step(Some(message));
            assert!(
                matches!(&step, Step::Failed { reason } if reason.starts_with("expected")),
                "{}: {step:?}",
                message.escape_ascii()
            );
        }
    }

    #[test]
    fn a_nul_or_nothing_is_not_sent() {
        for (user, secret) in [("tim", "a\0b"), ("t\0im", "a"), ("", "a"), ("tim", "")] {
            let made = PlainClient::new(&password(user, secret), &Secret::new(secret));
            assert!(matches!(made, Err(Error::Unencodable { .. })), "{user:?} {secret:?}");
        }
    }

    #[test]
    fn a_challenge_after_the_message_is_the_servers_fault() {
        let mut client =
            PlainClient::new(&password("tim", "x"), &Secret::new("x")).expect("a client");
        assert!(client.step(b"").expect_err("no challenge").is_protocol());
    }
}
