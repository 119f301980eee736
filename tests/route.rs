//! Where mail goes: DNS with DNSSEC, policies over HTTPS, and delivery to mail exchangers,
//! against a private DNS server with a signed root and servers of other makers.

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use pillarbox::base::secret::Secret;
use pillarbox::net::dns::{Answer, Resolver};
use pillarbox::net::http::{self, Request, Url};
use pillarbox::net::{self, tls};
use support::{Authority, Dns, Leaf, Scratch, Signing, WebServer, Zone, needs};

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
