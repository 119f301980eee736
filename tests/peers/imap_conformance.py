"""What RFC 3501, RFC 9051 and their extensions say of a server, line by line over a socket.

Every check is one command and what has to be answered. The same checks run against Dovecot:
where it and the RFC differ, DOVECOT says so with the RFC's own words, and a check that is named
there may fail on Dovecot and nowhere else.

Of the scripts of Dovecot's imaptest, three ask for what the RFCs do not have, and cannot pass here:
  fetch-binary-mime         BINARY[TEXT], BINARY[1.MIME], BINARY[2.HEADER]. RFC 3516 section 7:
                            section-binary = "[" [section-part] "]"
  fetch-binary-mime-base64  BINARY[5]<15>, without a count, and so fetch-binary-mime-qp. RFC 3516
                            section 7: partial = "<" number "." nz-number ">"
  sort-partial              SORT (ARRIVAL) US-ASCII RETURN (PARTIAL 1:1) ALL. RFC 5267 section 5:
                            extended-sort = ["UID" SP] "SORT" search-return-opts SP sort-criteria [...]
"""
import base64
import os
import re
import socket
import sys
import time

import harness
from harness import case, equal, true

USER, PASSWORD = next(iter(harness.USERS.items()))
DOVECOT_HERE = "IMAP_IS_DOVECOT" in os.environ

# Checks that Dovecot 2.3 does not meet, and the words by which we do.
DOVECOT = {
    "bad: fetch partial zero": 'RFC 9051 section 9: partial = "<" number64 "." nz-number64 ">", and 0 is no nz-number64',
    "bad: fetch partial one number": 'RFC 9051 section 9: partial = "<" number64 "." nz-number64 ">", of which one is not there',
    "bad: fetch part zero": 'RFC 9051 section 9: section-part = nz-number *("." nz-number)',
    "bad: store no flags": 'RFC 9051 section 9: store-att-flags = [...] SP (flag-list / (flag *(SP flag)))',
    "rename onto one": 'RFC 9051 section 6.3.6: "It is an error to attempt to rename from a mailbox name that does not exist or to a '
                       'mailbox name that already exists"; Dovecot 2.3 renames onto an empty one, and what follows is without it',
    **dict.fromkeys(["parent is a level", "subscribe", "lsub", "percent is one level", "star is all", "reference"],
                    "as above: the mailbox has been renamed away"),
    "namespace": 'RFC 2342 section 5 has a server with newsgroups tell them as #news.; Dovecot has none',
    "several": 'RFC 3502 is no extension of Dovecot 2.3',
    "nothing of several": 'RFC 3502 is no extension of Dovecot 2.3',
    "in its place": 'RFC 5267 section 4.3.1: places of a sorted result are for CONTEXT=SORT, which Dovecot has not',
    "new mail is found": 'RFC 5267 section 4.3.1: places of a sorted result are for CONTEXT=SORT, which Dovecot has not',
    "status": 'RFC 5465 section 3.1: "If MessageNew is enabled, the STATUS response MUST contain MESSAGES, UIDNEXT, and UIDVALIDITY"; '
              'Dovecot tells UNSEEN too',
    "wrong pair": 'RFC 5465 section 5: "If one of MessageNew or MessageExpunge is specified, then both events MUST be specified. '
                  'Otherwise, the server MUST respond with the tagged BAD response"',
    "flags alone": 'RFC 5465 section 5: "If the FlagChange and/or AnnotationChange events are specified, MessageNew and MessageExpunge '
                   'MUST also be specified by the client. Otherwise, the server MUST respond with the tagged BAD response"',
    "binary text": 'RFC 3516 section 4.3: "If the domain of the decoded data is \\"8bit\\" and the data does not contain the NUL '
                   'octet, the server SHOULD return the data in a <string> instead of a <literal8>"; Dovecot 2.3 returns a literal8',
    "7:*": 'RFC 3501 section 9: "seq-range [...] * represents the largest number in use", and 7:* is *:7',
}
checks = 0
failures = []
_open = []


class Answer:
    def __init__(self, status, text, untagged):
        self.status, self.text, self.untagged = status, text, untagged

    def has(self, pattern):
        return any(re.search(pattern, line, re.S | re.I) for line in self.untagged)

    def all(self, pattern):
        return [line for line in self.untagged if re.search(pattern, line, re.S | re.I)]

    def __repr__(self):
        return "%r / %s %s" % (self.untagged, self.status, self.text)


class Imap:
    """A client that sends what it is told, and reads responses with their literals."""

    def __init__(self, login=True):
        self.sock = socket.create_connection(harness.at("imap"), timeout=harness.TIMEOUT)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.sock.makefile("rb")
        self.tag = 0
        _open.append(self)
        self.greeting = self.line()
        self.capabilities = set()
        if login:
            answer = self.cmd('LOGIN "%s" "%s"' % (USER, PASSWORD))
            true(answer.status == "OK", "login: %r" % answer)
            self.capabilities = set(" ".join(self.cmd("CAPABILITY").untagged).upper().split())

    def can(self, *names):
        return all(name.upper() in self.capabilities for name in names)

    def line(self):
        """A response with its literals, as text (latin-1)."""
        whole = b""
        while True:
            line = self.file.readline()
            if not line:
                raise EOFError("the server has hung up behind %r" % whole)
            whole += line
            match = re.search(rb"\{(\d+)\}\r\n$", line)
            if not match:
                return whole.decode("latin-1").removesuffix("\r\n")
            whole += self.file.read(int(match.group(1)))

    def send(self, octets):
        self.sock.sendall(octets if isinstance(octets, bytes) else octets.encode("utf-8"))

    def end(self, tag):
        untagged = []
        while True:
            line = self.line()
            if line.startswith(tag + " "):
                status, _, text = line[len(tag) + 1:].partition(" ")
                return Answer(status, text, untagged)
            untagged.append(line)

    def cmd(self, command, *literals):
        """Sends a command; {} in it stands for the next literal."""
        self.tag += 1
        tag = "t%d" % self.tag
        parts = command.split("{}")
        self.send("%s %s" % (tag, parts[0]))
        for literal, rest in zip(literals, parts[1:]):
            if isinstance(literal, str):
                literal = literal.encode("utf-8")
            self.send("{%d}\r\n" % len(literal))
            line = self.line()
            if not line.startswith("+"):
                status, _, text = line.removeprefix(tag + " ").partition(" ")
                return Answer(status, text, [])
            self.send(literal)
            self.send(rest)
        self.send("\r\n")
        return self.end(tag)

    def close(self):
        self.file.close()
        self.sock.close()


def check(name, answer, status="OK", has=(), lacks=(), code=None):
    """One check; `has` and `lacks` are patterns of untagged responses."""
    global checks
    checks += 1
    wrong = []
    if status and answer.status != status:
        wrong.append("wanted %s" % status)
    if code and not answer.text.upper().startswith("[" + code.upper()):
        wrong.append("wanted [%s]" % code)
    for pattern in [has] if isinstance(has, str) else has:
        if not answer.has(pattern):
            wrong.append("wanted %r" % pattern)
    for pattern in [lacks] if isinstance(lacks, str) else lacks:
        if answer.has(pattern):
            wrong.append("did not want %r" % pattern)
    if wrong and not (DOVECOT_HERE and name in DOVECOT):
        failures.append("%s: %s; got %r" % (name, ", ".join(wrong), answer))


def verify():
    """Ends a case: fails it where checks have failed."""
    while _open:
        _open.pop().close()
    found, failures[:] = failures[:], []
    true(not found, "\n  " + "\n  ".join(found))


def crlf(text):
    return text.replace("\n", "\r\n")


_boxes = 0


def box(imap, *messages, flags=(), select=True):
    """A new mailbox with these messages."""
    global _boxes
    _boxes += 1
    name = "conf%d-%d" % (os.getpid(), _boxes)
    check("create " + name, imap.cmd("CREATE " + name))
    for index, message in enumerate(messages):
        given = flags[index] if index < len(flags) else ""
        check("fill " + name, imap.cmd("APPEND %s (%s) {}" % (name, given), message))
    if select:
        check("select " + name, imap.cmd("SELECT " + name))
    return name


def mail(subject="s", sender="a@example.test", to="b@example.test", date="Mon, 7 Feb 1994 21:52:25 -0800", body="body\n", more=""):
    return crlf("Date: %s\nFrom: %s\nTo: %s\nSubject: %s\n%s\n%s" % (date, sender, to, subject, more, body))


BAD = """
fetch no number|FETCH x FLAGS
fetch nothing|FETCH 1
fetch zero|FETCH 0 FLAGS
fetch empty list|FETCH 1 ()
fetch open list|FETCH 1 (FLAGS
fetch closed twice|FETCH 1 (FLAGS))
fetch unknown item|FETCH 1 NONSENSE
fetch macro in list|FETCH 1 (ALL)
fetch section open|FETCH 1 BODY[
fetch section wrong|FETCH 1 BODY[NONSENSE]
fetch mime alone|FETCH 1 BODY[MIME]
fetch partial zero|FETCH 1 BODY[]<0.0>
fetch partial one number|FETCH 1 BODY[]<5>
fetch fields empty|FETCH 1 BODY[HEADER.FIELDS ()]
fetch part zero|FETCH 1 BODY[0]
fetch trailing|FETCH 1 FLAGS nonsense
fetch beyond 32 bits|FETCH 4294967296 FLAGS
fetch negative|FETCH -1 FLAGS
fetch range open|FETCH 1: FLAGS
fetch set comma|FETCH 1,,2 FLAGS
store nothing|STORE 1
store no flags|STORE 1 FLAGS
store unknown|STORE 1 NONSENSE (\\Seen)
store open|STORE 1 FLAGS (\\Seen
store star flag|STORE 1 FLAGS (\\*)
search nothing|SEARCH
search unknown|SEARCH NONSENSE
search open|SEARCH (ALL
search or one|SEARCH OR ALL
search not nothing|SEARCH NOT
search date|SEARCH SINCE yesterday
search date month|SEARCH SINCE 1-Foo-2020
search header one|SEARCH HEADER Subject
search larger|SEARCH LARGER big
search keyword|SEARCH KEYWORD
search charset only|SEARCH CHARSET UTF-8
copy nothing|COPY 1
copy no set|COPY x INBOX
uid nothing|UID
uid unknown|UID NONSENSE 1
uid fetch nothing|UID FETCH 1
list one|LIST ""
list nothing|LIST
status nothing|STATUS INBOX
status empty|STATUS INBOX ()
status unknown|STATUS INBOX (NONSENSE)
append nothing|APPEND INBOX
append date|APPEND INBOX "not a date" {}
append flags|APPEND INBOX (\\Seen {}
create nothing|CREATE
delete nothing|DELETE
rename one|RENAME x
select nothing|SELECT
select two|SELECT INBOX x
examine nothing|EXAMINE
subscribe nothing|SUBSCRIBE
noop argument|NOOP x
check argument|CHECK x
close argument|CLOSE x
expunge argument|EXPUNGE 1
logout argument|LOGOUT now
capability argument|CAPABILITY x
unknown|NONSENSE
unknown with arguments|NONSENSE a (b "c")
login again|LOGIN a b
quoted open|SELECT "INBOX
quoted escape|SELECT "IN\\BOX"
atom with brace|SELECT {INBOX
idle argument|IDLE x
enable nothing|ENABLE
"""


