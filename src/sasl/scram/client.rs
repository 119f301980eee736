//! The client side of SCRAM.

use std::num::NonZeroU32;

use super::syntax::{self, Fault, ServerFinal};
use super::{Hash, MAX_ITERATIONS, auth_message, xor};
use crate::base::secret::Secret;
use crate::sasl::{ChannelBinding, Client, Credential, Error, Mechanism, prepare, verify};

/// What a client does about channel binding (gs2-cbind-flag, RFC 5802 section 6).
#[derive(Debug, Clone, Copy)]
pub(in crate::sasl) enum Binding<'a> {
    /// Has none, or was told to do without although the server offers it.
    Unsupported,
    /// Has one, but the server does not seem to offer it: a server that does will see from this
    /// that somebody removed its offer.
    Unoffered,
    /// Uses this one.
    Used(&'a ChannelBinding),
}

/// One login.
#[derive(Debug)]
pub(in crate::sasl) struct ScramClient {
    mechanism: Mechanism,
    hash: Hash,
    password: Secret,
    /// The gs2-header.
    header: String,
    /// gs2-header and channel-binding data: what `c=` carries.
    binding: Secret,
    nonce: String,
    first_bare: String,
    /// What the server said where its proof should be (`e=`).
    refusal: Option<Error>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The server-first-message is next.
    First,
    /// The server-final-message is next, with this signature.
    Final(Secret),
    /// The server has proved that it knows the password.
    Proven,
    /// Something was wrong; nothing will be right any more.
    Broken,
}

impl ScramClient {
    /// `nonce` is printable ASCII without comma, and never used twice.
    ///
    /// # Errors
    /// When user or password do not survive SASLprep, or a name has a NUL.
    pub(in crate::sasl) fn new(
        mechanism: Mechanism,
        credential: &Credential,
        password: &Secret,
        binding: Binding<'_>,
        nonce: String,
    ) -> Result<Self, Error> {
        let user = prepare::user(mechanism, &credential.user)?;
        let password = prepare::password(mechanism, password)?;
        let authorize_as = credential.other_identity();
        if authorize_as.is_some_and(|identity| identity.contains('\0')) {
            return Err(Error::Unencodable {
                mechanism,
                what: "identity to act as",
                problem: "has a NUL",
            });
        }
        let no_data: &[u8] = &[];
        let (flag, data) = match binding {
            Binding::Unsupported => ("n".to_owned(), no_data),
            Binding::Unoffered => ("y".to_owned(), no_data),
            Binding::Used(binding) => (format!("p={}", binding.kind.name()), &binding.data[..]),
        };
        let authzid = match authorize_as {
            Some(identity) => format!("a={}", syntax::saslname(identity)),
            None => String::new(),
        };
        let header = format!("{flag},{authzid},");
        let binding = Secret::new([header.as_bytes(), data].concat());
        let first_bare = format!("n={},r={nonce}", syntax::saslname(&user));
        Ok(Self {
            mechanism,
            hash: Hash::of(mechanism),
            password,
            header,
            binding,
            nonce,
            first_bare,
            refusal: None,
            state: State::First,
        })
    }

    fn answer_first(&mut self, message: &str) -> Result<Vec<u8>, Error> {
        // Some servers refuse before their first message, where RFC 5802 has no place for it.
        if let Ok(ServerFinal::Error(reason)) = syntax::server_final(message) {
            return Ok(self.refused(reason));
        }
        let first = syntax::server_first(message)
            .map_err(|fault| self.broken(fault, "a server-first-message"))?;
        // The server adds to our nonce: one that only repeats it gives no freshness of its own,
        // and one that does not begin with it answers somebody else.
        let added = first.nonce.strip_prefix(self.nonce.as_str());
        if added.is_none_or(str::is_empty) {
            return Err(self.expected("a nonce that continues ours"));
        }
        let iterations = u32::try_from(first.iterations)
            .ok()
            .filter(|&iterations| iterations <= MAX_ITERATIONS)
            .and_then(NonZeroU32::new)
            .ok_or(Error::TooManyIterations {
                mechanism: self.mechanism,
                asked: first.iterations,
                limit: MAX_ITERATIONS,
            })?;
        let without_proof =
            format!("c={},r={}", crate::sasl::encode(self.binding.expose()), first.nonce);
        let signed = auth_message(&self.first_bare, message, &without_proof);
        let keys = self.hash.keys(&self.password, &first.salt, iterations);
        let signature = self.hash.hmac(keys.stored.expose(), signed.as_bytes());
        let proof = xor(keys.client.expose(), &signature);
        let server_signature = self.hash.hmac(keys.server.expose(), signed.as_bytes());
        self.state = State::Final(Secret::new(server_signature));
        Ok(format!("{without_proof},p={}", crate::sasl::encode(&proof)).into_bytes())
    }

    fn check_final(&mut self, message: &str, signature: &Secret) -> Result<Vec<u8>, Error> {
        let last = syntax::server_final(message)
            .map_err(|fault| self.broken(fault, "a server-final-message"))?;
        match last {
            ServerFinal::Error(reason) => Ok(self.refused(reason)),
            ServerFinal::Verifier(verifier) if verify::same(&verifier, signature.expose()) => {
                self.state = State::Proven;
                Ok(Vec::new())
            }
            ServerFinal::Verifier(_) => Err(Error::ServerSignature { mechanism: self.mechanism }),
        }
    }

