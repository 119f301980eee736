//! The nouns against our own test server, and against Dovecot where it is installed.

mod support;

use support::{Dovecot, Home, Invocation, ServeTest};

/// `pillarbox WORDS...` with what a private server of ours wants.
fn ours(home: &Home, server: &ServeTest, words: &[&str]) -> Invocation {
    home.pillarbox(words).arg("--ca-file").arg(server.ca()).password("secret")
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
