//! DIGEST-MD5 (RFC 2831), with qop `auth` alone: no security layer.
//!
//! Historic since RFC 6331: MD5, a syntax that peers read differently, no channel binding. Here
//! for servers that have nothing else.

use std::rc::Rc;

use zeroize::Zeroizing;

use super::{Channel, Client, Credential, Error, Mechanism, Secrets, Server, Step};
use super::{keyed_md5, verify};
use crate::base::secret::Secret;

/// Longest digest-challenge, RFC 2831 section 2.1.1.
const CHALLENGE_OCTETS: usize = 2048;
/// Longest digest-response, RFC 2831 section 2.1.2.
const RESPONSE_OCTETS: usize = 4096;
/// The only time that a nonce is used: no subsequent authentication (section 2.2).
const COUNT: &str = "00000001";

/// One `directive = value` of a challenge or response, value unquoted.
type Directive = (String, Vec<u8>);

/// `1#( name "=" ( token | quoted-string ) )` with the list rule of RFC 2616 section 2.1: empty
/// elements and blanks around elements count for nothing. `None` when it is not that.
fn directives(message: &[u8]) -> Option<Vec<Directive>> {
    let mut found = Vec::new();
    let mut rest = message;
    loop {
        rest = rest.trim_ascii_start();
        match rest.first() {
            None => return Some(found),
            Some(b',') => {
                rest = &rest[1..];
                continue;
            }
            Some(_) => {}
        }
        let end = rest.iter().position(|&octet| octet == b'=')?;
        let name = rest[..end].trim_ascii();
        if name.is_empty() || !name.iter().all(|&octet| is_token(octet)) {
            return None;
        }
        let name = String::from_utf8(name.to_ascii_lowercase()).ok()?;
        rest = rest[end + 1..].trim_ascii_start();
        let value;
        (value, rest) = match rest.strip_prefix(b"\"") {
            Some(quoted) => quoted_string(quoted)?,
            None => {
                let end = rest.iter().position(|&it| !is_token(it)).unwrap_or(rest.len());
                (rest[..end].to_vec(), &rest[end..])
            }
        };
        found.push((name, value));
        rest = rest.trim_ascii_start();
        if !matches!(rest.first(), None | Some(b',')) {
            return None;
        }
    }
}

/// The text up to the closing quotation mark, and what follows that.
fn quoted_string(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut value = Vec::new();
    let mut octets = text.iter().enumerate();
    while let Some((at, &octet)) = octets.next() {
        match octet {
            b'"' => return Some((value, &text[at + 1..])),
            b'\\' => value.push(*octets.next()?.1),
            _ => value.push(octet),
        }
    }
    None
}

/// `token` of RFC 2616 section 2.2.
fn is_token(octet: u8) -> bool {
    octet.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&octet)
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The only value of a directive; `None` when there is none.
///
/// # Errors
/// When it is there more than once.
fn only<'d>(all: &'d [Directive], name: &str) -> Result<Option<&'d [u8]>, ()> {
    let mut values = all.iter().filter(|(it, _)| it == name).map(|(_, value)| &value[..]);
    let value = values.next();
    if values.next().is_some() { Err(()) } else { Ok(value) }
}

