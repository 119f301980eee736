#!/bin/sh
# mbsync against an IMAP server: pulls a mailbox, sees that nothing is left to do, carries a
# flag and a new message back, and finds a deletion.
set -eu
. "$(dirname "$0")/common.sh"
user=alice
mailbox=mbsync-$(number)
ca=${SSL_CERT_FILE:-}
export HOME="$folder"
imap() { curl -sS --max-time 30 -u "$user:$(password $user)" "imaps://$IMAPS_HOST:$IMAPS_PORT/$mailbox" "$@"; }
curl -sS -u "$user:$(password $user)" "imaps://$IMAPS_HOST:$IMAPS_PORT/" -X "CREATE $mailbox"
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
  message "mbsync-$n" >"$folder/message.$n"
  imap -T "$folder/message.$n"
done
mkdir "$folder/mail"
cat >"$folder/mbsyncrc" <<C
SyncState *

IMAPAccount a
Host $IMAPS_HOST
Port $IMAPS_PORT
User $user
PassCmd "printf %s $(password $user)"
SSLType IMAPS
CertificateFile $ca

IMAPStore far
Account a

MaildirStore near
Path $folder/mail/
Inbox $folder/mail/INBOX
SubFolders Verbatim

Channel c
Far :far:
Near :near:
Patterns $mailbox
Create Both
Expunge Both
Sync All
C
sync() { mbsync -q -c "$folder/mbsyncrc" -a || fail "mbsync: $1"; }
count() { find "$folder/mail/$mailbox/cur" "$folder/mail/$mailbox/new" -type f | wc -l; }

sync "first run"
[ "$(count)" -eq 12 ] || fail "pulled $(count) of 12"
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
  file=$(grep -rl "^Subject: mbsync-$n\$" "$folder/mail/$mailbox")
  # mbsync stores LF and adds one header line of its own.
  sed '/^X-TUID: /d' "$file" | crlf >"$folder/got"
  cmp -s "$folder/got" "$folder/message.$n" || fail "message $n differs"
done
ok "pulled 12 messages, octet for octet"

find "$folder/mail" -type f | sort >"$folder/before"
sync "second run"
find "$folder/mail" -type f | sort >"$folder/after"
same "a second run does nothing" "$folder/before" "$folder/after"

file=$(grep -rl '^Subject: mbsync-3$' "$folder/mail/$mailbox")
base=${file##*/}
mv "$file" "$folder/mail/$mailbox/cur/${base%%:2,*}:2,FS"
message pushed | tr -d '\r' >"$folder/mail/$mailbox/new/1772000000.pushed.test"
sync "pushing"
imap -X 'SEARCH FLAGGED SEEN SUBJECT mbsync-3' | grep -q '^\* SEARCH [0-9]' || fail "a flag was not carried"
ok "carried a flag to the server"
imap -X 'SEARCH SUBJECT pushed' | grep -q '^\* SEARCH [0-9]' || fail "a message was not carried"
ok "carried a message to the server"

imap -X 'STORE 1 +FLAGS.SILENT (\Deleted)'
imap -X EXPUNGE >/dev/null
sync "after a deletion"
[ "$(count)" -eq 12 ] || fail "$(count) messages, not 12, after one came and one went"
ok "a deletion came over"
curl -sS -u "$user:$(password $user)" "imaps://$IMAPS_HOST:$IMAPS_PORT/" -X "DELETE $mailbox"
