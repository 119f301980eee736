//! What a search tells of itself and of what it could not do; what goes over the wire; orders,
//! sizes, documents, and what comes behind it in a pipe.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::support::binary::binary_folder;
use super::support::{self, Dovecot, Home, Scripted, ServeTest, Step, Stored, mail, needs};
use super::{FIRST, by_uid, mailbox, on_server, put};

/// The rungs that a search explains: extension, offered, used.
fn rungs(explained: &Value) -> Vec<(String, bool, bool)> {
    let rung = |rung: &Value| {
        (
            rung["extension"].as_str().expect("a name").to_owned(),
            rung["offered"].as_bool().expect("true or false"),
            rung["used"].as_bool().expect("true or false"),
        )
    };
    explained["ladder"].as_array().expect("a list").iter().map(rung).collect()
}

fn rung(name: &str, offered: bool, used: bool) -> (String, bool, bool) {
    (name.to_owned(), offered, used)
}

#[test]
fn a_search_explains_what_a_server_is_asked() {
    let test = "a_search_explains_what_a_server_is_asked";
    let Some(dovecot) = Dovecot::start(test) else { return };
    put(&dovecot, &mailbox(3, 4));
    for name in ["Lists/rust", "Lists/go", "Sent"] {
        let stored = Stored { octets: b"Subject: x\r\n\r\nx\r\n", flags: "", received: FIRST };
        dovecot.put("alice", name, &[stored]);
    }
    let home = Home::new();
    let explain = |query: &str, place: &str, more: &[&str]| {
        let mut arguments = vec![
            "search".to_owned(),
            query.to_owned(),
            format!("imap://alice@127.0.0.1:{}{place}", dovecot.imap),
            "--tls=none".to_owned(),
            "--allow-cleartext-password".to_owned(),
            "--explain".to_owned(),
            "--json".to_owned(),
        ];
        arguments.extend(more.iter().map(|word| (*word).to_owned()));
        let run = home.pillarbox(&arguments).password("secret").run().success();
        run.json_lines()
    };
    // One folder, and what is left to find out here.
    let told = explain("from:ann has:pdf older:9d", "/INBOX", &[]);
    let asks = told[0]["asks"].as_array().expect("a list");
    assert_eq!(asks[0], "UID SEARCH RETURN (SAVE ALL) FROM ann OLDER 777600");
    assert!(asks[1].as_str().expect("text").starts_with("UID FETCH $ (UID BODY.PEEK["), "{asks:?}");
    assert_eq!(told[0]["folders"], json!(["INBOX"]));
    assert_eq!(told[0]["rest"], "from:ann has:pdf");
    assert_eq!(told[0]["needs"], json!(["header fields", "BODYSTRUCTURE"]));
    assert_eq!(
        rungs(&told[0]),
        [rung("ESEARCH", true, true), rung("SEARCHRES", true, true), rung("WITHIN", true, true)]
    );
    // folder: is answered for each folder before anything is asked.
    let told = explain("folder:Lists/* is:unread OR folder:Sent", "", &["--count"]);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0]["folders"], json!(["Lists/go", "Lists/rust"]));
    assert_eq!(told[0]["asks"], json!(["UID SEARCH RETURN (COUNT) UNSEEN"]));
    assert_eq!(told[1]["folders"], json!(["Sent"]));
    assert_eq!(told[1]["asks"], json!(["UID SEARCH RETURN (COUNT) ALL"]));
    assert_eq!(told[1]["not_searched"], json!(["INBOX"]));
    assert!(rungs(&told[0]).contains(&rung("MULTISEARCH", false, false)), "{told:?}");
    let told = explain("folder:Trash", "", &[]);
    assert_eq!((told.len(), &told[0]["folders"]), (1, &json!([])));
    // Orders, threads and windows.
    let told = explain("is:unread", "/INBOX", &["--sort=-date", "--limit=2"]);
    let asked = told[0]["asks"][0].as_str().expect("text");
    assert!(asked.starts_with("UID SORT (REVERSE DATE) UTF-8 UNSEEN"), "{asked}");
    assert!(rungs(&told[0]).contains(&rung("SORT", true, true)), "{told:?}");
    let told = explain("is:unread", "/INBOX", &["--thread"]);
    assert!(rungs(&told[0]).contains(&rung("THREAD=REFERENCES", true, true)), "{told:?}");
    // What is asked for is what the explanation says.
    let trace = home.path().join("trace");
    let path = format!("--trace={}", trace.display());
    on_server(&home, dovecot.imap, "is:unread subject:/shi[p]/", &["--count", &path]).run();
    let told = explain("is:unread subject:/shi[p]/", "/INBOX", &["--count"]);
    let said = std::fs::read_to_string(&trace).expect("a trace");
    for asked in told[0]["asks"].as_array().expect("a list") {
        let asked = asked.as_str().expect("text").replace('"', "\\\"");
        assert!(said.contains(&asked), "{asked}: {said}");
    }
    // Nothing was searched for that: not even selected.
    let _ = std::fs::remove_file(&trace);
    explain("budget", "", &[&path]);
    let said = std::fs::read_to_string(&trace).expect("a trace");
    assert!(!said.contains("EXAMINE") && !said.contains("SEARCH RETURN"), "{said}");
}

