// node-imap (npm's imap), emailjs-imap-client, node-pop3 and smtp-client against IMAP, POP3 and SMTP servers.
// Prints a line a case, as harness.py.
const assert = require('node:assert');
const { randomBytes } = require('node:crypto');
const Imap = require('imap');
const { default: EmailJs } = require('emailjs-imap-client');
const Pop3 = require('node-pop3');
const { SMTPClient } = require('smtp-client');

const users = Object.fromEntries(
  (process.env.PILLARBOX_USERS || 'alice:secret,bob:secret').split(',').map((pair) => pair.split(':')));
const port = (name) => Number(process.env[`${name}_PORT`]);
const message = (subject, body = subject) => `From: Ann <ann@example.test>\r\nTo: bob@example.test\r\nSubject: ${subject}\r\n` +
  'Date: Tue, 3 Mar 2026 10:00:00 +0100\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n' +
  `--b\r\n\r\n${body}\r\n--b\r\nContent-Type: image/png; name="a b.png"\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw==\r\n--b--\r\n`;
const name = () => `node-${randomBytes(4).toString('hex')}`;
const call = (object, method, ...given) => new Promise((resolve, reject) =>
  object[method](...given, (error, ...values) => (error ? reject(error) : resolve(values.length > 1 ? values : values[0]))));

async function nodeImap() {
  const imap = new Imap({ user: 'alice', password: users.alice, host: 'localhost', port: port('IMAPS'), tls: true });
  await new Promise((resolve, reject) => {
    imap.once('ready', resolve);
    imap.once('error', reject);
    imap.connect();
  });
  return imap;
}

/** Each message's attributes and bodies. */
function fetched(fetch) {
  return new Promise((resolve, reject) => {
    const all = [];
    fetch.on('message', (one) => {
      const got = { bodies: {} };
      all.push(got);
      one.on('body', (stream, info) => {
        got.bodies[info.which] = '';
        stream.on('data', (chunk) => { got.bodies[info.which] += chunk.toString('latin1'); });
      });
      one.once('attributes', (attributes) => Object.assign(got, attributes));
    });
    fetch.once('error', reject);
    fetch.once('end', () => resolve(all));
  });
}