@case("imap")
def bad_commands_are_told_so_and_nothing_else_happens():
    imap = Imap()
    box(imap, mail())
    for line in BAD.strip().splitlines():
        name, command = line.split("|", 1)
        answer = imap.cmd(command, "x")
        check("bad: " + name, answer, "BAD")
        check("alive behind: " + name, imap.cmd("NOOP"))
    for octets, what in [(b"\r\n", "empty line"), (b" \r\n", "blank line"), (b"tagonly\r\n", "tag alone"),
                         (b"* NOOP\r\n", "star tag"), (b"+ NOOP\r\n", "plus tag"), (b"t\x00 NOOP\r\n", "NUL"),
                         (b"(x) NOOP\r\n", "list for a tag"), (b"t  NOOP\r\n", "two blanks")]:
        imap.send(octets)
        line = imap.line()
        true(" BAD" in line or DOVECOT_HERE, "%s: %r" % (what, line))
    check("alive at the end", imap.cmd("NOOP"))
    verify()


@case("imap")
def states_are_kept():
    imap = Imap(login=False)
    true(imap.greeting.startswith("* OK"), imap.greeting)
    for command in ["SELECT INBOX", "LIST \"\" *", "STATUS INBOX (MESSAGES)", "FETCH 1 FLAGS", "APPEND INBOX {}",
                    "CREATE x", "EXPUNGE", "IDLE", "ENABLE CONDSTORE", "NAMESPACE", "COPY 1 x", "GETQUOTA \"\""]:
        check("before login: " + command, imap.cmd(command, "x"), "BAD")
    check("no password", imap.cmd('LOGIN "%s" wrong' % USER), "NO", code="AUTHENTICATIONFAILED")
    check("no mechanism", imap.cmd("AUTHENTICATE NONSENSE"), "NO" if not DOVECOT_HERE else None)
    check("capability", imap.cmd("CAPABILITY"), has=r"^\* CAPABILITY .*IMAP4rev1")
    check("noop", imap.cmd("NOOP"))
    check("login by literals", imap.cmd("LOGIN {} {}", USER, PASSWORD))
    for command in ["FETCH 1 FLAGS", "STORE 1 FLAGS ()", "SEARCH ALL", "EXPUNGE", "CLOSE", "COPY 1 INBOX", "UID FETCH 1 FLAGS",
                    "UNSELECT", "CHECK", "UID EXPUNGE 1", "MOVE 1 INBOX", "SORT (DATE) UTF-8 ALL"]:
        check("nothing selected: " + command, imap.cmd(command), "BAD")
    check("no such mailbox", imap.cmd("SELECT nonsense-%d" % os.getpid()), "NO")
    check("still nothing selected", imap.cmd("CHECK"), "BAD")
    name = box(imap, mail())
    check("selected", imap.cmd("CHECK"))
    check("a failed SELECT closes", imap.cmd("SELECT nonsense-%d" % os.getpid()), "NO")
    # RFC 3501 section 6.3.1: "the connection is in the authenticated state".
    check("nothing is open", imap.cmd("FETCH 1 FLAGS"), "BAD")
    check("examine", imap.cmd("EXAMINE " + name), code="READ-ONLY", has=r"^\* OK \[PERMANENTFLAGS \(\)\]")
    check("read only", imap.cmd("STORE 1 +FLAGS (\\Seen)"), None)
    check("peek by examine", imap.cmd("FETCH 1 BODY[]"), lacks=r"\\Seen")
    check("still unseen", imap.cmd("FETCH 1 FLAGS"), lacks=r"\\Seen")
    imap.send("x LOGOUT\r\n")
    true(imap.line().startswith("* BYE"), "BYE first")
    true(imap.line().startswith("x OK"), "then OK")
    verify()


@case("imap")
def mailboxes_come_and_go():
    imap = Imap()
    top = "conf%d" % os.getpid()
    def validity(name):
        return re.search(r"UIDVALIDITY (\d+)", imap.cmd("STATUS %s (UIDVALIDITY)" % name).untagged[0]).group(1)
    check("create", imap.cmd("CREATE %s/a/b" % top))
    check("parents are made", imap.cmd('LIST "" %s/%%' % top), has=r"%s/a$" % top)
    check("create again", imap.cmd("CREATE %s/a/b" % top), "NO", code="ALREADYEXISTS")
    check("create INBOX", imap.cmd("CREATE inbox"), "NO")
    check("create with delimiter", imap.cmd("CREATE %s/d/" % top))
    check("create below", imap.cmd("CREATE %s/d/e" % top))
    check("create utf-7", imap.cmd("CREATE %s/&U,BTFw-" % top))
    check("list utf-7", imap.cmd('LIST "" %s/*' % top), has=r"&U,BTFw-")
    check("create bad utf-7", imap.cmd("CREATE %s/&x" % top), "NO")
    check("create 8 bit", imap.cmd('CREATE "%s/\u00e4"' % top), None)
    check("delete INBOX", imap.cmd("DELETE INBOX"), "NO")
    check("delete nothing", imap.cmd("DELETE %s/none" % top), "NO", code="NONEXISTENT")
    check("rename nothing", imap.cmd("RENAME %s/none %s/x" % (top, top)), "NO")
    check("rename onto one", imap.cmd("RENAME %s/d %s/a" % (top, top)), "NO", code="ALREADYEXISTS")
    check("rename INBOX onto one", imap.cmd("RENAME INBOX %s/a" % top), "NO")
    before = validity(top + "/a/b")
    check("rename with children", imap.cmd("RENAME %s/a %s/r" % (top, top)))
    check("child has moved", imap.cmd('LIST "" %s/r/b' % top), has=r"/r/b$")
    equal(validity(top + "/r/b"), before, "UIDVALIDITY stays through a rename")
    check("delete", imap.cmd("DELETE %s/r/b" % top))
    check("create once more", imap.cmd("CREATE %s/r/b" % top))
    true(int(validity(top + "/r/b")) > int(before), "a new mailbox has a higher UIDVALIDITY")
    check("delete a parent", imap.cmd("DELETE %s/r" % top))
    check("children stay", imap.cmd('LIST "" %s/r/*' % top), has=r"/r/b$")
    check("parent is a level", imap.cmd('LIST "" %s/r' % top), has=r"\\Noselect|\\NonExistent")
    check("a level cannot be selected", imap.cmd("SELECT %s/r" % top), "NO")
    check("subscribe", imap.cmd("SUBSCRIBE %s/d" % top))
    check("lsub", imap.cmd('LSUB "" %s/*' % top), has=r"^\* LSUB .*%s/d$" % top)
    check("unsubscribe", imap.cmd("UNSUBSCRIBE %s/d" % top))
    check("lsub nothing", imap.cmd('LSUB "" %s/*' % top), lacks=r"LSUB")
    check("delimiter", imap.cmd('LIST "" ""'), has=r'^\* LIST \(.*\\Noselect.*\) "/" ""')
    check("inbox in any case", imap.cmd('LIST "" inBOX'), has=r"INBOX$")
    check("percent is one level", imap.cmd('LIST "" %s/%%' % top), has=r"%s/d$" % top, lacks=r"%s/d/e" % top)
    check("star is all", imap.cmd('LIST "" %s/*' % top), has=r"%s/d/e$" % top)
    check("reference", imap.cmd('LIST %s/ %%' % top), has=r"%s/d$" % top)
    check("namespace", imap.cmd("NAMESPACE"), has=r'^\* NAMESPACE \(\("" "/"\)\) NIL \(\("#news\." "\."\)\)$')
    verify()


@case("imap")
def renaming_INBOX_moves_its_messages():
    imap = Imap()
    check("append", imap.cmd("APPEND INBOX {}", mail("for the rename")))
    to = "conf%d-inbox" % os.getpid()
    count = re.search(r"MESSAGES (\d+)", imap.cmd("STATUS INBOX (MESSAGES)").untagged[0]).group(1)
    if DOVECOT_HERE:
        return  # its INBOX is a file system's, and cannot be renamed in every layout
    check("rename", imap.cmd("RENAME INBOX " + to))
    check("inbox is empty", imap.cmd("STATUS INBOX (MESSAGES)"), has=r"MESSAGES 0")
    check("they are there", imap.cmd("STATUS %s (MESSAGES)" % to), has=r"MESSAGES %s" % count)
    verify()