#[test]
fn a_search_explains_what_a_lesser_server_lacks() {
    let home = Home::new();
    let folder = home.path().join("seed");
    let mbox = home.write("mail.mbox", "From a@x Mon Mar  2 10:00:00 2026\nSubject: x\n\nx\n");
    let seed = format!("--seed-mail={}", mbox.display());
    let lesser = "--hide=ESEARCH,SEARCHRES,IMAP4rev2,WITHIN,SORT,SORT=DISPLAY,PARTIAL,CONTEXT=SEARCH,CONTEXT=SORT";
    let server = ServeTest::with(&[&seed, lesser]);
    let more = ["--explain", "--json", "--sort=from", "--limit=1", "--fuzzy"];
    let query = "budget older:9d";
    let run = on_server(&home, server.port("imap"), query, &more).run().success();
    let told = run.json_lines();
    let names: Vec<String> = rungs(&told[0]).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(
        names,
        ["ESEARCH", "SEARCHRES", "WITHIN", "SORT", "SORT=DISPLAY", "PARTIAL", "SEARCH=FUZZY"]
    );
    assert!(rungs(&told[0]).iter().all(|(_, offered, used)| !offered && !used), "{told:?}");
    assert!(
        told[0]["asks"][0].as_str().expect("text").starts_with("UID SEARCH TEXT budget BEFORE")
    );
    assert_eq!(told[0]["text_by"], "server");
    // For people, and of local mail, of which nothing is opened.
    let place = folder.to_str().expect("UTF-8");
    std::fs::create_dir_all(folder.join("cur")).expect("made");
    let run = on_server(&home, server.port("imap"), query, &[place, "--explain"]).run().success();
    let text = run.text();
    assert!(text.contains("  ESEARCH: not offered: answers come as a list of numbers\n"), "{text}");
    assert!(text.contains("  finds out here: older:9d\n  of: flags, size and date\n"), "{text}");
    assert!(text.contains("  of: flags, size and date; whole messages\n"), "{text}");
    // Gmail's language at a server that is like Gmail, and SORT that is not of use there.
    let gmail = ServeTest::with(&[&seed, "--like=gmail", "--allow-cleartext"]);
    let more = ["--explain", "--json"];
    let run = on_server(&home, gmail.port("imap"), "gm:label:x subject:x", &more).run().success();
    let told = run.json_lines();
    assert!(rungs(&told[0]).contains(&rung("X-GM-EXT-1", true, true)), "{told:?}");
    // A server that nobody can ask is told, and what else there is is explained.
    let nowhere = support::closed_port();
    let run = on_server(&home, nowhere, query, &[place, "--explain"]).run().expect(2);
    assert!(run.text().contains("whole messages"), "{run}");
}

#[test]
fn what_has_no_meaning_at_a_place_is_said() {
    let home = Home::new();
    home.write("a.eml", "Subject: x\n\nx\n");
    home.write("b.mbox", "From a@x Mon Mar  2 10:00:00 2026\nSubject: x\n\nx\n");
    for (words, says) in [
        (&["gm:label:x", "."][..], "gm: is Gmail's own language, and"),
        (&["-gm:label:x", "./b.mbox"], "is not Gmail"),
        (&["uid:7", "."], "has no UIDs"),
        (
            &["x", ".", "--verify"],
            "--verify compares an IMAP server's answer, and none is searched",
        ),
        (&["x", ".", "--fuzzy"], "--fuzzy is for IMAP servers, and none is searched"),
        (&["x", "mbox:b.mbox", "--index"], "--index is kept in Maildirs, and none is searched"),
    ] {
        let mut all = vec!["search"];
        all.extend(words);
        home.run(&all).expect(2).says(&[says]);
    }
    // A path may turn out to be no Maildir: it is searched all the same.
    for place in ["./b.mbox", "./a.eml"] {
        let run = home.run(&["search", "subject:x", place, "--index"]).success();
        assert_eq!(run.lines().len(), 1, "{run}");
        run.says(&["is searched without an index"]);
    }
    for (query, says) in [
        ("date:2026-03..2026-01", "a range that does not end before it begins"),
        ("on:..", "an end on one side of the dots"),
        ("date:2026-01..then", "a date such as"),
        ("size:3k..1k", "a range that does not end before it begins"),
        ("size:1k..much", "a size in octets"),
    ] {
        home.run(&["search", query, "."]).expect(2).says(&[says]);
    }
    // The caret stands under the end that cannot be read.
    let run = home.run(&["search", "date:2026-01..then", "."]).expect(2);
    assert!(run.errors().contains("\n                ^^^^\n"), "{}", run.errors());
}

/// A Maildir below `root`, with these messages in its `cur`.
fn maildir(root: &Path, messages: &[(&str, &str)]) {
    for sub in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(root.join(sub)).expect("made");
    }
    for (name, text) in messages {
        std::fs::write(root.join("cur").join(name), text).expect("written");
    }
}

