//! What `serve-test` is like to clients of other makers when it is slow, full, or somebody else:
//! throttles, rates and limits in each protocol, Exchange's oddities, news that goes wrong, POP3's
//! response codes, and the real servers that it passes things on to.

mod support;

use support::wrapped::{PREAMBLE, python, shell};
use support::{Dovecot, Home, Inn, Postfix, Stored, args, needs, peers, skip};

/// As [`python`], without its warning of what leaves its library (nntplib).
fn python_with(options: &[&str], script: &str) -> support::Run {
    let home = Home::new();
    let mut command = home.pillarbox(args!["serve-test"]);
    for option in options {
        command = command.arg(option);
    }
    let script = format!("{PREAMBLE}\n{script}");
    command.arg("--").arg("python3").arg("-W").arg("ignore").arg("-c").arg(script).run()
}

/// What is measured is no more than what was asked for, however busy the machine is.
#[test]
fn a_throttled_server_is_measured_by_its_clients() {
    let test = "a_throttled_server_is_measured_by_its_clients";
    if !needs(test, &["python3", "curl", "swaks"]) {
        return;
    }
    let script = r#"
(printf 'Subject: slow\n\n'; head -c 3000 /dev/zero | tr '\0' x | fold -w 70; echo) >mail
swaks --silent 3 --server localhost --port $SMTP_PORT --to alice@example.test --data mail
curl -sS -u alice:secret "$IMAPS_URL/INBOX;UID=1" -o got -w '%{size_download} %{speed_download}\n'
grep -c xxx got
curl -sS -u alice:secret "$POP3S_URL/1" -o got -Y 1000 -y 1 2>&1 || echo "curl: $?"
"#;
    let faults =
        ["--fault", "imap uid => throttle 6000/s", "--fault", "pop3 retr => throttle 60/s"];
    let run = shell(&faults, script).success();
    let lines = run.lines();
    let numbers: Vec<u64> = lines[0].split(' ').filter_map(|word| word.parse().ok()).collect();
    assert!(numbers[0] > 3000 && numbers[1] <= 6000, "{run}");
    assert!(lines[1].parse::<u32>().is_ok_and(|count| count > 40), "{run}");
    assert!(run.text().contains("Operation too slow"), "{run}");
    assert_eq!(lines.last(), Some(&"curl: 28"), "{run}");
    let script = r#"
import nntplib
def rate(ask):
    start = time.monotonic(); answer = ask()
    return answer, len(repr(answer)) / (time.monotonic() - start)
send("alice@example.test", body="x\r\n" * 500)
answer, octets = rate(lambda: imap().fetch("1", "(BODY[TEXT])"))
assert answer[0] == "OK" and answer[1][0][1].count(b"x") == 500 and octets < 12000, octets
answer, octets = rate(lambda: pop().retr(1))
assert answer[1].count(b"x") == 500 and octets < 12000, octets
server = smtp()
answer, octets = rate(lambda: server.ehlo())
assert answer[0] == 250 and octets < 2000, octets
news = nntplib.NNTP("localhost", port("nntp"))
answer, octets = rate(lambda: news.help())
assert len(answer[1]) > 20 and octets < 4000, octets
"#;
    let faults = ["imap fetch", "pop3 retr", "smtp ehlo", "nntp help"].map(|what| {
        format!("{what} => throttle {}/s", if what == "smtp ehlo" { 1000 } else { 2000 })
    });
    let options: Vec<&str> = faults.iter().flat_map(|fault| ["--fault", fault.as_str()]).collect();
    python_with(&options, script).success();
}

