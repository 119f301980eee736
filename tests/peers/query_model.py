"""A plain model of the search language over Python's email package, to compare answers with.

Reads one JSON object on standard input: {"messages": [{"path": ..., "flags": "FS", "received": seconds}, ...],
"queries": [tree, ...]}, and prints for each query a JSON list of the numbers of the messages that it asks for.
A tree is {"and": [...]}, {"or": [...]}, {"not": tree} or {"term": KIND, ...}.

It decodes everything of every message, knows no shortcuts, and shares no code with the program that is tested.
"""
import calendar
import email
import email.header
import email.utils
import json
import re
import sys
from html.parser import HTMLParser

# What the web reads under these names, as mail programs do (WHATWG Encoding, section 4.2).
CODECS = {"iso-8859-1": "cp1252", "latin1": "cp1252", "us-ascii": None, "ascii": None, "": None, "gb2312": "gbk",
          "shift_jis": "cp932"}
INLINE = set("a abbr acronym b bdo big cite code del dfn em font i ins kbd label mark q s samp small span strike strong "
             "sub sup tt u".split())
HIDDEN = {"script", "style", "title", "template"}
CELLS = {"td", "th", "img", "input", "option", "button"}
KINDS = {"pdf": (["application/pdf"], [".pdf"]), "image": (["image/"], [".png", ".jpg", ".jpeg", ".gif"]),
         "html": (["text/html"], [".html", ".htm"]), "message": (["message/rfc822", "message/global"], [".eml"])}


def fold(text):
    return "".join(c.upper().lower() for c in text)


def unlabelled(octets):
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("cp1252", "replace")


def decode(octets, charset):
    charset = (charset or "").strip().lower().split("*")[0]
    codec = CODECS.get(charset, charset)
    if codec is None:
        return unlabelled(octets)
    try:
        return octets.decode(codec, "replace")
    except LookupError:
        return unlabelled(octets)


def header_value(raw):
    """A field's value (as compat32 holds it) as people read it."""
    raw = raw if isinstance(raw, str) else str(raw)
    octets = raw.encode("utf-8", "surrogateescape")
    octets = re.sub(rb"[ \t]*\r?\n[ \t]*", b" ", octets.strip(b" \t\r\n")).replace(b"\t", b" ")
    word = re.compile(rb"=\?([^?=\s]{1,79})\?([bBqQ])\?([^?]*)\?=")
    out, pending, label, at, after_word = [], b"", b"", 0, False
    for match in word.finditer(octets):
        between = octets[at:match.start()]
        adjacent = after_word and not between.strip(b" ")
        if pending and not (adjacent and label.lower() == match.group(1).lower()):
            out.append(decode(pending, label.decode("ascii", "replace")))
            pending = b""
        if not adjacent:
            out.append(unlabelled(between))
        text = match.group(3)
        if match.group(2) in b"qQ":
            text = re.sub(rb"=([0-9A-Fa-f]{2})", lambda m: bytes([int(m.group(1), 16)]), text.replace(b"_", b" "))
        else:
            import base64
            text = base64.b64decode(text + b"=" * (-len(text) % 4))
        label, pending, at, after_word = match.group(1), pending + text, match.end(), True
    if pending:
        out.append(decode(pending, label.decode("ascii", "replace")))
    out.append(unlabelled(octets[at:]))
    return "".join(out)


