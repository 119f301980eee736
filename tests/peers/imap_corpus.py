"""Real messages, and small nasty ones, as our server and Dovecot tell them: BODYSTRUCTURE, BODY, ENVELOPE, the size,
and every section of every part that either of them knows of.

Arguments: files or folders of messages. The environment names our server (IMAP_HOST, IMAP_PORT) and Dovecot's
(OTHER_IMAP_HOST, OTHER_IMAP_PORT, OTHER_USERS). Where the two differ and the RFCs are with us, REASONS says so; a
difference without a reason fails.
"""
import os
import re
import socket
import sys

import harness
from harness import case, true

LIMIT = 2 * 1024 * 1024

# What Dovecot says for want of an address; RFC 9051 section 7.5.2 knows no such words, and has NIL for a field
# without an address and an empty string for a part of one that is not there.
INVENTED = (b"MISSING_DOMAIN", b"MISSING_MAILBOX", b"SYNTAX_ERROR")

# Messages whose structure Dovecot tells otherwise, by the end of the file's name: why ours is right.
NO_PART = ('RFC 9051 section 6.4.5: "Every message has at least one part number", and no boundary ever comes: the body is part 1, '
           "which Dovecot tells as empty")
DEFAULT = ('RFC 2045 section 5.2: "this default be assumed [...] when a syntactically invalid Content-Type header field is '
           'encountered"; Dovecot tells an empty type, and no lines')
QUOTING = "RFC 2045 section 5.1 wants quotes round such a boundary; the whole line is what the sender meant, and it is what comes"
TWICE = 'RFC 5322 section 3.6 allows the field once: the first counts, Dovecot takes the last or joins them'
REPORT = ('RFC 9051 section 6.4.5: HEADER and TEXT "can be prefixed by one or more numeric part specifiers, provided that the '
          'numeric part specifier refers to a part of type MESSAGE/RFC822 or MESSAGE/GLOBAL"; a report is neither')
EXTENDED = "RFC 2231 section 3: the parameter as written, which RFC 9051 does not ask a server to put together or to decode"
ENCODING = "RFC 9051 section 7.5.2: the encoding is the field's first word, also one that nobody knows"
DELIMITER = ('RFC 2046 section 5.1.1: "The CRLF preceding the boundary delimiter line is conceptually attached to the boundary", also '
             "behind a multipart or a header that ends there; Dovecot counts it to both")
REASONS = {
    "a type without a value": DEFAULT, "parameters in sections": EXTENDED, "a message in an encoding": DELIMITER,
    "an empty message in a multipart": DELIMITER, "malformed_021.eml": DELIMITER, "malformed_022.eml": DELIMITER, "thirdparty_007.eml": DELIMITER,
    "fp10": NO_PART, "spam_015": NO_PART, "spam_016": NO_PART, "spam_017": NO_PART, "badmime2.txt": NO_PART,
    "badmime3.txt": NO_PART, "yahoo_groups_message": NO_PART, "bad_date_header2.eml": NO_PART, "msg_17.txt": NO_PART,
    "msg_25.txt": NO_PART, "empty_in_reply_to.eml": NO_PART, "must_supply_encoding.eml": NO_PART, "msg_42.txt": NO_PART,
    "rfc822_inline_image.eml": NO_PART, "badctype1": DEFAULT, "content-length-summary.txt": DEFAULT, "jwz-summary.txt": DEFAULT,
    "missing-subtype.txt": DEFAULT, "broken-ctype.eml": DEFAULT, "utf16.eml": QUOTING, "binary_encoded.eml": QUOTING,
    "illegal_boundary.eml": QUOTING, "rfc_001.eml": QUOTING, "spam_008": TWICE, "rejectko.eml": TWICE, "complaints_yahoo.eml": REPORT,
    "msg_43.txt": REPORT, "msg_29.txt": EXTENDED, "msg_32.txt": EXTENDED, "msg_33.txt": EXTENDED, "spam_003": ENCODING,
    "qp_with_space.eml": ENCODING, "with_semi_colon.eml": ENCODING, "thirdparty_004.eml": ENCODING,
    "missing_content_disposition.eml": 'RFC 9051 section 7.5.2: a disposition is "a body disposition type string": with none there is none',
    "invalid_content_dispositions.eml": 'RFC 9051 section 7.5.2: a disposition is "a body disposition type string": with none there is none',
    "malformed_007.eml": "RFC 2046 section 5.1.1: the boundary ab is not the boundary a, although it begins so",
    "at_display_name.eml": "RFC 5322 section 4.4: a reader may understand a name that lacks its quotes",
}


