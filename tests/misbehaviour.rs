//! `serve-test` misbehaving on command, as clients of other makers meet it: each TLS preset,
//! each kind of fault, each personality, the limits, and the reports of what was not delivered.

mod support;

use support::wrapped::{python, shell};
use support::{Home, args, needs};

#[test]
fn ssl_of_python_tells_each_certificate_by_its_fault() {
    if !needs("ssl_of_python_tells_each_certificate_by_its_fault", &["python3"]) {
        return;
    }
    for (preset, wanted) in [
        ("valid", "fine TLSv1.3"),
        ("expired", "certificate has expired"),
        ("not-yet", "certificate is not yet valid"),
        ("wrong-host", "Hostname mismatch"),
        ("self-signed", "self-signed certificate"),
        ("weak-key", "EE certificate key too weak"),
        ("tls1.0", "PROTOCOL"),
        ("tls1.1", "PROTOCOL"),
        ("tls1.2-only", "fine TLSv1.2"),
        ("tls1.3-only", "fine TLSv1.3"),
        ("ssl3", "PROTOCOL"),
    ] {
        let run = python(
            &["--tls", preset],
            r#"
def told(ask):
    try:
        return ask()
    except (ssl.SSLError, OSError) as error:
        return "%s %s" % (getattr(error, "reason", ""), error)
def implicit():
    with imaplib.IMAP4_SSL("localhost", port("imaps"), ssl_context=context) as server:
        return "fine " + server.sock.version()
def upgraded():
    with smtp() as server:
        server.starttls(context=context)
        return "fine " + server.sock.version()
def popped():
    return "fine " + poplib.POP3_SSL("localhost", port("pop3s"), context=context).sock.version()
for ask in implicit, upgraded, popped: print(told(ask))
"#,
        )
        .success();
        assert_eq!(run.lines().len(), 3, "{preset}: {run}");
        for line in run.lines() {
            assert!(line.contains(wanted), "{preset}: {run}");
        }
    }
}

#[test]
fn s_client_speaks_what_is_long_out_of_use() {
    if !needs("s_client_speaks_what_is_long_out_of_use", &["openssl"]) {
        return;
    }
    let old = "openssl s_client -connect localhost:$IMAPS_PORT -CAfile $PILLARBOX_CA \
               -cipher DEFAULT@SECLEVEL=0 -tls1 </dev/null 2>&1";
    let run = shell(&["--tls", "tls1.0"], old).success();
    assert!(run.text().contains("Protocol  : TLSv1\n"), "{run}");
    assert!(run.text().contains("Verify return code: 0 (ok)"), "{run}");
    let old = "openssl s_client -connect localhost:$SMTP_PORT -starttls smtp \
               -CAfile $PILLARBOX_CA -cipher DEFAULT@SECLEVEL=0 -tls1_1 </dev/null 2>&1";
    let run = shell(&["--tls", "tls1.1"], old).success();
    assert!(run.text().contains("Protocol  : TLSv1.1\n"), "{run}");
    let weak = "openssl s_client -connect localhost:$POP3S_PORT -CAfile $PILLARBOX_CA \
                -cipher DEFAULT@SECLEVEL=0 </dev/null 2>&1";
    let run = shell(&["--tls", "weak-key"], weak).success();
    assert!(run.text().contains("Server public key is 1024 bit"), "{run}");
}

#[test]
fn s_client_reads_the_stapled_revocation() {
    if !needs("s_client_reads_the_stapled_revocation", &["openssl"]) {
        return;
    }
    let status = "openssl s_client -connect localhost:$SMTPS_PORT -status -CAfile $PILLARBOX_CA \
                  </dev/null 2>&1";
    let run = shell(&["--tls", "revoked-staple"], status).success();
    for wanted in ["OCSP Response Status: successful", "Cert Status: revoked", "keyCompromise"] {
        assert!(run.text().contains(wanted), "{run}");
    }
    let none = shell(&["--tls", "valid"], status).success();
    assert!(none.text().contains("no response sent"), "{none}");
}

