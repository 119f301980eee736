//! Where mail goes: DNS with DNSSEC, policies over HTTPS, and delivery to mail exchangers,
//! against a private DNS server with a signed root and servers of other makers.

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use pillarbox::base::secret::Secret;
use pillarbox::net::dns::{Answer, Resolver};
use pillarbox::net::http::{self, Request, Url};
use pillarbox::net::{self, tls};
use support::{
    Authority, Dns, Exchanger, Home, Identity, Leaf, PATIENCE, Run, Scratch, Signing, WebServer,
    Zone, args, closed_port, needs, wait_for,
};

/// Runs a piece of the library to its end.
fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("runtime")
        .block_on(future)
}

fn trusting(authority: &Authority) -> tls::Settings {
    let pem = std::fs::read(authority.certificate()).expect("an own file");
    let roots = tls::read_pem_certificates(&pem).expect("a certificate");
    tls::Settings { verify: tls::Verify::Roots(roots), ..tls::Settings::default() }
}

#[test]
fn answers_of_a_real_web_server_with_and_without_tls() {
    let test = "answers_of_a_real_web_server_with_and_without_tls";
    if !needs(test, &["openssl"]) {
        return;
    }
    let scratch = Scratch::new();
    let authority = Authority::new(&scratch.path().join("tls"));
    let identity = authority.issue(Leaf::Good);
    let settings = trusting(&authority);
    let options = net::Options::default();
    for identity in [None, Some(&identity)] {
        let Some(server) = WebServer::start(test, identity) else { return };
        server.put("file", "what it holds\n");
        server.put("large", vec![b'x'; 300_000]);
        let scheme = if identity.is_some() { "https" } else { "http" };
        let url = |target: &str| -> Url {
            format!("{scheme}://localhost:{}{target}", server.port).parse().expect("a URL")
        };
        let get = |request: Request| run(request.send(&settings, &options));

        let found = get(Request::get(url("/file"))).expect("answers");
        assert_eq!((found.status, found.body.as_slice()), (200, &b"what it holds\n"[..]));
        assert_eq!(found.media_type(), "text/plain");
        assert_eq!(get(Request::get(url("/none"))).expect("answers").status, 404);
        let large = get(Request::get(url("/large")).at_most(300_000)).expect("answers");
        assert_eq!(large.body.len(), 300_000);
        let refused = get(Request::get(url("/large")).at_most(299_999)).expect_err("too large");
        assert!(matches!(refused, http::Error::TooLarge { limit: 299_999 }), "{refused}");
        let chunked = get(Request::get(url("/chunked?2000"))).expect("answers");
        let all: String = (0..2000).map(|number| format!("chunk {number}\n")).collect();
        assert_eq!(chunked.body, all.as_bytes());

        let moved = || Request::get(url("/moved?/file"));
        assert_eq!(get(moved()).expect("answers").status, 302);
        assert_eq!(get(moved().following(1)).expect("answers").body, b"what it holds\n");
        let endless = format!("/moved?{}", url("/moved?/file").target);
        let refused = get(Request::get(url(&endless)).following(1)).expect_err("two redirects");
        assert!(matches!(refused, http::Error::Redirect { .. }), "{refused}");

        let posted = get(Request::post(url("/token"), "application/x-test", "a=b")
            .secret_field("Authorization", Secret::new("Bearer t0k3n")))
        .expect("answers");
        let text = String::from_utf8(posted.body).expect("text");
        assert!(text.contains("Authorization: Bearer t0k3n"), "{text}");
        assert!(text.contains("Content-Type: application/x-test"), "{text}");
        assert!(text.ends_with("a=b"), "{text}");

        let slow = get(Request::get(url("/slow")).within(Duration::from_millis(300)));
        assert!(matches!(slow, Err(http::Error::Deadline { .. })), "{slow:?}");
    }
}

