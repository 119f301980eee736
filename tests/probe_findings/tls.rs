//! What servers speak of TLS: by a server with the holes of the last years, by OpenSSL and
//! GnuTLS with settings that nobody should have, and by our own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::each;
use super::support::guarded::{Guarded, Stop};
use super::support::probe::{Wrong, probe};
use super::support::{
    Authority, Home, Identity, Leaf, Scratch, ServeTest, TlsServer, free_ports, needs, openssl,
    self_signed,
};

const EC: [&str; 3] = ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];

/// An authority with a key of this kind, and a certificate for `localhost` that it signed with
/// `more` options.
fn signed(folder: &Path, name: &str, kind: &[&str], more: &[&str]) -> (PathBuf, Identity) {
    let file = |end: &str| format!("{name}{end}");
    let (ca, ca_key) = (file("-ca.pem"), file("-ca.key"));
    let (key, request, certificate, extensions) =
        (file(".key"), file(".csr"), file(".pem"), file(".ext"));
    let mut arguments = vec!["req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=authority"];
    arguments.extend(["-out", &ca, "-keyout", &ca_key, "-newkey"]);
    arguments.extend(kind);
    openssl(folder, &arguments);
    let mut arguments = vec!["req", "-nodes", "-subj", "/CN=localhost"];
    arguments.extend(["-out", &request, "-keyout", &key, "-newkey"]);
    arguments.extend(EC);
    openssl(folder, &arguments);
    std::fs::write(folder.join(&extensions), "subjectAltName=DNS:localhost\n").expect("own file");
    let mut arguments = vec!["x509", "-req", "-in", &request, "-CA", &ca, "-CAkey", &ca_key];
    arguments.extend(["-set_serial", "1", "-days", "29", "-extfile", &extensions]);
    arguments.extend(["-out", &certificate]);
    arguments.extend(more);
    openssl(folder, &arguments);
    let identity = Identity { certificate: folder.join(certificate), key: folder.join(key) };
    (folder.join(ca), identity)
}

