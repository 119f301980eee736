//! What DNS and the web say of a domain, and where its hosts are.

use serde_json::json;

use super::each;
use super::support::probe::{Wrong, probe};
use super::support::{Authority, Dns, Home, Scratch, Signing, WebServer, Zone, needs};

const ED25519: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

/// A domain as it should be; its host refuses connections.
fn fine() -> String {
    format!(
        "@ IN MX 10 mx\nmx IN A 127.0.0.1\n\
         @ IN TXT \"v=spf1 mx -all\"\n\
         _dmarc IN TXT \"v=DMARC1; p=reject; adkim=s; aspf=s; rua=mailto:a@fine.test\"\n\
         s1._domainkey IN TXT \"{ED25519}\"\n\
         _mta-sts IN TXT \"v=STSv1; id=1\"\nmta-sts IN A 127.0.0.1\n\
         _smtp._tls IN TXT \"v=TLSRPTv1; rua=mailto:a@fine.test\"\n\
         default._bimi IN TXT \"v=BIMI1; l=https://fine.test/l.svg\"\n\
         mx IN CAA 0 issue \"ca.test\"\n\
         autoconfig IN A 127.0.0.1\nautodiscover IN A 127.0.0.1\n"
    )
}

const AUTOCONFIG: &str = r#"<?xml version="1.0"?><clientConfig version="1.1">
<emailProvider id="fine.test"><domain>fine.test</domain>
<incomingServer type="imap"><hostname>mail.fine.test</hostname><port>993</port>
<socketType>SSL</socketType><authentication>password-cleartext</authentication>
<username>%EMAILADDRESS%</username></incomingServer></emailProvider></clientConfig>"#;

const AUTODISCOVER: &str = r#"<?xml version="1.0"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">
<Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a">
<Account><AccountType>email</AccountType><Action>settings</Action><Protocol><Type>IMAP</Type>
<Server>mail.fine.test</Server><Port>993</Port><SSL>on</SSL></Protocol></Account></Response>
</Autodiscover>"#;

