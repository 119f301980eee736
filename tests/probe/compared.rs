//! The verdicts of other tools beside those of `probe`, on the same servers and records: one
//! table, in which each difference has its reason.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::support::probe::probe;
use super::support::{
    Dns, Dovecot, Home, Leaf, Postfix, Scratch, ServeTest, Signing, TlsServer, Zone, full, needs,
    peer_file, peers, skip,
};

/// What a tool says of a server, by aspect.
type Said = BTreeMap<&'static str, String>;

const VERSIONS: [&str; 5] = ["SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3"];

/// Server, tool, aspect, and why they do not say the same.
const DIFFERENCES: &[(&str, &str, &str, &str)] = &[
    ("serve-test, tls1.0", "openssl", "certificate", TOO_OLD),
    ("serve-test, tls1.0", "openssl", "staple", TOO_OLD),
    ("OpenSSL, TLS 1.0 alone", "openssl", "certificate", TOO_OLD),
    ("OpenSSL, TLS 1.0 alone", "openssl", "staple", TOO_OLD),
    ("OpenSSL, TLS 1.1 alone", "openssl", "certificate", TOO_OLD),
    ("OpenSSL, TLS 1.1 alone", "openssl", "staple", TOO_OLD),
    ("serve-test, tls1.0", "testssl.sh", "staple", TOO_OLD),
    ("OpenSSL, TLS 1.0 alone", "testssl.sh", "staple", TOO_OLD),
    ("OpenSSL, TLS 1.1 alone", "testssl.sh", "staple", TOO_OLD),
    ("serve-test, tls1.0", "testssl.sh", "client renegotiation", ONLY_12),
    ("OpenSSL, TLS 1.0 alone", "testssl.sh", "client renegotiation", ONLY_12),
    ("OpenSSL, TLS 1.1 alone", "testssl.sh", "client renegotiation", ONLY_12),
    ("OpenSSL, weak suites", "testssl.sh", "client renegotiation", LEAVES),
    ("OpenSSL, renegotiation", "testssl.sh", "client renegotiation", LEAVES),
    ("OpenSSL, everything", "testssl.sh", "client renegotiation", LEAVES),
    ("serve-test, weak-key", "openssl", "certificate", WEAK_KEY),
    ("serve-test, weak-key", "openssl", "staple", WEAK_KEY),
    ("serve-test, weak-key", "testssl.sh", "staple", WEAK_KEY),
];

/// What takes a whole handshake is unknown, since no client of today finishes one: OpenSSL's does
/// at security level 0, with which users' clients do not come.
const TOO_OLD: &str = "nothing newer than TLS 1.1 is spoken";

/// It is asked by a handshake of TLS 1.2, and unknown where there is none.
const ONLY_12: &str = "client renegotiation is asked in TLS 1.2";

/// Without any input s_server ends each session at once: testssl.sh takes that for a refusal, even
/// of the server that was told to grant it.
const LEAVES: &str = "s_server takes leave before it has answered";

/// OpenSSL takes a key of 1024 bits at security level 0; rustls takes none, and no session stands.
const WEAK_KEY: &str = "a key of 1024 bits is refused by clients of today";

/// A server to be looked at.
struct Site {
    name: &'static str,
    /// `imaps`, `imap` or `smtp`.
    scheme: &'static str,
    port: u16,
    ca: PathBuf,
    /// Kept for as long as it is looked at.
    _server: Box<dyn std::any::Any + Send + Sync>,
}

impl Site {
    fn new<S: Send + Sync + 'static>(
        name: &'static str,
        scheme: &'static str,
        port: u16,
        ca: PathBuf,
        server: S,
    ) -> Site {
        Site { name, scheme, port, ca, _server: Box::new(server) }
    }

    /// How TLS begins, where a word has to be said first.
    fn starttls(&self) -> Option<&'static str> {
        (self.scheme != "imaps").then_some(self.scheme)
    }
}

fn word(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}

