//! What `send` makes of options and headers, as servers of other makers stored it.

use super::support::{Home, PATIENCE, Postfix, SmtpSink, args, mail, needs, wait_for};

/// What Python's `email` finds in a composed message.
const READ: &str = r#"
import email, email.policy, email.utils, json, sys
m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
parts = [{"type": p.get_content_type(), "name": p.get_filename(),
          "content": p.get_content() if p.get_content_maintype() == "text" else p.get_content().hex()}
         for p in m.walk() if not p.is_multipart()]
print(json.dumps({
    "subject": m["subject"], "from": m["from"].addresses[0].addr_spec,
    "name": m["from"].addresses[0].display_name,
    "to": [a.addr_spec for a in m["to"].addresses],
    "names": [a.display_name for a in m["to"].addresses],
    "cc": [a.addr_spec for a in m["cc"].addresses] if m["cc"] else [],
    "bcc": m["bcc"], "id": m["message-id"], "x": m["x-note"],
    "date": m["date"].datetime is not None, "mime": m["mime-version"],
    "defects": [str(d) for p in m.walk() for d in p.defects] + [str(d) for k in m for d in m[k].defects],
    "parts": parts}))
"#;

#[test]
fn composed_messages_are_what_python_reads() {
    let test = "composed_messages_are_what_python_reads";
    if !needs(test, &["python3"]) {
        return;
    }
    let Some(postfix) = Postfix::start(test) else { return };
    let home = Home::new();
    let picture: Vec<u8> = (0..=255).cycle().take(3000).collect();
    home.write("灯台 (1).png", &picture);
    home.write("page.html", "<p>Grüße aus dem <b>Hafen</b></p>\n");
    let subject =
        "Leuchtturm \u{2013} 灯台 and a subject that is so long that it has to be folded somewhere";
    let text = "Grüße!\n.\nFrom here\n\nlong ".to_owned() + &"word ".repeat(300) + "\n";
    home.pillarbox(args!["send", "--via", postfix.url("smtp", None), "--ca-file", postfix.ca()])
        .arg("--from")
        .arg("Jörg \"der Käpt'n\" Müller <alice@example.test>")
        .arg("--to")
        .arg("Bob Baker <bob@example.test>, alice@example.test")
        .arg("--cc")
        .arg("\"Gone, not\" <bob@example.test>")
        .arg("--bcc")
        .arg("alice@example.test")
        .arg("--header")
        .arg("X-Note: plain")
        .arg("--subject")
        .arg(subject)
        .arg("--html")
        .arg("page.html")
        .arg("--attach")
        .arg("灯台 (1).png")
        .stdin(text.clone())
        .run()
        .success();
    let stored = postfix.messages("bob", 1).remove(0);
    let lines = stored.split(|octet| *octet == b'\n').map(<[u8]>::len);
    assert!(lines.max().unwrap_or_default() <= 998, "a line is too long");
    assert!(stored.iter().all(|octet| octet.is_ascii()), "eight bits were not asked for");
    let read = home.command("python3", &["-c", READ]).stdin(stored.clone()).run().success();
    let facts = &read.json_lines()[0];
    let whole = format!("{facts:#}\n{}", String::from_utf8_lossy(&stored));
    assert_eq!(facts["subject"], subject, "{whole}");
    assert_eq!(facts["from"], "alice@example.test", "{whole}");
    assert_eq!(facts["name"], "Jörg der Käpt'n Müller", "{whole}");
    assert_eq!(facts["to"][0], "bob@example.test", "{whole}");
    assert_eq!(facts["to"][1], "alice@example.test", "{whole}");
    assert_eq!(facts["names"][0], "Bob Baker", "{whole}");
    assert_eq!(facts["cc"][0], "bob@example.test", "{whole}");
    assert!(facts["bcc"].is_null(), "Bcc is told: {whole}");
    assert!(facts["id"].as_str().is_some_and(|id| id.ends_with("@example.test>")), "{whole}");
    assert_eq!(facts["x"], "plain", "{whole}");
    assert_eq!(facts["date"], true, "{whole}");
    assert_eq!(facts["mime"], "1.0", "{whole}");
    assert_eq!(facts["defects"], serde_json::json!([]), "{whole}");
    let parts = facts["parts"].as_array().expect("a list");
    let types: Vec<&str> = parts.iter().filter_map(|part| part["type"].as_str()).collect();
    assert_eq!(types, ["text/plain", "text/html", "image/png"], "{whole}");
    let content = |part: usize| parts[part]["content"].as_str().unwrap_or_default().to_owned();
    assert_eq!(content(0).trim_end(), text.trim_end(), "{whole}");
    assert_eq!(content(1).trim_end(), "<p>Grüße aus dem <b>Hafen</b></p>", "{whole}");
    assert_eq!(parts[2]["name"], "灯台 (1).png", "{whole}");
    let hex: String = picture.iter().map(|octet| format!("{octet:02x}")).collect();
    assert_eq!(content(2), hex, "the picture is another one");
}

