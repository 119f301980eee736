#!/bin/sh
# swaks against SMTP and submission servers. Exit codes of swaks: 0 when the server took the
# message, 28 when authentication failed, 29 when TLS did.
set -eu
. "$(dirname "$0")/common.sh"
# try WHAT EXPECTED OPTIONS...
try() {
  what=$1 expected=$2 status=0
  shift 2
  swaks --timeout 20 --suppress-data -f sender@elsewhere.test --h-Subject "swaks-$(number)" "$@" >"$folder/log" 2>&1 || status=$?
  [ "$status" = "$expected" ] || { cat "$folder/log"; fail "$what: exit code $status, not $expected"; }
  ok "$what"
}
ca=${SSL_CERT_FILE:-}
to="alice@$PILLARBOX_DOMAIN,bob@$PILLARBOX_DOMAIN"

if has SMTP; then
  server="$SMTP_HOST:$SMTP_PORT"
  try "two recipients" 0 -s "$server" -t "$to"
  try "STARTTLS, verified" 0 -s "$server" -t "$to" --tls --tls-verify --tls-ca-path "$ca"
  try "pipelined" 0 -s "$server" -t "$to" --pipeline
  try "a body that is a dot" 0 -s "$server" -t "$to" --body '.'
  try "up to RCPT" 0 -s "$server" -t "$to" --quit-after RCPT
fi
if has SUBMISSION; then
  server="$SUBMISSION_HOST:$SUBMISSION_PORT"
  for mechanism in PLAIN LOGIN CRAM-MD5; do
    try "STARTTLS and $mechanism" 0 -s "$server" -t "$to" -f "alice@$PILLARBOX_DOMAIN" --tls --tls-verify --tls-ca-path "$ca" \
      --auth "$mechanism" --auth-user alice --auth-password "$(password alice)"
  done
  try "a wrong password" 28 -s "$server" -t "$to" --tls --auth PLAIN --auth-user alice --auth-password wrong
fi
if has SUBMISSIONS; then
  try "implicit TLS" 0 -s "$SUBMISSIONS_HOST:$SUBMISSIONS_PORT" -t "$to" -f "alice@$PILLARBOX_DOMAIN" --tls-on-connect \
    --auth PLAIN --auth-user alice --auth-password "$(password alice)"
fi
if has LMTP; then
  try "LMTP" 0 -s "$LMTP_HOST:$LMTP_PORT" -t "$to" --protocol LMTP
fi