    /// Keeps the reason, and has nothing to say to it: the server's own reply comes next.
    fn refused(&mut self, reason: &str) -> Vec<u8> {
        self.refusal =
            Some(Error::Refused { mechanism: self.mechanism, reason: reason.to_owned() });
        Vec::new()
    }

    fn broken(&self, fault: Fault, expected: &'static str) -> Error {
        self.expected(match fault {
            Fault::Extension => "no mandatory extension",
            Fault::Encoding | Fault::UserName => expected,
        })
    }

    fn expected(&self, expected: &'static str) -> Error {
        Error::Protocol { mechanism: self.mechanism, expected }
    }
}

impl Client for ScramClient {
    fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    fn initial(&mut self) -> Result<Option<Vec<u8>>, Error> {
        Ok(Some(format!("{}{}", self.header, self.first_bare).into_bytes()))
    }

    fn step(&mut self, challenge: &[u8]) -> Result<Vec<u8>, Error> {
        let Ok(message) = std::str::from_utf8(challenge) else {
            self.state = State::Broken;
            return Err(self.expected("a message in UTF-8"));
        };
        match std::mem::replace(&mut self.state, State::Broken) {
            State::First => self.answer_first(message),
            State::Final(signature) => self.check_final(message, &signature),
            State::Proven | State::Broken => {
                Err(self.expected("no challenge after the server-final-message"))
            }
        }
    }

    fn finish(&mut self) -> Result<(), Error> {
        match self.state {
            State::Proven => Ok(()),
            _ => Err(self.refusal().unwrap_or(Error::Unproven { mechanism: self.mechanism })),
        }
    }

    fn refusal(&self) -> Option<Error> {
        self.refusal.clone()
    }

