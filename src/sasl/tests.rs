//! Both sides of every mechanism, meeting each other; and what the other files' tests share.

use std::rc::Rc;

use proptest::prelude::*;

use super::*;

/// What the servers of the tests know.
#[derive(Default)]
pub(super) struct Users {
    /// Whether anybody may come in.
    pub(super) any: bool,
    /// Who may act as everybody.
    pub(super) admin: Option<&'static str>,
    /// Whom the client certificate names.
    pub(super) certificate: Option<&'static str>,
    /// The one valid token, and whose it is.
    pub(super) token: Option<(&'static str, &'static str)>,
}

impl Secrets for Users {
    fn password(&self, user: &str) -> Option<Secret> {
        let password = match user {
            "tim" => "tanstaaftanstaaf",
            "user" => "pencil",
            "Kurt" => "xipj3plmq",
            "IX" => "I\u{AD}X",
            _ => return None,
        };
        Some(Secret::new(password))
    }

    fn token_is_valid(&self, user: &str, token: &[u8]) -> bool {
        self.token.is_some_and(|(owner, valid)| owner == user && valid.as_bytes() == token)
    }

    fn external_identity(&self) -> Option<String> {
        self.certificate.map(str::to_owned)
    }

    fn may_act_as(&self, user: &str, _authorize_as: &str) -> bool {
        self.admin == Some(user)
    }

    fn any(&self) -> bool {
        self.any
    }
}

/// A success without additional data.
pub(super) fn done(user: &str) -> Step {
    Step::Done { user: user.to_owned(), additional: None }
}

/// A user with a password.
pub(super) fn password(user: &str, password: &str) -> Credential {
    Credential {
        user: user.to_owned(),
        authorize_as: None,
        secret: CredentialSecret::Password(Secret::new(password)),
    }
}

/// A user with a token.
pub(super) fn token(user: &str, token: &str) -> Credential {
    Credential {
        user: user.to_owned(),
        authorize_as: None,
        secret: CredentialSecret::Token(Secret::new(token)),
    }
}

/// A channel binding of some kind.
pub(super) fn binding(kind: ChannelBindingKind) -> ChannelBinding {
    ChannelBinding { kind, data: b"both ends know this".to_vec() }
}

/// A connection without channel binding.
pub(super) fn channel(encrypted: bool) -> Channel {
    Channel {
        encrypted,
        bindings: Vec::new(),
        host: "mail.example.org".to_owned(),
        port: 993,
        service: "imap",
    }
}

fn bound(kinds: &[ChannelBindingKind]) -> Channel {
    Channel { bindings: kinds.iter().map(|kind| binding(*kind)).collect(), ..channel(true) }
}

/// How a login ended that did not succeed.
#[derive(Debug, PartialEq)]
enum End {
    /// The client gave up.
    Client(Error),
    /// The server refused, and the mechanism had told the client why, or had not.
    Server(String, Option<Error>),
}

/// Lets both sides talk as a protocol would: with the initial response in the command or, where
/// `initial_response` is false, after an empty challenge; additional data as a last challenge.
fn meet(
    client: &mut dyn Client,
    server: &mut dyn Server,
    initial_response: bool,
) -> Result<String, End> {
    let mut first = client.initial().map_err(End::Client)?;
    let mut response = if initial_response { first.take() } else { None };
    for _ in 0..8 {
        match server.step(response.as_deref()) {
            Step::Challenge(challenge) => {
                response = Some(match first.take() {
                    Some(first) => {
                        assert_eq!(challenge, b"", "an empty challenge asks for the first word");
                        first
                    }
                    None => client.step(&challenge).map_err(End::Client)?,
                });
            }
            Step::Done { user, additional } => {
                if let Some(data) = additional {
                    let answer = client.step(&data).map_err(End::Client)?;
                    assert_eq!(answer, b"", "there is nothing to say to success");
                }
                client.finish().map_err(End::Client)?;
                return Ok(user);
            }
            Step::Failed { reason } => return Err(End::Server(reason, client.refusal())),
        }
    }
    panic!("the exchange does not end");
}

/// One login with a forced mechanism, tried with and without initial response.
fn login(
    mechanism: Mechanism,
    credential: &Credential,
    users: fn() -> Users,
    near: &Channel,
    far: &Channel,
) -> Result<String, End> {
    let run = |initial_response: bool| -> Result<String, End> {
        let offered = [mechanism];
        let mut client =
            client(&offered, Some(mechanism), credential, near, false).map_err(End::Client)?;
        let mut server = server(mechanism, Rc::new(users()), far, &mut system_random);
        meet(&mut *client, &mut *server, initial_response)
    };
    let (with, without) = (run(true), run(false));
    assert_eq!(with, without, "{mechanism}");
    with
}

