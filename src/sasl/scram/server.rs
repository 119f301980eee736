//! The server side of SCRAM.
//!
//! The test server knows passwords, so it salts them anew for each login; an unknown user gets
//! the same treatment with a decoy, and the same refusal in the end.

use std::rc::Rc;

use super::syntax::{self, Fault, Flag};
use super::{Hash, SERVER_ITERATIONS, auth_message, xor};
use crate::base::secret::Secret;
use crate::sasl::verify::INVALID;
use crate::sasl::{ChannelBinding, Mechanism, Secrets, Server, Step, prepare, verify};

/// What has to be new in each login.
pub(in crate::sasl) struct Fresh {
    /// The server's part of the nonce: printable ASCII without comma, not empty.
    pub(in crate::sasl) nonce: String,
    /// The salt, not empty.
    pub(in crate::sasl) salt: Vec<u8>,
    /// The password that unknown users have, which nobody knows.
    pub(in crate::sasl) decoy: Secret,
}

/// One login.
pub(in crate::sasl) struct ScramServer {
    mechanism: Mechanism,
    secrets: Rc<dyn Secrets>,
    bindings: Vec<ChannelBinding>,
    fresh: Fresh,
    state: State,
}

enum State {
    /// The client-first-message is next.
    Start,
    /// The client-final-message is next.
    Challenged(Challenged),
    /// The client has heard why it is refused: whatever it answers, this is the end.
    Refused(String),
    Over,
}

/// What the client-first-message and our answer leave to be remembered.
struct Challenged {
    user: String,
    authzid: Option<String>,
    /// gs2-header and channel-binding data: what `c=` has to carry.
    binding: Vec<u8>,
    first_bare: String,
    nonce: String,
    server_first: String,
    password: Secret,
    known: bool,
}

impl ScramServer {
    /// `bindings` are those of the connection; non-empty means that `-PLUS` is offered.
    pub(in crate::sasl) fn new(
        mechanism: Mechanism,
        secrets: Rc<dyn Secrets>,
        bindings: Vec<ChannelBinding>,
        fresh: Fresh,
    ) -> Self {
        Self { mechanism, secrets, bindings, fresh, state: State::Start }
    }

    /// # Errors
    /// The refusal.
    fn answer_first(&self, message: &[u8]) -> Result<Challenged, Step> {
        let message = std::str::from_utf8(message).map_err(|_| refused(Fault::Encoding))?;
        let first = syntax::client_first(message).map_err(refused)?;
        let data = self.binding_data(first.flag)?;
        let nonce = format!("{}{}", first.nonce, self.fresh.nonce);
        let server_first =
            format!("r={nonce},s={},i={SERVER_ITERATIONS}", crate::sasl::encode(&self.fresh.salt));
        let stored = verify::stored(self.mechanism, &*self.secrets, &first.user);
        let known = stored.is_some();
        let (user, password) = stored.unwrap_or_else(|| (first.user, self.fresh.decoy.clone()));
        Ok(Challenged {
            user,
            authzid: first.authzid,
            binding: [first.header.as_bytes(), data].concat(),
            first_bare: first.bare.to_owned(),
            nonce,
            server_first,
            // One that SASLprep refuses can still be the same on both sides, as it is written.
            password: prepare::password(self.mechanism, &password).unwrap_or(password),
            known,
        })
    }

    /// The channel-binding data that the flag asks for (RFC 5802 section 6).
    ///
    /// # Errors
    /// The refusal: a downgrade, a binding that we lack, or a flag that does not fit the
    /// mechanism's name.
    fn binding_data(&self, flag: Flag<'_>) -> Result<&[u8], Step> {
        match (flag, self.mechanism.is_channel_bound()) {
            (Flag::Unsupported | Flag::Unoffered, true) => Err(verify::failed(
                "channel-bindings-dont-match: the mechanism needs a channel binding",
            )),
            (Flag::Unsupported, false) => Ok(&[]),
            (Flag::Unoffered, false) if self.bindings.is_empty() => Ok(&[]),
            (Flag::Unoffered, false) => Err(verify::failed(
                "server-does-support-channel-binding: somebody removed the -PLUS mechanisms from \
                 our offer",
            )),
            (Flag::Used(_), false) => Err(verify::failed(
                "channel-binding-not-supported: the mechanism has no channel binding",
            )),
            (Flag::Used(name), true) => self
                .bindings
                .iter()
                .find(|binding| binding.kind.name() == name)
                .map(|binding| &binding.data[..])
                .ok_or_else(|| verify::failed("unsupported-channel-binding-type")),
        }
    }