#[test]
fn each_fault_of_a_domain_is_found() {
    let test = "each_fault_of_a_domain_is_found";
    if !needs(test, &["openssl", "python3"]) {
        return;
    }
    let many: String = (0..11).map(|n| format!("a:h{n}.many.test ")).collect();
    let hosts: String = (0..11).map(|n| format!("h{n} IN A 127.0.0.1\n")).collect();
    let crowd: String =
        (0..11).map(|n| format!("hosts IN MX 10 h{n}\nh{n} IN A 127.0.0.1\n")).collect();
    let table: Vec<(&str, String, &[&str])> = vec![
        (
            "fine.test",
            fine(),
            &[
                "DNS-001 holds",
                "MX-001 holds",
                "MX-002 holds",
                "MX-004 holds",
                "MX-005 holds",
                "MX-006 holds",
                "SPF-001 holds",
                "SPF-002 holds",
                "SPF-003 holds",
                "SPF-004 holds",
                "SPF-005 holds",
                "SPF-006 holds",
                "SPF-007 holds",
                "SPF-008 holds",
                "SPF-009 holds",
                "DKIM-001 holds",
                "DKIM-002 holds",
                "DKIM-003 holds",
                "DKIM-004 holds",
                "DKIM-005 holds",
                "DMARC-001 holds",
                "DMARC-002 holds",
                "DMARC-003 holds",
                "DMARC-004 holds",
                "DMARC-005 holds",
                "DMARC-006 holds",
                "DMARC-007 holds",
                "DMARC-008 holds",
                "STS-001 holds",
                "STS-002 holds",
                "STS-003 holds",
                "STS-004 holds",
                "STS-005 holds",
                "RPT-001 holds",
                "RPT-002 holds",
                "BIMI-001 holds",
                "BIMI-002 holds",
                "CONF-001 holds",
                "CONF-002 holds",
                "CONF-003 holds",
                "CONF-004 holds",
                "CAA-002 holds",
                "DMARC-009 holds",
            ],
        ),
        (
            "bare.test",
            String::new(),
            &[
                "DNS-001 holds",
                "MX-001 warn",
                "SPF-001 warn",
                "DMARC-001 warn",
                "STS-001 not",
                "RPT-001 not",
                "BIMI-001 not",
                "CAA-001 not",
                "CAA-002 not",
                "CONF-001 not",
                "CONF-003 not",
                "SRV-001 not",
            ],
        ),
        ("null.test", "@ IN MX 0 .\n".into(), &["MX-002 not", "MX-003 holds"]),
        ("nulls.test", "@ IN MX 0 .\n@ IN MX 10 mx\nmx IN A 127.0.0.1\n".into(), &["MX-003 fail"]),
        ("literal.test", "@ IN MX 10 127.0.0.1.\n".into(), &["MX-005 fail"]),
        (
            "two.test",
            "@ IN MX 0 .\n@ IN TXT \"v=spf1 -all\"\n@ IN TXT \"v=spf1 ~all\"\n\
             _dmarc IN TXT \"v=DMARC1; p=none\"\n_dmarc IN TXT \"v=DMARC1; p=reject\"\n"
                .into(),
            &["SPF-002 fail", "DMARC-002 fail"],
        ),
        (
            "odd.test",
            "@ IN MX 0 .\n@ IN TXT \"v=spf1 foo:bar -all\"\n\
             _dmarc IN TXT \"v=DMARC1; p=nothing\"\n_mta-sts IN TXT \"v=STSv1; id=a-b\"\n"
                .into(),
            &["SPF-003 fail", "DMARC-003 fail", "STS-002 fail"],
        ),
        (
            "open.test",
            "@ IN MX 0 .\n@ IN TXT \"v=spf1 +all\"\n_dmarc IN TXT \"v=DMARC1; p=none\"\n".into(),
            &["SPF-004 fail", "DMARC-004 warn", "DMARC-005 not", "DMARC-009 not"],
        ),
        (
            "many.test",
            format!("@ IN MX 0 .\n@ IN TXT \"v=spf1 {many}-all\"\n{hosts}"),
            &["SPF-005 fail"],
        ),
        (
            "crowd.test",
            format!("@ IN MX 0 .\n@ IN TXT \"v=spf1 mx:hosts.crowd.test -all\"\n{crowd}"),
            &["SPF-009 fail"],
        ),
        (
            "conf.test",
            "@ IN MX 0 .\nautoconfig IN A 127.0.0.1\nautodiscover IN A 127.0.0.1\n".into(),
            &["CONF-001 holds", "CONF-002 warn", "CONF-003 holds", "CONF-004 warn"],
        ),
        // The newer question, by a host that a SRV record leads to; and one who asks for a login.
        (
            "json.test",
            "@ IN MX 0 .\nweb IN A 127.0.0.1\n_autodiscover._tcp IN SRV 0 1 443 web\n".into(),
            &["CONF-003 holds", "CONF-004 holds"],
        ),
        (
            "login.test",
            "@ IN MX 0 .\nautodiscover IN A 127.0.0.1\n".into(),
            &["CONF-003 holds", "CONF-004 holds"],
        ),
        // Who is too busy to answer may have it; whose web server sends all elsewhere has not.
        (
            "busy.test",
            "@ IN MX 0 .\nautoconfig IN A 127.0.0.1\nautodiscover IN A 127.0.0.1\n".into(),
            &["CONF-001 unknown", "CONF-003 unknown"],
        ),
        ("moved.test", "@ IN MX 0 .\n@ IN A 127.0.0.1\n".into(), &["CONF-001 not", "CONF-003 not"]),
        // A public suffix with a record (psd=y): it counts for a name below without one of its
        // own, and not for one that has.
        (
            "suffix.test",
            "_dmarc IN TXT \"v=DMARC1; p=reject; psd=y\"\n\
             _dmarc.own IN TXT \"v=DMARC1; p=none\"\nown IN A 127.0.0.1\n\
             deep.own IN MX 0 .\nbare IN MX 0 .\n"
                .into(),
            &["DMARC-001 holds"],
        ),
    ];
    let home = Home::new();
    let scratch = Scratch::new();
    let authority = Authority::new(&scratch.path().join("tls"));
    let names = [
        "mta-sts.fine.test",
        "autoconfig.fine.test",
        "autoconfig.conf.test",
        "autodiscover.fine.test",
        "autodiscover.conf.test",
        "autodiscover.login.test",
        "web.json.test",
        "autoconfig.busy.test",
        "autodiscover.busy.test",
        "moved.test",
    ];
    let identity = authority.issue_for(&names);
    let Some(web) = WebServer::start(test, Some(&identity)) else { return };
    web.by_host();
    web.put(
        "mta-sts.fine.test/.well-known/mta-sts.txt",
        "version: STSv1\nmode: enforce\nmx: mx.fine.test\nmax_age: 604800\n",
    );
    web.put("autoconfig.fine.test/mail/config-v1.1.xml", AUTOCONFIG);
    web.put("autoconfig.conf.test/mail/config-v1.1.xml", "<clientConfig>");
    web.put("autoconfig.busy.test/status", "503");
    web.put("autodiscover.busy.test/status", "429");
    web.put("moved.test/status", "301 https://www.moved.test/");
    let place = "autodiscover/autodiscover";
    web.put(&format!("autodiscover.fine.test/{place}.xml"), AUTODISCOVER);
    web.put(&format!("autodiscover.conf.test/{place}.xml"), "<Autodiscover>");
    web.put(&format!("autodiscover.login.test/{place}.xml"), "login");
    let json = r#"{"Protocol":"AutodiscoverV1","Url":"https://json.test/autodiscover.xml"}"#;
    web.put(&format!("web.json.test/{place}.json"), json);
    let zones: Vec<Zone> = table
        .iter()
        .map(|(name, records, _)| Zone::new(name, Signing::Unsigned, records))
        .collect();
    let Some(dns) = Dns::start(test, &zones) else { return };
    let (resolver, anchor, ca) = (dns.resolver(), dns.trust_anchor(), authority.certificate());
    let rules = names.map(|name| format!("{name}:443:127.0.0.1:{}", web.port));
    let mut options =
        vec!["--resolver", resolver.as_str(), "--trust-anchor", anchor.to_str().expect("UTF-8")];
    for rule in &rules {
        options.extend(["--connect-to", rule]);
    }
    each(&table, |(name, _, wanted)| {
        probe(&home, name, Some(&ca), &options).expect(name, wanted);
    });
    let below = [("deep.own.suffix.test", "p=none"), ("bare.suffix.test", "psd=y")];
    each(&below, |(name, wanted)| {
        let report = probe(&home, name, Some(&ca), &options);
        assert!(report.evidence("DMARC-001").contains(wanted), "{name}: {report:?}");
    });
    // Without an anchor of this root nothing is validated here: what DNSSEC says is unknown.
    let report = probe(&home, "fine.test", Some(&ca), &["--resolver", &resolver]);
    report.expect("without an anchor", &["DNS-002 unknown", "SPF-001 holds"]);
}