#[test]
fn a_web_server_that_is_not_the_one_meant() {
    let test = "a_web_server_that_is_not_the_one_meant";
    if !needs(test, &["openssl"]) {
        return;
    }
    let scratch = Scratch::new();
    let authority = Authority::new(&scratch.path().join("tls"));
    let settings = trusting(&authority);
    for leaf in [Leaf::WrongHost, Leaf::Expired, Leaf::SelfSigned] {
        let Some(server) = WebServer::start(test, Some(&authority.issue(leaf))) else { return };
        server.put("file", "secret\n");
        let url = format!("https://localhost:{}/file", server.port).parse().expect("a URL");
        let refused = run(Request::get(url).send(&settings, &net::Options::default()));
        assert!(refused.as_ref().is_err_and(http::Error::is_tls), "{leaf:?}: {refused:?}");
        // From TLS to none is no redirect that is followed.
        let plain = format!("/moved?http://localhost:{}/file", server.port);
        let url = format!("https://localhost:{}{plain}", server.port).parse().expect("a URL");
        let refused = run(Request::get(url)
            .following(5)
            .send(&tls::Settings::insecure(), &net::Options::default()));
        assert!(matches!(refused, Err(http::Error::Redirect { .. })), "{refused:?}");
    }
    // By the name that it has, wherever that leads.
    let Some(server) = WebServer::start(test, Some(&authority.issue_for(&["web.test"]))) else {
        return;
    };
    server.by_host();
    server.put("web.test/file", "by name\n");
    let options = net::Options {
        connect_to: vec![
            format!("web.test:443:127.0.0.1:{}", server.port).parse().expect("a rule"),
        ],
        ..net::Options::default()
    };
    let url = Url::https("web.test", "/file").expect("a URL");
    let found = run(Request::get(url).send(&settings, &options)).expect("answers");
    assert_eq!(found.body, b"by name\n");
}

/// The zones of the private DNS: one of each kind.
fn zones() -> Vec<Zone> {
    let records = "@ IN MX 10 mx1\n@ IN TXT \"one\" \"two\"\nmx1 IN A 127.0.0.1\n";
    vec![
        Zone::new("good.test", Signing::Signed, records),
        Zone::new("plain.test", Signing::Unsigned, records),
        Zone::new("broken.test", Signing::Broken(""), records),
        Zone::new("half.test", Signing::Broken("MX"), records),
        Zone::new("old.test", Signing::Expired, records),
    ]
}

#[test]
fn dnssec_tells_the_good_from_the_forged() {
    let Some(dns) = Dns::start("dnssec_tells_the_good_from_the_forged", &zones()) else { return };
    let server: SocketAddr = dns.resolver().parse().expect("an address");
    let validating = net::Options {
        resolver: Some(server),
        trust_anchor: Some(dns.trust_anchor()),
        ..net::Options::default()
    };
    let trusting = net::Options { resolver: Some(server), ..net::Options::default() };
    let mx = |name: &str| Answer::Found(vec![(10, format!("mx1.{name}."))]);
    run(async {
        let validating = Resolver::new(&validating).expect("a resolver");
        let trusting = Resolver::new(&trusting).expect("a resolver");
        for name in ["good.test", "plain.test"] {
            assert_eq!(validating.mx(name).await, mx(name), "{name}");
            assert_eq!(validating.txt(name).await, Answer::Found(vec![b"onetwo".to_vec()]));
            assert_eq!(validating.mx(&format!("mx1.{name}")).await, Answer::NoRecord, "{name}");
            assert_eq!(validating.mx(&format!("no.{name}")).await, Answer::NoName, "{name}");
        }
        assert_eq!(validating.mx("nowhere.test").await, Answer::NoName);
        for name in ["broken.test", "half.test", "old.test"] {
            let answer = validating.mx(name).await;
            assert!(matches!(answer, Answer::Unknown(_)), "{name}: {answer:?}");
            assert_eq!(trusting.mx(name).await, mx(name), "{name}");
        }
        assert_eq!(validating.txt("half.test").await, Answer::Found(vec![b"onetwo".to_vec()]));
    });
}

const MESSAGE: &str =
    "From: ann@sender.test\r\nTo: u@good.test\r\nSubject: direct\r\n\r\nhello\r\n";

/// A run of `send --direct` against the private DNS.
struct Direct<'a> {
    home: Home,
    dns: &'a Dns,
    ca: std::path::PathBuf,
    rules: Vec<String>,
}

impl<'a> Direct<'a> {
    fn new(dns: &'a Dns, authority: &Authority) -> Self {
        Self { home: Home::new(), dns, ca: authority.certificate(), rules: Vec::new() }
    }

    /// Who asks for the exchanger `host` gets this one.
    fn leads(mut self, host: &str, port: u16) -> Self {
        self.rules.push(format!("{host}:25:127.0.0.1:{port}"));
        self
    }

    /// Who asks for the policy host of `domain` gets this server.
    fn policies(mut self, domain: &str, server: &WebServer) -> Self {
        self.rules.push(format!("mta-sts.{domain}:443:127.0.0.1:{}", server.port));
        self
    }

    fn send(&self, recipients: &[&str]) -> Run {
        self.send_with(recipients, true)
    }

    fn send_with(&self, recipients: &[&str], anchored: bool) -> Run {
        self.command(anchored).args(recipients).stdin(MESSAGE).run()
    }