    fn check_final(&self, challenged: &Challenged, message: &[u8]) -> Step {
        let Ok(message) = std::str::from_utf8(message) else {
            return refused(Fault::Encoding);
        };
        let last = match syntax::client_final(message) {
            Ok(last) => last,
            Err(fault) => return refused(fault),
        };
        if last.nonce != challenged.nonce {
            return verify::failed("other-error: the nonce is not the one of this exchange");
        }
        if !verify::same(&last.binding, &challenged.binding) {
            return verify::failed("channel-bindings-dont-match");
        }
        let signed =
            auth_message(&challenged.first_bare, &challenged.server_first, last.without_proof);
        let hash = Hash::of(self.mechanism);
        let keys = hash.keys(&challenged.password, &self.fresh.salt, SERVER_ITERATIONS);
        let signature = hash.hmac(keys.stored.expose(), signed.as_bytes());
        // RFC 5802 section 3: the proof gives the client key back, whose hash is known.
        let client_key = Secret::new(xor(&last.proof, &signature));
        let proven = last.proof.len() == signature.len()
            && verify::same(&hash.digest(client_key.expose()), keys.stored.expose());
        if !proven || !challenged.known {
            return verify::invalid();
        }
        let verifier = hash.hmac(keys.server.expose(), signed.as_bytes());
        let server_final = format!("v={}", crate::sasl::encode(&verifier));
        verify::admit(
            &*self.secrets,
            &challenged.user,
            challenged.authzid.as_deref(),
            Some(server_final.into_bytes()),
        )
    }
}

impl ScramServer {
    /// A refusal goes out as the server-final-message first (`server-error`, RFC 5802 section
    /// 7), where the mechanism's own word for it has a place.
    fn told(&mut self, step: Step) -> Step {
        let Step::Failed { reason } = step else { return step };
        let word = reason.split(':').next().unwrap_or_default();
        let value = if WORDS.contains(&word) {
            word
        } else if reason == INVALID {
            // For an unknown user too: who exists is nobody's business.
            "invalid-proof"
        } else {
            "other-error"
        };
        let message = format!("e={value}").into_bytes();
        self.state = State::Refused(reason);
        Step::Challenge(message)
    }
}

/// `server-error-value`s of ours, RFC 5802 section 7.
const WORDS: [&str; 7] = [
    "invalid-encoding",
    "extensions-not-supported",
    "invalid-username-encoding",
    "channel-bindings-dont-match",
    "server-does-support-channel-binding",
    "channel-binding-not-supported",
    "unsupported-channel-binding-type",
];

impl Server for ScramServer {
    fn step(&mut self, response: Option<&[u8]>) -> Step {
        let state = std::mem::replace(&mut self.state, State::Over);
        match (state, response) {
            (State::Start, None) => {
                self.state = State::Start;
                Step::Challenge(Vec::new())
            }
            (State::Start, Some(message)) => match self.answer_first(message) {
                Ok(challenged) => {
                    let server_first = challenged.server_first.clone();
                    self.state = State::Challenged(challenged);
                    Step::Challenge(server_first.into_bytes())
                }
                Err(refusal) => self.told(refusal),
            },
            (State::Challenged(challenged), Some(message)) => {
                let step = self.check_final(&challenged, message);
                self.told(step)
            }
            (State::Refused(reason), _) => Step::Failed { reason },
            (State::Challenged(_), None) | (State::Over, _) => verify::over(),
        }
    }
}

