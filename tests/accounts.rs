//! Accounts and what they are reached by: proxies, secrets at rest, OAuth, discovery.

mod support;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use support::dns::{Dns, Signing, Zone};
use support::https::WebServer;
use support::proxy::LOGIN;
use support::{Authority, Dovecot, Home, Proxy, Run, Scratch, ServeTest, closed_port, needs};

const MESSAGE: &str = "From: a@example.test\nTo: alice@example.test\nSubject: by proxy\n\ntext\n";

/// A name that only `--connect-to` knows: had it been looked up, the run would have failed.
const NAME: &str = "mail.nowhere.test";

/// Nothing printed holds the proxy's password, raw or as Basic authentication has it.
#[track_caller]
fn without_secret(run: &Run, secret: &str) {
    use base64::Engine as _;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{}:{secret}", LOGIN.0));
    let printed = format!("{}{}", String::from_utf8_lossy(&run.stdout), run.errors());
    for word in [secret, &pair] {
        assert!(!printed.contains(word), "{word} was printed:\n{run}");
    }
}

/// Every protocol and verb by one proxy.
fn everything_goes_by(proxy: &Proxy, server: &ServeTest) {
    let home = Home::new();
    let by = proxy.url_as(LOGIN.0, LOGIN.1);
    let run = |words: &[&str]| {
        let run = home
            .pillarbox(words)
            .arg("--ca-file")
            .arg(server.ca())
            .args(["--proxy", &by, "-vvv"])
            .password("secret")
            .stdin(MESSAGE)
            .run();
        without_secret(&run, LOGIN.1);
        run
    };
    for scheme in ["submissions", "submission", "smtp"] {
        let via = server.url(scheme, (scheme != "smtp").then_some("alice"));
        run(&["send", "--via", &via, "alice@example.test"])
            .success()
            .says(&[&format!("by {}", proxy.url())]);
    }
    for scheme in ["imaps", "imap", "pop3s", "pop3"] {
        let fetched = run(&["fetch", &server.url(scheme, Some("alice"))]).success();
        assert!(fetched.text().contains("Subject: by proxy"), "{scheme}: {fetched}");
    }
    for scheme in ["nntps", "nntp"] {
        let group = format!("{scheme}://alice@localhost:{}/local.test", server.port(scheme));
        let posted = ["send", "--via", &group, "--from", "a@example.test", "--body", "x"];
        run(&[&posted[..], &["--subject", "news by proxy"]].concat()).success();
        assert!(run(&["fetch", &group]).success().text().contains("news by proxy"), "{scheme}");
    }
    let imaps = server.url("imaps", Some("alice"));
    assert_eq!(run(&["search", "subject:proxy", &imaps]).success().lines().len(), 3);
    run(&["folder", "list", &imaps]).success();
    run(&["sync", &imaps, "maildir:near"]).success();
    run(&["probe", &imaps]).success();
}

#[test]
fn everything_goes_by_socks5() {
    let test = "everything_goes_by_socks5";
    let Some(proxy) = Proxy::microsocks(test, true) else { return };
    everything_goes_by(&proxy, &ServeTest::start());
}

#[test]
fn everything_goes_by_http_connect() {
    let test = "everything_goes_by_http_connect";
    let server = ServeTest::start();
    let schemes =
        ["submissions", "submission", "smtp", "imaps", "imap", "pop3s", "pop3", "nntps", "nntp"];
    let ports: Vec<u16> = schemes.map(|scheme| server.port(scheme)).to_vec();
    let Some(proxy) = Proxy::tinyproxy(test, true, &ports) else { return };
    everything_goes_by(&proxy, &server);
}

/// Dovecot is there so that a server of another maker speaks first through each proxy.
#[test]
fn dovecot_is_reached_by_each_proxy() {
    let test = "dovecot_is_reached_by_each_proxy";
    let Some(dovecot) = Dovecot::start(test) else { return };
    let home = Home::new();
    let proxies = [
        Proxy::microsocks(test, false),
        Proxy::dante(test, closed_port()),
        Proxy::tinyproxy(test, false, &[dovecot.imap, dovecot.pop3]),
    ];
    for proxy in proxies.into_iter().flatten() {
        for scheme in ["imap", "pop3"] {
            home.pillarbox(&["fetch", &dovecot.url(scheme, "alice"), "--proxy", &proxy.url()])
                .arg("--ca-file")
                .arg(dovecot.ca())
                .password("secret")
                .run()
                .success();
        }
    }
}

