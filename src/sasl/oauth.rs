//! OAUTHBEARER (RFC 7628) and XOAUTH2, its forerunner: an access token (RFC 6750) in one
//! message, and on failure a JSON object to which the client has to say a dummy answer before
//! the server's own reply comes.
//!
//! Getting a token, and knowing when it expires, is not done here. The host and port that a
//! client sends are not compared: a test server does not know the names it is called by.

use std::rc::Rc;

use super::{Client, Credential, Error, Mechanism, Secrets, Server, Step, scram, verify};
use crate::base::secret::Secret;

/// The separator of key/value pairs: `kvsep`, RFC 7628 section 3.1.
const KVSEP: u8 = 0x01;

/// How much of a refusal that is no JSON goes into an error, in octets.
const REFUSAL_OCTETS: usize = 1000;

/// The client side of both.
#[derive(Debug)]
pub(super) struct TokenClient {
    mechanism: Mechanism,
    identity: String,
    token: Secret,
    host: String,
    port: u16,
    refusal: Option<Error>,
}

impl TokenClient {
    /// The identity sent is the authorization identity, else the user: the mailbox to open, as
    /// the providers have it.
    ///
    /// # Errors
    /// When identity, token or host are not what an HTTP header may carry, or one of the first
    /// two is empty.
    pub(super) fn new(
        mechanism: Mechanism,
        credential: &Credential,
        token: &Secret,
        host: &str,
        port: u16,
    ) -> Result<Self, Error> {
        let identity = credential.other_identity().unwrap_or(&credential.user);
        let unencodable = |what, problem| Error::Unencodable { mechanism, what, problem };
        if identity.is_empty() {
            return Err(unencodable("user name", "is empty"));
        }
        if token.is_empty() {
            return Err(unencodable("token", "is empty"));
        }
        if identity.chars().any(char::is_control) {
            return Err(unencodable("user name", "has a control character"));
        }
        // b64token of RFC 6750 section 2.1 is narrower; some providers' tokens are not.
        if !token.expose().iter().all(u8::is_ascii_graphic) {
            return Err(unencodable("token", "has a blank or is not plain ASCII"));
        }
        if host.chars().any(|c| c.is_control() || !c.is_ascii()) {
            return Err(unencodable("host name", "is not plain ASCII"));
        }
        Ok(Self {
            mechanism,
            identity: identity.to_owned(),
            token: token.clone(),
            host: host.to_owned(),
            port,
            refusal: None,
        })
    }
}

impl Client for TokenClient {
    fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// `client-resp = gs2-header kvsep *kvpair kvsep`, and for XOAUTH2 the same with `user=` in
    /// the header's place.
    fn initial(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let mut message = Vec::new();
        if self.mechanism == Mechanism::OAuthBearer {
            message.extend_from_slice(b"n,a=");
            message.extend_from_slice(scram::saslname(&self.identity).as_bytes());
            message.push(b',');
            message.push(KVSEP);
            if !self.host.is_empty() {
                pair(&mut message, "host", self.host.as_bytes());
            }
            if self.port != 0 {
                pair(&mut message, "port", self.port.to_string().as_bytes());
            }
        } else {
            pair(&mut message, "user", self.identity.as_bytes());
        }
        message.extend_from_slice(b"auth=Bearer ");
        message.extend_from_slice(self.token.expose());
        message.extend_from_slice(&[KVSEP, KVSEP]);
        Ok(Some(message))
    }

    /// The only challenge there is says why the token is refused; the answer lets the server
    /// finish (RFC 7628 section 3.2.3; XOAUTH2 wants an empty one).
    fn step(&mut self, challenge: &[u8]) -> Result<Vec<u8>, Error> {
        if self.refusal.is_some() {
            return Err(Error::Protocol {
                mechanism: self.mechanism,
                expected: "failure after the error was acknowledged",
            });
        }
        self.refusal = Some(refusal(self.mechanism, challenge, &self.token));
        Ok(if self.mechanism == Mechanism::OAuthBearer { vec![KVSEP] } else { Vec::new() })
    }

    fn finish(&mut self) -> Result<(), Error> {
        match &self.refusal {
            None => Ok(()),
            Some(refusal) => Err(refusal.clone()),
        }
    }

    fn refusal(&self) -> Option<Error> {
        self.refusal.clone()
    }
}

