"""nntplib against a news server: plain, STARTTLS and implicit TLS; lists, reads, posts.

The environment is the one of harness.py: NNTP_HOST, NNTP_PORT, NNTPS_PORT, PILLARBOX_USERS.
"""
import os
import socket
import ssl
import time
import uuid
import warnings

warnings.filterwarnings("ignore", category=DeprecationWarning)
import nntplib  # noqa: E402

HOST = os.environ.get("NNTP_HOST", "localhost")
PORT = int(os.environ["NNTP_PORT"])
TLS_PORT = int(os.environ["NNTPS_PORT"])
USER, PASSWORD = os.environ["PILLARBOX_USERS"].split(",")[0].split(":", 1)
GROUP = "local.test"


def context():
    return ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])


def ok(what):
    print(f"ok        {what}")


def article(subject, message_id, group=GROUP):
    return (
        f"From: Ann <ann@example.test>\r\nNewsgroups: {group}\r\nSubject: {subject}\r\n"
        f"Message-ID: {message_id}\r\nReferences: <parent@example.test>\r\n\r\n"
        ".dot\r\n\r\n..\r\n.\r\nlast line\r\n"
    ).encode()


def new_id():
    return f"<{uuid.uuid4()}@example.test>"


def eventually(look):
    for _ in range(200):
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it never came")


tls = nntplib.NNTP_SSL("localhost", TLS_PORT, ssl_context=context())
capabilities = tls.getcapabilities()
assert capabilities["VERSION"] == ["2"] and "READER" in capabilities and "OVER" in capabilities
assert "STARTTLS" not in capabilities, capabilities
ok("capabilities over TLS")
tls.login(USER, PASSWORD)
assert "AUTHINFO" not in tls.getcapabilities()
ok("AUTHINFO USER over TLS")
try:
    tls.login(USER, PASSWORD)
    raise AssertionError("a second login was taken")
except nntplib.NNTPPermanentError as error:
    assert error.response.startswith("502"), error.response
    ok("a second login is refused")

plain = nntplib.NNTP(HOST, PORT)
assert plain.getwelcome()[:3] in ("200", "201")
assert "STARTTLS" in plain.getcapabilities()
plain.starttls(context())
assert "STARTTLS" not in plain.getcapabilities()
ok("STARTTLS")
try:
    plain.login(USER, "wrong")
    raise AssertionError("a wrong password was taken")
except nntplib.NNTPTemporaryError as error:
    assert error.response.startswith("481"), error.response
    ok("a wrong password is refused")

ids = [new_id() for _ in range(3)]
for number, message_id in enumerate(ids):
    response = tls.post(article(f"nntplib {number}", message_id))
    assert response.startswith("240"), response
ok("POST")
try:
    tls.post(article("again", ids[0]))
    raise AssertionError("the same article was taken twice")
except nntplib.NNTPTemporaryError as error:
    assert error.response.startswith("441"), error.response
    ok("a message-id is taken once")
try:
    tls.post(article("nowhere", new_id(), "no.such.group"))
    raise AssertionError("an unknown group was taken")
except nntplib.NNTPTemporaryError as error:
    assert error.response.startswith("441"), error.response
    ok("an unknown group is refused")

eventually(lambda: nntplib.NNTP(HOST, PORT).group(GROUP)[1] >= 3)
reader = nntplib.NNTP(HOST, PORT, readermode=True)
_, count, first, last, name = reader.group(GROUP)
assert name == GROUP and count >= 3 and last - first + 1 >= 3
ok("GROUP")
assert GROUP in [group.group for group in reader.list()[1]]
assert GROUP in [group.group for group in reader.list("local.*")[1]]
assert reader.descriptions("local.*")[1].get(GROUP)
ok("LIST ACTIVE and NEWSGROUPS")
_, over = reader.over((first, last))
mine = {fields["message-id"]: (number, fields) for number, fields in over}
number, fields = mine[ids[1]]
assert fields["subject"] == "nntplib 1" and fields["references"] == "<parent@example.test>"
assert int(fields[":lines"]) == 5 and int(fields[":bytes"]) > 100
ok("OVER")
response, at, message_id = reader.stat(number)
assert (at, message_id) == (number, ids[1])
_, info = reader.article(ids[1])
assert info.lines[-5:] == [b".dot", b"", b"..", b".", b"last line"], info.lines[-5:]
_, info = reader.head(str(number))
assert b"Subject: nntplib 1" in info.lines and b"" not in info.lines
_, info = reader.body(str(number))
assert info.lines == [b".dot", b"", b"..", b".", b"last line"]
ok("STAT, ARTICLE, HEAD and BODY")
_, fields = reader.xhdr("subject", f"{number}-{number}")
assert [value for _, value in fields] == ["nntplib 1"]
ok("XHDR")
try:
    reader.article("<nothing@example.test>")
    raise AssertionError("an article that is not there")
except nntplib.NNTPTemporaryError as error:
    assert error.response.startswith("430"), error.response
try:
    reader.group("no.such.group")
    raise AssertionError("a group that is not there")
except nntplib.NNTPTemporaryError as error:
    assert error.response.startswith("411"), error.response
ok("what is not there")
reader.group(GROUP)
assert reader.stat()[1] == first
assert reader.next()[1] > first
assert reader.last()[1] == first
ok("NEXT and LAST")
_, date = reader.date()
assert abs(time.time() - date.replace(tzinfo=__import__("datetime").timezone.utc).timestamp()) < 120
ok("DATE")
assert reader.help()[1]
ok("HELP")
import datetime  # noqa: E402

since = datetime.datetime.utcnow() - datetime.timedelta(hours=1)
assert set(ids) <= set(reader.newnews(GROUP, since)[1])
reader.newgroups(since)
ok("NEWNEWS and NEWGROUPS")
reader.quit()

# Pipelined, as our own client does it, and a line that is none.
with socket.create_connection((HOST, PORT)) as raw:
    raw.sendall(f"GROUP {GROUP}\r\nSTAT {number}\r\nFROBNICATE\r\nHEAD {ids[0]}\r\nQUIT\r\n".encode())
    answer = b""
    while chunk := raw.recv(65536):
        answer += chunk
codes = [line[:3] for line in answer.split(b"\r\n") if line[:3].isdigit()]
assert codes[0] in (b"200", b"201") and codes[1:] == [b"211", b"223", b"500", b"221", b"205"], codes
ok("pipelined commands")