def reason(path):
    return next((why for end, why in REASONS.items() if path.endswith(end)), None)


def plain(item, value, other):
    """What is compared of a value; `other` is what the other server says."""
    if isinstance(value, list):
        others = other if isinstance(other, list) else []
        if len(value) == 1 and isinstance(value[0], bytes) and isinstance(other, bytes):
            # RFC 9051 section 9: body-fld-lang = nstring / "(" string *(SP string) ")".
            value, others = value[0], other
            return plain(item, value, others)
        if value and all(isinstance(one, list) and len(one) == 4 for one in value):
            addresses = [[b"" if part in INVENTED else part for part in one] for one in value]
            if any(part in INVENTED for one in value for part in one) and other is None:
                return None
            return [[part and re.sub(rb"[ \t]+", b" ", part).strip() for part in one] for one in addresses]
        if any(part in INVENTED for part in value):
            return [b"" if part in INVENTED else part for part in value]
        return [plain(item, one, others[index] if index < len(others) else None) for index, one in enumerate(value)]
    if value is None:
        return None
    if item == b"ENVELOPE":
        # RFC 5322 section 2.2.3: "Unfolding is accomplished by simply removing any CRLF that is immediately followed
        # by WSP"; Dovecot puts one space for all that stands there.
        return re.sub(rb"[ \t]+", b" ", value).strip()
    if b"BODY[" in item and value.endswith(b"--\r\n") and isinstance(other, bytes) and other + b"\r\n" == value:
        # See DELIMITER.
        return other
    return bytes(value).lower() if item in (b"BODY", b"BODYSTRUCTURE") else bytes(value)


class Client:
    """Commands over a socket, and the items of FETCH as nested lists of octets, None for NIL."""

    def __init__(self, host, port, user, password):
        self.sock = socket.create_connection((host, port), timeout=harness.TIMEOUT)
        self.file = self.sock.makefile("rb")
        self.file.readline()
        self.count = 0
        status, text, _ = self.cmd(b'LOGIN "%s" "%s"' % (user.encode(), password.encode()))
        true(status == b"OK", "login: %r" % text)

    def pieces(self):
        """One response: text and literals in turn."""
        found = []
        while True:
            line = self.file.readline()
            if not line.endswith(b"\r\n"):
                raise EOFError("the server has hung up behind %r" % line)
            match = re.search(rb"\{(\d+)\}\r\n$", line)
            if not match:
                return found + [line[:-2]]
            found.append(line[:match.start()].rstrip(b"~"))
            found.append(self.file.read(int(match.group(1))))

    def end(self, tag):
        told = []
        while True:
            pieces = self.pieces()
            if pieces[0].startswith(tag + b" "):
                status, _, text = pieces[0][len(tag) + 1:].partition(b" ")
                return status, text, told
            told.append(pieces)

    def cmd(self, line, literal=None):
        self.count += 1
        tag = b"c%d" % self.count
        self.sock.sendall(tag + b" " + line + (b" {%d}\r\n" % len(literal) if literal is not None else b"\r\n"))
        if literal is not None:
            answer = self.pieces()
            if not answer[0].startswith(b"+"):
                return answer[0].split(b" ")[1], answer[0], []
            self.sock.sendall(literal + b"\r\n")
        return self.end(tag)

    def fetch(self, number, items):
        """Item (upper case) -> value."""
        status, text, told = self.cmd(b"FETCH %d (%s)" % (number, items))
        if status != b"OK":
            return {b"status": (status, text)}
        for pieces in told:
            if re.match(rb"\* %d FETCH \(" % number, pieces[0], re.I):
                pieces[0] = pieces[0].split(b"FETCH ", 1)[1]
                values = parse(pieces)
                return {bytes(name).upper(): value for name, value in zip(values[::2], values[1::2])}
        return {b"status": (status, b"no FETCH")}


