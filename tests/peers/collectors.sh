#!/bin/sh
# Collectors of mail, each twice: getmail, fetchmail and mpop by POP3, getmail and fetchmail by
# IMAP, offlineimap both ways. The second run of each has nothing to do.
#
#   collectors.sh getmail|fetchmail|mpop|offlineimap
set -eu
. "$(dirname "$0")/common.sh"
export HOME="$folder" XDG_CONFIG_HOME="$folder/config" XDG_STATE_HOME="$folder/state"
ca=${SSL_CERT_FILE:-}
user=bob
secret=$(password $user)
imap() { curl -sS --max-time 30 -u "$user:$secret" "imaps://$IMAPS_HOST:$IMAPS_PORT/$1" ${2:+"$2" "$3"}; }
for n in 1 2 3 4 5; do
  message "collect-$n" >"$folder/message.$n"
  imap INBOX -T "$folder/message.$n"
done
maildir() { mkdir -p "$1/cur" "$1/new" "$1/tmp"; }
count() { find "$1/cur" "$1/new" -type f 2>/dev/null | wc -l; }
# content WHAT MAILDIR: each of the five is there, octet for octet behind what was added in front.
content() {
  for n in 1 2 3 4 5; do
    file=$(grep -rl "^Subject: collect-$n\$" "$2" | head -n 1)
    [ -n "$file" ] || file=$(grep -rl "^Subject: collect-$n.\$" "$2" | head -n 1)
    [ -n "$file" ] || fail "$1: message $n is not there"
    sed -n '/^From: sender@elsewhere/,$p' "$file" | tr -d '\r' | grep -av '^X-getmail-' >"$folder/got"
    tr -d '\r' <"$folder/message.$n" >"$folder/wanted"
    cmp -s "$folder/got" "$folder/wanted" || { diff -a "$folder/wanted" "$folder/got" | head; fail "$1: message $n differs"; }
  done
}
# Both may deliver as root by a command only.
cat >"$folder/deliver" <<'C'
#!/bin/sh
cat >"$1/tmp/$$" && mv "$1/tmp/$$" "$1/new/$$"
C
chmod 755 "$folder/deliver"

getmail_with() {
  dir=$folder/getmail-$1
  mkdir -p "$dir/state"; maildir "$dir/mail"
  cat >"$dir/getmailrc" <<C
[retriever]
type = $2
server = localhost
port = $3
username = $user
password = $secret
ca_certs = $ca
[destination]
type = MDA_external
path = $folder/deliver
arguments = ("$dir/mail",)
allow_root_commands = true
[options]
read_all = false
delivered_to = false
received = false
C
  getmail --getmaildir "$dir/state" --rcfile "$dir/getmailrc" >"$dir/log" 2>&1 || { cat "$dir/log"; fail "getmail by $1"; }
  content "getmail by $1" "$dir/mail"
  all=$(count "$dir/mail")
  getmail --getmaildir "$dir/state" --rcfile "$dir/getmailrc" >"$dir/log" 2>&1 || { cat "$dir/log"; fail "getmail by $1, again"; }
  [ "$(count "$dir/mail")" = "$all" ] || fail "getmail by $1 fetched twice"
  ok "getmail by $1, and nothing the second time"
}
fetchmail_with() {
  dir=$folder/fetchmail-$1
  maildir "$dir/mail"
  cat >"$dir/rc" <<C
poll localhost protocol $2 port $3 $5 uidl
  username $user password $secret keep $4 sslcertck sslcertfile $ca
  mda "$folder/deliver $dir/mail"
C
  chmod 600 "$dir/rc"
  run() { status=0; fetchmail --nodetach --nosyslog -i "$dir/ids" --pidfile "$dir/pid" -f "$dir/rc" >"$dir/log" 2>&1 || status=$?; }
  run
  [ "$status" = 0 ] || { cat "$dir/log"; fail "fetchmail by $1: $status"; }
  content "fetchmail by $1" "$dir/mail"
  run
  # 1: no mail.
  [ "$status" = 1 ] || { cat "$dir/log"; fail "fetchmail by $1, again: $status"; }
  ok "fetchmail by $1, and nothing the second time"
}
mpop_with() {
  dir=$folder/mpop-$1
  mkdir -p "$dir"; maildir "$dir/mail"
  cat >"$dir/rc" <<C
defaults
tls ${5:-on}
tls_trust_file $ca
account a
host localhost
port $2
tls_starttls $3
auth $4
user $user
password $secret
keep on
uidls_file $dir/uidls
delivery maildir $dir/mail
received_header off
C
  chmod 600 "$dir/rc"
  mpop -C "$dir/rc" a >"$dir/log" 2>&1 || { cat "$dir/log"; fail "mpop by $1"; }
  content "mpop by $1" "$dir/mail"
  all=$(count "$dir/mail")
  mpop -C "$dir/rc" a >"$dir/log" 2>&1 || { cat "$dir/log"; fail "mpop by $1, again"; }
  [ "$(count "$dir/mail")" = "$all" ] || fail "mpop by $1 fetched twice"
  ok "mpop by $1, and nothing the second time"
}

