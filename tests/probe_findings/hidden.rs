//! What no raw hello shows: what servers of TLS 1.3 alone say under encryption, what a finished
//! session grants, and what the other TLS library tells; and the options of the command line that
//! have no server of their own.

use serde_json::{Value, json};

use super::each;
use super::support::probe::{Report, Wrong, probe};
use super::support::{
    Authority, Home, Identity, Leaf, Scratch, ServeTest, TlsServer, closed_port, needs,
};

/// OpenSSL by its own server and by way of Python, with nothing older than TLS 1.3.
#[test]
fn servers_of_tls_1_3_alone_have_every_finding() {
    let test = "servers_of_tls_1_3_alone_have_every_finding";
    if !needs(test, &["openssl", "python3"]) {
        return;
    }
    let home = Home::new();
    let scratch = Scratch::new();
    let authority = Authority::new(&scratch.path().join("tls"));
    let ca = authority.certificate();
    let good = authority.issue(Leaf::Good);
    let other = authority.issue(Leaf::WrongHost);
    let text = |path: &std::path::Path| path.to_str().expect("UTF-8").to_owned();
    let table: [(Value, &[&str]); 3] = [
        (
            json!({}),
            &["TLS-009 holds", "TLS-020 holds", "TLS-021 not", "TLS-025 holds", "TLS-036 holds"],
        ),
        // A certificate for clients that name a host, and another for the others.
        (
            json!({"other": [text(&good.certificate), text(&good.key)], "is_other": true}),
            &["TLS-020 not", "TLS-021 not", "TLS-004 holds"],
        ),
        // ALPN that is known, and not ours: Python's OpenSSL passes it over.
        (json!({"alpn": ["imap"]}), &["TLS-020 holds", "TLS-021 not"]),
    ];
    each(&table, |(settings, wanted)| {
        let mut settings = settings.clone();
        let identity = if settings["is_other"] == true { &other } else { &good };
        settings["protocol"] = "imap".into();
        settings["tls"] = "implicit".into();
        settings["lowest"] = "TLSv1_3".into();
        let Some(server) = Wrong::mail(test, settings.clone(), Some(identity)) else { return };
        let report = probe(&home, &server.url("imaps"), Some(&ca), &[]);
        report.expect(&settings.to_string(), wanted);
        report.expect("TLS 1.3 alone", &["TLS-023 holds", "TLS-024 holds", "TLS-026 holds"]);
    });
    let table: [(&[&str], &[&str]); 3] = [
        (&["-tls1_3"], &["TLS-021 not", "TLS-025 not", "TLS-020 holds"]),
        (&["-tls1_3", "-serverpref", "-alpn", "imap"], &["TLS-021 holds", "TLS-025 holds"]),
        (&["-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"], &["TLS-025 holds"]),
    ];
    each(&table, |(options, wanted)| {
        let Some(server) = TlsServer::start(test, Leaf::Good, options) else { return };
        let url = format!("imaps://localhost:{}", server.port);
        let ca = server.authority.certificate();
        let report = probe(&home, &url, Some(&ca), &["--timeout", "5"]);
        report.expect(&options.join(" "), wanted);
    });
}

/// OpenSSL grants a client another handshake only where it is told to.
#[test]
fn handshake_after_handshake_is_found() {
    let test = "handshake_after_handshake_is_found";
    if !needs(test, &["openssl", "python3"]) {
        return;
    }
    let home = Home::new();
    let scratch = Scratch::new();
    let authority = Authority::new(&scratch.path().join("tls"));
    let ca = authority.certificate();
    let identity = authority.issue(Leaf::Good);
    let suites = |of: &str| json!({"ciphers": of, "curve": "secp384r1", "renegotiates": true});
    let table: [(Value, &str); 4] = [
        (json!({"renegotiates": true}), "TLS-036 warn"),
        (suites("ECDHE+AESGCM+AES256"), "TLS-036 warn"),
        (json!({}), "TLS-036 holds"),
        // Nobody can tell where the handshake that it takes to ask does not come through.
        (suites("ECDHE+CHACHA20"), "TLS-036 unknown"),
    ];
    each(&table, |(settings, wanted)| {
        let mut settings = settings.clone();
        settings["protocol"] = "imap".into();
        settings["tls"] = "implicit".into();
        settings["highest"] = "TLSv1_2".into();
        let Some(server) = Wrong::mail(test, settings.clone(), Some(&identity)) else { return };
        let report = probe(&home, &server.url("imaps"), Some(&ca), &[]);
        report.expect(&settings.to_string(), &[*wanted]);
    });
    // A server that takes leave at once has refused nothing: s_server at the end of its input.
    let more = ["-tls1_2", "-client_renegotiation"];
    let Some(server) = TlsServer::start(test, Leaf::Good, &more) else { return };
    let url = format!("imaps://localhost:{}", server.port);
    let ca = server.authority.certificate();
    let report = probe(&home, &url, Some(&ca), &["--timeout", "5"]);
    assert_ne!(report.finding("TLS-036").map(|it| &it["holds"]), Some(&json!(true)), "{report:?}");
}