    fn is_binding_refused(&self) -> bool {
        let is_unknown = self.refusal.as_ref().is_some_and(Error::is_unsupported_binding);
        self.mechanism.is_channel_bound() && (is_unknown || matches!(self.state, State::First))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sasl::ChannelBindingKind;
    use crate::sasl::tests::password;

    const NONCE: &str = "fyko+d2lbbFgONRv9qkxdawL";
    const SERVER_FIRST: &str =
        "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096";
    const SERVER_FINAL: &str = "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=";

    fn client(mechanism: Mechanism, nonce: &str, binding: Binding<'_>) -> ScramClient {
        ScramClient::new(
            mechanism,
            &password("user", "pencil"),
            &Secret::new("pencil"),
            binding,
            nonce.to_owned(),
        )
        .expect("a client")
    }

    fn sha1() -> ScramClient {
        client(Mechanism::ScramSha1, NONCE, Binding::Unsupported)
    }

    fn text(octets: Vec<u8>) -> String {
        String::from_utf8(octets).expect("UTF-8")
    }

    fn initial(client: &mut ScramClient) -> String {
        text(client.initial().expect("encodable").expect("client first"))
    }

    /// RFC 5802 section 5.
    #[test]
    fn the_example_of_rfc_5802() {
        let mut client = sha1();
        assert_eq!(initial(&mut client), "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");
        assert_eq!(
            client.step(SERVER_FIRST.as_bytes()).map(text),
            Ok("c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,\
                p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
                .to_owned())
        );
        assert!(client.finish().is_err());
        assert_eq!(client.step(SERVER_FINAL.as_bytes()), Ok(Vec::new()));
        assert_eq!(client.finish(), Ok(()));
        assert!(client.step(b"").expect_err("over").is_protocol());
    }

    /// RFC 7677 section 3.
    #[test]
    fn the_example_of_rfc_7677() {
        let mut client =
            client(Mechanism::ScramSha256, "rOprNGfwEbeRWgbNEkqO", Binding::Unsupported);
        assert_eq!(initial(&mut client), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let first = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                     s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        assert_eq!(
            client.step(first.as_bytes()).map(text),
            Ok("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
                .to_owned())
        );
        let last = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
        assert_eq!(client.step(last.as_bytes()), Ok(Vec::new()));
        assert_eq!(client.finish(), Ok(()));
    }

    /// No RFC has an example with SHA-512: RFC 7677's own, computed by Python's hashlib and hmac.
    #[test]
    fn the_example_of_rfc_7677_with_a_longer_hash() {
        let mut client =
            client(Mechanism::ScramSha512, "rOprNGfwEbeRWgbNEkqO", Binding::Unsupported);
        let first = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                     s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let proof = "gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw\
                     +3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ==";
        assert_eq!(
            client.step(first.as_bytes()).map(text),
            Ok(format!("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p={proof}"))
        );
        let last = "v=ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0v\
                    SVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw==";
        assert_eq!(client.step(last.as_bytes()), Ok(Vec::new()));
        assert_eq!(client.finish(), Ok(()));
    }

    #[test]
    fn a_tampered_server_signature_is_an_impostor() {
        let mut client = sha1();
        client.step(SERVER_FIRST.as_bytes()).expect("a proof");
        let error =
            client.step(b"v=rmF9pqV8S7suAoZWja4dJRkFsKU=").expect_err("the last digit differs");
        assert!(matches!(error, Error::ServerSignature { .. }));
        assert!(error.is_impostor() && error.is_auth());
        assert!(client.finish().expect_err("unproven").is_impostor());
    }

    #[test]
    fn success_without_the_signature_is_not_believed() {
        let mut client = sha1();
        client.step(SERVER_FIRST.as_bytes()).expect("a proof");
        let error = client.finish().expect_err("no signature came");
        assert!(matches!(error, Error::Unproven { .. }));
    }

    #[test]
    fn the_gs2_header_says_what_we_know() {
        let binding = ChannelBinding {
            kind: ChannelBindingKind::TlsExporter,
            data: b"\x00\xffbinding".to_vec(),
        };
        let mut plus = client(Mechanism::ScramSha1Plus, NONCE, Binding::Used(&binding));
        assert!(initial(&mut plus).starts_with("p=tls-exporter,,n=user,"));
        let last = plus.step(SERVER_FIRST.as_bytes()).map(text).expect("a proof");
        let bound = crate::sasl::encode(b"p=tls-exporter,,\x00\xffbinding");
        assert!(last.starts_with(&format!("c={bound},r=")), "{last}");

        let mut unoffered = client(Mechanism::ScramSha1, NONCE, Binding::Unoffered);
        assert!(initial(&mut unoffered).starts_with("y,,n=user,"));

        let mut credential = password("us=er", "pencil");
        credential.authorize_as = Some("a,b".to_owned());
        let mut other = ScramClient::new(
            Mechanism::ScramSha1,
            &credential,
            &Secret::new("pencil"),
            Binding::Unsupported,
            NONCE.to_owned(),
        )
        .expect("a client");
        assert!(initial(&mut other).starts_with("n,a=a=2Cb,n=us=3Der,r="));
    }

    #[test]
    fn a_server_cannot_stall_us() {
        for (asked, number) in [
            ("1000001", 1_000_001),
            ("4294967296", 4_294_967_296),
            ("99999999999999999999", u64::MAX),
        ] {
            let first = format!("r={NONCE}x,s=QSXCR+Q6sek8bf92,i={asked}");
            assert_eq!(
                sha1().step(first.as_bytes()),
                Err(Error::TooManyIterations {
                    mechanism: Mechanism::ScramSha1,
                    asked: number,
                    limit: MAX_ITERATIONS,
                })
            );
        }
        let few = format!("r={NONCE}x,s=QSXCR+Q6sek8bf92,i=1");
        assert!(sha1().step(few.as_bytes()).is_ok());
    }

    #[test]
    fn a_nonce_that_is_not_ours_continued_is_refused() {
        for nonce in [NONCE, "other", &NONCE[1..]] {
            let first = format!("r={nonce},s=QSXCR+Q6sek8bf92,i=4096");
            let error = sha1().step(first.as_bytes()).expect_err("a stale nonce");
            assert!(error.is_protocol(), "{nonce}");
        }
    }

    #[test]
    fn refusals_and_nonsense_are_told_apart() {
        let refusal = |client: &mut ScramClient, message: &[u8]| {
            assert_eq!(client.step(message), Ok(Vec::new()), "the server's reply comes next");
            let refusal = client.refusal().expect("a reason");
            assert_eq!(client.finish(), Err(refusal.clone()), "success is not believed");
            assert!(client.step(b"").is_err());
            refusal
        };
        let error = refusal(&mut sha1(), b"e=unknown-user");
        assert_eq!(error.to_string(), "SCRAM-SHA-1: unknown-user");
        assert!(error.is_auth() && !error.is_protocol());

        let mut late = sha1();
        late.step(SERVER_FIRST.as_bytes()).expect("a proof");
        let error = refusal(&mut late, b"e=unsupported-channel-binding-type");
        assert!(error.is_unsupported_binding());

        let error = refusal(&mut sha1(), b"e=server-does-support-channel-binding");
        assert!(error.is_impostor());

        for nonsense in [&b""[..], b"\xff", b"e", b"v=QQ==", b"m=x,r=a,s=QQ==,i=1"] {
            let mut client = sha1();
            let error = client.step(nonsense).expect_err("nonsense");
            assert!(error.is_protocol(), "{}", nonsense.escape_ascii());
            let after = client.step(SERVER_FIRST.as_bytes());
            assert!(after.is_err(), "nothing is right after nonsense");
        }
    }

    #[test]
    fn what_saslprep_refuses_is_not_sent() {
        for (user, secret) in [("", "pencil"), ("us\u{7}er", "pencil"), ("user", "pen\u{7}cil")] {
            let made = ScramClient::new(
                Mechanism::ScramSha256,
                &password(user, secret),
                &Secret::new(secret),
                Binding::Unsupported,
                NONCE.to_owned(),
            );
            assert!(matches!(made, Err(Error::Unprepared { .. })), "{user:?}");
        }
    }
}
