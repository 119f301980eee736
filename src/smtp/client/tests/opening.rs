//! From the greeting to a session: logins, and TLS that is not there.

use super::*;

fn login(credential: &Credential, mechanism: Option<Mechanism>) -> Options<'_> {
    let login = Login { credential, mechanism, allow_cleartext: true, host: "h", port: 587 };
    Options { login: Some(login), ..options() }
}

fn password(password: &str) -> Credential {
    Credential {
        user: "test".into(),
        authorize_as: None,
        secret: CredentialSecret::Password(Secret::new(password)),
    }
}

fn token(token: &str) -> Credential {
    Credential { secret: CredentialSecret::Token(Secret::new(token)), ..password("") }
}

#[test]
fn auth_with_an_initial_response() {
    let script = "S: 220 h
        C: EHLO me
        S: 250-h
        S: 250 AUTH PLAIN
        C: AUTH PLAIN AHRlc3QAMTIzNA==
        S: 235 2.7.0 welcome";
    run(with_server(script, async |wire| {
        Client::open(wire, &login(&password("1234"), None)).await.expect("logs in");
    }));
}

#[test]
fn a_long_initial_response_waits_for_the_go_ahead() {
    let secret = "x".repeat(600);
    let line = sasl::encode(format!("\0test\0{secret}").as_bytes());
    let script = format!(
        "S: 220 h
        C: EHLO me
        S: 250-h
        S: 250 AUTH PLAIN
        C: AUTH PLAIN
        S: 334\x20
        C: {line}
        S: 535 5.7.8 no
        C: QUIT
        S: 221 bye"
    );
    run(with_server(&script, async |wire| {
        let credential = password(&secret);
        let error = Client::open(wire, &login(&credential, None)).await.err().expect("refused");
        assert!(error.is_auth() && !error.is_transient());
        assert!(!error.to_string().contains(&secret));
    }));
}

#[test]
fn oauth_errors_are_answered_and_told() {
    let blob = sasl::encode(br#"{"status":"401","schemes":"bearer","scope":"mail"}"#);
    for (mechanism, answer) in [(Mechanism::XOauth2, ""), (Mechanism::OAuthBearer, "AQ==")] {
        let initial = match mechanism {
            Mechanism::XOauth2 => "user=test\x01auth=Bearer t\x01\x01".to_owned(),
            _ => "n,a=test,\x01host=h\x01port=587\x01auth=Bearer t\x01\x01".to_owned(),
        };
        let script = format!(
            "S: 220 h
            C: EHLO me
            S: 250-h
            S: 250 AUTH {mechanism}
            C: AUTH {mechanism} {}
            S: 334 {blob}
            C: {answer}
            S: 535 5.7.8 bad token
            C: QUIT
            S: 221 bye",
            sasl::encode(initial.as_bytes())
        );
        run(with_server(&script, async |wire| {
            let credential = token("t");
            let error = Client::open(wire, &login(&credential, None)).await.err().unwrap();
            assert!(error.is_auth() && error.is_expired_token(), "{error}");
        }));
    }
}

#[test]
fn a_challenge_that_makes_no_sense_is_cancelled() {
    let script = "S: 220 h
        C: EHLO me
        S: 250-h
        S: 250 AUTH CRAM-MD5
        C: AUTH CRAM-MD5
        S: 334 !!!
        C: *
        S: 501 cancelled
        C: QUIT
        S: 221 bye";
    run(with_server(script, async |wire| {
        let error = Client::open(wire, &login(&password("1234"), None)).await.err().unwrap();
        assert!(error.is_protocol(), "{error}");
    }));
}

#[test]
fn cleartext_passwords_and_missing_tls_are_refused_before_they_leave() {
    let script = "S: 220 h
        C: EHLO me
        S: 250-h
        S: 250 AUTH PLAIN
        C: QUIT
        S: 221 bye";
    run(with_server(script, async |wire| {
        let credential = password("1234");
        let mut options = login(&credential, None);
        if let Some(login) = &mut options.login {
            login.allow_cleartext = false;
        }
        let error = Client::open(wire, &options).await.err().unwrap();
        assert!(matches!(&error, Error::Sasl(error) if error.is_cleartext()), "{error}");
    }));
    let connector = Connector::new("h", &crate::net::tls::Settings::insecure()).unwrap();
    run(with_server(script, async |wire| {
        let options = Options { starttls: StartTls::Required(&connector), ..options() };
        let error = Client::open(wire, &options).await.err().unwrap();
        assert!(matches!(error, Error::NoStartTls) && error.is_tls());
    }));
    let refused = "S: 220 h
        C: EHLO me
        S: 250-h
        S: 250 STARTTLS
        C: STARTTLS
        S: 454 4.7.0 not now";
    run(with_server(refused, async |wire| {
        let options = Options { starttls: StartTls::IfOffered(&connector), ..options() };
        assert!(Client::open(wire, &options).await.expect("in the clear").is_open());
    }));
    let injected = "S: 220 h
        C: EHLO me
        S: 250-h
        S: 250 STARTTLS
        C: STARTTLS
        S: 220 go~250 injected";
    run(with_server(injected, async |wire| {
        let options = Options { starttls: StartTls::IfOffered(&connector), ..options() };
        let error = Client::open(wire, &options).await.err().unwrap();
        assert!(error.is_protocol() || error.is_tls(), "{error}");
    }));
}