/// Each personality says in its own words, in each protocol, that a client asks too often.
#[test]
fn who_asks_too_often_is_told_in_the_models_words() {
    let test = "who_asks_too_often_is_told_in_the_models_words";
    if !needs(test, &["python3"]) {
        return;
    }
    let script = r#"
import nntplib
def told(ask):
    for _ in range(60):
        try: answer = ask()
        except (imaplib.IMAP4.error, poplib.error_proto, nntplib.NNTPError, smtplib.SMTPException) as error:
            return type(error).__name__ + " " + str(error)
        if not isinstance(answer, bytes) and answer[0] not in ("OK", 250) and "111" not in str(answer[0]): return repr(answer)
    return "never"
box = imaplib.IMAP4("localhost", port("imap"), timeout=30); box.login("alice", "secret")
print(told(box.noop)); again = "" if box.state == "LOGOUT" else told(box.noop)
print("goes on" if "NO" in again else "ends")
drop = poplib.POP3("localhost", port("pop3"), timeout=30); drop.user("alice"); drop.pass_("secret")
print(told(drop.noop))
server = smtp(); print(told(lambda: server.docmd("NOOP")))
news = nntplib.NNTP("localhost", port("nntp"), timeout=30); print(told(news.date))
"#;
    let backoff = "Request is throttled. Suggested Backoff Time: ";
    let quota = "Account exceeded command or bandwidth limits.";
    let [limit, temporary] = ["[LIMIT] too many commands", "[SYS/TEMP] too many commands"];
    let plain = "(421, b'4.7.0 too many commands')";
    for (like, imap, end, pop, smtp) in [
        ("exchange", backoff, "goes on", backoff, plain),
        (
            "gmail",
            quota,
            "ends",
            "[SYS/TEMP] Account exceeded bandwidth limits.",
            "(421, b'4.7.28 ",
        ),
        ("icloud", limit, "ends", temporary, plain),
        ("courier", limit, "ends", temporary, plain),
        ("minimal", limit, "ends", temporary, plain),
    ] {
        let options = ["--like", like, "--limit", "commands=20/h", "--allow-cleartext"];
        let run = python_with(&options, script).success();
        let lines = run.lines();
        let wanted = [imap, end, pop, smtp, "NNTPTemporaryError 400 too many commands"];
        assert_eq!(lines.len(), wanted.len(), "{like}: {run}");
        for (line, wanted) in lines.iter().zip(wanted) {
            assert!(line.contains(wanted), "{like}: no {wanted} in {line}");
        }
    }
}

#[test]
fn exchange_as_imaplib_and_imapflow_report_it() {
    let test = "exchange_as_imaplib_and_imapflow_report_it";
    if !needs(test, &["python3"]) {
        return;
    }
    let script = r#"
send("alice@example.test"); send("alice@example.test")
box = imap()
try: raise SystemExit(box.fetch("1," * 6000 + "1", "(FLAGS)"))
except imaplib.IMAP4.error as error: assert "BAD [b'Command Error. 10']" in str(error), error
assert box.noop()[0] == "OK", "the connection is kept"
try: raise SystemExit(box.uid("MOVE", "1", "Archive"))
except imaplib.IMAP4.abort as error: assert "unexpected response: b'* [COPYUID " in str(error), error
box = imap()
assert box.status("Archive", "(MESSAGES)")[1] == [b"Archive (MESSAGES 1)"], "it was moved all the same"
"#;
    python(&["--like", "exchange"], script).success();
    if !peers().join("node/version").exists() {
        return skip(test, "not there: node/version (tests/run installs it)");
    }
    let script = r#"
const { ImapFlow } = require('imapflow');
// It would wait as long as it is told to: what it tells first is enough.
const logger = { debug() {}, info() {}, error() {}, warn(entry) {
  if (entry.msg !== 'Throttling detected') return;
  console.log(entry.err.code, entry.err.throttleReset > 0);
  process.exit(0);
} };
(async () => {
  const imap = new ImapFlow({ host: 'localhost', port: Number(process.env.IMAPS_PORT), secure: true,
    logger, auth: { user: 'alice', pass: 'secret' } });
  await imap.connect();
  for (let n = 0; n < 60; n++) (await imap.exec('NOOP')).next();
  console.log('never');
  process.exit(1);
})().catch((error) => { console.log('failed', error); process.exit(1); });
"#;
    let home = Home::new();
    let line =
        args!["serve-test", "--like", "exchange", "--limit", "commands=30/h", "--", "node", "-e"];
    let run = home
        .pillarbox(line)
        .arg(script)
        .env("NODE_PATH", peers().join("node/node_modules"))
        .run()
        .success();
    assert_eq!(run.lines(), ["ETHROTTLE true"], "{run}");
}

