//! Which mechanism, and with what: the strongest that both sides have and the credential and
//! the connection allow.

use std::rc::Rc;

use super::anonymous::{AnonymousClient, AnonymousServer};
use super::cram_md5::{CramMd5Client, CramMd5Server};
use super::digest_md5::{DigestMd5Client, DigestMd5Server};
use super::external::{ExternalClient, ExternalServer};
use super::gssapi::{GssapiClient, GssapiServer};
use super::login::{LoginClient, LoginServer};
use super::oauth::{TokenClient, TokenServer};
use super::plain::{PlainClient, PlainServer};
use super::scram::{Binding, Fresh, ScramClient, ScramServer};
use super::{
    Channel, Client, Credential, CredentialSecret, Error, Mechanism, Secrets, Server, encode,
    system_random,
};
use crate::base::secret::Secret;

/// Octets of randomness in a nonce and in a salt.
const NONCE_OCTETS: usize = 18;

/// The client side of the strongest mechanism that works, or of the forced one.
///
/// `offered` are the mechanisms of the server that we speak. [`Mechanism::ALL`] is the order of
/// preference: DIGEST-MD5 and CRAM-MD5 come last, GSSAPI and EXTERNAL are chosen only without a
/// secret of ours, and ANONYMOUS only when forced. A `-PLUS` mechanism uses the first of the
/// channel's bindings; [`super::Attempts`] tries the others.
///
/// # Errors
/// When nothing works, or the forced mechanism does not; [`Error::Cleartext`] when it would with
/// encryption, or with `allow_cleartext`.
pub fn client(
    offered: &[Mechanism],
    forced: Option<Mechanism>,
    credential: &Credential,
    channel: &Channel,
    allow_cleartext: bool,
) -> Result<Box<dyn Client>, Error> {
    client_with(offered, forced, credential, channel, allow_cleartext, &mut system_random)
}

/// As [`client`], with another source of randomness, which fills what it is given.
///
/// # Errors
/// As [`client`].
pub fn client_with(
    offered: &[Mechanism],
    forced: Option<Mechanism>,
    credential: &Credential,
    channel: &Channel,
    allow_cleartext: bool,
    random: &mut dyn FnMut(&mut [u8]),
) -> Result<Box<dyn Client>, Error> {
    let mechanism = match forced {
        Some(forced) if !offered.contains(&forced) => {
            return Err(Error::NotOffered { forced, offered: names(offered) });
        }
        Some(forced) => {
            fits(forced, credential, channel, allow_cleartext)?;
            forced
        }
        None => choose(offered, credential, channel, allow_cleartext)?,
    };
    let client: Box<dyn Client> = match mechanism {
        Mechanism::Plain => {
            let password = secret(mechanism, credential)?;
            Box::new(PlainClient::new(credential, password)?)
        }
        Mechanism::Login => {
            let password = secret(mechanism, credential)?;
            Box::new(LoginClient::new(credential, password)?)
        }
        Mechanism::CramMd5 => {
            let password = secret(mechanism, credential)?;
            Box::new(CramMd5Client::new(credential, password)?)
        }
        Mechanism::DigestMd5 => {
            let password = secret(mechanism, credential)?;
            Box::new(DigestMd5Client::new(credential, password, channel, nonce(random))?)
        }
        Mechanism::ScramSha1
        | Mechanism::ScramSha1Plus
        | Mechanism::ScramSha256
        | Mechanism::ScramSha256Plus
        | Mechanism::ScramSha512
        | Mechanism::ScramSha512Plus => Box::new(ScramClient::new(
            mechanism,
            credential,
            secret(mechanism, credential)?,
            binding(mechanism, offered, channel)?,
            nonce(random),
        )?),
        Mechanism::XOauth2 | Mechanism::OAuthBearer => Box::new(TokenClient::new(
            mechanism,
            credential,
            secret(mechanism, credential)?,
            &channel.host,
            channel.port,
        )?),
        Mechanism::Gssapi => Box::new(GssapiClient::new(credential, channel)?),
        Mechanism::External => Box::new(ExternalClient::new(credential)?),
        Mechanism::Anonymous => Box::new(AnonymousClient::new(credential)?),
    };
    Ok(client)
}