/// The host `mx` of the zone is this machine by the address 0.0.0.0, which Linux takes for its
/// own and which, other than 127.0.0.1, a DNS may have a name for.
#[test]
fn addresses_have_names_that_lead_back() {
    let test = "addresses_have_names_that_lead_back";
    let home = Home::new();
    let Some(server) = Wrong::mail(test, json!({"protocol": "smtp"}), None) else { return };
    let settings = json!({"protocol": "smtp", "name": "other.example.test"});
    let Some(other) = Wrong::mail(test, settings, None) else { return };
    let hosts = "mx IN A 0.0.0.0\nother IN A 0.0.0.0\nelsewhere IN A 192.0.2.1\n";
    let table: [(&str, &[&str]); 4] = [
        ("0.0.0 IN PTR mx.example.test.\n", &["NET-003 holds", "NET-004 holds", "NET-005 holds"]),
        ("", &["NET-003 warn", "NET-004 none", "NET-005 none"]),
        (
            "0.0.0 IN PTR elsewhere.example.test.\n",
            &["NET-003 holds", "NET-004 warn", "NET-005 not"],
        ),
        ("0.0.0 IN PTR other.example.test.\n", &["NET-003 holds", "NET-004 holds", "NET-005 not"]),
    ];
    each(&table, |(pointers, wanted)| {
        let zones = [
            Zone::new("example.test", Signing::Unsigned, hosts),
            Zone::new("0.in-addr.arpa", Signing::Unsigned, pointers),
        ];
        let Some(dns) = Dns::start(test, &zones) else { return };
        let url = format!("smtp://mx.example.test:{}", server.port);
        let report = probe(&home, &url, None, &["--resolver", &dns.resolver()]);
        report.expect(pointers, wanted);
        // Its greeting has the right name, and its answer to EHLO another.
        if wanted.contains(&"NET-005 holds") {
            let url = format!("smtp://mx.example.test:{}", other.port);
            let report = probe(&home, &url, None, &["--resolver", &dns.resolver()]);
            report.expect(pointers, &["NET-004 holds", "NET-005 not"]);
        }
    });
}

