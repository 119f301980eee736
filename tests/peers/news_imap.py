#!/usr/bin/env python3
"""imaplib in the name space #news. of serve-test: newsgroups are mailboxes for reading."""
import imaplib

from harness import TIMEOUT, USERS, at, case, equal, main, true, trusting

GROUP = '"#news.comp.lang.rust"'


def login():
    imap = imaplib.IMAP4_SSL(*at("imaps"), ssl_context=trusting(), timeout=TIMEOUT)
    imap.login("alice", USERS["alice"])
    return imap


def listed(imap, pattern):
    _, lines = imap.list('""', pattern)
    return [line.decode() for line in lines if line]


@case("imaps")
def the_name_space_is_told_and_listed():
    imap = login()
    _, told = imap.namespace()
    true(b'(("#news." "."))' in told[0], told)
    true(not any("#news" in line for line in listed(imap, "*")), "not among the user's own")
    names = [line.split(' "." ')[1].strip('"') for line in listed(imap, '"#news.*"')]
    true("#news.comp.lang.rust" in names and "#news.local.test" in names, names)
    level = listed(imap, '"#news.%"')
    true(any("\\Noselect" in line and line.endswith("#news.comp") for line in level), level)
    true(not any("comp.lang" in line for line in level), level)
    imap.logout()


@case("imaps")
def a_group_is_read_and_not_changed():
    imap = login()
    equal(imap.status(GROUP, "(MESSAGES UIDNEXT)")[1], [b'#news.comp.lang.rust (MESSAGES 2 UIDNEXT 3)'])
    kind, data = imap.select(GROUP, readonly=True)
    equal((kind, data), ("OK", [b"2"]))
    equal(imap.uid("SEARCH", "SUBJECT", "second")[1], [b"2"])
    _, data = imap.uid("FETCH", "1", "(BODY.PEEK[TEXT])")
    equal(data[0][1], b"lifetimes\r\n")
    equal(imap.uid("COPY", "2", "INBOX")[0], "OK")
    equal(imap.uid("MOVE", "2", "INBOX")[0], "NO")
    equal(imap.append(GROUP, None, None, b"Subject: x\r\n\r\n")[0], "NO")
    equal(imap.create('"#news.mine"')[0], "NO")
    equal(imap.delete(GROUP)[0], "NO")
    equal(imap.rename(GROUP, "mine")[0], "NO")
    imap.select("INBOX")
    equal(imap.uid("SEARCH", "SUBJECT", "second")[1], [b"1"])
    try:
        imap.select(GROUP)
    except imaplib.IMAP4.readonly:
        pass
    else:
        raise AssertionError("SELECT has to say READ-ONLY")
    imap.select(GROUP, readonly=True)
    equal(imap.uid("STORE", "1", "+FLAGS", "(\\Deleted)")[0], "NO", "no flags")
    equal(imap._simple_command("CLOSE")[0], "OK")
    equal(imap.status("INBOX", "(MESSAGES)")[1], [b"INBOX (MESSAGES 1)"])
    imap.logout()


if __name__ == "__main__":
    main()