/// Whether a list in a value names a token.
fn lists(value: &[u8], token: &str) -> bool {
    value.split(|&it| it == b',').any(|it| it.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

/// Text as it is hashed: in ISO 8859-1 where all of it can be (RFC 2831 section 2.1.2.1).
fn hashed(text: &str) -> Zeroizing<Vec<u8>> {
    let latin: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    Zeroizing::new(latin.unwrap_or_else(|| text.as_bytes().to_vec()))
}

/// What `response-value` is computed from.
struct Values<'v> {
    user: &'v str,
    realm: &'v str,
    password: &'v str,
    nonce: &'v [u8],
    client_nonce: &'v str,
    uri: &'v str,
    authzid: Option<&'v str>,
}

impl Values<'_> {
    /// `response-value` of the client (`AUTHENTICATE`) or of the server (nothing): RFC 2831
    /// sections 2.1.2.1 and 2.1.3.
    fn response(&self, method: &str) -> String {
        let (user, realm) = (hashed(self.user), hashed(self.realm));
        let password = hashed(self.password);
        let mut secret = Zeroizing::new(Vec::new());
        for part in [&user[..], b":", &realm, b":", &password] {
            secret.extend_from_slice(part);
        }
        let secret = Zeroizing::new(keyed_md5::digest(&secret));
        let mut a1 = Zeroizing::new(secret.to_vec());
        for part in [b":", self.nonce, b":", self.client_nonce.as_bytes()] {
            a1.extend_from_slice(part);
        }
        if let Some(authzid) = self.authzid {
            a1.extend_from_slice(format!(":{authzid}").as_bytes());
        }
        let a1 = Zeroizing::new(keyed_md5::digest_hex(&a1, b""));
        let a2 = keyed_md5::digest_hex(method.as_bytes(), format!(":{}", self.uri).as_bytes());
        let mut all = Zeroizing::new(Vec::new());
        for part in [
            a1.as_bytes(),
            b":",
            self.nonce,
            format!(":{COUNT}:{}:auth:{a2}", self.client_nonce).as_bytes(),
        ] {
            all.extend_from_slice(part);
        }
        keyed_md5::digest_hex(&all, b"")
    }
}

/// The client side.
#[derive(Debug)]
pub(super) struct DigestMd5Client {
    user: String,
    authzid: Option<String>,
    password: Secret,
    uri: String,
    client_nonce: String,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The digest-challenge is next.
    Start,
    /// `rspauth` is next, with this value.
    Answered(Secret),
    /// The server has proved that it knows the password.
    Proven,
    Broken,
}

impl DigestMd5Client {
    /// `client_nonce` is never used twice.
    ///
    /// # Errors
    /// When user or password are empty or not text that a quoted-string carries.
    pub(super) fn new(
        credential: &Credential,
        password: &Secret,
        channel: &Channel,
        client_nonce: String,
    ) -> Result<Self, Error> {
        let unencodable = |what, problem| {
            Err(Error::Unencodable { mechanism: Mechanism::DigestMd5, what, problem })
        };
        if credential.user.is_empty() {
            return unencodable("user name", "is empty");
        }
        if password.is_empty() {
            return unencodable("password", "is empty");
        }
        if password.expose_str().is_none() {
            return unencodable("password", "is not UTF-8");
        }
        let authzid = credential.other_identity().map(str::to_owned);
        for name in [Some(&credential.user), authzid.as_ref()].into_iter().flatten() {
            if name.chars().any(char::is_control) {
                return unencodable("user name", "has a control character");
            }
        }
        Ok(Self {
            user: credential.user.clone(),
            authzid,
            password: password.clone(),
            uri: format!("{}/{}", channel.service, channel.host),
            client_nonce,
            state: State::Start,
        })
    }

    fn answer(&mut self, challenge: &[u8]) -> Result<Vec<u8>, Error> {
        let wrong = |expected| Error::Protocol { mechanism: Mechanism::DigestMd5, expected };
        if challenge.len() > CHALLENGE_OCTETS {
            return Err(wrong("a digest-challenge of at most 2048 octets"));
        }
        let all = directives(challenge).ok_or(wrong("a digest-challenge"))?;
        let one = |name| only(&all, name).map_err(|()| wrong("each directive but once"));
        let nonce = one("nonce")?.filter(|it| !it.is_empty()).ok_or(wrong("a nonce"))?;
        let nonce_text = std::str::from_utf8(nonce).map_err(|_| wrong("a nonce in ASCII"))?;
        if one("algorithm")? != Some(b"md5-sess") {
            return Err(wrong("the algorithm md5-sess"));
        }
        if one("qop")?.is_some_and(|qop| !lists(qop, "auth")) {
            return Err(wrong("qop auth: TLS is here in place of security layers"));
        }
        let is_utf8 = one("charset")?.is_some_and(|it| it.eq_ignore_ascii_case(b"utf-8"));
        let password = self.password.expose_str().unwrap_or_default();
        let is_ascii = self.user.is_ascii() && password.is_ascii();
        if !is_utf8 && !is_ascii {
            return Err(Error::Unencodable {
                mechanism: Mechanism::DigestMd5,
                what: "user name or password",
                problem: "is not ASCII, and the server does not take UTF-8",
            });
        }
        let realms: Vec<&str> = all
            .iter()
            .filter(|(name, _)| name == "realm")
            .filter_map(|(_, value)| std::str::from_utf8(value).ok())
            .collect();
        // The realm that is the user's own domain, else the first.
        let domain = self.user.rsplit_once('@').map(|(_, domain)| domain);
        let realm = domain
            .and_then(|domain| realms.iter().find(|realm| realm.eq_ignore_ascii_case(domain)))
            .or(realms.first())
            .copied();
        let values = Values {
            user: &self.user,
            realm: realm.unwrap_or_default(),
            password,
            nonce,
            client_nonce: &self.client_nonce,
            uri: &self.uri,
            authzid: self.authzid.as_deref(),
        };
        let mut answer = format!("username={}", quoted(&self.user));
        if let Some(realm) = realm {
            answer.push_str(&format!(",realm={}", quoted(realm)));
        }
        answer.push_str(&format!(
            ",nonce={},cnonce={},nc={COUNT},qop=auth,digest-uri={},response={}",
            quoted(nonce_text),
            quoted(&self.client_nonce),
            quoted(&self.uri),
            values.response("AUTHENTICATE"),
        ));
        if is_utf8 {
            answer.push_str(",charset=utf-8");
        }
        if let Some(authzid) = &self.authzid {
            answer.push_str(&format!(",authzid={}", quoted(authzid)));
        }
        self.state = State::Answered(Secret::new(values.response("")));
        Ok(answer.into_bytes())
    }