#[test]
fn one_folder_that_cannot_be_read_keeps_nobody_from_the_others() {
    let test = "one_folder_that_cannot_be_read_keeps_nobody_from_the_others";
    if !needs(test, &["setpriv"]) || !support::needs_root(test) {
        return;
    }
    let home = Home::new();
    let root = home.path().join("mail");
    for name in ["a", "b/inner", "c", "d/deep"] {
        maildir(&root.join(name), &[("1.M1.h:2,", "Subject: lunch\n\nx\n")]);
    }
    let mode = |name: &str, mode: u32| {
        use std::os::unix::fs::PermissionsExt;
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(root.join(name), permissions).expect("its owner may");
    };
    // One that cannot be listed, and one of whose messages nothing can be told.
    mode("b", 0o300);
    mode("c/cur", 0o000);
    let program = binary_folder().join("pillarbox");
    let words = ["search", "subject:lunch", root.to_str().expect("UTF-8")];
    // Root as everybody else: without the right to read what it may not.
    let mut line = vec!["--bounding-set=-dac_override,-dac_read_search"];
    line.push(program.to_str().expect("UTF-8"));
    line.extend(words);
    let run = home.command("setpriv", &line).run().expect(2);
    let found: BTreeSet<&str> =
        run.lines().iter().filter_map(|line| line.split("/mail/").nth(1)).collect();
    assert_eq!(found, BTreeSet::from(["a/cur/1.M1.h:2,", "d/deep/cur/1.M1.h:2,"]), "{run}");
    run.says(&["mail/b", "mail/c"]);
    mode("b", 0o700);
    mode("c/cur", 0o700);
    assert_eq!(home.run(&words).success().lines().len(), 4);
}

#[test]
fn what_has_gone_is_told_and_what_has_moved_is_found() {
    let home = Home::new();
    let root = home.path().join("mail");
    maildir(&root, &[("1.M1.h:2,", "Subject: one\n\nx\n"), ("2.M2.h:2,", "Subject: two\n\nx\n")]);
    home.write("files/a.eml", "Subject: one\n\nx\n");
    home.write("files/b.eml", "Subject: two\n\nx\n");
    let message = |subject: &str| {
        format!("From a@x Mon Mar  2 10:00:00 2026\nSubject: {subject}\n\n{subject} text\n\n")
    };
    home.write("old.mbox", message("zero") + &message("one") + &message("two"));
    let seed = format!("--seed-mail={}", home.path().join("old.mbox").display());
    let server = ServeTest::with(&[&seed]);
    let references = |place: &str| home.run(&["search", "*", place]).success().text().to_owned();
    let place = root.to_str().expect("UTF-8");
    let all = [references(place), references("./files"), references("./old.mbox")].concat();
    std::fs::remove_file(root.join("cur/2.M2.h:2,")).expect("removed");
    std::fs::rename(root.join("cur/1.M1.h:2,"), root.join("cur/1.M1.h:2,S")).expect("renamed");
    std::fs::remove_file(home.path().join("files/b.eml")).expect("removed");
    home.write("old.mbox", message("one"));
    let run = home.pillarbox(&["search", "subject:o", "-"]).stdin(all).run().success();
    let said = run.errors();
    for words in ["4 messages are not there any longer", "2.M2.h", "b.eml", "old.mbox"] {
        assert!(said.contains(words), "{run}");
    }
    let lines = run.lines();
    assert_eq!(lines.len(), 3, "{run}");
    assert!(lines[0].ends_with("cur/1.M1.h:2,S") && lines[1].ends_with("a.eml"), "{run}");
    // The place that it has now.
    assert!(lines[2].contains("offset=0;digest="), "{run}");
    // On a server: asked for along with the search.
    let all = on_server(&home, server.port("imap"), "*", &[]).run().success().text().to_owned();
    let gone = all.lines().next().expect("one").replace("UID=1", "UID=99");
    let words = ["search", "subject:t", "-", "--tls=none", "--allow-cleartext-password"];
    let input = format!("{all}{gone}\n");
    let run = home.pillarbox(&words).password("secret").stdin(input).run().success();
    assert_eq!(run.lines().len(), 1, "{run}");
    run.says(&["UID=99: the message is not there any longer"]);
}

#[test]
fn a_size_is_that_of_the_wire_everywhere() {
    let home = Home::new();
    let short = "Subject: a\n\none\n";
    let long = "Subject: b\n\none\ntwo\nthree\n";
    let root = home.path().join("mail");
    maildir(&root, &[("1.M1.h:2,", long), ("2.M2.h,S=16:2,", short)]);
    home.write("files/a.eml", long);
    home.write("files/b.eml", short);
    let line = "From a@x Mon Mar  2 10:00:00 2026\n";
    home.write("old.mbox", format!("{line}{long}\n{line}{short}\n"));
    let seed = format!("--seed-mail={}", root.display());
    let server = ServeTest::with(&[&seed]);
    let octets = |text: &str| mail::to_crlf(text.as_bytes()).len();
    let expected = [octets(long), octets(short)].map(|octets| json!(octets));
    let sizes = |text: &str| -> Vec<Value> {
        let objects = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        objects.map(|object| object["size"].clone()).collect()
    };
    for place in [root.to_str().expect("UTF-8"), "./files", "./old.mbox"] {
        let run = home.run(&["search", "*", place, "--json"]).success();
        assert_eq!(sizes(run.text()), expected, "{place}");
        let run = home.run(&["search", "*", place, "--json", "--sort=size"]).success();
        assert_eq!(sizes(run.text()), [expected[1].clone(), expected[0].clone()], "{place}");
        // By the header alone, and by the body.
        for query in ["subject:b", "three"] {
            let more = ["search", query, place, "--json", "--fields=size"];
            assert_eq!(sizes(home.run(&more).success().text()), [expected[0].clone()], "{query}");
        }
        let query = format!("size:{}", expected[1]);
        assert_eq!(home.run(&["search", &query, place]).success().lines().len(), 1);
    }
    let run = on_server(&home, server.port("imap"), "*", &["--json"]).run().success();
    assert_eq!(sizes(run.text()), expected);
    let run = home.pillarbox(&["search", "*", "-", "--json"]).stdin(long).run().success();
    assert_eq!(sizes(run.text()), [expected[0].clone()]);
}

