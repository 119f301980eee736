"""The jobs of side_by_side.py in which servers are examined.

probe-tls: versions, suites, groups and the chain of a private Dovecot, by probe and by the tools that do nothing else.
probe-domain: a domain with two exchangers, three services of users and its records, each connection with a round trip
of 20 ms, and within the budget of connections.
"""
import json
import subprocess

ZONE = """$ORIGIN bench.test.
$TTL 60
@ IN SOA ns postmaster 1 3600 600 86400 60
@ IN NS ns
ns IN A 127.0.0.1
@ IN MX 10 mx1
@ IN MX 20 mx2
mx1 IN A 127.0.0.1
mx2 IN A 127.0.0.1
mail IN A 127.0.0.1
@ IN TXT "v=spf1 mx -all"
_dmarc IN TXT "v=DMARC1; p=reject; rua=mailto:a@bench.test"
s1._domainkey IN TXT "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
_smtp._tls IN TXT "v=TLSRPTv1; rua=mailto:a@bench.test"
_imaps._tcp IN SRV 0 1 993 mail
_pop3s._tcp IN SRV 0 1 995 mail
_submissions._tcp IN SRV 0 1 465 mail
"""

NSD = """server:
 ip-address: 127.0.0.1@%(port)d
 username: ""
 chroot: ""
 zonesdir: "%(root)s"
 database: ""
 pidfile: "%(root)s/nsd.pid"
 logfile: "%(root)s/nsd.log"
 xfrdfile: "%(root)s/xfrd.state"
 zonelistfile: "%(root)s/zone.list"
 xfrdir: "%(root)s"
 server-count: 1
remote-control:
 control-enable: no
zone:
 name: "bench.test"
 zonefile: "bench.zone"
"""


def jobs(Job, Server, free_ports, delayed, pillarbox, program):
    """Name -> class, made over side_by_side.py's own."""

    class Tls(Job):
        """versions, suites, groups and chain of a Dovecot"""

        runs = 5
        needs = ("dovecot", "root")
        peers = dict.fromkeys(("pillarbox", "sslscan", "nmap"))

        def prepare(self):
            self.bench.dovecot()

        def command(self, peer, run):
            port = str(self.bench.imaps)
            if peer == "pillarbox":
                # probe's exit code is its verdict; what counts here is that it came to one.
                words = [pillarbox, "probe", "imaps://localhost:" + port, "--ciphers", "--json", "-q", "--ca-file", self.bench.ca]
                return dict(command=["sh", "-c", '"$@"; [ $? -le 3 ]', "sh"] + words)
            if peer == "sslscan":
                return dict(command=[program("sslscan"), "--no-colour", "localhost:" + port])
            return dict(command=[program("nmap"), "-Pn", "-n", "-p", port, "--script", "+ssl-enum-ciphers", "127.0.0.1"])

        def check(self, peer, run, measured):
            wanted = {"pillarbox": "TLS_AES_256_GCM_SHA384", "sslscan": "TLS_AES_256_GCM_SHA384", "nmap": "TLSv1.2"}[peer]
            if wanted not in measured.output:
                return "no %s in %s" % (wanted, measured.output[-300:])
            if peer != "pillarbox":
                return ""
            lines = [json.loads(line) for line in measured.output.splitlines() if line.startswith("{")]
            endpoint = next(line for line in lines if line["type"] == "endpoint")
            spoken = endpoint["spoken"]
            whole = all(it["state"] != "unknown" for it in spoken["versions"]) and all("unknown" not in it or not it["unknown"] for it in spoken["suites"])
            return "" if whole and spoken["groups"]["found"] and endpoint["session"]["tls"]["chain"] else "not all was told"

    class Domain(Job):
        """a domain with two exchangers, three services and its records, 20 ms a round trip"""

        runs = 5
        needs = ("nsd",)
        peers = dict.fromkeys(("pillarbox",))

        def prepare(self):
            (port,) = free_ports(1)
            self.bench.write("bench.zone", ZONE)
            path = self.bench.write("nsd.conf", NSD % dict(port=port, root=self.bench.root))
            # NSD answers by TCP, too, which is how its start is seen.
            self.bench.servers.append(Server([program("nsd"), "-d", "-c", path], port))
            self.resolver = "127.0.0.1:%d" % port
            self.process = subprocess.Popen([pillarbox, "serve-test"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                            env=self.bench.environment())
            ready = json.loads(self.process.stdout.readline())
            self.ca = ready["ca"]
            ports = ready["ports"]
            near = {scheme: delayed(ports[scheme], 0.01) for scheme in ("smtp", "imaps", "pop3s", "submissions")}
            served = [("mx1", 25, "smtp"), ("mx2", 25, "smtp"), ("mail", 993, "imaps"), ("mail", 995, "pop3s"), ("mail", 465, "submissions")]
            self.rules = ["--connect-to=%s.bench.test:%d:127.0.0.1:%d" % (host, port, near[scheme]) for host, port, scheme in served]

        def finish(self):
            self.process.terminate()
            self.process.wait()
            self.process.stdout.close()

        def command(self, peer, run):
            words = [pillarbox, "probe", "bench.test", "--json", "-q", "--resolver", self.resolver, "--ca-file", self.ca] + self.rules
            return dict(command=["sh", "-c", '"$@"; [ $? -le 3 ]', "sh"] + words)

        def check(self, peer, run, measured):
            lines = [json.loads(line) for line in measured.output.splitlines() if line.startswith("{")]
            talked = [line for line in lines if line["type"] == "endpoint" and line["session"]["tls"]]
            summary = lines[-1]
            is_short = summary["connections"] >= summary["budget"]
            return "" if len(talked) == 5 and not is_short else "%d servers, %s" % (len(talked), summary)

    return {"probe-tls": Tls, "probe-domain": Domain}
