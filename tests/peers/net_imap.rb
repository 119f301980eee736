# Ruby's Net::IMAP, Net::POP and Net::SMTP, which take responses apart by the grammar and stop where it
# is not kept. Prints a line a case, as harness.py.
require 'net/imap'
require 'net/pop'
require 'net/smtp'
require 'openssl'
require 'securerandom'

USERS = (ENV['PILLARBOX_USERS'] || 'alice:secret,bob:secret').split(',').to_h { |pair| pair.split(':', 2) }
TRUST = { ca_file: ENV['SSL_CERT_FILE'], verify_mode: OpenSSL::SSL::VERIFY_PEER }.freeze
$failed = 0

def check(what)
  raise 'it is not so' unless yield
  puts "ok        #{what}"
rescue StandardError => e
  $failed += 1
  puts "NOT OK    #{what}: #{e.class}: #{e.message} #{e.backtrace&.first}"
end

def connected
  imap = Net::IMAP.new('localhost', port: ENV['IMAPS_PORT'].to_i, ssl: TRUST)
  imap.login('alice', USERS['alice'])
  imap
end

MIXED = <<~M.gsub("\n", "\r\n")
  From: "Ann \\"A\\" Other" <ann@x.test>
  Sender: =?utf-8?q?J=C3=B6rg?= <joerg@x.test>
  Reply-To: group: a@x.test, b@x.test;
  To: bob@x.test
  Cc: undisclosed-recipients:;
  Subject: mixed \\ and "quoted"
  Date: Tue, 3 Mar 2026 10:00:00 +0100
  Message-ID: <mixed@x.test>
  MIME-Version: 1.0
  Content-Type: multipart/mixed; boundary="b 1"

  --b 1
  Content-Type: multipart/alternative; boundary=b2

  --b2
  Content-Type: text/plain; charset=utf-8
  Content-Transfer-Encoding: quoted-printable

  Gr=C3=BC=C3=9Fe
  --b2
  Content-Type: text/html
  Content-Language: de, en
  Content-Location: http://x.test/

  <p>x</p>
  --b2--
  --b 1
  Content-Type: message/rfc822
  Content-Description: one more

  Subject: inner
  From: i@x.test
  Content-Type: multipart/mixed; boundary=b3

  --b3

  innermost
  --b3--
  --b 1
  Content-Type: application/pdf; name="a \\"b\\".pdf"
  Content-Disposition: attachment; filename="a \\"b\\".pdf"; size=8
  Content-Transfer-Encoding: base64
  Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==
  Content-ID: <pdf@x.test>

  JVBERi0=
  --b 1--
M

def plain(subject, body = subject)
  "From: Ann <ann@x.test>\r\nTo: bob@x.test\r\nSubject: #{subject}\r\nDate: Tue, 3 Mar 2026 10:00:00 +0100\r\n\r\n#{body}\r\n"
end

folder = "ruby #{SecureRandom.hex(4)}"
imap = Net::IMAP.new('localhost', port: ENV['IMAP_PORT'].to_i)
check('STARTTLS') { imap.starttls(TRUST.dup, true) }
check('a wrong password is refused') do
  imap.login('alice', 'wrong')
  false
rescue Net::IMAP::NoResponseError
  true
end
check('AUTHENTICATE PLAIN') { imap.authenticate('PLAIN', 'alice', USERS['alice']) }
imap.logout
imap.disconnect
imap = connected
check('CAPABILITY') { (%w[IMAP4REV1 IDLE UIDPLUS NAMESPACE] - imap.capability).empty? }
check('NAMESPACE') { imap.namespace.personal.first.delim == '/' }
check('CREATE') { imap.create(folder) && imap.create("#{folder}/#{Net::IMAP.encode_utf7('Größe & mehr')}") }
check('LIST') do
  imap.list('', "#{folder}*").map { |box| Net::IMAP.decode_utf7(box.name) }.sort == [folder, "#{folder}/Größe & mehr"]
end
check('SUBSCRIBE and LSUB') { imap.subscribe(folder) && imap.lsub('', folder).first.name == folder && imap.unsubscribe(folder) }
check('APPEND') do
  done = imap.append(folder, MIXED, %i[Seen Flagged], Time.utc(2026, 3, 3, 9))
  done.data.code.name == 'APPENDUID' && (2..5).all? { |n| imap.append(folder, plain("number #{n}")) }
