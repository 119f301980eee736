#!/bin/sh
# Programs that send, and one that reads: msmtp by submission, neomutt by SMTP and IMAP.
#
#   mailers.sh msmtp|neomutt
set -eu
. "$(dirname "$0")/common.sh"
export HOME="$folder"
ca=${SSL_CERT_FILE:-}
secret=$(password alice)
imap() { curl -sS --max-time 30 -u "alice:$secret" "imaps://$IMAPS_HOST:$IMAPS_PORT/$1" -X "$2" | tr -d '\r'; }
arrived() { imap INBOX "SEARCH SUBJECT $1" | grep -q '^\* SEARCH [0-9]'; }

case $1 in
  msmtp)
    try() {
      what=$1 expected=$2 subject=msmtp-$(number) status=0
      shift 2
      message "$subject" | tr -d '\r' >"$folder/letter"
      msmtp -C /dev/null --host=localhost --from="alice@$PILLARBOX_DOMAIN" --tls=on --tls-trust-file="$ca" --user=alice "$@" \
        "alice@$PILLARBOX_DOMAIN" "bob@$PILLARBOX_DOMAIN" <"$folder/letter" >"$folder/log" 2>&1 || status=$?
      [ "$status" = "$expected" ] || { cat "$folder/log"; fail "msmtp, $what: $status, not $expected"; }
      [ "$expected" != 0 ] || eventually 20 arrived "$subject" || fail "msmtp, $what: never delivered"
      ok "msmtp, $what"
    }
    for mechanism in plain login cram-md5 scram-sha-1 scram-sha-256; do
      case $mechanism:${MSMTP_WITHOUT:-} in $mechanism:*"$mechanism"*) continue ;; esac
      try "STARTTLS and $mechanism" 0 --port="$SUBMISSION_PORT" --auth="$mechanism" --passwordeval="echo $secret"
    done
    try "TLS from the start" 0 --port="$SUBMISSIONS_PORT" --tls-starttls=off --auth=on --passwordeval="echo $secret"
    try "a wrong password" 77 --port="$SUBMISSIONS_PORT" --tls-starttls=off --auth=plain --passwordeval="echo wrong"
    try "a certificate that nobody vouches for" 69 --port="$SUBMISSIONS_PORT" --tls-starttls=off --auth=plain \
      --passwordeval="echo $secret" --tls-trust-file=/etc/ssl/certs/ca-certificates.crt
    ;;
  neomutt)
    mailbox=neomutt-$(number)
    imap "" "CREATE $mailbox" >/dev/null
    imap "" "CREATE $mailbox-saved" >/dev/null
    for n in 1 2 3; do
      message "mutt-$n" >"$folder/message.$n"
      curl -sS -u "alice:$secret" "imaps://$IMAPS_HOST:$IMAPS_PORT/$mailbox" -T "$folder/message.$n"
    done
    common() {
      cat <<C
set imap_user = alice
set imap_pass = $secret
set smtp_pass = $secret
set ssl_ca_certificates_file = $ca
set ssl_force_tls = yes
set tmpdir = $folder
set folder = $folder
set record = ""
set from = alice@$PILLARBOX_DOMAIN
set realname = Alice
set use_envelope_from = yes
set confirmappend = no
set confirmcreate = no
set delete = yes
set quit = yes
set move = no
set wait_key = no
set mark_old = no
set sleep_time = 0
C
    }
    common >"$folder/rc"
    # It wants a terminal: script gives it one.
    mutt() { TERM=xterm timeout 60 script -qec "neomutt -n -F $folder/rc $1" /dev/null >"$folder/log" 2>&1 </dev/null || { cat -v "$folder/log" | tail -n 20; fail "neomutt: $2"; }; }
    url="imaps://alice@localhost:$IMAPS_PORT/$mailbox"
    cat >>"$folder/rc" <<C
push '<first-entry><flag-message><search>mutt-2<enter><save-message>imaps://alice@localhost:$IMAPS_PORT/$mailbox-saved<enter><search>mutt-3<enter><delete-message><quit>'
C
    mutt "-f $url" "opening a mailbox over TLS"
    imap "$mailbox" 'SEARCH FLAGGED SUBJECT mutt-1' | grep -q '^\* SEARCH [0-9]' || fail "neomutt: no flag was set"
    ok "neomutt flags a message"
    imap "$mailbox-saved" 'SEARCH SUBJECT mutt-2' | grep -q '^\* SEARCH [0-9]' || fail "neomutt: nothing was saved"
    imap "$mailbox" 'SEARCH ALL' | grep -q '^\* SEARCH [0-9]*$' || fail "neomutt: two should be gone"
    ok "neomutt saves one elsewhere, deletes one, and expunges"
    common >"$folder/rc"
    echo "push '<quit>'" >>"$folder/rc"
    mutt "-f imap://alice@localhost:$IMAP_PORT/$mailbox" "opening a mailbox with STARTTLS"
    ok "neomutt opens a mailbox with STARTTLS"
    if has SUBMISSIONS; then
      common >"$folder/rc"
      for server in "smtps://alice@localhost:$SUBMISSIONS_PORT" "smtp://alice@localhost:$SUBMISSION_PORT"; do
        subject=mutt-sent-$(number)
        # Left to choose, Cyrus SASL takes a -PLUS mechanism wherever one is offered, for which
        # neomutt gives it no channel binding, and gives up.
        { common; echo "set smtp_url = $server"; echo 'set smtp_authenticators = "plain:login"'; } >"$folder/rc"
        echo "a body" | timeout 60 neomutt -n -F "$folder/rc" -s "$subject" -a "$folder/message.1" -- "alice@$PILLARBOX_DOMAIN" >"$folder/log" 2>&1 ||
          { cat -v "$folder/log"; fail "neomutt: sending by ${server%%:*}"; }
        eventually 20 arrived "$subject" || fail "neomutt: $server never delivered"
        ok "neomutt sends by ${server%%:*}"
      done
    fi
    ;;
esac