class Atom(bytes):
    """A word outside of quotes."""


def parse(pieces):
    """The first value that the pieces hold."""
    stack = [[]]
    for index, piece in enumerate(pieces):
        if index % 2:
            stack[-1].append(piece)
            continue
        at = 0
        while at < len(piece):
            match = re.compile(rb' *(?:([()])|"((?:[^"\\]|\\.)*)"|((?:BODY|BINARY)[^ ()]*\[[^\]]*\][^ ()]*|[^ ()"]+))', re.I | re.S).match(piece, at)
            if not match:
                true(not piece[at:].strip(), "not understood: %r" % piece[at:at + 60])
                break
            at = match.end()
            if match.group(1) == b"(":
                stack.append([])
            elif match.group(1) == b")":
                done = stack.pop()
                stack[-1].append(done)
            elif match.group(2) is not None:
                stack[-1].append(re.sub(rb"\\(.)", rb"\1", match.group(2)))
            else:
                word = match.group(3)
                stack[-1].append(None if word.upper() == b"NIL" else Atom(word))
    true(len(stack) == 1 and len(stack[0]) == 1, "parentheses of %r" % (pieces[0][:80],))
    return stack[0][0]


def sections(structure, prefix=b""):
    """The section numbers of a BODYSTRUCTURE, each with what it is."""
    if isinstance(structure[0], list):
        found = []
        parts = [part for part in structure if isinstance(part, list)][:next(
            index for index, part in enumerate(structure) if not isinstance(part, list))]
        for number, part in enumerate(parts, 1):
            found += one(part, prefix + b"%d" % number)
        return found
    return one(structure, prefix + b"1") if not prefix else []


def one(part, name):
    if isinstance(part[0], list):
        return [(name, "multipart")] + sections(part, name + b".")
    if bytes(part[0]).lower() == b"message" and len(part) > 9 and isinstance(part[8], list):
        inner = part[8]
        below = sections(inner, name + b".") if isinstance(inner[0], list) else one(inner, name + b".1")
        return [(name, "message")] + below
    return [(name, "part")]


def multipart(boundary, *parts, head="", kind="mixed", end=True):
    text = "Content-Type: multipart/%s; boundary=%s\n%s\n" % (kind, boundary, head)
    name = boundary.strip('"').replace("\n", "")
    return text + "".join("--%s\n%s\n" % (name, part) for part in parts) + ("--%s--\n" % name if end else "")


def nested(depth):
    text = "Content-Type: text/plain\n\nat last"
    for level in range(depth):
        text = multipart("b%d" % level, text)
    return text


