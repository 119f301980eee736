#!/usr/bin/env python3
"""smtplib against SMTP, submission and LMTP servers; what they stored is read back by IMAP."""
import imaplib
import smtplib
import socket
import uuid

from harness import (DOMAIN, TIMEOUT, USERS, at, case, equal, eventually, has, host, main, port, true, trusting,
                     without_trace)

ALICE, BOB = "alice@" + DOMAIN, "bob@" + DOMAIN
SENDER = "sender@elsewhere.test"


def message(subject, body=b"hello\r\n", extra=b""):
    return (b"From: " + SENDER.encode() + b"\r\nTo: " + ALICE.encode() + b"\r\nSubject: " + subject.encode()
            + b"\r\nMessage-ID: <" + subject.encode() + b"@elsewhere.test>\r\n" + extra + b"\r\n" + body)


def fresh(name):
    return name + "-" + uuid.uuid4().hex[:12]


def stored(user, subject):
    """The message with this subject in the user's INBOX as IMAP gives it, without trace fields."""
    def look():
        imap = imaplib.IMAP4_SSL(*at("imaps"), ssl_context=trusting(), timeout=TIMEOUT)
        try:
            imap.login(user, USERS[user])
            imap.select("INBOX", readonly=True)
            _, found = imap.uid("SEARCH", "HEADER", "Subject", subject)
            uids = found[0].split()
            if not uids:
                return None
            equal(len(uids), 1, "copies of " + subject)
            _, data = imap.uid("FETCH", uids[0].decode(), "(BODY.PEEK[])")
            return without_trace(data[0][1])
        finally:
            imap.logout()
    return eventually("delivery of %s to %s" % (subject, user), look)


def compare(user, subject, wanted):
    if has("imaps"):
        equal(stored(user, subject), wanted, "what is stored for " + user)


@case("smtp")
def plain_smtp_to_two_recipients():
    subject = fresh("plain")
    with smtplib.SMTP(*at("smtp"), timeout=TIMEOUT) as smtp:
        equal(smtp.sendmail(SENDER, [ALICE, BOB], message(subject)), {}, "refused recipients")
    compare("alice", subject, message(subject))
    compare("bob", subject, message(subject))


@case("smtp")
def helo_without_extensions():
    subject = fresh("helo")
    with smtplib.SMTP(*at("smtp"), timeout=TIMEOUT) as smtp:
        equal(smtp.helo("client.test")[0], 250)
        equal(smtp.mail(SENDER)[0], 250)
        equal(smtp.rcpt(ALICE)[0], 250)
        equal(smtp.data(message(subject))[0], 250)
    compare("alice", subject, message(subject))


@case("smtp")
def starttls_forgets_and_goes_on():
    subject = fresh("starttls")
    with smtplib.SMTP(*at("smtp"), timeout=TIMEOUT) as smtp:
        smtp.ehlo()
        true(smtp.has_extn("starttls"), "STARTTLS is offered")
        smtp.starttls(context=trusting())
        smtp.ehlo()
        true(not smtp.has_extn("starttls"), "STARTTLS is not offered again")
        equal(smtp.sendmail(SENDER, [ALICE], message(subject)), {})
    compare("alice", subject, message(subject))


@case("smtp")
def dots_and_long_lines_survive():
    subject = fresh("dots")
    body = b".\r\n..\r\n...three\r\n.x\r\n" + b"y" * 998 + b"\r\n. \r\nend without line end"
    with smtplib.SMTP(*at("smtp"), timeout=TIMEOUT) as smtp:
        smtp.sendmail(SENDER, [ALICE], message(subject, body))
    # SMTP cannot say that a last line has no end (RFC 5321 section 4.1.1.4).
    compare("alice", subject, message(subject, body + b"\r\n"))


@case("smtp")
def eight_bit_is_kept():
    subject = fresh("eightbit")
    body = "Grüße, 請求書\r\n".encode()
    extra = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
    with smtplib.SMTP(*at("smtp"), timeout=TIMEOUT) as smtp:
        smtp.ehlo()
        true(smtp.has_extn("8bitmime"), "8BITMIME is offered")
        smtp.sendmail(SENDER, [ALICE], message(subject, body, extra), mail_options=["BODY=8BITMIME"])
    compare("alice", subject, message(subject, body, extra))