#[test]
fn news_goes_wrong_and_nntplib_reports_it() {
    let test = "news_goes_wrong_and_nntplib_reports_it";
    if !needs(test, &["python3"]) {
        return;
    }
    let faults = [
        "nntp greeting#1 => 400 later",
        "nntp group /gone/ => 411 gone",
        "nntp article => drop after 120",
        "nntp date => reply nonsense",
        "nntp post#1 => 440 not today",
        "nntp .#1 => 441 not this one",
        "nntp help => close",
        "nntp stat => stall",
        "nntp list => garble",
    ];
    let options: Vec<&str> =
        faults.iter().flat_map(|fault| ["--fault", *fault]).chain(["--seed", "3"]).collect();
    let script = r#"
import nntplib
def open_(): return nntplib.NNTP("localhost", port("nntp"), timeout=30)
def told(kind, ask):
    try: raise SystemExit("no error: %r" % (ask(),))
    except kind as error: return str(error)
TEXT = b"From: a@b.test\r\nNewsgroups: local.test\r\nSubject: x\r\nMessage-ID: <1@b.test>\r\n\r\n" + b"x" * 500 + b"\r\n"
assert told(nntplib.NNTPTemporaryError, open_) == "400 later"
news = open_()
assert told(nntplib.NNTPTemporaryError, lambda: news.post(TEXT)) == "440 not today"
assert told(nntplib.NNTPTemporaryError, lambda: news.post(TEXT)) == "441 not this one"
assert news.post(TEXT).startswith("240 ")
assert told(nntplib.NNTPTemporaryError, lambda: news.group("local.gone")) == "411 gone"
assert news.group("local.test")[1] == 1
assert told(nntplib.NNTPError, news.date) == "nonsense"
told(EOFError, lambda: news.article("<1@b.test>"))
news = open_(); told(EOFError, news.help)
news = open_(); news.group("local.test")
news.sock.settimeout(0.3); told(TimeoutError, news.stat)
news = open_()
try: garbled = news.list()[1] == [nntplib.GroupInfo("local.test", "1", "1", "y")]
except (nntplib.NNTPError, TypeError, ValueError): garbled = False
assert not garbled
"#;
    python_with(&options, script).success();
    let script = r#"
import nntplib
first = nntplib.NNTP("localhost", port("nntp"), timeout=30)
second = nntplib.NNTP("localhost", port("nntp"), timeout=30)
try: raise SystemExit(nntplib.NNTP("localhost", port("nntp"), timeout=30))
except nntplib.NNTPTemporaryError as error: assert str(error).startswith("400 "), error
second.quit()
try: raise SystemExit(first.group("x" * 600))
except nntplib.NNTPPermanentError as error: assert str(error) == "501 line too long", error
try: raise SystemExit(first.post(b"From: a@b.test\r\nNewsgroups: local.test\r\nSubject: x\r\n\r\n" + b"x\r\n" * 900))
except nntplib.NNTPTemporaryError as error: assert str(error) == "441 the article is too large", error
assert first.group("local.test")[1] == 0
"#;
    let limits = "message=2048,connections=2,line=512";
    python_with(&["--limit", limits], script).success();
    let script = r#"
import nntplib
news = nntplib.NNTP("localhost", port("nntp"), timeout=30)
try: news.starttls(context); print("TLS")
except (nntplib.NNTPError, ssl.SSLError) as error: print(type(error).__name__, error)
try: nntplib.NNTP_SSL("localhost", port("nntps"), ssl_context=context); print("TLS")
except ssl.SSLError as error: print(error)
"#;
    for (preset, wanted) in [
        ("valid", ["TLS", "TLS"]),
        ("no-starttls", ["NNTPPermanentError 5", "TLS"]),
        ("starttls-garbage", ["WRONG_VERSION_NUMBER", "TLS"]),
        ("expired", ["certificate has expired", "certificate has expired"]),
    ] {
        let run = python_with(&["--tls", preset], script).success();
        for (line, wanted) in run.lines().iter().zip(wanted) {
            assert!(line.contains(wanted), "{preset}: {run}");
        }
    }
}

