"""aioimaplib, imap-tools and aiosmtplib against IMAP and SMTP servers."""
import asyncio
import datetime
import ssl
import uuid

import aioimaplib
import aiosmtplib
import imap_tools
from harness import DOMAIN, TIMEOUT, USERS, at, case, equal, host, main, port, true, trusting

MIXED = (b"From: =?utf-8?q?J=C3=B6rg?= <a@x.test>\r\nTo: bob@x.test, \"C, D\" <c@x.test>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
         b"Date: Tue, 3 Mar 2026 10:00:00 +0100\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
         b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n"
         b"--b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n"
         b"Content-Transfer-Encoding: base64\r\n\r\nJVBERi0=\r\n--b--\r\n")


def plain(subject):
    return ("From: a@x.test\r\nTo: bob@x.test\r\nSubject: %s\r\nDate: Tue, 3 Mar 2026 11:00:00 +0100\r\n\r\nbody of %s\r\n" % (subject, subject)).encode()


async def aio(user="alice"):
    imap = aioimaplib.IMAP4_SSL(host("imaps"), port("imaps"), timeout=TIMEOUT, ssl_context=trusting())
    await imap.wait_hello_from_server()
    equal((await imap.login(user, USERS[user])).result, "OK")
    return imap


@case("imaps")
def aioimaplib_reads_writes_and_idles():
    async def run():
        name = "aio-" + uuid.uuid4().hex[:8]
        imap, other = await aio(), await aio()
        equal((await imap.create(name)).result, "OK")
        for message in (MIXED, plain("one"), plain("two")):
            equal((await imap.append(message, mailbox=name, flags="\\Seen")).result, "OK")
        equal((await imap.select(name)).result, "OK")
        result, lines = await imap.search("SUBJECT", "two", charset=None)
        equal((result, lines[0]), ("OK", b"3"))
        result, lines = await imap.uid("fetch", "1:*", "(UID FLAGS BODY.PEEK[])")
        true(result == "OK" and MIXED in [bytes(line) for line in lines] and b"(UID 3 FLAGS" in lines[6], "FETCH: %r" % lines)
        equal((await imap.store("1", "+FLAGS", "(\\Flagged)")).result, "OK")
        idle = await imap.idle_start(timeout=20)
        await other.append(plain("idle"), mailbox=name)
        pushed = await imap.wait_server_push()
        while not any(b"EXISTS" in line for line in pushed):
            pushed = await imap.wait_server_push()
        imap.idle_done()
        await asyncio.wait_for(idle, 20)
        equal((await imap.uid("move", "2", "INBOX")).result, "OK")
        equal((await imap.close()).result, "OK")
        equal((await imap.delete(name)).result, "OK")
        for one in (imap, other):
            await one.logout()
    asyncio.run(run())


@case("imaps")
def imap_tools_reads_and_writes():
    name = "tools/" + uuid.uuid4().hex[:8] + " ü&"
    with imap_tools.MailBox(host("imaps"), port("imaps"), ssl_context=trusting(), timeout=TIMEOUT).login("alice", USERS["alice"]) as box:
        box.folder.create(name)
        true(name in [folder.name for folder in box.folder.list()], "LIST tells the folder")
        when = datetime.datetime(2026, 3, 3, 9, tzinfo=datetime.timezone.utc)
        for message in (MIXED, plain("one"), plain("two")):
            box.append(message, name, dt=when, flag_set=[imap_tools.MailMessageFlags.SEEN])
        equal(box.folder.status(name)["MESSAGES"], 3)
        box.folder.set(name)
        first, = box.fetch(imap_tools.AND(subject="Grüße"), charset="UTF-8", mark_seen=False)
        equal((first.subject, first.from_values.name, first.to, first.text.strip()), ("Grüße", "Jörg", ("bob@x.test", "c@x.test"), "Grüße"))
        equal([(part.filename, part.payload) for part in first.attachments], [("a.pdf", b"%PDF-")])
        equal([message.subject for message in box.fetch(imap_tools.OR(subject=["one", "two"]), bulk=True, reverse=True)], ["two", "one"])
        equal(box.numbers(imap_tools.NOT(imap_tools.AND(text="body of"))), ["1"])
        uids = box.uids()
        box.flag(uids[0], ["$Work", imap_tools.MailMessageFlags.FLAGGED], True)
        equal(box.uids(imap_tools.AND(keyword="$Work")), uids[:1])
        box.move(uids[1], "INBOX")
        box.delete(uids[2])
        equal(box.uids(), uids[:1])
        with box.idle as idle:
            with imap_tools.MailBox(host("imaps"), port("imaps"), ssl_context=trusting()).login("alice", USERS["alice"]) as other:
                other.append(plain("idle"), name)
            true(idle.poll(timeout=20), "IDLE hears of another session")
        box.folder.set("INBOX")
        box.folder.rename(name, name + "2")
        box.folder.delete(name + "2")


@case("submission")
def aiosmtplib_sends():
    async def run():
        to, sender = "bob@" + DOMAIN, "alice@" + DOMAIN
        async with aiosmtplib.SMTP(hostname=host("submission"), port=port("submission"), start_tls=True, tls_context=trusting(),
                                   username="alice", password=USERS["alice"]) as smtp:
            for _ in range(3):
                refused, said = await smtp.sendmail(sender, [to], plain("aio").replace(b"\r\nbody", b"\r\n.body"))
                equal(refused, {}, said)
            refused, said = await smtp.sendmail(sender, ["alice+bö@" + DOMAIN, to], plain("utf8"), mail_options=["SMTPUTF8"])
            equal(refused, {}, said)
            true((await smtp.noop()).code == 250 and (await smtp.rset()).code == 250, "NOOP and RSET")
    asyncio.run(run())


if __name__ == "__main__":
    main()
