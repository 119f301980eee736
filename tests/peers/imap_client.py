#!/usr/bin/env python3
"""imaplib against an IMAP server: everything that RFC 3501 asks of one, and a few extensions."""
import imaplib
import re
import select
import ssl
import uuid

from harness import TIMEOUT, USERS, at, case, equal, main, true, trusting

CRLF = b"\r\n"
SIMPLE = (b"Date: Mon, 7 Feb 1994 21:52:25 -0800\r\nFrom: Fred Foobar <foobar@Blurdybloop.example>\r\n"
          b"Subject: afternoon meeting\r\nTo: mooch@owatagu.example, \"Second, One\" <two@example.test>\r\n"
          b"Message-Id: <B27397-0100000@Blurdybloop.example>\r\nMIME-Version: 1.0\r\n"
          b"Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\n"
          b"Hello Joe, do you think we can meet at 3:30 tomorrow?\r\n")
MIXED = (b"From: a@x.test\r\nDate: Tue, 1 Jun 2021 12:00:00 +0000\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMIME-Version: 1.0\r\n"
         b"Content-Type: multipart/mixed; boundary=\"b1\"\r\n\r\npreamble\r\n"
         b"--b1\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
         b"Gr=C3=BC=C3=9Fe\r\n"
         b"--b1\r\nContent-Type: message/rfc822\r\n\r\n"
         b"From: inner@x.test\r\nSubject: inner\r\nContent-Type: multipart/alternative; boundary=b2\r\n\r\n"
         b"--b2\r\nContent-Type: text/plain\r\n\r\ninner text\r\n"
         b"--b2\r\nContent-Type: text/html\r\n\r\n<p>inner</p>\r\n--b2--\r\n"
         b"\r\n--b1\r\nContent-Type: application/pdf; name=\"a b.pdf\"\r\nContent-Transfer-Encoding: base64\r\n"
         b"Content-Disposition: attachment; filename=\"a b.pdf\"\r\n\r\n"
         b"JVBERi0xLjQK\r\n--b1--\r\nepilogue\r\n")


def login(user="alice"):
    imap = imaplib.IMAP4_SSL(*at("imaps"), ssl_context=trusting(), timeout=TIMEOUT)
    imap.login(user, USERS[user])
    return imap


class Scratch:
    """A logged-in connection and a mailbox of its own, deleted at the end."""

    def __init__(self, select=True, prefix="scratch"):
        self.select = select
        self.name = "%s-%s" % (prefix, uuid.uuid4().hex[:10])

    def __enter__(self):
        self.imap = login()
        ok(self.imap.create(self.name))
        if self.select:
            ok(self.imap.select(self.name))
        return self.imap, self.name

    def __exit__(self, *_):
        try:
            if self.imap.state == "SELECTED":
                self.imap.close()
            self.imap.delete(self.name)
            self.imap.logout()
        except (imaplib.IMAP4.error, OSError):
            pass


def ok(answer):
    kind, data = answer
    equal(kind, "OK", "the tagged response with %r" % (data,))
    return data


def literal(data):
    """The literal of a FETCH response that has one."""
    for item in data:
        if isinstance(item, tuple):
            return item[1]
    raise AssertionError("no literal in %r" % (data,))


def text(data):
    """A FETCH response as one string, literals as {n} and their octets."""
    return b" ".join(b"".join((i[0], CRLF, i[1])) if isinstance(i, tuple) else i for i in data if i).decode("utf-8", "replace")


def search(imap, *criteria):
    return [int(n) for n in ok(imap.uid("SEARCH", *criteria))[0].split()]


def append(imap, mailbox, message, flags="", date=None):
    data = ok(imap.append(mailbox, flags, date, message))
    found = re.search(rb"APPENDUID \d+ (\d+)", data[0])
    return int(found.group(1)) if found else None


@case("imap")
def starttls_and_what_is_offered_before():
    imap = imaplib.IMAP4(*at("imap"), timeout=TIMEOUT)
    true("IMAP4REV1" in imap.capabilities, "IMAP4rev1 is offered")
    true("STARTTLS" in imap.capabilities, "STARTTLS is offered")
    ok(imap.starttls(trusting()))
    true("STARTTLS" not in imap.capabilities, "STARTTLS is not offered again")
    true("LOGINDISABLED" not in imap.capabilities, "LOGIN is possible now")
    ok(imap.login("alice", USERS["alice"]))
    ok(imap.noop())
    equal(imap.logout()[0], "BYE")