/// Documents as their formats have them, compressed, made by Python's zlib and zipfile: the text
/// is nowhere to be read without the readers of documents.
const DOCUMENTS: &str = r#"
import base64, io, sys, zipfile, zlib
def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files:
            archive.writestr(name, text)
    return out.getvalue()
def docx(text):
    ns = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    half = len(text) // 2
    runs = "".join("<w:r><w:t>%s</w:t></w:r>" % part for part in (text[:half], text[half:]))
    return zipped([("[Content_Types].xml", "<Types/>"), ("word/document.xml",
        '<?xml version="1.0"?><w:document xmlns:w="%s"><w:body><w:p>%s</w:p></w:body></w:document>' % (ns, runs))])
def odt(text):
    return zipped([("mimetype", "application/vnd.oasis.opendocument.text"), ("content.xml",
        '<?xml version="1.0"?><office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:text><text:p>%s</text:p>'
        '</office:text></office:body></office:document-content>' % text)])
def pdf(text):
    stream = zlib.compress(("BT /F1 12 Tf 72 720 Td (%s) Tj ET" % text).encode())
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n" % len(stream) + stream + b"\nendstream",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"]
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    start = len(out)
    out += b"xref\n0 6\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % at for at in places)
    return out + b"trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % start
word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
for name, kind, octets in (("paper.pdf", "application/pdf", pdf("invoice from the harbour")),
        ("paper.docx", word, docx("minutes of the harbour")), ("paper.odt", "application/octet-stream",
        odt("letter to the harbour")), ("broken.pdf", "application/pdf", pdf("harbour")[:120])):
    with open(sys.argv[1] + "/" + name + ".eml", "w") as file:
        file.write("Subject: %s\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nsee there\n"
            "--b\nContent-Type: %s; name=%s\nContent-Transfer-Encoding: base64\n\n%s--b--\n" % (
            name, kind, name, base64.encodebytes(octets).decode()))
"#;

#[test]
fn text_inside_documents_is_found_where_that_is_asked_for() {
    let test = "text_inside_documents_is_found_where_that_is_asked_for";
    if !needs(test, &["python3"]) {
        return;
    }
    let home = Home::new();
    let folder = home.path().join("files");
    std::fs::create_dir_all(&folder).expect("made");
    let place = folder.to_str().expect("UTF-8");
    home.command("python3", &["-c", DOCUMENTS, place]).run().success();
    let names = |run: support::Run| -> BTreeSet<String> {
        assert!(matches!(run.code, Some(0 | 1)) && run.errors().is_empty(), "{run}");
        let name = |line: &&str| line.rsplit('/').next().unwrap_or_default().to_owned();
        run.lines().iter().map(name).collect()
    };
    let root = home.path().join("mail");
    maildir(&root, &[]);
    for name in ["paper.pdf", "paper.docx", "paper.odt", "broken.pdf"] {
        let to = root.join(format!("cur/{name}.M1.h:2,"));
        std::fs::copy(folder.join(format!("{name}.eml")), to).expect("copied");
    }
    let seed = format!("--seed-mail={}", root.display());
    let server = ServeTest::with(&[&seed]);
    for (query, expected) in [
        ("body:harbour", &["paper.pdf", "paper.docx", "paper.odt"][..]),
        ("\"minutes of\"", &["paper.docx"]),
        ("body:/letter to/ filename:odt", &["paper.odt"]),
        ("INVOICE", &["paper.pdf"]),
        ("body:nowhere", &[]),
    ] {
        let expected: BTreeSet<String> =
            expected.iter().map(|name| format!("{name}.eml")).collect();
        assert_eq!(names(home.run(&["search", query, place])), BTreeSet::new(), "{query}");
        let with = |place: &str| names(home.run(&["search", query, place, "--attachments-text"]));
        assert_eq!(with(place), expected, "{query}");
        // The same in a Maildir, with its index, and on a server.
        let root = root.to_str().expect("UTF-8");
        assert_eq!(with(root).len(), expected.len(), "{query}");
        let more = ["search", query, root, "--attachments-text", "--index"];
        assert_eq!(names(home.run(&more)).len(), expected.len(), "{query}");
        let more = ["--attachments-text", "--uids"];
        let found = by_uid(on_server(&home, server.port("imap"), query, &more));
        assert_eq!(found.len(), expected.len(), "{query}");
    }
}

