//! Both TLS backends, one table of certificates: the same verdict in the same words. The server
//! is OpenSSL's, in this process; the certificates are made here, good and bad.
#![cfg(feature = "native")]

mod support;

use std::net::{Ipv4Addr, TcpListener};

use openssl::asn1::{Asn1Integer, Asn1Object, Asn1OctetString, Asn1Time};
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkcs12::Pkcs12;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{SslAcceptor, SslMethod, SslOptions, SslVerifyMode, SslVersion};
use openssl::symm::Cipher;
use openssl::x509::extension::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
};
use openssl::x509::{X509, X509Builder, X509Extension, X509NameBuilder};
use pillarbox::net::tls::{
    Backend, Connector, Error, Fault, Identity, Session, Settings, Verify, Version, spki_sha256,
};
use pillarbox::net::{self, Wire};

const HOST: &str = "mail.example.test";
const DAY: i64 = 24 * 60 * 60;

type Key = PKey<Private>;

fn ec() -> Key {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("a curve");
    PKey::from_ec_key(EcKey::generate(&group).expect("a key")).expect("a key")
}

/// What a certificate is to be; for [`HOST`], in its time and sound unless said otherwise.
struct Spec<'a> {
    subject: &'a str,
    issuer: Option<(&'a str, &'a Key)>,
    names: &'a [&'a str],
    addresses: &'a [&'a str],
    /// `Some`: an authority's, with its path length.
    authority: Option<Option<u32>>,
    may_sign: bool,
    for_clients: bool,
    from: i64,
    to: i64,
    version: i32,
    digest: MessageDigest,
    /// Only names below this one may be vouched for.
    permitted: Option<&'a str>,
    unknown_critical: bool,
}

impl Default for Spec<'_> {
    fn default() -> Self {
        Spec {
            subject: "leaf",
            issuer: None,
            names: &[HOST],
            addresses: &[],
            authority: None,
            may_sign: true,
            for_clients: false,
            from: -DAY,
            to: 30 * DAY,
            version: 2,
            digest: MessageDigest::sha256(),
            permitted: None,
            unknown_critical: false,
        }
    }
}

fn name(common: &str) -> openssl::x509::X509Name {
    let mut name = X509NameBuilder::new().expect("a name");
    name.append_entry_by_nid(Nid::COMMONNAME, common).expect("a name");
    name.build()
}

fn make(spec: &Spec<'_>, key: &Key) -> X509 {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    let now = i64::try_from(now).expect("a time");
    let mut builder = X509Builder::new().expect("a certificate");
    builder.set_version(spec.version).expect("a version");
    let mut serial = BigNum::new().expect("a number");
    serial.rand(64, openssl::bn::MsbOption::MAYBE_ZERO, false).expect("a number");
    builder.set_serial_number(&Asn1Integer::from_bn(&serial).expect("a number")).expect("it");
    builder.set_subject_name(&name(spec.subject)).expect("a name");
    let (issuer, signer) = spec.issuer.unwrap_or((spec.subject, key));
    builder.set_issuer_name(&name(issuer)).expect("a name");
    builder.set_not_before(&Asn1Time::from_unix(now + spec.from).expect("a time")).expect("it");
    builder.set_not_after(&Asn1Time::from_unix(now + spec.to).expect("a time")).expect("it");
    builder.set_pubkey(key).expect("a key");
    if spec.version == 2 {
        if let Some(length) = spec.authority {
            let mut constraints = BasicConstraints::new();
            constraints.critical().ca();
            if let Some(length) = length {
                constraints.pathlen(length);
            }
            builder.append_extension(constraints.build().expect("it")).expect("it");
            let mut usage = KeyUsage::new();
            usage.critical().crl_sign();
            if spec.may_sign {
                usage.key_cert_sign();
            }
            builder.append_extension(usage.build().expect("it")).expect("it");
        } else {
            let mut usage = ExtendedKeyUsage::new();
            if spec.for_clients {
                usage.client_auth()
            } else {
                usage.server_auth()
            };
            builder.append_extension(usage.build().expect("it")).expect("it");
        }
        if spec.authority.is_none() && !(spec.names.is_empty() && spec.addresses.is_empty()) {
            let mut names = SubjectAlternativeName::new();
            for name in spec.names {
                names.dns(name);
            }
            for address in spec.addresses {
                names.ip(address);
            }
            let context = builder.x509v3_context(None, None);
            let names = names.build(&context).expect("names");
            builder.append_extension(names).expect("it");
        }
        if let Some(permitted) = spec.permitted {
            let value = format!("critical,permitted;DNS:{permitted}");
            #[allow(deprecated, reason = "the crate has no other way to name constraints")]
            let constraints =
                X509Extension::new_nid(None, None, Nid::NAME_CONSTRAINTS, &value).expect("it");
            builder.append_extension(constraints).expect("it");
        }
        if spec.unknown_critical {
            let number = Asn1Object::from_str("1.3.6.1.4.1.99999.1").expect("a number");
            let content = Asn1OctetString::new_from_bytes(&[5, 0]).expect("octets");
            let extension = X509Extension::new_from_der(&number, true, &content).expect("it");
            builder.append_extension(extension).expect("it");
        }
    }
    builder.sign(signer, spec.digest).expect("a signature");
    builder.build()
}

