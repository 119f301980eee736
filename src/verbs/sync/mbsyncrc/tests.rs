use super::*;
use crate::config::Config;

const RC: &str = r#"
# two accounts
IMAPAccount work
Host imap.example.org
User ann@example.org
PassCmd "+pass show 'mail work'"
TLSType IMAPS
CertificateFile ~/ca.pem

IMAPStore work-far
Account work

MaildirStore local
Path ~/Mail/
Inbox ~/Mail/INBOX
SubFolders Verbatim

Channel work
Far :work-far:
Near :local:
Patterns * !Junk !"Deleted Items"
Create Both
Expunge Both
MaxSize 5m

IMAPStore old
Host old.example.org
User ann
Pass hunter22
AuthMechs PLAIN

Channel old
Master :old:
Slave :local:Archive
Sync Pull
SyncState *

Group all work old:INBOX
"#;

#[test]
fn the_tables_are_read_by_our_own_reader() {
    let tables = translate(RC).expect("translated");
    assert!(!tables.contains("hunter22"), "{tables}");
    let config = Config::parse(Path::new("/c.toml"), &tables, Some(Path::new("/home/ann")))
        .unwrap_or_else(|error| panic!("{error}\n{tables}"));
    let work = config.account("work").expect("an account");
    assert_eq!(
        work.imap.as_ref().map(ToString::to_string).as_deref(),
        Some("imaps://imap.example.org/")
    );
    assert_eq!(work.password_command.as_deref(), Some("pass show 'mail work'"));
    assert_eq!(work.tls.ca_file.as_deref(), Some(Path::new("/home/ann/ca.pem")));
    let pair = config.pair("work").expect("a pair");
    assert_eq!(
        (pair.far.to_string(), pair.near.to_string()),
        ("work:".into(), "maildir:~/Mail".into())
    );
    assert_eq!(
        pair.options,
        ["--exclude", "Junk", "--exclude", "Deleted Items", "--max-size", "5M", "--trash", "Trash"]
    );
    super::super::args::What::of_words(&pair.options).expect("options of sync");
    let old = config.pair("old").expect("a pair");
    assert_eq!(
        (old.far.to_string(), old.near.to_string()),
        ("old:INBOX".into(), "maildir:~/Mail/Archive".into())
    );
    assert_eq!(old.options, ["--pull", "--trash", "Trash"]);
    assert_eq!(config.account("old").expect("an account").auth.as_deref(), Some("PLAIN"));
    for told in [
        "Pass is not copied",
        "pillarbox sync work old",
        "# Remove left what is gone",
        "# Expunge and Remove left what is gone",
    ] {
        assert!(tables.contains(told), "{told}\n{tables}");
    }
}

/// Its options, or `None` where it is left out; and the near location.
fn pair_of(settings: &str) -> Option<(String, Vec<String>)> {
    let rc = format!(
        "IMAPStore f\nHost h.example\n\nMaildirStore n\nPath ~/M/\nInbox ~/M/INBOX\n\n\
         Channel x\nFar :f:\nNear :n:\nPatterns *\n{settings}"
    );
    let tables = translate(&rc).unwrap_or_else(|wrong| panic!("{wrong}\n{rc}"));
    let config = Config::parse(Path::new("/c.toml"), &tables, Some(Path::new("/home/ann")))
        .unwrap_or_else(|error| panic!("{error}\n{tables}"));
    let pair = config.pair("x").ok()?;
    let what = super::super::args::What::of_words(&pair.options).expect("options of sync");
    what.selection.choice(what.way.mode()).expect("options that go together");
    Some((pair.near.to_string(), pair.options.clone()))
}

#[test]
fn a_pair_never_does_more_than_mbsync() {
    let all = "Expunge Both\nRemove Both\n";
    for (settings, want) in [
        ("", ""),
        ("Sync All", ""),
        ("Sync Pull Push", ""),
        ("Sync Pull", "--pull"),
        ("Sync PullNew PullDelete PullFlags", "--pull"),
        ("Sync New Delete Flags", ""),
        ("Sync Push", "--push"),
        ("Sync Pull New", "--copy"),
        ("Sync PullNew", "--copy"),
        ("Sync New", "--copy"),
        ("Sync New Flags", "--copy"),
        ("Sync PullNew Push", "--copy"),
        ("Sync Pull New Flags", "--copy"),
        ("Sync Pull PushFlags", "--pull"),
        ("MaxSize 200k", "--max-size 200k"),
        ("MaxSize 3mb", "--max-size 3M"),
        ("MaxSize 0", ""),
        ("MaxMessages 150", "--keep-last 150"),
        ("Sync Pull New\nMaxMessages 5", "--copy"),
    ] {
        let (near, options) = pair_of(&format!("{all}{settings}")).expect(settings);
        assert_eq!((near.as_str(), options.join(" ").as_str()), ("maildir:~/M", want));
    }
    for settings in ["Sync None", "Sync Flags", "Sync Delete", "Sync Pull Flags"] {
        assert_eq!(pair_of(settings), None, "{settings}");
    }
    // What is new near goes to far, and nothing else: a copy the other way round.
    let back = pair_of("Sync Push New").expect("a pair");
    assert_eq!(back, ("f:".to_owned(), vec!["--copy".to_owned()]));
}

#[test]
fn what_mbsync_leaves_is_not_deleted_for_good() {
    for (settings, want) in [
        ("", "--trash Trash"),
        ("Expunge Both", "--trash Trash"),
        ("Expunge None\nRemove Both", "--trash Trash"),
        ("Expunge Near\nRemove Both", "--trash Trash"),
        ("Sync Pull\nExpunge Near\nRemove Near", "--pull"),
        ("Sync Pull\nExpunge Far\nRemove Both", "--pull --trash Trash"),
        ("Sync Push\nExpunge Far\nRemove Far", "--push"),
        ("MaxMessages 5\nExpunge None", "--trash Trash"),
        ("Sync Pull New\nExpunge None", "--copy"),
    ] {
        let (_, options) = pair_of(settings).expect(settings);
        assert_eq!(options.join(" "), want, "{settings}");
    }
}

#[test]
fn mistakes_name_their_place() {
    for (text, want) in [
        ("Host \"x", "line 1: a quote does not end"),
        ("\nChannel", "line 2: a section without a name"),
        ("Channel a\nFar", "line 2: far wants a value"),
        ("Channel a\nFar :x:\nNear :y:", "Channel a: no store x"),
        ("Channel a\nFar x", "Channel a: x is not :STORE:MAILBOX"),
        ("Channel a\n", "Channel a: far is missing"),
        (
            "MaildirStore n\nPath p\n\nChannel a\nFar :n:x\nNear :n:y\nSync Pull Soon",
            "Channel a: Sync soon is not known",
        ),
        ("IMAPStore a\nAccount b", "IMAPStore a: no IMAPAccount b"),
    ] {
        assert_eq!(translate(text).expect_err(text), want);
    }
}
