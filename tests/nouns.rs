//! The nouns against our own test server, and against Dovecot where it is installed.

mod support;

use support::{Dovecot, Home, Invocation, ServeTest};

/// `pillarbox NOUN ACTION OPTIONS WORDS...` with what a private server of ours wants.
fn ours(home: &Home, server: &ServeTest, words: &[&str]) -> Invocation {
    let actions = ["account", "folder", "message"].contains(&words[0]);
    let (action, words) = words.split_at(if actions { 2 } else { 1 });
    let mut invocation = home.pillarbox(action).arg("--ca-file").arg(server.ca());
    for word in words {
        invocation = invocation.arg(word);
    }
    invocation.password("secret")
}

fn folders_of(text: &str) -> Vec<&str> {
    text.lines().collect()
}

#[test]
fn folders_are_made_renamed_and_deleted() {
    let server = ServeTest::start();
    let home = Home::new();
    let base = server.url("imaps", Some("alice"));
    let run = |words: &[&str]| ours(&home, &server, words).run();
    let (lists, other) = (format!("{base}Lists/r%C3%BCst"), format!("{base}Other"));
    run(&["folder", "create", &lists, &lists]).success();
    // One that is there already is no error.
    run(&["folder", "create", &lists]).success();
    let listed = run(&["folder", "list", &base]).success();
    assert!(folders_of(listed.text()).contains(&"Lists/rüst"), "{listed}");
    assert_eq!(folders_of(listed.text()).first(), Some(&"INBOX"), "{listed}");
    run(&["folder", "rename", &lists, &other]).success();
    let listed = run(&["folder", "list", &base]).success();
    assert!(folders_of(listed.text()).contains(&"Other"), "{listed}");
    assert!(!folders_of(listed.text()).contains(&"Lists/rüst"), "{listed}");
    run(&["folder", "unsubscribe", &other]).success();
    run(&["folder", "subscribe", &other, "--json"]).success();
    let json = run(&["folder", "list", &base, "--json"]).success().json_lines();
    let found = json.iter().find(|folder| folder["name"] == "Other").expect("the folder");
    assert_eq!(found["selectable"], true, "{found}");
    assert_eq!(found["subscribed"], true, "{found}");
    run(&["folder", "delete", &other]).success();
    run(&["folder", "delete", &other]).expect(66).says(&["no folder"]);
    run(&["folder", "delete", &format!("{base}INBOX"), "--force"]).expect(65).says(&["INBOX"]);
    run(&["folder", "rename", &other, "imap://bob@localhost/x"]).expect(64).says(&["account"]);
    run(&["folder", "create", &base]).expect(64).says(&["no folder is named"]);
}

#[test]
fn folders_of_dovecot() {
    let Some(dovecot) = Dovecot::start("folders_of_dovecot") else { return };
    let home = Home::new();
    let base = dovecot.url("imaps", "alice");
    let run = |words: &[&str]| {
        home.pillarbox(words).arg("--ca-file").arg(dovecot.ca()).password("secret").run()
    };
    let folder = format!("{base}Archive");
    run(&["folder", "create", &folder]).success();
    let json = run(&["folder", "status", &folder, "--json"]).success().json_lines();
    assert_eq!(json[0]["messages"], 0, "{json:?}");
    assert_eq!(json[0]["unseen"], 0, "{json:?}");
    assert!(json[0]["uidvalidity"].as_u64().is_some_and(|value| value > 0), "{json:?}");
    run(&["folder", "delete", &folder]).success();
    let listed = run(&["folder", "list", &base]).success();
    assert!(!folders_of(listed.text()).contains(&"Archive"), "{listed}");
}