@case("imaps")
def authenticate_plain():
    imap = imaplib.IMAP4_SSL(*at("imaps"), ssl_context=trusting(), timeout=TIMEOUT)
    true("AUTH=PLAIN" in imap.capabilities, "AUTH=PLAIN is offered")
    ok(imap.authenticate("PLAIN", lambda _: b"\0alice\0" + USERS["alice"].encode()))
    ok(imap.select("INBOX"))
    imap.logout()


@case("imaps")
def authenticate_cram_md5():
    imap = imaplib.IMAP4_SSL(*at("imaps"), ssl_context=trusting(), timeout=TIMEOUT)
    true("AUTH=CRAM-MD5" in imap.capabilities, "AUTH=CRAM-MD5 is offered")
    ok(imap.login_cram_md5("alice", USERS["alice"]))
    imap.logout()


@case("imaps")
def a_wrong_password_is_no():
    imap = imaplib.IMAP4_SSL(*at("imaps"), ssl_context=trusting(), timeout=TIMEOUT)
    try:
        imap.login("alice", "wrong")
        raise AssertionError("a wrong password was taken")
    except imaplib.IMAP4.error as error:
        true("AUTHENTICATIONFAILED" in str(error) or "NO" in str(error) or str(error), "a reason is given")
    ok(imap.login("alice", USERS["alice"]))
    imap.logout()


@case("imaps")
def a_password_with_special_characters_as_literal():
    imap = imaplib.IMAP4_SSL(*at("imaps"), ssl_context=trusting(), timeout=TIMEOUT)
    # imaplib sends a literal only in APPEND; here one is driven by hand (RFC 3501 section 4.3).
    imap.send(b"x1 LOGIN {5}\r\n")
    true(imap.readline().startswith(b"+"), "the go-ahead for a literal")
    imap.send(b"alice {%d}\r\n" % len(USERS["alice"]))
    true(imap.readline().startswith(b"+"), "the go-ahead for the second literal")
    imap.send(USERS["alice"].encode() + CRLF)
    line = imap.readline()
    while line.startswith(b"*"):
        line = imap.readline()
    true(line.startswith(b"x1 OK"), "LOGIN with literals: %r" % line)


@case("imaps")
def select_tells_what_it_must():
    with Scratch() as (imap, name):
        append(imap, name, SIMPLE)
        append(imap, name, SIMPLE, "\\Seen")
        data = ok(imap.select(name))
        equal(data[0], b"2", "EXISTS")
        for code in ("UIDVALIDITY", "UIDNEXT", "PERMANENTFLAGS", "UNSEEN"):
            true(imap.response(code)[1] != [None], code + " is told")
        true(b"\\Seen" in imap.response("FLAGS")[1][0], "FLAGS is told")
        ok(imap.select(name, readonly=True))
        # The RFC has no word for it; Dovecot says OK and changes nothing.
        imap.uid("STORE", "1:*", "+FLAGS", "(\\Flagged)")
        ok(imap.select(name))
        equal(search(imap, "FLAGGED"), [], "what STORE changed in a mailbox opened by EXAMINE")


@case("imaps")
def append_and_fetch_octet_for_octet():
    every = bytes(range(1, 256)).replace(b"\r", b"").replace(b"\n", b"")
    for message in (SIMPLE, MIXED, b"Subject: x\r\n\r\n", SIMPLE + every + CRLF, SIMPLE + b"z" * 200_000):
        with Scratch() as (imap, name):
            append(imap, name, message, "(\\Seen)", '"07-Feb-1994 21:52:25 -0800"')
            ok(imap.noop())
            data = ok(imap.uid("FETCH", "1:*", "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])"))
            equal(literal(data), message)
            told = text(data)
            true("\\Seen" in told, "flags: " + told[:200])
            true('INTERNALDATE "08-Feb-1994 05:52:25 +0000"' in told
                 or 'INTERNALDATE " 7-Feb-1994 21:52:25 -0800"' in told, "date: " + told[:200])
            true("RFC822.SIZE %d" % len(message) in told, "size: " + told[:200])


