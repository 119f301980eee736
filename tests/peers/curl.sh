#!/bin/sh
# curl against SMTP, IMAP and POP3 servers, plain, STARTTLS and implicit TLS. It trusts what
# SSL_CERT_FILE (or CURL_CA_BUNDLE) names, as without a test.
set -eu
. "$(dirname "$0")/common.sh"
curl() { command curl -sS --max-time 30 "$@"; }
alice="alice:$(password alice)"
imaps="imaps://$IMAPS_HOST:$IMAPS_PORT"

# uid SUBJECT: the UID in alice's INBOX.
uid() { curl -u "$alice" "$imaps/INBOX" -X "UID SEARCH HEADER Subject $1" | tr -d '\r' | sed -n 's/^\* SEARCH \([0-9]*\)$/\1/p'; }
arrived() { [ -n "$(uid "$1")" ]; }
# delivered SUBJECT WHAT: it comes to alice and is what was sent.
delivered() {
  eventually 20 arrived "$1" || fail "$2: never delivered"
  curl -u "$alice" "$imaps/INBOX;UID=$(uid "$1")" | without_trace >"$folder/got"
  same "$2" "$folder/sent" "$folder/got"
}

if has SMTP; then
  subject=curl-$(number); message "$subject" >"$folder/sent"
  curl "smtp://$SMTP_HOST:$SMTP_PORT" --mail-from sender@elsewhere.test --mail-rcpt "alice@$PILLARBOX_DOMAIN" -T "$folder/sent"
  delivered "$subject" "SMTP without TLS"

  subject=curl-$(number); message "$subject" >"$folder/sent"
  curl --ssl-reqd "smtp://$SMTP_HOST:$SMTP_PORT" --mail-from sender@elsewhere.test \
    --mail-rcpt "alice@$PILLARBOX_DOMAIN" --mail-rcpt "bob@$PILLARBOX_DOMAIN" -T "$folder/sent"
  delivered "$subject" "SMTP with STARTTLS, two recipients"
fi
if has SUBMISSION; then
  for mechanism in PLAIN LOGIN CRAM-MD5; do
    subject=curl-$(number); message "$subject" >"$folder/sent"
    curl --ssl-reqd -u "$alice" --login-options "AUTH=$mechanism" "smtp://$SUBMISSION_HOST:$SUBMISSION_PORT" \
      --mail-from "alice@$PILLARBOX_DOMAIN" --mail-rcpt "alice@$PILLARBOX_DOMAIN" -T "$folder/sent"
    delivered "$subject" "submission with STARTTLS and $mechanism"
  done
fi
if has SUBMISSIONS; then
  subject=curl-$(number); message "$subject" >"$folder/sent"
  curl -u "$alice" "smtps://$SUBMISSIONS_HOST:$SUBMISSIONS_PORT" \
    --mail-from "alice@$PILLARBOX_DOMAIN" --mail-rcpt "alice@$PILLARBOX_DOMAIN" -T "$folder/sent"
  delivered "$subject" "submission over implicit TLS"
  status=0
  curl -u alice:wrong "smtps://$SUBMISSIONS_HOST:$SUBMISSIONS_PORT" --mail-from "alice@$PILLARBOX_DOMAIN" \
    --mail-rcpt "alice@$PILLARBOX_DOMAIN" -T "$folder/sent" 2>/dev/null || status=$?
  [ "$status" = 67 ] && ok "a wrong password is refused" || fail "a wrong password gave $status"
fi

subject=curl-$(number); message "$subject" >"$folder/sent"
curl -u "$alice" "$imaps/INBOX" -T "$folder/sent"
delivered "$subject" "IMAP APPEND and FETCH"
number=$(uid "$subject")
curl -u "$alice" "$imaps/INBOX;UID=$number;SECTION=TEXT" >"$folder/got"
sed '1,/^\r$/d' "$folder/sent" >"$folder/text"
same "IMAP FETCH of a section" "$folder/text" "$folder/got"
curl -u "$alice" "$imaps/INBOX?SUBJECT%20$subject" | grep -q '^\* SEARCH [0-9]' || fail "IMAP SEARCH by URL"
ok "IMAP SEARCH by URL"
curl -u "$alice" "$imaps/" | grep -q '^\* LIST .*INBOX' || fail "IMAP LIST"
ok "IMAP LIST"
curl --ssl-reqd -u "$alice" "imap://$IMAP_HOST:$IMAP_PORT/INBOX" -X "STATUS INBOX (MESSAGES)" | grep -q '^\* STATUS' || fail "IMAP with STARTTLS"
ok "IMAP with STARTTLS"
curl -u "$alice" "$imaps/INBOX" -X "UID STORE $number +FLAGS.SILENT (\\Deleted)"
curl -u "$alice" "$imaps/INBOX" -X EXPUNGE >"$folder/expunged"
arrived "$subject" && fail "IMAP EXPUNGE"
ok "IMAP STORE and EXPUNGE"

if has POP3S; then
  bob="bob:$(password bob)"
  subject=curl-$(number); message "$subject" >"$folder/sent"
  curl -u "$bob" "$imaps/INBOX" -T "$folder/sent"
  last=$(curl -u "$bob" "pop3s://$POP3S_HOST:$POP3S_PORT/" | tr -d '\r' | awk '{ n = $1 } END { print n }')
  curl -u "$bob" "pop3s://$POP3S_HOST:$POP3S_PORT/$last" >"$folder/got"
  same "POP3 RETR over implicit TLS" "$folder/sent" "$folder/got"
  curl --ssl-reqd -u "$bob" "pop3://$POP3_HOST:$POP3_PORT/$last" >"$folder/got"
  same "POP3 RETR with STLS" "$folder/sent" "$folder/got"
  curl -u "$bob" --login-options AUTH=+APOP "pop3://$POP3_HOST:$POP3_PORT/$last" >"$folder/got"
  same "POP3 RETR with APOP" "$folder/sent" "$folder/got"
  curl -u "$bob" "pop3s://$POP3S_HOST:$POP3S_PORT/" -X UIDL | grep -q "^$last [^ ]" || fail "POP3 UIDL"
  ok "POP3 UIDL"
fi