    /// The run without its last words.
    fn command(&self, anchored: bool) -> support::Invocation {
        let mut send = self
            .home
            .pillarbox(args!["send", "--direct", "--json", "--resolver", self.dns.resolver()])
            .arg("--ca-file")
            .arg(&self.ca);
        if anchored {
            send = send.arg("--trust-anchor").arg(self.dns.trust_anchor());
        }
        for rule in &self.rules {
            send = send.arg("--connect-to").arg(rule);
        }
        send
    }
}

/// State, enhanced code, exchanger, security, verified.
fn verdicts(run: &Run) -> Vec<(String, String, String, String, bool)> {
    run.json_lines()
        .iter()
        .map(|line| {
            let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            let exchanger = &line["exchanger"];
            (
                text(&line["state"]),
                text(&line["enhanced"]),
                text(&exchanger["host"]),
                text(&exchanger["security"]),
                exchanger["verified"].as_bool().unwrap_or_default(),
            )
        })
        .collect()
}

fn verdict(run: &Run) -> (String, String, String, String, bool) {
    let all = verdicts(run);
    assert_eq!(all.len(), 1, "{run}");
    all[0].clone()
}

fn expected(
    state: &str,
    enhanced: &str,
    host: &str,
    security: &str,
    verified: bool,
) -> (String, String, String, String, bool) {
    (state.into(), enhanced.into(), host.into(), security.into(), verified)
}

#[test]
fn exchangers_are_tried_by_preference() {
    let test = "exchangers_are_tried_by_preference";
    if !needs(test, &["openssl"]) {
        return;
    }
    let scratch = Scratch::new();
    let authority = Authority::new(&scratch.path().join("tls"));
    let host = |name: &str| format!("{name} IN A 127.0.0.1\n");
    let names = ["down", "busy", "gone", "grey", "no", "good", "other"];
    let addresses: String = names.iter().map(|name| host(name)).collect();
    let mx = |list: &[(u16, &str)]| {
        let lines: String = list
            .iter()
            .map(|(preference, name)| format!("@ IN MX {preference} {name}.hosts.test.\n"))
            .collect();
        lines
    };
    let zone = |name: &str, records: String| Zone::new(name, Signing::Unsigned, &records);
    let Some(dns) = Dns::start(
        test,
        &[
            zone("hosts.test", addresses),
            zone(
                "late.test",
                mx(&[(50, "other"), (10, "down"), (20, "busy"), (30, "gone"), (40, "good")]),
            ),
            zone("grey.test", mx(&[(10, "grey"), (20, "good")])),
            zone("allgrey.test", mx(&[(10, "grey"), (20, "down")])),
            zone("refused.test", mx(&[(10, "no"), (20, "good")])),
            zone("down.test", mx(&[(10, "down")])),
            zone("noaddress.test", mx(&[(10, "none")])),
            zone("null.test", "@ IN MX 0 .\n".into()),
            zone("implicit.test", "@ IN A 127.0.0.1\n".into()),
            zone("bare.test", "@ IN TXT \"nothing\"\n".into()),
            zone("alias.test", "@ IN MX 10 here\nhere IN CNAME good.hosts.test.\n".into()),
        ],
    ) else {
        return;
    };
    let start = |behaviour: &str| Exchanger::start(test, behaviour, None);
    let (Some(busy), Some(gone), Some(grey), Some(no), Some(good)) =
        (start("busy"), start("gone"), start("greylist"), start("refuse"), start("take"))
    else {
        return;
    };
    let direct = Direct::new(&dns, &authority)
        .leads("down.hosts.test", closed_port())
        .leads("busy.hosts.test", busy.port)
        .leads("gone.hosts.test", gone.port)
        .leads("grey.hosts.test", grey.port)
        .leads("no.hosts.test", no.port)
        .leads("good.hosts.test", good.port)
        .leads("other.hosts.test", closed_port())
        .leads("here.alias.test", good.port)
        .leads("implicit.test", good.port);
    let opportunistic = |host: &str| expected("delivered", "2.0.0", host, "opportunistic", false);
    for (domain, code, wanted) in [
        // Down, busy and gone are passed by; a worse one is not asked.
        ("late.test", 0, opportunistic("good.hosts.test")),
        ("grey.test", 0, opportunistic("good.hosts.test")),
        (
            "allgrey.test",
            75,
            expected("temporary", "4.7.1", "grey.hosts.test", "opportunistic", false),
        ),
        // A recipient that is refused for good is not offered to the next.
        (
            "refused.test",
            67,
            expected("permanent", "5.1.1", "no.hosts.test", "opportunistic", false),
        ),
        ("down.test", 75, expected("temporary", "", "", "", false)),
        ("noaddress.test", 69, expected("permanent", "5.4.4", "", "", false)),
        ("null.test", 69, expected("permanent", "5.1.10", "", "", false)),
        ("implicit.test", 0, opportunistic("implicit.test")),
        ("bare.test", 69, expected("permanent", "5.4.4", "", "", false)),
        ("nowhere.test", 69, expected("permanent", "5.1.2", "", "", false)),
        ("alias.test", 0, opportunistic("here.alias.test")),
    ] {
        let run = direct.send(&[&format!("u@{domain}")]).expect(code);
        assert_eq!(verdict(&run), wanted, "{domain}: {run}");
    }
    // One transaction a domain, whatever the order; and each domain its own fate.
    let run = direct.send(&["a@grey.test", "b@null.test", "c@grey.test"]).expect(79);
    let states: Vec<String> = verdicts(&run).into_iter().map(|it| it.0).collect();
    assert_eq!(states, ["delivered", "permanent", "delivered"], "{run}");
    wait_for("the last message", PATIENCE, || {
        (good.took().last()?.as_str() == "took a@grey.test,c@grey.test clear -").then_some(())
    });
    // For people: how each exchanger was reached.
    run.says(&["grey.test: good.hosts.test [127.0.0.1]: opportunistic, in the clear"]);
}

