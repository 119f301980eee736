"""A plain model of the search language over Python's email package, to compare answers with.

Reads one JSON object on standard input: {"messages": [{"path": ..., "flags": "FSa", "received": seconds}, ...],
"keywords": {"a": NAME, ...}, "queries": [tree, ...]}, and prints for each query a JSON list of the numbers of the messages that it asks for.
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
# What has: knows: media types, or their beginnings, and ends of file names.
KINDS = {
    "pdf": ("application/pdf", ".pdf"),
    "image": ("image/", ".png .jpg .jpeg .gif .webp .svg .tif .tiff .heic"),
    "audio": ("audio/", ".mp3 .ogg .wav .flac .m4a"),
    "video": ("video/", ".mp4 .mov .avi .mkv .webm"),
    "html": ("text/html", ".html .htm"),
    "document": ("application/msword application/rtf application/vnd.oasis.opendocument.text "
                 "application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".doc .docx .odt .rtf"),
    "spreadsheet": ("application/vnd.ms-excel application/vnd.oasis.opendocument.spreadsheet text/csv "
                    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xls .xlsx .ods .csv"),
    "presentation": ("application/vnd.ms-powerpoint application/vnd.oasis.opendocument.presentation "
                     "application/vnd.openxmlformats-officedocument.presentationml.presentation", ".ppt .pptx .odp"),
    "archive": ("application/zip application/gzip application/x-gzip application/x-tar application/x-7z-compressed "
                "application/x-rar-compressed application/vnd.rar application/zstd",
                ".zip .gz .tgz .tar .7z .rar .zst .xz .bz2"),
    "calendar": ("text/calendar application/ics", ".ics"),
    "contact": ("text/vcard text/x-vcard text/directory", ".vcf"),
    "patch": ("text/x-patch text/x-diff", ".patch .diff"),
    "message": ("message/rfc822 message/global", ".eml"),
}
FLAGS = {"S": "\\Seen", "F": "\\Flagged", "R": "\\Answered", "D": "\\Draft", "T": "\\Deleted"}


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
    def __init__(self, uid, path, flags, received):
        with open(path, "rb") as file:
            octets = file.read()
        self.uid, self.flags, self.received = uid, flags, received
        # Lines end in CRLF wherever a size is told (RFC 9051 section 2.3.4).
        self.size = len(octets) + octets.count(b"\n") - octets.count(b"\r\n")
        parsed = email.message_from_bytes(octets)
        self.fields = [(name, header_value(value)) for name, value in parsed.raw_items()]
        self.parts, self.texts = [], []
        self.walk(parsed, True)

    def walk(self, part, outermost):
        disposition = (part.get_content_disposition() or "").lower()
        name = part.get_filename()
        if name is not None:
            name = header_value(email.utils.collapse_rfc2231_value(name))
        label = part.get_param("charset")
        label = label[2] if isinstance(label, tuple) else label
        if not label and part.get_content_maintype() == "text":
            label = "us-ascii"  # RFC 2045 section 5.2
        smime = str(part.get_param("smime-type") or "").lower()
        self.parts.append(dict(type=part.get_content_type(), name=name, attachment=disposition == "attachment",
                               charset=label, smime=smime))
        if part.get_content_type() in ("message/rfc822", "message/global") and part.is_multipart():
            inner = part.get_payload(0)
            self.texts.append("\n".join("%s: %s" % (n, header_value(v)) for n, v in inner.raw_items()))
            self.walk(inner, False)
        elif part.get_content_maintype() == "message":
            # A report, a fragment, a pointer: what Python reads as messages are none (RFC 2046 section 5.2).
            pass
        elif part.is_multipart() or part.get_content_maintype() == "multipart":
            children = part.get_payload() if part.is_multipart() else []
            for child in children:
                self.walk(child, False)
            if not children:
                # IMAP cannot say that there are none (RFC 9051 section 9, body-type-mpart).
                self.parts.append(dict(type="text/plain", name=None, attachment=False, charset="us-ascii", smime=""))
        elif part.get_content_maintype() == "text":
            charset = part.get_param("charset") or ""
            text = decode(part.get_payload(decode=True) or b"", charset if isinstance(charset, str) else charset[2])
            self.texts.append(html_text(text) if part.get_content_subtype() == "html" else text)

    def values(self, name):
        return [value for other, value in self.fields if other.lower() == name.lower()]


    def id(self):
        for value in self.values("Message-ID")[:1]:
            found = ids(value)
            return found[0] if found else value.strip() or None
        return None

    def references(self):
        # RFC 5256, REFERENCES, step 1.
        found = [one for value in self.values("References") for one in ids(value)]
        return found or [one for value in self.values("In-Reply-To") for one in ids(value)][:1]


def ids(value):
    return [one for one in ("".join(inner.split()) for inner in re.findall("<([^>]*)>", value)) if one]


def matcher(query):
    """Whether one text has what a term asks for."""
    if "regex" in query:
        # Python takes the Turkish letters for an i; no others do (CaseFolding.txt, status T).
        expression = re.compile(query["regex"], re.IGNORECASE | re.MULTILINE)
        lines = lambda text: text.replace("\r\n", "\n").replace("\r", "\n").replace("\u0131", "\ue000").replace(
            "\u0130", "\ue001")
        return lambda text: expression.search(lines(text)) is not None
    wanted = fold(query["value"])
    return lambda text: wanted in fold(text)


def contains(query, texts):
    if query.get("value") == "*":
        return bool(texts)
    return any(map(matcher(query), texts))


def attachment(part):
    kind = part["type"]
    if kind.startswith(("multipart/", "application/pkcs7-", "application/x-pkcs7-")) or kind in (
            "application/pgp-signature", "application/pgp-encrypted"):
        return False
    return part["attachment"] or bool(part["name"]) or not kind.startswith(("text/", "image/"))


def has(kind, message):
    if kind == "attachment":
        return any(map(attachment, message.parts))
    types, ends = (words.split() for words in KINDS[kind])
    return any(any(part["type"].startswith(t) if t.endswith("/") else part["type"] == t for t in types)
               or (part["name"] or "").lower().endswith(tuple(ends)) for part in message.parts)


def protected(state, message):
    """Whether it is signed, or encrypted."""
    for part in message.parts:
        kind = part["type"]
        opaque = kind in ("application/pkcs7-mime", "application/x-pkcs7-mime")
        signed = kind == "multipart/signed" or (opaque and part["smime"] == "signed-data")
        encrypted = kind in ("multipart/encrypted", "application/pgp-encrypted") or (
            opaque and part["smime"] != "signed-data")
        if signed if state == "signed" else encrypted:
            return True
    return False


def sent(message):
    """The first Date that can be read."""
    for text in message.values("Date"):
        parsed = email.utils.parsedate_tz(text)
        if parsed:
            return calendar.timegm(parsed[:6] + (0, 0, 0)) - (parsed[9] or 0)
    return None


def within(query, instant):
    return (query["from"] is None or query["from"] <= instant) and (query["until"] is None or instant < query["until"])


def term(query, message):
    kind, value = query["term"], query.get("value", "")
    if kind in ("from", "to", "cc", "bcc", "subject"):
        return contains(query, message.values(kind))
    if kind == "list":
        return contains(query, message.values("List-Id"))
    if kind == "header":
        return contains(query, message.values(query["name"]))
    if kind == "body":
        return contains(query, message.texts)
    if kind == "text":
        return contains(query, ["%s: %s" % field for field in message.fields]) or contains(query, message.texts)
    if kind == "filename":
        return contains(query, [part["name"] for part in message.parts if part["name"]])
    if kind == "type":
        return contains(query, [part["type"] for part in message.parts])
    if kind == "charset":
        return contains(query, [part["charset"] for part in message.parts if part["charset"]])
    if kind == "id":
        whole = value.startswith("<") and value.endswith(">")
        found = message.id()
        if found is None or value == "*":
            return found is not None
        return fold(value[1:-1]) == fold(found) if whole else fold(value) in fold(found)
    if kind == "thread":
        return value == message.id() or value in message.references()
    if kind == "has":
        return has(value, message)
    if kind == "is":
        return protected(value, message)
    if kind == "flag":
        return bool(message.flags) if value == "*" else value.lower() in message.flags
    if kind == "size":
        return (query["least"] or 0) <= message.size and (query["most"] is None or message.size <= query["most"])
    if kind == "uid":
        return any(first <= message.uid and (last is None or message.uid <= last) for first, last in query["ranges"])
    if kind == "place":
        return query["is"]
    if kind == "received":
        return within(query, message.received)
    if kind == "date":
        instant = sent(message)
        return instant is not None and within(query, instant)
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
    names = {letter: name.lower() for letter, name in {**FLAGS, **task["keywords"]}.items()}
    messages = [Message(uid, m["path"], {names[letter] for letter in m["flags"]}, m["received"])
                for uid, m in enumerate(task["messages"], 1)]
    for query in task["queries"]:
        print(json.dumps([number for number, message in enumerate(messages) if matches(query, message)]))


main()