@case("imap")
def lists_are_extended():
    imap = Imap()
    if not imap.can("LIST-EXTENDED"):
        return
    top = "ext%d" % os.getpid()
    for name in ["test1", "test2", "test2/test1", "test3", "test6", "test8/test8", "test8/test9"]:
        check("create " + name, imap.cmd("CREATE %s/%s" % (top, name)))
    for name in ["test1", "test2/test1", "test6", "test8/test8"]:
        check("subscribe " + name, imap.cmd("SUBSCRIBE %s/%s" % (top, name)))
    check("delete", imap.cmd("DELETE %s/test6" % top))
    check("patterns", imap.cmd('LIST "" (%s/*2 %s/test3)' % (top, top)), has=[r"/test2$", r"/test3$"], lacks=r"/test1$")
    for wrong in ['(imaptest) "" ""', '(recursivematch) "" ""', '(recursivematch remote) "" ""', '"" "" return (imaptest)']:
        check("bad " + wrong, imap.cmd("LIST " + wrong), "BAD")
    check("remote", imap.cmd('LIST (REMOTE) "" %'))
    check("subscribed", imap.cmd('LIST (SUBSCRIBED) "" %s/*' % top),
          has=[r"\\Subscribed.*/test1$", r"\\NonExistent.*/test6$"], lacks=r"/test3$")
    check("childinfo", imap.cmd('LIST (SUBSCRIBED RECURSIVEMATCH) "" %s/test2%% RETURN (CHILDREN)' % top),
          has=r'\\HasChildren.*/test2 \(("?CHILDINFO"? \("SUBSCRIBED"\))\)')
    check("no childinfo where it is seen", imap.cmd('LIST (SUBSCRIBED RECURSIVEMATCH) "" (%s/test2 %s/test2/test1)' % (top, top)),
          lacks=r"CHILDINFO", has=r"test2/test1$")
    check("return", imap.cmd('LIST "" %s/%% RETURN (CHILDREN SUBSCRIBED)' % top),
          has=[r"\\Subscribed.*/test1$", r"\\HasChildren.*/test2$", r"\\HasNoChildren.*/test3$"])
    if imap.can("LIST-STATUS"):
        check("status", imap.cmd('LIST "" %s/test3 RETURN (STATUS (MESSAGES UIDNEXT))' % top),
              has=[r"^\* LIST", r"^\* STATUS .*test3 \(MESSAGES 0 UIDNEXT 1\)"])
    if imap.can("SPECIAL-USE", "CREATE-SPECIAL-USE"):
        check("create for a use", imap.cmd("CREATE %s/arch (USE (\\Archive))" % top))
        check("special use", imap.cmd('LIST (SPECIAL-USE) "" %s/*' % top), has=r"\\Archive", lacks=r"test1")
        check("no such use", imap.cmd("CREATE %s/what (USE (\\Nonsense))" % top), "NO", code="USEATTR")
    if imap.can("LIST-MYRIGHTS"):
        check("rights", imap.cmd('LIST "" %s/test3 RETURN (MYRIGHTS)' % top), has=r"^\* MYRIGHTS .*test3 ")
    verify()


NESTED = crlf("""From: root@example.test
Subject: nested
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=outer

preamble
--outer
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

h=C3=A9llo
--outer
Content-Type: message/rfc822

From: inner@example.test
Subject: inner
Content-Type: multipart/alternative; boundary="in ner"

--in ner
Content-Type: text/plain

one
--in ner
Content-Type: text/html; charset="us-ascii"
Content-Disposition: inline; filename="a b.html"

<p>two
--in ner--
--outer
Content-Type: application/octet-stream; name=x.bin
Content-Transfer-Encoding: base64
Content-ID: <id@x>
Content-Description: some octets
Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==
Content-Language: en, de
Content-Location: http://example.test/x

AAEC
--outer--
epilogue
""")

SECTIONS = [
    ("1", "h=C3=A9llo"),
    ("1.MIME", "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n"),
    ("2.HEADER", "From: inner@example.test\nSubject: inner\nContent-Type: multipart/alternative; boundary=\"in ner\"\n\n"),
    ("2.MIME", "Content-Type: message/rfc822\n\n"),
    ("2.1", "one"),
    ("2.2", "<p>two"),
    ("2.2.MIME", "Content-Type: text/html; charset=\"us-ascii\"\nContent-Disposition: inline; filename=\"a b.html\"\n\n"),
    ("2.HEADER.FIELDS (Subject)", "Subject: inner\n\n"),
    ("2.HEADER.FIELDS.NOT (Subject Content-Type)", "From: inner@example.test\n\n"),
    ("3", "AAEC"),
    ("HEADER.FIELDS (SUBJECT nonsense)", "Subject: nested\n\n"),
    ("HEADER.FIELDS (nonsense)", "\n"),
]


def literal(answer, number=1):
    """The first string of a FETCH response behind its item."""
    line = answer.all(r"^\* %d FETCH" % number)[0]
    match = re.search(r"\{(\d+)\}\r\n", line)
    if match:
        return line[match.end():match.end() + int(match.group(1))]
    quoted = re.search(r'\] (?:<\d+> )?"((?:[^"\\]|\\.)*)"', line) or re.search(r'"((?:[^"\\]|\\.)*)"', line)
    return quoted.group(1).replace('\\"', '"').replace("\\\\", "\\") if quoted else None


@case("imap")
def every_section_is_what_it_should_be():
    imap = Imap()
    box(imap, NESTED)
    global checks
    for section, wanted in SECTIONS:
        checks += 1
        answer = imap.cmd("FETCH 1 BODY.PEEK[%s]" % section)
        if literal(answer) != crlf(wanted):
            failures.append("%s: %r" % (section, answer))
    header, text = NESTED.split("\r\n\r\n", 1)
    for item, wanted in [("BODY.PEEK[]", NESTED), ("BODY.PEEK[TEXT]", text), ("BODY.PEEK[HEADER]", header + "\r\n\r\n"),
                         ("RFC822.HEADER", header + "\r\n\r\n"), ("BODY.PEEK[]<5.10>", NESTED[5:15]),
                         ("BODY.PEEK[]<0.1>", NESTED[:1]), ("BODY.PEEK[TEXT]<%d.99>" % (len(text) - 3), text[-3:])]:
        checks += 1
        answer = imap.cmd("FETCH 1 " + item)
        if literal(answer) != wanted:
            failures.append("%s: %r" % (item, answer))
    check("beyond the end", imap.cmd("FETCH 1 BODY.PEEK[]<99999.5>"), has=r'BODY\[\]<99999> (""|\{0\})')
    for section in ["4", "1.1.1", "2.3", "3.HEADER", "1.TEXT", "7.MIME"]:
        check("no part " + section, imap.cmd("FETCH 1 BODY.PEEK[%s]" % section), has=r"BODY\[%s\] (NIL|\"\"|\{0\})" % re.escape(section))
    check("still unseen", imap.cmd("FETCH 1 FLAGS"), lacks=r"\\Seen")
    check("structure", imap.cmd("FETCH 1 BODYSTRUCTURE"), has=[
        r'^\* 1 FETCH \(BODYSTRUCTURE \(\("text" "plain" \("charset" "utf-8"\) NIL NIL "quoted-printable" 10 [01] NIL NIL NIL NIL\)',
        r'"message" "rfc822" NIL NIL NIL "7bit" \d+ \(NIL "inner" \(\(NIL NIL "inner" "example.test"\)\)',
        r'\("text" "plain" \("charset" "us-ascii"\) NIL NIL "7bit" 3 [01] NIL NIL NIL NIL\)'
        r'\("text" "html" \("charset" "us-ascii"\) NIL NIL "7bit" 6 [01] NIL \("inline" \("filename" "a b.html"\)\) NIL NIL\) "alternative"',
        r'\("application" "octet-stream" \("name" "x.bin"\) "<id@x>" "some octets" "base64" 4 "Q2hlY2sgSW50ZWdyaXR5IQ==" NIL \("en" "de"\) "http://example.test/x"\)',
        r' "mixed" \("boundary" "outer"\) NIL NIL NIL\)\)$'])
    check("body", imap.cmd("FETCH 1 BODY"), has=r'^\* 1 FETCH \(BODY \(\("text" "plain" \("charset" "utf-8"\) NIL NIL "quoted-printable" 10 [01]\).* "mixed"\)\)$')
    check("macro fast", imap.cmd("FETCH 1 FAST"), has=[r"FLAGS \(", r"INTERNALDATE \"", r"RFC822.SIZE %d" % len(NESTED)])
    check("macro all", imap.cmd("FETCH 1 ALL"), has=r"ENVELOPE \(")
    check("macro full", imap.cmd("FETCH 1 FULL"), has=r"BODY \(\(")
    check("same item twice", imap.cmd("FETCH 1 (FLAGS FLAGS UID)"), has=r"UID \d+")
    check("now seen", imap.cmd("FETCH 1 BODY[TEXT]"), has=r"\\Seen")
    if imap.can("BINARY"):
        # RFC 3516 section 4.3: a literal8 only where there is a NUL.
        check("binary", imap.cmd("FETCH 1 BINARY.PEEK[3]"), has=r"BINARY\[3\] ~\{3\}\r\n\x00\x01\x02")
        check("binary text", imap.cmd("FETCH 1 BINARY.PEEK[1]"), has=r'BINARY\[1\] (\{\d+\}\r\n|")h\xc3\xa9llo')
        check("binary size", imap.cmd("FETCH 1 BINARY.SIZE[3]"), has=r"BINARY.SIZE\[3\] 3")
        check("binary partial", imap.cmd("FETCH 1 BINARY.PEEK[1]<1.3>"), has=r"BINARY\[1\]<1> .*\xc3\xa9l")
    verify()