#[test]
fn every_order_is_the_same_wherever_it_is_made() {
    let test = "every_order_is_the_same_wherever_it_is_made";
    let message = |subject: &str, from: &str, day: u32, lines: usize| {
        format!(
            "From: {from}\r\nSubject: {subject}\r\nDate: {day} Mar 2026 10:00:00 +0000\r\n\
             Message-ID: <{day}@x>\r\n\r\n{}",
            "budget line\r\n".repeat(lines)
        )
        .into_bytes()
    };
    let messages = [
        message("Re: beta", "Zoe <z@x.example>", 4, 3),
        message("alpha", "ann@x.example", 2, 9),
        message("[list] gamma", "Bob <b@x.example>", 9, 1),
        message("Delta", "carl@x.example", 1, 5),
        message("Fwd: Ere", "dora@x.example", 7, 2),
    ];
    let home = Home::new();
    let root = home.path().join("mail");
    let texts: Vec<String> =
        messages.iter().map(|octets| String::from_utf8(octets.clone()).expect("text")).collect();
    let names: Vec<String> = (1..=5).map(|number| format!("{number}.M{number}.h:2,")).collect();
    let files: Vec<(&str, &str)> =
        names.iter().map(String::as_str).zip(texts.iter().map(String::as_str)).collect();
    maildir(&root, &files);
    let seed = format!("--seed-mail={}", root.display());
    let with = ServeTest::with(&[&seed]);
    let without = ServeTest::with(&[&seed, "--hide=SORT,SORT=DISPLAY,ESORT"]);
    let mut ports = vec![with.port("imap"), without.port("imap")];
    let dovecot = Dovecot::start(test);
    if let Some(dovecot) = &dovecot {
        put(dovecot, &messages);
        ports.push(dovecot.imap);
    }
    for (order, expected) in [
        ("date", [4, 2, 1, 5, 3]),
        ("-date", [3, 5, 1, 2, 4]),
        ("from", [2, 3, 4, 5, 1]),
        ("subject", [2, 1, 4, 5, 3]),
        ("size", [3, 5, 1, 4, 2]),
        ("relevance", [2, 4, 1, 5, 3]),
    ] {
        let sort = format!("--sort={order}");
        let place = root.to_str().expect("UTF-8");
        let run = home.run(&["search", "budget", place, &sort]).success();
        let number = |line: &&str| {
            let name = line.rsplit('/').next().expect("a name");
            name.split('.').next().and_then(|number| number.parse::<i32>().ok()).expect("a number")
        };
        let found: Vec<i32> = run.lines().iter().map(number).collect();
        assert_eq!(found, expected, "{order} in local mail");
        for port in &ports {
            let run = on_server(&home, *port, "budget", &["--uids", &sort]).run().success();
            let found: Vec<i32> =
                run.lines().iter().map(|uid| uid.parse().expect("a UID")).collect();
            assert_eq!(found, expected, "{order}");
            let more = ["--uids", &sort, "--limit=2"];
            let run = on_server(&home, *port, "budget", &more).run().success();
            assert_eq!(run.lines().len(), 2, "{order}");
            assert_eq!(run.lines()[1], expected[1].to_string(), "{order}");
        }
    }
    // How many, and the first of them.
    let place = root.to_str().expect("UTF-8");
    let count = |more: &[&str]| {
        let mut all = vec!["search", "budget", place, "--count"];
        all.extend(more);
        home.run(&all).success().text().to_owned()
    };
    assert_eq!(count(&[]), "5\n");
    assert_eq!(count(&["--limit=3"]), "3\n");
    assert_eq!(count(&["--json"]), "{\"count\":5}\n");
    assert_eq!(home.run(&["search", "budget", place, "--limit=3"]).success().lines().len(), 3);
    home.run(&["search", "none such", place, "--count"]).expect(1);
}

#[test]
fn what_is_found_is_moved() {
    let test = "what_is_found_is_moved";
    let home = Home::new();
    let old = "Subject: old\r\n\r\nx\r\n";
    let new = "Subject: new\r\n\r\nx\r\n";
    // In a Maildir, with names that end in NUL.
    let root = home.path().join("mail");
    let place = root.to_str().expect("UTF-8");
    maildir(&root, &[("1.M1.h:2,S", old), ("2.M2.h:2,S", new), ("3.M3.h:2,", old)]);
    let found = home.run(&["search", "subject:old is:read", place, "-0"]).success();
    let mark = ["message", "mark", "-0", "-", "+flagged"];
    home.pillarbox(&mark).stdin(found.text()).run().success();
    assert_eq!(home.run(&["search", "is:flagged", place, "--count"]).success().text(), "1\n");
    let found = home.run(&["search", "subject:old", place, "-0"]).success();
    home.pillarbox(&["message", "delete", "-0", "-"]).stdin(found.text()).run().success();
    assert_eq!(home.run(&["search", "*", place, "--count"]).success().text(), "1\n");
    // On a server.
    let Some(dovecot) = Dovecot::start(test) else { return };
    for text in [old, new, old] {
        let stored = Stored { octets: text.as_bytes(), flags: "S", received: FIRST };
        dovecot.put("alice", "Lists", &[stored]);
    }
    let server = format!("imap://alice@127.0.0.1:{}", dovecot.imap);
    let clear = ["--tls=none", "--allow-cleartext-password"];
    let run = |words: &[&str], input: &str| {
        let mut all = words.to_vec();
        all.extend(clear);
        home.pillarbox(&all).password("secret").stdin(input).run().success()
    };
    let lists = format!("{server}/Lists");
    let found = run(&["search", "subject:old older:1d", &lists], "");
    assert_eq!(found.lines().len(), 2);
    run(&["folder", "create", &format!("{server}/Archive")], "");
    run(&["message", "move", "-", &format!("{server}/Archive")], found.text());
    assert_eq!(dovecot.messages("alice", "Lists").len(), 1);
    assert_eq!(dovecot.messages("alice", "Archive").len(), 2);
}

