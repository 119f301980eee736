//! News: our client and INN, other clients and our server.

mod support;

use support::inn::GROUPS;
use support::{Home, Inn, Invocation, Run, args, mail, needs, peer_file};

#[test]
fn what_only_mail_has_is_refused_for_news() {
    let home = Home::new();
    for options in
        [&["--explain"][..], &["--notify", "never"], &["--sent", "work:Sent"], &["--raw"]]
    {
        let line = ["send", "--via", "nntp://localhost:1/a.b", "--body", "x"];
        let run = home.pillarbox(&[&line[..], options].concat()).run();
        run.expect(64).says(&[options[0], "news server"]);
    }
}

/// RFC 5536 section 3.1 and RFC 5537 section 3.4.1: what a poster has to say, and may not say, is
/// told before anybody is connected to.
#[test]
fn what_no_server_would_inject_is_refused_first() {
    let home = Home::new();
    let article = "From: ann@sender.test\nNewsgroups: a.b\nSubject: a test\n\nhello\n";
    for (wrong, said) in [
        (article.replace("Subject: a test\n", ""), "no Subject"),
        (article.replace("From: ann@sender.test\n", ""), "no From"),
        (article.replace("Newsgroups: a.b\n", ""), "names no newsgroup"),
        (format!("Xref: news.test a.b:1\n{article}"), "Xref"),
        (format!("Injection-Info: news.test\n{article}"), "Injection-Info"),
        (format!("Injection-Date: Tue, 3 Mar 2026 10:00:00 +0100\n{article}"), "Injection-Date"),
        (format!("Path: news.test!.POSTED!not-for-mail\n{article}"), "Path"),
        (format!("Subject: another\n{article}"), "more than one Subject"),
    ] {
        home.pillarbox(&["send", "--via", "nntp://localhost:1/"])
            .stdin(wrong)
            .run()
            .expect(65)
            .says(&[said]);
    }
    // What is not ASCII in a header leaves in encoded words.
    let shown = home
        .pillarbox(&["send", "--via", "nntp://localhost:1/", "--dry-run"])
        .stdin(article.replace("a test", "Gr\u{fc}\u{df}e"))
        .run()
        .success();
    assert!(shown.text().contains("Subject: =?utf-8?"), "{shown}");
    assert!(!shown.text().contains("Gr\u{fc}"), "{shown}");
}

/// Posts a composed article, and gives the run.
fn post(home: &Home, inn: &Inn, port: u16, scheme: &str, group: &str, subject: &str) -> Run {
    let via = format!("{scheme}://localhost:{port}/{group}");
    with_ca(
        home.pillarbox(args![
            "send",
            "--via",
            via,
            "--from",
            "Ann <ann@example.test>",
            "--subject",
            subject,
            "--body",
            ".dot\n\nlast line",
            "--json"
        ]),
        inn,
    )
    .run()
}

fn with_ca(invocation: Invocation, inn: &Inn) -> Invocation {
    invocation.arg("--ca-file").arg(inn.ca()).password("secret")
}