    fn check(&mut self, message: &[u8], expected: &Secret) -> Result<Vec<u8>, Error> {
        let mechanism = Mechanism::DigestMd5;
        let proof = directives(message)
            .and_then(|all| only(&all, "rspauth").ok().flatten().map(<[u8]>::to_ascii_lowercase))
            .ok_or(Error::Protocol { mechanism, expected: "rspauth" })?;
        if !verify::same(&proof, expected.expose()) {
            return Err(Error::ServerSignature { mechanism });
        }
        self.state = State::Proven;
        Ok(Vec::new())
    }
}

impl Client for DigestMd5Client {
    fn mechanism(&self) -> Mechanism {
        Mechanism::DigestMd5
    }

    fn initial(&mut self) -> Result<Option<Vec<u8>>, Error> {
        Ok(None)
    }

    fn step(&mut self, challenge: &[u8]) -> Result<Vec<u8>, Error> {
        match std::mem::replace(&mut self.state, State::Broken) {
            State::Start => self.answer(challenge),
            State::Answered(expected) => self.check(challenge, &expected),
            State::Proven | State::Broken => Err(Error::Protocol {
                mechanism: Mechanism::DigestMd5,
                expected: "no challenge after rspauth",
            }),
        }
    }

    fn finish(&mut self) -> Result<(), Error> {
        match self.state {
            State::Proven => Ok(()),
            _ => Err(Error::Unproven { mechanism: Mechanism::DigestMd5 }),
        }
    }
}

/// The server side.
pub(super) struct DigestMd5Server {
    secrets: Rc<dyn Secrets>,
    realm: String,
    service: &'static str,
    nonce: String,
    is_challenged: bool,
    is_over: bool,
}

impl DigestMd5Server {
    /// `nonce` is printable ASCII, and never used twice.
    pub(super) fn new(secrets: Rc<dyn Secrets>, channel: &Channel, nonce: String) -> Self {
        Self {
            secrets,
            realm: channel.host.clone(),
            service: channel.service,
            nonce,
            is_challenged: false,
            is_over: false,
        }
    }

    fn challenge(&self) -> Vec<u8> {
        let realm = match self.realm.as_str() {
            "" => String::new(),
            realm => format!("realm={},", quoted(realm)),
        };
        let nonce = &self.nonce;
        format!("{realm}nonce=\"{nonce}\",qop=\"auth\",algorithm=md5-sess,charset=utf-8")
            .into_bytes()
    }

