"""A seeded mailbox for the measurements: the same seed gives the same octets everywhere.

Sizes follow what mail is like: most messages are a few KiB of text, one in eight carries a
picture or a document of some 100 KiB, one in a hundred something above 1 MiB. Texts are plain,
quoted-printable UTF-8, or base64; threads run through it. Lines end with LF, as Dovecot keeps
them.

    mailbox.py COUNT SEED FOLDER      writes a Maildir, and says what is in it
"""
import base64
import os
import quopri
import random
import sys

SYLLABLES = ("ka lo mi ter van dor sel pon gra thi bel mur nes tov rin chal dea fo wen quil "
             "zar bo hes lim un der stra po chi ven").split()
ACCENTED = "größe café naïve Łódź señor façade 東京 Ελλάδα мир".split()


class Writer:
    def __init__(self, seed):
        self.random = random.Random(seed)
        pick = self.random.choice
        self.words = ["".join(pick(SYLLABLES) for _ in range(self.random.randint(1, 4))) for _ in range(4000)]
        # One block of noise for all attachments: making it anew each time would take longer than the measurement.
        self.noise = self.random.randbytes(4 << 20)

    def sentence(self, foreign):
        words = self.random.choices(self.words, k=self.random.randint(4, 18))
        if foreign:
            words[self.random.randrange(len(words))] = self.random.choice(ACCENTED)
        return " ".join(words).capitalize() + "."

    def text(self, octets, foreign):
        lines, size = [], 0
        while size < octets:
            line, width = [], 0
            for word in self.sentence(foreign).split():
                if width + len(word) > 72:
                    lines.append(" ".join(line))
                    line, width = [], 0
                line.append(word)
                width += len(word) + 1
            lines.append(" ".join(line))
            if self.random.random() < 0.2:
                lines.append("")
            size = sum(map(len, lines)) if len(lines) < 40 else size + 60
        return "\n".join(lines) + "\n"

    def message(self, number, previous):
        """(octets, Message-ID)"""
        r = self.random
        ident = "<%08x.%d@bench.example.test>" % (r.getrandbits(32), number)
        who = r.randrange(200)
        head = ["Return-Path: <user%d@example.test>" % who]
        for hop in range(r.randint(1, 5)):
            head.append("Received: from relay%d.example.test (relay%d.example.test [192.0.2.%d])\n"
                        "\tby mx.example.test with ESMTPS id %012x;\n\tWed, 4 Mar 2026 %02d:%02d:%02d +0000"
                        % (hop, hop, r.randrange(255), r.getrandbits(48), number // 3600 % 24, number // 60 % 60, number % 60))
        head += ["From: User %d <user%d@example.test>" % (who, who), "To: bench@example.test",
                 "Subject: " + self.sentence(False)[:70], "Date: Wed, 4 Mar 2026 %02d:%02d:00 +0000" % (number // 60 % 24, number % 60),
                 "Message-ID: " + ident, "MIME-Version: 1.0"]
        if previous and r.random() < 0.4:
            parent = r.choice(previous[-20:])
            head += ["In-Reply-To: " + parent, "References: " + parent]
        foreign = r.random() < 0.3
        text = self.text(int(r.lognormvariate(8.0, 0.9)), foreign)
        if foreign:
            kind = ["Content-Type: text/plain; charset=utf-8"]
            if r.random() < 0.5:
                kind.append("Content-Transfer-Encoding: quoted-printable")
                body = quopri.encodestring(text.encode()).decode()
            else:
                kind.append("Content-Transfer-Encoding: base64")
                body = base64.encodebytes(text.encode()).decode()
        else:
            kind, body = ["Content-Type: text/plain; charset=us-ascii"], text
        chance = r.random()
        if chance < 0.135:
            size = r.randint(1 << 20, 3 << 20) if chance < 0.01 else int(r.lognormvariate(11.3, 0.6))
            start = r.randrange(len(self.noise) - min(size, len(self.noise) - 1))
            boundary = "=_%024x" % r.getrandbits(96)
            head.append('Content-Type: multipart/mixed; boundary="%s"' % boundary)
            attachment = base64.encodebytes(self.noise[start:start + size]).decode()
            body = ("--%s\n%s\n\n%s\n--%s\nContent-Type: application/octet-stream; name=\"part%d.bin\"\n"
                    "Content-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=\"part%d.bin\"\n\n%s--%s--\n"
                    % (boundary, "\n".join(kind), body, boundary, number, number, attachment, boundary))
        else:
            head += kind
        return ("\n".join(head) + "\n\n" + body).encode(), ident


def messages(count, seed):
    writer, previous = Writer(seed), []
    for number in range(count):
        octets, ident = writer.message(number, previous)
        previous.append(ident)
        yield octets


def write_maildir(folder, count, seed):
    """Writes the messages into folder/cur; gives the number of octets."""
    for part in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(folder, part), exist_ok=True)
    total = 0
    for number, octets in enumerate(messages(count, seed)):
        total += len(octets)
        name = "%d.M%06dP1.bench:2,%s" % (1772600000 + number, number, ("", "S", "RS", "FS")[number % 4])
        with open(os.path.join(folder, "cur", name), "wb") as file:
            file.write(octets)
    return total


def write_giant(path, size):
    """One message of at least `size` octets, in lines of 76 characters; in pieces, so that memory stays small."""
    line = ("".join(chr(33 + (7 * column) % 90) for column in range(75)) + "\n").encode()
    piece = line * 4096
    with open(path, "wb") as file:
        file.write(b"From: giant@example.test\nTo: bench@example.test\nSubject: a giant\n"
                   b"Date: Wed, 4 Mar 2026 10:00:00 +0000\nMessage-ID: <giant@bench.example.test>\n\n")
        while file.tell() < size:
            file.write(piece)


if __name__ == "__main__":
    count, seed, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    print("%d messages, %d octets" % (count, write_maildir(folder, count, seed)))
