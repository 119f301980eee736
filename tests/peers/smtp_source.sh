#!/bin/sh
# Postfix' smtp-source as load: many sessions at once, every message counted at the end.
set -eu
. "$(dirname "$0")/common.sh"
smtp_source=$(command -v smtp-source || echo /usr/sbin/smtp-source)
alice="alice:$(password alice)"
messages() {
  curl -sS -u "$alice" "imaps://$IMAPS_HOST:$IMAPS_PORT/" -X 'STATUS INBOX (MESSAGES)' |
    sed -n 's/.*MESSAGES \([0-9]*\).*/\1/p'
}
before=$(messages)
sent=0
for sessions in 1 10 50; do
  "$smtp_source" -s $sessions -m 500 -l 4096 -f sender@elsewhere.test -t "alice@$PILLARBOX_DOMAIN" "inet:$SMTP_HOST:$SMTP_PORT" ||
    fail "smtp-source with $sessions sessions"
  sent=$((sent + 500))
  all() { [ "$(messages)" -eq $((before + sent)) ]; }
  eventually 60 all || fail "$(messages) of $((before + sent)) messages came with $sessions sessions"
  ok "smtp-source: 500 messages in $sessions sessions"
done
