//! Clients of SMTP, LMTP and POP3 that mean harm: limits hold, memory stays under a cap, and
//! others are served meanwhile. The clients are raw sockets of Python inside `serve-test`.

mod support;

use support::{Home, args, full, needs};

/// Runs a script of Python inside `serve-test` with these options.
fn against(options: &[&str], script: &str) {
    let home = Home::new();
    let mut command = home.pillarbox(args!["serve-test"]);
    for option in options {
        command = command.arg(option);
    }
    let size = format!("FULL = {}\n", if full() { "True" } else { "False" });
    let script = format!("{size}{PREAMBLE}\n{script}\nhonest(); peak()\n");
    command.arg("--").arg("python3").arg("-c").arg(script).run().success();
}

/// `peak()` asserts what the server, our parent, has had of memory at most; `honest()` that it
/// serves others.
const PREAMBLE: &str = r#"
import os, poplib, random, re, resource, smtplib, socket, ssl, time
def port(name): return int(os.environ[name.upper() + "_PORT"])
def peak(most=96):
    with open("/proc/%d/status" % os.getppid()) as file:
        used = int(re.search(r"VmHWM:\s+(\d+)", file.read()).group(1)) // 1024
    assert used <= most, "%d MiB of memory" % used
def honest():
    start = time.monotonic()
    with smtplib.SMTP("localhost", port("smtp"), timeout=20) as server:
        assert server.sendmail("a@b.test", ["bob@example.test"], "Subject: x\n\nx") == {}
    server = poplib.POP3("localhost", port("pop3"), timeout=20)
    server.stls(ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"]))
    server.user("bob"); server.pass_("secret")
    assert server.stat()[0] >= 1
    server.quit()
    assert time.monotonic() - start < 5, "others have to wait"
class Raw:
    def __init__(self, name, first=True):
        self.socket = socket.create_connection(("localhost", port(name)), timeout=30)
        self.file = self.socket.makefile("rb")
        if first: self.line()
    def line(self): return self.file.readline().decode(errors="replace")
    def reply(self):
        while True:
            line = self.line()
            if line[3:4] != "-": return line
    def say(self, octets):
        self.socket.sendall(octets)
    def ask(self, text):
        self.say(text + b"\r\n")
        return self.reply()
    def endless(self, octets, times):
        try:
            for _ in range(times): self.say(octets)
        except OSError: pass
"#;

#[test]
fn endless_lines() {
    if !needs("endless_lines", &["python3"]) {
        return;
    }
    against(
        &[],
        r#"
times = 4000 if FULL else 600
for name in "smtp", "submission", "lmtp", "pop3":
    raw = Raw(name)
    raw.endless(b"x" * 65536, times)
    raw.say(b"\r\nNOOP\r\n")
    assert raw.line()[:4] in ("500 ", "-ERR"), name
    raw.line()
# Within an authentication too.
raw = Raw("smtp"); raw.ask(b"EHLO me")
assert raw.ask(b"AUTH SCRAM-SHA-256").startswith("334")
raw.endless(b"A" * 65536, times)
raw.say(b"\r\n")
assert raw.reply()[0] == "5"
# A line of NULs, and no line end ever.
raw = Raw("pop3"); raw.endless(b"\0" * 65536, times)
"#,
    );
}

#[test]
fn endless_data() {
    if !needs("endless_data", &["python3"]) {
        return;
    }
    against(
        &["--limit", "message=1M"],
        r#"
times = 4000 if FULL else 1000
def begin():
    raw = Raw("smtp"); raw.ask(b"EHLO me"); raw.ask(b"MAIL FROM:<a@b.test>")
    assert raw.ask(b"RCPT TO:<bob@example.test>").startswith("250")
    return raw
raw = begin(); assert raw.ask(b"DATA").startswith("354")
raw.endless(b"x" * 65534 + b"\r\n", times)
raw.say(b".\r\n")
assert raw.reply().startswith("552")
assert raw.ask(b"NOOP").startswith("250"), "the session goes on"
# Dots, and line ends of any kind.
raw = begin(); raw.ask(b"DATA")
raw.endless(b"..\r\n.\n.\r.\r\r\n" * 5000, times // 4)
raw.say(b"\r\n.\r\n")
assert raw.reply()[0] == "5"
raw = begin()
raw.say(b"BDAT 18446744073709551615\r\n")
raw.endless(b"x" * 65536, times)
raw = begin()
for _ in range(200): raw.say(b"BDAT 65536\r\n" + b"x" * 65536)
codes = [raw.reply()[:3] for _ in range(200)]
assert codes[0] == "250" and codes[-1] in ("552", "503"), codes
"#,
    );
}

#[test]
fn pipelined_garbage_and_thousands_of_recipients() {
    if !needs("pipelined_garbage_and_thousands_of_recipients", &["python3"]) {
        return;
    }
    against(
        &[],
        r#"
generator = random.Random(7)
for name in "smtp", "lmtp", "submission", "pop3":
    raw = Raw(name)
    lines = b"".join(bytes(generator.choices(range(1, 256), k=40)) + b"\r\n" for _ in range(20000))
    raw.endless(lines, 1)
    try: said = raw.file.read()
    except OSError: said = b""
    assert len(said) < 40000, "it went on for %d octets" % len(said)
raw = Raw("smtp")
count = 20000 if FULL else 5000
raw.say(b"EHLO me\r\nMAIL FROM:<a@b.test>\r\n" + b"".join(b"RCPT TO:<bob+%d@example.test>\r\n" % n for n in range(count)))
raw.reply(); raw.reply()
codes = [raw.reply()[:3] for _ in range(count)]
assert codes.count("250") == 1000 and codes[1000:] == ["452"] * (count - 1000)
assert raw.ask(b"DATA").startswith("354") and raw.ask(b"Subject: many\r\n\r\nx\r\n.").startswith("250")
# Unknown ones cost nothing but the time.
raw.say(b"MAIL FROM:<a@b.test>\r\n" + b"RCPT TO:<nobody@example.test>\r\n" * count)
codes = {raw.reply()[:3] for _ in range(count + 1)}
assert codes == {"250", "550"}, codes
# Commands without end, and nobody who reads the answers.
raw = Raw("smtp"); raw.socket.settimeout(3)
raw.endless(b"NOOP\r\n" * 20000, 100)
"#,
    );
}

#[test]
fn slow_loris_on_a_thousand_connections() {
    if !needs("slow_loris_on_a_thousand_connections", &["python3"]) {
        return;
    }
    against(
        &["--limit", "idle=4s"],
        r#"
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
count = 1000
all = [Raw(("smtp", "pop3")[n % 2], first=False) for n in range(count)]
for raw in all: raw.line()
start = time.monotonic()
honest()
# An octet now and then is no progress towards a line.
left = list(all)
while left and time.monotonic() - start < 30:
    for raw in list(left):
        try:
            raw.socket.send(b"N")
            raw.socket.setblocking(False)
            try:
                if raw.socket.recv(100, socket.MSG_PEEK) is not None: left.remove(raw)
            except BlockingIOError: pass
            raw.socket.setblocking(True)
        except OSError: left.remove(raw)
    time.sleep(0.2)
assert not left, "%d hold on" % len(left)
# The same inside a message.
raw = Raw("smtp"); raw.ask(b"EHLO me"); raw.ask(b"MAIL FROM:<a@b.test>")
raw.ask(b"RCPT TO:<bob@example.test>"); raw.ask(b"DATA")
start = time.monotonic()
try:
    while time.monotonic() - start < 30:
        raw.say(b"x"); time.sleep(0.1)
        raw.socket.settimeout(0.01)
        try:
            if raw.socket.recv(100, socket.MSG_PEEK): break
        except TimeoutError: pass
        raw.socket.settimeout(30)
except OSError: pass
assert time.monotonic() - start < 25, "a message may take for ever"
"#,
    );
}
