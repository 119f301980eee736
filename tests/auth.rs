//! Logging in: our clients against servers of other makers by every mechanism that those have,
//! clients of other makers against our test server, and what each failure says.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use pillarbox::base::secret::Secret;
use pillarbox::sasl::{self, Channel, Mechanism, Secrets};

use support::dovecot::Options;
use support::{
    Cyrus, Dovecot, Home, Inn, Invocation, Kdc, Postfix, Run, Scripted, ServeTest, Step, args,
    needs,
};

/// The exit code of a login that is refused.
const REFUSED: i32 = 77;

/// `pillarbox` doing the least that logs in at this URL: listing folders, fetching an empty
/// maildrop, sending a line.
fn login(home: &Home, url: &str, options: &[&str]) -> Invocation {
    let mut invocation = match url.split(':').next() {
        Some("imap" | "imaps") => home.pillarbox(args!["folder", "list", url]),
        Some("pop3" | "pop3s") => home.pillarbox(args!["fetch", url, "--to", "maildir:m"]),
        _ => home.pillarbox(args![
            "send",
            "--via",
            url,
            "--from",
            "alice@example.test",
            "--to",
            "bob@example.test",
            "--subject",
            "hi",
            "--body",
            "hi"
        ]),
    };
    for option in options {
        invocation = invocation.arg(option);
    }
    invocation
}

#[track_caller]
fn logged_in_by(run: Run, mechanism: &str) {
    run.success().says(&[&format!("logged in by {mechanism}")]);
}

/// What POP3's own words for a method are.
fn spoken(url: &str, mechanism: &str) -> String {
    match (url.starts_with("pop3"), mechanism) {
        (true, "APOP") => "APOP".to_owned(),
        (true, _) => format!("AUTH {mechanism}"),
        _ => mechanism.to_owned(),
    }
}

/// A token as Dovecot's local validation takes it: a JWT signed with a key that both know.
fn token(user: &str, lifetime: i64) -> String {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    let now = i64::try_from(now).expect("a time");
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = part(serde_json::json!({ "alg": "HS256", "typ": "JWT" }));
    let times = (now - 7200, now + lifetime);
    let body =
        part(serde_json::json!({ "sub": user, "iat": times.0, "exp": times.1, "scope": "mail" }));
    let signed = format!("{head}.{body}");
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, TOKEN_KEY.as_bytes());
    let signature = aws_lc_rs::hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

const TOKEN_KEY: &str = "a key that the server and the test share";

/// Dovecot with all mechanisms that it has but GSSAPI.
fn every_mechanism() -> Options {
    Options {
        extra: "\
auth_mechanisms = plain login cram-md5 digest-md5 scram-sha-1 scram-sha-256 apop external xoauth2 oauthbearer anonymous
ssl_verify_client_cert = yes
ssl_ca = <{ROOT}/tls/ca.pem
ssl_require_crl = no
auth_ssl_username_from_cert = yes
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {ROOT}/oauth2.conf
}
passdb {
  driver = static
  mechanisms = external
  args = nopassword
}
"
        .to_owned(),
        files: vec![
            (
                "oauth2.conf",
                "introspection_mode = local
local_validation_key_dict = fs:posix:prefix={ROOT}/keys/
username_attribute = sub
scope = mail
"
                .to_owned(),
            ),
            ("keys/default/HS256/default", STANDARD.encode(TOKEN_KEY)),
        ],
        ..Options::default()
    }
}

