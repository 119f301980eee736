#!/usr/bin/env python3
"""IMAPClient against an IMAP server: what a program does with a mailbox from login to logout."""
import datetime
import uuid

from imapclient import IMAPClient, exceptions

from harness import TIMEOUT, USERS, at, case, equal, main, true, trusting

MESSAGE = (b"From: Ann <ann@x.test>\r\nTo: bob@x.test\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= %d\r\n"
           b"Date: Tue, 3 Mar 2026 10:00:00 +0100\r\nMessage-ID: <%s@x.test>\r\n"
           b"Content-Type: multipart/mixed; boundary=b\r\nMIME-Version: 1.0\r\n\r\n"
           b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nbody %d\r\n"
           b"--b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0=\r\n--b--\r\n")


def connect(user="alice", **options):
    host, port = at("imaps")
    client = IMAPClient(host, port=port, ssl=True, ssl_context=trusting(), timeout=TIMEOUT, **options)
    client.login(user, USERS[user])
    return client


class Scratch:
    """A logged-in client and a selected mailbox of its own with three messages."""

    def __enter__(self):
        self.client = connect()
        self.name = "Grüße-" + uuid.uuid4().hex[:8]
        self.client.create_folder(self.name)
        for number in range(3):
            self.client.append(self.name, MESSAGE % (number, uuid.uuid4().hex.encode(), number),
                               flags=[b"\\Seen"] if number == 0 else (),
                               msg_time=datetime.datetime(2026, 3, 3, 10, number, tzinfo=datetime.timezone.utc))
        self.client.select_folder(self.name)
        return self.client, self.name

    def __exit__(self, *_):
        try:
            self.client.unselect_folder()
            self.client.delete_folder(self.name)
            self.client.logout()
        except exceptions.IMAPClientError:
            pass


@case("imap")
def starttls_and_login():
    host, port = at("imap")
    client = IMAPClient(host, port=port, ssl=False, timeout=TIMEOUT)
    client.starttls(trusting())
    client.login("alice", USERS["alice"])
    true(client.has_capability("IDLE"), "IDLE")
    client.noop()
    client.logout()


@case("imaps")
def a_wrong_password_is_refused():
    host, port = at("imaps")
    client = IMAPClient(host, port=port, ssl=True, ssl_context=trusting(), timeout=TIMEOUT)
    try:
        client.login("alice", "wrong")
    except exceptions.LoginError:
        client.shutdown()
        return
    raise AssertionError("it was let in")


@case("imaps")
def plain_login():
    host, port = at("imaps")
    client = IMAPClient(host, port=port, ssl=True, ssl_context=trusting(), timeout=TIMEOUT)
    client.plain_login("alice", USERS["alice"])
    client.logout()


@case("imaps")
def folders_are_listed_and_renamed():
    with Scratch() as (client, name):
        names = [folder for _, _, folder in client.list_folders()]
        true("INBOX" in names and name in names, "both are listed: %r" % names)
        true(client.folder_exists(name), "it exists")
        equal(client.folder_status(name, ["MESSAGES", "UNSEEN"]), {b"MESSAGES": 3, b"UNSEEN": 2}, "status")
        client.create_folder(name + "2")
        client.rename_folder(name + "2", name + "3")
        client.subscribe_folder(name + "3")
        true(name + "3" in [folder for _, _, folder in client.list_sub_folders()], "it is subscribed to")
        client.unsubscribe_folder(name + "3")
        client.delete_folder(name + "3")
        true(client.namespace().personal is not None, "a name space")


@case("imaps")
def messages_are_fetched():
    with Scratch() as (client, _):
        uids = client.search()
        equal(len(uids), 3, "messages")
        got = client.fetch(uids, ["ENVELOPE", "BODYSTRUCTURE", "INTERNALDATE", "RFC822.SIZE", "FLAGS"])
        first = got[uids[0]]
        equal(first[b"ENVELOPE"].from_[0].mailbox, b"ann", "the author")
        true(first[b"BODYSTRUCTURE"].is_multipart, "several parts")
        equal(len(first[b"BODYSTRUCTURE"][0]), 2, "two parts")
        true(b"\\Seen" in first[b"FLAGS"], "seen")
        equal(got[uids[1]][b"INTERNALDATE"].minute, 1, "the date of arrival")
        whole = client.fetch(uids[1], ["BODY.PEEK[]"])[uids[1]][b"BODY[]"]
        equal(len(whole), got[uids[1]][b"RFC822.SIZE"], "the size")
        true(b"body 1" in whole, "the body")
        part = client.fetch(uids[2], ["BODY.PEEK[1]", "BODY.PEEK[2.MIME]"])[uids[2]]
        equal(part[b"BODY[1]"], b"body 2", "a part")
        true(b"application/pdf" in part[b"BODY[2.MIME]"], "a part's header")


@case("imaps")
def messages_are_searched_sorted_and_threaded():
    with Scratch() as (client, _):
        uids = client.search()
        equal(client.search(["UNSEEN"]), uids[1:], "unseen")
        equal(client.search(["SUBJECT", "Grüße 2"], charset="UTF-8"), uids[2:], "a subject in UTF-8")
        equal(client.search(["NOT", ["OR", "BODY", "body 0", "BODY", "body 2"]]), uids[1:2], "logic")
        equal(client.search(["SINCE", datetime.date(2026, 3, 3)]), uids, "since")
        if client.has_capability("SORT"):
            equal(client.sort(["REVERSE ARRIVAL"]), uids[::-1], "sorted")
        if client.has_capability("THREAD=REFERENCES"):
            equal(len(client.thread("REFERENCES")), 3, "threads")


@case("imaps")
def flags_come_and_go():
    with Scratch() as (client, _):
        uids = client.search()
        equal(client.add_flags(uids[:2], [b"\\Flagged", b"$Work"])[uids[1]][-1:] != (), True, "told")
        true(b"\\Flagged" in client.get_flags(uids[0])[uids[0]], "flagged")
        equal(client.search(["KEYWORD", "$Work"]), uids[:2], "by keyword")
        client.remove_flags(uids[0], [b"\\Flagged", b"$Work"])
        equal(client.search(["FLAGGED"]), uids[1:2], "one is left")
        client.set_flags(uids[1], [b"\\Answered"])
        true(b"\\Flagged" not in client.get_flags(uids[1])[uids[1]], "replaced")


@case("imaps")
def messages_are_copied_moved_and_expunged():
    with Scratch() as (client, name):
        uids = client.search()
        other = name + "-other"
        client.create_folder(other)
        client.copy(uids[0], other)
        client.move(uids[1], other)
        equal(client.search(), [uids[0], uids[2]], "one has moved")
        client.delete_messages(uids[2])
        client.expunge([uids[2]])
        equal(client.search(), [uids[0]], "one is gone")
        client.select_folder(other, readonly=True)
        equal(len(client.search()), 2, "two came")
        client.unselect_folder()
        client.delete_folder(other)


@case("imaps")
def idle_hears_of_another_session():
    with Scratch() as (client, name):
        other = connect()
        client.idle()
        other.append(name, MESSAGE % (9, b"idle", 9))
        heard = []
        for _ in range(10):
            heard += client.idle_check(timeout=2)
            if (4, b"EXISTS") in heard:
                break
        client.idle_done()
        true((4, b"EXISTS") in heard, "heard %r" % heard)
        other.logout()


if __name__ == "__main__":
    main()