#[test]
fn inn_is_read_and_posted_to() {
    let Some(inn) = Inn::start("inn_is_read_and_posted_to") else { return };
    let home = Home::new();
    let group = GROUPS[0];
    let told = post(&home, &inn, inn.nntps, "nntps", group, "one").success().text().to_owned();
    assert!(told.contains("\"state\":\"delivered\"") && told.contains("\"code\":240"), "{told}");
    // By STARTTLS, with a login: AUTHINFO USER, since INN's SASL knows nobody.
    let via = format!("nntp://alice@localhost:{}", inn.nntp);
    let article = format!(
        "From: Bob <bob@example.test>\nNewsgroups: {group}\nSubject: two\nBcc: x@y.test\n\
         Message-ID: <two@example.test>\n\n..\n.\nbody\n"
    );
    with_ca(home.pillarbox(args!["send", "--via", via]).stdin(article), &inn).run().success();
    post(&home, &inn, inn.nntp, "nntp", group, "three").success();
    inn.wait(group, 3);

    // What is fetched is what lies in the spool.
    let source = format!("nntps://localhost:{}/{group}", inn.nntps);
    let to = format!("maildir:{}", home.path().join("news").display());
    with_ca(home.pillarbox(args!["fetch", &source, "--to", &to, "--new"]), &inn).run().success();
    let files = mail::maildir_files(&home.path().join("news"));
    let fetched: Vec<Vec<u8>> =
        files.iter().map(|path| std::fs::read(path).expect("a message")).collect();
    assert_eq!(fetched.len(), 3);
    for number in 1..=3 {
        let spooled = mail::to_lf(&inn.article(group, number));
        assert!(fetched.contains(&spooled), "{}", String::from_utf8_lossy(&spooled));
    }
    assert!(fetched.iter().any(|it| it.ends_with(b"\n\n..\n.\nbody\n")));
    assert!(!fetched.iter().any(|it| it.windows(4).any(|octets| octets == b"Bcc:")));
    // Nothing new, then one.
    with_ca(home.pillarbox(args!["fetch", &source, "--to", &to, "--new"]), &inn).run().success();
    assert_eq!(mail::maildir_files(&home.path().join("news")).len(), 3);
    post(&home, &inn, inn.nntps, "nntps", group, "four").success();
    inn.wait(group, 4);
    with_ca(home.pillarbox(args!["fetch", &source, "--to", &to, "--new"]), &inn).run().success();
    assert_eq!(mail::maildir_files(&home.path().join("news")).len(), 4);

    // One by its message-id, one by its number, the last of the group.
    let by_id = |word: &str| with_ca(home.pillarbox(args!["fetch", word]), &inn);
    let server = format!("localhost:{}", inn.nntps);
    let configured = home.configure(&format!(
        "[account.paper]\nemail = \"ann@example.test\"\nnntp = \"nntps://{server}\"\nca-file = \
         \"{}\"\n",
        inn.ca().display()
    ));
    let text = by_id("news:two@example.test").run().success().text().to_owned();
    assert!(text.contains("Subject: two\n") || text.contains("Subject: two\r\n"), "{text}");
    std::fs::remove_file(configured).expect("an own file");
    let missing = by_id(&format!("news://localhost:{}/none@example.test", inn.nntp)).run();
    missing.expect(66);
    let text = by_id(&format!("{source}/1")).run().success().text().to_owned();
    assert!(text.contains("Subject: one"), "{text}");
    let last = args!["fetch", &source, "--last", "1", "--headers=subject"];
    let text = with_ca(home.pillarbox(last), &inn).run().success().text().to_owned();
    assert_eq!(text.replace('\r', ""), "Subject: four\n\n");

    // Some of them, what they say, and those of several groups.
    let subjects = |source: &str, options: &[&str]| {
        let words: Vec<&str> = ["fetch", source, "--headers=subject", "--json"]
            .iter()
            .chain(options)
            .copied()
            .collect();
        let run = with_ca(home.pillarbox(&words), &inn).run().success();
        let mut found: Vec<String> = run
            .json_lines()
            .iter()
            .map(|line| line["headers"][0][1].as_str().unwrap_or_default().to_owned())
            .collect();
        found.sort();
        found
    };
    assert_eq!(subjects(&source, &["--query", "from:bob OR body:nothing"]), ["two"]);
    assert_eq!(subjects(&source, &["--max-size", "10"]), [] as [&str; 0]);
    assert_eq!(subjects(&source, &["--max-size", "1M", "--since", "1d"]).len(), 4);
    let several = format!("news://localhost:{}/local.*", inn.nntp);
    assert_eq!(subjects(&several, &["--query", "subject:t*"]).len(), 0, "a star is no pattern");
    assert_eq!(subjects(&several, &["--query", "subject:t"]), ["three", "two"]);
    let whole = format!("nntps://localhost:{}", inn.nntps);
    assert_eq!(subjects(&whole, &["--recursive"]).len(), 4);
    let second = format!("{source}/2");
    let shown = |option: &str| with_ca(home.pillarbox(args!["fetch", &second, option]), &inn).run();
    assert_eq!(shown("--text").success().text().replace('\r', ""), "..\n.\nbody\n");
    assert!(shown("--envelope").success().text().contains("From: Bob <bob@example.test>"));

    // Search: by the overview, by a header that is not in it, by a body.
    let search = |query: &str| {
        let run = with_ca(home.pillarbox(args!["search", query, &source]), &inn).run();
        run.text().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(search("from:bob"), [format!("{source}/2")]);
    assert_eq!(
        search(&format!("header:newsgroups:{group} subject:three")),
        [format!("{source}/3")]
    );
    assert_eq!(search("body:last subject:one"), [format!("{source}/1")]);
    assert!(search("subject:nothing").is_empty());
    // A size that nobody named is not worth an article.
    for (fields, is_fetched) in [(&[][..], false), (&["--fields", "reference,size"], true)] {
        let asked =
            home.pillarbox(args!["search", "from:bob", &source, "--json", "-v"]).args(fields);
        let run = with_ca(asked, &inn).run().success();
        assert_eq!(run.json_lines()[0]["size"].is_u64(), is_fetched, "{run}");
        assert_eq!(String::from_utf8_lossy(&run.stderr).contains("ARTICLE 2"), is_fetched, "{run}");
    }
    let found = search("from:bob").join("\n");
    let piped = with_ca(home.pillarbox(args!["fetch", "-"]).stdin(found), &inn).run().success();
    assert!(piped.text().contains("two@example.test"));

    let list = with_ca(home.pillarbox(args!["folder", "list", format!("nntps://{server}")]), &inn);
    let list = list.run().success().text().to_owned();
    for name in GROUPS {
        assert!(list.lines().any(|line| line == name), "{list}");
    }
}

#[test]
fn inn_refuses_and_is_understood() {
    let Some(inn) = Inn::start("inn_refuses_and_is_understood") else { return };
    let home = Home::new();
    post(&home, &inn, inn.nntps, "nntps", "local.closed", "no").expect(69);
    let fetch = |source: String| with_ca(home.pillarbox(args!["fetch", source]), &inn).run();
    fetch(format!("nntps://localhost:{}/no.such.group", inn.nntps)).expect(66);
    fetch(format!("nntps://localhost:{}/local.empty", inn.nntps)).success();
    // A wrong password, and a password that would cross in the clear.
    let source = format!("nntps://alice@localhost:{}/local.test", inn.nntps);
    let wrong = home.pillarbox(args!["fetch", source, "--ca-file", inn.ca()]).password("wrong");
    wrong.run().expect(77);
    let source = format!("nntp://alice@localhost:{}/local.test", inn.nntp);
    let clear = home.pillarbox(args!["fetch", source, "--tls", "none"]).password("secret").run();
    clear.expect(77);
    // innd itself: a transit server that hands readers over.
    let source = format!("nntp://localhost:{}/local.test", inn.transit);
    home.pillarbox(args!["fetch", source, "--tls", "none"]).run().success();
    // A certificate that nobody vouches for.
    let source = format!("nntps://localhost:{}/local.test", inn.nntps);
    home.pillarbox(args!["fetch", source]).run().expect(84);
}

#[test]
fn nntplib_finds_a_real_server() {
    const TEST: &str = "nntplib_finds_a_real_server";
    if !needs(TEST, &["python3"]) {
        return;
    }
    let home = Home::new();
    // The script against INN first, so that a mistake of it is not taken for one of ours.
    if let Some(inn) = Inn::start(TEST) {
        let mut invocation = home.command("python3", args![peer_file("news_client.py")]);
        for (name, value) in inn.environment() {
            invocation = invocation.env(&name, value);
        }
        complete(invocation.env("PYTHONDONTWRITEBYTECODE", "1").run());
    }
    let arguments = args!["serve-test", "--", "python3", peer_file("news_client.py")];
    complete(home.pillarbox(arguments).env("PYTHONDONTWRITEBYTECODE", "1").run());
}

/// The script ended well, and did not leave out all of its cases.
fn complete(run: Run) {
    let run = run.success();
    assert!(run.text().lines().any(|line| line.starts_with("ok ")), "nothing was tried:\n{run}");
}

/// Two articles, of which one is in two groups.
const MBOX: &str = "From a Mon Jan  1 00:00:00 2026\nFrom: Ann <ann@x.test>\nNewsgroups: comp.lang.rust\n\
        Subject: first\nMessage-ID: <1@x.test>\nDate: Thu, 1 Jan 2026 10:00:00 +0000\n\nlifetimes\n\n\
        From b Mon Jan  1 00:00:00 2026\nFrom: Bob <bob@x.test>\n\
        Newsgroups: comp.lang.rust,comp.lang.c\nSubject: second\nMessage-ID: <2@x.test>\n\
        Date: Thu, 1 Jan 2026 11:00:00 +0000\n\npointers\n";

#[test]
fn seeded_groups_are_read() {
    let home = Home::new();
    let path = home.write("news.mbox", MBOX);
    let script = "set -e
        pillarbox folder list nntp://localhost:$NNTP_PORT
        pillarbox search subject:second nntp://localhost:$NNTP_PORT/comp.lang.rust
        pillarbox fetch news:1@x.test | grep '^lifetimes'
        printf '%s\\n' news:2@x.test | pillarbox search body:pointers -
        pillarbox send --via nntp://localhost:$NNTP_PORT --from a@b.test --subject posted --body x \\
          --header 'Newsgroups: comp.lang.c'
        pillarbox serve-test wait 'subject:posted' --extract header:Path";
    let run = home
        .pillarbox(args!["serve-test", "--seed-news", path, "--", "sh", "-c", script])
        .env("PATH", support::binary::path_with_binary())
        .run()
        .success();
    let text = run.text();
    for wanted in ["comp.lang.c", "comp.lang.rust", "local.test", "lifetimes", "news:2@x.test"] {
        assert!(text.lines().any(|line| line == wanted), "no {wanted} in\n{text}");
    }
    assert!(text.lines().any(|line| line.ends_with("/comp.lang.rust/2")), "{text}");
    assert!(text.contains("localhost!.POSTED!not-for-mail"), "{text}");
}

#[test]
fn what_goes_wrong_on_the_way_is_told() {
    const POST: &str = "pillarbox send --via nntp://localhost:$NNTP_PORT/local.test \
        --from a@b.test --subject x --body y";
    const FETCH: &str = "pillarbox fetch nntp://localhost:$NNTP_PORT/local.test";
    for (option, value, command, code) in [
        ("--fault", "nntp listgroup => 400 going down", FETCH, 75),
        ("--fault", "nntp listgroup => drop after 20", FETCH, 75),
        ("--fault", "nntp listgroup => reply nonsense", FETCH, 76),
        ("--fault", "nntp listgroup => 480 who are you", FETCH, 77),
        ("--fault", "nntp post => 440 not today", POST, 69),
        ("--fault", "nntp . => 441 not this one", POST, 69),
        ("--fault", "nntp . => close", POST, 80),
        ("--hide", "STARTTLS", FETCH, 84),
        // Without an overview, headers decide.
        ("--hide", "OVER", "pillarbox search subject:x news:local.test", 1),
    ] {
        let home = Home::new();
        home.pillarbox(args!["serve-test", option, value, "--", "sh", "-c", command])
            .env("PATH", support::binary::path_with_binary())
            .run()
            .expect(code);
    }
}

#[test]
fn newsgroups_are_mailboxes_for_imap() {
    if !needs("newsgroups_are_mailboxes_for_imap", &["python3"]) {
        return;
    }
    let home = Home::new();
    let path = home.write("news.mbox", MBOX);
    let script = peer_file("news_imap.py");
    let arguments = args!["serve-test", "--seed-news", path, "--", "python3", script];
    complete(home.pillarbox(arguments).env("PYTHONDONTWRITEBYTECODE", "1").run());
}