/// The same server with one hole after the other, and with none.
#[test]
fn each_hole_of_tls_is_found() {
    let test = "each_hole_of_tls_is_found";
    if !needs(test, &["openssl", "python3", "nmap"]) {
        return;
    }
    let home = Home::new();
    let scratch = Scratch::new();
    let identity = self_signed(scratch.path(), "own", &["rsa:2048"]);
    let table: [(&str, &[&str]); 10] = [
        (
            "sound",
            &[
                "TLS-007 holds",
                "TLS-010 holds",
                "TLS-012 holds",
                "TLS-023 holds",
                "TLS-024 holds",
                "TLS-026 holds",
                "TLS-027 holds",
                "TLS-028 holds",
                "TLS-029 holds",
                "TLS-030 holds",
                "TLS-031 holds",
                "TLS-032 holds",
                "TLS-033 holds",
            ],
        ),
        ("heartbleed", &["TLS-027 fail", "TLS-028 holds", "TLS-029 holds"]),
        ("ccs", &["TLS-028 fail", "TLS-027 holds", "TLS-029 holds"]),
        ("robot", &["TLS-029 fail", "TLS-027 holds", "TLS-028 holds"]),
        ("drown", &["TLS-031 fail", "TLS-030 holds"]),
        ("poodle", &["TLS-030 fail", "TLS-007 fail", "TLS-031 holds"]),
        ("freak", &["TLS-032 fail", "TLS-033 holds", "TLS-010 fail"]),
        ("logjam", &["TLS-033 fail", "TLS-032 holds", "TLS-026 warn"]),
        ("compression", &["TLS-023 warn", "TLS-024 holds"]),
        ("insecure", &["TLS-024 fail", "TLS-023 holds"]),
    ];
    let servers: Vec<(Wrong, &str, &[&str])> = table
        .into_iter()
        .filter_map(|(hole, wanted)| Some((Wrong::tls(test, hole, &identity)?, hole, wanted)))
        .collect();
    each(&servers, |(server, hole, wanted)| {
        let report = probe(&home, &server.url("imaps"), Some(&identity.certificate), &[]);
        report.expect(hole, wanted);
    });
    // nmap has scripts for some of them, and finds the same at the same servers.
    let port = |wanted: &str| {
        let found = servers.iter().find(|(_, hole, _)| *hole == wanted);
        found.map(|(server, ..)| server.port).unwrap_or_default()
    };
    let scripts = [
        ("heartbleed", "ssl-heartbleed"),
        ("ccs", "ssl-ccs-injection"),
        ("drown", "sslv2"),
        ("poodle", "ssl-poodle"),
    ];
    each(&scripts, |(hole, script)| {
        let (open, closed) = (port(hole), port("sound"));
        let output = Command::new("nmap")
            .args(["-Pn", "-n", "-p", &format!("{open},{closed}")])
            .args(["--script", &format!("+{script}"), "127.0.0.1"])
            .output()
            .expect("nmap runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut found = Vec::new();
        let mut at = "";
        for line in text.lines() {
            if let Some((port, _)) = line.split_once("/tcp") {
                at = port;
            } else if line.contains(script) && found.last().is_none_or(|last| last != at) {
                found.push(at.to_owned());
            }
        }
        assert_eq!(found, [open.to_string()], "{hole}, and not {closed}: {text}");
    });
}

/// OpenSSL by way of Python, with one setting that is as it should not be, and with none.
#[test]
fn each_fault_of_certificates_and_settings_is_found() {
    let test = "each_fault_of_certificates_and_settings_is_found";
    if !needs(test, &["openssl", "python3"]) {
        return;
    }
    let home = Home::new();
    let scratch = Scratch::new();
    let folder = scratch.path();
    let authority = Authority::new(&folder.join("tls"));
    let ca = authority.certificate();
    let good = authority.issue(Leaf::Good);
    let short = authority.issue(Leaf::SelfSigned);
    let other = authority.issue(Leaf::WrongHost);
    let (old_ca, old) = signed(folder, "old", &EC, &["-sha1"]);
    // An authority that OpenSSL follows and webpki does not.
    let (goldilocks_ca, goldilocks) = signed(folder, "goldilocks", &["ed448"], &[]);
    let weak = self_signed(folder, "weak", &["rsa:1024"]);
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let table: Vec<(Value, &Identity, &Path, &[&str])> = vec![
        (
            json!({}),
            &good,
            &ca,
            &[
                "TLS-002 holds",
                "TLS-003 holds",
                "TLS-004 holds",
                "TLS-005 holds",
                "TLS-006 holds",
                "TLS-011 holds",
                "TLS-012 holds",
                "TLS-014 holds",
                "TLS-015 holds",
                "TLS-020 holds",
                "TLS-022 holds",
                "TLS-034 holds",
            ],
        ),
        (json!({}), &short, &short.certificate, &["TLS-006 warn", "TLS-005 holds"]),
        (json!({"ciphers": "ALL:@SECLEVEL=0"}), &old, &old_ca, &["TLS-015 fail", "TLS-011 warn"]),
        (json!({"ciphers": "ALL:@SECLEVEL=0"}), &weak, &weak.certificate, &["TLS-014 warn"]),
        (json!({}), &goldilocks, &goldilocks_ca, &["TLS-034 warn", "TLS-003 fail"]),
        (
            json!({"other": [text(&good.certificate), text(&good.key)]}),
            &other,
            &ca,
            &["TLS-020 not", "TLS-004 holds"],
        ),
        (
            json!({"tickets": false, "highest": "TLSv1_2"}),
            &good,
            &ca,
            &["TLS-022 not", "TLS-021 not", "TLS-009 warn"],
        ),
    ];
    each(&table, |(settings, identity, ca, wanted)| {
        let mut settings = settings.clone();
        settings["protocol"] = "imap".into();
        settings["tls"] = "implicit".into();
        let Some(server) = Wrong::mail(test, settings.clone(), Some(identity)) else { return };
        let report = probe(&home, &server.url("imaps"), Some(ca), &[]);
        report.expect(&settings.to_string(), wanted);
    });
    // OpenSSL 3.0 has no post-quantum groups; our own server has.
    let server = ServeTest::start();
    let report = probe(&home, &server.url("imaps", None), Some(&server.ca()), &[]);
    report.expect("serve-test", &["TLS-013 holds", "TLS-008 holds"]);
}

/// GnuTLS still has what OpenSSL was built without: 3DES, RC4, and renegotiation that is not
/// secured. Its server says nothing of mail.
#[test]
fn a_gnutls_server_with_old_ways_is_found_out() {
    let test = "a_gnutls_server_with_old_ways_is_found_out";
    if !needs(test, &["openssl", "gnutls-serv"]) {
        return;
    }
    let home = Home::new();
    let scratch = Scratch::new();
    let identity = self_signed(scratch.path(), "own", &["rsa:2048"]);
    let (certificate, key) = (&identity.certificate, &identity.key);
    let priority = "NORMAL:-VERS-TLS1.3:+RSA:+3DES-CBC:+ARCFOUR-128:+SHA1:+MD5:\
                    %DISABLE_SAFE_RENEGOTIATION";
    let server = (0..3).find_map(|_| {
        let [port] = free_ports::<1>();
        let number = port.to_string();
        let arguments = [
            "-q".as_ref(),
            "--echo".as_ref(),
            "-p".as_ref(),
            OsStr::new(&number),
            "--x509certfile".as_ref(),
            certificate.as_os_str(),
            "--x509keyfile".as_ref(),
            key.as_os_str(),
            "--priority".as_ref(),
            OsStr::new(priority),
        ]
        .map(OsStr::to_owned);
        let mut process = Guarded::spawn(
            OsStr::new("gnutls-serv"),
            &arguments,
            &[],
            Stop::KillGroup,
            Stdio::null(),
        );
        process.listens(port).then_some((port, process))
    });
    let (port, _process) = server.expect("gnutls-serv starts");
    let url = format!("imaps://localhost:{port}");
    let report = probe(&home, &url, Some(certificate), &["--timeout", "3"]);
    report.expect(
        "GnuTLS",
        &[
            "TLS-008 warn",
            "TLS-009 warn",
            "TLS-010 fail",
            "TLS-012 warn",
            "TLS-024 fail",
            "TLS-027 holds",
            "TLS-028 holds",
            "TLS-029 holds",
        ],
    );
    assert!(report.evidence("TLS-012").contains("3DES"), "{}", report.evidence("TLS-012"));
    assert!(report.evidence("TLS-010").contains("RC4"), "{}", report.evidence("TLS-010"));
}

/// Responses of OpenSSL's own OCSP responder, stapled by its server; and what its client makes
/// of them.
#[test]
fn stapled_responses_are_read() {
    let test = "stapled_responses_are_read";
    if !needs(test, &["openssl", "faketime"]) {
        return;
    }
    let home = Home::new();
    let table: [(&str, &str, &str, &str); 4] = [
        ("V", "now", "TLS-035 holds", "good"),
        ("R", "now", "TLS-035 fail", "revoked"),
        ("", "now", "TLS-035 fail", "unknown"),
        ("V", "-30 days", "TLS-035 fail", "good"),
    ];
    each(&table, |(state, made, wanted, theirs)| {
        let scratch = Scratch::new();
        let folder = scratch.path();
        let (ca, identity) = signed(folder, "it", &EC, &[]);
        let index = match *state {
            "" => String::new(),
            "R" => {
                "R\t491231000000Z\t250101000000Z,keyCompromise\t01\tunknown\t/CN=localhost\n".into()
            }
            state => format!("{state}\t491231000000Z\t\t01\tunknown\t/CN=localhost\n"),
        };
        std::fs::write(folder.join("index"), index).expect("an own file");
        let mut arguments = vec!["ocsp", "-index", "index", "-rsigner", "it-ca.pem"];
        arguments.extend(["-rkey", "it-ca.key", "-CA", "it-ca.pem", "-issuer", "it-ca.pem"]);
        arguments.extend(["-cert", "it.pem", "-respout", "it.der", "-noverify", "-ndays", "5"]);
        let output = Command::new("faketime")
            .args([*made, "openssl"])
            .args(&arguments)
            .current_dir(folder)
            .output()
            .expect("faketime runs");
        assert!(output.status.success(), "{output:?}");
        let staple = folder.join("it.der");
        let path = |path: &Path| path.to_str().expect("UTF-8").to_owned();
        let options = [
            "-cert",
            &path(&identity.certificate),
            "-key",
            &path(&identity.key),
            "-status_file",
            &path(&staple),
        ];
        let Some(server) = TlsServer::start(test, Leaf::Good, &options) else { return };
        let url = format!("imaps://localhost:{}", server.port);
        let report = probe(&home, &url, Some(&ca), &["--timeout", "3"]);
        report.expect(&format!("{state} {made}"), &["TLS-019 holds", wanted]);
        let output = Command::new("openssl")
            .args(["s_client", "-connect", &format!("127.0.0.1:{}", server.port), "-status"])
            .args(["-servername", "localhost"])
            .stdin(Stdio::null())
            .output()
            .expect("openssl runs");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(told.contains(&format!("Cert Status: {theirs}")), "{told}");
    });
    // Ours says so, too, and rustls takes no notice of it.
    let server = ServeTest::with(&["--tls", "revoked-staple"]);
    let report = probe(&home, &server.url("imaps", None), Some(&server.ca()), &[]);
    report.expect("serve-test", &["TLS-019 holds", "TLS-035 fail", "TLS-003 holds"]);
    let server = ServeTest::start();
    let report = probe(&home, &server.url("imaps", None), Some(&server.ca()), &[]);
    report.expect("serve-test", &["TLS-019 not", "TLS-035 none"]);
}
