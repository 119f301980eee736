"""What checkdmarc says of the SPF and DMARC records of domains, by a DNS server of ours.

    checkdmarc_verdicts.py PORT DOMAIN...

Prints one JSON object: for each domain `spf` and `dmarc`, true or false, and SPF's lookups.
"""
import json
import sys

import dns.resolver
from checkdmarc.dmarc import check_dmarc
from checkdmarc.spf import check_spf

resolver = dns.resolver.Resolver(configure=False)
resolver.nameservers = ["127.0.0.1"]
resolver.port = int(sys.argv[1])
resolver.lifetime = 20
out = {}
for domain in sys.argv[2:]:
    spf = check_spf(domain, resolver=resolver)
    dmarc = check_dmarc(domain, resolver=resolver)
    out[domain] = {
        "spf": spf["valid"],
        "lookups": spf.get("dns_lookups"),
        "spf_error": spf.get("error"),
        "dmarc": dmarc["valid"],
        "dmarc_error": dmarc.get("error"),
    }
print(json.dumps(out))
