"""Signs the message on standard input by dkimpy, and prints it.

    dkim_sign.py KEYFILE CANONICALIZATION [arc]

The domain is example.test and the selector s; with `arc` an ARC set is put in front, too.
"""
import sys

import dkim

key = open(sys.argv[1], "rb").read()
canonicalization = tuple(sys.argv[2].encode().split(b"/"))
message = sys.stdin.buffer.read().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
signature = dkim.sign(message, b"s", b"example.test", key, canonicalize=canonicalization)
message = signature + message
if "arc" in sys.argv[3:]:
    results = b"Authentication-Results: example.test; dkim=pass header.d=example.test\r\n"
    message = results + message
    sealed = dkim.arc_sign(message, b"s", b"example.test", key, b"example.test")
    message = b"".join(sealed) + message
sys.stdout.buffer.write(message)
