"""What pyspf says of senders, with the DNS server on a port of this machine.

    spf_verdicts.py PORT < LINES

A line is an address, a reverse-path and a name for EHLO; the answer to each is one word.
"""
import sys

import dns.resolver
import spf

resolver = dns.resolver.Resolver(configure=False)
resolver.nameservers = ["127.0.0.1"]
resolver.port = int(sys.argv[1])
dns.resolver.default_resolver = resolver
for line in sys.stdin:
    address, sender, hello = line.split()
    result, _ = spf.check2(i=address, s=sender, h=hello)
    print(result)