@case("smtp")
def internationalised_headers_with_smtputf8():
    subject = fresh("utf8")
    extra = "X-Name: Jürgen Groß\r\n".encode()
    with smtplib.SMTP(*at("smtp"), timeout=TIMEOUT) as smtp:
        smtp.ehlo()
        true(smtp.has_extn("smtputf8"), "SMTPUTF8 is offered")
        options = ["SMTPUTF8", "BODY=8BITMIME"]
        equal(smtp.sendmail("jürgen@elsewhere.test", [ALICE], message(subject, extra=extra), mail_options=options), {})
    compare("alice", subject, message(subject, extra=extra))


@case("smtp")
def size_is_announced_and_minded():
    with smtplib.SMTP(*at("smtp"), timeout=TIMEOUT) as smtp:
        smtp.ehlo()
        true(smtp.has_extn("size"), "SIZE is offered")
        limit = int(smtp.esmtp_features["size"] or 0)
        if limit:
            code, _ = smtp.mail(SENDER, ["SIZE=%d" % (limit + 1)])
            equal(code, 552, "MAIL with a size past the limit (RFC 1870 section 6.1)")


@case("smtp")
def commands_out_of_order():
    with smtplib.SMTP(*at("smtp"), timeout=TIMEOUT) as smtp:
        smtp.ehlo()
        equal(smtp.docmd("RCPT TO:<%s>" % ALICE)[0], 503, "RCPT before MAIL")
        # RFC 5321 section 4.3.2 has 503 here; RFC 2920 section 3.1 has 554 when no recipient was taken.
        true(smtp.docmd("DATA")[0] in (503, 554), "DATA before MAIL")
        equal(smtp.mail(SENDER)[0], 250)
        equal(smtp.docmd("MAIL FROM:<second@elsewhere.test>")[0], 503, "a second MAIL")
        equal(smtp.rset()[0], 250)
        equal(smtp.docmd("NONSENSE")[0] // 100, 5, "an unknown command")
        equal(smtp.noop()[0], 250)
        true(smtp.verify(ALICE)[0] in (250, 252, 502), "VRFY")


@case("smtp")
def a_pipelined_transaction_in_one_write():
    subject = fresh("pipelined")
    with socket.create_connection(at("smtp"), timeout=TIMEOUT) as connection:
        stream = connection.makefile("rb")
        equal(stream.readline()[:4], b"220 ")
        connection.sendall(b"EHLO client.test\r\n")
        line = stream.readline()
        offers = []
        while line[3:4] == b"-":
            offers.append(line[4:].strip())
            line = stream.readline()
        offers.append(line[4:].strip())
        true(b"PIPELINING" in offers, "PIPELINING is offered")
        connection.sendall(b"MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\n"
                           % (SENDER.encode(), ALICE.encode(), BOB.encode()))
        codes = [stream.readline()[:3] for _ in range(4)]
        equal(codes, [b"250", b"250", b"250", b"354"])
        connection.sendall(message(subject) + b".\r\nQUIT\r\n")
        equal([stream.readline()[:3] for _ in range(2)], [b"250", b"221"])
        equal(stream.readline(), b"", "the connection is closed behind 221")
    compare("bob", subject, message(subject))


@case("smtp")
def two_messages_on_one_connection():
    first, second = fresh("first"), fresh("second")
    with smtplib.SMTP(*at("smtp"), timeout=TIMEOUT) as smtp:
        smtp.sendmail(SENDER, [ALICE], message(first))
        smtp.sendmail(SENDER, [BOB], message(second))
    compare("alice", first, message(first))
    compare("bob", second, message(second))


def authenticate(smtp, mechanism, user="alice", password=None):
    smtp.user, smtp.password = user, USERS[user] if password is None else password
    method = getattr(smtp, "auth_" + mechanism.lower().replace("-", "_"))
    return smtp.auth(mechanism, method, initial_response_ok=mechanism == "PLAIN")


@case("submission")
def authentication_behind_starttls():
    for mechanism in ("PLAIN", "LOGIN", "CRAM-MD5"):
        with smtplib.SMTP(*at("submission"), timeout=TIMEOUT) as smtp:
            smtp.starttls(context=trusting())
            smtp.ehlo()
            true(mechanism in smtp.esmtp_features["auth"].split(), mechanism + " is offered")
            equal(authenticate(smtp, mechanism)[0], 235, mechanism)
            subject = fresh("auth-" + mechanism)
            equal(smtp.sendmail(ALICE, [BOB], message(subject)), {})
        compare("bob", subject, message(subject))


@case("submissions")
def authentication_over_implicit_tls():
    subject = fresh("implicit")
    with smtplib.SMTP_SSL(*at("submissions"), context=trusting(), timeout=TIMEOUT) as smtp:
        equal(smtp.login("alice", USERS["alice"])[0], 235)
        equal(smtp.sendmail(ALICE, [BOB], message(subject)), {})
    compare("bob", subject, message(subject))


@case("submissions")
def plain_without_initial_response():
    with smtplib.SMTP_SSL(*at("submissions"), context=trusting(), timeout=TIMEOUT) as smtp:
        smtp.ehlo()
        equal(smtp.docmd("AUTH PLAIN")[0], 334)
        import base64
        answer = base64.b64encode(b"\0alice\0" + USERS["alice"].encode()).decode()
        equal(smtp.docmd(answer)[0], 235)


@case("submissions")
def a_wrong_password_is_refused_and_the_session_lives():
    with smtplib.SMTP_SSL(*at("submissions"), context=trusting(), timeout=TIMEOUT) as smtp:
        smtp.ehlo()
        try:
            authenticate(smtp, "PLAIN", password="wrong")
            raise AssertionError("a wrong password was taken")
        except smtplib.SMTPAuthenticationError as error:
            equal(error.smtp_code, 535)
        equal(smtp.docmd("AUTH PLAIN", "*")[0] // 100, 5, "an initial response that is no base64")
        equal(authenticate(smtp, "PLAIN")[0], 235, "the right password after the wrong one")


@case("submissions")
def an_exchange_can_be_cancelled():
    with smtplib.SMTP_SSL(*at("submissions"), context=trusting(), timeout=TIMEOUT) as smtp:
        smtp.ehlo()
        equal(smtp.docmd("AUTH LOGIN")[0], 334)
        equal(smtp.docmd("*")[0], 501, "RFC 4954 section 4")
        equal(smtp.noop()[0], 250)


@case("submission")
def submission_wants_authentication():
    with smtplib.SMTP(*at("submission"), timeout=TIMEOUT) as smtp:
        smtp.starttls(context=trusting())
        smtp.ehlo()
        first = smtp.mail(SENDER)[0]
        code = smtp.rcpt(ALICE)[0] if first == 250 else first
        true(code in (530, 550, 554), "mail without authentication is refused, not %d" % code)


@case("smtps")
def smtp_over_implicit_tls():
    subject = fresh("smtps")
    with smtplib.SMTP_SSL(*at("smtps"), context=trusting(), timeout=TIMEOUT) as smtp:
        equal(smtp.sendmail(SENDER, [ALICE], message(subject)), {})
    compare("alice", subject, message(subject))


@case("lmtp")
def lmtp_answers_for_each_recipient():
    subject = fresh("lmtp")
    # smtplib's LMTP reads one reply behind the data, so the dialogue is driven by hand here.
    with smtplib.LMTP(host("lmtp"), port("lmtp")) as lmtp:
        lmtp.sock.settimeout(TIMEOUT)
        equal(lmtp.ehlo("client.test")[0], 250, "LHLO")
        equal(lmtp.mail(SENDER)[0], 250)
        equal(lmtp.rcpt(ALICE)[0], 250)
        equal(lmtp.rcpt("nobody-here@" + DOMAIN)[0] // 100, 5, "an unknown recipient")
        equal(lmtp.rcpt(BOB)[0], 250)
        equal(lmtp.docmd("DATA")[0], 354)
        lmtp.send(message(subject) + b".\r\n")
        equal(lmtp.getreply()[0], 250, "the reply for alice")
        equal(lmtp.getreply()[0], 250, "the reply for bob")
        equal(lmtp.noop()[0], 250, "and none for the one that was refused")
    compare("alice", subject, message(subject))
    compare("bob", subject, message(subject))


@case("lmtp")
def lmtp_by_sendmail():
    subject = fresh("lmtp-one")
    with smtplib.LMTP(host("lmtp"), port("lmtp")) as lmtp:
        equal(lmtp.sendmail(SENDER, [ALICE], message(subject)), {})
    compare("alice", subject, message(subject))


if __name__ == "__main__":
    main()