#[test]
fn a_thread_is_put_together_across_the_folders_of_a_server() {
    let test = "a_thread_is_put_together_across_the_folders_of_a_server";
    let Some(dovecot) = Dovecot::start(test) else { return };
    let text = |subject: &str, id: &str, answers: &str, minute: u32| {
        format!(
            "Subject: {subject}\r\nMessage-ID: <{id}@x>\r\nReferences: {answers}\r\n\
             Date: Mon, 2 Mar 2026 10:{minute:02}:00 +0000\r\n\r\nx\r\n"
        )
    };
    for (folder, message) in [
        ("INBOX", text("lunch", "a", "", 1)),
        ("Sent", text("Re: lunch", "b", "<a@x>", 2)),
        ("INBOX", text("Re: lunch", "c", "<a@x> <b@x>", 3)),
        ("Lists/x", text("Re: lunch", "d", "<a@x> <b@x> <c@x>", 4)),
        ("Lists/x", text("other", "o", "", 5)),
    ] {
        let stored = Stored { octets: message.as_bytes(), flags: "", received: FIRST };
        dovecot.put("alice", folder, &[stored]);
    }
    let home = Home::new();
    let server = format!("imap://alice@127.0.0.1:{}", dovecot.imap);
    let words = ["search", "id:<b@x>", &server, "--thread", "--json", "--tls=none"];
    let run = home.pillarbox(&words).arg("--allow-cleartext-password").password("secret").run();
    let run = run.success();
    let shown: Vec<(String, u64, bool)> = run
        .json_lines()
        .iter()
        .map(|found| {
            (
                found["folder"].as_str().expect("a folder").to_owned(),
                found["depth"].as_u64().expect("a depth"),
                found["matched"].as_bool().expect("true or false"),
            )
        })
        .collect();
    let row = |folder: &str, depth, matched| (folder.to_owned(), depth, matched);
    assert_eq!(
        shown,
        [
            row("INBOX", 0, false),
            row("Sent", 1, true),
            row("INBOX", 2, false),
            row("Lists/x", 3, false)
        ]
    );
}

/// What comes into an mbox or a folder of files is printed as it comes.
#[test]
fn what_comes_to_files_is_printed_as_it_comes() {
    let home = Home::new();
    let message =
        |subject: &str| format!("From a@x Mon Mar  2 10:00:00 2026\nSubject: {subject}\n\nx\n\n");
    let mbox = home.write("in.mbox", message("lunch one"));
    home.write("files/a.eml", "Subject: lunch one\n\nx\n");
    let files = home.path().join("files");
    for (name, place) in [("mbox", &mbox), ("files", &files)] {
        let out = home.path().join(format!("{name}.out"));
        // A shell gives the output a file that can be read meanwhile.
        let line = format!(
            "exec {} search subject:lunch {} --watch --json > {}",
            binary_folder().join("pillarbox").display(),
            place.display(),
            out.display()
        );
        let running = home.command("sh", &["-c", &line]).spawn();
        let subjects = |count: usize| {
            support::wait_for("lines of output", Duration::from_secs(60), || {
                let text = std::fs::read_to_string(&out).unwrap_or_default();
                let lines: Vec<Value> =
                    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
                (lines.len() >= count).then_some(lines)
            })
        };
        assert_eq!(subjects(1)[0]["subject"], "lunch one");
        if name == "mbox" {
            let mut file = std::fs::File::options().append(true).open(&mbox).expect("there");
            let text = message("dinner") + &message("lunch two");
            file.write_all(text.as_bytes()).expect("written");
        } else {
            std::fs::write(files.join("b.tmp"), "Subject: lunch two\n\nx\n").expect("written");
            std::fs::rename(files.join("b.tmp"), files.join("b.eml")).expect("renamed");
        }
        let shown = subjects(2);
        assert_eq!(
            (&shown[1]["event"], &shown[1]["subject"]),
            (&json!("found"), &json!("lunch two"))
        );
        running.terminate();
    }
}

/// Its SEARCH gives one that does not match, of which it gives the header that says so.
#[test]
fn a_server_that_gives_too_much_is_found_out() {
    let facts = |uid: u32, flags: &str| {
        Step::line(&format!(
            "* {uid} FETCH (UID {uid} FLAGS ({flags}) RFC822.SIZE 20 INTERNALDATE \"02-Mar-2026 10:00:00 +0000\")"
        ))
    };
    let server = Scripted::serve(vec![
        Step::line("* PREAUTH [CAPABILITY IMAP4rev1 ESEARCH] hello"),
        Step::Expect("LIST"),
        Step::line("* LIST (\\Noselect) \"/\" \"\""),
        Step::Tagged("OK done"),
        Step::Expect("EXAMINE"),
        Step::line("* 3 EXISTS"),
        Step::line("* OK [UIDVALIDITY 7] valid"),
        Step::Tagged("OK [READ-ONLY] done"),
        Step::Expect("UID SEARCH RETURN (ALL) UNSEEN"),
        Step::line("* ESEARCH UID ALL 1:2"),
        Step::Tagged("OK done"),
        Step::Expect("UID SEARCH RETURN (ALL) ALL"),
        Step::line("* ESEARCH UID ALL 1:3"),
        Step::Tagged("OK done"),
        Step::Expect("UID FETCH 1:3"),
        facts(1, ""),
        facts(2, "\\Seen"),
        facts(3, ""),
        Step::Tagged("OK done"),
        Step::Expect("LOGOUT"),
        Step::line("* BYE"),
        Step::Tagged("OK done"),
        Step::Close,
    ]);
    let home = Home::new();
    let run = on_server(&home, server.port(), "is:unread", &["--uids", "--verify"]).run().success();
    assert_eq!(run.text(), "1\n3\n");
    run.says(&[
        "leaves out 1 messages: UID 3",
        "gives, though they do not match, 1 messages: UID 2",
    ]);
    server.finish();
}