/// Whether a field is a Bcc; a Message-ID may have these letters by chance.
fn has_bcc(message: &str) -> bool {
    message.lines().any(|line| line.to_ascii_lowercase().trim_start().starts_with("bcc"))
}

/// A message of Bcc, and one of nothing but what is needed.
#[test]
fn headers_are_completed_and_bcc_goes() {
    let Some(postfix) = Postfix::start("headers_are_completed_and_bcc_goes") else { return };
    let home = Home::new();
    let bare =
        "From: alice@example.test\nBcc: bob@example.test,\n alice@example.test\nSubject: x\n\nhi\n";
    home.pillarbox(args!["send", "--via", postfix.url("smtp", None), "--ca-file", postfix.ca()])
        .stdin(bare)
        .run()
        .success();
    for user in ["alice", "bob"] {
        let stored = postfix.messages(user, 1).remove(0);
        let text = String::from_utf8_lossy(&stored).into_owned();
        assert!(!has_bcc(&text), "{text}");
        for name in ["From: alice@example.test\n", "Subject: x\n", "\nDate: ", "\nMessage-ID: <"] {
            assert!(text.contains(name), "{name:?} is missing:\n{text}");
        }
        assert!(text.ends_with("\n\nhi\n"), "{text}");
    }
}

/// Headers of every age and kind: what is read in them is what leaves, and nobody hides there.
#[test]
fn odd_headers_are_read_as_they_leave() {
    let home = Home::new();
    let show = |input: &[u8], more: &[&str]| {
        home.pillarbox(args!["send", "--via", "smtp://localhost:1", "--dry-run", "--json"])
            .args(more)
            .stdin(input.to_vec())
            .run()
    };
    let cases: [(&[u8], &str, &[&str]); 9] = [
        // Groups, and one of nobody.
        (
            b"From: a@x.test\nTo: friends: \"B, C\" <b@y.test>, c@z.test;, undisclosed:;\n\nhi\n",
            "a@x.test",
            &["b@y.test", "c@z.test"],
        ),
        // RFC 5322 appendix A.6.1: routes, lone commas, blanks within addresses and before colons.
        (
            b"From : Joe Q. Public <john . q @ example . com>\nTo: Mary Smith <@node.test,@b.test:mary@example.net>, , jdoe@test  . example\n\nhi\n",
            "john.q@example.com",
            &["mary@example.net", "jdoe@test.example"],
        ),
        // Appendix A.5: comments everywhere.
        (
            b"From: Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>\nTo:A Group(Some people):Chris <c@(his)public.example>,\n joe@example.org;\n\nhi\n",
            "pete@silly.test",
            &["c@public.example", "joe@example.org"],
        ),
        (
            b"From: a@x.test\nBcc : c@z.test,\n\td@z.test\nbCC: e@z.test\n\nhi\n",
            "a@x.test",
            &["c@z.test", "d@z.test", "e@z.test"],
        ),
        // A CR alone is a line end on the wire: what stands behind it is a field here, too.
        (b"From: a@x.test\rTo: b@y.test\rBcc: c@z.test\r\rhi\r", "a@x.test", &["b@y.test", "c@z.test"]),
        (
            b"From: a@x.test\r\nTo: b@y.test\r\nSubject: x\rBcc: c@z.test\r\n\r\nhi\r\n",
            "a@x.test",
            &["b@y.test", "c@z.test"],
        ),
        // A line of mbox is none of a header.
        (b"From a@b Tue Mar  3 10:00:00 2026\nFrom: a@x.test\nTo: b@y.test\n\nhi\n", "a@x.test", &["b@y.test"]),
        // Domains leave as A-labels where the local part can, else nothing is changed.
        (
            "From: a@b\u{fc}cher.test\nTo: j\u{f6}rg@b\u{fc}cher.test\n\nhi\n".as_bytes(),
            "a@xn--bcher-kva.test",
            &["j\u{f6}rg@b\u{fc}cher.test"],
        ),
        (
            b"Sender: s@x.test\nFrom: a@x.test, c@x.test\nTo: \"a b\"@y.test, b@[127.0.0.1]\n\nhi\n",
            "s@x.test",
            &["\"a b\"@y.test", "b@[127.0.0.1]"],
        ),
    ];
    for (input, sender, recipients) in cases {
        let run = show(input, &[]).success();
        let told = &run.json_lines()[0];
        assert_eq!(told["sender"], sender, "{run}");
        assert_eq!(told["recipients"], serde_json::json!(recipients), "{run}");
        let text = home
            .pillarbox(args!["send", "--via", "smtp://localhost:1", "--dry-run"])
            .stdin(input.to_vec())
            .run()
            .success();
        let (_, message) = text.text().split_once("DATA\n").expect("a message");
        assert!(message.starts_with("From") || message.starts_with("Sender"), "{text}");
        assert!(!has_bcc(message) && !message.contains("Mar  3"), "{text}");
        assert!(message.ends_with("\r\n\r\nhi\r\n"), "{text}");
        let domain = sender.rsplit_once('@').expect("an address").1;
        let id = message.lines().find(|line| line.starts_with("Message-ID: ")).expect("one");
        assert!(domain.starts_with("xn--") || id.ends_with(&format!("@{domain}>")), "{text}");
    }
    for (input, more, code) in [
        (&b""[..], &[][..], 66),
        (b"\n", &[], 64),
        (b"From: a@x.test\nTo: undisclosed-recipients:;\n\nhi\n", &[], 64),
        (b"From: a@x.test\nSubject: a\0b\n\nhi\n", &["b@y.test"], 65),
        (b"From: a@x.test\nTo: b@[bogus]\n\nhi\n", &[], 65),
        (b"no header\n", &["b@y.test"], 65),
        // Nobody is not everybody whom the header names.
        (b"From: a@x.test\nTo: b@y.test\n\nhi\n", &[""], 64),
        (b"From: a@x.test\nTo: b@y.test\n\nhi\n", &["<>"], 64),
        (b"From: a@x.test\nTo: b@y.test\n\nhi\n", &["list:;"], 64),
    ] {
        show(input, more).expect(code);
    }
}