#[test]
fn ssl3_is_agreed_to_and_nothing_follows() {
    if !needs("ssl3_is_agreed_to_and_nothing_follows", &["openssl"]) {
        return;
    }
    let hello = "openssl s_client -connect localhost:$IMAPS_PORT -msg </dev/null 2>&1 || true";
    let run = shell(&["--tls", "ssl3"], hello).success();
    assert!(run.text().contains("    16 03 00 00 2a\n"), "{run}");
}

#[test]
fn smtplib_finds_no_starttls_or_garbage_behind_it() {
    if !needs("smtplib_finds_no_starttls_or_garbage_behind_it", &["python3"]) {
        return;
    }
    let script = r#"
with smtp() as server:
    try: server.starttls(context=context)
    except smtplib.SMTPNotSupportedError as error: print(error)
server = imaplib.IMAP4("localhost", port("imap"))
try: server.starttls(context)
except imaplib.IMAP4.abort as error: print(error)
try: poplib.POP3("localhost", port("pop3")).stls(context)
except poplib.error_proto as error: print(error)
assert imaplib.IMAP4_SSL("localhost", port("imaps"), ssl_context=context).welcome
"#;
    let run = python(&["--tls", "no-starttls"], script).success();
    assert_eq!(run.lines().len(), 3, "{run}");
    assert!(run.lines().iter().all(|line| line.contains("not supported")), "{run}");
    let script = r#"
def garbled(ask):
    try:
        ask()
        print("that was TLS")
    except ssl.SSLError as error: print(error.reason)
garbled(lambda: smtp().starttls(context=context))
garbled(lambda: imaplib.IMAP4("localhost", port("imap")).starttls(context))
garbled(lambda: poplib.POP3("localhost", port("pop3")).stls(context))
assert imaplib.IMAP4_SSL("localhost", port("imaps"), ssl_context=context).welcome
"#;
    let run = python(&["--tls", "starttls-garbage"], script).success();
    assert_eq!(run.lines(), ["WRONG_VERSION_NUMBER"; 3], "{run}");
}

#[test]
fn reports_come_to_the_sender() {
    if !needs("reports_come_to_the_sender", &["python3"]) {
        return;
    }
    let script = r#"
with smtp("submission") as server:
    server.starttls(context=context)
    server.login("alice", "secret")
    server.ehlo()
    assert server.has_extn("DSN")
    text = TEXT % ("bob@example.test", "of which a report comes", "the body")
    server.mail("alice@example.test", ["RET=FULL", "ENVID=QQ+2B1"])
    server.rcpt("bob@example.test", ["NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;Bob@Example.test"])
    server.rcpt("bounce-5.2.2@fault.test", ["NOTIFY=FAILURE"])
    server.rcpt("bounce-5.1.1@fault.test", ["NOTIFY=NEVER"])
    assert server.data(text)[0] == 250
    server.mail("alice@example.test", ["RET=HDRS"])
    server.rcpt("late-1s@fault.test", ["NOTIFY=SUCCESS,DELAY"])
    assert server.data(text)[0] == 250
box = imap()
def reports(count):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        box.noop()
        numbers = box.search(None, "SUBJECT", "deliver", "HEADER", "Auto-Submitted", "auto-replied")[1][0].split()
        numbers += box.search(None, "SUBJECT", "Delayed")[1][0].split()
        numbers += box.search(None, "SUBJECT", "Undelivered")[1][0].split()
        numbers = sorted(set(numbers))
        if len(numbers) >= count: break
    return [email.message_from_bytes(box.fetch(n, "(RFC822)")[1][0][1]) for n in numbers]
def fields(report):
    assert report.get_content_type() == "multipart/report", report
    assert report.get_param("report-type") == "delivery-status"
    status = report.get_payload()[1]
    assert status.get_content_type() == "message/delivery-status"
    return status.get_payload()
found = reports(3)
assert len(found) == 3, [str(r) for r in found]
first, late, done = found
whole, *recipients = fields(first)
assert whole["Original-Envelope-Id"] == "QQ+1", whole
assert [r["Action"] for r in recipients] == ["delivered", "failed"], first
assert recipients[0]["Original-Recipient"] == "rfc822;Bob@Example.test"
assert recipients[1]["Status"] == "5.2.2"
back = first.get_payload()[2].get_payload()[0]
assert back["Subject"] == "of which a report comes" and "the body" in back.get_payload()
assert fields(late)[1]["Action"] == "delayed" and fields(done)[1]["Action"] == "delivered"
assert late.get_payload()[2].get_content_type() == "text/rfc822-headers"
assert not done.is_multipart() or done["Auto-Submitted"] == "auto-replied"
assert imap("bob").search(None, "ALL")[1][0].split() == [b"1"]
"#;
    python(&[], script).success();
}

