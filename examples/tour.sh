#!/bin/sh
# A tour of pillarbox on its own test server, which runs for as long as this script:
#
#   cargo run --release -- serve-test -- sh examples/tour.sh
#
# Every step shows the command, what it printed, and whether the result is right. serve-test
# gives two users, alice and bob, each with a mailbox and an account in a configuration of its
# own, so nothing of yours is read or written.
set -eu

for name in SMTP_URL IMAPS_URL POP3S_PORT PILLARBOX_CONFIG; do
  eval "[ -n \"\${$name:-}\" ]" || {
    echo "tour.sh: run me inside the test server: pillarbox serve-test -- sh examples/tour.sh" >&2
    exit 64
  }
done

work=$(mktemp -d "${TMPDIR:-/tmp}/pillarbox-tour.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work"
export XDG_STATE_HOME="$work/state" XDG_CACHE_HOME="$work/cache"

pillarbox() { command "${PILLARBOX:-pillarbox}" "$@"; }

steps=0
step() { steps=$((steps + 1)); printf '\n== %d. %s\n' "$steps" "$*"; }
fail() { printf '\nThe tour stops here: %s\n' "$*" >&2; exit 1; }
# run COMMAND: shows a command line, runs it, shows what it printed (kept in the file `output`).
run() {
  printf '\n   $ %s\n' "$1"
  status=0
  eval "$1" </dev/null >output 2>errors || status=$?
  sed 's/^/   /' output errors
  [ "$status" = 0 ] || fail "exit code $status"
}
# right WHAT CONDITION...: the result of a step is what it should be.
right() {
  what=$1; shift
  "$@" || fail "not so: $what"
  printf '   -> %s\n' "$what"
}
lines() { [ "$(wc -l <output)" -eq "$1" ]; }
says() { grep -q -- "$1" output errors; }
messages() { find "$1" -type f \( -path '*/cur/*' -o -path '*/new/*' \) | sort; }
holds() { [ "$(messages "$1" | wc -l)" -eq "$2" ]; }
sums() { messages "$1" | while read -r file; do cksum <"$file"; done | sort; }

# ---- sending -------------------------------------------------------------------------------

step "Compose a message from a pipe, with an attachment and words from anywhere"
# The smallest PNG there is: one dark pixel.
printf '\211PNG\015\012\032\012\000\000\000\015IHDR\000\000\000\001\000\000\000\001\010\006\000\000\000\037\025\304\211' >pixel.png
printf '\000\000\000\015IDATx\234cHII\371\017\000\004\210\002,\253w\353\250\000\000\000\000IEND\256B`\202' >>pixel.png
cat >note.txt <<'T'
Liebe Grüße aus dem Hafen!
灯台の写真を添付します。
T
run 'pillarbox send --via alice --from alice@example.test --to bob@example.test --subject "Leuchtturm / 灯台" --attach pixel.png < note.txt'

step "Send whole messages as they are: a conversation of five"
subject="Harbour plan"
references=""
for n in 1 2 3 4 5; do
  if [ $((n % 2)) = 1 ]; then from=alice to=bob; else from=bob to=alice; fi
  {
    echo "From: $from@example.test"
    echo "To: $to@example.test, carol@example.test"
    echo "Date: Wed, 4 Mar 2026 1$n:00:00 +0100"
    echo "Subject: $subject"
    echo "Message-ID: <plan.$n@example.test>"
    [ -z "$references" ] || printf 'In-Reply-To: <plan.%d@example.test>\nReferences:%s\n' $((n - 1)) "$references"
    echo "MIME-Version: 1.0"
    echo "Content-Type: text/plain; charset=utf-8"
    echo "Content-Transfer-Encoding: 8bit"
    echo
    echo "Answer number $n: the crane costs $((n * 1000)) €."
    echo ".A line that begins with a dot"
  } >"plan.$n.eml"
  references="$references <plan.$n@example.test>"
  subject="Re: Harbour plan"
done
echo "   The envelope is given here, so the headers may name whom they like."
for n in 1 3 5; do run "pillarbox send --via alice bob@example.test < plan.$n.eml"; done
for n in 2 4; do run "pillarbox send --via bob alice@example.test < plan.$n.eml"; done

step "One message to several: each recipient has an outcome of its own"
run 'pillarbox send --via alice --json --from alice@example.test --subject "Lunch" --body "At one?" alice@example.test bob@example.test'
right "an outcome for each of the two" lines 2

# ---- searching -----------------------------------------------------------------------------

step "Search on the server: the answer is references, one a line"
run "pillarbox search 'subject:\"harbour plan\"' bob"
right "three of the five went to bob" lines 3
run "pillarbox search 'from:alice subject:Leuchtturm' bob"
right "found inside an encoded subject" lines 1
reference=$(cat output)
run "pillarbox search 'subject:灯台' bob"
right "and in another script" lines 1

# ---- fetching ------------------------------------------------------------------------------

step "Fetch one part of one message: only that part travels"
run "pillarbox fetch '$reference' --section 2 > part.base64"
# The octets are those of the message, with the line ends of mail.
tr -d '\r' <part.base64 | base64 -d >fetched.png 2>errors || fail "the part is not base64"
right "the picture came back octet for octet" cmp -s pixel.png fetched.png
run "pillarbox fetch '$reference' --headers=from,subject"
right "the headers are there" says 'alice@example.test'

step "Hand what a search found to fetch"
run "pillarbox search 'subject:\"harbour plan\"' bob | pillarbox fetch - --to mbox:plan.mbox"
right "an mbox of three messages" test "$(grep -c '^From ' plan.mbox)" -eq 3

step "Fetch a mailbox into a Maildir"
run 'pillarbox fetch bob --to maildir:bob-mail'
right "all five of bob's messages" holds bob-mail 5
right "a line that begins with a dot has exactly one" grep -rqx -- '\.A line that begins with a dot' bob-mail

step "Search the local copy with the same words"
run "pillarbox search 'subject:\"harbour plan\"' maildir:bob-mail"
right "three here, too" lines 3

step "Collect the same mailbox by POP3"
run "pillarbox fetch pop3s://bob@localhost:$POP3S_PORT --to maildir:bob-pop"
right "five messages" holds bob-pop 5
sums bob-mail >by-imap
sums bob-pop >by-pop
right "the same octets as by IMAP" cmp -s by-imap by-pop

# ---- synchronising -------------------------------------------------------------------------

step "Synchronise an account with a folder, both ways"
run 'pillarbox sync alice: ./alice-mail'
right "alice's three messages are here" holds alice-mail 3
messages alice-mail >before
run 'pillarbox sync alice: ./alice-mail'
messages alice-mail >after
right "a second run does nothing" cmp -s before after

step "A flag set here, a message that came there"
file=$(grep -rl '^Subject: Lunch' alice-mail)
base=${file##*/}
flagged="$(dirname "$(dirname "$file")")/cur/${base%%:2,*}:2,FS"
echo "   The Maildir's own way to flag a message is to rename its file:"
run "mv '$file' '$flagged'"
run 'pillarbox send --via bob --from bob@example.test --to alice@example.test --subject "Late news" --body "The tide turned."'
run 'pillarbox sync alice: ./alice-mail'
right "the new message is here" holds alice-mail 4
run "pillarbox search 'is:flagged' alice"
right "the flag is on the server" lines 1

# ---- probing -------------------------------------------------------------------------------

step "Look at a server from outside"
for url in "$SMTP_URL" "$IMAPS_URL"; do
  printf '\n   $ pillarbox probe %s\n' "$url"
  status=0
  pillarbox probe "$url" >output 2>errors || status=$?
  sed 's/^/   /' output errors
  # 0: all is well; 1: warnings, which a throwaway certificate deserves.
  right "a verdict without failures (exit code $status)" test "$status" -le 1
  right "with what TLS was spoken" says TLS
done

printf '\nThe tour is over: %d steps, all as they should be. Everything it made is gone again.\n' "$steps"
