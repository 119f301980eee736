#!/usr/bin/env python3
"""poplib against a POP3 server. It puts its mail into bob's INBOX by IMAP and empties it before and after."""
import imaplib
import poplib
import re
import socket

from harness import TIMEOUT, USERS, at, case, equal, has, host, main, port, true, trusting

MESSAGES = [
    b"From: a@x.test\r\nSubject: first\r\n\r\nline one\r\n.\r\n..two dots\r\nline four\r\n",
    b"From: a@x.test\r\nSubject: second\r\n\r\n" + (b"x" * 900 + b"\r\n") * 50 + b"\r\n",
    b"From: a@x.test\r\nSubject: third, headers only\r\n\r\n",
]


def fill():
    """Makes bob's INBOX hold exactly MESSAGES."""
    imap = imaplib.IMAP4_SSL(*at("imaps"), ssl_context=trusting(), timeout=TIMEOUT)
    imap.login("bob", USERS["bob"])
    imap.select("INBOX")
    # By UID: RFC 3501 section 9 makes a sequence number of an empty mailbox BAD.
    imap.uid("STORE", "1:*", "+FLAGS.SILENT", "(\\Deleted)")
    imap.expunge()
    for message in MESSAGES:
        equal(imap.append("INBOX", "", None, message)[0], "OK")
    imap.logout()


def login():
    pop = poplib.POP3_SSL(*at("pop3s"), context=trusting(), timeout=TIMEOUT)
    pop.user("bob")
    pop.pass_(USERS["bob"])
    return pop


def whole(answer):
    """The octets of a multi-line response; poplib has undone the dots."""
    return b"\r\n".join(answer[1]) + b"\r\n"


@case("pop3s", "imaps")
def list_retrieve_and_top():
    fill()
    pop = login()
    equal(pop.stat(), (3, sum(map(len, MESSAGES))), "STAT")
    equal([line.split()[1] for line in pop.list()[1]], [b"%d" % len(m) for m in MESSAGES], "LIST")
    true(pop.list(2).startswith(b"+OK 2 %d" % len(MESSAGES[1])), "LIST of one")
    for number, message in enumerate(MESSAGES, 1):
        equal(whole(pop.retr(number)), message, "RETR %d" % number)
    equal(whole(pop.top(1, 2)), b"From: a@x.test\r\nSubject: first\r\n\r\nline one\r\n.\r\n", "TOP 1 2")
    equal(whole(pop.top(1, 0)), b"From: a@x.test\r\nSubject: first\r\n\r\n", "TOP 1 0")
    for command in (lambda: pop.retr(4), lambda: pop.dele(0), lambda: pop.list(99)):
        try:
            command()
            raise AssertionError("a message that is not there was found")
        except poplib.error_proto as error:
            true(error.args[0].startswith(b"-ERR"), repr(error))
    pop.quit()


@case("pop3s", "imaps")
def unique_ids_stay_the_same():
    fill()
    pop = login()
    first = pop.uidl()[1]
    equal(len({line.split()[1] for line in first}), 3, "different ids")
    true(all(re.fullmatch(rb"[\x21-\x7e]{1,70}", line.split()[1]) for line in first), "RFC 1939 section 7: %r" % first)
    pop.quit()
    pop = login()
    equal(pop.uidl()[1], first, "in the next session")
    equal(pop.uidl(2).split()[2], first[1].split()[1], "UIDL of one")
    pop.quit()


@case("pop3s", "imaps")
def deletions_count_only_after_quit():
    fill()
    pop = login()
    before = [line.split()[1] for line in pop.uidl()[1]]
    pop.dele(1)
    try:
        pop.retr(1)
        raise AssertionError("a deleted message was retrieved")
    except poplib.error_proto:
        pass
    equal(pop.stat()[0], 2)
    pop.rset()
    equal(pop.stat()[0], 3, "RSET takes it back")
    pop.dele(2)
    pop.close()
    pop = login()
    equal(pop.stat()[0], 3, "a session without QUIT deletes nothing")
    pop.dele(2)
    pop.quit()
    pop = login()
    equal([line.split()[1] for line in pop.uidl()[1]], [before[0], before[2]], "after QUIT")
    pop.quit()


@case("pop3")
def stls_and_capabilities():
    pop = poplib.POP3(*at("pop3"), timeout=TIMEOUT)
    before = pop.capa()
    true("STLS" in before, "STLS is offered: %r" % before)
    pop.stls(context=trusting())
    after = pop.capa()
    true("STLS" not in after, "STLS is not offered again: %r" % after)
    for name in ("UIDL", "TOP", "USER", "SASL", "PIPELINING", "RESP-CODES"):
        true(name in after, "%s is offered: %r" % (name, after))
    pop.user("bob")
    pop.pass_(USERS["bob"])
    pop.stat()
    pop.quit()


@case("pop3")
def apop_over_an_open_connection():
    pop = poplib.POP3(*at("pop3"), timeout=TIMEOUT)
    true(re.search(rb"<[^<>]+@[^<>]+>", pop.welcome), "a timestamp in the greeting: %r" % pop.welcome)
    pop.apop("bob", USERS["bob"])
    pop.stat()
    pop.quit()


@case("pop3s")
def a_wrong_password_is_refused():
    pop = poplib.POP3_SSL(*at("pop3s"), context=trusting(), timeout=TIMEOUT)
    pop.user("bob")
    try:
        pop.pass_("wrong")
        raise AssertionError("a wrong password was taken")
    except poplib.error_proto as error:
        true(error.args[0].startswith(b"-ERR"), repr(error))


@case("pop3s")
def commands_before_authentication():
    pop = poplib.POP3_SSL(*at("pop3s"), context=trusting(), timeout=TIMEOUT)
    for command in ("STAT", "NONSENSE"):
        try:
            pop._shortcmd(command)
            raise AssertionError(command + " was taken")
        except poplib.error_proto:
            pass
    pop.user("bob")
    pop.pass_(USERS["bob"])
    pop.quit()


@case("pop3s", "imaps")
def commands_in_one_write():
    fill()
    with socket.create_connection((host("pop3s"), port("pop3s")), timeout=TIMEOUT) as plain:
        with trusting().wrap_socket(plain, server_hostname=host("pop3s")) as tls:
            stream = tls.makefile("rb")
            true(stream.readline().startswith(b"+OK"), "greeting")
            tls.sendall(b"USER bob\r\nPASS " + USERS["bob"].encode() + b"\r\n")
            equal([stream.readline()[:3] for _ in range(2)], [b"+OK"] * 2)
            tls.sendall(b"STAT\r\nRETR 1\r\nRETR 3\r\nNOOP\r\nQUIT\r\n")
            true(stream.readline().startswith(b"+OK 3 "), "STAT")
            for message in (MESSAGES[0], MESSAGES[2]):
                true(stream.readline().startswith(b"+OK"), "RETR")
                got = b""
                line = stream.readline()
                while line != b".\r\n":
                    got += line[1:] if line.startswith(b".") else line
                    line = stream.readline()
                equal(got, message)
            equal([stream.readline()[:3] for _ in range(2)], [b"+OK"] * 2)
            equal(stream.readline(), b"", "the connection is closed behind QUIT")


if __name__ == "__main__":
    main()
