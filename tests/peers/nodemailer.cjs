// nodemailer against SMTP and submission servers. Prints a line a case, as harness.py.
const nodemailer = require('nodemailer');
const assert = require('node:assert');

const users = Object.fromEntries(
  (process.env.PILLARBOX_USERS || 'alice:secret').split(',').map((pair) => pair.split(':')));
const domain = process.env.PILLARBOX_DOMAIN || 'example.test';
const transport = (scheme, options = {}) => nodemailer.createTransport({
  host: process.env[`${scheme}_HOST`] || 'localhost', port: Number(process.env[`${scheme}_PORT`]),
  secure: scheme === 'SUBMISSIONS', requireTLS: scheme === 'SUBMISSION', ...options });
const auth = { user: 'alice', pass: users.alice };
const letter = (extra = {}) => ({
  from: `Ann <alice@${domain}>`, to: [`alice@${domain}`, `bob@${domain}`], subject: 'Grüße',
  text: '.a dot\n..\nlast', html: '<p>last</p>', attachments: [{ filename: 'ä.bin', content: Buffer.alloc(200000, 7) }], ...extra });

const cases = {
  async 'plain SMTP to two recipients'() {
    const mailer = transport('SMTP', { ignoreTLS: true });
    assert(await mailer.verify());
    const sent = await mailer.sendMail(letter());
    assert.deepStrictEqual(sent.rejected, []);
    assert(sent.response.startsWith('250'), sent.response);
  },
  async 'SMTP with STARTTLS'() {
    const sent = await transport('SMTP', { requireTLS: true }).sendMail(letter());
    assert.strictEqual(sent.accepted.length, 2);
  },
  async 'submission with STARTTLS, by each way to log in'() {
    for (const method of ['PLAIN', 'LOGIN', 'CRAM-MD5']) {
      const sent = await transport('SUBMISSION', { auth: { ...auth }, authMethod: method }).sendMail(letter());
      assert.strictEqual(sent.accepted.length, 2, method);
    }
  },
  async 'submission over TLS, a pool of connections'() {
    const mailer = transport('SUBMISSIONS', { auth, pool: true, maxConnections: 3, maxMessages: 5 });
    const sent = await Promise.all(Array.from({ length: 12 }, (_, n) => mailer.sendMail(letter({ subject: `pool ${n}` }))));
    assert(sent.every((it) => it.accepted.length === 2));
    mailer.close();
  },
  async 'a wrong password is refused'() {
    await assert.rejects(transport('SUBMISSIONS', { auth: { user: 'alice', pass: 'wrong' } }).verify(),
      (error) => error.code === 'EAUTH' && error.responseCode === 535);
  },
  async 'one recipient of two is refused'() {
    const sent = await transport('SMTP').sendMail(letter({ to: [`alice@${domain}`, `nobody.here@${domain}`] }));
    assert.deepStrictEqual(sent.rejected, [`nobody.here@${domain}`]);
    assert.strictEqual(sent.rejectedErrors[0].responseCode, 550);
  },
  async 'DSN options are understood'() {
    const sent = await transport('SMTP', { requireTLS: true }).sendMail(
      letter({ dsn: { id: 'x1', return: 'headers', notify: ['failure', 'delay'], recipient: `alice@${domain}` } }));
    assert.strictEqual(sent.accepted.length, 2);
  },
};

(async () => {
  let failed = 0;
  for (const [name, run] of Object.entries(cases)) {
    try {
      await run();
      console.log(`ok        ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`NOT OK    ${name}\n${error.stack} ${error.response || ''}`);
    }
  }
  process.exit(failed ? 1 : 0);
})();