#[test]
fn dovecot_by_every_mechanism_that_it_has() {
    let test = "dovecot_by_every_mechanism_that_it_has";
    let Some(dovecot) = Dovecot::with(test, &every_mechanism()) else { return };
    let home = Home::new();
    let ca = dovecot.ca().display().to_string();
    let client = dovecot.authority.client("alice");
    let (certificate, key) =
        (client.certificate.display().to_string(), client.key.display().to_string());
    for scheme in ["imaps", "pop3s"] {
        let url = dovecot.url(scheme, "alice");
        for mechanism in
            ["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"]
        {
            let options = ["--ca-file", &ca, "--auth", mechanism, "-vv"];
            let right = login(&home, &url, &options).password("secret").run();
            let is_weak = right.errors().contains("lets an eavesdropper try passwords");
            assert_eq!(is_weak, mechanism.ends_with("MD5"), "{right}");
            logged_in_by(right, &spoken(&url, mechanism));
            let wrong = login(&home, &url, &options).password("wrong").run();
            wrong.expect(REFUSED).says(&["refused", mechanism]);
        }
        for mechanism in ["OAUTHBEARER", "XOAUTH2"] {
            let options = ["--ca-file", &ca, "--auth", mechanism, "-vv"];
            let right = login(&home, &url, &options).password(&token("alice", 3600)).run();
            logged_in_by(right, &spoken(&url, mechanism));
            for bad in [token("alice", -3600), token("bob", 3600), "no.such.token".to_owned()] {
                let wrong = login(&home, &url, &options).password(&bad).run().expect(REFUSED);
                wrong.says(&["refused", mechanism, "token"]);
            }
        }
        let shown = ["--client-cert", &certificate, "--client-key", &key];
        let external = ["--ca-file", &ca, "--auth", "EXTERNAL", "-vv"];
        let right = login(&home, &url, &[&external[..], &shown].concat()).run();
        logged_in_by(right, &spoken(&url, "EXTERNAL"));
        let native = ["--tls-backend", "native"];
        let right = login(&home, &url, &[&external[..], &shown, &native].concat()).run();
        logged_in_by(right, &spoken(&url, "EXTERNAL"));
        login(&home, &url, &external).run().expect(REFUSED).says(&["EXTERNAL"]);
    }
    // The mechanism of a URL is RFC 5092's; the strongest is chosen without one.
    let port = dovecot.imaps;
    let url = format!("imaps://alice;AUTH=CRAM-MD5@localhost:{port}/");
    let run = login(&home, &url, &["--ca-file", &ca, "-vv"]).password("secret").run();
    logged_in_by(run, "CRAM-MD5");
    let url = dovecot.url("imaps", "alice");
    let run = login(&home, &url, &["--ca-file", &ca, "-vv"]).password("secret").run();
    logged_in_by(run, "SCRAM-SHA-256");
    let apop = ["--auth", "APOP", "--tls", "none", "-vv"];
    let run = login(&home, &dovecot.url("pop3", "alice"), &apop).password("secret").run();
    logged_in_by(run.says(&["lets an eavesdropper try passwords"]), "APOP");

    // What is missing, or would not be safe.
    for (options, words) in [
        (&["--auth", "SCRAM-SHA-512"][..], "does not offer SCRAM-SHA-512"),
        (&["--auth", "GSSAPI"], "does not offer GSSAPI"),
        (&["--auth", "SCRAM-SHA-256-PLUS"], "does not offer SCRAM-SHA-256-PLUS"),
        (&["--auth", "LOGIN", "--authorize-as", "bob"], "identity to act as"),
    ] {
        let options = [&["--ca-file", &ca][..], options].concat();
        login(&home, &url, &options).password("secret").run().expect(REFUSED).says(&[words]);
    }
    let plain = ["--auth", "PLAIN", "--tls", "none"];
    let run = login(&home, &dovecot.url("imap", "alice"), &plain).password("secret").run();
    run.expect(REFUSED).says(&["no password was sent"]);
    login(&home, &url, &["--auth", "NTLM"]).password("x").run().expect(64).says(&["NTLM"]);
}

#[test]
fn postfix_by_every_mechanism_of_its_dovecot() {
    let test = "postfix_by_every_mechanism_of_its_dovecot";
    let Some(dovecot) = Dovecot::with(test, &every_mechanism()) else { return };
    let Some(postfix) = Postfix::before(test, &dovecot) else { return };
    let home = Home::new();
    let ca = postfix.ca().display().to_string();
    let url = format!("submission://alice@localhost:{}/", postfix.submission);
    for mechanism in ["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"] {
        let options = ["--ca-file", &ca, "--auth", mechanism, "-vv"];
        logged_in_by(login(&home, &url, &options).password("secret").run(), mechanism);
        let wrong = login(&home, &url, &options).password("wrong").run();
        wrong.expect(REFUSED).says(&["refused", mechanism, "535"]);
    }
    for mechanism in ["OAUTHBEARER", "XOAUTH2"] {
        let options = ["--ca-file", &ca, "--auth", mechanism, "-vv"];
        let run = login(&home, &url, &options).password(&token("alice", 3600)).run();
        logged_in_by(run, mechanism);
        let wrong = login(&home, &url, &options).password(&token("alice", -3600)).run();
        wrong.expect(REFUSED).says(&["refused", mechanism, "token"]);
    }
}

#[test]
fn cyrus_by_scram_bound_to_its_channel() {
    let Some(cyrus) = Cyrus::start("cyrus_by_scram_bound_to_its_channel") else { return };
    let home = Home::new();
    let ca = cyrus.ca().display().to_string();
    let imaps = format!("imaps://alice@localhost:{}/", cyrus.imaps);
    let pop3s = format!("pop3s://alice@localhost:{}/", cyrus.pop3s);
    let starttls = format!("imap://alice@localhost:{}/", cyrus.imap);
    for url in [&imaps, &starttls, &pop3s] {
        let native = ["--ca-file", &ca, "--tls-backend", "native", "-vv"];
        // The strongest is the longest hash, bound by tls-unique.
        let run = login(&home, url, &native).password("secret").run();
        logged_in_by(run, &spoken(url, "SCRAM-SHA-512-PLUS"));
        let wrong = login(&home, url, &native).password("mistaken").run();
        wrong.expect(REFUSED).says(&["refused", "SCRAM-SHA-512-PLUS", "password is wrong"]);
    }
    for mechanism in [
        "SCRAM-SHA-256-PLUS",
        "SCRAM-SHA-1-PLUS",
        "SCRAM-SHA-512",
        "SCRAM-SHA-256",
        "SCRAM-SHA-1",
        "DIGEST-MD5",
        "CRAM-MD5",
        "PLAIN",
        "LOGIN",
    ] {
        let options = ["--ca-file", &ca, "--tls-backend", "native", "-vv", "--auth", mechanism];
        logged_in_by(login(&home, &imaps, &options).password("secret").run(), mechanism);
    }
    // rustls has no tls-unique. That is told, and -PLUS is not dropped.
    let run = login(&home, &imaps, &["--ca-file", &ca, "-vv"]).password("secret").run();
    let run = run.expect(REFUSED).says(&["channel binding", "tls-exporter", "hint:"]);
    assert!(!run.errors().contains("logged in by"), "{run}");
    let without = ["--ca-file", &ca, "-vv", "--auth", "SCRAM-SHA-256"];
    logged_in_by(login(&home, &imaps, &without).password("secret").run(), "SCRAM-SHA-256");
}

