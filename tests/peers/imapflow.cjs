// imapflow against an IMAP server: what a web mailer does. Prints a line a case, as harness.py.
const { ImapFlow } = require('imapflow');
const assert = require('node:assert');
const { randomBytes } = require('node:crypto');

const users = Object.fromEntries(
  (process.env.PILLARBOX_USERS || 'alice:secret').split(',').map((pair) => pair.split(':')));
const message = (subject, body) => Buffer.from(
  `From: Ann <ann@x.test>\r\nTo: bob@x.test\r\nSubject: ${subject}\r\nDate: Tue, 3 Mar 2026 10:00:00 +0100\r\n` +
  `Message-ID: <${randomBytes(8).toString('hex')}@x.test>\r\nMIME-Version: 1.0\r\n` +
  'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n' +
  `${body}\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0=\r\n--b--\r\n`);

const client = (scheme, options = {}) => new ImapFlow({
  host: process.env[`${scheme}_HOST`] || 'localhost', port: Number(process.env[`${scheme}_PORT`]),
  secure: scheme === 'IMAPS', doSTARTTLS: scheme === 'IMAP', logger: false,
  auth: { user: 'alice', pass: users.alice }, ...options });

const cases = {
  async 'login over TLS and with STARTTLS'() {
    for (const scheme of ['IMAPS', 'IMAP']) {
      const imap = client(scheme);
      await imap.connect();
      assert(imap.capabilities.has('IDLE') && imap.secureConnection);
      await imap.noop();
      await imap.logout();
    }
  },
  async 'a wrong password is refused'() {
    const imap = client('IMAPS', { auth: { user: 'alice', pass: 'wrong' } });
    imap.on('error', () => {});
    await assert.rejects(imap.connect(), (error) => error.authenticationFailed === true);
  },
  async 'a mailbox from its creation to its deletion'() {
    const imap = client('IMAPS');
    await imap.connect();
    const path = `flow-${randomBytes(4).toString('hex')}`;
    const made = await imap.mailboxCreate(path);
    assert.strictEqual(made.path, path);
    const names = (await imap.list({ statusQuery: { messages: true } })).map((folder) => folder.path);
    assert(names.includes('INBOX') && names.includes(path), String(names));
    const added = [];
    for (const [subject, body] of [['one', 'first'], ['two', 'second'], ['Grüße', 'third']]) {
      const flags = subject === 'one' ? ['\\Seen'] : [];
      added.push(await imap.append(path, message(subject, body), flags, new Date('2026-03-03T09:00:00Z')));
    }
    assert(added.every((it) => it.destination === path));
    assert.deepStrictEqual(await imap.status(path, { messages: true, unseen: true }).then((s) => [s.messages, s.unseen]), [3, 2]);
    const lock = await imap.getMailboxLock(path);
    try {
      assert.strictEqual(imap.mailbox.exists, 3);
      const seen = [];
      for await (const it of imap.fetch('1:*', { uid: true, envelope: true, bodyStructure: true, flags: true, size: true, source: true })) {
        seen.push(it);
      }
      assert.deepStrictEqual(seen.map((it) => it.envelope.subject), ['one', 'two', 'Grüße']);
      assert.strictEqual(seen[0].bodyStructure.childNodes.length, 2);
      assert(seen[0].flags.has('\\Seen') && !seen[1].flags.has('\\Seen'));
      assert(seen.every((it) => it.source.length === it.size));
      const uids = seen.map((it) => it.uid);
      const part = await imap.download(String(uids[1]), '1', { uid: true });
      const chunks = [];
      for await (const chunk of part.content) chunks.push(chunk);
      assert.strictEqual(Buffer.concat(chunks).toString().trim(), 'second');
      assert.deepStrictEqual(await imap.search({ seen: false }, { uid: true }), uids.slice(1));
      assert.deepStrictEqual(await imap.search({ subject: 'Grüße' }, { uid: true }), uids.slice(2));
      assert.deepStrictEqual(await imap.search({ or: [{ body: 'first' }, { body: 'third' }] }, { uid: true }), [uids[0], uids[2]]);
      assert(await imap.messageFlagsAdd(String(uids[1]), ['\\Flagged', '$Work'], { uid: true }));
      assert.deepStrictEqual(await imap.search({ flagged: true }, { uid: true }), [uids[1]]);
      assert(await imap.messageFlagsRemove(String(uids[1]), ['\\Flagged'], { uid: true }));
      assert.deepStrictEqual(await imap.search({ keyword: '$Work' }, { uid: true }), [uids[1]]);
      const other = `${path}-other`;
      await imap.mailboxCreate(other);
      const copied = await imap.messageCopy(String(uids[0]), other, { uid: true });
      assert.strictEqual(copied.uidMap.size, 1);
      const moved = await imap.messageMove(String(uids[1]), other, { uid: true });
      assert.strictEqual(moved.uidMap.size, 1);
      assert.deepStrictEqual(await imap.search({ all: true }, { uid: true }), [uids[0], uids[2]]);
      assert(await imap.messageDelete(String(uids[2]), { uid: true }));
      assert.strictEqual(imap.mailbox.exists, 1);
    } finally {
      lock.release();
    }
    assert.strictEqual((await imap.status(`${path}-other`, { messages: true })).messages, 2);
    await imap.mailboxRename(`${path}-other`, `${path}-more`);
    await imap.mailboxSubscribe(`${path}-more`);
    await imap.mailboxUnsubscribe(`${path}-more`);
    await imap.mailboxDelete(`${path}-more`);
    await imap.mailboxClose();
    await imap.mailboxDelete(path);
    await imap.logout();
  },
  async 'idle hears of another session'() {
    const [imap, other] = [client('IMAPS'), client('IMAPS')];
    await imap.connect();
    await other.connect();
    const path = `flow-${randomBytes(4).toString('hex')}`;
    await imap.mailboxCreate(path);
    await imap.mailboxOpen(path);
    const heard = new Promise((resolve) => imap.on('exists', resolve));
    const idle = imap.idle();
    await other.append(path, message('idle', 'x'));
    assert.strictEqual((await heard).count, 1);
    await other.mailboxOpen(path);
    const gone = new Promise((resolve) => imap.on('expunge', resolve));
    await other.messageDelete('1:*');
    assert.strictEqual((await gone).path, path);
    await imap.noop();
    await idle;
    await other.logout();
    await imap.mailboxClose();
    await imap.mailboxDelete(path);
    await imap.logout();
  },
};

(async () => {
  let failed = 0;
  for (const [name, run] of Object.entries(cases)) {
    try {
      await Promise.race([run(), new Promise((_, no) => setTimeout(() => no(new Error('it hangs')), 30000).unref())]);
      console.log(`ok        ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`NOT OK    ${name}\n${error.stack} ${error.responseText || ''}`);
    }
  }
  process.exit(failed ? 1 : 0);
})();