    /// # Errors
    /// The refusal.
    fn check(&self, response: &[u8]) -> Result<Step, Step> {
        let malformed = || verify::failed("that is no digest-response");
        if response.len() > RESPONSE_OCTETS {
            return Err(malformed());
        }
        let all = directives(response).ok_or_else(malformed)?;
        let text = |name: &str| -> Result<Option<&str>, Step> {
            let value = only(&all, name).map_err(|()| malformed())?;
            value.map(|it| std::str::from_utf8(it).map_err(|_| malformed())).transpose()
        };
        let needed = |name: &str| text(name)?.ok_or_else(malformed);
        if needed("nonce")? != self.nonce || needed("nc")? != COUNT {
            return Err(verify::failed("the nonce is not the one of this exchange"));
        }
        if text("qop")?.is_some_and(|qop| !qop.eq_ignore_ascii_case("auth")) {
            return Err(verify::failed("only qop auth was offered"));
        }
        let uri = needed("digest-uri")?;
        if uri.split('/').next() != Some(self.service) {
            return Err(verify::failed("the digest-uri is for another service"));
        }
        let user = needed("username")?;
        let authzid = text("authzid")?.filter(|it| !it.is_empty());
        let proof = needed("response")?.to_ascii_lowercase();
        let (name, password) = verify::stored(Mechanism::DigestMd5, &*self.secrets, user)
            .ok_or_else(verify::invalid)?;
        let values = Values {
            user,
            realm: text("realm")?.unwrap_or_default(),
            password: password.expose_str().ok_or_else(verify::invalid)?,
            nonce: self.nonce.as_bytes(),
            client_nonce: needed("cnonce")?,
            uri,
            authzid,
        };
        if !verify::same(values.response("AUTHENTICATE").as_bytes(), proof.as_bytes()) {
            return Err(verify::invalid());
        }
        let proof = format!("rspauth={}", values.response(""));
        Ok(verify::admit(&*self.secrets, &name, authzid, Some(proof.into_bytes())))
    }
}