/// GNU SASL's own server, bound by tls-exporter on TLS 1.3 and by tls-unique on TLS 1.2.
#[cfg(feature = "native")]
#[test]
fn gnu_sasl_lets_us_in() {
    use openssl::ssl::SslVersion;
    use support::{GnuSasl, Spoken};
    let test = "gnu_sasl_lets_us_in";
    let home = Home::new();
    for (protocol, scheme) in
        [(Spoken::Imap, "imaps"), (Spoken::Pop, "pop3s"), (Spoken::Smtp, "submissions")]
    {
        let Some(server) = GnuSasl::start(test, protocol, SslVersion::TLS1_3) else { return };
        let ca = server.ca().display().to_string();
        let url = format!("{scheme}://alice@localhost:{}/", server.port);
        for backend in ["rustls", "native"] {
            let options = ["--ca-file", &ca, "--tls-backend", backend, "-vv"];
            // The strongest that both have.
            let run = login(&home, &url, &options).password("secret").run();
            logged_in_by(run, &spoken(&url, "SCRAM-SHA-256-PLUS"));
            let wrong = login(&home, &url, &options).password("wrong").run();
            wrong.expect(REFUSED).says(&["refused", "SCRAM-SHA-256-PLUS"]);
        }
        for mechanism in
            ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "SCRAM-SHA-256", "DIGEST-MD5", "CRAM-MD5", "PLAIN"]
        {
            let options = ["--ca-file", &ca, "-vv", "--auth", mechanism];
            let run = login(&home, &url, &options).password("secret").run();
            logged_in_by(run, &spoken(&url, mechanism));
            let wrong = login(&home, &url, &options).password("wrong").run();
            wrong.expect(REFUSED).says(&["refused", mechanism]);
        }
    }
    let Some(server) = GnuSasl::start(test, Spoken::Imap, SslVersion::TLS1_2) else { return };
    let ca = server.ca().display().to_string();
    let url = format!("imaps://alice@localhost:{}/", server.port);
    for mechanism in ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"] {
        let options = ["--ca-file", &ca, "-vv", "--tls-backend", "native", "--auth", mechanism];
        logged_in_by(login(&home, &url, &options).password("secret").run(), mechanism);
        // Nothing that rustls has binds to this server, and it says so.
        let options = ["--ca-file", &ca, "-vv", "--auth", mechanism];
        let run = login(&home, &url, &options).password("secret").run();
        run.expect(REFUSED).says(&["channel binding", "hint:"]);
    }
}

/// Dovecot's master user, and an account of ours for one, act for those whose mail is moved.
#[test]
fn an_administrator_moves_the_mail_of_others() {
    let test = "an_administrator_moves_the_mail_of_others";
    let options = Options {
        extra: "auth_mechanisms = plain scram-sha-256\n\
                passdb {\n driver = passwd-file\n master = yes\n args = scheme=PLAIN {ROOT}/masters\n}\n"
            .to_owned(),
        files: vec![("masters", "root:r00t\n".to_owned())],
        ..Options::default()
    };
    let Some(dovecot) = Dovecot::with(test, &options) else { return };
    let octets = b"From: a@example.test\r\nSubject: moved\r\n\r\nx\r\n";
    dovecot.put("bob", "INBOX", &[support::Stored { octets, flags: "S", received: 1_700_000_000 }]);
    let home = Home::new();
    home.configure(&format!(
        "[account.boss]\nimap = \"imaps://root@localhost:{}\"\nca-file = \"{}\"\n\
         password-command = \"echo r00t\"\n",
        dovecot.imaps,
        dovecot.ca().display()
    ));
    let (bob, alice) = (dovecot.url("imaps", "bob"), dovecot.url("imaps", "alice"));
    let ca = dovecot.ca().display().to_string();
    // By name and password; the account of that server and user brings its own.
    home.pillarbox(&["sync", "--admin", "root", &bob, "maildir:bob", "--ca-file", &ca, "-vv"])
        .password("r00t")
        .run()
        .success();
    assert_eq!(support::mail::all_maildir_files(&home.path().join("bob")).len(), 1);
    // By an account, from one user to another.
    let sides = ["--far-admin", "boss", "--near-admin", "boss"];
    home.pillarbox(&["sync", "--copy", &bob, &alice]).args(sides).run().success();
    assert_eq!(dovecot.messages("alice", "INBOX").len(), 1);
    // Who may not act for others is told so, and what is not clear is asked.
    let refused = home
        .pillarbox(&["sync", "--admin", "alice", &bob, "maildir:no", "--ca-file", &ca])
        .password("secret")
        .run();
    refused.expect(REFUSED);
    let both = ["--admin", "boss", "--authorize-as", "bob"];
    home.pillarbox(&["sync", &bob, "maildir:no"]).args(both).run().expect(64).says(&["--admin"]);
    let nobody = format!("imaps://localhost:{}/", dovecot.imaps);
    let run = home.pillarbox(&["sync", "--admin", "boss", &nobody, "maildir:no"]).run();
    run.expect(64).says(&["for whom"]);
    home.pillarbox(&["sync", &bob, &alice, "--admin", "boss"])
        .run()
        .expect(64)
        .says(&["--far-admin"]);
}

