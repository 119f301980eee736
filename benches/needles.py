"""The mailbox of mailbox.py with needles in it: words that stand in a known number of messages, in every encoding.

A word of ASCII and one beyond it, in subjects in clear and as encoded words (RFC 2047), and in bodies in clear, in
quoted-printable with a soft line break inside the word, in base64 and in 8-bit Latin-1.
"""
import base64
import os
import quopri

import mailbox as ours

SUBJECT, SUBJECT_ENCODED = "Frobnikator-4711", "Überraschungsei"
BODY, BODY_ENCODED = "quetzalwagen", "Öltankschloß"
EACH = 10


def messages(text):
    """[(what, message)] of each kind."""
    head = "From: needle@example.test\nTo: bench@example.test\nDate: Wed, 4 Mar 2026 10:00:00 +0000\nMIME-Version: 1.0\n"

    def message(subject, kind, body):
        return (head + "Subject: %s\n%s\n\n" % (subject, kind)).encode() + body
    plain = "Content-Type: text/plain; charset=us-ascii"
    utf8 = "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: "
    latin1 = "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit"

    def in_text(word):
        return "%s\n%s and more\n%s" % (text[:3000], word, text[3000:6000])
    cut = (in_text(BODY[:6] + "=\n" + BODY[6:])).encode()
    encoded = base64.encodebytes(in_text(BODY).encode())
    return [
        ("subject", message("about " + SUBJECT, plain, text.encode())),
        ("subject-encoded", message("=?utf-8?B?%s?=" % base64.b64encode(("Ein " + SUBJECT_ENCODED).encode()).decode(), plain, text.encode())),
        ("body", message("plain", plain, in_text(BODY).encode())),
        ("body", message("quoted", utf8 + "quoted-printable", cut)),
        ("body", message("base64", utf8 + "base64", encoded)),
        ("body-encoded", message("quoted", utf8 + "quoted-printable", quopri.encodestring(in_text(BODY_ENCODED).encode()))),
        ("body-encoded", message("base64", utf8 + "base64", base64.encodebytes(in_text(BODY_ENCODED).encode()))),
        ("body-encoded", message("8bit", latin1, in_text(BODY_ENCODED).encode("latin-1"))),
    ]


def write(folder, count, seed):
    """Writes the Maildir; how many messages hold each kind of needle."""
    ours.write_maildir(folder, count, seed)
    writer = ours.Writer(seed)
    truth = {}
    for number in range(EACH):
        for kind, (what, octets) in enumerate(messages(writer.text(8000, False))):
            truth[what] = truth.get(what, 0) + 1
            name = "17726%05d.M%dP%d.bench:2," % (number, kind, seed)
            with open(os.path.join(folder, "cur", name), "wb") as file:
                file.write(octets)
    return truth