/// RFC 5321 section 5.1: each address of an exchanger has its turn before the next exchanger.
#[test]
fn every_address_of_an_exchanger_is_tried() {
    let test = "every_address_of_an_exchanger_is_tried";
    if !needs(test, &["openssl"]) {
        return;
    }
    let scratch = Scratch::new();
    let authority = Authority::new(&scratch.path().join("tls"));
    // .2 is too busy, .3 greylists, .4 takes, .5 refuses, and nobody is at .9.
    let zone = |name: &str, last: &[u8]| {
        let lines = last.iter().map(|last| format!("mx IN A 127.0.0.{last}\n"));
        let addresses = lines.collect::<String>();
        let records = format!("@ IN MX 10 mx\n@ IN MX 20 last.hosts.test.\n{addresses}");
        Zone::new(name, Signing::Unsigned, &records)
    };
    let zones = [
        Zone::new("hosts.test", Signing::Unsigned, "last IN A 127.0.0.1\n"),
        zone("all.test", &[2, 3, 4, 9]),
        zone("later.test", &[2, 3, 9]),
        zone("refused.test", &[2, 5]),
    ];
    let Some(dns) = Dns::start(test, &zones) else { return };
    let Some(all) = Exchanger::start(test, "busy|greylist|take|refuse", None) else { return };
    let Some(last) = Exchanger::start(test, "take", None) else { return };
    let mut direct = Direct::new(&dns, &authority).leads("last.hosts.test", last.port);
    for domain in ["all", "later", "refused"] {
        // The port alone leads elsewhere: the addresses are DNS's.
        direct.rules.push(format!("mx.{domain}.test:25::{}", all.port));
    }
    let address = |run: &Run| {
        let line = &run.json_lines()[0];
        line["exchanger"]["address"].as_str().unwrap_or_default().to_owned()
    };
    // Whichever of them is connected to first.
    for _ in 0..3 {
        let run = direct.send(&["u@all.test"]).success();
        assert_eq!(address(&run), format!("127.0.0.4:{}", all.port), "{run}");
    }
    let run = direct.send(&["u@later.test"]).success();
    assert_eq!(address(&run), format!("127.0.0.1:{}", last.port), "{run}");
    // Refused for good is refused, and the next exchanger is not asked.
    let run = direct.send(&["u@refused.test"]).expect(67);
    assert_eq!(address(&run), format!("127.0.0.5:{}", all.port), "{run}");
    wait_for("four messages", PATIENCE, || {
        (all.took().len() == 3 && last.took().len() == 1).then_some(())
    });
}