/// INN by Cyrus SASL: all of it but -PLUS, since INN gives its library no channel binding, and
/// the library then offers none.
#[test]
fn inn_by_every_mechanism_of_its_library() {
    let test = "inn_by_every_mechanism_of_its_library";
    let Some(kdc) = Kdc::start(test) else { return };
    let Some(inn) = Inn::with_sasl(test, &kdc) else { return };
    let home = Home::new();
    let ca = inn.ca().display().to_string();
    let ticket = kdc.ticket("alice");
    let list = |url: &str, options: &[&str]| {
        home.pillarbox(&["folder", "list", url, "--ca-file", &ca, "-vv"])
            .args(options)
            .env("KRB5_CONFIG", kdc.configuration())
            .env("KRB5CCNAME", &ticket)
    };
    let nntps = format!("nntps://alice@localhost:{}/", inn.nntps);
    for mechanism in
        ["SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1", "DIGEST-MD5", "CRAM-MD5", "PLAIN"]
    {
        let right = list(&nntps, &["--auth", mechanism]).password("secret").run();
        logged_in_by(right, &format!("AUTHINFO SASL {mechanism}"));
        let wrong = list(&nntps, &["--auth", mechanism]).password("wrong").run();
        wrong.expect(REFUSED).says(&["refused", mechanism]);
    }
    let starttls = format!("nntp://alice@localhost:{}/", inn.nntp);
    for url in [&nntps, &starttls] {
        let run = list(url, &["--auth", "GSSAPI"]).run();
        logged_in_by(run, "AUTHINFO SASL GSSAPI");
        let run = list(url, &[]).password("secret").run();
        assert!(run.success().errors().contains("logged in by AUTHINFO SASL"), "no login");
    }
    let run = list(&nntps, &["--auth", "SCRAM-SHA-256-PLUS"]).password("secret").run();
    let run = run.expect(REFUSED).says(&["does not offer SCRAM-SHA-256-PLUS"]);
    assert!(!run.errors().contains("-PLUS,"), "{run}");
    let none = format!("FILE:{}", home.path().join("no-cache").display());
    let run = list(&nntps, &["--auth", "GSSAPI"]).env("KRB5CCNAME", none).run();
    run.expect(REFUSED).says(&["no Kerberos ticket"]);
}

/// Runs a shell script among the servers of `serve-test`, on whose path `pillarbox` is.
fn among_ours(home: &Home, options: &[&str], script: &str) -> Invocation {
    let mut arguments: Vec<&str> = vec!["serve-test"];
    arguments.extend(options);
    arguments.extend(["--", "sh", "-ec", script]);
    home.pillarbox(&arguments).env("PATH", support::binary::path_with_binary())
}

/// GNU SASL's client binds to the channel by tls-exporter on TLS 1.3.
#[test]
fn gnu_sasl_logs_in_to_our_server() {
    if !needs("gnu_sasl_logs_in_to_our_server", &["gsasl"]) {
        return;
    }
    let script = r#"
log() { gsasl "$@" --x509-ca-file="$SSL_CERT_FILE" -a alice localhost "$port" </dev/null >out 2>&1; }
for protocol in imap smtp; do
  case $protocol in imap) port=$IMAP_PORT ;; smtp) port=$SUBMISSION_PORT ;; esac
  for mechanism in SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS DIGEST-MD5 CRAM-MD5 PLAIN LOGIN; do
    log --$protocol -m $mechanism -p secret || { cat out; exit 1; }
    if log --$protocol -m $mechanism -p wrong; then echo "wrong by $mechanism"; exit 1; fi
    echo "ok $protocol $mechanism"
  done
  for mechanism in SCRAM-SHA-256 SCRAM-SHA-1; do
    log --$protocol --no-cb -m $mechanism -p secret || { cat out; exit 1; }
    echo "ok $protocol $mechanism"
  done
done
# It has a channel binding and does not use it: for IMAP, which only hides what it can do, that
# is somebody who took -PLUS out of the offer.
port=$IMAP_PORT
if log --imap -m SCRAM-SHA-256 -p secret; then exit 1; fi
"#;
    let home = Home::new();
    let run = among_ours(&home, &[], script).run().success();
    assert_eq!(run.lines().len(), 16, "{run}");
    // Nobody in particular: where anybody has a mailbox, and only there.
    let script = r#"
for how in "--imap localhost $IMAP_PORT" "--smtp localhost $SUBMISSION_PORT"; do
  if gsasl -m ANONYMOUS --anonymous-token=somebody --x509-ca-file="$SSL_CERT_FILE" $how     </dev/null >out 2>&1; then echo in; else echo out; fi