impl Server for DigestMd5Server {
    fn step(&mut self, response: Option<&[u8]>) -> Step {
        if std::mem::replace(&mut self.is_over, true) {
            return verify::over();
        }
        match response {
            // An initial response would be for a subsequent authentication, which is not kept.
            None if !self.is_challenged => {
                self.is_challenged = true;
                self.is_over = false;
                Step::Challenge(self.challenge())
            }
            Some(response) if self.is_challenged => {
                self.check(response).unwrap_or_else(|refusal| refusal)
            }
            Some(_) => verify::failed("DIGEST-MD5 has no initial response here"),
            None => verify::over(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{Users, channel, done, password};
    use super::*;

    fn to(service: &'static str) -> Channel {
        Channel { service, host: "elwood.innosoft.com".to_owned(), ..channel(true) }
    }

    fn client(service: &'static str, nonce: &str) -> DigestMd5Client {
        let secret = Secret::new("secret");
        let credential = password("chris", "secret");
        DigestMd5Client::new(&credential, &secret, &to(service), nonce.to_owned())
            .expect("a client")
    }

    /// RFC 2831 section 4: IMAP, and ACAP with a subtler challenge.
    #[test]
    fn the_examples_of_rfc_2831() {
        for (service, nonce, client_nonce, response, proof) in [
            (
                "imap",
                "OA6MG9tEQGm2hh",
                "OA6MHXh6VqTrRk",
                "d388dad90d4bbd760a152321f2143af7",
                "ea40f60335c427b5527b84dbabcdfffd",
            ),
            (
                "acap",
                "OA9BSXrbuRhWay",
                "OA9BSuZWMSpW8m",
                "6084c6db3fede7352c551284490fd0fc",
                "2f0b3d7c3c2e486600ef710726aa2eae",
            ),
        ] {
            let mut client = client(service, client_nonce);
            assert_eq!(client.initial(), Ok(None));
            let challenge = format!(
                "realm=\"elwood.innosoft.com\",nonce=\"{nonce}\",qop=\"auth\",\
                 algorithm=md5-sess,charset=utf-8"
            );
            let answer = client.step(challenge.as_bytes()).expect("an answer");
            let answer = String::from_utf8(answer).expect("ASCII");
            let expected = format!(
                "username=\"chris\",realm=\"elwood.innosoft.com\",nonce=\"{nonce}\",\
                 cnonce=\"{client_nonce}\",nc=00000001,qop=auth,\
                 digest-uri=\"{service}/elwood.innosoft.com\",response={response},charset=utf-8"
            );
            assert_eq!(answer, expected);
            assert!(client.finish().expect_err("no proof yet").is_impostor());
            assert_eq!(client.step(format!("rspauth={proof}").as_bytes()), Ok(Vec::new()));
            assert_eq!(client.finish(), Ok(()));
        }
    }

    #[test]
    fn a_tampered_rspauth_is_an_impostor() {
        let mut client = client("imap", "OA6MHXh6VqTrRk");
        client
            .step(b"realm=\"elwood.innosoft.com\",nonce=\"OA6MG9tEQGm2hh\",algorithm=md5-sess")
            .expect("an answer");
        let error = client.step(b"rspauth=ea40f60335c427b5527b84dbabcdfffe").expect_err("tampered");
        assert!(error.is_impostor() && error.is_auth(), "{error}");
        assert!(client.finish().is_err());
    }

    #[test]
    fn challenges_that_are_none() {
        for bad in [
            &b""[..],
            b"nonce=\"x\"",
            b"algorithm=md5-sess",
            b"nonce=\"x\",algorithm=md5",
            b"nonce=\"x\",nonce=\"y\",algorithm=md5-sess",
            b"nonce=\"x,algorithm=md5-sess",
            b"nonce=\"x\" algorithm=md5-sess",
            b"nonce=\"x\",algorithm=md5-sess,qop=\"auth-conf\"",
            &[b',', b' '].repeat(2000),
        ] {
            let error = client("imap", "c").step(bad).expect_err("malformed");
            assert!(error.is_protocol(), "{}", bad.escape_ascii());
        }
        let lax = b", nonce = \"a\\\"b\" ,, algorithm=md5-sess , qop=\"auth-int, AUTH\",x=y,";
        assert!(client("imap", "c").step(lax).is_ok());
    }

    fn challenged() -> DigestMd5Server {
        let users = Rc::new(Users { admin: Some("tim"), ..Users::default() });
        let mut server = DigestMd5Server::new(users, &to("imap"), "n0nce".to_owned());
        let challenge = server.step(None);
        assert!(matches!(challenge, Step::Challenge(it) if it.starts_with(b"realm=")));
        server
    }

    fn answered(nonce: &str, service: &'static str, secret: &str, act_as: Option<&str>) -> Vec<u8> {
        let mut credential = password("tim", secret);
        credential.authorize_as = act_as.map(str::to_owned);
        let secret = Secret::new(secret);
        let channel = to(service);
        let mut client =
            DigestMd5Client::new(&credential, &secret, &channel, "c".into()).expect("one");
        let challenge = format!("realm=\"\",nonce=\"{nonce}\",algorithm=md5-sess,charset=utf-8");
        client.step(challenge.as_bytes()).expect("an answer")
    }

    #[test]
    fn the_server_checks_all_of_it() {
        let right = "tanstaaftanstaaf";
        match challenged().step(Some(&answered("n0nce", "imap", right, Some("ann")))) {
            Step::Done { user, additional: Some(proof) } => {
                assert_eq!(user, "ann");
                assert!(proof.starts_with(b"rspauth="));
            }
            other => panic!("{other:?}"),
        }
        for wrong in [
            answered("other", "imap", right, None),
            answered("n0nce", "smtp", right, None),
            answered("n0nce", "imap", "wrong", None),
            b"username=tim".to_vec(),
            Vec::new(),
        ] {
            let refused = challenged().step(Some(&wrong));
            assert!(matches!(refused, Step::Failed { .. }), "{}", wrong.escape_ascii());
        }
        let mut server = challenged();
        assert_ne!(server.step(Some(b"x")), done("tim"));
        assert_eq!(server.step(Some(b"x")), verify::over());
    }

    #[test]
    fn latin_text_is_hashed_as_latin() {
        assert_eq!(hashed("J\u{fc}rgen")[..], b"J\xfcrgen"[..]);
        assert_eq!(hashed("\u{20ac}")[..], *"\u{20ac}".as_bytes());
    }

    proptest! {
        #[test]
        fn quoted_strings_survive(text in "[^\0]*") {
            let line = format!("a={}", quoted(&text));
            prop_assert_eq!(directives(line.as_bytes()), Some(vec![("a".into(), text.into_bytes())]));
        }

        #[test]
        fn nothing_panics(message in any::<Vec<u8>>()) {
            let _ = directives(&message);
        }
    }
}
