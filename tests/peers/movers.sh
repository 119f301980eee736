#!/bin/sh
# What moves mail about by IMAP: interimap, which syncs two accounts by QRESYNC and checks every
# response against what it knows.
#
#   movers.sh interimap
set -eu
. "$(dirname "$0")/common.sh"
export HOME="$folder" XDG_CONFIG_HOME="$folder/config" XDG_DATA_HOME="$folder/data"
ca=${SSL_CERT_FILE:-}
imap() { curl -sS --max-time 30 -u "$1:$(password "$1")" "imaps://$IMAPS_HOST:$IMAPS_PORT/$2" ${3:+"$3" "$4"} ${5:+"$5" "$6"}; }
put() { message "$3" >"$folder/one"; imap "$1" "$2" -T "$folder/one"; }
# numbers USER MAILBOX KEYS: what SEARCH finds.
numbers() { imap "$1" "$2" -X "SEARCH $3" | tr -d '\r\n' | sed 's/^\* SEARCH *//'; }

by_interimap() {
  mkdir -p "$XDG_CONFIG_HOME/interimap" "$XDG_DATA_HOME"
  cat >"$XDG_CONFIG_HOME/interimap/config" <<C
database = $folder/state.db
list-select-opts =
ignore-mailbox = ^(Trash|Sent|Drafts|Junk|Archive|#news)
[local]
type = imaps
host = localhost
port = $IMAPS_PORT
username = alice
password = $(password alice)
SSL_CAfile = $ca
[remote]
type = imaps
host = localhost
port = $IMAPS_PORT
username = bob
password = $(password bob)
SSL_CAfile = $ca
C
  run() { timeout 60 interimap "$@" </dev/null >"$folder/log" 2>&1 || { cat "$folder/log"; fail "interimap $*"; }; }
  for n in 1 2 3; do put alice INBOX "mine-$n"; put bob INBOX "theirs-$n"; done
  run
  [ "$(numbers alice INBOX 'ALL')" = "1 2 3 4 5 6" ] && [ "$(numbers bob INBOX 'ALL')" = "1 2 3 4 5 6" ] || { cat "$folder/log"; fail "the first sync"; }
  ok "interimap syncs both ways"
  imap alice INBOX -X 'STORE 2 +FLAGS.SILENT (\Flagged)'
  imap bob INBOX -X 'STORE 1 +FLAGS.SILENT (\Deleted)' && imap bob INBOX -X 'EXPUNGE' >/dev/null
  put alice INBOX "mine-4"
  run
  [ "$(numbers alice INBOX 'ALL')" = "1 2 3 4 5 6" ] && [ "$(numbers bob INBOX 'ALL')" = "1 2 3 4 5 6" ] || { cat "$folder/log"; fail "changes"; }
  [ -n "$(numbers bob INBOX 'FLAGGED SUBJECT mine-2')" ] && [ -z "$(numbers alice INBOX 'SUBJECT theirs-1')" ] || { cat "$folder/log"; fail "flags and expunges"; }
  ok "interimap takes over flags, expunges and new mail"
  run
  run --repair INBOX
  ok "interimap finds nothing to repair"
}

case $1 in
  interimap) by_interimap ;;
  *) fail "no such one: $1" ;;
esac