/// Many messages to few domains: a session for each domain, and another where one has ended.
#[test]
fn sessions_with_exchangers_are_kept() {
    let test = "sessions_with_exchangers_are_kept";
    if !needs(test, &["openssl"]) {
        return;
    }
    let scratch = Scratch::new();
    let authority = Authority::new(&scratch.path().join("tls"));
    let zones = [
        Zone::new("hosts.test", Signing::Unsigned, "one IN A 127.0.0.1\nshut IN A 127.0.0.1\n"),
        Zone::new("a.test", Signing::Unsigned, "@ IN MX 10 one.hosts.test.\n"),
        Zone::new("b.test", Signing::Unsigned, "@ IN MX 10 one.hosts.test.\n"),
        Zone::new("c.test", Signing::Unsigned, "@ IN MX 10 shut.hosts.test.\n"),
    ];
    let Some(dns) = Dns::start(test, &zones) else { return };
    let start = |behaviour: &str| Exchanger::start(test, behaviour, None);
    let (Some(one), Some(shut)) = (start("take"), start("shut3")) else { return };
    let direct = Direct::new(&dns, &authority)
        .leads("one.hosts.test", one.port)
        .leads("shut.hosts.test", shut.port);
    for number in 0..16 {
        let domain = ["a", "b", "c", "c"][number % 4];
        let text =
            format!("From: ann@sender.test\nTo: u{number}@{domain}.test\nSubject: {number}\n\nx\n");
        direct.home.write(&format!("box/new/{number}.m.host"), text);
    }
    for folder in ["cur", "tmp"] {
        std::fs::create_dir_all(direct.home.path().join("box").join(folder)).expect("a folder");
    }
    let bulk = |more: &[&str]| {
        let run = direct.command(false).args(["--input", "maildir:box"]).args(more).run();
        let run = run.success();
        assert_eq!(run.json_lines().len(), 16, "{run}");
    };
    bulk(&[]);
    assert_eq!((one.connections(), one.took().len()), (2, 8));
    // Eight messages, three a session: the fourth is told 421, and goes again by the next.
    assert_eq!((shut.connections(), shut.took().len()), (3, 8));
    bulk(&["--messages-per-connection", "2"]);
    assert_eq!((one.connections(), one.took().len()), (2 + 4, 16));
    assert_eq!((shut.connections(), shut.took().len()), (3 + 4, 16));
}

#[test]
fn exchangers_of_the_same_preference_share_the_load() {
    let test = "exchangers_of_the_same_preference_share_the_load";
    if !needs(test, &["openssl"]) {
        return;
    }
    let scratch = Scratch::new();
    let authority = Authority::new(&scratch.path().join("tls"));
    let records = "@ IN MX 10 a\n@ IN MX 10 b\na IN A 127.0.0.1\nb IN A 127.0.0.1\n";
    let Some(dns) = Dns::start(test, &[Zone::new("load.test", Signing::Unsigned, records)]) else {
        return;
    };
    let Some(one) = Exchanger::start(test, "take", None) else { return };
    let direct =
        Direct::new(&dns, &authority).leads("a.load.test", one.port).leads("b.load.test", one.port);
    let mut seen = std::collections::BTreeSet::new();
    // The odds that one of the two is never first in forty runs are one in 10^12.
    for _ in 0..40 {
        seen.insert(verdict(&direct.send(&["u@load.test"]).success()).2);
        if seen.len() == 2 {
            return;
        }
    }
    panic!("always the same: {seen:?}");
}

const ENFORCE: &str = "version: STSv1\r\nmode: enforce\r\nmx: *.hosts.test\r\nmax_age: 86400\r\n";