ENVELOPES = [
    ("From: Real Name <user@domain>\n", r'NIL NIL \(\("Real Name" NIL "user" "domain"\)\) \(\("Real Name" NIL "user" "domain"\)\) \(\("Real Name" NIL "user" "domain"\)\) NIL NIL NIL NIL NIL'),
    ("From: user@domain (Real Name)\n", r'\(\("Real Name" NIL "user" "domain"\)\)'),
    ("To: group: a@b, \"c d\" <e@f>;, g@h\n", r'\(\(NIL NIL "group" NIL\)\(NIL NIL "a" "b"\)\("c d" NIL "e" "f"\)\(NIL NIL NIL NIL\)\(NIL NIL "g" "h"\)\)'),
    ("Cc: undisclosed-recipients:;\n", r'\(\(NIL NIL "undisclosed-recipients" NIL\)\(NIL NIL NIL NIL\)\)'),
    ("From: \"quo\\\"ted\" <q@x>\n", r'\("quo\\"ted" NIL "q" "x"\)'),
    ("Subject: =?utf-8?q?h=C3=A9?=\n", r'"=\?utf-8\?q\?h=C3=A9\?="'),
    ("Subject: folded\n subject\n", r'"folded subject"'),
    ("Date: Thu, 15 Feb 2007 01:02:03 +0200\n", r'^\* 1 FETCH \(ENVELOPE \("Thu, 15 Feb 2007 01:02:03 \+0200" '),
    ("In-Reply-To: <a@b>\nMessage-ID: <c@d>\n", r'"<a@b>" "<c@d>"\)'),
    ("Sender: s@x\nFrom: f@x\nReply-To: r@x\n", r'\(\(NIL NIL "f" "x"\)\) \(\(NIL NIL "s" "x"\)\) \(\(NIL NIL "r" "x"\)\)'),
    ("Sender:\nFrom: f@x\nReply-To: \n", r'\(\(NIL NIL "f" "x"\)\) \(\(NIL NIL "f" "x"\)\) \(\(NIL NIL "f" "x"\)\)'),
    ("From: <@route:user@domain>\n", r'"user" "domain"'),
    ("Bcc: hidden@x\n", r'NIL NIL \(\(NIL NIL "hidden" "x"\)\) NIL NIL\)'),
]


@case("imap")
def envelopes_are_told():
    imap = Imap()
    for header, wanted in ENVELOPES:
        name = box(imap, crlf(header + "\nbody\n"))
        check("envelope of %r" % header, imap.cmd("FETCH 1 ENVELOPE"), has=wanted)
        imap.cmd("DELETE " + name)
    verify()


NASTY = [
    # (message, pattern of BODYSTRUCTURE)
    ("Content-Type: multipart/mixed; boundary=x\n\nno parts at all\n", r"\(BODYSTRUCTURE \("),
    ("Content-Type: multipart/mixed\n\nno boundary\n", r"\(BODYSTRUCTURE \("),
    ("Content-Type: nonsense\n\nbody\n", r'\("text" "plain" \("charset" "us-ascii"\)'),
    ("Content-Type: text/plain; charset\n\nbody\n", r'\("text" "plain" '),
    ("Content-Type: TEXT/HTML; CHARSET=\"utf-8\"; format=flowed\n\nx\n", r'\("text" "html" \("charset" "utf-8" "format" "flowed"\)'),
    ("Content-Type: message/rfc822\n\nnot a header at all\n", r'"message" "rfc822"'),
    ("Content-Type: multipart/digest; boundary=d\n\n--d\n\nFrom: a@b\n\nx\n--d--\n", r'"message" "rfc822" .*"digest"'),
    ("Content-Type: text/plain; name*=utf-8''%e2%82%ac.txt\n\nx\n", r'"name\*" "utf-8\'\'%e2%82%ac.txt"'),
    ("Content-Disposition: attachment; filename=\"a\\\"b\"\n\nx\n", r'\("attachment" \("filename" "a\\"b"\)\)'),
    ("", r'\("text" "plain" \("charset" "us-ascii"\) NIL NIL "7bit" 0 0'),
    ("Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=a\n\n--a\n\nx\n--a--\n", r"\(BODYSTRUCTURE \("),
]


@case("imap")
def nasty_messages_have_structures():
    imap = Imap()
    for message, wanted in NASTY:
        name = box(imap, crlf(message) or "\r\n")
        check("structure of %r" % message, imap.cmd("FETCH 1 BODYSTRUCTURE"), has=wanted if not DOVECOT_HERE else ())
        answer = imap.cmd("FETCH 1 (BODY ENVELOPE BODY.PEEK[1] BODY.PEEK[1.1] BODY.PEEK[1.MIME] BODY.PEEK[TEXT])")
        check("parts of %r" % message, answer)
        imap.cmd("DELETE " + name)
    verify()


def found(imap, keys):
    answer = imap.cmd("SEARCH " + keys)
    lines = answer.all(r"^\* SEARCH")
    return [int(n) for n in lines[0].split()[2:]] if lines else answer


SEARCHES = [
    ("ALL", [1, 2, 3, 4, 5]), ("1", [1]), ("*", [5]), ("2:4", [2, 3, 4]), ("4:2", [2, 3, 4]), ("1,3,5", [1, 3, 5]),
    ("7:*", [5]), ("NOT 1", [2, 3, 4, 5]), ("NOT 1:4", [5]), ("OR 1 5", [1, 5]), ("(1:3) NOT 2", [1, 3]),
    ("ANSWERED", [1]), ("UNANSWERED", [2, 3, 4, 5]), ("DELETED", [2]), ("UNDELETED", [1, 3, 4, 5]), ("DRAFT", [3]),
    ("UNDRAFT", [1, 2, 4, 5]), ("FLAGGED", [4]), ("UNFLAGGED", [1, 2, 3, 5]), ("SEEN", [1, 4]), ("UNSEEN", [2, 3, 5]),
    ("KEYWORD $Label", [5]), ("KEYWORD $LABEL", [5]), ("UNKEYWORD $Label", [1, 2, 3, 4]), ("KEYWORD none", []),
    ("FROM alice", [1]), ("FROM ALICE", [1]), ("FROM example.test", [1, 2, 3, 4, 5]), ("FROM \"Bob Builder\"", [2]),
    ("TO carol", [3]), ("CC dave", [3]), ("BCC erin", [3]), ("SUBJECT first", [1]), ("SUBJECT FIRST", [1]),
    ("SUBJECT \"\"", [1, 2, 3, 4, 5]), ("BODY needle", [2, 4]), ("TEXT needle", [2, 3, 4]), ("TEXT nowhere", []),
    ("HEADER X-Test needle", [3]), ("HEADER X-Test \"\"", [3]), ("HEADER Message-ID <m1@x>", [1]), ("HEADER none x", []),
    ("LARGER 1000", [5]), ("SMALLER 1000", [1, 2, 3, 4]), ("LARGER 0", [1, 2, 3, 4, 5]),
    ("SENTON 1-Jan-2020", [1]), ("SENTBEFORE 1-Jan-2020", []), ("SENTSINCE 2-Jan-2020", [2, 3, 4, 5]),
    ("SENTBEFORE 2-Jan-2020", [1]), ("SENTON \"1-Jan-2020\"", [1]), ("SENTON 01-Jan-2020", [1]), ("SENTON 3-Jan-2020", [3]),
    ("SINCE 10-Jun-2019", [2, 3, 4, 5]), ("BEFORE 10-Jun-2019", [1]), ("ON 9-Jun-2019", [1]), ("ON 11-Jun-2019", [2]),
    ("OR FROM alice SUBJECT second", [1, 2]), ("NOT (OR FROM alice SUBJECT second)", [3, 4, 5]),
    ("FROM alice SUBJECT second", []), ("NOT NOT FROM alice", [1]), ("OR (1 2) (3 3)", [3]), ("((((1))))", [1]),
    ("UNSEEN NOT DELETED", [3, 5]), ("CHARSET UTF-8 SUBJECT first", [1]), ("CHARSET US-ASCII SUBJECT first", [1]),
    ("SUBJECT Gr\u00fc\u00dfe", None), ("CHARSET UTF-8 SUBJECT {}", [4]),
]


def searchable(imap):
    messages = [
        mail("first", "Alice <alice@example.test>", date="Wed, 1 Jan 2020 10:00:00 +0000", more="Message-ID: <m1@x>\n"),
        mail("second", "Bob Builder <bob@example.test>", date="Thu, 2 Jan 2020 10:00:00 +0000", body="here is a needle\n"),
        mail("third", to="carol@example.test", date="Fri, 3 Jan 2020 10:00:00 +0000",
             more="Cc: dave@example.test\nBcc: erin@example.test\nX-Test: needle\n"),
        mail("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", date="Sat, 4 Jan 2020 10:00:00 +0000",
             more="Content-Transfer-Encoding: base64\n", body=base64.b64encode(b"some needle hidden").decode() + "\n"),
        mail("fifth", date="Sun, 5 Jan 2020 10:00:00 +0000", body="x" * 2000 + "\n"),
    ]
    flags = ["\\Answered \\Seen", "\\Deleted", "\\Draft", "\\Flagged \\Seen", "$Label"]
    name = box(imap, select=False)
    for index, message in enumerate(messages):
        date = "%2d-Jun-2019 12:00:00 +0000" % (9 + 2 * index)
        check("fill", imap.cmd('APPEND %s (%s) "%s" {}' % (name, flags[index], date), message))
    check("select", imap.cmd("SELECT " + name))
    return name