#[test]
fn extensions_that_hold_and_expire() {
    if !needs("extensions_that_hold_and_expire", &["python3"]) {
        return;
    }
    let script = r#"
# FUTURERELEASE stands on the submission port alone (RFC 4865 section 4.2).
assert not any("FUTURERELEASE" in line for line in Raw("smtp").ask("EHLO me"))
raw = Raw("submission")
offered = raw.ask("EHLO me")
assert raw.ask("AUTH PLAIN AGFsaWNlAHNlY3JldA==")[0].startswith("235")
for keyword in "FUTURERELEASE", "DELIVERBY", "MT-PRIORITY", "LIMITS RCPTMAX=1000", "PRDR", "XCLIENT":
    assert any(line[4:].startswith(keyword) for line in offered), (keyword, offered)
for wrong in "HOLDFOR=99999999", "HOLDUNTIL=2999-01-01T00:00:00Z", "BY=0;R", "HOLDFOR=60 BY=30;R":
    assert raw.ask("MAIL FROM:<alice@example.test> " + wrong)[0].startswith("501 5.5.4"), wrong
assert raw.ask("MAIL FROM:<alice@example.test> HOLDFOR=4 MT-PRIORITY=3")[0].startswith("250")
assert raw.ask("RCPT TO:<bob@example.test>")[0].startswith("250")
raw.ask("DATA"); start = time.monotonic()
assert raw.ask("Subject: held\r\n\r\nx\r\n.")[0].startswith("250")
box = imap("bob")
assert box.search(None, "ALL")[1] == [b""]
while box.search(None, "ALL")[1] == [b""]: box.noop()
assert time.monotonic() - start >= 4
assert b"PRIORITY 3;" in box.fetch("1", "(RFC822)")[1][0][1]
# Returned when its time is over.
raw.ask("MAIL FROM:<alice@example.test> BY=1;R")
raw.ask("RCPT TO:<late-30s@fault.test>"); raw.ask("DATA")
assert raw.ask("Subject: too late\r\n\r\nx\r\n.")[0].startswith("250")
box = imap()
while box.search(None, "ALL")[1] == [b""]: box.noop()
report = box.fetch("1", "(RFC822)")[1][0][1]
assert b"Status: 5.4.7" in report and b"Deliver-By-Date:" in report, report
assert raw.ask("XCLIENT NAME=spy.example.test ADDR=192.0.2.7 LOGIN=alice")[0].startswith("220")
raw.ask("EHLO spy")
raw.ask("MAIL FROM:<a@b.test>"); raw.ask("RCPT TO:<alice@example.test>"); raw.ask("DATA")
raw.ask("Subject: traced\r\n\r\nx\r\n.")
box.noop()
number = box.search(None, "SUBJECT", "traced")[1][0]
assert b"([192.0.2.7])\r\n\tby localhost with ESMTPA" in box.fetch(number, "(RFC822)")[1][0][1]
"#;
    python(&["--allow-cleartext"], script).success();
}

