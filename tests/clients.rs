//! The clients that people use, each at its main job: against our server, and the same script
//! against Dovecot and Postfix, so that what works there works here.

mod support;

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use support::{Dovecot, Home, Postfix, Run, args, needs, peer_file, peers, skip};

/// Some of them sleep between their steps.
const LONG: Duration = Duration::from_secs(180);

/// A client: how its script is run.
struct Client {
    program: OsString,
    arguments: Vec<OsString>,
    /// Programs without which it cannot be.
    needs: &'static [&'static str],
}

impl Client {
    fn shell(script: &str, which: &str, needs: &'static [&'static str]) -> Client {
        let arguments = args![peer_file(script), which].to_vec();
        Client { program: "sh".into(), arguments, needs }
    }

    fn node(script: &str) -> Client {
        let arguments = args![peer_file(script)].to_vec();
        Client { program: "node".into(), arguments, needs: &["node"] }
    }

    /// Runs against servers that these variables name.
    fn against(&self, vars: &[(String, String)]) {
        let home = Home::new();
        let mut invocation = home.command(&self.program.to_string_lossy(), &self.arguments);
        for (name, value) in vars {
            invocation = invocation.env(name, value);
        }
        complete(invocation.env("NODE_PATH", modules()).within(LONG).run());
    }

    /// Runs inside `serve-test`.
    fn inside(&self) {
        let home = Home::new();
        let mut arguments = args!["serve-test", "--", &self.program].to_vec();
        arguments.extend(self.arguments.iter().cloned());
        let run = home.pillarbox(&arguments).env("PYTHONDONTWRITEBYTECODE", "1");
        complete(run.env("NODE_PATH", modules()).within(LONG).run());
    }

    /// Against Dovecot, then against us.
    fn imap(&self, test: &str) {
        if !needs(test, self.needs) {
            return;
        }
        if let Some(dovecot) = Dovecot::start(test) {
            let mut vars = dovecot.environment();
            vars.push(("NODE_EXTRA_CA_CERTS".into(), text(&dovecot.ca())));
            vars.push(("PYTHONDONTWRITEBYTECODE".into(), "1".into()));
            self.against(&vars);
        }
        self.inside();
    }

    /// Against Postfix in front of Dovecot, then against us.
    fn smtp(&self, test: &str, more: &[(&str, &str)]) {
        if !needs(test, self.needs) {
            return;
        }
        if let Some(dovecot) = Dovecot::start(test)
            && let Some(postfix) = Postfix::before(test, &dovecot)
        {
            let mut vars = dovecot.environment();
            // One file with both authorities: the scripts trust a single one.
            let both = Home::new();
            let mut bundle = std::fs::read(dovecot.ca()).expect("the authority's own file");
            bundle.extend(std::fs::read(postfix.ca()).expect("the authority's own file"));
            let bundle = text(&both.write("both.pem", bundle));
            for name in ["SSL_CERT_FILE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"] {
                vars.push((name.into(), bundle.clone()));
            }
            for (name, port) in [
                ("SMTP", postfix.smtp),
                ("SUBMISSION", postfix.submission),
                ("SUBMISSIONS", postfix.submissions),
            ] {
                vars.push((format!("{name}_HOST"), "localhost".into()));
                vars.push((format!("{name}_PORT"), port.to_string()));
            }
            vars.extend(more.iter().map(|(name, value)| ((*name).into(), (*value).into())));
            self.against(&vars);
        }
        self.inside();
    }
}