NASTY = {
    "only a header": "From: a@x.test\nSubject: s\n",
    "a header without its last line end": "From: a@x.test\nSubject: s",
    "only a body": "\nbody\n",
    "an empty line": "\n",
    "no line end": "Subject: s\n\nbody",
    "addresses": 'From: user@domain (Real Name)\nSender: \nReply-To: \nTo: group: g1@d1.test, "G Two" <g2@d2.test>;, other:;, last@x.test\n'
                 'Cc: "quoted \\"inner\\" name" <a@x.test>, <@route.test,@two.test:user@domain.test>, "a b"@x.test, =?utf-8?q?M=C3=BC?= <m@x.test>\n'
                 "Bcc: undisclosed-recipients:;\nIn-Reply-To: <1@x.test> <2@x.test>\nMessage-Id:  <3@x.test>  \n\nb\n",
    "addresses with comments": "From: (first) Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>\nTo: A Group(Some people)\n"
                               "     :Chris Jones <c@(Chris's host.)public.example>,\n         joe@example.test,\n  John <jdoe@one.test> (my dear friend); (the end of the group)\n\nb\n",
    "an address of a host in brackets": "From: a@[127.0.0.1], \"x\" <b@[IPv6:::1]>\n\nb\n",
    "a name over two lines": 'From: "Ann\n  Other" <a@x.test>\nSubject: one\n two\n\nb\n',
    "eight bits": b"From: J\xc3\xb6rg <j@x.test>\nSubject: \xe4\xf6\xfc\n\n\xff\n".decode("latin-1"),
    "types of odd case": "content-TYPE: TEXT/Html; CharSet=UTF-8;\n\tformat = flowed ; x=\"a\\\"b\"\nCONTENT-transfer-ENCODING: Quoted-Printable\n\na=3D\n",
    "a type with comments": "Content-Type: text/plain (a comment); (another) charset=us-ascii (a third)\n\nb\n",
    "a type without a value": "Content-Type:\n\nb\n",
    "every field of a part": multipart("b", "Content-Type: text/plain\nContent-ID: <1@x.test>\nContent-Description: what\n it is\nContent-Transfer-Encoding: base64\n"
                                       "Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\nContent-Disposition: attachment; filename=\"a b.txt\"; size=3\n"
                                       "Content-Language: en, de\nContent-Location: http://x.test/\n\nYWJj\n"),
    "no part at all is empty": multipart("b", "", "\n", "\n\n"),
    "a preamble and an epilogue": multipart("b", "\none", "\ntwo", head="X: y\n").replace("\n\n", "\n\npreamble\n", 1) + "epilogue\n--b\nno part\n",
    "a boundary in quotes and with spaces": multipart('"a b=c"', "\none"),
    "a folded boundary": multipart('"foo\n bar"', "Content-Type: text/html\n\nhello"),
    "no last boundary": multipart("b", "\none", "\ntwo", end=False),
    "space behind a boundary": multipart("b", "\none").replace("--b\n", "--b \t\n"),
    "a digest": multipart("b", "\nSubject: one\n\nfirst\n", "Content-Type: text/plain\n\nno message\n", "X-Y: z\n\nSubject: two\n\nsecond\n", kind="digest"),
    "a message in a message": "Subject: o\nContent-Type: message/rfc822\n\nSubject: i\nFrom: a@x.test\nContent-Type: message/rfc822\n\nSubject: ii\n\nb\n",
    "a message in an encoding": multipart("b", "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogaQoKYgo=\n"),
    "a multipart in a message in a multipart": multipart("o", "Content-Type: message/rfc822\n\nSubject: in\n" + multipart("i", "\none", "Content-Type: text/html\n\n<p>"), "\nlast"),
    "an empty message in a multipart": multipart("b", "Content-Type: message/rfc822\n\n", "\nb"),
    "twenty levels": nested(20),
    "parts of no text": multipart("b", "Content-Type: image/png; name=x\nContent-Transfer-Encoding: base64\n\niVBORw==", "Content-Type: application/octet-stream\n\n\n"),
    "the outer boundary inside of the inner": multipart("o", multipart("i", "\none", end=False), "\ntwo"),
    "one boundary begins another": multipart("aa", multipart("aab", "\none"), "\ntwo"),
    "long lines": "Subject: %s\n\n%s\n" % ("x" * 3000, "y" * 20000),
    "a thousand fields": "".join("X-%d: %d\n" % (n, n) for n in range(1000)) + "Subject: s\n\nb\n",
    "a field that is none": "From: a@x.test\nnot a field\nSubject: s\n\nb\n",
    "space before the colon": "From : a@x.test\nSubject: s\n\nb\n",
    "a blank line of spaces": "From: a@x.test\n \nSubject: s\n\nb\n",
    "dates": "Date: (c) Tue, 1 Jul 2003 10:52:37 +0200 (CEST)\n\nb\n",
    "parameters in sections": "Content-Type: application/x; name*0*=us-ascii'en'a%20; name*1=b; name*2*=%2A\n\nb\n",
}