/// TLSA records that vouch for the certificate, for another one, and none.
#[test]
fn certificates_are_held_against_dane() {
    let test = "certificates_are_held_against_dane";
    if !needs(test, &["openssl"]) {
        return;
    }
    let home = Home::new();
    let scratch = Scratch::new();
    let authority = Authority::new(&scratch.path().join("tls"));
    let identity = authority.issue_for(&["mx.example.test"]);
    let settings = json!({"protocol": "smtp", "tls": "starttls"});
    let Some(server) = Wrong::mail(test, settings, Some(&identity)) else { return };
    let pem = std::fs::read(&identity.certificate).expect("an own file");
    let leaf = pillarbox::net::tls::read_pem_certificates(&pem).expect("a certificate").remove(0);
    let digest = pillarbox::net::tls::spki_sha256(&leaf).expect("a key");
    let hex: String = digest.iter().map(|octet| format!("{octet:02x}")).collect();
    let owner = format!("_{}._tcp.mx", server.port);
    let table: [(String, Signing, &[&str]); 4] = [
        (
            format!("{owner} IN TLSA 3 1 1 {hex}\n"),
            Signing::Signed,
            &["DANE-001 holds", "DANE-002 holds"],
        ),
        (
            format!("{owner} IN TLSA 3 1 1 {}\n", "0".repeat(64)),
            Signing::Signed,
            &["DANE-001 holds", "DANE-002 fail"],
        ),
        (
            format!("{owner} IN TLSA 3 1 1 {hex}\n"),
            Signing::Unsigned,
            &["DANE-001 not", "DANE-002 none"],
        ),
        (String::new(), Signing::Signed, &["DANE-001 not", "DANE-002 none"]),
    ];
    each(&table, |(records, signing, wanted)| {
        let zone = Zone::new("example.test", *signing, &format!("mx IN A 127.0.0.1\n{records}"));
        let Some(dns) = Dns::start(test, &[zone]) else { return };
        let (resolver, anchor) = (dns.resolver(), dns.trust_anchor());
        let options =
            ["--resolver", resolver.as_str(), "--trust-anchor", anchor.to_str().expect("UTF-8")];
        let url = format!("smtp://mx.example.test:{}", server.port);
        let what = format!("{signing:?} {records}");
        probe(&home, &url, Some(&authority.certificate()), &options).expect(&what, wanted);
        // Who cannot validate cannot tell, whatever an answer says of itself.
        let report = probe(&home, &url, Some(&authority.certificate()), &["--resolver", &resolver]);
        report.expect(&what, &["DANE-001 unknown", "DANE-002 none"]);
    });
}

/// A host with addresses of both families, of which one refuses connections.
#[test]
fn a_family_that_does_not_answer_is_told() {
    let test = "a_family_that_does_not_answer_is_told";
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        // No fault of a test that this machine has only one family.
        println!("{test}: this machine has no IPv6");
        return;
    }
    let home = Home::new();
    let zone = Zone::new("example.test", Signing::Unsigned, "mx IN A 127.0.0.1\nmx IN AAAA ::1\n");
    let Some(dns) = Dns::start(test, &[zone]) else { return };
    for (settings, wanted) in [
        (json!({"protocol": "smtp", "both": true}), "NET-002 holds"),
        (json!({"protocol": "smtp"}), "NET-002 warn"),
    ] {
        let Some(server) = Wrong::mail(test, settings, None) else { return };
        let url = format!("smtp://mx.example.test:{}", server.port);
        let report = probe(&home, &url, None, &["--resolver", &dns.resolver()]);
        report.expect("families", &[wanted]);
    }
}