fn users() -> Users {
    Users {
        any: false,
        admin: Some("user"),
        certificate: Some("user"),
        token: Some(("user", "t0ken")),
    }
}

fn credential(mechanism: Mechanism) -> Credential {
    match mechanism {
        Mechanism::OAuthBearer | Mechanism::XOauth2 => token("user", "t0ken"),
        _ => password("user", "pencil"),
    }
}

/// All but GSSAPI, which meets nobody without a KDC.
fn but_kerberos() -> impl Iterator<Item = Mechanism> {
    Mechanism::ALL.into_iter().filter(|mechanism| *mechanism != Mechanism::Gssapi)
}

fn tls() -> Channel {
    bound(&[ChannelBindingKind::TlsExporter, ChannelBindingKind::TlsServerEndPoint])
}

#[test]
fn names_are_read_in_any_case() {
    for mechanism in Mechanism::ALL {
        let name = mechanism.name();
        assert_eq!(Mechanism::from_name(name), Some(mechanism));
        assert_eq!(Mechanism::from_name(&name.to_lowercase()), Some(mechanism));
        assert_eq!(mechanism.to_string(), name);
    }
    assert_eq!(Mechanism::from_name("NTLM"), None);
    assert_eq!(Mechanism::from_name(""), None);
}

#[test]
fn every_mechanism_meets_itself() {
    for mechanism in but_kerberos() {
        // A server of a mechanism without -PLUS has no bindings to offer.
        let channel = if mechanism.is_channel_bound() { tls() } else { channel(true) };
        let identity = if mechanism == Mechanism::Anonymous { "anonymous" } else { "user" };
        assert_eq!(
            login(mechanism, &credential(mechanism), users, &channel, &channel),
            Ok(identity.to_owned()),
            "{mechanism}"
        );
    }
}

#[test]
fn a_wrong_secret_is_refused_by_every_mechanism() {
    for mechanism in Mechanism::ALL {
        if mechanism.is_secretless() {
            continue;
        }
        let wrong = match mechanism {
            Mechanism::OAuthBearer | Mechanism::XOauth2 => token("user", "stale"),
            _ => password("user", "pen"),
        };
        let channel = if mechanism.is_channel_bound() { tls() } else { channel(true) };
        match login(mechanism, &wrong, users, &channel, &channel) {
            Err(End::Server(reason, refusal)) => {
                assert_eq!(reason, "invalid credentials", "{mechanism}");
                let is_scram = mechanism.name().starts_with("SCRAM");
                let word = matches!(&refusal, Some(Error::Refused { reason, .. })
                    if reason == "invalid-proof");
                assert_eq!(word, is_scram, "{mechanism}");
                let told = refusal.is_some_and(|error| error.is_expired_token());
                let has_token = matches!(wrong.secret, CredentialSecret::Token(_));
                assert_eq!(told, has_token, "{mechanism}");
            }
            other => panic!("{mechanism}: {other:?}"),
        }
    }
}

#[test]
fn administrators_act_as_others_where_the_mechanism_can_say_so() {
    for mechanism in
        [Mechanism::Plain, Mechanism::ScramSha1, Mechanism::ScramSha256, Mechanism::External]
    {
        let mut admin = password("user", "pencil");
        admin.authorize_as = Some("a,n=n".to_owned());
        let open = channel(true);
        assert_eq!(
            login(mechanism, &admin, users, &open, &open),
            Ok("a,n=n".to_owned()),
            "{mechanism}"
        );
        fn nobody_special() -> Users {
            Users { admin: None, ..users() }
        }
        let refused = login(mechanism, &admin, nobody_special, &open, &open);
        assert!(
            matches!(&refused, Err(End::Server(reason, _)) if reason.contains("authorized")),
            "{mechanism}: {refused:?}"
        );
    }
}

#[test]
fn what_saslprep_makes_equal_is_equal() {
    // User and password are stored as "IX" and "I<soft hyphen>X", and typed the other way round.
    let typed = password("I\u{AD}X", "\u{2168}");
    for mechanism in [Mechanism::Plain, Mechanism::ScramSha1, Mechanism::ScramSha256] {
        let met = login(mechanism, &typed, users, &channel(true), &channel(true));
        assert_eq!(met, Ok("IX".to_owned()), "{mechanism}");
    }
}

/// What the server says, and what SCRAM had told before.
fn refused(mechanism: Mechanism, reason: &str) -> End {
    let told = Error::Refused { mechanism, reason: reason.to_owned() };
    End::Server(reason.to_owned(), Some(told))
}