/// Octets above 127 in a header, of no charset that could be told: as they are for a server with
/// 8BITMIME, in encoded words for one without.
#[test]
fn a_header_of_eight_bits_is_seven_for_an_old_server() {
    let test = "a_header_of_eight_bits_is_seven_for_an_old_server";
    let sent =
        b"From: J\xfcrg <alice@example.test>\nTo: bob@example.test\nSubject: gr\xfc\xdfe\n\nhi\n";
    for (options, is_old) in [(&["-8"][..], true), (&["-e"], true), (&[], false)] {
        let Some(sink) = SmtpSink::start(test, options) else { return };
        Home::new()
            .pillarbox(args!["send", "--via", sink.url(), "--tls", "none"])
            .stdin(sent.to_vec())
            .run()
            .success();
        let dump = wait_for("the message", PATIENCE, || {
            sink.dumps().into_iter().find(|dump| dump.ends_with(b"\nhi\n\n"))
        });
        assert_eq!(dump.is_ascii(), is_old, "{}", String::from_utf8_lossy(&dump));
        let subject: &[u8] =
            if is_old { b"\nSubject: =?utf-8?" } else { b"\nSubject: gr\xfc\xdfe\n" };
        assert!(
            dump.windows(subject.len()).any(|it| it == subject),
            "{}",
            String::from_utf8_lossy(&dump)
        );
    }
}