@case("imaps")
def a_body_without_peek_sets_seen():
    with Scratch() as (imap, name):
        append(imap, name, SIMPLE)
        ok(imap.noop())
        ok(imap.fetch("1", "(BODY.PEEK[])"))
        true("\\Seen" not in text(ok(imap.fetch("1", "(FLAGS)"))), "PEEK leaves the message unseen")
        data = ok(imap.fetch("1", "(RFC822)"))
        equal(literal(data), SIMPLE)
        true("\\Seen" in text(ok(imap.fetch("1", "(FLAGS)"))), "RFC822 sets \\Seen")


@case("imaps")
def envelope_and_bodystructure():
    with Scratch() as (imap, name):
        append(imap, name, SIMPLE)
        append(imap, name, MIXED)
        ok(imap.noop())
        told = text(ok(imap.fetch("1", "(ENVELOPE BODY BODYSTRUCTURE)")))
        for part in ('"Mon, 7 Feb 1994 21:52:25 -0800"', '"afternoon meeting"', '"Fred Foobar"',
                     '"foobar" "Blurdybloop.example"', '"Second, One"', '"<B27397-0100000@Blurdybloop.example>"'):
            true(part in told, "%s in %s" % (part, told))
        size = len(SIMPLE.split(CRLF * 2, 1)[1])
        true(re.search(r'(?i)\("text" "plain" \("charset" "us-ascii"\) NIL NIL "7bit" %d 1' % size, told),
             "structure: " + told)
        told = text(ok(imap.fetch("2", "(BODYSTRUCTURE)")))
        for part in (r'"text" "plain" \("charset" "utf-8"\) NIL NIL "quoted-printable" \d+ [01] ',
                     r'"message" "rfc822" NIL NIL NIL "7bit" \d+ \(NIL "inner"',
                     r'"alternative"', r'"application" "pdf" \("name" "a b.pdf"\) NIL NIL "base64" 1[24] ',
                     r'\("attachment" \("filename" "a b.pdf"\)\)', r'"mixed"'):
            true(re.search("(?i)" + part, told), "%s in %s" % (part, told))