done
"#;
    let run = among_ours(&home, &["--any-user"], script).run().success();
    assert_eq!(run.lines(), ["in", "in"], "{run}");
    let run = among_ours(&home, &[], script).run().success();
    assert_eq!(run.lines(), ["out", "out"], "{run}");
}

#[test]
fn clients_of_other_makers_log_in_to_our_server() {
    let test = "clients_of_other_makers_log_in_to_our_server";
    if !needs(test, &["curl", "openssl"]) {
        return;
    }
    let home = Home::new();
    let authority = support::Authority::new(&home.path().join("clients"));
    let client = authority.client("alice");
    let script = r#"
for url in "$IMAPS_URL" "$POP3S_URL"; do
  for mechanism in PLAIN LOGIN CRAM-MD5 DIGEST-MD5; do
    curl -sS -u alice:secret --login-options AUTH=$mechanism "$url" >out
    if curl -s -u alice:wrong --login-options AUTH=$mechanism "$url" >out; then exit 1; fi
    echo "ok $mechanism"
  done
  for mechanism in OAUTHBEARER XOAUTH2; do
    curl -sS -u alice: --oauth2-bearer secret --login-options AUTH=$mechanism "$url" >out
    if curl -s -u alice: --oauth2-bearer wrong --login-options AUTH=$mechanism "$url" >out; then
      exit 1
    fi
    echo "ok $mechanism"
  done
  curl -sS -u alice: --cert clients/alice.pem --key clients/alice.key \
    --login-options AUTH=EXTERNAL "$url" >out
  if curl -s -u alice: --login-options AUTH=EXTERNAL "$url" >out; then exit 1; fi
  echo "ok EXTERNAL"
done
if [ -x /usr/lib/cyrus/bin/imtest ]; then
  for mechanism in SCRAM-SHA-512 SCRAM-SHA-256 SCRAM-SHA-1 DIGEST-MD5 CRAM-MD5 PLAIN LOGIN; do
    /usr/lib/cyrus/bin/imtest -m $mechanism -t "" -u alice -a alice -w secret \
      -p "$IMAP_PORT" localhost </dev/null >out 2>&1
    grep -q '^Authenticated' out
    /usr/lib/cyrus/bin/imtest -m $mechanism -t "" -u alice -a alice -w wrong \
      -p "$IMAP_PORT" localhost </dev/null >out 2>&1 || true
    if grep -q '^Authenticated' out; then exit 1; fi
    echo "ok imtest $mechanism"
  done
fi
"#;
    assert!(client.certificate.is_file());
    let run = among_ours(&home, &["--client-ca", "clients/ca.pem"], script).run().success();
    assert!(run.lines().len() >= 14, "{run}");
    if !Path::new("/usr/lib/cyrus/bin/imtest").is_file() {
        support::skip(test, "not installed: imtest (cyrus-clients)");
    }
}

/// Whoever takes -PLUS out of a server's offer is noticed by the server, and told by the client.
#[test]
fn a_stripped_plus_is_noticed() {
    let home = Home::new();
    let hidden = "AUTH=SCRAM-SHA-512-PLUS,AUTH=SCRAM-SHA-256-PLUS,AUTH=SCRAM-SHA-1-PLUS";
    let server = ServeTest::with(&["--hide", hidden]);
    let ca = server.ca().display().to_string();
    let url = server.url("imaps", Some("alice"));
    let run = login(&home, &url, &["--ca-file", &ca]).password("secret").run();
    run.expect(REFUSED).says(&["SCRAM-SHA-512", "its offer did not reach us", "hint:"]);
    // SMTP and POP3 do not do what they hide, and there is nothing to notice.
    for scheme in ["submissions", "pop3s"] {
        let url = server.url(scheme, Some("alice"));
        let run = login(&home, &url, &["--ca-file", &ca, "-vv"]).password("secret").run();
        logged_in_by(run, &spoken(&url, "SCRAM-SHA-512"));
    }
    let server = ServeTest::start();
    let ca = server.ca().display().to_string();
    for (scheme, backend) in [("imaps", "rustls"), ("pop3s", "native"), ("submission", "native")] {
        let url = server.url(scheme, Some("alice"));
        let options = ["--ca-file", &ca, "--tls-backend", backend, "-vv"];
        let run = login(&home, &url, &options).password("secret").run();
        logged_in_by(run, &spoken(&url, "SCRAM-SHA-512-PLUS"));
    }
}

/// Knows alice.
struct Alice;

impl Secrets for Alice {
    fn password(&self, user: &str) -> Option<Secret> {
        (user == "alice").then(|| Secret::new("secret"))
    }

    fn token_is_valid(&self, _: &str, _: &[u8]) -> bool {
        false
    }

    fn external_identity(&self) -> Option<String> {
        None
    }

    fn may_act_as(&self, _: &str, _: &str) -> bool {
        false
    }
}