/// With the platform's library every finding is there that is there with rustls, and of the same
/// kind.
#[test]
fn both_backends_have_the_same_findings() {
    let test = "both_backends_have_the_same_findings";
    if !needs(test, &["openssl", "python3"]) {
        return;
    }
    let home = Home::new();
    let scratch = Scratch::new();
    let authority = Authority::new(&scratch.path().join("tls"));
    let ca = authority.certificate();
    let findings = |report: &Report| -> Vec<(String, Value)> {
        let found = report.lines.iter().filter(|line| line["type"] == "finding");
        found
            .map(|line| (line["id"].as_str().unwrap_or_default().to_owned(), line["holds"].clone()))
            .collect()
    };
    let [good, expired, elsewhere] =
        [Leaf::Good, Leaf::Expired, Leaf::WrongHost].map(|leaf| authority.issue(leaf));
    let table: [(Value, &Identity, &[&str]); 4] = [
        (json!({}), &good, &["TLS-022 holds", "TLS-019 not", "TLS-034 holds"]),
        (json!({"tickets": false, "highest": "TLSv1_2"}), &good, &["TLS-022 not"]),
        (json!({}), &expired, &["TLS-005 fail", "TLS-034 holds", "TLS-022 holds"]),
        (json!({}), &elsewhere, &["TLS-004 fail", "TLS-034 holds"]),
    ];
    each(&table, |(settings, identity, wanted)| {
        let mut settings = settings.clone();
        settings["protocol"] = "imap".into();
        settings["tls"] = "implicit".into();
        let Some(server) = Wrong::mail(test, settings.clone(), Some(identity)) else { return };
        let url = server.url("imaps");
        let ours = probe(&home, &url, Some(&ca), &[]);
        let theirs = probe(&home, &url, Some(&ca), &["--tls-backend", "native"]);
        ours.expect(&format!("rustls, {settings}"), wanted);
        theirs.expect(&format!("native, {settings}"), wanted);
        assert_eq!(findings(&ours), findings(&theirs), "{settings} {wanted:?}");
    });
    let server = ServeTest::with(&["--tls", "revoked-staple"]);
    let more = ["--tls-backend", "native"];
    let report = probe(&home, &server.url("imaps", None), Some(&server.ca()), &more);
    report.expect("serve-test", &["TLS-019 holds", "TLS-035 fail"]);
}

/// Each level, at a server that has findings of it and at one that has none.
#[test]
fn levels_make_the_run_fail() {
    let home = Home::new();
    let old = ServeTest::with(&["--tls", "tls1.2-only"]);
    let nobody = format!("imaps://localhost:{}", closed_port());
    let servers = [(old.url("imaps", None), Some(old.ca())), (nobody, None)];
    for (url, ca) in &servers {
        let plain = probe(&home, url, ca.as_deref(), &[]);
        let has = |wanted: &str| plain.lines.iter().any(|line| line["verdict"] == wanted);
        for level in ["warn", "fail", "unknown"] {
            let code = probe(&home, url, ca.as_deref(), &["--fail-on", level]).code;
            let wanted = if has(level) { Some(2) } else { plain.code };
            assert_eq!(code, wanted, "{url}: {level}, {plain:?}");
        }
    }
    let (url, ca) = &servers[0];
    assert_eq!(probe(&home, url, ca.as_deref(), &[]).code, Some(1));
    assert_eq!(probe(&home, url, ca.as_deref(), &["--fail-on", "warn"]).code, Some(2));
    home.run(&["probe", url, "--fail-on", "pass"]).expect(3);
}

/// A line for each run, as long as somebody reads them.
#[test]
fn a_watch_goes_on_until_nobody_reads() {
    let home = Home::new();
    let server = ServeTest::start();
    let (url, ca) = (server.url("imaps", None), server.ca());
    let watch = |more: &str| {
        let line = format!(
            "\"{}\" probe '{url}' -q --ca-file '{}' --watch 1s {more} | head -n 2",
            super::support::binary::BINARY,
            ca.display()
        );
        home.command("sh", &["-c", &line]).run().success()
    };
    let rounds = watch("--json").json_lines();
    assert_eq!(rounds.len(), 2, "{rounds:?}");
    for round in &rounds {
        assert_eq!((&round["type"], &round["subject"]), (&json!("round"), &json!(url)));
        assert!(round["ms"].as_f64().is_some_and(|ms| ms > 0.0), "{round}");
        assert!(round["counts"]["pass"].as_u64().is_some_and(|count| count > 10), "{round}");
    }
    let run = watch("");
    let lines = run.lines();
    assert_eq!(lines.len(), 2, "{run}");
    for (line, marks) in lines.iter().zip([1, 2]) {
        let drawn = line.chars().filter(|c| ('\u{2581}'..='\u{2588}').contains(c)).count();
        assert_eq!(drawn, marks, "{line}");
        assert!(line.contains(" ms ") && line.chars().count() <= 80, "{line}");
    }
    home.run(&["probe", &url, "--watch", "0"]).expect(3);
    home.run(&["probe", &url, "--watch", "1s", "--format", "json"]).expect(3);
}

/// Offline, as text and as JSON.
#[test]
fn entries_are_explained() {
    let home = Home::new();
    let run = home.run(&["probe", "--explain", "tls-004"]).expect(0);
    assert!(run.text().starts_with("TLS-004 ") && run.text().contains("Postfix"), "{run}");
    let run = home.run(&["probe", "--explain", "DMARC-001", "--json"]).expect(0);
    let [entry] = run.json_lines().try_into().expect("one line");
    assert_eq!((&entry["type"], &entry["id"]), (&json!("entry"), &json!("DMARC-001")));
    assert!(entry["fix"]["DNS"].as_str().is_some_and(|fix| fix.contains("v=DMARC1")), "{entry}");
    for field in ["severity", "title", "why", "rfc"] {
        assert!(entry[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {entry}");
    }
    let run = home.run(&["probe", "--explain", "CIMAP-001", "--json"]).expect(0);
    assert_eq!(run.json_lines()[0]["id"], "CIMAP-001");
    home.run(&["probe", "--explain", "TLS-0004"]).expect(3).says(&["did you mean TLS-004?"]);
    home.run(&["probe", "--explain", "TLS-004", "--format", "junit"]).expect(3);
}
