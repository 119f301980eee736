//! What suites of conformance check of servers, and what their authors found worth checking: RFC
//! 3501, 2180 and 9394 by imaplib, RFC 1939 and 6856 by poplib, RFC 5321 and its extensions by
//! smtplib, RFC 3977 and 5537 line by line, and logins where anybody may log in.

mod support;

use support::needs;
use support::wrapped::{python, shell};

/// Several sessions of one mailbox: what is gone stays readable until it is told, and nobody is
/// told while FETCH, STORE or SEARCH is answered (RFC 3501 section 7.4.1, RFC 2180 section 4.1).
#[test]
fn what_another_session_expunged_is_there_until_it_is_told() {
    if !needs("what_another_session_expunged_is_there_until_it_is_told", &["python3"]) {
        return;
    }
    let script = r#"
one, two = imap(), imap()
for number in range(1, 5):
    one.append("INBOX", None, None, b"Subject: m%d\r\n\r\nbody %d\r\n" % (number, number))
one.select("INBOX"); two.select("INBOX")
uids = [re.search(rb"UID (\d+)", line).group(1) for line in two.fetch("1:*", "(UID)")[1]]
one.store("4", "+FLAGS", r"(\Deleted)")
assert one.expunge() == ("OK", [b"4"])
def no_expunge():
    assert two.response("EXPUNGE")[1] in ([None], []), "told too early"
assert uids[3] in two.fetch("4", "(UID)")[1][0]; no_expunge()
assert two.fetch("4", "(BODY.PEEK[])")[1][0][1] == b"Subject: m4\r\n\r\nbody 4\r\n"; no_expunge()
assert two.store("4", "+FLAGS", r"(\Seen)")[0] == "OK"; no_expunge()
assert two.search(None, "ALL")[1] == [b"1 2 3 4"]; no_expunge()
assert two.copy("4", "Trash")[0] == "NO", "RFC 2180 section 4.4.1"
assert two.noop()[0] == "OK"
assert two.response("EXPUNGE")[1] == [b"4"]
assert two.search(None, "ALL")[1] == [b"1 2 3"]
# By UID the other numbers hold, whatever is told first.
one.store("1,3", "+FLAGS", r"(\Deleted)"); one.expunge()
said = two.uid("FETCH", uids[1], "(UID)")[1]
assert any(line and uids[1] in line for line in said), said
two.noop()
assert two.search(None, "ALL")[1] == [b"1"]
# RFC 9394 section 4: a range is the same from its other end.
tag = two._new_tag(); two.send(tag + b" SEARCH RETURN (PARTIAL 4:1) ALL\r\n")
assert b"PARTIAL (1:4 1)" in two.readline(), "in order"
"#;
    python(&[], script).success();
}

/// RFC 1939 section 11, RFC 6856 section 2.1: what is listed is what is sent.
#[test]
fn poplib_gets_as_many_octets_as_were_listed() {
    if !needs("poplib_gets_as_many_octets_as_were_listed", &["python3"]) {
        return;
    }
    let script = r#"
box = imap()
for text in b"A: b\r\nC: d\r\n\r\nx\ry", b"A: b\n\nx\n\n.\n", b"A: b\r\n\r\nx\r\n", b"no end", \
            "Subject: Gr\u00fc\u00dfe\r\n\r\n\u00e4\r\n".encode():
    box.append("INBOX", None, None, text)
for says_utf8 in False, True:
    drop = poplib.POP3("localhost", port("pop3"), timeout=30)
    drop.stls(context)
    if says_utf8: drop.utf8()
    drop.user("alice"); drop.pass_("secret")
    listed = [int(line.split()[1]) for line in drop.list()[1]]
    # poplib counts a line end as two, and leaves the dots of stuffing out.
    sent = [sum(len(line) + 2 for line in drop.retr(number)[1]) for number in range(1, 6)]
    assert listed == sent, (says_utf8, listed, sent)
    assert drop.stat() == (5, sum(sent))
    drop.quit()
raw = Raw("pop3")
for verb in "[IN-USE] x", "X" * 600:
    answer = raw.ask(verb)[0]
    assert answer.startswith("-ERR") and "[" not in answer and len(answer) < 510, answer
"#;
    python(&[], script).success();
}