#[test]
fn limits_hold() {
    if !needs("limits_hold", &["python3"]) {
        return;
    }
    let script = r#"
import threading
server = smtp()
server.ehlo()
assert server.esmtp_features["size"] == "2048" and server.esmtp_features["limits"] == "RCPTMAX=2"
try:
    server.sendmail("a@b.test", ["bob@example.test"], "x" * 5000, )
    raise SystemExit("too much was taken")
except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
    assert error.smtp_code == 552, error
refused = server.sendmail("a@b.test", ["bob@example.test", "alice@example.test", "bob+x@example.test"], "Subject: x\n\nx")
assert refused == {"bob+x@example.test": (452, b"4.5.3 too many recipients")}, refused
assert server.docmd("NOOP", "x" * 600)[0] == 500
# Silent for too long.
time.sleep(4.5)
assert server.getreply()[0] == 421
others = [Raw("smtp") for _ in range(4)]
assert all(other.greeting.startswith("220") for other in others)
assert Raw("smtp").greeting.startswith("421"), "one too many"
assert Raw("pop3").greeting.startswith("-ERR [SYS/TEMP]"), "one too many"
assert Raw("imap").greeting.startswith("* BYE"), "one too many"
busy = others[0]
answers = [busy.ask("NOOP")[0] for _ in range(10)]
assert [a[:3] for a in answers] == ["250"] * 10, answers
assert busy.ask("NOOP")[0].startswith("421"), "that was one too many"
"#;
    let limits = "message=2048,recipients=2,connections=4,line=512,commands=10/min,idle=4s";
    python(&["--limit", limits], script).success();
    let script = r#"
first = pop(); assert first.capa()["LOGIN-DELAY"] == ["1"]
first.quit()
try:
    pop()
    raise SystemExit("so soon again")
except poplib.error_proto as error: assert b"[LOGIN-DELAY]" in error.args[0], error
time.sleep(1.1)
pop().quit()
"#;
    python(&["--limit", "login-delay=1s"], script).success();
    let home = Home::new();
    for wrong in ["recipients=none", "speed=1", "line=1"] {
        home.run(args!["serve-test", "--limit", wrong, "--", "true"]).expect(64);
    }
}