/// What each option of composing asks for stands in what Postfix stored: a message passed on
/// whole, a picture beside its page, text of another charset, an answer elsewhere.
#[test]
fn what_is_composed_is_what_postfix_stored() {
    let test = "what_is_composed_is_what_postfix_stored";
    if !needs(test, &["python3"]) {
        return;
    }
    let Some(postfix) = Postfix::start(test) else { return };
    let home = Home::new();
    home.write("aliases", "team: bob, alice@example.test\n");
    let send = || {
        home.pillarbox(args!["send", "--via", postfix.url("smtp", None), "--ca-file", postfix.ca()])
            .args(["--config", "config.toml", "--from", "carol@example.test"])
    };
    home.write(
        "config.toml",
        format!(
            "qualify-domain = \"example.test\"\naliases = {:?}\n",
            home.path().join("aliases").display().to_string()
        ),
    );
    let picture: Vec<u8> = (0..=255).rev().cycle().take(600).collect();
    home.write("dot.png", &picture);
    home.write("page.html", b"<p>\xf7\xc5\xd3\xc5\xcc\xcf <img src=\"cid:dot.png\"></p>\n");
    // KOI8-R, named as such.
    send()
        .args(["--subject", "composed", "--charset", "koi8-r", "--html", "page.html"])
        .args(["--inline", "dot.png", "--reply-to", "Desk <desk@example.test>", "team"])
        .stdin(b"\xf7\xc5\xd3\xc5\xcc\xcf\n".to_vec())
        .run()
        .success();
    let script = r#"
import email, email.policy, json, sys
m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
related = [p for p in m.walk() if p.get_content_type() == "multipart/related"]
print(json.dumps({"text": m.get_body(("plain",)).get_content(), "html": m.get_body(("html",)).get_content(),
    "reply-to": m["reply-to"].addresses[0].addr_spec, "related": len(related),
    "inline": [(p["content-id"], p.get_content().hex()) for p in m.walk() if p.get_content_type() == "image/png"],
    "defects": [str(d) for p in m.walk() for d in p.defects]}))
"#;
    for user in ["bob", "alice"] {
        let stored = postfix.messages(user, 1).remove(0);
        let read = home.command("python3", &["-c", script]).stdin(stored).run().success();
        let facts = &read.json_lines()[0];
        let text = facts["text"].as_str().unwrap_or_default();
        assert_eq!(text.trim_end(), "\u{412}\u{435}\u{441}\u{435}\u{43b}\u{43e}", "{facts:#}");
        assert!(
            facts["html"].as_str().is_some_and(|html| html.contains("\u{412}\u{435}")),
            "{facts:#}"
        );
        assert_eq!(facts["reply-to"], "desk@example.test", "{facts:#}");
        let hex: String = picture.iter().map(|octet| format!("{octet:02x}")).collect();
        assert_eq!(facts["inline"], serde_json::json!([["<dot.png>", hex]]), "{facts:#}");
        assert_eq!((&facts["related"], &facts["defects"]), (&1.into(), &serde_json::json!([])));
    }
    // Passed on: not one octet of it is another.
    let original = mail::message(7, "..dots\r\n.\r\nand the end\r\n");
    let path = home.write("original.eml", &original);
    send()
        .arg("--forward")
        .arg(format!("eml:{}", path.display()))
        .args(["--body", "see below", "--to", "bob"])
        .run()
        .success();
    let all = postfix.messages("bob", 2);
    let passed = all.iter().map(|it| String::from_utf8_lossy(it).into_owned());
    let passed = passed.into_iter().find(|it| it.contains("Subject: Fwd: number 7\n"));
    let passed = passed.expect("it came");
    let whole = String::from_utf8_lossy(&mail::to_lf(&original)).into_owned();
    assert!(passed.contains(&whole), "{passed}");
    assert!(passed.contains("Content-Type: message/rfc822"), "{passed}");
}