/// Counts the octets that a server sends, on the way to it.
struct Counting {
    port: u16,
    octets: Arc<AtomicU64>,
}

impl Counting {
    /// In front of a server on this port; for as many connections as come.
    fn before(server: u16) -> Counting {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let octets = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&octets);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { return };
                let (Ok(to_client), Ok(to_server)) = (client.try_clone(), server.try_clone())
                else {
                    return;
                };
                std::thread::spawn(move || forward(client, to_server, None));
                let counter = Arc::clone(&counter);
                std::thread::spawn(move || forward(server, to_client, Some(&counter)));
            }
        });
        Counting { port, octets }
    }

    /// What has come since the last time.
    fn taken(&self) -> u64 {
        self.octets.swap(0, Ordering::SeqCst)
    }
}

fn forward(mut from: TcpStream, mut to: TcpStream, counter: Option<&AtomicU64>) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(read) = from.read(&mut buffer) {
        if read == 0 {
            break;
        }
        // Before it goes on: who has it can ask how much it was.
        if let Some(counter) = counter {
            counter.fetch_add(read as u64, Ordering::SeqCst);
        }
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// What has to be found out here takes as little of each message as decides it.
#[test]
fn few_octets_come_from_a_server() {
    let test = "few_octets_come_from_a_server";
    let Some(dovecot) = Dovecot::start(test) else { return };
    // 20 messages with long text and header, a fourth of them with a large attachment.
    let (long, noise) =
        ("a long line of text\r\n".repeat(400), "QUJDREVGR0hJSktMTU5PUA==\r\n".repeat(8000));
    let messages: Vec<Vec<u8>> = (0..20)
        .map(|number| {
            let received = "Received: from somewhere by somewhere else\r\n".repeat(40);
            let head =
                format!("{received}Subject: number {number}\r\nFrom: p{number}@x.example\r\n");
            let name = if number == 4 { "paper.pdf" } else { "paper.bin" };
            let attached = format!(
                "--b\r\nContent-Type: application/octet-stream; name={name}\r\n\
                 Content-Disposition: attachment; filename={name}\r\n\
                 Content-Transfer-Encoding: base64\r\n\r\n{noise}"
            );
            let attached = if number % 4 == 0 { attached } else { String::new() };
            format!(
                "{head}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
                 --b\r\n\r\n{long}number {number}\r\n--b\r\n\r\nregards\r\n{attached}--b--\r\n"
            )
            .into_bytes()
        })
        .collect();
    let total: usize = messages.iter().map(Vec::len).sum();
    assert!(total > 1_000_000);
    let text_octets = u64::try_from(long.len()).expect("small");
    put(&dovecot, &messages);
    let home = Home::new();
    let counting = Counting::before(dovecot.imap);
    // The login, the greeting and the folder, without anything found.
    on_server(&home, counting.port, "uid:4000", &["--uids"]).run().expect(1);
    let empty = counting.taken();
    for (query, found, most_each) in [
        // Nothing but the answer to the search.
        ("is:unread", 10, 0),
        ("larger:100k", 5, 0),
        // BODYSTRUCTURE.
        ("has:pdf", 1, 500),
        ("filename:paper", 5, 500),
        ("type:octet-stream", 5, 500),
        // One header field.
        ("subject:/number 1[0-9]$/", 10, 120),
        ("from:\"p1@\"", 1, 120),
        // The server finds the number, and one header field of what it found says the rest.
        ("subject:/number 1[0-9]$/ has:attachment", 2, 620),
        // BODYSTRUCTURE and the text, and neither the header nor what is attached.
        ("body:/number 1[0-9]$/", 10, text_octets + 620),
        ("--exact body:line", 20, text_octets + 620),
    ] {
        let (query, exact) = match query.strip_prefix("--exact ") {
            Some(query) => (query, &["--uids", "--exact"][..]),
            None => (query, &["--uids"][..]),
        };
        let run = on_server(&home, counting.port, query, exact).run().success();
        assert_eq!(run.lines().len(), found, "{query}: {run}");
        let octets = counting.taken().saturating_sub(empty);
        let most = 400 + 20 * most_each;
        assert!(octets <= most, "{query}: {octets} octets more than nothing, not {most}");
    }
    // The header decides of all but three, and the structure of these.
    let query = "subject:/number 1[0-9]$/ has:attachment body:/number 12/";
    let run = on_server(&home, counting.port, query, &["--uids"]).run().success();
    assert_eq!(run.text(), "13\n");
    let octets = counting.taken().saturating_sub(empty);
    let most = 4 * (text_octets + 620);
    assert!(octets <= most, "{octets} octets, not {most}");
}

#[test]
fn nothing_of_a_message_is_remembered_that_others_see() {
    // A search sets no flag: everything is peeked at.
    let test = "nothing_of_a_message_is_remembered_that_others_see";
    let Some(dovecot) = Dovecot::start(test) else { return };
    put(&dovecot, &mailbox(3, 12));
    let home = Home::new();
    let unread = || by_uid(on_server(&home, dovecot.imap, "is:unread", &["--uids"]));
    let before = unread();
    on_server(&home, dovecot.imap, "body:/a/ OR has:pdf", &["--exact", "--json"]).run();
    assert_eq!(unread(), before);
}

/// Text beyond ASCII goes as the server takes it (RFC 9051 section 6.4.4, RFC 6855 section 3), and
/// where few are wanted only the first are told (RFC 5267, RFC 9394).
#[test]
fn a_search_is_said_as_each_server_takes_it() {
    let test = "a_search_is_said_as_each_server_takes_it";
    let home = Home::new();
    let text = |number: usize| {
        format!("Subject: =?utf-8?b?5Lya6K2w5a6k?= {number}\r\nFrom: a@x.example\r\n\r\nx\r\n")
    };
    let mut messages: Vec<Vec<u8>> = (0..9).map(|number| text(number).into_bytes()).collect();
    messages.push(b"Subject: other\r\n\r\nx\r\n".to_vec());
    let root = home.path().join("mail");
    let texts: Vec<String> =
        messages.iter().map(|octets| String::from_utf8(octets.clone()).expect("text")).collect();
    let names: Vec<String> = (1..=10).map(|number| format!("{number}.M{number}.h:2,")).collect();
    let files: Vec<(&str, &str)> =
        names.iter().map(String::as_str).zip(texts.iter().map(String::as_str)).collect();
    maildir(&root, &files);
    let seed = format!("--seed-mail={}", root.display());
    let trace = home.path().join("trace");
    let path = format!("--trace={}", trace.display());
    let said = |port: u16, query: &str, more: &[&str], found: usize| {
        let _ = std::fs::remove_file(&trace);
        let mut all = vec!["--uids", &path];
        all.extend(more);
        let run = on_server(&home, port, query, &all).run().success();
        assert_eq!(run.lines().len(), found, "{query}: {run}");
        std::fs::read_to_string(&trace).expect("a trace")
    };
    let with = ServeTest::with(&[&seed]);
    let without = ServeTest::with(&[&seed, "--hide=UTF8=ACCEPT,IMAP4rev2,PARTIAL"]);
    let here = said(with.port("imap"), "subject:会議室", &[], 9);
    assert!(here.contains("会議室") && !here.contains("CHARSET UTF-8"), "{here}");
    let here = said(without.port("imap"), "subject:会議室", &[], 9);
    assert!(here.contains("CHARSET UTF-8"), "{here}");
    let here = said(with.port("imap"), "is:unread", &["--limit=3"], 3);
    assert!(here.contains("PARTIAL 1:3"), "{here}");
    if let Some(dovecot) = Dovecot::start(test) {
        let stored = |octets| Stored { octets, flags: "", received: FIRST };
        let all: Vec<Stored<'_>> = messages.iter().map(|octets| stored(octets)).collect();
        dovecot.put("alice", "INBOX", &all);
        let here = said(dovecot.imap, "subject:会議室", &[], 9);
        assert!(here.contains("CHARSET UTF-8"), "{here}");
        let here = said(dovecot.imap, "is:unread", &["--limit=3"], 3);
        assert!(here.contains("PARTIAL 1:3"), "{here}");
    }
    // One that refuses the charset is asked without, and all is found out here.
    let field = "Subject: =?utf-8?b?5Lya6K2w5a6k?=\r\n\r\n";
    let server = Scripted::serve(vec![
        Step::line("* PREAUTH [CAPABILITY IMAP4rev1 ESEARCH LITERAL+] hello"),
        Step::Expect("LIST"),
        Step::line("* LIST (\\Noselect) \"/\" \"\""),
        Step::Tagged("OK done"),
        Step::Expect("EXAMINE"),
        Step::line("* 2 EXISTS"),
        Step::line("* OK [UIDVALIDITY 7] valid"),
        Step::Tagged("OK [READ-ONLY] done"),
        Step::Expect("UID SEARCH RETURN (ALL) CHARSET UTF-8"),
        Step::ReadOctets("会議室".len()),
        Step::ReadTo(""),
        Step::Tagged("NO [BADCHARSET (US-ASCII)] not that one"),
        Step::Expect("EXAMINE"),
        Step::line("* 2 EXISTS"),
        Step::line("* OK [UIDVALIDITY 7] valid"),
        Step::Tagged("OK [READ-ONLY] done"),
        Step::Expect("UID SEARCH RETURN (ALL) HEADER Subject"),
        Step::line("* ESEARCH UID ALL 1:2"),
        Step::Tagged("OK done"),
        Step::Expect("UID FETCH 1:2"),
        Step::line(&format!(
            "* 1 FETCH (UID 1 BODY[HEADER.FIELDS (Subject)] {{{}}}\r\n{field})",
            field.len()
        )),
        Step::line("* 2 FETCH (UID 2 BODY[HEADER.FIELDS (Subject)] {14}\r\nSubject: x\r\n\r\n)"),
        Step::Tagged("OK done"),
        Step::Expect("LOGOUT"),
        Step::line("* BYE"),
        Step::Tagged("OK done"),
        Step::Close,
    ]);
    let run = on_server(&home, server.port(), "subject:会議室", &["--uids"]).run();
    assert_eq!(run.text(), "1\n", "{:?} {:?}", server.lines(), server.surprises());
}
