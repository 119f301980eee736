"""What the scripts of this folder share: where the servers are, users, and running cases.

The environment says where everything is, as `pillarbox serve-test -- CMD` sets it:
IMAP_HOST, IMAP_PORT and so on for smtp, smtps, submission, submissions, lmtp, imap, imaps,
pop3 and pop3s; PILLARBOX_USERS (name:password, comma separated); SSL_CERT_FILE. A script
leaves out the cases whose servers are not there, so the same one runs against Dovecot and
Postfix: a case that fails only against pillarbox is pillarbox's fault.

Standard library only, Python 3.9 or later.
"""
import os
import ssl
import sys
import time
import traceback

USERS = dict(pair.split(":", 1) for pair in os.environ.get("PILLARBOX_USERS", "alice:secret,bob:secret").split(","))
DOMAIN = os.environ.get("PILLARBOX_DOMAIN", "example.test")
TIMEOUT = 20

_cases = []


def has(*names):
    """Whether servers of these names are there."""
    return all(name.upper() + "_PORT" in os.environ for name in names)


def host(name):
    return os.environ.get(name.upper() + "_HOST", "localhost")


def port(name):
    return int(os.environ[name.upper() + "_PORT"])


def at(name):
    """(host, port) of a server."""
    return host(name), port(name)


def trusting():
    """A TLS context that verifies against SSL_CERT_FILE, as any program's default one does."""
    return ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE"))


def case(*needed):
    """Marks a case that needs these servers."""
    def mark(function):
        _cases.append((function, needed))
        return function
    return mark


def equal(got, wanted, what=""):
    if got != wanted:
        raise AssertionError("%s: got %r, wanted %r" % (what or "not equal", got, wanted))


def true(condition, what):
    if not condition:
        raise AssertionError(what)


def eventually(what, function, seconds=20):
    """Asks again until the answer is neither None, empty nor false; for queues that deliver later."""
    end = time.monotonic() + seconds
    while True:
        answer = function()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError("%s did not happen within %d s" % (what, seconds))
        time.sleep(0.02)


def without_trace(message):
    """The message behind what delivery put in front of it (all Received and the like at the top)."""
    lines = message.split(b"\r\n")
    trace = (b"return-path:", b"x-original-to:", b"delivered-to:", b"received:")
    index = 0
    while index < len(lines) and lines[index].lower().startswith(trace):
        index += 1
        while index < len(lines) and lines[index][:1] in (b" ", b"\t"):
            index += 1
    return b"\r\n".join(lines[index:])


def main():
    """Runs the cases, one line each on stdout; exit code 1 when one fails.

    Arguments: words, of which a case's name must hold one; `!word` leaves cases out.
    """
    only = [word for word in sys.argv[1:] if not word.startswith("!")]
    never = [word[1:] for word in sys.argv[1:] if word.startswith("!")]
    failed = ran = 0
    for function, needed in _cases:
        name = function.__name__.replace("_", " ")
        if only and not any(word in name for word in only):
            continue
        if any(word in name for word in never):
            print("left out  %s (as told)" % name, flush=True)
            continue
        if not has(*needed):
            print("left out  %s (no %s here)" % (name, ", ".join(n for n in needed if not has(n))), flush=True)
            continue
        ran += 1
        try:
            function()
            print("ok        %s" % name, flush=True)
        except Exception:
            failed += 1
            print("NOT OK    %s" % name, flush=True)
            traceback.print_exc(file=sys.stdout)
            sys.stdout.flush()
    print("%d of %d cases ok" % (ran - failed, ran), flush=True)
    sys.exit(1 if failed or not ran else 0)
