"""Verifies every DKIM signature of the message on standard input by dkimpy.

    dkim_verify.py NAME=RECORD...

The records are what DNS would have. Prints `pass` or `fail` for each signature, in order.
"""
import sys

import dkim

records = dict(word.split("=", 1) for word in sys.argv[1:])


def txt(name, timeout=5):
    name = name.decode() if isinstance(name, bytes) else name
    return records.get(name.rstrip("."), "").encode()


message = sys.stdin.buffer.read()
verifier = dkim.DKIM(message)
count = sum(name.lower() == b"dkim-signature" for name, _ in verifier.headers)
for index in range(count):
    try:
        is_good = dkim.DKIM(message).verify(idx=index, dnsfunc=txt)
    except dkim.DKIMException as error:
        print(error, file=sys.stderr)
        is_good = False
    print("pass" if is_good else "fail")