/// A note on a folder (METADATA, RFC 5464): one's own, or that of all.
#[test]
fn comments_of_dovecot() {
    let options = support::dovecot::Options {
        extra:
            "mail_attribute_dict = file:%h/attributes\nprotocol imap {\n  imap_metadata = yes\n}\n"
                .to_owned(),
        ..support::dovecot::Options::default()
    };
    let Some(dovecot) = Dovecot::with("comments_of_dovecot", &options) else { return };
    let home = Home::new();
    let base = dovecot.url("imaps", "alice");
    let status = |folder: &str, options: &[&str]| {
        let words: Vec<&str> =
            ["folder", "status", folder].iter().chain(options).copied().collect();
        home.pillarbox(&words).arg("--ca-file").arg(dovecot.ca()).password("secret").run().success()
    };
    let inbox = format!("{base}INBOX");
    let comment = || status(&inbox, &["--json"]).json_lines()[0]["comment"].clone();
    assert!(comment().is_null());
    let mut other = support::OtherClient::login(dovecot.imap, "alice", "secret");
    other.command("SETMETADATA INBOX (/shared/comment \"of all\")");
    assert_eq!(comment(), "of all");
    other.command("SETMETADATA INBOX (/private/comment \"a \\\"note\\\"\")");
    assert_eq!(comment(), "a \"note\"");
    let line = status(&inbox, &[]);
    assert!(line.text().trim_end().ends_with(r#"comment="a \"note\"""#), "{line}");
    // A server that does not offer it is not asked.
    let plain = Dovecot::start("comments_of_dovecot").expect("it was there before");
    let inbox = format!("{}INBOX", plain.url("imaps", "alice"));
    let run = home.pillarbox(&["folder", "status", &inbox, "--json", "-v"]).arg("--ca-file");
    let run = run.arg(plain.ca()).password("secret").run().success();
    assert!(run.json_lines()[0]["comment"].is_null(), "{run}");
    assert!(!String::from_utf8_lossy(&run.stderr).contains("GETMETADATA"), "{run}");
}

const MESSAGE: &str = "From: a@example.test\nSubject: one\n\ntext\n";

#[test]
fn messages_are_added_marked_copied_moved_and_deleted() {
    let server = ServeTest::start();
    let home = Home::new();
    let base = server.url("imaps", Some("alice"));
    let folder = |name: &str| format!("{base}{name}");
    let run = |words: &[&str]| ours(&home, &server, words).run();
    run(&["folder", "create", &folder("A"), &folder("B")]).success();
    let to = folder("A");
    let append = ["message", "append", to.as_str(), "--flag", "flagged", "--flag", "work"];
    let first = ours(&home, &server, &append).stdin(MESSAGE).run().success();
    let second = ours(&home, &server, &append).stdin(MESSAGE).run().success();
    let (first, second) = (first.text().trim(), second.text().trim());
    assert!(first.contains(";UID=1") && second.contains(";UID=2"), "{first} {second}");

    // Two references of one folder, one of them on standard input.
    let mark = ["message", "mark", "--json", first, "-", "+seen", "-flagged"];
    let marked = ours(&home, &server, &mark).stdin(format!("{second}\n")).run().success();
    assert_eq!(marked.json_lines().len(), 2, "{marked}");
    let found = run(&["fetch", "--json", &folder("A")]).success();
    for message in found.json_lines() {
        let flags = message["flags"].to_string();
        assert!(flags.contains("Seen") && flags.contains("work"), "{flags}");
        assert!(!flags.contains("Flagged"), "{flags}");
    }

    let copied = run(&["message", "copy", first, second, "--to", &folder("B")]).success();
    assert_eq!(copied.lines().len(), 2, "{copied}");
    let moved = run(&["message", "move", first, "--to", &folder("B")]).success();
    assert_eq!(moved.lines().len(), 1, "{moved}");
    let standing = |name: &str| {
        let run = run(&["folder", "status", &folder(name), "--json"]).success();
        run.json_lines()[0]["messages"].as_u64()
    };
    assert_eq!((standing("A"), standing("B")), (Some(1), Some(3)));
    // A folder that was forgotten is not where the last message is.
    run(&["message", "move", first, second]).expect(64).says(&["the folder that they go to"]);
    run(&["message", "move", first, "--to", second]).expect(64).says(&["where a folder is wanted"]);
    assert_eq!((standing("A"), standing("B")), (Some(1), Some(3)));

    // What is gone is told, and what is left is not touched.
    run(&["message", "delete", first]).expect(66).says(&["not there any more"]);
    run(&["message", "delete", first, second]).success().says(&["1 of 2 messages"]);
    assert_eq!((standing("A"), standing("B")), (Some(0), Some(3)));
    run(&["folder", "delete", &folder("B")]).expect(65).says(&["not empty", "--force"]);
    run(&["folder", "delete", "--force", &folder("B")]).success();

    let (start, rest) = second.split_once(";UIDVALIDITY=").expect("a UIDVALIDITY");
    let (_, end) = rest.split_once('/').expect("a UID");
    let elsewhere = format!("{start};UIDVALIDITY=4000000000/{end}");
    run(&["message", "delete", &elsewhere]).expect(65).says(&["uidvalidity"]);
    run(&["message", "copy", second, "--to", "maildir:box"]).expect(64).says(&["same account"]);
    run(&["message", "mark", second]).expect(64).says(&["no flags"]);
    run(&["message", "append", &folder("A")]).expect(65).says(&["empty"]);
}

#[test]
fn messages_of_dovecot() {
    let Some(dovecot) = Dovecot::start("messages_of_dovecot") else { return };
    let home = Home::new();
    let inbox = format!("{}INBOX", dovecot.url("imaps", "alice"));
    let run = |words: &[&str]| {
        home.pillarbox(words)
            .arg("--ca-file")
            .arg(dovecot.ca())
            .password("secret")
            .stdin(MESSAGE)
            .run()
    };
    let date = "Tue, 3 Mar 2026 10:00:00 +0100";
    let added = run(&["message", "append", &inbox, "--flag", "seen", "--date", date]).success();
    let reference = added.text().trim();
    assert_eq!(dovecot.messages("alice", "INBOX").len(), 1);
    run(&["message", "delete", reference]).success();
    assert_eq!(dovecot.messages("alice", "INBOX").len(), 0);
}

#[test]
fn accounts_are_listed_and_tested() {
    let server = ServeTest::start();
    let home = Home::new();
    let toml = |name: &str, password: &str| {
        format!(
            "[account.{name}]\nuser = \"alice\"\npassword-command = \"echo {password}\"\n\
             ca-file = \"{}\"\nimap = \"imaps://localhost:{}\"\npop = \"pop3s://localhost:{}\"\n\
             smtp = \"submissions://localhost:{}\"\n",
            server.ca().display(),
            server.port("imaps"),
            server.port("pop3s"),
            server.port("submissions"),
        )
    };
    home.configure(&toml("good", "secret"));
    assert_eq!(home.run(&["account", "list"]).success().lines(), ["good"]);
    let json = home.run(&["account", "list", "--json"]).success().json_lines();
    assert_eq!(json[0]["default"], true, "{json:?}");
    let tested = home.run(&["account", "test", "--json"]).success().json_lines();
    assert_eq!(tested.len(), 3, "{tested:?}");
    for service in &tested {
        assert_eq!(service["ok"], true, "{service}");
        assert!(service["login"].is_string(), "{service}");
        assert_eq!(service["tls"], "TLS 1.3", "{service}");
    }
    home.configure(&toml("bad", "wrong"));
    let tested = home.run(&["account", "test", "bad"]).expect(77);
    assert!(tested.lines().iter().all(|line| line.contains(": failed, ")), "{tested}");
    home.run(&["account", "test", "none"]).expect(78).says(&["none"]);
}

#[test]
fn special_folders_are_found_by_their_use() {
    let server = ServeTest::start();
    let home = Home::new();
    let base = server.url("imaps", Some("alice"));
    let folders = [format!("{base}Sent"), format!("{base}Outbox")];
    ours(&home, &server, &["folder", "create", &folders[0], &folders[1]]).run().success();
    let table = |folders: &str| {
        home.configure(&format!("[account.work]\nimap = \"{base}\"\n{folders}"));
    };
    let status =
        |location: &str| ours(&home, &server, &["folder", "status", location, "--json"]).run();
    table("folders = { sent = \"Outbox\" }\n");
    let message = "From: a@example.test\r\nDate: Tue, 3 Mar 2026 10:00:00 +0100\r\n\r\nx\r\n";
    let append = ours(&home, &server, &["message", "append", "work:\\Sent"]).stdin(message);
    append.run().success();
    let messages = |location: &str| status(location).success().json_lines()[0]["messages"].clone();
    assert_eq!((messages("work:\\Sent"), messages("work:Outbox")), (1.into(), 1.into()));
    assert_eq!(messages("work:Sent"), 0);
    let listed = ours(&home, &server, &["folder", "list", "work", "--json"]).run().success();
    let uses = |name: &str| {
        let lines = listed.json_lines();
        let folder = lines.iter().find(|folder| folder["name"] == name).cloned();
        folder.expect("a folder")["special_use"].clone()
    };
    assert_eq!(uses("Outbox"), serde_json::json!(["\\Sent"]), "{listed}");
    table("");
    status("work:\\Flagged").expect(66).says(&["\\Flagged", "folders"]);
}

#[test]
fn quotas_and_rights_of_dovecot() {
    let options = support::dovecot::Options {
        extra: "mail_plugins = quota acl\nprotocol imap {\n  mail_plugins = quota acl imap_quota imap_acl\n}\n\
                plugin {\n  quota = count:all\n  quota_vsizes = yes\n  quota_rule = *:storage=1M:messages=7\n  \
                acl = vfile\n}\n"
            .to_owned(),
        ..support::dovecot::Options::default()
    };
    let Some(dovecot) = Dovecot::with("quotas_and_rights_of_dovecot", &options) else { return };
    let home = Home::new();
    let base = dovecot.url("imaps", "alice");
    let run = |words: &[&str]| {
        home.pillarbox(words).arg("--ca-file").arg(dovecot.ca()).password("secret").run()
    };
    let folder = format!("{base}Shared");
    run(&["folder", "create", &folder]).success();
    let quota = run(&["folder", "quota", &folder, "--json"]).success();
    let of = |name: &str| {
        let lines = quota.json_lines();
        lines.iter().find(|line| line["resource"] == name).expect("a resource")["limit"].clone()
    };
    assert_eq!((of("STORAGE"), of("MESSAGE")), (1024.into(), 7.into()), "{quota}");
    let granted = run(&["folder", "acl", &folder, "--grant", "user=bob=lr", "--json"]).success();
    let bob = |run: &support::Run| {
        let lines = run.json_lines();
        let found = lines.iter().find(|line| line["identifier"] == "user=bob").cloned();
        found.map(|line| line["rights"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(bob(&granted).as_deref(), Some("lr"), "{granted}");
    assert!(granted.json_lines()[0]["rights"].as_str().is_some_and(|own| own.contains('a')));
    let more = run(&["folder", "acl", &folder, "--grant", "user=bob=+s", "--json"]).success();
    assert_eq!(bob(&more).map(|rights| rights.len()), Some(3), "{more}");
    let none = run(&["folder", "acl", &folder, "--revoke", "user=bob", "--json"]).success();
    assert_eq!(bob(&none), None, "{none}");
    run(&["folder", "acl", &folder, "--grant", "bob"]).expect(64).says(&["WHO=RIGHTS"]);
    let plain = Dovecot::start("quotas_and_rights_of_dovecot").expect("it was there before");
    let folder = format!("{}INBOX", plain.url("imaps", "alice"));
    for action in ["quota", "acl"] {
        home.pillarbox(&["folder", action, &folder])
            .arg("--ca-file")
            .arg(plain.ca())
            .password("secret")
            .run()
            .expect(69)
            .says(&["does not offer"]);
    }
}