fn pair(message: &mut Vec<u8>, key: &str, value: &[u8]) {
    message.extend_from_slice(key.as_bytes());
    message.push(b'=');
    message.extend_from_slice(value);
    message.push(KVSEP);
}

/// The error result of a server (RFC 7628 section 3.2.2): a JSON object, or whatever words a
/// server has instead. A token that the server repeats is taken out again.
fn refusal(mechanism: Mechanism, challenge: &[u8], token: &Secret) -> Error {
    let redacted = |text: String| match token.expose_str() {
        Some(token) if !token.is_empty() => text.replace(token, "[redacted]"),
        _ => text,
    };
    let object = match serde_json::from_slice::<serde_json::Value>(challenge) {
        Ok(serde_json::Value::Object(object)) => object,
        _ => {
            // Redacted before it is escaped or cut, so that no part of a token stays.
            let words = match std::str::from_utf8(challenge) {
                Ok(text) => redacted(text.to_owned()).as_bytes().escape_ascii().to_string(),
                Err(_) => redacted(challenge.escape_ascii().to_string()),
            };
            return Error::Token {
                mechanism,
                status: if words.is_empty() {
                    "no reason given".to_owned()
                } else {
                    words.chars().take(REFUSAL_OCTETS).collect()
                },
                scope: None,
                configuration: None,
            };
        }
    };
    let field = |name: &str| match object.get(name) {
        Some(serde_json::Value::String(text)) if !text.is_empty() => Some(redacted(text.clone())),
        Some(serde_json::Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    Error::Token {
        mechanism,
        status: field("status").unwrap_or_else(|| "no status given".to_owned()),
        scope: field("scope"),
        configuration: field("openid-configuration"),
    }
}

/// The server side of both.
pub(super) struct TokenServer {
    mechanism: Mechanism,
    secrets: Rc<dyn Secrets>,
    state: State,
}

enum State {
    Start,
    Refused,
    Over,
}

impl TokenServer {
    pub(super) fn new(mechanism: Mechanism, secrets: Rc<dyn Secrets>) -> Self {
        Self { mechanism, secrets, state: State::Start }
    }

    fn refuse(&mut self, status: &str) -> Step {
        self.state = State::Refused;
        let result = serde_json::json!({ "status": status, "schemes": "bearer", "scope": "mail" });
        Step::Challenge(result.to_string().into_bytes())
    }

    fn check(&mut self, message: &[u8]) -> Step {
        let (invalid_request, invalid_token) = if self.mechanism == Mechanism::OAuthBearer {
            ("invalid_request", "invalid_token")
        } else {
            ("400", "401")
        };
        let parsed = if self.mechanism == Mechanism::OAuthBearer {
            bearer(message)
        } else {
            xoauth2(message)
        };
        match parsed {
            None => self.refuse(invalid_request),
            Some((user, token)) if self.secrets.token_is_valid(&user, token) => {
                verify::admit(&*self.secrets, &user, None, None)
            }
            Some(_) => self.refuse(invalid_token),
        }
    }
}

impl Server for TokenServer {
    fn step(&mut self, response: Option<&[u8]>) -> Step {
        let state = std::mem::replace(&mut self.state, State::Over);
        match (state, response) {
            (State::Start, None) => {
                self.state = State::Start;
                Step::Challenge(Vec::new())
            }
            (State::Start, Some(message)) => self.check(message),
            (State::Refused, _) => verify::invalid(),
            (State::Over, _) => verify::over(),
        }
    }
}

/// The authzid and the bearer token of an OAUTHBEARER message.
fn bearer(message: &[u8]) -> Option<(String, &[u8])> {
    let end = message.iter().position(|&octet| octet == KVSEP)?;
    let header = std::str::from_utf8(&message[..end]).ok()?;
    let (_, authzid) = scram::gs2_header(header)?;
    let token = token_among(&message[end + 1..])?;
    Some((authzid?, token))
}

/// The user and the bearer token of an XOAUTH2 message.
fn xoauth2(message: &[u8]) -> Option<(String, &[u8])> {
    let end = message.iter().position(|&octet| octet == KVSEP)?;
    let user = std::str::from_utf8(message[..end].strip_prefix(b"user=")?).ok()?;
    let token = token_among(&message[end + 1..])?;
    (!user.is_empty()).then(|| (user.to_owned(), token))
}

/// The bearer token in `*kvpair kvsep`; unknown keys are ignored (RFC 7628 section 3.1), the
/// scheme's case does not matter (section 4).
fn token_among(pairs: &[u8]) -> Option<&[u8]> {
    let pairs = pairs.strip_suffix(&[KVSEP, KVSEP])?;
    let auth = pairs.split(|&octet| octet == KVSEP).find_map(|pair| pair.strip_prefix(b"auth="))?;
    let (scheme, token) = auth.split_at_checked(7)?;
    (scheme.eq_ignore_ascii_case(b"bearer ") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Users, done, token};
    use super::super::{decode, encode};
    use super::*;

    const USER: &str = "user@example.com";
    const TOKEN: &str = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";

    fn client(mechanism: Mechanism, port: u16) -> TokenClient {
        TokenClient::new(
            mechanism,
            &token(USER, TOKEN),
            &Secret::new(TOKEN),
            "server.example.com",
            port,
        )
        .expect("a client")
    }

    fn initial(client: &mut TokenClient) -> Vec<u8> {
        client.initial().expect("encodable").expect("client first")
    }

    fn server(mechanism: Mechanism) -> TokenServer {
        TokenServer::new(
            mechanism,
            Rc::new(Users { token: Some((USER, TOKEN)), ..Users::default() }),
        )
    }

    /// RFC 7628 section 4.1, both exchanges.
    #[test]
    fn the_successful_examples_of_rfc_7628() {
        let imap = initial(&mut client(Mechanism::OAuthBearer, 143));
        assert_eq!(
            encode(&imap),
            "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9\
             QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB"
        );
        let smtp = initial(&mut client(Mechanism::OAuthBearer, 587));
        assert_eq!(
            encode(&smtp),
            "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9NTg3AWF1dGg9\
             QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB"
        );
        let mut server = server(Mechanism::OAuthBearer);
        assert_eq!(server.step(None), Step::Challenge(Vec::new()));
        assert_eq!(server.step(Some(&imap)), done(USER));
        assert_eq!(server.step(Some(&imap)), verify::over());
    }

    /// RFC 7628 section 4.3: what the server says, and the answer `AQ==`.
    #[test]
    fn the_failed_example_of_rfc_7628() {
        let challenge = decode(
            b"eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NvcGUiOiJleGFtcGxlX3Njb3BlIiwib3BlbmlkLWNv\
              bmZpZ3VyYXRpb24iOiJodHRwczovL2V4YW1wbGUuY29tLy53ZWxsLWtub3duL29wZW5pZC1jb25maWd1\
              cmF0aW9uIn0=",
        )
        .expect("base64");
        let mut client = client(Mechanism::OAuthBearer, 143);
        assert_eq!(client.refusal(), None);
        let answer = client.step(&challenge).expect("an answer");
        assert_eq!(encode(&answer), "AQ==");
        let refusal = client.refusal().expect("a refusal");
        assert_eq!(
            refusal,
            Error::Token {
                mechanism: Mechanism::OAuthBearer,
                status: "invalid_token".to_owned(),
                scope: Some("example_scope".to_owned()),
                configuration: Some(
                    "https://example.com/.well-known/openid-configuration".to_owned()
                ),
            }
        );
        assert!(refusal.is_expired_token() && refusal.is_auth());
        assert_eq!(
            refusal.to_string(),
            "the server refused the OAUTHBEARER token: invalid_token (scope wanted: example_scope)"
        );
        assert_eq!(client.finish(), Err(refusal));
        assert!(client.step(b"{}").expect_err("a second").is_protocol());
    }

    /// The server side of RFC 7628 section 4.3: an empty Authorization header.
    #[test]
    fn an_empty_authorization_is_refused_in_json() {
        let message =
            b"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=\x01\x01";
        let mut server = server(Mechanism::OAuthBearer);
        let Step::Challenge(challenge) = server.step(Some(message)) else {
            panic!("the error comes as a challenge");
        };
        let mut client = client(Mechanism::OAuthBearer, 143);
        assert_eq!(client.step(&challenge), Ok(vec![1]));
        assert_eq!(server.step(Some(b"\x01")), verify::invalid());
        assert_eq!(server.step(Some(b"\x01")), verify::over());
        let refusal = client.refusal().expect("a refusal");
        assert!(matches!(refusal, Error::Token { status, .. } if status == "invalid_request"));
    }

    /// The example of Google's "OAuth 2.0 Mechanism" page has this form.
    #[test]
    fn xoauth2_has_its_own_form_and_its_own_answer() {
        let mut client = client(Mechanism::XOauth2, 993);
        let message = initial(&mut client);
        assert_eq!(message, format!("user={USER}\x01auth=Bearer {TOKEN}\x01\x01").into_bytes());
        assert_eq!(server(Mechanism::XOauth2).step(Some(&message)), done(USER));

        let expired =
            TokenServer::new(Mechanism::XOauth2, Rc::new(Users::default())).step(Some(&message));
        let Step::Challenge(challenge) = expired else {
            panic!("the error comes as a challenge");
        };
        assert_eq!(client.step(&challenge), Ok(Vec::new()));
        assert!(client.refusal().is_some_and(|error| error.is_expired_token()));
    }

    #[test]
    fn delegated_access_names_the_other_mailbox() {
        let mut credential = token("ann@example.com", TOKEN);
        credential.authorize_as = Some("a,b=c@example.com".to_owned());
        let secret = Secret::new(TOKEN);
        let mut client = TokenClient::new(Mechanism::OAuthBearer, &credential, &secret, "", 0)
            .expect("a client");
        assert_eq!(
            initial(&mut client),
            format!("n,a=a=2Cb=3Dc@example.com,\x01auth=Bearer {TOKEN}\x01\x01").into_bytes()
        );
    }

    #[test]
    fn refusals_that_are_no_json_are_kept_as_words() {
        let cases: [(&[u8], &str); 7] = [
            (b"", "no reason given"),
            (b"go away", "go away"),
            (b"\x1b[31mred", "\\x1b[31mred"),
            (b"\xff", "\\xff"),
            (b"{}", "no status given"),
            (b"[1]", "[1]"),
            (b"{\"status\":401}", "401"),
        ];
        for (challenge, status) in cases {
            let error = refusal(Mechanism::XOauth2, challenge, &Secret::new(TOKEN));
            assert!(
                matches!(&error, Error::Token { status: said, .. } if said == status),
                "{error:?}"
            );
        }
    }

    #[test]
    fn a_token_that_the_server_repeats_is_redacted() {
        let long = format!("{}{TOKEN}", "x".repeat(REFUSAL_OCTETS - 10));
        let json = format!("{{\"status\":\"bad {TOKEN}\",\"scope\":\"{TOKEN}\"}}");
        for challenge in [format!("bad token {TOKEN}"), json, long] {
            let error = refusal(Mechanism::XOauth2, challenge.as_bytes(), &Secret::new(TOKEN));
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains(&TOKEN[..8]), "{shown}");
        }
    }

    #[test]
    fn malformed_messages_are_refused_in_json() {
        for message in [
            &b""[..],
            b"\x01",
            b"n,,\x01auth=Bearer x\x01\x01",
            b"n,a=user@example.com,\x01auth=Basic x\x01\x01",
            b"n,a=user@example.com,\x01auth=Bearer x\x01",
            b"n,a=user@example.com,\x01auth=Bearer \x01\x01",
            b"user=user@example.com\x01auth=Bearer x\x01\x01",
        ] {
            let step = server(Mechanism::OAuthBearer).step(Some(message));
            assert!(
                matches!(&step, Step::Challenge(json) if json.starts_with(b"{")),
                "{}: {step:?}",
                message.escape_ascii()
            );
        }
    }

    #[test]
    fn the_scheme_has_any_case_and_unknown_keys_are_ignored() {
        let message = format!("n,a={USER},\x01qs=x\x01auth=BeArEr {TOKEN}\x01\x01");
        let step = server(Mechanism::OAuthBearer).step(Some(message.as_bytes()));
        assert_eq!(step, done(USER));
    }

    #[test]
    fn what_no_header_carries_is_not_sent() {
        for (user, secret, host) in [
            ("", TOKEN, "h"),
            (USER, "", "h"),
            (USER, "a\x01b", "h"),
            (USER, "a b", "h"),
            ("a\x01b", TOKEN, "h"),
            (USER, TOKEN, "h\x01"),
        ] {
            let made = TokenClient::new(
                Mechanism::XOauth2,
                &token(user, secret),
                &Secret::new(secret),
                host,
                1,
            );
            assert!(made.is_err(), "{user:?} {secret:?} {host:?}");
        }
    }
}