#[test]
fn faults_of_each_kind_are_met() {
    if !needs("faults_of_each_kind_are_met", &["python3"]) {
        return;
    }
    let faults = [
        // by the n-th match, code, argument
        "smtp rcpt to:/full/#1 => 452 4.2.2 full",
        "smtp mail from:<fast >2/min => 421 4.7.0 slow down",
        "lmtp . => 451 4.3.0 not now",
        "lmtp bdat 5 => 452 4.3.1 no",
        "lmtp bdat 3 => 452 4.3.1 no",
        "submission rcpt to:<grey => greylist 1s",
        "submission rcpt to:<slow => delay 1s",
        "submission noop garbled => garble",
        "submission noop closed => close",
        "submission noop stalled => stall",
        "imap fetch#1 => NO [UNAVAILABLE] later",
        "imap store => drop after 9",
        "imap noop => throttle 100/s",
        "imap create => BYE gone",
        "pop3 retr => drop after 300",
        "pop3 stat => -ERR [SYS/TEMP] later",
        "pop3 uidl => stall",
    ];
    let options: Vec<&str> = faults.iter().flat_map(|fault| ["--fault", *fault]).collect();
    let options = [&options[..], &["--seed", "7", "--allow-cleartext"]].concat();
    let script = r#"
def timed(ask):
    start = time.monotonic()
    return ask(), time.monotonic() - start
try: send("full@example.test")
except smtplib.SMTPRecipientsRefused as error:
    assert error.recipients["full@example.test"][0] == 452
try: send("full@example.test")
except smtplib.SMTPRecipientsRefused as error:
    assert error.recipients["full@example.test"][0] == 550, "unknown, and no more than that"
for number in range(3):
    try:
        send(sender="fast@example.test")
        assert number < 2
    except smtplib.SMTPSenderRefused as error: assert (number, error.smtp_code) == (2, 421)
lmtp = smtplib.LMTP("localhost", port("lmtp"))
lmtp.ehlo(); lmtp.mail("a@b.test"); lmtp.rcpt("bob@example.test"); lmtp.rcpt("alice@example.test")
assert lmtp.data("Subject: x\n\nx")[0] == 451 and lmtp.getreply()[0] == 451
# A chunk that was refused is missing: what comes behind it is no message. The last has a reply for each.
for chunks, codes in [(b"BDAT 5\r\n12345BDAT 2 LAST\r\n\r\n", [452, 503, 503]), (b"BDAT 3 LAST\r\n123", [452, 452])]:
    lmtp.rset(); lmtp.mail("a@b.test"); lmtp.rcpt("bob@example.test"); lmtp.rcpt("alice@example.test")
    lmtp.send(chunks)
    heard = [lmtp.getreply()[0] for _ in codes]
    assert heard == codes, heard
assert lmtp.noop()[0] == 250
server = smtp("submission")
server.login("alice", "secret")
server.mail("alice@example.test")
assert server.rcpt("grey@example.test")[0] == 451
time.sleep(1.1)
assert server.rcpt("grey@example.test") == (550, b"5.1.1 no such user here"), "it was let through"
server.rset(); server.mail("alice@example.test")
reply, span = timed(lambda: server.rcpt("slow@example.test"))
assert span >= 1 and reply[0] == 550
garbled = Raw("submission"); garbled.ask("EHLO me"); garbled.say("NOOP garbled")
line = garbled.line()
assert line != "250 2.0.0 ok" and line, line
closed = Raw("submission"); closed.ask("EHLO me"); closed.say("NOOP closed")
assert closed.file.read() == b"", "nothing was said"
stalled = Raw("submission"); stalled.ask("EHLO me"); stalled.say("NOOP stalled")
stalled.socket.settimeout(0.5)
try: raise SystemExit(stalled.line())
except TimeoutError: pass
send("alice@example.test", body="x" * 1000)
box = imap()
assert box.fetch("1", "(FLAGS)") == ("NO", [b"[UNAVAILABLE] later"])
assert box.fetch("1", "(FLAGS)")[0] == "OK"
_, span = timed(box.noop)
assert span >= 0.1, span
try: raise SystemExit(box.store("1", "+FLAGS", "\\Seen"))
except imaplib.IMAP4.abort: pass
box = imap()
try: raise SystemExit(box.create("x"))
except imaplib.IMAP4.abort as error: assert "gone" in str(error), error
drop = pop()
try: raise SystemExit(drop.stat())
except poplib.error_proto as error: assert b"[SYS/TEMP]" in error.args[0]
drop.sock.settimeout(0.5)
try: raise SystemExit(drop.uidl())
except TimeoutError: pass
"#;
    python(&options, script).success();
    let cut = r#"
send("alice@example.test", body="x" * 1000)
try: raise SystemExit(pop().retr(1))
except poplib.error_proto as error: print(error)
"#;
    python(&["--fault", "pop3 retr => drop after 300"], cut).success();
}

#[test]
fn addresses_ask_for_faults() {
    if !needs("addresses_ask_for_faults", &["swaks", "msmtp"]) {
        return;
    }
    let script = r#"
send() { swaks --silent 2 --timeout 2s --server localhost --port $SMTP_PORT --from alice@example.test --to "$1" 2>&1 || echo "swaks: $?"; }
send 451-4.3.2@fault.test
send close@fault.test
send stall@fault.test
printf 'Subject: x\n\nx\n' | msmtp --host=localhost --port=$SMTP_PORT --from=alice@example.test 550-5.1.1@fault.test 2>&1 || echo "msmtp: $?"
send bounce@fault.test
pillarbox serve-test wait --to alice --extract 'header:Subject'
"#;
    let run = shell(&[], script).success();
    for wanted in [
        "451 4.3.2 as the address asks",
        "swaks: 24",
        "550 5.1.1 as the address asks",
        "msmtp: 65",
        "Undelivered mail returned to sender",
    ] {
        assert!(run.text().contains(wanted), "{wanted}: {run}");
    }
}