@case("imap")
def every_key_finds_what_it_should():
    imap = Imap()
    searchable(imap)
    global checks
    for keys, wanted in SEARCHES:
        if wanted is None or (DOVECOT_HERE and keys in DOVECOT):
            continue
        checks += 1
        if "{}" in keys:
            answer = imap.cmd("SEARCH " + keys, "Gr\u00fc\u00dfe")
            got = [int(n) for line in answer.all(r"^\* SEARCH") for n in line.split()[2:]]
        else:
            got = found(imap, keys)
        if got != wanted:
            failures.append("SEARCH %s: %r, wanted %r" % (keys, got, wanted))
    check("latin-1", imap.cmd("SEARCH CHARSET ISO-8859-1 SUBJECT {}", b"Gr\xfc\xdfe"), has=r"^\* SEARCH 4$")
    check("unknown charset", imap.cmd("SEARCH CHARSET X-NONSENSE SUBJECT x"), "NO", code="BADCHARSET")
    check("uid search", imap.cmd("UID SEARCH UID 2:3"), has=r"^\* SEARCH 2 3$")
    check("uid beyond", imap.cmd("UID SEARCH UID 99:*"), has=r"^\* SEARCH 5$")
    check("recent", imap.cmd("SEARCH RECENT"))
    check("new and old", imap.cmd("SEARCH OR NEW OLD"))
    if imap.can("WITHIN"):
        check("older", imap.cmd("SEARCH OLDER 86400"), has=r"^\* SEARCH 1 2 3 4 5$")
        check("younger", imap.cmd("SEARCH YOUNGER 86400"), has=r"^\* SEARCH$")
    if imap.can("ESEARCH"):
        check("esearch", imap.cmd("SEARCH RETURN (MIN MAX COUNT ALL) ALL"), has=[r'^\* ESEARCH \(TAG "t\d+"\) ', r" MIN 1\b", r" MAX 5\b", r" COUNT 5\b", r" ALL 1:5\b"])
        check("esearch empty", imap.cmd("SEARCH RETURN () 2:3"), has=r'^\* ESEARCH \(TAG "t\d+"\) ALL 2:3$')
        check("esearch nothing", imap.cmd("SEARCH RETURN (MIN MAX ALL) KEYWORD none"), has=r'^\* ESEARCH \(TAG "t\d+"\)$')
        check("esearch count of nothing", imap.cmd("SEARCH RETURN (COUNT) KEYWORD none"), has=r"COUNT 0$")
        check("esearch uid", imap.cmd("UID SEARCH RETURN (MIN) ALL"), has=r"\) UID MIN 1$")
        check("esearch unknown", imap.cmd("SEARCH RETURN (NONSENSE) ALL"), "BAD")
    if imap.can("SEARCHRES"):
        check("save", imap.cmd("SEARCH RETURN (SAVE) SEEN"), lacks=r"SEARCH")
        check("saved", imap.cmd("FETCH $ UID"), has=[r"^\* 1 FETCH", r"^\* 4 FETCH"], lacks=r"^\* 2 FETCH")
        check("saved in a search", imap.cmd("SEARCH $ FLAGGED"), has=r"^\* SEARCH 4$")
        check("save min", imap.cmd("SEARCH RETURN (SAVE MIN) SEEN"), has=r"MIN 1$")
        check("only that", imap.cmd("SEARCH RETURN (COUNT) $"), has=r"COUNT 1$")
    if imap.can("PARTIAL"):
        check("partial", imap.cmd("SEARCH RETURN (PARTIAL 2:3) ALL"), has=r"PARTIAL \(2:3 2:3\)$")
        check("partial from the end", imap.cmd("SEARCH RETURN (PARTIAL -1:-2) ALL"), has=r"PARTIAL \(-1:-2 4:5\)$")
        check("partial beyond", imap.cmd("SEARCH RETURN (PARTIAL 20:30) ALL"), has=r"PARTIAL \(20:30 NIL\)$")
        check("partial and all", imap.cmd("SEARCH RETURN (PARTIAL 1:2 ALL) ALL"), "BAD")
    deep = "NOT " * 1000 + "1"
    check("a thousand NOTs", imap.cmd("SEARCH " + deep), "BAD" if not DOVECOT_HERE else None)
    check("a thousand keys", imap.cmd("SEARCH " + " ".join(["1"] * 1000)), has=r"^\* SEARCH 1$")
    verify()


@case("imap")
def messages_are_sorted_and_threaded():
    imap = Imap()
    if not imap.can("SORT"):
        return
    box(imap,
        mail("b", "Zed <a@x>", "c@x", "Wed, 1 Jan 2020 10:00:00 +0000", more="Message-ID: <1@x>\nCc: q@x\n"),
        mail("Re: A", "Yan <b@x>", "a@x", "Wed, 1 Jan 2020 09:00:00 +0000", body="longer body\n", more="Message-ID: <2@x>\nReferences: <3@x>\nCc: p@x\n"),
        mail("a", "Xav <c@x>", "b@x", "Wed, 1 Jan 2020 08:00:00 +0000", body="the longest body of all\n", more="Message-ID: <3@x>\n"),
        mail("Fwd: b (fwd)", "c@x", "\"Z\" <z@x>", "Wed, 1 Jan 2020 11:00:00 +0200", more="Message-ID: <4@x>\nIn-Reply-To: <1@x>\n"))
    for criteria, wanted in [("DATE", "3 2 4 1"), ("REVERSE DATE", "1 2 4 3"), ("ARRIVAL", "1 2 3 4"), ("SIZE", None),
                             ("FROM", "1 2 3 4"), ("TO", "2 3 1 4"), ("CC", "3 4 2 1"), ("SUBJECT", "2 3 1 4"),
                             ("SUBJECT DATE", "3 2 4 1"), ("REVERSE FROM", "3 4 2 1"), ("REVERSE SUBJECT DATE", "4 1 3 2")]:
        answer = imap.cmd("SORT (%s) UTF-8 ALL" % criteria)
        check("sort " + criteria, answer, has=r"^\* SORT %s$" % wanted if wanted else r"^\* SORT \d")
    check("sort nothing", imap.cmd("SORT () UTF-8 ALL"), "BAD")
    check("sort unknown", imap.cmd("SORT (NONSENSE) UTF-8 ALL"), "BAD")
    check("sort charset", imap.cmd("SORT (DATE) X-NONSENSE ALL"), "NO", code="BADCHARSET")
    check("sort some", imap.cmd("UID SORT (DATE) UTF-8 1:2"), has=r"^\* SORT 2 1$")
    if imap.can("SORT=DISPLAY"):
        check("display from", imap.cmd("SORT (DISPLAYFROM) UTF-8 ALL"), has=r"^\* SORT 4 3 2 1$")
        check("display to", imap.cmd("SORT (DISPLAYTO) UTF-8 ALL"), has=r"^\* SORT 2 3 1 4$")
    if imap.can("ESORT"):
        check("esort", imap.cmd("SORT RETURN (MIN MAX COUNT ALL) (DATE) UTF-8 ALL"), has=[r" MIN 3\b", r" MAX 1\b", r" COUNT 4\b", r" ALL (3:2|3,2),4,1\b"])
    if imap.can("THREAD=REFERENCES"):
        check("references", imap.cmd("THREAD REFERENCES UTF-8 ALL"), has=r"^\* THREAD \(3 2\)\((4 1|1 4)\)$")
        check("thread none", imap.cmd("THREAD NONSENSE UTF-8 ALL"), "BAD")
    if imap.can("THREAD=ORDEREDSUBJECT"):
        check("orderedsubject", imap.cmd("THREAD ORDEREDSUBJECT UTF-8 ALL"), has=r"^\* THREAD \(3 2\)\(4 1\)$")
    verify()


@case("imap")
def flags_are_stored():
    imap = Imap()
    box(imap, mail("1"), mail("2"), mail("3"))
    check("replace", imap.cmd("STORE 1 FLAGS (\\Seen $a)"), has=r"^\* 1 FETCH .*FLAGS \(.*\\Seen.*\)")
    check("add", imap.cmd("STORE 1 +FLAGS (\\Flagged)"), has=r"\\Flagged.*|\\Seen")
    check("add without a list", imap.cmd("STORE 2 +FLAGS \\Seen \\Draft"), has=r"^\* 2 FETCH")
    check("remove", imap.cmd("STORE 1 -FLAGS ($a)"), lacks=r"\$a")
    check("silent", imap.cmd("STORE 1:3 +FLAGS.SILENT (\\Answered)"), lacks=r"FETCH .*FLAGS")
    check("it was stored", imap.cmd("FETCH 1:3 FLAGS"), has=r"^\* 3 FETCH .*\\Answered")
    check("uid store", imap.cmd("UID STORE 2 FLAGS ()"), has=r"UID 2.*|FLAGS \(.*UID 2")
    check("uid gone", imap.cmd("UID STORE 77 FLAGS ()"), lacks="FETCH")
    check("recent is nobody's", imap.cmd("STORE 1 +FLAGS (\\Recent)"), None)
    check("no system flag", imap.cmd("STORE 1 +FLAGS (\\Nonsense)"), "BAD")
    check("beyond", imap.cmd("STORE 4 FLAGS ()"), "BAD")
    check("delete", imap.cmd("STORE 1,3 +FLAGS.SILENT (\\Deleted)"))
    if imap.can("UIDPLUS"):
        check("uid expunge", imap.cmd("UID EXPUNGE 3"), has=r"^\* 3 EXPUNGE", lacks=r"^\* 1 EXPUNGE")
    check("expunge", imap.cmd("EXPUNGE"), has=r"^\* 1 EXPUNGE")
    check("one is left", imap.cmd("FETCH 1:* UID"), has=r"^\* 1 FETCH \(UID 2\)")
    verify()


@case("imap")
def copies_and_moves_are_told():
    imap = Imap()
    target = box(imap, select=False)
    box(imap, mail("1"), mail("2"), mail("3"), flags=["\\Seen", "$k", ""])
    code = "COPYUID" if imap.can("UIDPLUS") else None
    check("copy", imap.cmd("COPY 1:2 " + target), code=code)
    check("copy nowhere", imap.cmd("COPY 1 nonsense-%d" % os.getpid()), "NO", code="TRYCREATE")
    check("copy beyond", imap.cmd("COPY 9 " + target), "BAD")
    check("uid copy gone", imap.cmd("UID COPY 99 " + target))
    if imap.can("MOVE"):
        answer = imap.cmd("MOVE 3 " + target)
        check("move", answer, has=[r"^\* OK \[COPYUID \d+ 3 3\]", r"^\* 3 EXPUNGE"])
        check("uid move", imap.cmd("UID MOVE 1 " + target), has=[r"^\* OK \[COPYUID \d+ 1 4\]", r"^\* 1 EXPUNGE"])
    check("status", imap.cmd("STATUS %s (MESSAGES UNSEEN)" % target), has=r"MESSAGES 4 UNSEEN 2")
    check("select", imap.cmd("SELECT " + target))
    check("flags are copied", imap.cmd("FETCH 1:* FLAGS"), has=[r"^\* 1 FETCH .*\\Seen", r"^\* 2 FETCH .*\$k"])
    verify()