/// The server side of a mechanism that the client has named.
///
/// `random` fills what it is given, and never twice with the same. Whether a mechanism may be
/// used at all (PLAIN without encryption, ANONYMOUS anywhere) is for the caller to decide.
pub fn server(
    mechanism: Mechanism,
    secrets: Rc<dyn Secrets>,
    channel: &Channel,
    random: &mut dyn FnMut(&mut [u8]),
) -> Box<dyn Server> {
    match mechanism {
        Mechanism::Plain => Box::new(PlainServer::new(secrets)),
        Mechanism::Login => Box::new(LoginServer::new(secrets)),
        Mechanism::CramMd5 => {
            Box::new(CramMd5Server::new(secrets, timestamp(&channel.host, random)))
        }
        Mechanism::DigestMd5 => Box::new(DigestMd5Server::new(secrets, channel, nonce(random))),
        Mechanism::ScramSha1
        | Mechanism::ScramSha1Plus
        | Mechanism::ScramSha256
        | Mechanism::ScramSha256Plus
        | Mechanism::ScramSha512
        | Mechanism::ScramSha512Plus => {
            let fresh = Fresh {
                nonce: nonce(random),
                salt: octets(random),
                decoy: Secret::new(nonce(random)),
            };
            let bindings = channel.bindings.clone();
            Box::new(ScramServer::new(mechanism, secrets, bindings, fresh))
        }
        Mechanism::XOauth2 | Mechanism::OAuthBearer => {
            Box::new(TokenServer::new(mechanism, secrets))
        }
        Mechanism::Gssapi => Box::new(GssapiServer::new(secrets, channel)),
        Mechanism::External => Box::new(ExternalServer::new(secrets)),
        Mechanism::Anonymous => Box::new(AnonymousServer::new()),
    }
}

fn choose(
    offered: &[Mechanism],
    credential: &Credential,
    channel: &Channel,
    allow_cleartext: bool,
) -> Result<Mechanism, Error> {
    let mut nearest =
        Error::NoCommonMechanism { offered: names(offered), credential: credential.secret.kind() };
    for mechanism in Mechanism::ALL {
        if !offered.contains(&mechanism) || !is_automatic(mechanism, &credential.secret) {
            continue;
        }
        match fits(mechanism, credential, channel, allow_cleartext) {
            Ok(()) => return Ok(mechanism),
            Err(error) if nearness(&error) > nearness(&nearest) => nearest = error,
            Err(_) => {}
        }
    }
    Err(nearest)
}

/// How near an unfit mechanism came: the one that lacks least is what the user hears of.
fn nearness(error: &Error) -> u8 {
    match error {
        Error::Cleartext { .. } => 3,
        Error::NoAuthorizationIdentity { .. } => 2,
        Error::NoChannelBinding { .. } => 1,
        _ => 0,
    }
}

/// Whether a mechanism may be chosen without the user's word.
fn is_automatic(mechanism: Mechanism, secret: &CredentialSecret) -> bool {
    match mechanism {
        Mechanism::Anonymous => false,
        Mechanism::External | Mechanism::Gssapi => matches!(secret, CredentialSecret::None),
        _ => true,
    }
}

/// # Errors
/// What the mechanism lacks.
fn fits(
    mechanism: Mechanism,
    credential: &Credential,
    channel: &Channel,
    allow_cleartext: bool,
) -> Result<(), Error> {
    if !mechanism.is_secretless() {
        secret(mechanism, credential)?;
    }
    if credential.other_identity().is_some() && !mechanism.carries_authorization_identity() {
        return Err(Error::NoAuthorizationIdentity { mechanism });
    }
    if mechanism.is_channel_bound() && channel.bindings.is_empty() {
        return Err(Error::NoChannelBinding { mechanism });
    }
    if mechanism.is_cleartext() && !channel.encrypted && !allow_cleartext {
        return Err(Error::Cleartext { mechanism });
    }
    Ok(())
}

/// The secret of the kind that a mechanism works with.
fn secret(mechanism: Mechanism, credential: &Credential) -> Result<&Secret, Error> {
    let wants_token = matches!(mechanism, Mechanism::XOauth2 | Mechanism::OAuthBearer);
    match &credential.secret {
        CredentialSecret::Password(password) if !wants_token => Ok(password),
        CredentialSecret::Token(token) if wants_token => Ok(token),
        other => Err(Error::WrongCredential {
            mechanism,
            needs: if wants_token { "a token" } else { "a password" },
            credential: other.kind(),
        }),
    }
}

/// What a SCRAM client says about channel binding (RFC 5802 section 6): `y` only where no
/// `-PLUS` is offered, since a server that offers one takes `y` for the mark of a downgrade.
fn binding<'a>(
    mechanism: Mechanism,
    offered: &[Mechanism],
    channel: &'a Channel,
) -> Result<Binding<'a>, Error> {
    match (channel.bindings.first(), mechanism.is_channel_bound()) {
        (Some(best), true) => Ok(Binding::Used(best)),
        (None, true) => Err(Error::NoChannelBinding { mechanism }),
        (Some(_), false) if !offered.iter().any(|other| other.is_channel_bound()) => {
            Ok(Binding::Unoffered)
        }
        (_, false) => Ok(Binding::Unsupported),
    }
}