end
check('STATUS') { imap.status(folder, %w[MESSAGES UNSEEN UIDNEXT UIDVALIDITY]).values_at('MESSAGES', 'UNSEEN') == [5, 4] }
check('SELECT') { imap.select(folder) && imap.responses['EXISTS'].last == 5 && imap.responses['UIDVALIDITY'].last.positive? }
check('ENVELOPE') do
  envelope = imap.fetch(1, 'ENVELOPE').first.attr['ENVELOPE']
  from, reply = envelope.from.first, envelope.reply_to
  [from.name, from.mailbox, from.host] == ['Ann "A" Other', 'ann', 'x.test'] && envelope.subject == 'mixed \\ and "quoted"' &&
    reply.map(&:mailbox) == ['group', 'a', 'b', nil] && reply.map(&:host) == [nil, 'x.test', 'x.test', nil] &&
    envelope.sender.first.name == '=?utf-8?q?J=C3=B6rg?=' && envelope.cc.size == 2 && envelope.in_reply_to.nil?
end
check('BODYSTRUCTURE') do
  whole = imap.fetch(1, 'BODYSTRUCTURE').first.attr['BODYSTRUCTURE']
  alternative, message, pdf = whole.parts
  whole.multipart? && whole.param['BOUNDARY'] == 'b 1' && alternative.parts.map(&:subtype) == %w[PLAIN HTML] &&
    alternative.parts[1].language.flatten.map(&:upcase) == %w[DE EN] && message.envelope.subject == 'inner' &&
    message.body.multipart? && message.description == 'one more' && pdf.param['NAME'] == 'a "b".pdf' &&
    pdf.disposition.dsp_type == 'ATTACHMENT' && pdf.disposition.param['SIZE'] == '8' && pdf.content_id == '<pdf@x.test>' &&
    pdf.md5 == 'Q2hlY2sgSW50ZWdyaXR5IQ==' && pdf.encoding == 'BASE64'
end
check('BODY') { imap.fetch(1, 'BODY').first.attr['BODY'].parts.size == 3 }
check('sections') do
  { 'BODY[1.1]' => 'Gr=C3=BC=C3=9Fe', 'BODY[2.1]' => 'innermost', 'BODY[3]' => 'JVBERi0=',
    'BODY[2.HEADER.FIELDS (SUBJECT)]' => "Subject: inner\r\n\r\n" }.all? do |item, text|
    imap.fetch(1, item.sub('BODY', 'BODY.PEEK')).first.attr[item] == text
  end
end
check('a partial body') { imap.fetch(1, 'BODY.PEEK[]<5.6>').first.attr['BODY[]<5>'] == MIXED[5, 6] }
check('FETCH of all at once') do
  items = %w[UID FLAGS INTERNALDATE RFC822.SIZE RFC822.HEADER RFC822.TEXT RFC822 ENVELOPE BODYSTRUCTURE]
  found = imap.fetch(1..5, items)
  first = found.first.attr
  found.size == 5 && first['RFC822'].bytesize == MIXED.bytesize && first['RFC822.SIZE'] == MIXED.bytesize &&
    first['RFC822.HEADER'] + first['RFC822.TEXT'] == MIXED && first['INTERNALDATE'].include?('-Mar-2026 ')
end
check('macros') { %w[ALL FAST FULL].all? { |macro| imap.fetch(1..-1, macro).size == 5 } }
check('SEARCH') do
  { %w[ALL] => [1, 2, 3, 4, 5], ['SUBJECT', 'number 3'] => [3], %w[NOT 1:3] => [4, 5], %w[FLAGGED] => [1],
    ['OR', 'SUBJECT', 'number 2', 'BODY', 'number 4'] => [2, 4], ['SENTON', '3-Mar-2026', '1:2'] => [1, 2],
    ['HEADER', 'Message-ID', '<mixed@x.test>'] => [1], %w[LARGER 500] => [1] }.all? { |keys, found| imap.search(keys) == found }