#[test]
fn a_proxy_is_chosen_by_option_account_and_environment() {
    let test = "a_proxy_is_chosen_by_option_account_and_environment";
    let Some(proxy) = Proxy::microsocks(test, false) else { return };
    let server = ServeTest::start();
    let home = Home::new();
    let imaps = server.port("imaps");
    let nowhere = format!("socks5://127.0.0.1:{}", closed_port());
    let account = |name: &str, line: &str| {
        format!(
            "[account.{name}]\nimap = \"imaps://alice@localhost:{imaps}\"\n\
             password-command = \"echo secret\"\nca-file = \"{}\"\n{line}\n",
            server.ca().display()
        )
    };
    home.configure(&format!(
        "{}{}{}",
        account("plain", ""),
        account("proxied", &format!("proxy = \"{}\"", proxy.url())),
        account("direct", "proxy = \"none\""),
    ));
    let list = |account: &str| home.pillarbox(&["folder", "list", account, "-v"]);
    let by = format!("by {}", proxy.url());
    list("proxied").run().success().says(&[&by]);
    list("proxied").env("ALL_PROXY", &nowhere).run().success().says(&[&by]);
    list("plain").env("ALL_PROXY", proxy.url()).run().success().says(&[&by]);
    list("plain").env("all_proxy", proxy.url()).run().success().says(&[&by]);
    list("plain").env("ALL_PROXY", &nowhere).run().expect(75).says(&["proxy socks5://127.0.0.1"]);
    list("plain").env("ALL_PROXY", &nowhere).env("NO_PROXY", "x.test,localhost").run().success();
    list("direct").env("ALL_PROXY", &nowhere).run().success();
    list("proxied").args(["--proxy", &nowhere]).run().expect(75);
    list("proxied").args(["--proxy", "none"]).env("ALL_PROXY", &nowhere).run().success();
    list("plain").env("ALL_PROXY", "ftp://pat:hidden@x").run().expect(78).says(&["ALL_PROXY"]);
    let wrong = list("plain").args(["--proxy", "ftp://pat:hidden@x"]).run().expect(64);
    assert!(!wrong.errors().contains("hidden"), "{wrong}");
    // The name goes to the proxy as it is, but where --connect-to leads elsewhere.
    let url = format!("imaps://alice@{NAME}:{imaps}/");
    home.pillarbox(&["folder", "list", &url, "--proxy", &proxy.url(), "--insecure"])
        .args(["--connect-to", &format!("{NAME}::localhost:")])
        .password("secret")
        .run()
        .success();
}

#[test]
fn what_a_proxy_refuses_is_told() {
    let test = "what_a_proxy_refuses_is_told";
    let server = ServeTest::start();
    let home = Home::new();
    let imaps = server.url("imaps", Some("alice"));
    let list = |url: &str, proxy: &str, code: i32, words: &[&str]| {
        let run = home
            .pillarbox(&["folder", "list", url, "--proxy", proxy, "-vvv"])
            .arg("--ca-file")
            .arg(server.ca())
            .password("secret")
            .run()
            .expect(code)
            .says(words);
        without_secret(&run, LOGIN.1);
        without_secret(&run, "wr0ng-secret");
    };
    let closed = format!("imaps://alice@localhost:{}/", closed_port());
    let unknown = "imaps://alice@unknown.invalid/";
    if let Some(proxy) = Proxy::microsocks(test, true) {
        list(&imaps, &proxy.url(), 77, &["user and a password", "hint:"]);
        list(&imaps, &proxy.url_as(LOGIN.0, "wr0ng-secret"), 77, &["refused our user"]);
        let good = proxy.url_as(LOGIN.0, LOGIN.1);
        list(&closed, &good, 75, &["connection refused"]);
        list(unknown, &good, 75, &["did not reach", "unknown.invalid:993"]);
        // An HTTP client at a SOCKS5 proxy.
        let http = format!("http://127.0.0.1:{}", proxy.port);
        list(&imaps, &http, 75, &["closed by the other side"]);
    }
    if let Some(proxy) = Proxy::dante(test, server.port("imaps")) {
        list(&imaps, &proxy.url(), 77, &["does not allow"]);
    }
    if let Some(proxy) = Proxy::tinyproxy(test, true, &[1]) {
        list(&imaps, &proxy.url(), 77, &["user and a password"]);
        list(&imaps, &proxy.url_as(LOGIN.0, "wr0ng-secret"), 77, &["refused our user"]);
        list(&imaps, &proxy.url_as(LOGIN.0, LOGIN.1), 77, &["does not allow", "403"]);
    }
    list(&imaps, "socks5://unknown.invalid", 68, &["unknown.invalid"]);
}