/// One handshake with a server that shows `chain`; the server's own end of it does not matter.
fn handshake(
    chain: &[X509],
    key: &Key,
    host: &str,
    settings: &Settings,
    server: impl FnOnce(&mut openssl::ssl::SslAcceptorBuilder),
) -> Result<Session, net::Error> {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).expect("a server");
    builder.set_security_level(0);
    builder.set_certificate(&chain[0]).expect("a certificate");
    builder.set_private_key(key).expect("its key");
    for other in &chain[1..] {
        builder.add_extra_chain_cert(other.clone()).expect("a certificate");
    }
    server(&mut builder);
    let acceptor = builder.build();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let port = listener.local_addr().expect("an address").port();
    let serve = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let Ok((stream, _)) = listener.accept() else { return };
        match acceptor.accept(stream) {
            Ok(mut tls) => {
                let _ = tls.write_all(b"hello\r\n");
                let _ = tls.read(&mut [0; 16]);
            }
            // What the client said meanwhile is read, or the alert would be lost in a reset.
            Err(openssl::ssl::HandshakeError::Failure(failed)) => {
                let mut stream = failed.get_ref();
                let _ = stream.shutdown(std::net::Shutdown::Write);
                let _ = stream.read_to_end(&mut Vec::new());
            }
            Err(_) => {}
        }
    });
    let connected = support_run(async {
        let connector = Connector::new(host, settings).map_err(net::Error::from)?;
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("connected");
        let mut wire = Wire::new(Box::new(stream));
        wire.start_tls(&connector).await?;
        wire.line(100).await?;
        Ok(wire.tls().expect("TLS").clone())
    });
    // One that was refused by the settings alone never came.
    let _ = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port));
    serve.join().expect("the server ends");
    connected
}

fn support_run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

fn der(certificate: &X509) -> Vec<u8> {
    certificate.to_der().expect("DER")
}

/// `Ok`, or the fault as the user reads it.
fn verdict(result: Result<Session, net::Error>) -> Result<(), Fault> {
    match result {
        Ok(_) => Ok(()),
        Err(net::Error::Tls(Error { fault, .. })) => Err(fault),
        Err(other) => panic!("no verdict: {other}"),
    }
}

fn both(verify: Verify) -> [Settings; 2] {
    [Backend::Rustls, Backend::Native].map(|backend| Settings {
        backend,
        verify: verify.clone(),
        ..Settings::default()
    })
}