#[test]
fn mta_sts_is_fetched_obeyed_and_kept() {
    let test = "mta_sts_is_fetched_obeyed_and_kept";
    if !needs(test, &["openssl"]) {
        return;
    }
    let scratch = Scratch::new();
    let authority = Authority::new(&scratch.path().join("tls"));
    let domains = [
        "enforce",
        "testing",
        "none",
        "mismatch",
        "testmismatch",
        "kept",
        "old",
        "redirect",
        "html",
        "two",
    ];
    let mut zones = vec![Zone::new(
        "hosts.test",
        Signing::Unsigned,
        "good IN A 127.0.0.1\nself IN A 127.0.0.1\nclear IN A 127.0.0.1\n",
    )];
    for domain in domains {
        let more = if domain == "two" { "_mta-sts IN TXT \"v=STSv1; id=2\"\n" } else { "" };
        let records = format!(
            "@ IN MX 10 clear.hosts.test.\n@ IN MX 20 self.hosts.test.\n@ IN MX 30 good.hosts.test.\n\
             _mta-sts IN TXT \"v=STSv1; id=1\"\n{more}"
        );
        zones.push(Zone::new(&format!("{domain}.test"), Signing::Unsigned, &records));
    }
    let Some(dns) = Dns::start(test, &zones) else { return };
    let hosts: Vec<String> =
        domains.iter().map(|domain| format!("mta-sts.{domain}.test")).collect();
    let names: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let Some(web) = WebServer::start(test, Some(&authority.issue_for(&names))) else { return };
    web.by_host();
    let put = |domain: &str, policy: &str| {
        web.put(&format!("mta-sts.{domain}.test/.well-known/mta-sts.txt"), policy);
    };
    put("enforce", ENFORCE);
    put("testing", &ENFORCE.replace("enforce", "testing"));
    put("none", "version: STSv1\nmode: none\nmax_age: 86400\n");
    put("mismatch", &ENFORCE.replace("*.hosts.test", "elsewhere.test"));
    put(
        "testmismatch",
        &ENFORCE.replace("enforce", "testing").replace("*.hosts.test", "elsewhere.test"),
    );
    put("kept", ENFORCE);
    put("old", ENFORCE);
    put("two", ENFORCE);
    put("html", "<html>no policy</html>");
    let start = |identity: Option<&Identity>| Exchanger::start(test, "take", identity);
    let good = authority.issue_for(&["good.hosts.test"]);
    let (Some(good), Some(own), Some(clear)) =
        (start(Some(&good)), start(Some(&authority.issue(Leaf::SelfSigned))), start(None))
    else {
        return;
    };
    let mut direct = Direct::new(&dns, &authority)
        .leads("good.hosts.test", good.port)
        .leads("self.hosts.test", own.port)
        .leads("clear.hosts.test", clear.port);
    for domain in domains {
        direct = direct.policies(&format!("{domain}.test"), &web);
    }
    let to = |domain: &str, code: i32| direct.send(&[&format!("u@{domain}.test")]).expect(code);
    // Enforced: neither in the clear nor to a stranger's certificate, but to the third.
    let enforced = expected("delivered", "2.0.0", "good.hosts.test", "mta-sts", true);
    let run = to("enforce", 0);
    assert_eq!(verdict(&run), enforced, "{run}");
    run.says(&["enforce.test: good.hosts.test [127.0.0.1]: mta-sts, verified, tls 1.3"]);
    // Testing: the first will do, and it is told what would have been.
    let run = to("testing", 0);
    assert_eq!(
        verdict(&run),
        expected("delivered", "2.0.0", "clear.hosts.test", "mta-sts-testing", false),
        "{run}"
    );
    run.says(&["mta-sts in testing, in the clear", "starttls"]);
    let run = to("testmismatch", 0);
    assert_eq!(verdict(&run).3, "mta-sts-testing", "{run}");
    run.says(&["the policy does not list this exchanger"]);
    // No policy: opportunistic.
    for domain in ["none", "html", "two", "redirect"] {
        let run = to(domain, 0);
        assert_eq!(
            verdict(&run),
            expected("delivered", "2.0.0", "clear.hosts.test", "opportunistic", false),
            "{domain}: {run}"
        );
    }
    // What could not be had is not asked for again at once.
    to("html", 0).says(&["could not be had just now"]);
    // REQUIRETLS wants a verified exchanger that knows it, as these do not. The message is
    // given back then, with the codes of RFC 8689 section 4.2.1.
    let strict = |domain: &str| {
        let to = [format!("u@{domain}.test"), "--require-tls".to_owned()];
        direct.command(true).args(&to).stdin(MESSAGE).run()
    };
    let run = strict("html").expect(69);
    assert_eq!(verdict(&run), expected("permanent", "5.7.10", "", "", false), "{run}");
    assert!(run.text().contains("is not verified"), "{run}");
    let run = strict("enforce").expect(69).says(&["good.hosts.test", "verified"]);
    assert_eq!(verdict(&run), expected("permanent", "5.7.30", "", "", false), "{run}");
    assert!(!run.text().contains("not verified"), "{run}");
    // No exchanger is the domain's own: it waits.
    let run = to("mismatch", 75);
    assert_eq!(verdict(&run), expected("temporary", "4.7.5", "", "", false), "{run}");
    assert!(run.text().contains("MTA-STS"), "{run}");
    // Kept: without the server, and without what DNS said, it still holds.
    to("kept", 0);
    web.remove("mta-sts.kept.test/.well-known/mta-sts.txt");
    assert_eq!(verdict(&to("kept", 0)), enforced);
    let cache = direct.home.state().join("pillarbox/mta-sts");
    let kept = cache.join("kept.test");
    let text = std::fs::read_to_string(&kept).expect("it is kept");
    std::fs::write(&kept, text.replacen("1 ", "0 ", 1)).expect("written");
    // Another id: it is asked for again, in vain, and the old one holds.
    let run = to("kept", 0);
    assert_eq!(verdict(&run), enforced, "{run}");
    run.says(&["cannot be had", "404", "the one from before holds"]);
    // Its time is over: then it is as if there were none.
    std::fs::write(&kept, format!("1 1000\n{ENFORCE}")).expect("written");
    let run = to("kept", 0);
    assert_eq!(verdict(&run).3, "opportunistic", "{run}");
    // Kept, and another one is there now.
    to("old", 0);
    put("old", &ENFORCE.replace("*.hosts.test", "elsewhere.test"));
    assert_eq!(verdict(&to("old", 0)), enforced, "the id is the same");
    let kept = cache.join("old.test");
    let text = std::fs::read_to_string(&kept).expect("it is kept");
    std::fs::write(&kept, text.replacen("1 ", "0 ", 1)).expect("written");
    assert_eq!(verdict(&to("old", 75)).1, "4.7.5");
}