@case("imap")
def appends_are_kept():
    imap = Imap()
    name = box(imap)
    code = "APPENDUID" if imap.can("UIDPLUS") else None
    check("append", imap.cmd("APPEND %s {}" % name, mail()), code=code, has=r"^\* 1 EXISTS")
    check("with all", imap.cmd('APPEND %s (\\Seen $x) " 7-Feb-1994 21:52:25 -0800" {}' % name, mail()), has=r"^\* 2 EXISTS")
    check("date stays", imap.cmd("FETCH 2 (INTERNALDATE FLAGS)"), has=[r'INTERNALDATE "0?7-Feb-1994 21:52:25 -0800"|INTERNALDATE " 7-Feb-1994 21:52:25 -0800"|08-Feb-1994 05:52:25 \+0000', r"\\Seen"])
    check("nowhere", imap.cmd("APPEND nonsense-%d {}" % os.getpid(), mail()), "NO", code="TRYCREATE")
    imap.send("a APPEND %s {5}\r\n" % name)
    true(imap.line().startswith("+"), "a go-ahead")
    imap.send(b"a\r\nb\n\r\n")
    answer = imap.end("a")
    check("odd octets", answer)
    check("octet for octet", imap.cmd("FETCH 3 BODY.PEEK[]"), has="a\r\nb\n" if not DOVECOT_HERE else ())
    if imap.can("LITERAL+"):
        text = mail()
        imap.send("b APPEND %s {%d+}\r\n%s\r\n" % (name, len(text), text))
        check("without waiting", imap.end("b"))
        imap.send("c LOGIN {2+}\r\nab {2+}\r\ncd\r\n")
        check("bad without waiting", imap.end("c"), "BAD")
    if imap.can("MULTIAPPEND"):
        check("several", imap.cmd("APPEND %s (\\Seen) {} (\\Draft) {}" % name, mail("m1"), mail("m2")), code=code)
        check("nothing of several", imap.cmd("APPEND %s {} {}" % name, mail("m1"), ""), "NO")
    if imap.can("BINARY"):
        imap.send("d APPEND %s ~{20}\r\n" % name)
        true(imap.line().startswith("+"), "a go-ahead")
        imap.send(b"From: a@b\r\n\r\nx\x00y\r\n..\r\n")
        check("binary", imap.end("d"), None)
    check("a large literal that does not belong", imap.cmd("SELECT {}", "x" * 70000), "BAD" if not DOVECOT_HERE else None)
    check("alive", imap.cmd("NOOP"))
    if imap.can("CATENATE"):
        check("catenate", imap.cmd('APPEND %s CATENATE (URL "/%s/;UID=1/;SECTION=HEADER" TEXT {})' % (name, name), "parts\r\n"), code=code)
        check("catenated", imap.cmd("FETCH * BODY.PEEK[TEXT]"), has="parts\r\n")
        check("bad url", imap.cmd('APPEND %s CATENATE (URL "/%s/;UID=9999" TEXT {})' % (name, name), "x\r\n"), "NO", code="BADURL")
        check("url of an old mailbox", imap.cmd('APPEND %s CATENATE (URL "/%s;UIDVALIDITY=1/;UID=1")' % (name, name)), "NO", code="BADURL")
        check("nowhere", imap.cmd('APPEND nonsense-%d CATENATE (URL "/%s/;UID=1")' % (os.getpid(), name)), "NO", code="TRYCREATE")
    if imap.can("REPLACE"):
        count = int(re.search(r"MESSAGES (\d+)", imap.cmd("STATUS %s (MESSAGES)" % name).untagged[0]).group(1))
        check("replace", imap.cmd("REPLACE 1 %s (\\Draft) {}" % name, mail("new")), has=[r"^\* OK \[APPENDUID", r"^\* 1 EXPUNGE"])
        check("as many", imap.cmd("STATUS %s (MESSAGES)" % name), has=r"MESSAGES %d" % count)
        check("uid replace gone", imap.cmd("UID REPLACE 1 %s {}" % name, mail()), "NO")
    verify()


@case("imap")
def several_sessions_see_one_mailbox():
    one, two = Imap(), Imap()
    name = box(one, mail("1"), mail("2"), mail("3"), select=False)
    recent = one.cmd("SELECT " + name)
    check("recent to one", recent, has=r"^\* 3 RECENT")
    check("and to no other", two.cmd("SELECT " + name), has=r"^\* 0 RECENT")
    check("append by one", one.cmd("APPEND %s {}" % name, mail("4")), has=r"^\* 4 EXISTS")
    check("told to two", two.cmd("NOOP"), has=r"^\* 4 EXISTS")
    check("flags by one", one.cmd("STORE 2 +FLAGS.SILENT (\\Flagged)"))
    check("told to two", two.cmd("NOOP"), has=r"^\* 2 FETCH .*\\Flagged")
    check("not twice", two.cmd("NOOP"), lacks="FETCH")
    one.cmd("STORE 1 +FLAGS.SILENT (\\Deleted)")
    check("expunge by one", one.cmd("EXPUNGE"), has=r"^\* 1 EXPUNGE")
    check("not while FETCH", two.cmd("FETCH 2:4 UID"), has=r"^\* 2 FETCH .*UID 2", lacks="EXPUNGE")
    check("not while STORE", two.cmd("STORE 3 +FLAGS (\\Seen)"), None, lacks="EXPUNGE")
    check("not while SEARCH", two.cmd("SEARCH 4"), lacks="EXPUNGE", has=r"^\* SEARCH 4$")
    check("of what is gone", two.cmd("FETCH 1 (UID BODY.PEEK[])"), None, lacks="EXPUNGE")
    check("numbers count on", two.cmd("FETCH 4 UID"), has=r"^\* 4 FETCH .*UID 4")
    check("now", two.cmd("NOOP"), has=r"^\* 1 EXPUNGE")
    check("and counted anew", two.cmd("FETCH 3 UID"), has=r"^\* 3 FETCH .*UID 4")
    two.send("i IDLE\r\n")
    true(two.line().startswith("+"), "idling")
    check("while idle", one.cmd("APPEND %s {}" % name, mail("5")))
    lines = []
    while not any("EXISTS" in line for line in lines):
        lines.append(two.line())
    one.cmd("STORE 1 +FLAGS.SILENT (\\Deleted)")
    one.cmd("EXPUNGE")
    while not any("EXPUNGE" in line for line in lines):
        lines.append(two.line())
    two.send("DONE\r\n")
    check("done", two.end("i"))
    check("deleted by one", one.cmd("CLOSE"))
    check("deletes the mailbox", one.cmd("DELETE " + name))
    check("two lives", two.cmd("NOOP"), None)
    verify()


@case("imap")
def changes_since_are_told():
    imap = Imap()
    if not imap.can("CONDSTORE"):
        return
    name = box(imap, mail("1"), mail("2"), mail("3"), mail("4"), select=False)
    answer = imap.cmd("SELECT %s (CONDSTORE)" % name)
    check("select", answer, has=r"HIGHESTMODSEQ (\d+)")
    start = int(re.search(r"HIGHESTMODSEQ (\d+)", " ".join(answer.untagged)).group(1))
    validity = re.search(r"UIDVALIDITY (\d+)", " ".join(answer.untagged)).group(1)
    check("modseq", imap.cmd("FETCH 1 (MODSEQ)"), has=r"MODSEQ \(\d+\)")
    check("store tells it", imap.cmd("STORE 2 +FLAGS (\\Seen)"), has=r"MODSEQ \(\d+\)")
    check("changedsince", imap.cmd("FETCH 1:* (FLAGS) (CHANGEDSINCE %d)" % start), has=r"^\* 2 FETCH", lacks=r"^\* 1 FETCH")
    check("search modseq", imap.cmd("SEARCH MODSEQ %d" % (start + 1)), has=r"^\* SEARCH 2 \(MODSEQ \d+\)$")
    check("unchangedsince", imap.cmd("STORE 1:2 (UNCHANGEDSINCE %d) +FLAGS (\\Flagged)" % start), code="MODIFIED 2")
    check("unchangedsince 0", imap.cmd("STORE 3 (UNCHANGEDSINCE 0) +FLAGS (\\Flagged)"), code="MODIFIED 3")
    check("status", imap.cmd("STATUS INBOX (HIGHESTMODSEQ)"), has=r"HIGHESTMODSEQ \d+")
    check("no such modifier", imap.cmd("FETCH 1 FLAGS (NONSENSE 1)"), "BAD")
    if imap.can("QRESYNC"):
        check("not enabled", imap.cmd("SELECT %s (QRESYNC (%s %d))" % (name, validity, start)), "BAD")
        check("enable", imap.cmd("ENABLE QRESYNC"), has=r"^\* ENABLED QRESYNC")
        imap.cmd("SELECT " + name)
        imap.cmd("STORE 3 +FLAGS.SILENT (\\Deleted)")
        check("vanished", imap.cmd("EXPUNGE"), has=r"^\* VANISHED 3$", lacks=r"\d EXPUNGE", code="HIGHESTMODSEQ")
        check("close", imap.cmd("CLOSE"))
        check("resync", imap.cmd("SELECT %s (QRESYNC (%s %d))" % (name, validity, start)),
              has=[r"^\* VANISHED \(EARLIER\) 3$", r"^\* 2 FETCH \(UID 2 .*MODSEQ"])
        check("other validity", imap.cmd("SELECT %s (QRESYNC (1 %d))" % (name, start)), lacks="VANISHED")
        check("known uids", imap.cmd("SELECT %s (QRESYNC (%s %d 1:2))" % (name, validity, start)), lacks="VANISHED")
        check("uid fetch vanished", imap.cmd("UID FETCH 1:* (FLAGS) (CHANGEDSINCE %d VANISHED)" % start), has=r"^\* VANISHED \(EARLIER\) 3$")
    verify()