/// `probe`'s verdicts.
fn ours(home: &Home, site: &Site) -> Said {
    let url = format!("{}://localhost:{}", site.scheme, site.port);
    let report = probe(home, &url, Some(&site.ca), &["--ciphers", "--timeout", "10"]);
    let spoken = &report.endpoint()["spoken"];
    let mut said = Said::new();
    for version in VERSIONS {
        let found = spoken["versions"].as_array().expect("a list");
        let found = found.iter().find(|it| it["version"] == version).expect("each version");
        said.insert(version, found["state"].as_str().unwrap_or_default().to_owned());
    }
    let suites = spoken["suites"].as_array().expect("a list").iter().flat_map(|listing| {
        assert!(listing["unknown"].is_null(), "{listing}");
        let version = listing["version"].as_str().unwrap_or_default();
        let found = listing["found"].as_array().expect("a list").iter();
        found.map(move |name| format!("{version} {}", name.as_str().unwrap_or_default()))
    });
    said.insert(
        "suites",
        suites.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", "),
    );
    for (aspect, id, is_good) in [
        ("secure renegotiation", "TLS-024", true),
        ("client renegotiation", "TLS-036", false),
        ("compression", "TLS-023", false),
        ("order of the server", "TLS-025", true),
        ("heartbleed", "TLS-027", false),
        ("CCS injection", "TLS-028", false),
        ("SSL 2.0", "TLS-031", false),
        ("staple", "TLS-019", true),
    ] {
        let found = report.finding(id).map(|found| &found["holds"]);
        let text = match found.and_then(Value::as_bool) {
            Some(holds) => word(holds == is_good),
            None => format!("unknown: {}", report.evidence(id)),
        };
        said.insert(aspect, text);
    }
    let shown = &report.endpoint()["session"]["tls"]["chain"][0];
    let leaf = if shown.is_null() { &spoken["chain"][0] } else { shown };
    if !leaf.is_null() {
        let key = leaf["key"].as_str().unwrap_or_default();
        said.insert(
            "key",
            format!("{} {}", if key == "ECDSA" { "EC" } else { key }, leaf["key_bits"]),
        );
        said.insert("self-signed", word(leaf["self_signed"] == true));
    }
    let verification = &report.endpoint()["verification"];
    said.insert(
        "certificate",
        match verification["state"].as_str() {
            Some("verified") => "good".into(),
            Some("failed") => verification["fault"].as_str().unwrap_or_default().to_owned(),
            _ => format!("unknown: {}", report.endpoint()["session"]["stop"]["detail"]),
        },
    );
    said
}

fn attribute(line: &str, name: &str) -> Option<String> {
    let start = line.find(&format!("{name}=\""))? + name.len() + 2;
    Some(line[start..].split('"').next()?.to_owned())
}