/// The refusal of a message, in the words of server-error-value (RFC 5802 section 7).
fn refused(fault: Fault) -> Step {
    verify::failed(match fault {
        Fault::Encoding => "invalid-encoding",
        Fault::Extension => "extensions-not-supported",
        Fault::UserName => "invalid-username-encoding",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sasl::ChannelBindingKind;
    use crate::sasl::tests::{Users, binding};

    const FIRST: &[u8] = b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL";
    const SERVER_FIRST: &[u8] =
        b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096";
    const FINAL: &[u8] = b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,\
                           p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=";

    fn server(
        mechanism: Mechanism,
        nonce: &str,
        salt: &str,
        bindings: Vec<ChannelBinding>,
    ) -> ScramServer {
        let fresh = Fresh {
            nonce: nonce.to_owned(),
            salt: crate::sasl::decode(salt.as_bytes()).expect("base64"),
            decoy: Secret::new("decoy"),
        };
        ScramServer::new(mechanism, Rc::new(Users::default()), bindings, fresh)
    }

    fn sha1(mechanism: Mechanism, bindings: Vec<ChannelBinding>) -> ScramServer {
        server(mechanism, "3rfcNHYJY1ZVvWVs7j", "QSXCR+Q6sek8bf92", bindings)
    }

    /// The end after a message that is refused, with the word that the client hears before it.
    fn refused(server: &mut ScramServer, message: &[u8]) -> (String, Step) {
        match server.step(Some(message)) {
            Step::Challenge(told) => {
                let told = String::from_utf8(told).expect("ASCII");
                let value = told.strip_prefix("e=").expect("a server-error").to_owned();
                (value, server.step(Some(b"")))
            }
            other => panic!("no server-error: {other:?}"),
        }
    }

    fn wrong() -> (String, Step) {
        ("invalid-proof".to_owned(), verify::invalid())
    }

    /// The value, and the reason that begins with it.
    fn reason(mut server: ScramServer, message: &[u8]) -> String {
        match refused(&mut server, message) {
            (value, Step::Failed { reason }) if reason.starts_with(&value) => reason,
            other => panic!("not a failure: {other:?}"),
        }
    }

    /// RFC 5802 section 5.
    #[test]
    fn the_example_of_rfc_5802() {
        let mut server = sha1(Mechanism::ScramSha1, Vec::new());
        assert_eq!(server.step(None), Step::Challenge(Vec::new()));
        assert_eq!(server.step(Some(FIRST)), Step::Challenge(SERVER_FIRST.to_vec()));
        assert_eq!(
            server.step(Some(FINAL)),
            Step::Done {
                user: "user".to_owned(),
                additional: Some(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=".to_vec()),
            }
        );
        assert_eq!(server.step(Some(FINAL)), verify::over());
    }

    /// RFC 7677 section 3.
    #[test]
    fn the_example_of_rfc_7677() {
        let mut server = server(
            Mechanism::ScramSha256,
            "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
            "W22ZaJ0SNY7soEsUEjb6gQ==",
            Vec::new(),
        );
        assert_eq!(
            server.step(Some(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO")),
            Step::Challenge(
                b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                  s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
                    .to_vec()
            )
        );
        let last = b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                     p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        assert_eq!(
            server.step(Some(last)),
            Step::Done {
                user: "user".to_owned(),
                additional: Some(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=".to_vec()),
            }
        );
    }

    #[test]
    fn a_wrong_proof_and_an_unknown_user_look_the_same() {
        let mut wrong = sha1(Mechanism::ScramSha1, Vec::new());
        wrong.step(Some(FIRST));
        let tampered = String::from_utf8_lossy(FINAL).replace("4Ts=", "4Tw=");
        assert_eq!(refused(&mut wrong, tampered.as_bytes()), self::wrong());

        let mut short = sha1(Mechanism::ScramSha1, Vec::new());
        short.step(Some(FIRST));
        let empty = String::from_utf8_lossy(FINAL).replace("v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", "");
        assert_eq!(refused(&mut short, empty.as_bytes()), self::wrong());

        let mut unknown = sha1(Mechanism::ScramSha1, Vec::new());
        assert_eq!(
            unknown.step(Some(b"n,,n=nobody,r=fyko+d2lbbFgONRv9qkxdawL")),
            Step::Challenge(SERVER_FIRST.to_vec())
        );
        assert_eq!(refused(&mut unknown, FINAL), self::wrong());
    }

    #[test]
    fn a_replayed_nonce_is_refused() {
        let mut server = server(Mechanism::ScramSha1, "another", "QSXCR+Q6sek8bf92", Vec::new());
        server.step(Some(FIRST));
        assert!(reason(server, FINAL).starts_with("other-error"));
    }

    /// The client saw no -PLUS in the offer although the server made it.
    #[test]
    fn a_stripped_plus_is_noticed() {
        let bindings = vec![binding(ChannelBindingKind::TlsExporter)];
        let server = sha1(Mechanism::ScramSha1, bindings);
        let reason = reason(server, b"y,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");
        assert!(reason.starts_with("server-does-support-channel-binding"));

        let mut unable = sha1(Mechanism::ScramSha1, Vec::new());
        let step = unable.step(Some(b"y,,n=user,r=fyko+d2lbbFgONRv9qkxdawL"));
        assert!(matches!(step, Step::Challenge(_)));
    }

    #[test]
    fn a_changed_gs2_header_is_noticed() {
        let mut server = sha1(Mechanism::ScramSha1, Vec::new());
        server.step(Some(b"y,,n=user,r=fyko+d2lbbFgONRv9qkxdawL"));
        assert_eq!(reason(server, FINAL), "channel-bindings-dont-match");
    }

    #[test]
    fn flags_have_to_fit_the_mechanism() {
        let bindings = vec![binding(ChannelBindingKind::TlsServerEndPoint)];
        for (mechanism, header, refusal) in [
            (Mechanism::ScramSha1Plus, "n,,", "channel-bindings-dont"),
            (Mechanism::ScramSha1Plus, "y,,", "channel-bindings-dont"),
            (Mechanism::ScramSha1Plus, "p=tls-exporter,,", "unsupported-channel-binding-type"),
            (Mechanism::ScramSha1, "p=tls-server-end-point,,", "channel-binding-not-supported"),
        ] {
            let message = format!("{header}n=user,r=abc");
            let reason = reason(sha1(mechanism, bindings.clone()), message.as_bytes());
            assert!(reason.starts_with(refusal), "{mechanism} {header}");
        }
    }

    #[test]
    fn malformed_messages_are_named() {
        let cases: [(&[u8], &str); 4] = [
            (b"", "invalid-encoding"),
            (b"\xff", "invalid-encoding"),
            (b"n,,m=x,n=user,r=abc", "extensions-not-supported"),
            (b"n,,n=us=er,r=abc", "invalid-username-encoding"),
        ];
        for (message, refusal) in cases {
            let reason = reason(sha1(Mechanism::ScramSha1, Vec::new()), message);
            assert_eq!(reason, refusal, "{}", message.escape_ascii());
        }
    }
}