/// An IMAP server for one connection that knows alice, and changes its own last word; `None`:
/// says success without it.
fn liar(change: fn(Vec<u8>) -> Option<Vec<u8>>) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut lines = BufReader::new(stream.try_clone().expect("a socket")).lines();
        let mut say = move |text: String| {
            let _ = stream.write_all(format!("{text}\r\n").as_bytes());
        };
        let mut hear = move || lines.next().and_then(Result::ok).unwrap_or_default();
        say("* OK [CAPABILITY IMAP4rev1 AUTH=SCRAM-SHA-256 AUTH=DIGEST-MD5] hello".into());
        let command = hear();
        let words: Vec<&str> = command.split(' ').collect();
        let mechanism = Mechanism::from_name(words.last().expect("a word")).expect("AUTHENTICATE");
        let channel = Channel {
            encrypted: false,
            bindings: Vec::new(),
            host: "localhost".into(),
            port,
            service: "imap",
        };
        let mut server =
            sasl::server(mechanism, Rc::new(Alice), &channel, &mut sasl::system_random);
        let mut response = None;
        loop {
            match server.step(response.as_deref()) {
                sasl::Step::Challenge(challenge) => {
                    say(format!("+ {}", sasl::encode(&challenge)));
                    response = sasl::decode(hear().as_bytes());
                }
                sasl::Step::Done { additional, .. } => {
                    let answer = match change(additional.expect("a proof")) {
                        Some(proof) => {
                            say(format!("+ {}", sasl::encode(&proof)));
                            hear()
                        }
                        None => String::new(),
                    };
                    let verdict = if answer == "*" { "BAD cancelled" } else { "OK welcome" };
                    say(format!("{} {verdict}", words[0]));
                    return;
                }
                sasl::Step::Failed { reason } => panic!("{reason}"),
            }
        }
    });
    port
}

#[test]
fn a_server_that_does_not_know_the_password_is_not_believed() {
    let home = Home::new();
    for mechanism in ["SCRAM-SHA-256", "DIGEST-MD5"] {
        let run = |change| {
            let url = format!("imap://alice@localhost:{}/", liar(change));
            login(&home, &url, &["--tls", "none", "--auth", mechanism]).password("secret").run()
        };
        let tampered = run(|mut proof| {
            let last = proof.len() - 4;
            proof[last] = if proof[last] == b'a' { b'b' } else { b'a' };
            Some(proof)
        });
        tampered.expect(REFUSED).says(&[mechanism, "did not prove that it knows the password"]);
        let silent = run(|_| None);
        silent.expect(REFUSED).says(&[mechanism, "success without the proof"]);
    }
}