@case("imap")
def rev2_is_another_dialect():
    imap = Imap()
    if not imap.can("IMAP4rev2"):
        return
    name = box(imap, mail(), select=False)
    check("enable", imap.cmd("ENABLE IMAP4rev2"), has=r"^\* ENABLED IMAP4rev2")
    check("select", imap.cmd("SELECT " + name), has=r"^\* LIST \(.*\) \"/\" ", lacks=["RECENT", "UNSEEN"])
    check("search", imap.cmd("SEARCH ALL"), has=r"^\* ESEARCH \(TAG \"t\d+\"\) ALL 1$", lacks=r"^\* SEARCH")
    check("closed", imap.cmd("SELECT " + name), has=r"^\* OK \[CLOSED\]")
    check("no recent", imap.cmd("FETCH 1 FLAGS"), lacks=r"\\Recent")
    check("utf-8 names", imap.cmd('CREATE "\u00fcber%d"' % os.getpid()))
    check("status deleted", imap.cmd("STATUS %s (DELETED SIZE)" % name), has=r"DELETED 0 SIZE \d+|SIZE \d+ DELETED 0")
    verify()


@case("imap")
def rights_quota_and_annotations():
    imap = Imap()
    name = box(imap, mail())
    if imap.can("ACL"):
        check("my rights", imap.cmd("MYRIGHTS " + name), has=r"^\* MYRIGHTS %s \"?lrswipkxteacd\"?$" % name if not DOVECOT_HERE else r"MYRIGHTS")
        check("set", imap.cmd("SETACL %s bob lrswida" % name))
        check("get", imap.cmd("GETACL " + name), has=r"bob \"?lrswiteadx?\"?|bob \"?\w+" )
        check("add", imap.cmd("SETACL %s bob +k" % name))
        check("take", imap.cmd("SETACL %s bob -l" % name))
        check("unknown right", imap.cmd("SETACL %s bob z" % name), "BAD")
        check("list rights", imap.cmd("LISTRIGHTS %s bob" % name), has=r"^\* LISTRIGHTS %s bob " % name)
        check("delete", imap.cmd("DELETEACL %s bob" % name))
        check("gone", imap.cmd("GETACL " + name), lacks="bob")
        check("no mailbox", imap.cmd("GETACL nonsense-%d" % os.getpid()), "NO")
        if not DOVECOT_HERE:
            check("read alone", imap.cmd("SETACL %s %s lra" % (name, USER)))
            check("no insert", imap.cmd("APPEND %s {}" % name, mail()), "NO", code="NOPERM")
            check("no store", imap.cmd("STORE 1 +FLAGS (\\Flagged)"), "NO", code="NOPERM")
            check("no seen", imap.cmd("FETCH 1 BODY[]"), lacks=r"\\Seen")
            check("no delete", imap.cmd("DELETE " + name), "NO", code="NOPERM")
            check("all again", imap.cmd("DELETEACL %s %s" % (name, USER)))
            check("store", imap.cmd("STORE 1 +FLAGS (\\Flagged)"))
    if imap.can("QUOTA") and not DOVECOT_HERE:
        check("root", imap.cmd("GETQUOTAROOT " + name), has=[r'^\* QUOTAROOT %s ""$' % name, r'^\* QUOTA "" \(\)$'])
        check("set", imap.cmd('SETQUOTA "" (STORAGE 100000 MESSAGE 100000)'), has=r'^\* QUOTA "" \(STORAGE \d+ 100000 MESSAGE \d+ 100000\)$')
        check("none", imap.cmd('GETQUOTA nonsense'), "NO")
        check("little", imap.cmd('SETQUOTA "" (MESSAGE 1)'))
        check("over", imap.cmd("APPEND %s {}" % name, mail()), "NO", code="OVERQUOTA")
        check("over by copy", imap.cmd("COPY 1 " + name), "NO", code="OVERQUOTA")
        check("no limit", imap.cmd('SETQUOTA "" ()'))
        check("again", imap.cmd("APPEND %s {}" % name, mail()))
        check("no resource", imap.cmd('SETQUOTA "" (NONSENSE 1)'), "NO")
        check("deleted storage", imap.cmd("STATUS %s (DELETED DELETED-STORAGE)" % name), has=r"DELETED-STORAGE 0")
    if imap.can("METADATA") and not DOVECOT_HERE:
        check("set", imap.cmd('SETMETADATA %s (/private/comment "My comment" /shared/comment {})' % name, "two\r\nlines"))
        check("get", imap.cmd("GETMETADATA %s /private/comment" % name), has=r'^\* METADATA %s \(/private/comment "My comment"\)$' % name)
        check("get several", imap.cmd("GETMETADATA %s (/private/comment /shared/comment)" % name), has="two\r\nlines")
        check("nil", imap.cmd("GETMETADATA %s /private/none" % name), has=r"/private/none NIL")
        check("depth", imap.cmd("GETMETADATA (DEPTH infinity) %s /private" % name), has=r"/private/comment")
        check("max size", imap.cmd("GETMETADATA (MAXSIZE 5) %s /private/comment" % name), code="METADATA LONGENTRIES 10", lacks="My comment")
        check("server", imap.cmd('SETMETADATA "" (/shared/motd hi)'), None)
        check("server", imap.cmd('SETMETADATA "" (/shared/motd "hi")'))
        check("of the server", imap.cmd('GETMETADATA "" /shared/motd'), has=r'^\* METADATA "" \(/shared/motd "hi"\)$')
        check("take", imap.cmd("SETMETADATA %s (/private/comment NIL)" % name))
        check("gone", imap.cmd("GETMETADATA %s /private/comment" % name), has=r"/private/comment NIL")
        check("no entry", imap.cmd("GETMETADATA %s comment" % name), "BAD")
        check("no mailbox", imap.cmd("GETMETADATA nonsense-%d /private/comment" % os.getpid()), "NO")
    verify()


@case("imap")
def text_has_an_order():
    """i;unicode-casemap (RFC 5051), which RFC 5256 sorts by: letters as capitals, decomposed."""
    imap = Imap()
    if not imap.can("SORT"):
        return
    names = ["_", "=?utf-8?q?=C3=A9a?=", "[xyz]", "Z", "f", "E", "=?utf-8?q?=C3=9F?=", "ss", "1"]
    box(imap, *[mail(name, "%s@x" % chr(96 + n)) for n, name in enumerate(names, 1)])
    check("letters before brackets", imap.cmd("SORT (SUBJECT) UTF-8 ALL"), has=r"^\* SORT 9 6 2 5 8 4 3 1 7$")
    check("backwards", imap.cmd("SORT (REVERSE SUBJECT) UTF-8 ALL"), has=r"^\* SORT 7 1 3 4 8 5 2 6 9$")
    verify()


@case("imap")
def addresses_are_found_as_the_envelope_has_them():
    imap = Imap()
    box(imap, mail("1", "<ann (a comment)@ (another) x.example>", "grp: ben (here)@x.example;"), mail("2", "ann@x.example (Real)", "x@y"))
    check("a comment inside", imap.cmd("SEARCH FROM ann@x.example"), has=r"^\* SEARCH 1 2$")
    check("in a group", imap.cmd("SEARCH TO ben@x.example"), has=r"^\* SEARCH 1$")
    check("a name behind", imap.cmd("SEARCH FROM real"), has=r"^\* SEARCH 2$")
    verify()


@case("imap")
def results_are_kept_up_to_date():
    imap = Imap()
    if not imap.can("CONTEXT=SEARCH"):
        return
    other = Imap()
    name = box(imap, *[mail(str(n), date="Wed, 1 Jan 2020 %02d:00:00 +0000" % (20 - n), body="body\n") for n in range(1, 7)])
    imap.send("w1 SEARCH RETURN (UPDATE) BODY body SEEN\r\n")
    check("nothing yet", imap.end("w1"), has=r'^\* ESEARCH \(TAG "w1"\)$')
    check("added", imap.cmd("STORE 1,2,5 +FLAGS (\\Seen)"), has=r'^\* ESEARCH \(TAG "w1"\) ADDTO \(\d+ 1:2,5\)$')
    check("removed", imap.cmd("STORE 1,2 -FLAGS (\\Seen)"), has=r'^\* ESEARCH \(TAG "w1"\) REMOVEFROM \(\d+ 1:2\)$')
    imap.cmd("STORE 3:6 +FLAGS.SILENT (\\Deleted)")
    answer = imap.cmd("EXPUNGE")
    check("removed before the expunge", answer, has=r'^\* ESEARCH \(TAG "w1"\) REMOVEFROM \(\d+ 5\)$')
    order = [line for line in answer.untagged if "REMOVEFROM" in line or "EXPUNGE" in line]
    true("REMOVEFROM" in order[0], order)
    check("cancel", imap.cmd('CANCELUPDATE "w1"'))
    check("no more", imap.cmd("STORE 1 +FLAGS (\\Seen)"), lacks="ESEARCH")
    check("cancel nothing", imap.cmd('CANCELUPDATE "w1"'), "NO")
    if imap.can("CONTEXT=SORT") or imap.can("ESORT"):
        imap.send("w2 UID SORT RETURN (UPDATE ALL) (DATE) UTF-8 UNSEEN\r\n")
        check("sorted", imap.end("w2"), has=r'^\* ESEARCH \(TAG "w2"\) UID ALL 2$')
        check("in its place", imap.cmd("STORE 1 -FLAGS (\\Seen)"), has=r'^\* ESEARCH \(TAG "w2"\) UID ADDTO \(2 1\)$')
    check("new mail", other.cmd("APPEND %s {}" % name, mail("7", date="Wed, 1 Jan 2019 10:00:00 +0000")))
    answer = imap.cmd("NOOP")
    check("new mail is found", answer, has=r'^\* ESEARCH \(TAG "w2"\) UID ADDTO \(1 7\)$')
    verify()