/// A proxy that drips, and one that says nothing, are given up on by `--timeout`.
#[test]
fn a_proxy_has_a_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                let mut octet = [0; 1];
                // It answers each octet of ours by none, and drips its header for as long as
                // somebody is there.
                let _ = stream.read(&mut octet);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
                while stream.write_all(b"X").is_ok() {
                    std::thread::sleep(std::time::Duration::from_millis(50));
                }
            });
        }
    });
    let home = Home::new();
    let proxy = format!("http://127.0.0.1:{port}");
    let run = home
        .pillarbox(&["folder", "list", "imaps://a@mail.test/", "--proxy", &proxy])
        .args(["--timeout", "0.5"])
        .password("x")
        .run()
        .expect(75)
        .says(&["no answer within 0.5 s", "asked for mail.test:993"]);
    assert!(run.elapsed.as_secs() < 20, "{run}");
}

/// A document that names these servers.
fn document(imap: &str, smtp: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<clientConfig version=\"1.1\"><emailProvider id=\"x\">\
         <incomingServer type=\"imap\"><hostname>{imap}</hostname><port>993</port>\
         <socketType>SSL</socketType><username>%EMAILLOCALPART%</username></incomingServer>\
         <outgoingServer type=\"smtp\"><hostname>{smtp}</hostname><port>587</port>\
         <socketType>STARTTLS</socketType><username>%EMAILLOCALPART%</username></outgoingServer>\
         </emailProvider></clientConfig>\n"
    )
}

#[test]
fn an_account_is_found_written_tested_and_removed() {
    let test = "an_account_is_found_written_tested_and_removed";
    let server = ServeTest::start();
    let records = format!(
        "_imaps._tcp IN SRV 0 1 {} localhost.\n_submissions._tcp IN SRV 20 1 1 later\n\
         _submissions._tcp IN SRV 10 1 {} localhost.\n_pop3s._tcp IN SRV 0 0 0 .\n",
        server.port("imaps"),
        server.port("submissions")
    );
    let Some(dns) = Dns::start(test, &[Zone::new("found.test", Signing::Unsigned, &records)])
    else {
        return;
    };
    let home = Home::new();
    let before = "# mine\nqualify-domain = \"found.test\" # here\n\n[account.old]\n\
                  email = \"old@found.test\"\n";
    let file = home.configure(before);
    let add = |more: &[&str]| {
        home.pillarbox(&["account", "add", "alice@found.test", "--resolver", &dns.resolver()])
            .args(more)
            .args(["--user", "alice", "--password-command", "echo secret", "--ca-file"])
            .arg(server.ca())
            .run()
    };
    // Somebody at a terminal is asked, and says no, and yes.
    if needs(test, &["script"]) {
        for (answer, is_written) in [("n", false), ("", false), ("Yes", true)] {
            let command = format!(
                "exec {} account add alice@found.test --as asked --resolver {} --user alice \
                 --password-command 'echo secret' --ca-file {}",
                support::binary::BINARY,
                dns.resolver(),
                server.ca().display()
            );
            let run = home
                .command("script", &["-q", "-e", "-c", &command, "/dev/null"])
                .stdin(format!("{answer}\n"))
                .run()
                .success();
            let screen = run.text().to_owned();
            assert!(screen.contains("[account.asked]\r\n"), "{screen}");
            assert!(screen.contains("[y/N]"), "{screen}");
            let now = std::fs::read_to_string(&file).expect("there");
            assert_eq!(now.contains("[account.asked]"), is_written, "{answer}: {screen}");
        }
        home.run(&["account", "test", "asked"]).success();
        home.run(&["account", "remove", "asked"]).success();
    }
    // Nobody to ask: shown, and not written.
    let shown = add(&["--as", "new"]).expect(64).says(&["--yes", "not a host of that domain"]);
    assert!(shown.text().starts_with("[account.new]\nemail = \"alice@found.test\"\n"), "{shown}");
    assert_eq!(std::fs::read_to_string(&file).expect("there"), before);
    add(&["--as", "old", "--yes"]).expect(73).says(&["already"]);
    add(&["--as", "imaps", "--yes"]).expect(64);
    let written = add(&["--as", "new", "--yes"]).success();
    let text = std::fs::read_to_string(&file).expect("there");
    assert_eq!(text, format!("{before}\n{}", written.text()), "{written}");
    assert!(!text.contains("pop = "), "{text}");

    let tested = home.run(&["account", "test", "new", "--json"]).success().json_lines();
    assert_eq!(tested.len(), 2, "{tested:?}");
    for service in &tested {
        assert_eq!(service["reached"], true, "{service}");
        assert_eq!(service["tls"], "TLS 1.3", "{service}");
        assert!(service["login"].as_str().is_some_and(|login| login.starts_with("SCRAM")));
        assert!(service["offers"].as_array().is_some_and(|offers| offers.len() > 3), "{service}");
    }
    let lines = home.run(&["account", "test", "new"]).success();
    assert!(lines.lines()[0].contains("offers ") && lines.text().contains("IDLE"), "{lines}");
    home.run(&["account", "remove", "new"]).success();
    assert_eq!(std::fs::read_to_string(&file).expect("there"), before);
    home.run(&["account", "remove", "new"]).expect(78).says(&["new", "old"]);

    let json = add(&["--yes", "--json"]).success().json_lines();
    assert_eq!(json[0]["account"], "alice@found.test", "{json:?}");
    assert_eq!(json[0]["written"], true, "{json:?}");
    assert_eq!(json[0]["imap"]["source"], "SRV _imaps._tcp.found.test", "{json:?}");
    assert!(json[0]["pop"].is_null(), "{json:?}");
    home.run(&["folder", "list", "alice@found.test"]).success();
}