/// RFC 2449, RFC 3206 and RFC 6856, by poplib.
#[test]
fn poplib_hears_the_codes_of_pop3() {
    if !needs("poplib_hears_the_codes_of_pop3", &["python3"]) {
        return;
    }
    let script = r#"
def fails(ask):
    try: raise SystemExit(ask())
    except poplib.error_proto as error: return error.args[0]
def plain(): return poplib.POP3("localhost", port("pop3"), timeout=30)
offered = plain().capa()
for name, value in ("EXPIRE", ["NEVER"]), ("UTF8", ["USER"]), ("LANG", []), ("RESP-CODES", []), \
                   ("AUTH-RESP-CODE", []), ("PIPELINING", []), ("TOP", []), ("UIDL", []), ("STLS", []):
    assert offered[name] == value, (name, offered)
drop = plain(); drop.stls(context)
assert "STLS" not in drop.capa() and "PLAIN" in drop.capa()["SASL"]
drop.user("alice"); assert b"[AUTH]" in fails(lambda: drop.pass_("wrong"))
assert drop._shortcmd("LANG en").startswith(b"+OK en "), "RFC 6856 section 3.2"
assert b"en English" in drop._longcmd("LANG")[1]
fails(lambda: drop._shortcmd("LANG uga"))
with smtp() as server:
    server.ehlo()
    text = "From: Jos\u00e9 <jose@example.test>\r\nSubject: Gr\u00fc\u00dfe\r\n\r\n\u00e4\r\n"
    server.sendmail("a@b.test", ["alice@example.test"], text.encode(), ["SMTPUTF8", "BODY=8BITMIME"])
drop.user("alice"); drop.pass_("secret")
# The first session has the maildrop.
other = plain(); other.stls(context); other.user("alice")
assert b"[IN-USE]" in fails(lambda: other.pass_("secret"))
lines = drop.retr(1)[1]
assert b"Subject: =?utf-8?B?R3LDvMOfZQ==?=" in lines and "\u00e4".encode() in lines, lines
drop.quit()
other.utf8(); other.user("alice"); other.pass_("secret")
assert "Subject: Gr\u00fc\u00dfe".encode() in other.retr(1)[1]
fails(lambda: other.utf8())
"#;
    python(&[], script).success();
}

#[test]
fn lines_have_their_limit_in_imap_too() {
    if !needs("lines_have_their_limit_in_imap_too", &["python3"]) {
        return;
    }
    let script = r#"
box = imap()
try: raise SystemExit(box.search(None, "SUBJECT", '"%s"' % ("x" * 600)))
except imaplib.IMAP4.error as error: assert "BAD" in str(error) and "[LIMIT]" in str(error), error
assert box.search(None, "ALL")[0] == "OK", "the session goes on"
assert box.append("INBOX", None, None, b"Subject: x\r\n\r\n" + b"x\r\n" * 1000)[0] == "OK", "no line"
# Without an end.
raw = Raw("imap")
raw.socket.sendall(b"a NOOP ")
try:
    for _ in range(4000): raw.socket.sendall(b"x" * 65536)
    raw.socket.sendall(b"\r\nb NOOP\r\n")
except OSError: pass
assert raw.line().startswith("a BAD [LIMIT]")
"#;
    python(&["--limit", "line=512"], script).success();
}

/// Dialogues with real servers through `--proxy`, in the clients' own words.
#[test]
fn real_servers_stand_behind_every_protocol() {
    let test = "real_servers_stand_behind_every_protocol";
    if !needs(test, &["python3"]) {
        return;
    }
    let Some(dovecot) = Dovecot::start(test) else { return };
    dovecot.put(
        "alice",
        "INBOX",
        &[Stored { octets: b"Subject: real\n\nx\n", flags: "", received: 1_700_000_000 }],
    );
    let record = |url: &str, ca: &str, script: &str| {
        let home = Home::new();
        let through = ["serve-test", "--record", "s.jsonl", "--proxy", url, "--ca-file", ca];
        let script = format!("{PREAMBLE}\n{script}");
        let line = [&through[..], &["--", "python3", "-W", "ignore", "-c", &script]].concat();
        home.pillarbox(&line).run().success();
        let recorded = std::fs::read_to_string(home.path().join("s.jsonl")).expect("a recording");
        assert!(!recorded.contains("PASS secret"), "{recorded}");
        assert!(!recorded.contains("AGFsaWNlAHNlY3JldA"), "{recorded}");
        recorded
    };
    let ca = dovecot.ca().display().to_string();
    let pop = r#"
drop = poplib.POP3("localhost", port("pop3"), timeout=30)
drop.user("alice"); drop.pass_("secret")
assert b"Subject: real" in drop.retr(1)[1]; drop.quit()
"#;
    let recorded = record(&dovecot.url("pop3s", "alice"), &ca, pop);
    assert!(recorded.contains("Dovecot") && recorded.contains("RETR 1"), "{recorded}");
    let lmtp = r#"
server = smtplib.LMTP("localhost", port("lmtp"), timeout=30)
assert server.sendmail("a@b.test", ["alice", "nobody"], "Subject: by LMTP\r\n\r\nx\r\n").keys() == {"nobody"}
server.quit()
"#;
    let url = format!("lmtp://localhost:{}", dovecot.lmtp);
    let recorded = record(&url, &ca, lmtp);
    assert!(recorded.contains("lhlo") && recorded.contains("rcpt TO:<nobody>"), "{recorded}");
    if let Some(postfix) = Postfix::before(test, &dovecot) {
        let submission = r#"
server = smtplib.SMTP("localhost", port("submission"), timeout=30)
server.login("alice", "secret")
assert server.sendmail("alice@example.test", ["bob@example.test"], "Subject: by Postfix\r\n\r\nx\r\n") == {}
server.quit()
"#;
        let url = postfix.url("submissions", None);
        let recorded = record(&url, &postfix.ca().display().to_string(), submission);
        assert!(recorded.contains("Postfix") && recorded.contains("mail FROM:"), "{recorded}");
    }
    if let Some(inn) = Inn::start(test) {
        let news = r#"
import nntplib
news = nntplib.NNTP("localhost", port("nntp"), timeout=30)
news.login("alice", "secret")
assert news.group("local.test")[4] == "local.test"
assert news.post(b"From: a@b.test\r\nNewsgroups: local.test\r\nSubject: x\r\n\r\nQUIT\r\n.dot\r\n").startswith("240")
news.quit()
"#;
        let url = format!("nntps://localhost:{}", inn.nntps);
        let recorded = record(&url, &inn.ca().display().to_string(), news);
        assert!(recorded.contains("GROUP local.test") && recorded.contains("INN"), "{recorded}");
        assert!(recorded.contains("\"content\":true"), "{recorded}");
    }
}

