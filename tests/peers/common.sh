# What the shell scripts of this folder share; sourced with `set -eu`. The environment is the
# one of harness.py.
: "${PILLARBOX_USERS:=alice:secret,bob:secret}" "${PILLARBOX_DOMAIN:=example.test}"
for server in SMTP SMTPS SUBMISSION SUBMISSIONS LMTP IMAP IMAPS POP3 POP3S; do
  eval ": \"\${${server}_HOST:=localhost}\""
done
folder=$(mktemp -d "${TMPDIR:-/tmp}/pbt-peer.XXXXXX")
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM

# password NAME: the user's password.
password() { printf '%s\n' "$PILLARBOX_USERS" | tr , '\n' | sed -n "s/^$1://p"; }
fail() { printf 'NOT OK    %s\n' "$*"; exit 1; }
ok() { printf 'ok        %s\n' "$*"; }
# has SMTP: whether this server is there.
has() { eval "[ -n \"\${$1_PORT:-}\" ]" || { printf 'left out  no %s here\n' "$1"; return 1; }; }
# same WHAT A B: two files are equal, octet for octet.
same() { cmp -s "$2" "$3" || { diff -a "$2" "$3" | head -n 20; fail "$1"; }; ok "$1"; }
# crlf: stdin with CRLF line ends.
crlf() { sed 's/$/\r/'; }
# without_trace: stdin without the trace fields that delivery put in front.
without_trace() {
  awk 'BEGIN { top = 1 }
    top && tolower($0) ~ /^(return-path|x-original-to|delivered-to|received):/ { skip = 1; next }
    top && skip && /^[ \t]/ { next }
    { top = 0; print }'
}
# message SUBJECT: a message with CRLF on stdout.
message() {
  crlf <<M
From: sender@elsewhere.test
To: alice@$PILLARBOX_DOMAIN
Date: Tue, 3 Mar 2026 10:00:00 +0100
Subject: $1
Message-ID: <$1@elsewhere.test>

.leading dot
..
From the middle
last line
M
}
# eventually SECONDS COMMAND...: asks again until the command succeeds.
eventually() {
  left=$(($1 * 20)); shift
  until "$@"; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || return 1
    sleep 0.05
  done
}
# number: something that no other run has.
number() { od -An -N6 -tx1 /dev/urandom | tr -d ' \n'; }