fn modules() -> OsString {
    let folders = ["node", "node-more"].map(|name| peers().join(name).join("node_modules"));
    std::env::join_paths(folders).expect("no colon in the path")
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// The script ended well, and did not leave out all of its cases.
fn complete(run: Run) {
    let run = run.success();
    assert!(run.text().lines().any(|line| line.starts_with("ok ")), "nothing was tried:\n{run}");
}

/// Whether `tests/run` has put this there; if not, the skip of `test` has been printed.
fn has_peer(test: &str, path: &str) -> bool {
    let is_there = peers().join(path).exists();
    if !is_there {
        skip(test, format!("not there: {path} (tests/run installs it)"));
    }
    is_there
}

#[test]
fn imapclient_works() {
    const TEST: &str = "imapclient_works";
    if has_peer(TEST, "python/version") {
        let program = peers().join("python/bin/python").into();
        let arguments = args![peer_file("imapclient_client.py")].to_vec();
        Client { program, arguments, needs: &["python3"] }.imap(TEST);
    }
}

#[test]
fn imapflow_works() {
    const TEST: &str = "imapflow_works";
    if has_peer(TEST, "node/version") {
        Client::node("imapflow.cjs").imap(TEST);
    }
}

#[test]
fn nodemailer_works() {
    const TEST: &str = "nodemailer_works";
    if has_peer(TEST, "node/version") {
        Client::node("nodemailer.cjs").smtp(TEST, &[]);
    }
}

#[test]
fn mail_imapclient_works() {
    const TEST: &str = "mail_imapclient_works";
    let module = std::process::Command::new("perl").args(["-MMail::IMAPClient", "-e1"]).output();
    if !module.is_ok_and(|output| output.status.success()) {
        return skip(TEST, "not installed: Mail::IMAPClient");
    }
    let arguments = args![peer_file("mail_imapclient.pl")].to_vec();
    Client { program: "perl".into(), arguments, needs: &["perl"] }.imap(TEST);
}

#[test]
fn python_clients_work() {
    const TEST: &str = "python_clients_work";
    if has_peer(TEST, "python-more/version") {
        let program = peers().join("python-more/bin/python").into();
        let arguments = args![peer_file("python_more.py")].to_vec();
        Client { program, arguments, needs: &["python3"] }.imap(TEST);
    }
}

#[test]
fn node_clients_work() {
    const TEST: &str = "node_clients_work";
    if has_peer(TEST, "node-more/version") {
        Client::node("node_more.cjs").imap(TEST);
    }
}

#[test]
fn ruby_works() {
    let arguments = args![peer_file("net_imap.rb")].to_vec();
    Client { program: "ruby".into(), arguments, needs: &["ruby"] }.imap("ruby_works");
}

#[test]
fn c_client_works() {
    const TEST: &str = "c_client_works";
    let modules = std::process::Command::new("php").arg("-m").output();
    if !modules.is_ok_and(|output| output.stdout.split(|c| *c == b'\n').any(|l| l == b"imap")) {
        return skip(TEST, "not installed: php-imap");
    }
    let arguments = args![peer_file("c_client.php")].to_vec();
    Client { program: "php".into(), arguments, needs: &["php"] }.imap(TEST);
}

#[test]
fn java_mail_works() {
    const TEST: &str = "java_mail_works";
    const LIBRARY: &str = "/usr/share/java/javax.mail.jar";
    if !Path::new(LIBRARY).exists() {
        return skip(TEST, "not installed: libmail-java");
    }
    let quick = ["-XX:TieredStopAtLevel=1", "-cp", LIBRARY].map(OsString::from);
    let mut arguments = quick.to_vec();
    arguments.push(peer_file("JavaMail.java").into());
    Client { program: "java".into(), arguments, needs: &["javac"] }.imap(TEST);
}

#[test]
fn interimap_works() {
    Client::shell("movers.sh", "interimap", &["interimap", "curl"]).imap("interimap_works");
}

#[test]
fn getmail_works() {
    Client::shell("collectors.sh", "getmail", &["getmail", "curl"]).imap("getmail_works");
}

#[test]
fn fetchmail_works() {
    Client::shell("collectors.sh", "fetchmail", &["fetchmail", "curl"]).imap("fetchmail_works");
}

#[test]
fn mpop_works() {
    Client::shell("collectors.sh", "mpop", &["mpop", "curl"]).imap("mpop_works");
}

#[test]
fn offlineimap_works() {
    let needs = &["offlineimap", "curl"];
    Client::shell("collectors.sh", "offlineimap", needs).imap("offlineimap_works");
}

#[test]
fn msmtp_works() {
    let client = Client::shell("mailers.sh", "msmtp", &["msmtp", "curl"]);
    client.smtp("msmtp_works", &[]);
}

#[test]
fn neomutt_works() {
    let client = Client::shell("mailers.sh", "neomutt", &["neomutt", "script", "curl"]);
    client.smtp("neomutt_works", &[]);
}

#[test]
fn smtp_source_is_a_load_that_is_borne() {
    let client = Client::shell("smtp_source.sh", "", &["smtp-source", "curl"]);
    if needs("smtp_source_is_a_load_that_is_borne", client.needs) {
        client.inside();
    }
}