case $1 in
  getmail)
    getmail_with POP3S SimplePOP3SSLRetriever "$POP3S_PORT"
    getmail_with IMAPS SimpleIMAPSSLRetriever "$IMAPS_PORT"
    ;;
  fetchmail)
    fetchmail_with POP3S pop3 "$POP3S_PORT" ssl ""
    fetchmail_with STLS pop3 "$POP3_PORT" "sslproto TLS1.2+" ""
    imap INBOX -X "UID STORE 1:* -FLAGS.SILENT (\\Seen)" >/dev/null
    fetchmail_with IMAPS imap "$IMAPS_PORT" ssl ""
    ;;
  mpop)
    mpop_with "TLS and PLAIN" "$POP3S_PORT" off plain
    mpop_with "STLS and USER" "$POP3_PORT" on user
    mpop_with "STLS and SCRAM-SHA-256" "$POP3_PORT" on scram-sha-256
    if mpop --serverinfo --host=localhost --port="$POP3_PORT" --tls=off | grep -q APOP; then
      mpop_with "APOP without TLS" "$POP3_PORT" off apop off
    else
      printf 'left out  mpop sees no APOP here\n'
    fi
    ;;
  offlineimap)
    mailbox=offline-$(number)
    curl -sS -u "$user:$secret" "imaps://$IMAPS_HOST:$IMAPS_PORT/" -X "CREATE $mailbox"
    for n in 1 2 3 4 5; do imap "$mailbox" -T "$folder/message.$n"; done
    cat >"$folder/rc" <<C
[general]
accounts = a
metadata = $folder/meta
ui = basic
[Account a]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = $folder/mail
[Repository far]
type = IMAP
remotehost = localhost
remoteport = $IMAPS_PORT
ssl = yes
sslcacertfile = $ca
remoteuser = $user
remotepass = $secret
folderfilter = lambda name: name == '$mailbox'
C
    sync() { offlineimap -o -c "$folder/rc" >"$folder/log" 2>&1 || { cat "$folder/log"; fail "offlineimap: $1"; }; }
    sync "first run"
    content "offlineimap" "$folder/mail/$mailbox"
    find "$folder/mail" -type f | sort >"$folder/before"
    sync "second run"
    find "$folder/mail" -type f | sort >"$folder/after"
    same "offlineimap: a second run does nothing" "$folder/before" "$folder/after"
    file=$(grep -rl '^Subject: collect-3$' "$folder/mail/$mailbox" | head -n 1)
    base=${file##*/}
    mv "$file" "$folder/mail/$mailbox/cur/${base%%:2,*}:2,FS"
    rm "$(grep -rl '^Subject: collect-4$' "$folder/mail/$mailbox" | head -n 1)"
    message pushed | tr -d '\r' >"$folder/mail/$mailbox/new/1772000000.pushed.test"
    sync "pushing"
    search() { curl -sS -u "$user:$secret" "imaps://$IMAPS_HOST:$IMAPS_PORT/$mailbox" -X "SEARCH $1" | tr -d '\r'; }
    search 'FLAGGED SEEN SUBJECT collect-3' | grep -q '^\* SEARCH [0-9]' || fail "offlineimap: a flag was not carried"
    search 'SUBJECT pushed' | grep -q '^\* SEARCH [0-9]' || fail "offlineimap: a message was not carried"
    search 'SUBJECT collect-4' | grep -q '^\* SEARCH [0-9]' && fail "offlineimap: a deletion was not carried"
    ok "offlineimap carries a flag, a deletion and a new message to the server"
    ;;
esac