def messages():
    for name, text in NASTY.items():
        yield name, text.replace("\n", "\r\n").encode("latin-1")
    for path in paths():
        yield path, octets(path)


def paths():
    for path in PATHS:
        if os.path.isdir(path):
            for folder, _, names in sorted(os.walk(path)):
                for name in sorted(names):
                    yield os.path.join(folder, name)
        else:
            yield path


def octets(path):
    """The message in the file, with CRLF."""
    with open(path, "rb") as file:
        text = file.read(LIMIT)
    if text.startswith(b"From "):
        text = text.split(b"\n", 1)[-1]
    return re.sub(rb"\r*\n", b"\r\n", text)


def bodies(structures):
    """The sections to ask for."""
    wanted = [b"", b"HEADER", b"TEXT"]
    for structure in structures:
        for name, kind in sections(structure):
            for section in [name, name + b".MIME"] + ([name + b".HEADER", name + b".TEXT"] if kind == "message" else []):
                if section not in wanted:
                    wanted.append(section)
    return wanted


def differences(ours, theirs, message):
    """(item, ours, theirs) for what the two tell differently of one message."""
    for client in (ours, theirs):
        status, text, _ = client.cmd(b"APPEND INBOX", message)
        true(status == b"OK", "APPEND: %r" % text)
        client.number = getattr(client, "number", 0) + 1
    items = b"RFC822.SIZE BODY BODYSTRUCTURE ENVELOPE"
    got, wanted = (client.fetch(client.number, items) for client in (ours, theirs))
    found = []
    for item in items.split():
        a, b = got.get(item, got), wanted.get(item, wanted)
        if plain(item, a, b) != plain(item, b, a):
            found.append((item, a, b))
    for section in bodies([answer[b"BODYSTRUCTURE"] for answer in (got, wanted) if b"BODYSTRUCTURE" in answer]):
        item = b"BODY[%s]" % section
        a, b = (client.fetch(client.number, b"BODY.PEEK[%s]" % section).get(item, b"nothing") for client in (ours, theirs))
        if plain(item, a, b) != plain(item, b, a):
            found.append((item, a, b))
    return found


@case("imap", "other_imap")
def every_message_is_told_as_by_the_other():
    users = dict(pair.split(":", 1) for pair in os.environ["OTHER_USERS"].split(","))
    ours = Client(*harness.at("imap"), "alice", harness.USERS["alice"])
    theirs = Client(*harness.at("other_imap"), "alice", users["alice"])
    for client in (ours, theirs):
        client.cmd(b"SELECT INBOX")
    count = 0
    unexplained, explained = [], set()
    for path, message in messages():
        if not message or b"\0" in message:
            continue
        count += 1
        for item, a, b in differences(ours, theirs, message):
            if reason(path):
                explained.add(path)
                continue
            unexplained.append("%s: %s\n    ours   %r\n    theirs %r" % (path, item.decode(), a, b))
    true(count, "no message was compared")
    stale = [end for end in REASONS if not any(path.endswith(end) for path in explained)]
    true(count < 300 or not stale, "reasons for what does not differ: %r" % stale)
    true(not unexplained, "%d differences in %d messages:\n%s" % (len(unexplained), count, "\n".join(unexplained)))


if __name__ == "__main__":
    PATHS, sys.argv[1:] = sys.argv[1:], []
    harness.main()