/// RFC 5321 sections 3.5 and 4.5.3.1, RFC 2034, RFC 3030 section 2, RFC 2852 section 4.1.4.2.
#[test]
fn smtplib_is_answered_by_the_letter() {
    if !needs("smtplib_is_answered_by_the_letter", &["python3"]) {
        return;
    }
    let script = r#"
with smtp() as server:
    assert server.ehlo()[0] == 250
    assert server.verify("alice") == (250, b"2.1.5 <alice@localhost>")
    assert server.verify("alice@example.test")[0] == 250
    assert server.verify("nobody")[0] == 550
    assert "futurerelease" not in server.esmtp_features
    server.send(b"BDAT 6 FOO\r\nNOOP\r\nRSET\r\n")
    assert [server.getreply()[0], server.getreply()[0]] == [501, 250], "the six octets were no command"
    assert server.docmd("X" * 2000)[0] == 500
    # BY=...;N: late is told, unless NOTIFY leaves it out.
    server.mail("alice@example.test", ["BY=1;N"])
    server.rcpt("late-2s@fault.test")
    assert server.data("Subject: late\r\n\r\nx\r\n")[0] == 250
box = imap("alice")
end = time.monotonic() + 60
while time.monotonic() < end:
    box.noop()
    found = box.search(None, "TEXT", "4.4.7")[1][0].split()
    if found: break
    time.sleep(0.05)
assert found, "no report of the delay"
raw = Raw("smtp")
for line in "EHLO", "HELO":
    assert re.match(r"501 [^5]", raw.ask(line)[0]), "RFC 2034 section 4"
"#;
    python(&["--user", "alice:secret"], script).success();
}

/// RFC 3977 and RFC 5537 section 3.5.
#[test]
fn a_newsreader_is_answered_by_the_letter() {
    if !needs("a_newsreader_is_answered_by_the_letter", &["python3"]) {
        return;
    }
    let script = r#"
news = Raw("nntp")
def block(command):
    assert re.match("1|2", news.ask(command)[0])
    lines = []
    while (line := news.line()) != ".": lines.append(line)
    return lines
for command, code in ("COMPRESS DEFLATE", 500), ("", 500), ("CAPABILITIES 12", 501), ("X" * 600, 500):
    answer = news.ask(command)[0]
    assert answer.startswith("%d " % code) and len(answer) <= 510, (command, answer)
before = [line for line in block("CAPABILITIES") if line.startswith("SASL")]
group = block("LIST")[0].split()[0]
assert news.ask("GROUP " + group)[0].startswith("211")
assert news.ask("AUTHINFO USER alice")[0].startswith("381")
assert news.ask("AUTHINFO PASS secret")[0].startswith("281")
assert [line for line in block("CAPABILITIES") if line.startswith("SASL")] == before, "RFC 4643 section 2.2"
assert not news.ask("STAT")[0].startswith("412"), "the group is still selected"
good = "From: Ann <ann@a.test>\r\nSubject: s\r\nNewsgroups: %s\r\n" % group
def post(article):
    assert news.ask("POST")[0].startswith("340")
    return news.ask(article + "\r\n.")[0]
for bad in "Injection-Info: x\r\n", "Xref: x a:1\r\n", "Path: a!.POSTED!b\r\n", "Date: yesterday\r\n", \
           "Subject: again\r\n", "Message-ID: <a@2> junk\r\n", "garbage line\r\n", "X-Foo:bar\r\n":
    assert post(good + bad + "\r\nx").startswith("441"), bad
assert post(good + "\r\na\rb").startswith("441"), "a bare CR"
assert post(good.rstrip()).startswith("441"), "no empty line"
answer = post(good + "Date: Fri, 20 Mar 2026 09:46:40 +0000\r\nMessage-ID: <1@a.test>\r\n\r\nx")
assert answer.startswith("240"), answer
assert not any(line.startswith("Injection-Date") for line in block("HEAD <1@a.test>"))
assert block("HDR :BYTES <1@a.test>")[0].split()[1].isdigit()
"#;
    python(&["--allow-cleartext"], script).success();
}

/// Where anybody may log in, nothing is offered that needs a password known before: clients take
/// the strongest of what there is.
#[test]
fn anybody_logs_in_by_what_clients_choose() {
    if !needs("anybody_logs_in_by_what_clients_choose", &["python3", "curl", "msmtp"]) {
        return;
    }
    let exe = env!("CARGO_BIN_EXE_pillarbox");
    let script = format!(
        r#"
printf 'From: zoe@example.test\nSubject: for zoe\n\nx\n' |
  msmtp --host=localhost --port=$SUBMISSION_PORT --auth=on --user=zoe --passwordeval='echo x' \
    --tls=on --tls-starttls=on --tls-trust-file="$SSL_CERT_FILE" --from=zoe@example.test zoe@example.test
curl -sS --cacert "$SSL_CERT_FILE" -u zoe:y "$IMAPS_URL/INBOX;MAILINDEX=1" | grep -q 'for zoe'
curl -sS --cacert "$SSL_CERT_FILE" -u zoe:z "$POP3S_URL/1" | grep -q 'for zoe'
'{exe}' fetch --password-command 'echo w' --to mbox:got "imaps://zoe@$IMAPS_HOST:$IMAPS_PORT"
grep -q 'for zoe' got
python3 - <<'END'
import os, poplib
greeting = poplib.POP3("localhost", int(os.environ["POP3_PORT"]), timeout=30).getwelcome()
assert b"<" not in greeting, "APOP proves a password that nobody knows"
END
"#
    );
    shell(&["--any-user"], &script).success();
}