@case("imap")
def events_are_told_at_any_time():
    imap = Imap()
    if not imap.can("NOTIFY"):
        return
    other = Imap()
    near = box(imap, mail("1"))
    far = box(other, mail("1"), select=False)
    def next_of(pattern):
        for _ in range(20):
            line = imap.line()
            if re.search(pattern, line, re.I):
                return line
        raise AssertionError("no %s" % pattern)
    check("status", imap.cmd("NOTIFY SET STATUS (MAILBOXES %s (MessageNew MessageExpunge))" % far),
          has=r"^\* STATUS %s \(MESSAGES 1 UIDNEXT 2 UIDVALIDITY \d+\)$" % far)
    check("wrong pair", imap.cmd("NOTIFY SET (PERSONAL (MessageNew))"), "BAD")
    check("flags alone", imap.cmd("NOTIFY SET (PERSONAL (FlagChange))"), "BAD")
    check("no such event", imap.cmd("NOTIFY SET (PERSONAL (Nonsense))"), "NO" if not DOVECOT_HERE else None, code="BADEVENT" if not DOVECOT_HERE else None)
    check("set", imap.cmd("NOTIFY SET (SELECTED (MessageNew (UID FLAGS) MessageExpunge FlagChange)) (PERSONAL (MessageNew MessageExpunge MailboxName SubscriptionChange))"))
    other.cmd("APPEND %s {}" % near, mail("2"))
    next_of(r"^\* 2 EXISTS")
    next_of(r"^\* 2 FETCH \(UID 2 FLAGS \(")
    other.cmd("APPEND %s {}" % far, mail("2"))
    next_of(r"^\* STATUS %s \(MESSAGES 2 UIDNEXT 3|^\* STATUS %s \(.*UIDNEXT 3.*MESSAGES 2" % (far, far))
    other.cmd("SELECT " + near)
    other.cmd("STORE 1 +FLAGS (\\Deleted)")
    next_of(r"^\* 1 FETCH .*\\Deleted")
    other.cmd("EXPUNGE")
    next_of(r"^\* 1 EXPUNGE")
    other.cmd("CREATE %s-new" % far)
    next_of(r"^\* LIST \(.*\) \"/\" \"?%s-new" % far)
    other.cmd("RENAME %s-new %s-old" % (far, far))
    if not DOVECOT_HERE:
        next_of(r'^\* LIST \(.*\) "/" %s-old \("?OLDNAME"? \("?%s-new"?\)\)' % (far, far))
    other.cmd("DELETE %s-old" % far)
    next_of(r"^\* LIST \(\\NonExistent.*%s-old" % far)
    other.cmd("SUBSCRIBE " + far)
    next_of(r"^\* LIST \(.*\\Subscribed.*%s" % far)
    check("none", imap.cmd("NOTIFY NONE"))
    other.cmd("APPEND %s {}" % near, mail("3"))
    check("nothing is told", imap.cmd("NOOP"), lacks="EXISTS" if not DOVECOT_HERE else ())
    verify()


@case("imap")
def urls_let_others_read():
    imap = Imap()
    if not imap.can("URLAUTH"):
        return
    name = box(imap, NESTED)
    rump = "imap://%s@localhost/%s/;UID=1/;SECTION=1;URLAUTH=user+%s" % (USER, name, USER)
    answer = imap.cmd('GENURLAUTH "%s" INTERNAL' % rump)
    check("made", answer, has=r"^\* GENURLAUTH ")
    url = re.search(r'GENURLAUTH "?([^"]+)"?$', answer.untagged[0]).group(1)
    check("fetched", imap.cmd('URLFETCH "%s"' % url), has=r"h=C3=A9llo")
    check("tampered", imap.cmd('URLFETCH "%s"' % url.replace("UID=1", "UID=2")), has=r"NIL$")
    check("not made", imap.cmd('URLFETCH "%s"' % rump), has=r"NIL$" if not DOVECOT_HERE else (), status=None)
    old = "imap://%s@localhost/%s/;UID=1;EXPIRE=2001-01-01T00:00:00Z;URLAUTH=anonymous" % (USER, name)
    answer = imap.cmd('GENURLAUTH "%s" INTERNAL' % old)
    expired = re.search(r'GENURLAUTH "?([^"]+)"?$', answer.untagged[0]).group(1) if answer.untagged else old
    check("expired", imap.cmd('URLFETCH "%s"' % expired), status=None, has=r"NIL$" if not DOVECOT_HERE else ())
    check("no mechanism", imap.cmd('GENURLAUTH "%s" NONSENSE' % rump), "BAD")
    check("reset", imap.cmd("RESETKEY " + name))
    check("void", imap.cmd('URLFETCH "%s"' % url), has=r"NIL$")
    verify()


@case("imap")
def rarer_extensions():
    imap = Imap()
    name = box(imap, mail("one", more="Message-ID: <root@x>\n", body="Dear all,\n\nhello there\n"),
               mail("Re: one", more="Message-ID: <leaf@x>\nReferences: <root@x>\n"))
    if imap.can("OBJECTID"):
        ids = imap.cmd("FETCH 1:2 (EMAILID THREADID)")
        threads = re.findall(r"THREADID \((\S+?)\)", " ".join(ids.untagged))
        emails = re.findall(r"EMAILID \((\S+?)\)", " ".join(ids.untagged))
        true(len(set(threads)) == 1 and len(set(emails)) == 2, ids)
        check("search emailid", imap.cmd("SEARCH EMAILID " + emails[1]), has=r"^\* SEARCH 2$")
        check("search threadid", imap.cmd("SEARCH THREADID " + threads[0]), has=r"^\* SEARCH 1 2$")
        check("mailboxid", imap.cmd("STATUS %s (MAILBOXID)" % name), has=r"MAILBOXID \(\S+\)")
    if imap.can("PREVIEW"):
        check("preview", imap.cmd("FETCH 1 (PREVIEW)"), has=r'PREVIEW "Dear all, hello there"')
        check("lazy", imap.cmd("FETCH 1 (PREVIEW (LAZY))"), has=r"PREVIEW")
    if imap.can("SAVEDATE"):
        check("savedate", imap.cmd("FETCH 1 (SAVEDATE)"), has=r'SAVEDATE "')
        check("saved since", imap.cmd("SEARCH SAVEDSINCE 1-Jan-2020"), has=r"^\* SEARCH 1 2$")
    if imap.can("STATUS=SIZE"):
        check("size", imap.cmd("STATUS %s (SIZE)" % name), has=r"SIZE [1-9]\d+")
    if imap.can("MULTISEARCH"):
        check("multisearch", imap.cmd("ESEARCH IN (MAILBOXES %s) SUBJECT one" % name),
              has=r'^\* ESEARCH \(TAG "t\d+" MAILBOX %s UIDVALIDITY \d+\) UID ALL 1:2$' % name)
        check("multisearch selected", imap.cmd("ESEARCH IN (SELECTED) RETURN (COUNT) ALL"), has=r"UID COUNT 2$")
        check("multisearch numbers", imap.cmd("ESEARCH IN (PERSONAL) 1:2"), "BAD")
        check("multisearch subtree", imap.cmd("ESEARCH IN (SUBTREE %s) SUBJECT nonsense" % name), lacks="ESEARCH")
    if imap.can("ID"):
        check("id", imap.cmd('ID ("name" "x")'), has=r'^\* ID \("name" ')
        check("id nil", imap.cmd("ID NIL"), has=r"^\* ID ")
    if imap.can("LANGUAGE"):
        check("languages", imap.cmd("LANGUAGE"), has=r"^\* LANGUAGE \(")
        check("english", imap.cmd("LANGUAGE en"), has=r"^\* LANGUAGE \(\"?en\"?\)$")
        check("no such language", imap.cmd("LANGUAGE tlh"), "NO")
    if imap.can("UIDONLY"):
        check("enable", imap.cmd("ENABLE UIDONLY"), has=r"^\* ENABLED UIDONLY")
        check("no numbers", imap.cmd("FETCH 1 FLAGS"), "BAD", code="UIDREQUIRED")
        check("uidfetch", imap.cmd("UID FETCH 1 FLAGS"), has=r"^\* 1 UIDFETCH \(FLAGS")
        check("no numbers in keys", imap.cmd("UID SEARCH 1"), "BAD", code="UIDREQUIRED")
        check("store", imap.cmd("UID STORE 2 +FLAGS (\\Deleted)"), has=r"^\* 2 UIDFETCH")
        check("vanished", imap.cmd("EXPUNGE"), has=r"^\* VANISHED 2$")
    if imap.can("UNAUTHENTICATE"):
        check("unauthenticate", imap.cmd("UNAUTHENTICATE"))
        check("nobody", imap.cmd("SELECT INBOX"), "BAD")
        check("somebody", imap.cmd('LOGIN "%s" "%s"' % (USER, PASSWORD)))
        check("numbers again", imap.cmd("SELECT " + name))
        check("fetch", imap.cmd("FETCH 1 FLAGS"), has=r"^\* 1 FETCH")
    verify()


@case("imap")
def pipelined_commands_are_answered_in_order():
    imap = Imap()
    name = box(imap, mail(), mail())
    imap.send("".join("p%d %s\r\n" % (n, command) for n, command in enumerate(
        ["NOOP", "FETCH 1 FLAGS", "NONSENSE", "SEARCH ALL", "STATUS INBOX (MESSAGES)", "UID FETCH 2 BODY.PEEK[]", "CLOSE", "SELECT " + name, "CHECK"])))
    for n, status in enumerate(["OK", "OK", "BAD", "OK", "OK", "OK", "OK", "OK", "OK"]):
        equal(imap.end("p%d" % n).status, status, "p%d" % n)
    imap.send("a NOOP\nb NOOP\r\n")
    line = imap.line()
    true(line.startswith("a "), line)
    verify()


if __name__ == "__main__":
    import atexit
    atexit.register(lambda: print("%d checks" % checks, flush=True))
    harness.main()