#[test]
fn exchange_as_imaplib_meets_it() {
    if !needs("exchange_as_imaplib_meets_it", &["python3"]) {
        return;
    }
    let script = r#"
send("alice@example.test")
box = imap()
assert "MOVE" in box.capabilities and "ESEARCH" not in box.capabilities, box.capabilities
assert "IDLE" in box.capabilities and "IMAP4REV2" not in box.capabilities
listed = b" ".join(box.list()[1])
assert b"Sent Items" in listed and b"Junk Email" in listed, listed
size = int(re.search(rb"RFC822.SIZE (\d+)", box.fetch("1", "(RFC822.SIZE)")[1][0]).group(1))
text = box.fetch("1", "(BODY.PEEK[])")[1][0][1]
assert size == len(text) + 17, "sizes are estimates"
box.debug = 0
box._simple_command("UID", "SEARCH", "RETURN", "(ALL)", "SUBJECT", "nothing-like-that")
assert box.response("ESEARCH")[1] == [b""], "an ESEARCH without its tag"
box.untagged_responses.clear()
raw = Raw("imap")
raw.say("a LOGIN alice secret"); line = raw.line()
while not line.startswith("a "): line = raw.line()
raw.say("b SELECT INBOX"); line = raw.line()
while not line.startswith("b "): line = raw.line()
raw.say("c MOVE 1 Archive"); lines = []
while not lines or not lines[-1].startswith("c "): lines.append(raw.line())
assert any(l.startswith("* [COPYUID ") for l in lines), lines
raw.say("d NOOP " + "x" * 12000)
assert raw.line().startswith("d BAD Command Error. 10")
backoff = [raw.ask("e%d NOOP" % n)[0] for n in range(60)][-1]
assert re.match(r"e59 NO \[UNAVAILABLE\] Request is throttled. Suggested Backoff Time: \d+ milliseconds", backoff), backoff
with smtp() as server:
    server.ehlo()
    assert server.has_extn("BINARYMIME") and server.esmtp_features["size"] == "157286400"
"#;
    python(&["--like", "exchange", "--allow-cleartext", "--limit", "commands=50/min"], script)
        .success();
}

#[test]
fn icloud_gmail_courier_and_a_minimal_server() {
    if !needs("icloud_gmail_courier_and_a_minimal_server", &["python3"]) {
        return;
    }
    let icloud = r#"
send("alice@example.test"); send("alice@example.test")
box = imap()
assert b'RFC822 ""' in box.fetch("1", "(RFC822)")[1][0]
assert b"hello" in box.fetch("1", "(BODY[])")[1][0][1]
assert box.search(None, "LARGER", "1000000")[1] == [b"1 2"], "LARGER matches all"
box._simple_command("SEARCH", "RETURN", "(COUNT)", "ALL")
assert box.response("ESEARCH")[1][0].endswith(b"ALL 1:2"), "RETURN is ignored"
"#;
    python(&["--like", "icloud"], icloud).success();
    let gmail = r#"
send("alice@example.test", "one")
box = imap()
assert "QRESYNC" not in box.capabilities and "IMAP4REV2" not in box.capabilities
assert box.select('"[Gmail]/All Mail"')[1] == [b"1"]
with smtp() as server:
    server.ehlo()
    assert server.esmtp_features["size"] == "35882577" and not server.has_extn("DSN")
    try:
        for _ in range(30): server.noop()
        raise SystemExit("no limit")
    except smtplib.SMTPServerDisconnected: pass
"#;
    python(&["--like", "gmail", "--limit", "commands=20/min"], gmail).success();
    let courier = r#"
send("alice@example.test")
box = imap()
assert "SORT" in box.capabilities and "ENABLE" not in box.capabilities
assert box.store("1", "+FLAGS", "\\Seen")[1][-1] == b"0 (FLAGS ())"
"#;
    python(&["--like", "courier"], courier).success();
    let minimal = r#"
send("bob@example.test")
with smtp() as server:
    server.ehlo()
    assert server.esmtp_features == {}, server.esmtp_features
raw = Raw("pop3")
assert raw.ask("CAPA")[0].startswith("-ERR") and "<" not in raw.greeting
assert raw.ask("USER bob")[0].startswith("+OK") and raw.ask("PASS secret")[0].startswith("+OK")
assert raw.ask("STAT")[0].startswith("+OK 1 ") and raw.ask("UIDL")[0].startswith("-ERR")
box = imaplib.IMAP4("localhost", port("imap"))
assert set(box.capabilities) <= {"IMAP4REV1", "STARTTLS", "AUTH=PLAIN"}, box.capabilities
"#;
    python(&["--like", "minimal", "--allow-cleartext"], minimal).success();
}