/// sslscan's, from its XML.
fn sslscan(site: &Site) -> Said {
    let mut command = Command::new("sslscan");
    command.args(["--no-colour", "--xml=-"]);
    if let Some(word) = site.starttls() {
        command.arg(format!("--starttls-{word}"));
    }
    let output = command.arg(format!("localhost:{}", site.port)).output().expect("sslscan runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut said = Said::new();
    let mut suites = BTreeSet::new();
    let mut is_bleeding = false;
    for line in text.lines().map(str::trim) {
        let of = |name: &str| attribute(line, name).unwrap_or_default();
        if line.starts_with("<protocol ") {
            let wanted = match (of("type").as_str(), of("version").as_str()) {
                ("ssl", "2") => "SSL 2.0",
                ("ssl", "3") => "SSL 3.0",
                (_, number) => VERSIONS[1..]
                    .iter()
                    .find(|version| version.ends_with(number))
                    .expect("a version of TLS"),
            };
            said.insert(wanted, word(of("enabled") == "1"));
        } else if line.starts_with("<cipher ") {
            // Its names are OpenSSL's; the numbers are everybody's.
            let id = of("id");
            let code = u16::from_str_radix(id.trim_start_matches("0x"), 16).expect("a number");
            // National ones such as ARIA are not in our list.
            if let Some(name) = pillarbox::net::tls::enumerate::suite_name(code) {
                suites.insert(format!("{} {name}", of("sslversion").replace("TLSv", "TLS ")));
            }
        } else if line.starts_with("<renegotiation ") {
            // `supported` says the opposite of what OpenSSL's servers were told: 0 of s_server
            // with -client_renegotiation, 1 of Postfix, which never grants it. testssl.sh knows.
            if of("supported") == "1" {
                said.insert("secure renegotiation", word(of("secure") == "1"));
            }
        } else if line.starts_with("<compression ") {
            said.insert("compression", word(of("supported") == "1"));
        } else if line.starts_with("<heartbleed ") {
            is_bleeding |= of("vulnerable") == "1";
            said.insert("heartbleed", word(is_bleeding));
        } else if line.starts_with("<pk ") {
            // Of elliptic curves it tells the strength, which is half of their size.
            let bits: u32 = of("bits").parse().expect("a number");
            let bits = if of("type") == "EC" { 2 * bits } else { bits };
            said.insert("key", format!("{} {bits}", of("type")));
        } else if let Some(rest) = line.strip_prefix("<self-signed>") {
            said.insert("self-signed", word(rest.starts_with("true")));
        }
    }
    assert!(said.contains_key("TLS 1.2"), "{}: {text}", site.name);
    said.insert("suites", suites.into_iter().collect::<Vec<_>>().join(", "));
    said
}

/// nmap's, by ssl-enum-ciphers.
fn nmap(site: &Site) -> Said {
    let output = Command::new("nmap")
        .args(["-Pn", "-n", "-p", &site.port.to_string(), "--script", "+ssl-enum-ciphers"])
        .arg("localhost")
        .output()
        .expect("nmap runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut said: Said = VERSIONS.iter().map(|version| (*version, word(false))).collect();
    let mut suites = BTreeSet::new();
    let mut at = "";
    for line in text.lines().map(|line| line.trim_start_matches(['|', '_', ' '])) {
        let begins = |version: &&str| {
            let name = version.replace("TLS ", "TLSv").replace("SSL 3.0", "SSLv3");
            line.trim_end() == format!("{name}:")
        };
        if let Some(version) = VERSIONS.iter().copied().find(begins) {
            at = version;
            said.insert(version, word(true));
        } else if let Some(name) =
            line.split_whitespace().next().filter(|it| it.starts_with("TLS_"))
        {
            // nmap calls the suites of TLS 1.3 TLS_AKE_WITH_...
            let name = name.replace("TLS_AKE_WITH_", "TLS_");
            let known = pillarbox::net::tls::enumerate::SUITES.iter().any(|(_, it)| *it == name);
            if known {
                suites.insert(format!("{at} {name}"));
            }
        } else if let Some(order) = line.strip_prefix("cipher preference: ") {
            if order == "server" || order == "client" {
                said.insert("order of the server", word(order == "server"));
            }
        } else if line.trim() == "NULL" {
            said.insert("compression", word(false));
        } else if line.trim() == "DEFLATE" {
            said.insert("compression", word(true));
        }
    }
    assert!(text.contains("/tcp open"), "{}: {text}", site.name);
    said.insert("suites", suites.into_iter().collect::<Vec<_>>().join(", "));
    said
}

/// OpenSSL's own client's.
fn openssl(site: &Site) -> Said {
    let mut command = Command::new("openssl");
    let port = format!("127.0.0.1:{}", site.port);
    command.args(["s_client", "-connect", &port, "-servername", "localhost", "-status"]);
    command.args(["-verify_hostname", "localhost", "-cipher", "ALL:@SECLEVEL=0", "-CAfile"]);
    command.arg(&site.ca);
    if let Some(word) = site.starttls() {
        command.args(["-starttls", word]);
    }
    let output = command.stdin(Stdio::null()).output().expect("openssl runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut said = Said::new();
    let Some(code) =
        text.lines().rev().find_map(|it| it.trim().strip_prefix("Verify return code: "))
    else {
        return said;
    };
    let kind = match code.split(' ').next().unwrap_or_default() {
        "0" => "good",
        "9" | "10" => "time",
        "62" => "name",
        _ => "trust",
    };
    said.insert("certificate", kind.to_owned());
    said.insert("compression", word(!text.contains("Compression: NONE")));
    // TLS 1.3 has none, and needs none.
    let is_new = text.contains("New, TLSv1.3");
    let is_secure = text.contains("Secure Renegotiation IS supported");
    if !is_new {
        said.insert("secure renegotiation", word(is_secure));
    }
    said.insert("staple", word(text.contains("OCSP Response Status: successful")));
    said
}

/// testssl.sh's, from its JSON.
fn testssl(home: &Home, site: &Site) -> Said {
    let file = home.path().join(format!("testssl-{}.json", site.port));
    let mut command = Command::new("testssl");
    command.args(["--quiet", "--warnings", "off", "--color", "0", "--jsonfile"]).arg(&file);
    command.args(["-p", "-H", "-I", "-Z"]);
    if full() {
        command.args(["-P", "-S", "-R", "-C"]);
    }
    if let Some(word) = site.starttls() {
        command.args(["--starttls", word]);
    }
    let output = command.arg(format!("127.0.0.1:{}", site.port)).output().expect("testssl runs");
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    let told: Vec<Value> = serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!("{}: {error}: {text}{}", site.name, String::from_utf8_lossy(&output.stdout))
    });
    let mut said = Said::new();
    for (aspect, id, yes, no) in [
        ("SSL 2.0", "SSLv2", "offered", "not offered"),
        ("SSL 3.0", "SSLv3", "offered", "not offered"),
        ("TLS 1.0", "TLS1", "offered", "not offered"),
        ("TLS 1.1", "TLS1_1", "offered", "not offered"),
        ("TLS 1.2", "TLS1_2", "offered", "not offered"),
        ("TLS 1.3", "TLS1_3", "offered", "not offered"),
        ("order of the server", "cipher_order", "server", "NOT a cipher order"),
        ("heartbleed", "heartbleed", "VULNERABLE", "not vulnerable"),
        ("CCS injection", "CCS", "VULNERABLE", "not vulnerable"),
        ("secure renegotiation", "secure_renego", "supported", "not supported"),
        ("client renegotiation", "secure_client_renego", "VULNERABLE", "not vulnerable"),
        ("compression", "CRIME_TLS", "VULNERABLE", "not vulnerable"),
        ("staple", "OCSP_stapling", "offered", "not offered"),
    ] {
        let found = told.iter().find(|it| it["id"] == id).and_then(|it| it["finding"].as_str());
        match found {
            Some(text) if text.starts_with(no) => said.insert(aspect, word(false)),
            Some(text) if text.starts_with(yes) => said.insert(aspect, word(true)),
            _ => None,
        };
    }
    assert!(said.contains_key("TLS 1.2"), "{}: {text}", site.name);
    said
}

/// The servers: real ones, OpenSSL's with old ways, and every preset of our own.
fn sites(test: &str, scratch: &Scratch) -> Vec<Site> {
    let mut sites = Vec::new();
    let [certificate, key] = super::rsa(scratch);
    let old: [(&'static str, &[&str]); 6] = [
        (
            "OpenSSL, weak suites",
            &["-tls1_2", "-cipher", "aNULL:AES128-SHA:ECDHE-RSA-AES256-GCM-SHA384:@SECLEVEL=0"],
        ),
        ("OpenSSL, TLS 1.3 alone", &["-tls1_3"]),
        ("OpenSSL, TLS 1.0 alone", &["-tls1", "-cipher", "ALL@SECLEVEL=0"]),
        ("OpenSSL, TLS 1.1 alone", &["-tls1_1", "-cipher", "ALL@SECLEVEL=0", "-serverpref"]),
        ("OpenSSL, renegotiation", &["-tls1_2", "-client_renegotiation", "-serverpref"]),
        (
            "OpenSSL, everything",
            &["-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0", "-legacy_renegotiation"],
        ),
    ];
    for (name, options) in old {
        if !full() && !["OpenSSL, weak suites", "OpenSSL, TLS 1.3 alone"].contains(&name) {
            continue;
        }
        let options = [&["-cert", &certificate, "-key", &key], options].concat();
        let Some(server) = TlsServer::start(test, Leaf::Good, &options) else { continue };
        let ca = server.authority.certificate();
        sites.push(Site::new(name, "imaps", server.port, ca, server));
    }
    if let Some(server) = Dovecot::start(test) {
        let (ca, imaps, imap) = (server.ca(), server.imaps, server.imap);
        let server = std::sync::Arc::new(server);
        sites.push(Site::new("Dovecot", "imaps", imaps, ca.clone(), server.clone()));
        sites.push(Site::new("Dovecot, STARTTLS", "imap", imap, ca, server));
    }
    if let Some(server) = Postfix::start(test) {
        sites.push(Site::new("Postfix", "smtp", server.smtp, server.ca(), server));
    }
    let presets: [(&'static str, &'static str); 8] = [
        ("serve-test, valid", "valid"),
        ("serve-test, expired", "expired"),
        ("serve-test, not-yet", "not-yet"),
        ("serve-test, wrong-host", "wrong-host"),
        ("serve-test, self-signed", "self-signed"),
        ("serve-test, tls1.2-only", "tls1.2-only"),
        ("serve-test, tls1.0", "tls1.0"),
        ("serve-test, weak-key", "weak-key"),
    ];
    for (name, preset) in presets {
        if !full() && !["valid", "wrong-host", "tls1.0"].contains(&preset) {
            continue;
        }
        let server = ServeTest::with(&["--tls", preset]);
        sites.push(Site::new(name, "imaps", server.port("imaps"), server.ca(), server));
    }
    sites
}

/// The verdicts of other tools on the same servers; under PILLARBOX_FULL of all, and all of
/// testssl.sh, which takes a minute for a server.
#[test]
fn other_tools_say_the_same_of_tls() {
    let test = "other_tools_say_the_same_of_tls";
    if !needs(test, &["sslscan", "nmap", "testssl", "openssl"]) {
        return;
    }
    let home = Home::new();
    let scratch = Scratch::new();
    let sites = sites(test, &scratch);
    let next = std::sync::atomic::AtomicUsize::new(0);
    let rows: Vec<(&str, &str, &str, String, String)> = std::thread::scope(|scope| {
        let look = || {
            let mut rows = Vec::new();
            loop {
                let Some(site) = sites.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
                else {
                    return rows;
                };
                let own = ours(&home, site);
                let mut tools = vec![("sslscan", sslscan(site)), ("openssl", openssl(site))];
                // It only knows STARTTLS at the ports where that is usual.
                if site.starttls().is_none() {
                    tools.push(("nmap", nmap(site)));
                }
                if full() || site.name == "OpenSSL, weak suites" {
                    tools.push(("testssl.sh", testssl(&home, site)));
                }
                for (tool, said) in tools {
                    for (aspect, theirs) in said {
                        let ours = own.get(aspect).cloned().unwrap_or_default();
                        rows.push((site.name, tool, aspect, ours, theirs));
                    }
                }
            }
        };
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(look)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("it ends")).collect()
    });
    let mut wrong = Vec::new();
    for (server, tool, aspect, ours, theirs) in &rows {
        let is_same = ours == theirs;
        let why = DIFFERENCES
            .iter()
            .find(|(a, b, c, _)| (a, b, c) == (server, tool, aspect))
            .map(|(.., why)| *why);
        println!(
            "{server} | {tool} | {aspect} | {}",
            if is_same { "the same".to_owned() } else { format!("{ours} / {theirs}: {why:?}") }
        );
        if is_same != why.is_none() {
            wrong
                .push(format!("{server}: {aspect} by {tool}: {theirs}, and ours {ours} ({why:?})"));
        }
    }
    for (server, tool, aspect, _) in DIFFERENCES {
        let is_looked_at = sites.iter().any(|site| site.name == *server);
        let is_told = rows.iter().any(|row| (row.0, row.1, row.2) == (*server, *tool, *aspect));
        if full() && is_looked_at && !is_told {
            wrong.push(format!("{server}: {aspect} by {tool} is not told"));
        }
    }
    assert!(rows.len() >= 12 * sites.len(), "{} rows", rows.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// checkdmarc's verdicts on SPF and DMARC of a table of records.
#[test]
fn checkdmarc_says_the_same_of_records() {
    let test = "checkdmarc_says_the_same_of_records";
    let python = peers().join("checks/bin/python");
    if !python.is_file() {
        return skip(test, "not installed: checkdmarc");
    }
    let many: String = (0..11).map(|n| format!("a:h{n}.many.test ")).collect();
    let hosts: String = (0..11).map(|n| format!("h{n} IN A 127.0.0.1\n")).collect();
    let records = |spf: &str, dmarc: &str| {
        let mut text = String::from("@ IN A 127.0.0.1\n@ IN MX 0 .\n");
        for (name, record) in [("@", spf), ("_dmarc", dmarc)] {
            for one in record.split('|').filter(|one| !one.is_empty()) {
                text.push_str(&format!("{name} IN TXT \"{one}\"\n"));
            }
        }
        text
    };
    let plain = |name: &str, spf: &str, dmarc: &str| {
        Zone::new(name, Signing::Unsigned, &records(spf, dmarc))
    };
    let dmarc = "v=DMARC1; p=reject; rua=mailto:a@fine.test";
    let zones = [
        plain("fine.test", "v=spf1 a -all", "v=DMARC1; p=reject; rua=mailto:a@fine.test"),
        plain("none.test", "", ""),
        plain("two.test", "v=spf1 -all|v=spf1 ~all", "v=DMARC1; p=none|v=DMARC1; p=reject"),
        plain("odd.test", "v=spf1 foo:bar -all", "v=DMARC1; p=nothing"),
        plain("loop.test", "v=spf1 include:loop.test -all", "v=DMARC1; rua=mailto:a@loop.test"),
        plain("gone.test", "v=spf1 include:none.test -all", "v=DMARC1; p=none; pct=101"),
        Zone::new(
            "many.test",
            Signing::Unsigned,
            &format!("{}{hosts}", records(&format!("v=spf1 {many}-all"), dmarc)),
        ),
        plain("void.test", "v=spf1 a:a.void.test a:b.void.test a:c.void.test -all", dmarc),
    ];
    let Some(dns) = Dns::start(test, &zones) else { return };
    let names: Vec<&str> = vec![
        "fine.test",
        "none.test",
        "two.test",
        "odd.test",
        "loop.test",
        "gone.test",
        "many.test",
        "void.test",
    ];
    let home = Home::new();
    let port = dns.port.to_string();
    let told = home
        .command(python.to_str().expect("UTF-8"), &[peer_file("checkdmarc_verdicts.py")])
        .arg(&port)
        .args(&names)
        .run()
        .success();
    let told: Value = serde_json::from_str(told.text()).expect("JSON");
    let anchor = dns.trust_anchor();
    let resolver = dns.resolver();
    let options =
        ["--resolver", resolver.as_str(), "--trust-anchor", anchor.to_str().expect("UTF-8")];
    for name in names {
        let report = probe(&home, name, None, &options);
        // Valid in checkdmarc's sense: there is one record, it can be read and evaluated.
        let holds = |ids: &[&str]| {
            ids.iter().all(|id| report.finding(id).is_some_and(|it| it["holds"] == true))
        };
        let spf = holds(&["SPF-001", "SPF-002", "SPF-003", "SPF-005", "SPF-008"]);
        let dmarc = holds(&["DMARC-001", "DMARC-002", "DMARC-003"]);
        assert_eq!(spf, told[name]["spf"] == true, "SPF of {name}: {}", told[name]);
        // checkdmarc takes a record without p for p=none where rua can be read, as a receiver
        // has to (RFC 7489 section 6.6.3); to its owner it is a mistake (section 6.3).
        // And it passes over pct, which the successor of RFC 7489 does not have.
        let is_same = dmarc == (told[name]["dmarc"] == true);
        assert_eq!(
            is_same,
            !["loop.test", "gone.test"].contains(&name),
            "DMARC of {name}: {}",
            told[name]
        );
    }
}