class Text(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.out, self.gap, self.hidden = "", "", None

    def tag(self, name):
        if name not in INLINE:
            self.gap = max(self.gap, " " if name in CELLS else "~")

    def handle_starttag(self, name, attributes):
        self.tag(name)
        if name in HIDDEN:
            self.hidden = name

    def handle_startendtag(self, name, attributes):
        self.tag(name)

    def handle_endtag(self, name):
        self.tag(name)
        if name == self.hidden:
            self.hidden = None

    def handle_data(self, data):
        if self.hidden:
            return
        for run in re.findall(r"\s+|[^\s]+", data.replace("\u00ad", "")):
            if run.isspace():
                self.gap = max(self.gap, " ")
            else:
                if self.out and self.gap:
                    self.out += "\n" if self.gap == "~" else " "
                self.out, self.gap = self.out + run, ""


def html_text(html):
    parser = Text()
    parser.feed(html)
    parser.close()
    return parser.out


class Message:
    def __init__(self, path, flags, received):
        with open(path, "rb") as file:
            octets = file.read()
        self.size, self.flags, self.received = len(octets), flags, received
        self.crlf = len(octets) + octets.count(b"\n") - octets.count(b"\r\n")
        parsed = email.message_from_bytes(octets)
        self.fields = [(name, header_value(value)) for name, value in parsed.raw_items()]
        self.parts, self.texts = [], []
        self.walk(parsed, True)

    def walk(self, part, outermost):
        disposition = (part.get_content_disposition() or "").lower()
        name = part.get_filename()
        if name is not None:
            name = header_value(email.utils.collapse_rfc2231_value(name))
        self.parts.append(dict(type=part.get_content_type(), name=name, attachment=disposition == "attachment",
                               charset=part.get_param("charset")))
        if part.get_content_type() in ("message/rfc822", "message/global") and part.is_multipart():
            inner = part.get_payload(0)
            self.texts.append("\n".join("%s: %s" % (n, header_value(v)) for n, v in inner.raw_items()))
            self.walk(inner, False)
        elif part.get_content_maintype() == "message":
            # A report, a fragment, a pointer: what Python reads as messages are none (RFC 2046 section 5.2).
            pass
        elif part.is_multipart():
            for child in part.get_payload():
                self.walk(child, False)
        elif part.get_content_maintype() == "text":
            charset = part.get_param("charset") or ""
            text = decode(part.get_payload(decode=True) or b"", charset if isinstance(charset, str) else charset[2])
            self.texts.append(html_text(text) if part.get_content_subtype() == "html" else text)

    def values(self, name):
        return [value for other, value in self.fields if other.lower() == name.lower()]


def contains(value, texts):
    if value == "*":
        return bool(texts)
    return any(fold(value) in fold(text) for text in texts)


def attachment(part):
    kind = part["type"]
    if kind.startswith(("multipart/", "application/pkcs7-", "application/x-pkcs7-")) or kind in (
            "application/pgp-signature", "application/pgp-encrypted"):
        return False
    return part["attachment"] or bool(part["name"]) or not kind.startswith(("text/", "image/"))


def term(query, message):
    kind, value = query["term"], query.get("value", "")
    if kind in ("from", "to", "cc", "bcc", "subject"):
        return contains(value, message.values(kind))
    if kind == "list":
        return contains(value, message.values("List-Id"))
    if kind == "header":
        return contains(value, message.values(query["name"]))
    if kind == "body":
        return contains(value, message.texts)
    if kind == "text":
        return contains(value, ["%s: %s" % field for field in message.fields]) or contains(value, message.texts)
    if kind == "filename":
        return contains(value, [part["name"] for part in message.parts if part["name"]])
    if kind == "type":
        return contains(value, [part["type"] for part in message.parts])
    if kind == "has":
        if value == "attachment":
            return any(map(attachment, message.parts))
        types, ends = KINDS[value]
        return any(any(part["type"].startswith(t) if t.endswith("/") else part["type"] == t for t in types)
                   or (part["name"] or "").lower().endswith(tuple(ends)) for part in message.parts)
    if kind == "flag":
        return value in message.flags
    if kind == "larger":
        return message.size > value if not query.get("crlf") else message.crlf > value
    if kind == "since":
        return message.received >= value
    if kind == "before":
        return message.received < value
    if kind == "date":
        # The first Date that can be read, between two instants.
        for text in message.values("Date"):
            parsed = email.utils.parsedate_tz(text)
            if parsed:
                sent = calendar.timegm(parsed[:6] + (0, 0, 0)) - (parsed[9] or 0)
                return query["from"] <= sent < query["until"]
        return False
    raise SystemExit("no such term: " + kind)


def matches(query, message):
    if "and" in query:
        return all(matches(part, message) for part in query["and"])
    if "or" in query:
        return any(matches(part, message) for part in query["or"])
    if "not" in query:
        return not matches(query["not"], message)
    return term(query, message)


def main():
    task = json.load(sys.stdin)
    messages = [Message(m["path"], m["flags"], m["received"]) for m in task["messages"]]
    for query in task["queries"]:
        print(json.dumps([number for number, message in enumerate(messages) if matches(query, message)]))


main()