#[test]
fn mbsync_fetches_from_each_personality_and_reports_a_fault() {
    let test = "mbsync_fetches_from_each_personality_and_reports_a_fault";
    if !needs(test, &["mbsync", "swaks"]) {
        return;
    }
    let script = r#"
swaks --silent 3 --server localhost --port $SMTP_PORT --to alice@example.test --header 'Subject: whole'
mkdir mail
cat >rc <<END
IMAPAccount x
Host localhost
Port $IMAPS_PORT
User alice
Pass secret
SSLType IMAPS
CertificateFile $SSL_CERT_FILE

IMAPStore far
Account x

MaildirStore near
Path ./mail/
Inbox ./mail/INBOX
SubFolders Verbatim

Channel x
Far :far:
Near :near:
Create Near
Patterns INBOX
Sync All
SyncState *
END
mbsync -c rc x 2>&1 || echo "mbsync: $?"
cat mail/INBOX/new/* mail/INBOX/cur/* 2>/dev/null | grep -c 'Subject: whole' || true
"#;
    for like in ["exchange", "icloud", "gmail", "courier", "minimal"] {
        let run = shell(&["--like", like], script).success();
        assert_eq!(run.lines().last(), Some(&"1"), "{like}: {run}");
    }
    let run = shell(&["--fault", "imap select => NO [UNAVAILABLE] try later"], script).success();
    assert!(run.text().contains("far side box INBOX cannot be opened"), "{run}");
    assert!(run.text().ends_with("mbsync: 1\n0\n"), "{run}");
}

#[test]
fn curl_and_msmtp_report_what_they_meet() {
    if !needs("curl_and_msmtp_report_what_they_meet", &["curl", "msmtp"]) {
        return;
    }
    let script = r#"
printf 'Subject: x\n\nx\n' | msmtp --host=localhost --port=$SUBMISSIONS_PORT --tls=on \
  --tls-starttls=off --tls-trust-file=$SSL_CERT_FILE --auth=off --from=alice@example.test \
  bob@example.test 2>&1 || echo "msmtp: $?"
curl -sS -u alice:secret "$IMAPS_URL" 2>&1 || echo "curl: $?"
"#;
    let run = shell(&["--tls", "expired"], script).success();
    for wanted in ["expired certificate", "msmtp: 69", "certificate has expired", "curl: 60"] {
        assert!(run.text().contains(wanted), "{wanted}: {run}");
    }
    let script = r#"
curl -sS --ssl-reqd -u alice:secret "$POP3_URL" 2>&1 || echo "curl: $?"
curl -sS --ssl-reqd --mail-from a@b.test --mail-rcpt bob@example.test -T rc "$SMTP_URL" 2>&1 || echo "curl: $?"
"#;
    let run = shell(&["--tls", "no-starttls"], &format!("echo >rc\n{script}")).success();
    for wanted in ["STLS not supported", "STARTTLS not supported", "curl: 64"] {
        assert!(run.text().contains(wanted), "{wanted}: {run}");
    }
}