const cases = {
  async 'node-imap reads and writes'() {
    const imap = await nodeImap();
    const box = name();
    await call(imap, 'addBox', box);
    assert(Object.keys(await call(imap, 'getBoxes')).includes(box));
    await call(imap, 'append', message('one'), { mailbox: box, flags: ['\\Seen'], date: new Date('2026-03-03T09:00:00Z') });
    await call(imap, 'append', message('two'), { mailbox: box });
    const open = await call(imap, 'openBox', box, false);
    assert.strictEqual(open.messages.total, 2);
    const all = await fetched(imap.seq.fetch('1:*', { bodies: ['', 'HEADER.FIELDS (SUBJECT)', '1', '2.MIME'], struct: true, envelope: true, size: true }));
    assert.deepStrictEqual(all.map((one) => one.bodies['']), [message('one'), message('two')]);
    assert.strictEqual(all[1].bodies['1'], 'two');
    assert.match(all[1].bodies['HEADER.FIELDS (SUBJECT)'], /^Subject: two\r\n\r\n$/);
    assert.match(all[1].bodies['2.MIME'], /image\/png/);
    assert.strictEqual(all[0].struct[2][0].params.name, 'a b.png');
    assert.strictEqual(all[0].envelope.from[0].mailbox, 'ann');
    assert.strictEqual(all[0].size, message('one').length);
    assert.deepStrictEqual(all.map((one) => one.flags.includes('\\Seen')), [true, false]);
    const uids = all.map((one) => one.uid);
    assert.deepStrictEqual(await call(imap, 'search', [['OR', ['SUBJECT', 'two'], ['KEYWORD', 'x']], ['SINCE', 'March 1, 2026']]), [uids[1]]);
    if (imap.serverSupports('SORT')) assert.deepStrictEqual(await call(imap, 'sort', ['-SUBJECT'], ['ALL']), [uids[1], uids[0]]);
    await call(imap, 'addKeywords', uids, 'Work');
    await call(imap, 'addFlags', uids[0], 'Deleted');
    const gone = new Promise((resolve) => imap.once('expunge', resolve));
    await call(imap, 'expunge');
    assert.strictEqual(await gone, 1);
    const came = new Promise((resolve) => imap.once('mail', resolve));
    const other = await nodeImap();
    await call(other, 'append', message('three'), { mailbox: box });
    await call(imap, 'search', ['ALL']);
    assert.strictEqual(await came, 1);
    other.end();
    await call(imap, 'move', uids[1], 'INBOX');
    await call(imap, 'closeBox', true);
    await call(imap, 'renameBox', box, `${box}-2`);
    await call(imap, 'delBox', `${box}-2`);
    const ended = new Promise((resolve) => imap.once('close', resolve));
    imap.end();
    await ended;
  },
  async 'emailjs-imap-client reads and writes'() {
    const imap = new EmailJs('localhost', port('IMAPS'), { auth: { user: 'alice', pass: users.alice }, useSecureTransport: true, logLevel: 1000 });
    imap.onerror = () => {};
    await imap.connect();
    const box = name();
    await imap.createMailbox(box);
    await imap.upload(box, message('one'), { flags: ['\\Flagged'] });
    const opened = await imap.selectMailbox(box, { condstore: true });
    assert.strictEqual(opened.exists, 1);
    const [one] = await imap.listMessages(box, '1:*', ['uid', 'flags', 'envelope', 'bodystructure', 'rfc822.size', 'body.peek[]']);
    assert.strictEqual(one['body[]'], message('one'));
    assert.strictEqual(one.envelope.subject, 'one');
    assert.strictEqual(one.bodystructure.childNodes[1].type, 'image/png');
    assert(one.flags.includes('\\Flagged'));
    assert.deepStrictEqual(await imap.search(box, { header: ['subject', 'one'], not: { seen: true } }), [1]);
    const [stored] = await imap.setFlags(box, '1', { add: ['$Work'] });
    assert(stored.flags.includes('$Work'));
    await imap.copyMessages(box, '1', 'INBOX', { byUid: true });
    await imap.deleteMessages(box, '1', { byUid: true });
    assert.deepStrictEqual(await imap.search(box, { all: true }), []);
    const tree = await imap.listMailboxes();
    assert(tree.children.some((child) => child.path === box));
    await imap.deleteMailbox(box);
    await imap.close();
  },
  async 'node-pop3 collects'() {
    if (!process.env.POP3S_PORT) return;
    const imap = new Imap({ user: 'bob', password: users.bob, host: 'localhost', port: port('IMAPS'), tls: true });
    await new Promise((resolve) => { imap.once('ready', resolve); imap.connect(); });
    await call(imap, 'append', message('pop'), { mailbox: 'INBOX' });
    imap.end();
    const pop = new Pop3({ user: 'bob', password: users.bob, host: 'localhost', port: port('POP3S'), tls: true });
    const listed = await pop.UIDL();
    const [last] = listed[listed.length - 1];
    assert.strictEqual(String(await pop.RETR(last)).trimEnd(), message('pop').trimEnd());
    assert.match(String(await pop.TOP(last, 0)), /Subject: pop/);
    assert((await pop.STAT()).length > 0);
    await pop.command('DELE', last);
    await pop.QUIT();
  },
  async 'smtp-client sends'() {
    if (!process.env.SMTP_PORT) return;
    const smtp = new SMTPClient({ host: 'localhost', port: port('SMTP') });
    await smtp.connect();
    await smtp.greet({ hostname: 'client.test' });
    await smtp.mail({ from: 'ann@example.test' });
    await smtp.rcpt({ to: 'bob@example.test' });
    await smtp.data(message('smtp', '.dot\r\n..'));
    await smtp.quit();
  },
};

(async () => {
  let failed = 0;
  for (const [what, run] of Object.entries(cases)) {
    try {
      await Promise.race([run(), new Promise((_, no) => setTimeout(() => no(new Error('it hangs')), 30000))]);
      console.log(`ok        ${what}`);
    } catch (error) {
      failed += 1;
      console.log(`NOT OK    ${what}\n${error.stack}`);
    }
  }
  process.exit(failed ? 1 : 0);
})();