#[test]
fn a_caught_message_goes_on_to_postfix_with_a_login() {
    let test = "a_caught_message_goes_on_to_postfix_with_a_login";
    if !needs(test, &["swaks"]) {
        return;
    }
    let Some(dovecot) = Dovecot::start(test) else { return };
    let Some(postfix) = Postfix::before(test, &dovecot) else { return };
    let ca = postfix.ca().display().to_string();
    let script = format!(
        "swaks --silent 3 --server localhost --port $SMTP_PORT --from alice@example.test \
           --to bob@example.test --header 'Subject: caught' --body x
         for url in {} {}; do
           PILLARBOX_PASSWORD=secret pillarbox serve-test release 1 --via $url --ca-file {ca}
           PILLARBOX_PASSWORD=wrong pillarbox serve-test release 1 --via $url --ca-file {ca} || echo $?
         done",
        postfix.url("submissions", Some("alice")),
        postfix.url("submission", Some("alice")),
    );
    let run = shell(&[], &script).success();
    let lines = run.lines();
    assert_eq!(lines.len(), 4, "{run}");
    for at in [0, 2] {
        assert!(lines[at].starts_with("bob@example.test: delivered: 250"), "{run}");
        assert_eq!(lines[at + 1], "77", "{run}");
    }
    let log = postfix.log();
    assert!(log.contains("sasl_username=alice"), "{log}");
    let came = support::wait_for("the released mail", support::PATIENCE, || {
        let messages = dovecot.messages("bob", "INBOX");
        (messages.len() == 2).then_some(messages)
    });
    assert!(String::from_utf8_lossy(&came[0]).contains("Subject: caught"));
}

/// A hook that fails is told of, and the message is taken all the same.
#[test]
fn hooks_that_fail_are_told_of() {
    let test = "hooks_that_fail_are_told_of";
    let home = Home::new();
    let authority = support::Authority::new(&home.path().join("web"));
    let identity = authority.issue(support::Leaf::Good);
    let Some(server) = support::https::WebServer::start(test, Some(&identity)) else { return };
    if !needs(test, &["swaks"]) {
        return;
    }
    let ca = authority.certificate().display().to_string();
    let swaks = "swaks --silent 3 --server localhost --port $SMTP_PORT --to bob@example.test
        pillarbox serve-test wait --to bob --extract header:To";
    let url = |path: &str| format!("https://localhost:{}/{path}", server.port);
    for (path, told) in [("hook", None), ("status?500", Some("answers 500"))] {
        let url = url(path);
        let run = shell(&["--webhook", &url, "--ca-file", &ca], swaks).success();
        match told {
            None => assert!(!run.errors().contains("--webhook"), "{run}"),
            Some(told) => {
                run.says(&["--webhook for message #1", told]);
            }
        }
    }
    // Whoever it is, it is not whom we trust.
    shell(&["--webhook", &url("hook")], swaks).success().says(&["--webhook for message #1"]);
    shell(&["--exec", "exit 3"], swaks).success().says(&["--exec for message #1", "3"]);
    shell(&["--exec", "no-such-program"], swaks).success().says(&["--exec for message #1", "127"]);
}