#[test]
fn documents_and_usual_names_come_after_srv() {
    let test = "documents_and_usual_names_come_after_srv";
    if !needs(test, &["openssl"]) {
        return;
    }
    let here = "@ IN A 127.0.0.1\n";
    let zones = [
        Zone::new("auto.test", Signing::Unsigned, "autoconfig IN A 127.0.0.1\n"),
        Zone::new("known.test", Signing::Unsigned, here),
        Zone::new(
            "half.test",
            Signing::Unsigned,
            "autoconfig IN A 127.0.0.1\n_imaps._tcp IN SRV 0 0 993 imap.half.test.\n",
        ),
        Zone::new("names.test", Signing::Unsigned, "imap IN A 127.0.0.1\nmail IN A 127.0.0.1\n"),
        Zone::new("bad.test", Signing::Unsigned, "autoconfig IN A 127.0.0.1\n"),
        Zone::new("nothing.test", Signing::Unsigned, ""),
        Zone::new("ispdb.test", Signing::Unsigned, ""),
    ];
    let Some(dns) = Dns::start(test, &zones) else { return };
    let folder = Scratch::new();
    let authority = Authority::new(&folder.path().join("tls"));
    let identity = authority.issue_for(&[
        "autoconfig.auto.test",
        "known.test",
        "autoconfig.half.test",
        "autoconfig.bad.test",
        "imap.names.test",
        "mail.names.test",
        "autoconfig.thunderbird.net",
    ]);
    let Some(web) = WebServer::start(test, Some(&identity)) else { return };
    web.by_host();
    let place = "mail/config-v1.1.xml";
    web.put(&format!("autoconfig.auto.test/{place}"), document("in.auto.test", "out.auto.test"));
    let known = format!("known.test/.well-known/autoconfig/{place}");
    web.put(&known, document("in.known.test", "out.known.test"));
    web.put(&format!("autoconfig.half.test/{place}"), document("no.test", "out.half.test"));
    web.put(&format!("autoconfig.bad.test/{place}"), "<!DOCTYPE x [<!ENTITY a \"b\">]><x/>");
    let home = Home::new();
    let add_with = |address: &str, more: &[&str]| {
        let mut add = home
            .pillarbox(&["account", "add", address, "--resolver", &dns.resolver(), "--yes"])
            .args(more)
            .args(["--json", "--timeout", "5", "--ca-file"])
            .arg(authority.certificate());
        // The web server is every server here; nothing listens for those of the documents.
        for port in [443, 993, 465] {
            add = add.args(["--connect-to", &format!(":{port}:127.0.0.1:{}", web.port)]);
        }
        add.run()
    };
    let add = |address: &str| add_with(address, &[]);
    let json = |address: &str| add(address).success().json_lines().remove(0);

    let auto = json("ann@auto.test");
    assert_eq!(auto["imap"]["url"], "imaps://in.auto.test", "{auto}");
    assert_eq!(auto["smtp"]["url"], "submission://out.auto.test", "{auto}");
    assert!(auto["table"].as_str().is_some_and(|table| table.contains("user = \"ann\"")), "{auto}");
    let known = json("ann@known.test");
    assert_eq!(known["imap"]["url"], "imaps://in.known.test", "{known}");
    // Thunderbird's database is asked where that is wanted, and only there.
    web.put("autoconfig.thunderbird.net/v1.1/ispdb.test", document("in.ispdb.test", "out.test"));
    let listed = add_with("ann@ispdb.test", &["--ispdb"]).success().json_lines().remove(0);
    assert_eq!(listed["imap"]["url"], "imaps://in.ispdb.test", "{listed}");
    assert_eq!(listed["imap"]["source"], "https://autoconfig.thunderbird.net/v1.1/ispdb.test");
    add_with("bob@ispdb.test", &[]).expect(68);
    let half = json("ann@half.test");
    assert_eq!(half["imap"]["url"], "imaps://imap.half.test", "{half}");
    assert_eq!(half["smtp"]["url"], "submission://out.half.test", "{half}");
    let names = json("ann@names.test");
    assert_eq!(names["imap"]["url"], "imaps://imap.names.test", "{names}");
    assert_eq!(names["smtp"]["url"], "submissions://mail.names.test", "{names}");
    assert_eq!(names["smtp"]["source"], "its usual name", "{names}");
    add("ann@bad.test").expect(68).says(&["DTD"]);
    add("ann@nothing.test").expect(68).says(&["nothing.test"]);
    add("ann@no-such.test").expect(68);
    add("ann").expect(64);
    add("ann@x y").expect(64);
}