/// `3 1 1` and the like over a certificate of the test's, as a record's data.
fn tlsa(usage: u8, selector: u8, matching: u8, identity: &Identity) -> String {
    let pem = std::fs::read(&identity.certificate).expect("an own file");
    let der = tls::read_pem_certificates(&pem).expect("a certificate").remove(0);
    let octets = match selector {
        0 => der,
        _ => openssl_output(
            &["x509", "-in", &identity.certificate.display().to_string(), "-pubkey", "-noout"],
            "pkey",
        ),
    };
    let data = match matching {
        0 => octets,
        1 => digest("-sha256", &octets),
        _ => digest("-sha512", &octets),
    };
    let hex: String = data.iter().map(|octet| format!("{octet:02x}")).collect();
    format!("{usage} {selector} {matching} {hex}")
}

fn openssl_output(arguments: &[&str], then: &str) -> Vec<u8> {
    let first = piped("openssl", arguments, &[]);
    piped("openssl", &[then, "-pubin", "-outform", "DER"], &first)
}

fn digest(algorithm: &str, octets: &[u8]) -> Vec<u8> {
    piped("openssl", &["dgst", algorithm, "-binary"], octets)
}

fn piped(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let run = Home::new().command(program, arguments).stdin(input).run().success();
    run.stdout
}

