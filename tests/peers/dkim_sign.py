"""Signs the message on standard input by dkimpy, and prints it.

    dkim_sign.py KEYFILE CANONICALIZATION [arc] [sha1] [length] [selector=S] [domain=D]

The domain is example.test and the selector s unless others are named; with `arc` an ARC set is
put in front, too, with `sha1` the signature is by rsa-sha1, with `length` the body's length is
signed (l=).
"""
import sys

import dkim

key = open(sys.argv[1], "rb").read()
canonicalization = tuple(sys.argv[2].encode().split(b"/"))
message = sys.stdin.buffer.read().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
more = dict(word.split("=") for word in sys.argv[3:] if "=" in word)
signature = dkim.sign(
    message,
    more.get("selector", "s").encode(),
    more.get("domain", "example.test").encode(),
    key,
    canonicalize=canonicalization,
    signature_algorithm=b"rsa-sha1" if "sha1" in sys.argv[3:] else b"rsa-sha256",
    length="length" in sys.argv[3:],
)
message = signature + message
if "arc" in sys.argv[3:]:
    results = b"Authentication-Results: example.test; dkim=pass header.d=example.test\r\n"
    message = results + message
    sealed = dkim.arc_sign(message, b"s", b"example.test", key, b"example.test")
    message = b"".join(sealed) + message
sys.stdout.buffer.write(message)