/// The man in the middle has a TLS channel to either side, so that the bindings differ.
#[test]
fn a_channel_binding_that_differs_is_refused() {
    let near = tls();
    let mut far = tls();
    far.bindings[0].data = b"the other channel".to_vec();
    for mechanism in
        [Mechanism::ScramSha1Plus, Mechanism::ScramSha256Plus, Mechanism::ScramSha512Plus]
    {
        assert_eq!(
            login(mechanism, &credential(mechanism), users, &near, &far),
            Err(refused(mechanism, "channel-bindings-dont-match"))
        );
    }
}

/// The man in the middle takes -PLUS out of the server's offer.
#[test]
fn a_stripped_plus_fails() {
    for mechanism in [Mechanism::ScramSha1, Mechanism::ScramSha256] {
        let met = login(mechanism, &credential(mechanism), users, &tls(), &tls());
        assert!(
            matches!(&met, Err(End::Server(reason, Some(detail)))
                if reason.starts_with("server-does-support-channel-binding")
                    && detail.is_impostor()),
            "{met:?}"
        );
    }
}

/// A server without `tls-exporter` refuses it; the next binding of the client does.
#[test]
fn the_next_binding_is_tried_by_forcing_the_mechanism() {
    let mechanism = Mechanism::ScramSha256Plus;
    let far = bound(&[ChannelBindingKind::TlsServerEndPoint]);
    let mut near = tls();
    let user = credential(mechanism);
    assert_eq!(
        login(mechanism, &user, users, &near, &far),
        Err(refused(mechanism, "unsupported-channel-binding-type"))
    );
    near.bindings.remove(0);
    assert_eq!(login(mechanism, &user, users, &near, &far), Ok("user".to_owned()));
    near.bindings.remove(0);
    assert_eq!(
        login(mechanism, &user, users, &near, &far),
        Err(End::Client(Error::NoChannelBinding { mechanism }))
    );
}

#[test]
fn no_secret_in_what_is_shown() {
    let mut shown = Vec::new();
    for mechanism in but_kerberos() {
        let credential = credential(mechanism);
        shown.push(format!("{credential:?}"));
        let channel = tls();
        shown.push(format!("{channel:?}"));
        let open = super::client(&[mechanism], None, &credential, &self::channel(false), false);
        if let Err(error) = open {
            shown.push(format!("{error} {error:?}"));
        }
        let mut client =
            client(&[mechanism], Some(mechanism), &credential, &channel, false).expect("a client");
        shown.push(format!("{client:?}"));
        let first = client.initial().expect("encodable");
        shown.push(format!("{client:?}"));
        let nonce = first
            .as_deref()
            .and_then(|first| std::str::from_utf8(first).ok())
            .and_then(|first| first.rsplit_once("r="))
            .map_or("", |(_, nonce)| nonce);
        let server_first = format!("r={nonce}x,s=QSXCR+Q6sek8bf92,i=4096");
        for challenge in
            [server_first.as_bytes(), b"the token t0ken is bad, and so is the password", b"v=QQ=="]
        {
            if let Err(error) = client.step(challenge) {
                shown.push(format!("{error} {error:?}"));
            }
            shown.push(format!("{client:?} {:?}", client.refusal()));
        }
        if let Err(error) = client.finish() {
            shown.push(format!("{error} {error:?}"));
        }
    }
    let shown = shown.join("\n");
    for secret in ["pencil", "t0ken", "both ends know this"] {
        let octets = format!("{:?}", secret.as_bytes());
        let octets = octets.trim_matches(['[', ']']);
        for form in [secret, &encode(secret.as_bytes()), octets] {
            assert!(!shown.contains(form), "{form} is in:\n{shown}");
        }
    }
}

proptest! {
    #[test]
    fn no_server_panics(responses in prop::collection::vec(any::<Vec<u8>>(), 0..4)) {
        for mechanism in Mechanism::ALL {
            let users = Users { admin: None, ..users() };
            let mut server = server(mechanism, Rc::new(users), &tls(), &mut system_random);
            for response in &responses {
                if let Step::Done { user, .. } = server.step(Some(response)) {
                    prop_assert!(mechanism == Mechanism::Anonymous || user == "user");
                }
            }
        }
    }

    #[test]
    fn no_client_panics(challenges in prop::collection::vec(any::<Vec<u8>>(), 0..4)) {
        for mechanism in but_kerberos() {
            let credential = credential(mechanism);
            let mut client = client(&[mechanism], Some(mechanism), &credential, &tls(), false)
                .expect("a client");
            client.initial().expect("encodable");
            for challenge in &challenges {
                if client.step(challenge).is_err() {
                    break;
                }
            }
            if client.mechanism().name().starts_with("SCRAM") {
                prop_assert!(client.finish().is_err());
            }
        }
    }
}