/// A limit that the server tells is looked at before it hears of a message; one that it does not
/// tell is its own affair.
#[test]
fn a_message_too_large_for_postfix_is_not_begun() {
    let test = "a_message_too_large_for_postfix_is_not_begun";
    let Some(postfix) = Postfix::with(test, "message_size_limit = 20000") else { return };
    let home = Home::new();
    let send = |octets: usize| {
        home.pillarbox(args!["send", "--via", postfix.url("smtp", None), "--ca-file", postfix.ca()])
            .args(["-v", "bob@example.test"])
            .stdin(mail::message(1, &"a line of thirty octets, CRLF\r\n".repeat(octets / 31)))
            .run()
    };
    let run = send(30_000).expect(69).says(&["octets, and the server takes 20000"]);
    assert!(!run.errors().contains("MAIL FROM"), "{run}");
    let run = send(10_000).success();
    assert!(run.errors().contains(" SIZE=1"), "{run}");
    assert_eq!(postfix.messages("bob", 1).len(), 1);
}

/// As it is: Bcc, odd blanks and all, but for dots, which are stuffed whatever is asked for.
#[test]
fn a_raw_message_is_what_postfix_stored() {
    let Some(postfix) = Postfix::start("a_raw_message_is_what_postfix_stored") else { return };
    let sent = "From: alice@example.test\r\nX-Odd:   blanks  \r\nBcc: blind@example.test\r\n\
        Date: Tue, 3 Mar 2026 10:00:00 +0100\r\nMessage-ID: <raw@example.test>\r\n\r\n\
        .\r\n..\r\n.x\r\n";
    Home::new()
        .pillarbox(args!["send", "--via", postfix.url("smtp", None), "--ca-file", postfix.ca()])
        .args(["--raw", "bob@example.test"])
        .stdin(sent)
        .run()
        .success();
    let stored = postfix.messages("bob", 1).remove(0);
    assert_eq!(String::from_utf8_lossy(&stored), sent.replace("\r\n", "\n"));
}

/// A table in JSON Lines: shown, stored, and sent with all the rest of the command line's wishes;
/// that nothing is sent yet is no failure.
#[test]
fn a_table_is_shown_and_spooled() {
    let home = Home::new();
    home.write(
        "people.jsonl",
        "{\"name\": \"B\u{f6}b\", \"email\": \"bob@example.test\", \"count\": 3}\n\n\
         {\"name\": \"x\\\" <evil@example.test>, \\\"\", \"email\": \"alice@example.test\", \"count\": 0}\n",
    );
    home.write(
        "t.eml",
        "From: carol@example.test\nTo: {{name}} <{{email}}>\nSubject: {{count}} for {{name}}\n\n{{count}}\n",
    );
    let merge = |more: &[&str]| {
        home.pillarbox(args!["send", "--via", "smtp://localhost:1", "--merge", "people.jsonl"])
            .args(["--template", "t.eml"])
            .args(more)
            .run()
    };
    let shown = merge(&["--dry-run"]).success();
    let recipients: Vec<&str> =
        shown.lines().into_iter().filter(|line| line.starts_with("RCPT")).collect();
    let wanted = ["RCPT TO:<bob@example.test>", "RCPT TO:<alice@example.test>"];
    assert_eq!(recipients, wanted, "nobody gets in by a name: {shown}");
    let stored = merge(&["--spool", "spool"]).success();
    assert_eq!(stored.lines().len(), 2, "{stored}");
    merge(&["--subject", "x"]).expect(64).says(&["--subject", "--merge"]);
    // A name that ends a line is none.
    home.write(
        "people.jsonl",
        "{\"name\": \"a\\r\\nBcc: evil@example.test\", \"email\": \"b@x.test\", \"count\": 1}\n",
    );
    merge(&["--dry-run"]).expect(65).says(&["people.jsonl, line 1", "control character"]);
}

/// The copy goes into a Maildir that is made for it, as any other verb makes one that it is told.
#[test]
fn a_maildir_for_the_copy_is_made() {
    let home = Home::new();
    home.pillarbox(args!["send", "--pipe", "cat >/dev/null", "--sent", "maildir:kept"])
        .args(["--from", "ann@x.test", "--to", "bob@x.test", "--subject", "s", "--body", "text"])
        .run()
        .success();
    let kept = mail::maildir_files(&home.path().join("kept"));
    assert_eq!(kept.len(), 1, "{kept:?}");
}