#[test]
fn dane_goes_by_validated_records() {
    let test = "dane_goes_by_validated_records";
    if !needs(test, &["openssl"]) {
        return;
    }
    let scratch = Scratch::new();
    let authority = Authority::new(&scratch.path().join("tls"));
    let ca = Identity { certificate: authority.certificate(), key: authority.certificate() };
    let own = authority.issue(Leaf::SelfSigned);
    let expired = authority.issue(Leaf::Expired);
    let named = authority.issue_for(&["mx.ta.test"]);
    let of_domain = authority.issue_for(&["tadomain.test"]);
    // Usage 2 wants the authority in the chain that the server shows.
    let chained = |identity: &Identity| {
        let mut chain = std::fs::read(&identity.certificate).expect("an own file");
        chain.extend(std::fs::read(authority.certificate()).expect("an own file"));
        let certificate = identity.certificate.with_extension("chain.pem");
        std::fs::write(&certificate, chain).expect("an own file");
        Identity { certificate, key: identity.key.clone() }
    };
    let wrong = tlsa(3, 1, 1, &named);
    let records =
        |record: &str| format!("@ IN MX 10 mx\nmx IN A 127.0.0.1\n_25._tcp.mx IN TLSA {record}\n");
    let signed = |name: &str, records: String| Zone::new(name, Signing::Signed, &records);
    let mut zones = Vec::new();
    let mut cases: Vec<(&str, &Identity, i32, &str, bool)> = Vec::new();
    let mut case =
        |name: &'static str, zone: Zone, identity, code, security: &'static str, verified| {
            zones.push(zone);
            cases.push((name, identity, code, security, verified));
        };
    for (name, record) in [
        ("ee311.test", tlsa(3, 1, 1, &own)),
        ("ee312.test", tlsa(3, 1, 2, &own)),
        ("ee310.test", tlsa(3, 1, 0, &own)),
        ("ee301.test", tlsa(3, 0, 1, &own)),
        ("rollover.test", format!("{wrong}\n_25._tcp.mx IN TLSA {}", tlsa(3, 1, 1, &own))),
    ] {
        case(name, signed(name, records(&record)), &own, 0, "dane", true);
    }
    case(
        "expired.test",
        signed("expired.test", records(&tlsa(3, 1, 1, &expired))),
        &expired,
        0,
        "dane",
        true,
    );
    let (named, of_domain, stranger) =
        (chained(&named), chained(&of_domain), chained(&authority.issue(Leaf::Good)));
    for (name, identity, code) in
        [("ta.test", &named, 0), ("tadomain.test", &of_domain, 0), ("taother.test", &stranger, 75)]
    {
        case(name, signed(name, records(&tlsa(2, 0, 1, &ca))), identity, code, "dane", true);
    }
    case("wrong.test", signed("wrong.test", records(&wrong)), &own, 75, "dane", true);
    case(
        "unusable.test",
        signed("unusable.test", records(&tlsa(1, 1, 1, &own))),
        &own,
        0,
        "dane-unusable",
        false,
    );
    let none = "@ IN MX 10 mx\nmx IN A 127.0.0.1\n".to_owned();
    case("none.test", signed("none.test", none), &own, 0, "opportunistic", false);
    case(
        "unsigned.test",
        Zone::new("unsigned.test", Signing::Unsigned, &records(&wrong)),
        &own,
        0,
        "opportunistic",
        false,
    );
    for (name, kind) in [
        ("bogus.test", "TLSA"),
        ("bogusmx.test", "MX"),
        ("bogusa.test", "A"),
        ("bogusall.test", ""),
    ] {
        let zone = Zone::new(name, Signing::Broken(kind), &records(&tlsa(3, 1, 1, &own)));
        case(name, zone, &own, 75, "", false);
    }
    let zone = Zone::new("old.test", Signing::Expired, &records(&tlsa(3, 1, 1, &own)));
    case("old.test", zone, &own, 75, "", false);
    // An exchanger without TLS though it has records, and one whose handshake fails.
    case("plain.test", signed("plain.test", records(&wrong)), &own, 75, "", false);
    // The implicit MX has its records too.
    let implicit = format!("@ IN A 127.0.0.1\n_25._tcp IN TLSA {}\n", tlsa(3, 1, 1, &own));
    case("implicit.test", signed("implicit.test", implicit), &own, 0, "dane", true);
    // An alias: the records of its end come first, and SNI has that name.
    let alias = format!(
        "@ IN MX 10 mx\nmx IN CNAME end\nend IN A 127.0.0.1\n_25._tcp.mx IN TLSA {wrong}\n_25._tcp.end IN TLSA {}\n",
        tlsa(3, 1, 1, &own)
    );
    case("alias.test", signed("alias.test", alias), &own, 0, "dane", true);
    let Some(dns) = Dns::start(test, &zones) else { return };

    let mut servers: Vec<(std::path::PathBuf, Exchanger)> = Vec::new();
    let Some(plain) = Exchanger::start(test, "take", None) else { return };
    let mut direct = Direct::new(&dns, &authority);
    for (name, identity, ..) in &cases {
        if !servers.iter().any(|(path, _)| *path == identity.certificate) {
            let Some(server) = Exchanger::start(test, "take", Some(identity)) else { return };
            servers.push((identity.certificate.clone(), server));
        }
        let server = servers.iter().find(|(path, _)| *path == identity.certificate);
        let port = if *name == "plain.test" { plain.port } else { server.expect("started").1.port };
        let host = if *name == "implicit.test" { (*name).to_owned() } else { format!("mx.{name}") };
        direct = direct.leads(&host, port);
    }
    for (name, _, code, security, verified) in &cases {
        let run = direct.send(&[&format!("u@{name}")]).expect(*code);
        let (state, _, _, found, was_verified) = verdict(&run);
        let state_wanted = if *code == 0 { "delivered" } else { "temporary" };
        assert_eq!(state, state_wanted, "{name}: {run}");
        if *code == 0 {
            assert_eq!((found.as_str(), was_verified), (*security, *verified), "{name}: {run}");
        }
    }
    wait_for("the message by SNI of the alias' end", PATIENCE, || {
        let mut took = servers.iter().flat_map(|(_, server)| server.took());
        took.any(|line| line == "took u@alias.test tls end.alias.test").then_some(())
    });
    assert!(plain.took().is_empty(), "{:?}", plain.took());
    // Without an anchor of this root, nothing validates: DANE is off, and that is told.
    let run = direct.send_with(&["u@wrong.test"], false).success();
    assert_eq!(verdict(&run).3, "opportunistic", "{run}");
    run.says(&["dnssec", "dane"]);
}

#[test]
fn a_handshake_that_fails_is_followed_by_a_session_without_tls() {
    let test = "a_handshake_that_fails_is_followed_by_a_session_without_tls";
    if !needs(test, &["openssl"]) {
        return;
    }
    let scratch = Scratch::new();
    let authority = Authority::new(&scratch.path().join("tls"));
    let zone = Zone::new("odd.test", Signing::Unsigned, "@ IN MX 10 mx\nmx IN A 127.0.0.1\n");
    let Some(dns) = Dns::start(test, &[zone]) else { return };
    let Some(odd) = Exchanger::start(test, "nocert", None) else { return };
    let direct = Direct::new(&dns, &authority).leads("mx.odd.test", odd.port);
    let run = direct.send(&["u@odd.test"]).success();
    wait_for("the message in the clear", PATIENCE, || {
        (odd.took() == ["took u@odd.test clear -"]).then_some(())
    });
    run.says(&["opportunistic, in the clear", "tls"]);
    // Options of other ways have no place here.
    direct.home.run(&["send", "--direct", "--user", "x", "u@odd.test"]).expect(64);
    direct.home.run(&["send", "--direct", "--via", "smtp://x", "u@odd.test"]).expect(64);
}