/// What another program writes is not lost to ours, nor the other way round.
#[test]
fn accounts_added_at_once_are_all_there() {
    let test = "accounts_added_at_once_are_all_there";
    let records = "_imaps._tcp IN SRV 0 1 993 imap\n_submission._tcp IN SRV 0 1 587 smtp\n";
    let Some(dns) = Dns::start(test, &[Zone::new("many.test", Signing::Unsigned, records)]) else {
        return;
    };
    let home = Home::new();
    let adding: Vec<_> = (0..6)
        .map(|number| {
            let address = format!("user{number}@many.test");
            home.pillarbox(&["account", "add", &address, "--yes", "--resolver", &dns.resolver()])
                .spawn()
        })
        .collect();
    for add in adding {
        add.wait(support::PATIENCE).success();
    }
    assert_eq!(home.run(&["account", "list"]).success().lines().len(), 6);
}

/// A person at the password's prompt may press Ctrl-C, or not be there at all; and a command that
/// gives a password may hang.
#[test]
fn who_is_asked_for_a_password_may_end_the_run() {
    if !needs("who_is_asked_for_a_password_may_end_the_run", &["python3"]) {
        return;
    }
    let server = ServeTest::start();
    let home = Home::new();
    let url = format!("imap://alice@127.0.0.1:{}/INBOX", server.port("imap"));
    let words = ["fetch", &url, "--tls=none", "--allow-cleartext-password"];
    let typed = |keys: &str, more: &[&str]| {
        let script = support::peer_file("terminal.py");
        let run = home
            .command("python3", &[script.as_os_str()])
            .args([keys, support::binary::BINARY])
            .args(words)
            .args(more)
            .run()
            .success();
        let told = run.json_lines().remove(0);
        assert_eq!(told["echoes"], true, "{told}");
        (told["code"].as_i64(), told["screen"].as_str().expect("text").to_owned())
    };
    let (code, screen) = typed("secret\\n", &[]);
    assert!(code == Some(0) && !screen.contains("secret"), "{code:?}: {screen}");
    let (code, screen) = typed("\\x03", &[]);
    assert!(code == Some(130) && screen.contains("SIGINT"), "{code:?}: {screen}");
    let (code, screen) = typed("", &["--deadline=1"]);
    assert!(code == Some(75) && screen.contains("no end within 1 s"), "{code:?}: {screen}");
    let hangs = ["--deadline=1", "--password-command=exec sleep 20"];
    let run = home.pillarbox(&words).args(hangs).within(Duration::from_secs(60)).run();
    run.expect(75).says(&["no end within 1 s"]);
}