end
check('SEARCH in UTF-8') { imap.search(['BODY', 'Grüße'.b], 'UTF-8') == [1] }
check('SORT and THREAD') do
  !imap.capability.include?('SORT') ||
    (imap.sort(['REVERSE', 'SUBJECT'], ['ALL'], 'US-ASCII') == [5, 4, 3, 2, 1] &&
     imap.thread('ORDEREDSUBJECT', ['ALL'], 'US-ASCII').size == 5)
end
check('STORE') do
  imap.store(2..3, '+FLAGS', [:Deleted, 'Work']).map { |found| found.attr['FLAGS'] }.all? { |flags| (%i[Deleted] - flags).empty? } &&
    imap.search(%w[KEYWORD Work]) == [2, 3] && imap.store(3, 'FLAGS.SILENT', [:Seen]).nil?
end
check('EXPUNGE') { imap.expunge == [2] }
uids = imap.uid_search('ALL')
check('UID FETCH') { imap.uid_fetch(uids, 'FLAGS').map { |found| found.attr['UID'] } == uids }
check('UID COPY and MOVE') do
  other = "#{folder}/#{Net::IMAP.encode_utf7('Größe & mehr')}"
  imap.uid_copy(uids.first, other).data.code.name == 'COPYUID' && imap.uid_move(uids.last, other) && imap.status(other, %w[MESSAGES])['MESSAGES'] == 2
end
check('IDLE hears of another session') do
  heard = []
  other = connected
  imap.idle(20) do |response|
    heard << response.name if response.respond_to?(:name)
    other.append(folder, plain('idle')) if response.is_a?(Net::IMAP::ContinuationRequest)
    imap.idle_done if heard.include?('EXISTS')
  end
  other.logout
  other.disconnect
  heard.include?('EXISTS')
end
check('ACL and QUOTA') do
  (!imap.capability.include?('ACL') || imap.getacl(folder).any? { |acl| acl.user == 'alice' || acl.user == 'owner' }) &&
    (!imap.capability.include?('QUOTA') || imap.getquotaroot('INBOX').size >= 1)
end
check('a bad command keeps the connection') do
  begin
    imap.fetch(99, 'FLAGS')
  rescue Net::IMAP::BadResponseError, Net::IMAP::NoResponseError
    nil
  end
  imap.noop
end
check('RENAME and DELETE') do
  imap.close
  imap.rename(folder, "#{folder}-2")
  names = imap.list('', "#{folder}-2*").map(&:name)
  names.size == 2 && names.sort.reverse.all? { |name| imap.delete(name) } && imap.list('', "#{folder}*").to_a.empty?
end
check('LOGOUT') { imap.logout }
imap.disconnect

if ENV['POP3S_PORT']
  check('Net::POP3') do
    imap = Net::IMAP.new('localhost', port: ENV['IMAPS_PORT'].to_i, ssl: TRUST)
    imap.login('bob', USERS['bob'])
    2.times { |n| imap.append('INBOX', plain("pop #{n}", ".dot\r\n..")) }
    imap.logout
    pop = Net::POP3.new('localhost', ENV['POP3S_PORT'].to_i)
    pop.enable_ssl(TRUST)
    pop.start('bob', USERS['bob'])
    mails = pop.mails.last(2)
    whole = mails[0].pop
    good = mails.map(&:unique_id).uniq.size == 2 && whole == plain('pop 0', ".dot\r\n..") && whole.bytesize == mails[0].size &&
           mails[1].header.include?('Subject: pop 1') && mails[1].top(1).include?('.dot')
    mails.each(&:delete)
    pop.finish
    good
  end
end

if ENV['SUBMISSION_PORT']
  check('Net::SMTP') do
    context = OpenSSL::SSL::SSLContext.new
    context.set_params(TRUST)
    smtp = Net::SMTP.new('localhost', ENV['SUBMISSION_PORT'].to_i)
    smtp.enable_starttls(context)
    smtp.start('client.test', 'alice', USERS['alice'], :plain) do |open|
      open.send_message(plain('smtp', ".dot\r\n.."), 'ann@example.test', ['bob@example.test']).success?
    end
  end
end
exit($failed.zero? ? 0 : 1)