#[test]
fn kerberos_with_a_real_ticket() {
    let test = "kerberos_with_a_real_ticket";
    let Some(kdc) = Kdc::start(test) else { return };
    let configuration = kdc.configuration();
    let options = Options {
        extra: format!(
            "auth_mechanisms = plain gssapi
auth_krb5_keytab = {}
auth_gssapi_hostname = localhost
import_environment = TZ KRB5_CONFIG={}
",
            kdc.keytab().display(),
            configuration.display(),
        ),
        ..Options::default()
    };
    let home = Home::new();
    let ticket = kdc.ticket("alice");
    let with_ticket = |url: &str, options: &[&str]| {
        let words = [options, &["-vv", "--trace", "trace.json"]].concat();
        login(&home, url, &words).env("KRB5_CONFIG", &configuration).env("KRB5CCNAME", &ticket)
    };
    let by_kerberos = |run: Run, url: &str| {
        // Base64 of a token of 128 octets or more begins so; what the server says may have it by
        // chance, further on.
        let has_token = |text: &str| {
            let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
            text.split(|c: char| !is_base64(c)).any(|word| word.starts_with("YII"))
        };
        assert!(!has_token(&run.errors()), "a token is in the transcript: {run}");
        let trace = std::fs::read_to_string(home.path().join("trace.json")).expect("a trace");
        assert!(!has_token(&trace), "a token is in the trace: {trace}");
        logged_in_by(run, &spoken(url, "GSSAPI"));
    };

    if let Some(dovecot) = Dovecot::with(test, &options) {
        let ca = dovecot.ca().display().to_string();
        let gssapi = ["--ca-file", &ca, "--auth", "GSSAPI"];
        for url in [dovecot.url("imaps", "alice"), dovecot.url("pop3s", "alice")] {
            by_kerberos(with_ticket(&url, &gssapi).run(), &url);
        }
        // A ticket is what we have when nobody gives a password.
        let url = dovecot.url("imaps", "alice");
        by_kerberos(with_ticket(&url, &["--ca-file", &ca]).run(), &url);
        // A keytab gets one.
        let run = login(&home, &url, &[&gssapi[..], &["-vv"]].concat())
            .env("KRB5_CONFIG", &configuration)
            .env("KRB5_CLIENT_KTNAME", kdc.client_keytab())
            .env("KRB5CCNAME", format!("FILE:{}", home.path().join("new-cache").display()))
            .run();
        logged_in_by(run, "GSSAPI");
        // Another's mailbox is not alice's.
        let url = dovecot.url("imaps", "bob");
        with_ticket(&url, &gssapi).run().expect(REFUSED).says(&["refused GSSAPI"]);
        if let Some(postfix) = Postfix::before(test, &dovecot) {
            let ca = postfix.ca().display().to_string();
            let url = format!("submission://alice@localhost:{}/", postfix.submission);
            by_kerberos(with_ticket(&url, &["--ca-file", &ca, "--auth", "GSSAPI"]).run(), &url);
        }
    }

    let keytab = kdc.keytab().display().to_string();
    let server = ServeTest::with(&["--keytab", &keytab]);
    let ca = server.ca().display().to_string();
    let gssapi = ["--ca-file", &ca, "--auth", "GSSAPI"];
    for scheme in ["imaps", "pop3s", "submissions"] {
        let url = server.url(scheme, Some("alice"));
        by_kerberos(with_ticket(&url, &gssapi).run(), &url);
    }

    // Each failure has words of its own.
    let url = server.url("imaps", Some("alice"));
    let failing = |options: &[&str], vars: &[(&str, &str)]| {
        let mut invocation = with_ticket(&url, &[&gssapi[..], options].concat());
        for (name, value) in vars {
            invocation = invocation.env(name, value);
        }
        invocation.run().expect(REFUSED)
    };
    failing(&[], &[("KRB5CCNAME", "FILE:nowhere")]).says(&["no Kerberos ticket", "kinit"]);
    let unreachable = kdc.unreachable().display().to_string();
    failing(&[], &[("KRB5_CONFIG", &unreachable), ("KRB5CCNAME", &kdc.ticket("bob"))])
        .says(&["no KDC can be reached", "krb5.conf"]);
    let port = server.port("imaps");
    let other = format!("imaps://alice@mail.example.test:{port}/");
    let route = format!("mail.example.test:{port}:127.0.0.1:{port}");
    let options = [&gssapi[..], &["--connect-to", &route, "--insecure"]].concat();
    let run = with_ticket(&other, &options).run().expect(REFUSED);
    run.says(&["the KDC knows no service imap/mail.example.test", "hint:"]);

    if needs(test, &["faketime"]) {
        for (offset, words) in
            [("+11h", "the Kerberos ticket has expired"), ("+20m", "the clocks are too far apart")]
        {
            let fresh = kdc.ticket("alice");
            let run = home
                .command(
                    "faketime",
                    args![
                        "-f",
                        offset,
                        support::binary::BINARY,
                        "folder",
                        "list",
                        &url,
                        "--ca-file",
                        &ca,
                        "--auth",
                        "GSSAPI"
                    ],
                )
                .env("KRB5_CONFIG", &configuration)
                .env("KRB5CCNAME", &fresh)
                .run();
            run.expect(REFUSED).says(&[words, "hint:"]);
        }
    }

    // Clients of other makers, and a ticket for another service.
    if needs(test, &["gsasl", "curl"]) {
        let script = r#"
for url in "$IMAPS_URL" "$POP3S_URL"; do
  curl -sS -u alice@EXAMPLE.TEST: --login-options AUTH=GSSAPI "$url" >out
  echo "ok curl"
done
gsasl --smtp --no-starttls -m GSSAPI -a alice -z alice --service smtp --hostname localhost \
  localhost "$SUBMISSION_PORT" </dev/null >out 2>&1
echo "ok gsasl"
if gsasl --smtp --no-starttls -m GSSAPI -a alice -z alice --service imap --hostname localhost \
  localhost "$SUBMISSION_PORT" </dev/null >out 2>&1; then exit 1; fi
grep 'the ticket is for imap, and this is smtp' out
for program in imtest pop3test smtptest; do
  [ -x /usr/lib/cyrus/bin/$program ] || continue
  case $program in
    imtest) port=$IMAP_PORT ;; pop3test) port=$POP3_PORT ;; smtptest) port=$SUBMISSION_PORT ;;
  esac
  for tls in "" "-t"; do
    /usr/lib/cyrus/bin/$program -m GSSAPI -u alice -a alice ${tls:+-t ""} -p "$port" localhost \
      </dev/null >out 2>&1 || true
    grep -q '^Authenticated' out
  done
  echo "ok $program"
done
"#;
        let run = among_ours(&home, &["--keytab", &keytab], script)
            .env("KRB5_CONFIG", &configuration)
            .env("KRB5CCNAME", kdc.ticket("alice"))
            .run()
            .success();
        assert!(run.lines().len() >= 4, "{run}");
    }
}

/// The library is hidden behind an empty file, in a namespace of its own.
#[test]
fn without_the_kerberos_library_the_error_says_what_to_install() {
    let test = "without_the_kerberos_library_the_error_says_what_to_install";
    let libraries = ["x86_64", "aarch64"]
        .map(|machine| format!("/usr/lib/{machine}-linux-gnu/libgssapi_krb5.so.2"));
    let Some(library) = libraries.iter().find(|path| Path::new(path).exists()) else {
        return support::skip(test, "no libgssapi_krb5.so.2 to be hidden");
    };
    let home = Home::new();
    let can = home.command("unshare", args!["-m", "true"]).run();
    if can.code != Some(0) {
        return support::skip(test, "no namespaces here (unshare -m)");
    }
    let server = Scripted::serve(vec![
        Step::line("* OK [CAPABILITY IMAP4rev1 AUTH=GSSAPI] hello"),
        Step::Stall,
    ]);
    let script = format!(
        "mount --bind /dev/null {library} && exec {} folder list imap://alice@localhost:{}/ \
         --tls none --auth GSSAPI",
        support::binary::BINARY,
        server.port()
    );
    let run = home.command("unshare", args!["-m", "sh", "-c", script]).run();
    run.expect(REFUSED).says(&["GSSAPI needs a Kerberos library", "libgssapi-krb5-2"]);
}

