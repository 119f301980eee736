//! Scripts that `serve-test` wraps: Python's own clients, with what most of them need before they
//! can begin, and the shell.

use super::binary::args;
use super::{Home, Run};

/// Runs a script of Python inside `serve-test` with these options.
pub fn python(options: &[&str], script: &str) -> Run {
    inside(options, "python3", "-c", &format!("{PREAMBLE}\n{script}"))
}

/// Runs a script of the shell inside `serve-test` with these options.
pub fn shell(options: &[&str], script: &str) -> Run {
    inside(options, "sh", "-euc", script)
}

fn inside(options: &[&str], program: &str, flag: &str, script: &str) -> Run {
    let home = Home::new();
    let mut command = home.pillarbox(args!["serve-test"]);
    for option in options {
        command = command.arg(option);
    }
    command.arg("--").arg(program).arg(flag).arg(script).run()
}

/// Connections by Python's own clients, and one without any client's manners.
pub const PREAMBLE: &str = r#"
import email, imaplib, os, poplib, re, smtplib, socket, ssl, time
context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
def port(name): return int(os.environ[name.upper() + "_PORT"])
def smtp(name="smtp", **more): return smtplib.SMTP("localhost", port(name), timeout=30, **more)
def imap(user="alice"):
    server = imaplib.IMAP4("localhost", port("imap"), timeout=30)
    server.starttls(context)
    server.login(user, "secret")
    server.capabilities = server.capability()[1][-1].decode().upper().split()
    server.select("INBOX")
    return server
def pop(user="alice"):
    server = poplib.POP3("localhost", port("pop3"), timeout=30)
    server.stls(context)
    server.user(user); server.pass_("secret")
    return server
TEXT = "From: app@example.test\r\nTo: %s\r\nSubject: %s\r\n\r\n%s\r\n"
def send(to="bob@example.test", subject="x", body="hello", sender="alice@example.test", **more):
    with smtp() as server:
        return server.sendmail(sender, to, TEXT % (to, subject, body), **more)
class Raw:
    def __init__(self, name):
        self.socket = socket.create_connection(("localhost", port(name)), timeout=30)
        self.file = self.socket.makefile("rb")
        self.greeting = self.line()
    def line(self): return self.file.readline().decode(errors="replace").rstrip("\r\n")
    def say(self, text):
        self.socket.sendall(text.encode() + b"\r\n")
    def ask(self, text):
        self.say(text)
        lines = [self.line()]
        while re.match(r"\d\d\d-", lines[-1]): lines.append(self.line())
        return lines
"#;