@case("imaps")
def parts_and_octet_ranges():
    with Scratch() as (imap, name):
        append(imap, name, MIXED)
        ok(imap.noop())

        def part(section):
            return literal(ok(imap.fetch("1", "(BODY.PEEK[%s])" % section)))
        header, body = MIXED.split(CRLF * 2, 1)
        equal(part("HEADER"), header + CRLF * 2)
        equal(part("TEXT"), body)
        equal(part("1"), b"Gr=C3=BC=C3=9Fe")
        equal(part("1.MIME"), b"Content-Type: text/plain; charset=utf-8\r\n"
                              b"Content-Transfer-Encoding: quoted-printable\r\n\r\n")
        equal(part("2.HEADER"), b"From: inner@x.test\r\nSubject: inner\r\n"
                                b"Content-Type: multipart/alternative; boundary=b2\r\n\r\n")
        equal(part("2.1"), b"inner text")
        equal(part("2.2"), b"<p>inner</p>")
        equal(part("3"), b"JVBERi0xLjQK")
        equal(part("HEADER.FIELDS (SUBJECT)"), b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\n")
        true(b"Subject" not in part("HEADER.FIELDS.NOT (SUBJECT)"), "HEADER.FIELDS.NOT")
        data = ok(imap.fetch("1", "(BODY.PEEK[]<5.10>)"))
        equal(literal(data), MIXED[5:15])
        true(b"BODY[]<5>" in data[0][0], "the origin is told: %r" % data[0][0])
        equal(literal(ok(imap.fetch("1", "(BODY.PEEK[]<0.999999>)"))), MIXED)
        answer = ok(imap.fetch("1", "(BODY.PEEK[]<999999.10>)"))
        true('""' in text(answer) or "{0}" in text(answer), "a range behind the end is empty: %r" % answer)


@case("imaps")
def search_keys():
    with Scratch() as (imap, name):
        append(imap, name, SIMPLE, "(\\Seen \\Flagged)", '"01-Jan-2020 12:00:00 +0000"')
        append(imap, name, MIXED, "(\\Answered Custom)", '"01-Jun-2021 12:00:00 +0000"')
        append(imap, name, b"From: c@x.test\r\nDate: 1 Jan 2022 00:00:00 GMT\r\nSubject: third\r\n\r\n" + b"long " * 400 + CRLF, "", None)
        ok(imap.select(name))
        first, second, third = search(imap, "ALL")
        for criteria, wanted in (
                (("SEEN",), [first]), (("UNSEEN",), [second, third]), (("FLAGGED",), [first]),
                (("ANSWERED",), [second]), (("KEYWORD", "Custom"), [second]), (("UNKEYWORD", "Custom"), [first, third]),
                (("SUBJECT", "MEETING"), [first]), (("FROM", "fred"), [first]), (("TO", "mooch"), [first]),
                (("HEADER", "Message-Id", '""'), [first]), (("BODY", '"3:30"'), [first]), (("TEXT", '"inner text"'), [second]),
                (("BEFORE", "1-Jan-2021"), [first]), (("ON", "1-Jun-2021"), [second]), (("SINCE", "1-Jan-2022"), [third]),
                (("SENTBEFORE", "1-Jan-2000"), [first]), (("LARGER", "1500"), [third]), (("SMALLER", "500"), [first]),
                (("OR", "SEEN", "ANSWERED"), [first, second]), (("NOT", "SEEN", "NOT", "ANSWERED"), [third]),
                (("(SEEN FLAGGED)",), [first]), (("UID", str(second)), [second]), (("1,3",), [first, third]),
                (("*",), [third]), (("DELETED",), []), (("UNDELETED", "LARGER", "1500"), [third])):
            equal(search(imap, *criteria), wanted, "SEARCH " + " ".join(criteria))
        imap.literal = "Grüße".encode()
        kind, found = imap.uid("SEARCH", "CHARSET", "UTF-8", "SUBJECT")
        equal((kind, found), ("OK", [str(second).encode()]), "SEARCH for an encoded subject by a literal")
        kind, data = imap.uid("SEARCH", "CHARSET", "X-NO-SUCH", "SUBJECT", "x")
        equal(kind, "NO", "an unknown charset")


@case("imaps")
def store_and_what_is_told():
    with Scratch() as (imap, name):
        for _ in range(3):
            append(imap, name, SIMPLE)
        ok(imap.select(name))
        told = text(ok(imap.store("1:2", "+FLAGS", "(\\Flagged Word)")))
        true(told.count("\\Flagged") == 2 and told.count("Word") == 2, told)
        told = text(ok(imap.store("1", "-FLAGS", "(\\Flagged)")))
        true("\\Flagged" not in told and "Word" in told, told)
        told = text(ok(imap.store("2", "FLAGS", "(\\Draft)")))
        true("\\Draft" in told and "Word" not in told, told)
        data = ok(imap.store("3", "+FLAGS.SILENT", "(\\Deleted)"))
        equal(data, [None], "nothing is told of a silent STORE")
        equal(ok(imap.expunge()), [b"3"])
        equal(len(search(imap, "ALL")), 2)


@case("imaps")
def copy_move_and_uidplus():
    with Scratch() as (imap, name), Scratch(select=False, prefix="target") as (_, target):
        uids = [append(imap, name, message) for message in (SIMPLE, MIXED, SIMPLE)]
        ok(imap.select(name))
        data = ok(imap.uid("COPY", "%d,%d" % (uids[0], uids[1]), target))
        true(imap.response("COPYUID")[1][0] or b"COPYUID" in (data[0] or b""), "COPYUID is told")
        equal(imap.uid("COPY", str(uids[0]), "no-such-mailbox")[0], "NO")
        true("MOVE" in imap.capabilities or b"MOVE" in ok(imap.capability())[0], "MOVE is offered")
        ok(imap.uid("MOVE", str(uids[1]), target))
        equal(search(imap, "ALL"), [uids[0], uids[2]], "what is left")
        # UID EXPUNGE takes only its own.
        ok(imap.uid("STORE", "1:*", "+FLAGS.SILENT", "(\\Deleted)"))
        ok(imap.uid("EXPUNGE", str(uids[0])))
        equal(search(imap, "ALL"), [uids[2]])
        ok(imap.select(target))
        equal(len(search(imap, "ALL")), 3, "copied and moved")
        equal(literal(ok(imap.fetch("3", "(BODY.PEEK[])"))), MIXED)


@case("imaps")
def close_expunges_and_unselect_does_not():
    with Scratch() as (imap, name):
        append(imap, name, SIMPLE, "\\Deleted")
        append(imap, name, SIMPLE)
        ok(imap.select(name))
        ok(imap.unselect() if hasattr(imap, "unselect") else imap._simple_command("UNSELECT"))
        imap.state = "AUTH"
        equal(ok(imap.select(name)), [b"2"], "after UNSELECT")
        ok(imap.close())
        equal(ok(imap.select(name)), [b"1"], "after CLOSE")


@case("imaps")
def mailboxes_are_made_renamed_listed_and_deleted():
    imap = login()
    root = "tree-" + uuid.uuid4().hex[:10]
    try:
        ok(imap.create(root + "/a/b"))
        listed = b"\n".join(ok(imap.list('""', '"%s*"' % root)))
        for name in (root, root + "/a", root + "/a/b"):
            true(name.encode() in listed, "%s in %r" % (name, listed))
        one = ok(imap.list('""', '"%s/%%"' % root))
        equal(len(one), 1, "%% stops at the delimiter: %r" % one)
        # Modified UTF-7 (RFC 3501 section 5.1.3): "Ablage für Öl".
        ok(imap.create('"%s/Ablage f&APw-r &ANY-l"' % root))
        true(b"Ablage f&APw-r &ANY-l" in b"\n".join(ok(imap.list('""', '"%s/*"' % root))), "the name comes back")
        equal(imap.create(root + "/a/b")[0], "NO", "CREATE of one that is there")
        ok(imap.rename(root + "/a", root + "/c"))
        listed = b"\n".join(ok(imap.list('""', '"%s/*"' % root)))
        true((root + "/c/b").encode() in listed and (root + "/a").encode() not in listed, "renamed: %r" % listed)
        append(imap, root + "/c/b", SIMPLE)
        append(imap, root + "/c/b", SIMPLE, "\\Seen")
        told = ok(imap.status(root + "/c/b", "(MESSAGES UNSEEN UIDNEXT UIDVALIDITY RECENT)"))[0]
        true(b"MESSAGES 2" in told and b"UNSEEN 1" in told and b"UIDNEXT 3" in told, "STATUS: %r" % told)
        ok(imap.subscribe(root + "/c/b"))
        true((root + "/c/b").encode() in b"\n".join(ok(imap.lsub('""', '"%s*"' % root))), "LSUB")
        ok(imap.unsubscribe(root + "/c/b"))
        equal(imap.append("no-such-mailbox", "", None, SIMPLE)[0], "NO")
        true(b"TRYCREATE" in imap.append("no-such-mailbox", "", None, SIMPLE)[1][0], "TRYCREATE is told")
        equal(imap.delete("INBOX")[0], "NO", "INBOX cannot be deleted")
        equal(imap.select("no-such-mailbox")[0], "NO")
    finally:
        for name in ("/c/b", "/c", "/a/b", "/a", '/Ablage f&APw-r &ANY-l', ""):
            imap.delete('"%s%s"' % (root, name))
        imap.logout()


@case("imaps")
def the_hierarchy_delimiter_is_told():
    imap = login()
    data = ok(imap.list('""', '""'))
    true(re.match(rb'\(.*\\Noselect.*\) "/" ', data[0], re.I), "LIST of the empty name: %r" % data)
    true(b"INBOX" in b"\n".join(ok(imap.list('""', "inbox"))).upper(), "INBOX whatever its case")
    true(imap.namespace()[0] == "OK", "NAMESPACE")
    imap.logout()


@case("imaps")
def two_connections_see_each_others_changes():
    with Scratch() as (one, name):
        append(one, name, SIMPLE)
        append(one, name, MIXED)
        ok(one.select(name))
        two = login()
        ok(two.select(name))
        # New mail: EXISTS at the next command.
        append(two, name, SIMPLE)
        ok(one.noop())
        equal(one.response("EXISTS")[1][-1], b"3")
        # Flags: an unsolicited FETCH.
        ok(two.store("1", "+FLAGS", "(\\Flagged)"))
        ok(one.noop())
        told = one.response("FETCH")[1]
        true(told != [None] and b"\\Flagged" in told[-1], "the other's flags: %r" % told)
        # Expunges: told at NOOP, never while message numbers are in use (RFC 3501 section 7.4.1).
        ok(two.store("1", "+FLAGS.SILENT", "(\\Deleted)"))
        ok(two.expunge())
        one.untagged_responses.clear()
        ok(one.fetch("2", "(FLAGS)"))
        equal(one.response("EXPUNGE")[1], [None], "EXPUNGE during FETCH")
        ok(one.noop())
        equal(one.response("EXPUNGE")[1], [b"1"])
        equal(len(search(one, "ALL")), 2)
        two.logout()


@case("imaps")
def idle_tells_at_once():
    with Scratch() as (imap, name):
        true("IDLE" in imap.capabilities or b"IDLE" in ok(imap.capability())[0], "IDLE is offered")
        imap.send(b"i1 IDLE\r\n")
        true(imap.readline().startswith(b"+"), "the go-ahead of IDLE")
        other = login()
        append(other, name, SIMPLE)
        line = waited_line(imap)
        while not line.endswith(b"EXISTS\r\n"):
            line = waited_line(imap)
        equal(line, b"* 1 EXISTS\r\n")
        ok(other.select(name))
        ok(other.store("1", "+FLAGS", "(\\Flagged)"))
        line = waited_line(imap)
        while b"FETCH" not in line:
            line = waited_line(imap)
        true(b"\\Flagged" in line, "flags while idle: %r" % line)
        imap.send(b"DONE\r\n")
        line = imap.readline()
        while not line.startswith(b"i1 "):
            line = imap.readline()
        true(line.startswith(b"i1 OK"), "the end of IDLE: %r" % line)
        other.logout()
        ok(imap.noop())


def waited_line(imap):
    # What TLS has decrypted already is invisible to select.
    if not (isinstance(imap.sock, ssl.SSLSocket) and imap.sock.pending()):
        ready, _, _ = select.select([imap.sock], [], [], TIMEOUT)
        true(ready, "the server speaks within %d s" % TIMEOUT)
    return imap.readline()


@case("imaps")
def many_commands_in_one_write():
    with Scratch() as (imap, name):
        append(imap, name, SIMPLE)
        imap.send(b"p1 NOOP\r\np2 FETCH 1 (FLAGS)\r\np3 SEARCH ALL\r\np4 STATUS %s (MESSAGES)\r\n" % name.encode())
        tagged = []
        while len(tagged) < 4:
            line = imap.readline()
            true(line, "the connection lives")
            if line.startswith(b"p"):
                tagged.append(line.split()[0:2])
        equal(sorted(tagged), [[b"p1", b"OK"], [b"p2", b"OK"], [b"p3", b"OK"], [b"p4", b"OK"]])


@case("imaps")
def bad_commands_are_bad_and_the_session_lives():
    imap = login()
    for command in (b"NONSENSE", b"FETCH 1 (FLAGS)", b"SELECT", b"UID", b"LOGIN a", b"FETCH 0 (FLAGS)"):
        imap.send(b"b1 " + command + CRLF)
        line = imap.readline()
        while line.startswith(b"*"):
            line = imap.readline()
        true(line.startswith(b"b1 BAD") or line.startswith(b"b1 NO"), "%r: %r" % (command, line))
    ok(imap.noop())
    imap.logout()


@case("imaps")
def literal_plus_needs_no_go_ahead():
    with Scratch() as (imap, name):
        offered = ok(imap.capability())[0]
        true(b"LITERAL+" in offered or b"LITERAL-" in offered, "LITERAL+ or LITERAL- is offered")
        imap.send(b"l1 APPEND %s {%d+}\r\n" % (name.encode(), len(SIMPLE)) + SIMPLE + CRLF)
        line = imap.readline()
        while line.startswith(b"*"):
            line = imap.readline()
        true(line.startswith(b"l1 OK"), "%r" % line)


@case("imaps")
def users_do_not_see_each_other():
    alice, bob = login("alice"), login("bob")
    name = "private-" + uuid.uuid4().hex[:10]
    ok(alice.create(name))
    equal(bob.select(name)[0], "NO")
    ok(alice.delete(name))
    alice.logout()
    bob.logout()


if __name__ == "__main__":
    main()