#[test]
fn both_backends_give_the_same_verdicts() {
    let (root_key, key, middle_key, other_key) = (ec(), ec(), ec(), ec());
    let ca = |spec: Spec<'_>, key: &Key| make(&Spec { authority: Some(None), ..spec }, key);
    let root = ca(Spec { subject: "root", ..Spec::default() }, &root_key);
    let under = Some(("root", &root_key));
    let leaf = |spec: Spec<'_>| make(&Spec { issuer: under, ..spec }, &key);
    let middle = |spec: Spec<'_>| {
        let authority = spec.authority.or(Some(None));
        make(&Spec { subject: "middle", issuer: under, authority, ..spec }, &middle_key)
    };
    let below =
        |spec: Spec<'_>| make(&Spec { issuer: Some(("middle", &middle_key)), ..spec }, &key);
    let plain = Spec::default;
    let bad = |why: &str| Err(Fault::BadCertificate(why.to_owned()));
    let wrong =
        |names: &[&str]| Err(Fault::WrongName(names.iter().map(|it| (*it).to_owned()).collect()));
    let weak = "a key or a signature in its chain is too weak";
    let rsa = PKey::from_rsa(Rsa::generate(1024).expect("a key")).expect("a key");
    let namesake = ca(Spec { subject: "root", ..plain() }, &other_key);
    let own = make(&Spec { subject: HOST, ..plain() }, &key);

    type Case<'c> = (&'c str, Vec<X509>, &'c Key, &'c str, Vec<&'c X509>, Result<(), Fault>);
    let cases: Vec<Case<'_>> = vec![
        ("sound", vec![leaf(plain())], &key, HOST, vec![&root], Ok(())),
        (
            "by an intermediate",
            vec![below(plain()), middle(plain())],
            &key,
            HOST,
            vec![&root],
            Ok(()),
        ),
        (
            "expired",
            vec![leaf(Spec { from: -9 * DAY, to: -DAY, ..plain() })],
            &key,
            HOST,
            vec![&root],
            Err(Fault::Expired),
        ),
        (
            "not yet",
            vec![leaf(Spec { from: DAY, ..plain() })],
            &key,
            HOST,
            vec![&root],
            Err(Fault::NotYetValid),
        ),
        (
            "expired intermediate",
            vec![below(plain()), middle(Spec { from: -9 * DAY, to: -DAY, ..plain() })],
            &key,
            HOST,
            vec![&root],
            Err(Fault::Expired),
        ),
        (
            "other host",
            vec![leaf(Spec { names: &["a.test", "b.test"], addresses: &["192.0.2.1"], ..plain() })],
            &key,
            HOST,
            vec![&root],
            wrong(&["a.test", "b.test", "192.0.2.1"]),
        ),
        (
            "wildcard",
            vec![leaf(Spec { names: &["*.example.test"], ..plain() })],
            &key,
            HOST,
            vec![&root],
            Ok(()),
        ),
        (
            "wildcard, too deep",
            vec![leaf(Spec { names: &["*.example.test"], ..plain() })],
            &key,
            "a.mail.example.test",
            vec![&root],
            wrong(&["*.example.test"]),
        ),
        (
            "wildcard, too high",
            vec![leaf(Spec { names: &["*.example.test"], ..plain() })],
            &key,
            "example.test",
            vec![&root],
            wrong(&["*.example.test"]),
        ),
        (
            "wildcard in a label",
            vec![leaf(Spec { names: &["m*.example.test"], ..plain() })],
            &key,
            HOST,
            vec![&root],
            wrong(&["m*.example.test"]),
        ),
        (
            "in capitals",
            vec![leaf(Spec { names: &["MAIL.Example.test"], ..plain() })],
            &key,
            "Mail.EXAMPLE.test",
            vec![&root],
            Ok(()),
        ),
        ("trailing dot", vec![leaf(plain())], &key, "mail.example.test.", vec![&root], Ok(())),
        (
            "internationalised",
            vec![leaf(Spec { names: &["xn--bcher-kva.test"], ..plain() })],
            &key,
            "b\u{fc}cher.test",
            vec![&root],
            Ok(()),
        ),
        (
            "address",
            vec![leaf(Spec { names: &[], addresses: &["127.0.0.1"], ..plain() })],
            &key,
            "127.0.0.1",
            vec![&root],
            Ok(()),
        ),
        (
            "address, in brackets",
            vec![leaf(Spec { names: &[], addresses: &["::1"], ..plain() })],
            &key,
            "[::1]",
            vec![&root],
            Ok(()),
        ),
        (
            "other address",
            vec![leaf(Spec { addresses: &["127.0.0.2"], ..plain() })],
            &key,
            "127.0.0.1",
            vec![&root],
            wrong(&[HOST, "127.0.0.2"]),
        ),
        (
            "common name only",
            vec![leaf(Spec { subject: HOST, names: &[], ..plain() })],
            &key,
            HOST,
            vec![&root],
            wrong(&[]),
        ),
        ("self-signed", vec![own.clone()], &key, HOST, vec![&root], Err(Fault::Untrusted)),
        ("self-signed, and given", vec![own.clone()], &key, HOST, vec![&own], Ok(())),
        ("unknown authority", vec![leaf(plain())], &key, HOST, vec![&own], Err(Fault::Untrusted)),
        (
            "authority of the same name",
            vec![leaf(plain())],
            &key,
            HOST,
            vec![&namesake],
            Err(Fault::Untrusted),
        ),
        (
            "intermediate missing",
            vec![below(plain())],
            &key,
            HOST,
            vec![&root],
            Err(Fault::Untrusted),
        ),
        (
            "chain in disorder, with more than needed",
            vec![below(plain()), root.clone(), namesake.clone(), middle(plain())],
            &key,
            HOST,
            vec![&root],
            Ok(()),
        ),
        (
            "a server's certificate as an authority's",
            vec![
                below(plain()),
                make(&Spec { subject: "middle", issuer: under, ..plain() }, &middle_key),
            ],
            &key,
            HOST,
            vec![&root],
            bad("a certificate in its chain is no authority's"),
        ),
        (
            "an authority that may not sign",
            vec![below(plain()), middle(Spec { may_sign: false, ..plain() })],
            &key,
            HOST,
            vec![&root],
            bad("a certificate in its chain is no authority's"),
        ),
        (
            "an authority's certificate as a server's",
            vec![middle(plain())],
            &middle_key,
            HOST,
            vec![&root],
            bad("it is an authority's, not a server's"),
        ),
        (
            "path too long",
            vec![
                make(&Spec { issuer: Some(("lower", &other_key)), ..plain() }, &key),
                make(
                    &Spec {
                        subject: "lower",
                        issuer: Some(("middle", &middle_key)),
                        authority: Some(None),
                        ..plain()
                    },
                    &other_key,
                ),
                middle(Spec { authority: Some(Some(0)), ..plain() }),
            ],
            &key,
            HOST,
            vec![&root],
            bad("an authority in its chain may not vouch through so many others"),
        ),
        (
            "for clients",
            vec![leaf(Spec { for_clients: true, ..plain() })],
            &key,
            HOST,
            vec![&root],
            bad("it is not meant for servers"),
        ),
        (
            "RSA of 1024 bits",
            vec![make(&Spec { issuer: under, ..plain() }, &rsa)],
            &rsa,
            HOST,
            vec![&root],
            bad(weak),
        ),
        (
            "signed with SHA-1",
            vec![leaf(Spec { digest: MessageDigest::sha1(), ..plain() })],
            &key,
            HOST,
            vec![&root],
            bad(weak),
        ),
        (
            "name constraint kept",
            vec![below(plain()), middle(Spec { permitted: Some("example.test"), ..plain() })],
            &key,
            HOST,
            vec![&root],
            Ok(()),
        ),
        (
            "name constraint broken",
            vec![below(plain()), middle(Spec { permitted: Some("elsewhere.test"), ..plain() })],
            &key,
            HOST,
            vec![&root],
            bad("an authority in its chain may not vouch for this name"),
        ),
        (
            "version 1",
            vec![leaf(Spec { version: 0, subject: HOST, ..plain() })],
            &key,
            HOST,
            vec![&root],
            bad("it is of an old version of X.509"),
        ),
        (
            "unknown critical extension",
            vec![leaf(Spec { unknown_critical: true, ..plain() })],
            &key,
            HOST,
            vec![&root],
            bad("it has a critical extension that is not understood"),
        ),
    ];
    let mut wrong = Vec::new();
    for (what, chain, key, host, roots, expected) in &cases {
        let verify = Verify::Roots(roots.iter().map(|root| der(root)).collect());
        for settings in both(verify) {
            let got = verdict(handshake(chain, key, host, &settings, |_| {}));
            if got != *expected {
                wrong.push(format!("{what}, {:?}: {got:?}, not {expected:?}", settings.backend));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases.len() >= 30);

    // An authority whose time is over vouches for nothing, whatever a backend thinks of that.
    let old = ca(Spec { subject: "root", from: -9 * DAY, to: -DAY, ..plain() }, &root_key);
    for (roots, expected) in [(vec![der(&old)], None), (vec![der(&old), der(&own)], Some(()))] {
        for settings in both(Verify::Roots(roots.clone())) {
            match (verdict(handshake(&[leaf(plain())], &key, HOST, &settings, |_| {})), expected) {
                (Err(Fault::Setting(what)), None) => assert!(what.contains("valid now"), "{what}"),
                (Err(Fault::Untrusted), Some(())) => {}
                other => panic!("{:?}: {other:?}", settings.backend),
            }
        }
    }

    // A pin is the key's, and nothing else of the certificate counts.
    let expired = leaf(Spec { names: &["a.test"], from: -9 * DAY, to: -DAY, ..plain() });
    let pin = spki_sha256(&der(&expired)).expect("a certificate");
    for settings in both(Verify::Pins(vec![[7; 32], pin])) {
        let chain = [expired.clone()];
        assert_eq!(verdict(handshake(&chain, &key, HOST, &settings, |_| {})), Ok(()));
    }
    for settings in both(Verify::Pins(vec![[7; 32]])) {
        let chain = [expired.clone()];
        let got = verdict(handshake(&chain, &key, HOST, &settings, |_| {}));
        assert_eq!(got, Err(Fault::PinMismatch(pin)));
    }
}

/// SNI is the name that is verified, and never an address (RFC 6066 section 3).
#[test]
fn the_server_is_told_the_name_that_is_verified() {
    let (root_key, key) = (ec(), ec());
    let root = make(&Spec { subject: "root", authority: Some(None), ..Spec::default() }, &root_key);
    let addresses = &["127.0.0.1", "::1"][..];
    let spec = Spec { issuer: Some(("root", &root_key)), addresses, ..Spec::default() };
    let chain = [make(&spec, &key)];
    for settings in both(Verify::Roots(vec![der(&root)])) {
        for (host, told) in [
            (HOST, Some(HOST)),
            ("mail.example.test.", Some(HOST)),
            ("127.0.0.1", None),
            ("[::1]", None),
        ] {
            let heard = std::sync::Arc::new(std::sync::Mutex::new(None));
            let ear = heard.clone();
            let session = handshake(&chain, &key, host, &settings, move |server| {
                server.set_servername_callback(move |ssl, _| {
                    let name = ssl.servername(openssl::ssl::NameType::HOST_NAME);
                    *ear.lock().expect("unpoisoned") = name.map(str::to_owned);
                    Ok(())
                });
            });
            assert_eq!(verdict(session), Ok(()), "{host}");
            let heard = heard.lock().expect("unpoisoned").clone();
            assert_eq!(heard.as_deref(), told, "{host} by {:?}", settings.backend);
        }
    }
}

/// Whom the system trusts, by its file and by its folder, is trusted by both backends.
#[test]
fn the_systems_trust_store_is_asked() {
    if !support::needs("the_systems_trust_store_is_asked", &["openssl"]) {
        return;
    }
    let server = support::ServeTest::start();
    let home = support::Home::new();
    let url = server.url("imaps", Some("alice"));
    let (empty, folder) = (home.path().join("empty"), home.path().join("trusted"));
    std::fs::create_dir_all(&empty).expect("a folder");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::copy(server.ca(), folder.join("ca.pem")).expect("a copy");
    let named = home.command("openssl", &["rehash", "trusted"]).run().success();
    drop(named);
    let nothing = home.write("nothing.pem", "");
    for backend in ["rustls", "native"] {
        let list = |file: &std::path::Path, folder: &std::path::Path| {
            home.pillarbox(&["folder", "list", &url, "--tls-backend", backend])
                .env("SSL_CERT_FILE", file)
                .env("SSL_CERT_DIR", folder)
                .password("secret")
                .run()
        };
        list(&server.ca(), &empty).success();
        list(&nothing, &folder).success();
        // What there is does not suffer from what is not.
        list(&home.path().join("no-such.pem"), &folder).success();
        list(&nothing, &empty).expect(84);
        // Without the variables, the system's own store, which does not know this authority.
        let plain = home.pillarbox(&["folder", "list", &url, "--tls-backend", backend]);
        plain.password("secret").run().expect(84).says(&["certificate"]);
    }
}

#[test]
fn a_session_tells_the_same_of_itself() {
    let (root_key, key) = (ec(), ec());
    let root = make(&Spec { subject: "root", authority: Some(None), ..Spec::default() }, &root_key);
    let leaf = make(&Spec { issuer: Some(("root", &root_key)), ..Spec::default() }, &key);
    for (version, name) in [(SslVersion::TLS1_2, "TLS 1.2"), (SslVersion::TLS1_3, "TLS 1.3")] {
        for settings in both(Verify::Roots(vec![der(&root)])) {
            let chain = [leaf.clone(), root.clone()];
            let session = handshake(&chain, &key, HOST, &settings, |server| {
                server.set_max_proto_version(Some(version)).expect("a version");
                server.set_min_proto_version(Some(version)).expect("a version");
            })
            .expect("TLS");
            assert_eq!(session.version, name, "{:?}", settings.backend);
            assert_eq!(session.chain, [der(&leaf), der(&root)]);
            assert_eq!(session.exporter.as_ref().map(Vec::len), Some(32));
            assert_eq!(session.end_point.as_ref().map(Vec::len), Some(32));
            let has_unique = settings.backend == Backend::Native && name == "TLS 1.2";
            assert_eq!(session.unique.as_ref().map(Vec::len), has_unique.then_some(12));
        }
    }
    // Below 1.2 both are OpenSSL.
    for settings in both(Verify::Roots(vec![der(&root)])) {
        let settings = Settings { min: Version::Tls10, ..settings };
        let session = handshake(std::slice::from_ref(&leaf), &key, HOST, &settings, |server| {
            server.clear_options(SslOptions::NO_TLSV1 | SslOptions::NO_TLSV1_1);
            server.set_max_proto_version(Some(SslVersion::TLS1)).expect("a version");
            server.set_min_proto_version(Some(SslVersion::TLS1)).expect("a version");
            server.set_cipher_list("DEFAULT:@SECLEVEL=0").expect("ciphers");
        })
        .expect("TLS");
        assert_eq!(session.version, "TLS 1.0");
    }
}

#[test]
fn client_certificates_in_every_form() {
    let (root_key, key, client_key) = (ec(), ec(), ec());
    let root = make(&Spec { subject: "root", authority: Some(None), ..Spec::default() }, &root_key);
    let under = Some(("root", &root_key));
    let leaf = make(&Spec { issuer: under, ..Spec::default() }, &key);
    let client = make(
        &Spec { subject: "alice", issuer: under, for_clients: true, names: &[], ..Spec::default() },
        &client_key,
    );
    let stranger =
        make(&Spec { subject: "mallory", for_clients: true, ..Spec::default() }, &client_key);
    let pem = |chain: &X509, key: Vec<u8>, password: &str| Identity::Pem {
        chain: chain.to_pem().expect("PEM"),
        key,
        password: password.to_owned(),
    };
    let open_key = || client_key.private_key_to_pem_pkcs8().expect("PEM");
    let sec1 = || client_key.ec_key().expect("EC").private_key_to_pem().expect("PEM");
    let locked = || {
        client_key
            .private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"container secret")
            .expect("PEM")
    };
    let pkcs12 = |password: &str, given: &str| Identity::Pkcs12 {
        container: Pkcs12::builder()
            .name("alice")
            .pkey(&client_key)
            .cert(&client)
            .build2(password)
            .and_then(|it| it.to_der())
            .expect("PKCS#12"),
        password: given.to_owned(),
    };
    // TLS 1.2 has one alert for all that can be wrong.
    let is_client_fault = |fault: &Fault| match fault {
        Fault::ClientCertificate(_) => true,
        Fault::Handshake(why) => why.contains("a certificate from us"),
        _ => false,
    };
    let is_setting = |fault: &Fault| match fault {
        Fault::Setting(what) => !what.contains("container secret"),
        _ => false,
    };
    type Check<'c> = Option<&'c dyn Fn(&Fault) -> bool>;
    let cases: Vec<(&str, Option<Identity>, Check<'_>)> = vec![
        ("none", None, Some(&is_client_fault)),
        ("PEM, PKCS#8", Some(pem(&client, open_key(), "")), None),
        ("PEM, SEC1", Some(pem(&client, sec1(), "")), None),
        ("PEM, locked", Some(pem(&client, locked(), "container secret")), None),
        ("PEM, locked, wrong", Some(pem(&client, locked(), "wrong")), Some(&is_setting)),
        ("PEM, locked, none given", Some(pem(&client, locked(), "")), Some(&is_setting)),
        ("PEM, no key", Some(pem(&client, b"nothing".to_vec(), "")), Some(&is_setting)),
        ("PKCS#12", Some(pkcs12("", "")), None),
        ("PKCS#12, locked", Some(pkcs12("container secret", "container secret")), None),
        ("PKCS#12, wrong", Some(pkcs12("container secret", "wrong")), Some(&is_setting)),
        ("unknown authority", Some(pem(&stranger, open_key(), "")), Some(&is_client_fault)),
    ];
    let mut wrong = Vec::new();
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        for (what, identity, check) in &cases {
            for settings in both(Verify::Roots(vec![der(&root)])) {
                let settings = Settings { identity: identity.clone(), ..settings };
                let authority = root.clone();
                let got = handshake(std::slice::from_ref(&leaf), &key, HOST, &settings, |server| {
                    server.set_max_proto_version(Some(version)).expect("a version");
                    server.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
                    server.cert_store_mut().add_cert(authority).expect("an authority");
                });
                let is_right = match (&got, check) {
                    (Ok(_), None) => true,
                    (Err(net::Error::Tls(error)), Some(check)) => check(&error.fault),
                    _ => false,
                };
                if !is_right {
                    let got = got.map(drop).map_err(|error| format!("{error:?}"));
                    wrong.push(format!("{what}, {:?}, {version:?}: {got:?}", settings.backend));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The second library comes when it is asked for: a run that does without starts sooner.
#[cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]
#[test]
fn openssl_is_not_loaded_with_the_program() {
    // ld.so(8) lists what it would load, and runs nothing.
    let home = support::Home::new();
    let run = home.pillarbox(support::args!["--version"]).env("LD_TRACE_LOADED_OBJECTS", "1").run();
    let listed = run.success();
    assert!(listed.text().contains("libc.so"), "{listed}");
    assert!(!listed.text().contains("libssl"), "{listed}");
    assert!(!listed.text().contains("libcrypto"), "{listed}");
}
