//! EXTERNAL (RFC 4422 appendix A): TLS has said who we are, by a client certificate.

use std::rc::Rc;

use super::{Client, Credential, Error, Mechanism, Secrets, Server, Step, verify};

/// The client side.
#[derive(Debug)]
pub(super) struct ExternalClient {
    identity: String,
}

impl ExternalClient {
    /// Asks for the authorization identity, else for the user; with neither, the server derives
    /// one from the certificate.
    ///
    /// # Errors
    /// When that identity has a NUL (`authz-id-string` excludes it).
    pub(super) fn new(credential: &Credential) -> Result<Self, Error> {
        let identity = credential.other_identity().unwrap_or(&credential.user);
        if identity.contains('\0') {
            return Err(Error::Unencodable {
                mechanism: Mechanism::External,
                what: "identity to act as",
                problem: "has a NUL",
            });
        }
        Ok(Self { identity: identity.to_owned() })
    }
}

impl Client for ExternalClient {
    fn mechanism(&self) -> Mechanism {
        Mechanism::External
    }

    fn initial(&mut self) -> Result<Option<Vec<u8>>, Error> {
        Ok(Some(self.identity.as_bytes().to_vec()))
    }

    fn step(&mut self, _challenge: &[u8]) -> Result<Vec<u8>, Error> {
        Err(Error::Protocol {
            mechanism: Mechanism::External,
            expected: "no challenge after the identity",
        })
    }

    fn finish(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// The server side.
pub(super) struct ExternalServer {
    secrets: Rc<dyn Secrets>,
    over: bool,
}

impl ExternalServer {
    pub(super) fn new(secrets: Rc<dyn Secrets>) -> Self {
        Self { secrets, over: false }
    }
}

impl Server for ExternalServer {
    fn step(&mut self, response: Option<&[u8]>) -> Step {
        if self.over {
            return verify::over();
        }
        let Some(response) = response else {
            return Step::Challenge(Vec::new());
        };
        self.over = true;
        let Some(user) = self.secrets.external_identity() else {
            return verify::failed("the client showed no certificate that names a user");
        };
        match std::str::from_utf8(response) {
            Ok(identity) if !identity.contains('\0') => {
                verify::admit(&*self.secrets, &user, Some(identity), None)
            }
            _ => verify::failed("expected an authorization identity, in UTF-8"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Users, done};
    use super::super::{CredentialSecret, tests};
    use super::*;

    fn server() -> ExternalServer {
        ExternalServer::new(Rc::new(Users { certificate: Some("tim"), ..Users::default() }))
    }

    fn response(user: &str, authorize_as: Option<&str>) -> Vec<u8> {
        let credential = Credential {
            user: user.to_owned(),
            authorize_as: authorize_as.map(str::to_owned),
            secret: CredentialSecret::None,
        };
        let mut client = ExternalClient::new(&credential).expect("a client");
        client.initial().expect("encodable").expect("client first")
    }

    #[test]
    fn the_identity_is_asked_for_or_derived() {
        assert_eq!(response("", None), b"");
        assert_eq!(response("tim", None), b"tim");
        assert_eq!(response("tim", Some("ann")), b"ann");

        let mut asked = server();
        assert_eq!(asked.step(None), Step::Challenge(Vec::new()));
        assert_eq!(asked.step(Some(b"")), done("tim"));
        assert_eq!(server().step(Some(b"tim")), done("tim"));
    }

    #[test]
    fn another_identity_needs_permission() {
        assert!(matches!(server().step(Some(b"ann")), Step::Failed { .. }));
        assert!(matches!(server().step(Some(b"\0")), Step::Failed { .. }));
        assert!(matches!(server().step(Some(b"\xff")), Step::Failed { .. }));
    }

    #[test]
    fn no_certificate_no_entry() {
        let mut server = ExternalServer::new(Rc::new(Users::default()));
        assert!(matches!(server.step(Some(b"tim")), Step::Failed { .. }));
        assert_eq!(server.step(Some(b"tim")), verify::over());
    }

    #[test]
    fn a_nul_is_not_sent() {
        let credential = tests::password("t\0im", "unused");
        assert!(ExternalClient::new(&credential).is_err());
    }
}