fn octets(random: &mut dyn FnMut(&mut [u8])) -> Vec<u8> {
    let mut octets = vec![0; NONCE_OCTETS];
    random(&mut octets);
    octets
}

/// Base64 has no comma, and is printable.
fn nonce(random: &mut dyn FnMut(&mut [u8])) -> String {
    encode(&octets(random))
}

/// A CRAM-MD5 challenge in the form of a msg-id: RFC 2195 section 2.
fn timestamp(host: &str, random: &mut dyn FnMut(&mut [u8])) -> String {
    let mut left = [0; 8];
    let mut right = [0; 8];
    random(&mut left);
    random(&mut right);
    let host = if host.is_empty() { "localhost" } else { host };
    format!("<{}.{}@{host}>", u64::from_be_bytes(left), u64::from_be_bytes(right))
}

fn names(offered: &[Mechanism]) -> String {
    if offered.is_empty() {
        return "no mechanism that we speak".to_owned();
    }
    let names: Vec<&str> = offered.iter().map(|mechanism| mechanism.name()).collect();
    names.join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::ChannelBindingKind;
    use super::super::tests::{binding, channel, password, token};
    use super::*;

    const PASSWORD_MECHANISMS: [Mechanism; 10] = [
        Mechanism::ScramSha512Plus,
        Mechanism::ScramSha256Plus,
        Mechanism::ScramSha1Plus,
        Mechanism::ScramSha512,
        Mechanism::ScramSha256,
        Mechanism::ScramSha1,
        Mechanism::Plain,
        Mechanism::Login,
        Mechanism::DigestMd5,
        Mechanism::CramMd5,
    ];

    fn chosen(
        offered: &[Mechanism],
        credential: &Credential,
        channel: &Channel,
        allow_cleartext: bool,
    ) -> Result<Mechanism, Error> {
        client(offered, None, credential, channel, allow_cleartext).map(|client| client.mechanism())
    }

    fn secretless() -> Credential {
        Credential { user: String::new(), authorize_as: None, secret: CredentialSecret::None }
    }

    fn bound() -> Channel {
        Channel { bindings: vec![binding(ChannelBindingKind::TlsExporter)], ..channel(true) }
    }

    #[test]
    fn the_strongest_first() {
        let ann = password("ann", "pencil");
        for (at, strongest) in PASSWORD_MECHANISMS.into_iter().enumerate() {
            let mut offered = PASSWORD_MECHANISMS[at..].to_vec();
            offered.extend([Mechanism::OAuthBearer, Mechanism::External, Mechanism::Anonymous]);
            offered.reverse();
            assert_eq!(chosen(&offered, &ann, &bound(), false), Ok(strongest));
        }
        // Without a channel binding, -PLUS is passed over.
        assert_eq!(
            chosen(&PASSWORD_MECHANISMS, &ann, &channel(true), false),
            Ok(Mechanism::ScramSha512)
        );
    }

    #[test]
    fn the_credential_decides() {
        let all = Mechanism::ALL;
        let ann = token("ann", "token");
        assert_eq!(chosen(&all, &ann, &bound(), false), Ok(Mechanism::OAuthBearer));
        assert_eq!(
            chosen(&[Mechanism::Plain, Mechanism::XOauth2], &ann, &bound(), false),
            Ok(Mechanism::XOauth2)
        );
        // Kerberos before the certificate, where there is a library for it.
        let offered = [Mechanism::Plain, Mechanism::External];
        assert_eq!(chosen(&offered, &secretless(), &bound(), false), Ok(Mechanism::External));
        let error = chosen(&[Mechanism::Plain], &ann, &bound(), false).expect_err("a token");
        assert_eq!(
            error.to_string(),
            "the server offers PLAIN, and a token works with none of that"
        );
        let nothing = chosen(&[], &ann, &bound(), false).expect_err("nothing offered");
        assert!(matches!(nothing, Error::NoCommonMechanism { .. }));
        let anonymous = chosen(&[Mechanism::Anonymous], &secretless(), &bound(), false);
        assert!(matches!(anonymous, Err(Error::NoCommonMechanism { .. })));
    }

    #[test]
    fn no_secret_crosses_an_open_connection() {
        let ann = password("ann", "pencil");
        let open = channel(false);
        let offered = [Mechanism::Login, Mechanism::Plain];
        let error = chosen(&offered, &ann, &open, false).expect_err("unencrypted");
        assert!(error.is_cleartext());
        let message = error.to_string();
        assert!(message.contains("no password was sent"), "{message}");
        assert!(message.contains("--allow-cleartext-password"), "{message}");
        assert_eq!(chosen(&offered, &ann, &open, true), Ok(Mechanism::Plain));

        for mechanism in
            [Mechanism::Plain, Mechanism::Login, Mechanism::OAuthBearer, Mechanism::XOauth2]
        {
            let credential = if matches!(mechanism, Mechanism::Plain | Mechanism::Login) {
                ann.clone()
            } else {
                token("ann", "token")
            };
            let forced = client(&[mechanism], Some(mechanism), &credential, &open, false);
            assert!(forced.expect_err("unencrypted").is_cleartext());
            assert!(client(&[mechanism], Some(mechanism), &credential, &open, true).is_ok());
        }
        // What hides the password goes through, CRAM-MD5 where there is nothing better.
        assert_eq!(chosen(&PASSWORD_MECHANISMS, &ann, &open, false), Ok(Mechanism::ScramSha512));
        assert_eq!(
            chosen(&[Mechanism::Plain, Mechanism::CramMd5], &ann, &open, false),
            Ok(Mechanism::CramMd5)
        );
    }

    #[test]
    fn forcing_is_obeyed_or_explained() {
        let ann = password("ann", "pencil");
        for mechanism in PASSWORD_MECHANISMS {
            let forced = client(&PASSWORD_MECHANISMS, Some(mechanism), &ann, &bound(), false);
            assert_eq!(forced.map(|client| client.mechanism()), Ok(mechanism));
        }
        for mechanism in [Mechanism::External, Mechanism::Anonymous] {
            let forced = client(&[mechanism], Some(mechanism), &ann, &bound(), false);
            assert_eq!(forced.map(|client| client.mechanism()), Ok(mechanism));
        }
        let missing = client(
            &[Mechanism::Plain, Mechanism::Login],
            Some(Mechanism::ScramSha1),
            &ann,
            &bound(),
            false,
        );
        assert_eq!(
            missing.expect_err("not offered").to_string(),
            "the server does not offer SCRAM-SHA-1 (it offers PLAIN LOGIN)"
        );
        let plus = Mechanism::ScramSha256Plus;
        let unbound = client(&[plus], Some(plus), &ann, &channel(true), false);
        assert!(matches!(unbound, Err(Error::NoChannelBinding { .. })));
        let bearer = Mechanism::OAuthBearer;
        let wrong = client(&[bearer], Some(bearer), &ann, &bound(), false);
        assert_eq!(
            wrong.expect_err("a password").to_string(),
            "OAUTHBEARER needs a token, and we have a password"
        );
    }

    #[test]
    fn acting_as_another_needs_a_mechanism_that_can_say_so() {
        let mut admin = password("admin", "pencil");
        admin.authorize_as = Some("ann".to_owned());
        let offered = [Mechanism::Login, Mechanism::CramMd5];
        assert!(matches!(
            chosen(&offered, &admin, &bound(), false),
            Err(Error::NoAuthorizationIdentity { .. })
        ));
        admin.authorize_as = Some("admin".to_owned());
        assert_eq!(chosen(&offered, &admin, &bound(), false), Ok(Mechanism::Login));
    }

    #[test]
    fn the_flag_tells_what_was_offered() {
        let ann = password("ann", "pencil");
        let plain = Mechanism::ScramSha256;
        let plus = Mechanism::ScramSha256Plus;
        let cases: [(Vec<Mechanism>, Channel, &[u8]); 4] = [
            (vec![plain, plus], bound(), b"n,"),
            (vec![plain], bound(), b"y,"),
            (vec![plain], channel(true), b"n,"),
            (vec![plain, plus], channel(true), b"n,"),
        ];
        for (offered, channel, flag) in cases {
            let mut client =
                client(&offered, Some(plain), &ann, &channel, false).expect("a client");
            let first = client.initial().expect("encodable").expect("client first");
            assert!(first.starts_with(flag), "{}", first.escape_ascii());
        }
    }

    #[test]
    fn nonces_come_from_the_given_source_and_differ() {
        fn initial(random: &mut dyn FnMut(&mut [u8])) -> Vec<u8> {
            let ann = password("ann", "pencil");
            let offered = [Mechanism::ScramSha1];
            client_with(&offered, None, &ann, &channel(true), false, random)
                .expect("a client")
                .initial()
                .expect("encodable")
                .expect("client first")
        }
        let fixed = initial(&mut |octets: &mut [u8]| octets.fill(0));
        assert_eq!(fixed, b"n,,n=ann,r=AAAAAAAAAAAAAAAAAAAAAAAA");
        assert_ne!(initial(&mut system_random), initial(&mut system_random));
    }
}