/// The forms in which a secret could show: as it is, in base64 at each of three alignments, in
/// hexadecimal, as a list of octets.
fn forms(secret: &str) -> Vec<String> {
    let octets = secret.as_bytes();
    let mut forms = vec![secret.to_owned()];
    for shift in 0..3 {
        let padded = [&b"\0\0\0"[..shift], octets].concat();
        let text = STANDARD.encode(&padded);
        let text = text.trim_end_matches('=');
        // What the neighbours have a part in is cut off.
        forms.push(text[(shift * 8).div_ceil(6)..text.len() - 1].to_owned());
    }
    forms.push(octets.iter().map(|octet| format!("{octet:02x}")).collect());
    forms.push(format!("{octets:?}").trim_matches(['[', ']']).to_owned());
    forms
}

#[test]
fn the_forms_of_a_secret() {
    let forms = forms("t0psecret");
    for around in ["", "a", "ab", "abc"] {
        let text = STANDARD.encode(format!("{around}t0psecret\0x"));
        assert!(forms.iter().any(|form| text.contains(form.as_str())), "{text}");
    }
}

/// Both sides of every mechanism show all that they can show, and none of it is the secret.
#[test]
fn a_stolen_transcript_holds_no_secret() {
    let home = Home::new();
    let secret = "Tr4nscript/5ecret+zq";
    std::fs::write(home.home().join("secret"), secret).expect("a file");
    let authority = support::Authority::new(&home.path().join("clients"));
    authority.client("alice");
    let script = r#"
for mechanism in SCRAM-SHA-512-PLUS SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-512 \
  SCRAM-SHA-256 SCRAM-SHA-1 OAUTHBEARER XOAUTH2 PLAIN LOGIN DIGEST-MD5 CRAM-MD5 EXTERNAL; do
  for command in 'cat "$HOME/secret"' 'cat "$HOME/secret"; printf x'; do
    n=$((n + 1))
    set -- --auth $mechanism --password-command "$command" --ca-file "$SSL_CERT_FILE" -vv \
      --trace "trace-$n.json" --client-cert clients/alice.pem --client-key clients/alice.key
    pillarbox folder list "imaps://alice@localhost:$IMAPS_PORT/" "$@" || echo "refused: $?"
    pillarbox fetch "pop3s://alice@localhost:$POP3S_PORT/" --to maildir:m "$@" || echo "refused: $?"
    pillarbox send --via "submissions://alice@localhost:$SUBMISSIONS_PORT/" \
      --from alice@example.test --to bob@example.test --subject hi --body hi "$@" ||
      echo "refused: $?"
  done
done
pillarbox fetch "pop3://alice@localhost:$POP3_PORT/" --tls none --auth APOP -vv --to maildir:m \
  --password-command 'cat "$HOME/secret"'
pillarbox folder list "imap://alice@localhost:$IMAP_PORT/" --tls none --auth PLAIN -vv \
  --allow-cleartext-password --password-command 'cat "$HOME/secret"'
"#;
    let user = format!("alice:{secret}");
    let options = [
        "--user",
        &user,
        "--user",
        "bob:x",
        "--verbose",
        "--trace",
        "server.json",
        "--allow-cleartext",
        "--client-ca",
        "clients/ca.pem",
    ];
    let run = among_ours(&home, &options, script).run().success();
    // Twelve with the wrong secret, three protocols each: something was refused.
    let refused = run.text().matches("refused: 77").count();
    assert_eq!(refused, 36, "{run}");
    assert!(run.errors().matches("logged in by").count() >= 41, "{run}");
    let mut shown = vec![("stdout".to_owned(), run.stdout.clone())];
    shown.push(("stderr".to_owned(), run.stderr.clone()));
    let mut folders = vec![home.path(), home.home().join(".local"), home.home().join("..")];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name() != Some("secret".as_ref()) {
                let octets = std::fs::read(&path).expect("a file");
                shown.push((path.display().to_string(), octets));
            }
        }
    }
    assert!(shown.iter().any(|(name, _)| name.ends_with("trace-1.json")));
    for (name, octets) in &shown {
        let text = String::from_utf8_lossy(octets);
        for form in forms(secret) {
            assert!(!text.contains(&form), "{form} is in {name}");
        }
    }
}

/// Nor does the process list, while a login waits.
#[test]
fn the_process_list_holds_no_secret() {
    let server = Scripted::serve(vec![
        Step::line("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hello"),
        Step::Expect("AUTHENTICATE PLAIN"),
        Step::Stall,
    ]);
    let home = Home::new();
    let url = format!("imap://alice@localhost:{}/", server.port());
    let options = ["--tls", "none", "--allow-cleartext-password"];
    let running = login(&home, &url, &options).password("t0psecret").spawn();
    support::wait_for("the login", support::PATIENCE, || {
        (!server.lines().is_empty()).then_some(())
    });
    let line = std::fs::read(format!("/proc/{}/cmdline", running.id())).expect("a process");
    let line = String::from_utf8_lossy(&line);
    assert!(line.contains("folder"), "{line}");
    assert!(forms("t0psecret").iter().all(|form| !line.contains(form.as_str())), "{line}");
}
