//! A private Postfix that stores what it is given without changing it, and Postfix's own
//! `smtp-sink`, which refuses, stalls and hangs up as told.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use super::guarded::{Guarded, Stop};
use super::{
    Authority, Dovecot, Leaf, MAIL_UID, PATIENCE, Scratch, USERS, fill_template, find_program,
    free_ports, mail, needs, needs_root, set_mode, wait_for,
};

/// A running Postfix, ended on drop.
///
/// It takes mail for [`USERS`] at `example.test`, refuses `full@` for now (452 4.2.2),
/// `later@` for now (450 4.7.1), `gone@` and all others for good (550 5.1.1), and relays
/// nothing (550 5.1.2). Submission needs a Dovecot that checks the passwords.
#[derive(Debug)]
pub struct Postfix {
    /// Port 25's place: STARTTLS offered, no authentication.
    pub smtp: u16,
    /// Port 587's place: STARTTLS and authentication required.
    pub submission: u16,
    /// Port 465's place: TLS from the start, authentication required.
    pub submissions: u16,
    /// Port 25's place behind a proxy: each connection begins with a PROXY header.
    pub proxied: u16,
    pub authority: Authority,
    process: Guarded,
    scratch: Scratch,
}

impl Postfix {
    /// Starts one that stores into Maildirs of its own; see [`Postfix::messages`]. `None`: it
    /// cannot be here, and the skip of `test` has been printed.
    pub fn start(test: &str) -> Option<Postfix> {
        Postfix::launch(test, None, Leaf::Good, "")
    }

    /// As [`Postfix::start`], with lines of `main.cf` in the place of those that set the same,
    /// each of them one line: of a parameter that is set twice Postfix warns, and so many
    /// warnings at once are more than its logger takes at its own start.
    pub fn with(test: &str, settings: &str) -> Option<Postfix> {
        Postfix::launch(test, None, Leaf::Good, settings)
    }

    /// Starts one that hands its mail to `dovecot` by LMTP and asks it for passwords.
    pub fn before(test: &str, dovecot: &Dovecot) -> Option<Postfix> {
        Postfix::launch(test, Some(dovecot), Leaf::Good, "")
    }

    /// As [`Postfix::start`], showing a certificate of this kind.
    pub fn with_certificate(test: &str, leaf: Leaf) -> Option<Postfix> {
        Postfix::launch(test, None, leaf, "")
    }

    fn launch(
        test: &str,
        dovecot: Option<&Dovecot>,
        leaf: Leaf,
        settings: &str,
    ) -> Option<Postfix> {
        if !needs(test, &["postfix", "openssl"]) || !needs_root(test) {
            return None;
        }
        let mut last = String::new();
        for _ in 0..3 {
            match Postfix::attempt(dovecot, leaf, settings) {
                Ok(postfix) => return Some(postfix),
                Err(log) => last = log,
            }
        }
        panic!("postfix does not start:\n{last}");
    }

    fn attempt(dovecot: Option<&Dovecot>, leaf: Leaf, settings: &str) -> Result<Postfix, String> {
        let scratch = Scratch::new();
        let authority = Authority::new(&scratch.path().join("tls"));
        let identity = authority.issue(leaf);
        let daemons = daemon_directory();
        let postfix_uid = account_number("-u", "postfix");
        let postdrop_gid = group_number("postdrop");
        let root = text(scratch.path());

        let mail = scratch.folder("mail");
        chown(&mail, Some(MAIL_UID), Some(MAIL_UID)).expect("root may give files away");
        let data = scratch.folder("data");
        chown(&data, Some(postfix_uid), None).expect("root may give files away");
        // What `postfix check` would create; its other checks take a second.
        for name in [
            "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming",
            "private", "saved", "trace",
        ] {
            let folder = scratch.folder(&format!("queue/{name}"));
            chown(&folder, Some(postfix_uid), None).expect("root may give files away");
            set_mode(&folder, 0o700);
        }
        scratch.folder("queue/pid");
        for (name, mode) in [("maildrop", 0o730), ("public", 0o710)] {
            let folder = scratch.folder(&format!("queue/{name}"));
            chown(&folder, Some(postfix_uid), Some(postdrop_gid))
                .expect("root may give files away");
            set_mode(&folder, mode);
        }

        let [proxied, smtp, submission, submissions] = free_ports::<4>();
        let transport = match dovecot {
            Some(dovecot) => format!("lmtp:inet:127.0.0.1:{}", dovecot.lmtp),
            None => "virtual:".to_owned(),
        };
        let sasl = dovecot.map_or_else(|| "private/none".to_owned(), |d| text(&d.sasl_socket()));
        let main = fill_template(
            "postfix-main.cf.in",
            &[
                ("ROOT", &root),
                ("DAEMONS", &text(&daemons)),
                ("UID", &MAIL_UID.to_string()),
                ("GID", &MAIL_UID.to_string()),
                ("TRANSPORT", &transport),
                ("CERT", &text(&identity.certificate)),
                ("KEY", &text(&identity.key)),
                ("SASL", &sasl),
                ("SETTINGS", settings),
            ],
        );
        let name = |line: &str| line.split_once(" =").map(|(name, _)| name.to_owned());
        let own: Vec<String> = settings.lines().filter_map(name).collect();
        let shadowed = main.len() - settings.len() - 1;
        let main: String = main
            .lines()
            .scan(0, |at, line| {
                *at += line.len() + 1;
                Some((*at < shadowed, line))
            })
            .filter(|(is_before, line)| {
                !is_before || name(line).is_none_or(|name| !own.contains(&name))
            })
            .map(|(_, line)| format!("{line}\n"))
            .collect();
        let master = fill_template(
            "postfix-master.cf.in",
            &[
                ("PROXIED", &proxied.to_string()),
                ("SMTP", &smtp.to_string()),
                ("SUBMISSION", &submission.to_string()),
                ("SUBMISSIONS", &submissions.to_string()),
                ("SASL_ENABLE", if dovecot.is_some() { "yes" } else { "no" }),
            ],
        );
        let mailboxes: String = USERS
            .iter()
            .map(|(name, _)| format!("{name}@example.test {name}/\n"))
            .chain(["j\u{fc}rgen@example.test juergen/\n".to_owned()])
            .collect();
        for (name, content) in [
            ("main.cf", main.as_str()),
            ("master.cf", master.as_str()),
            ("mailboxes", mailboxes.as_str()),
            ("refusals", REFUSALS),
        ] {
            let path = scratch.write(&format!("conf/{name}"), content);
            // Postfix waits for a configuration file that is younger than a second or two.
            let old = SystemTime::now() - Duration::from_secs(60);
            std::fs::File::options()
                .write(true)
                .open(path)
                .and_then(|file| file.set_modified(old))
                .expect("the time of an own file can be set");
        }
        let mut process = Guarded::spawn(
            daemons.join("master").as_os_str(),
            &["-c".into(), scratch.path().join("conf").into(), "-s".into()],
            &[],
            Stop::Terminate,
            Stdio::null(),
        );
        let is_up = [smtp, submission, submissions].into_iter().all(|port| process.listens(port));
        let postfix =
            Postfix { proxied, smtp, submission, submissions, authority, process, scratch };
        if is_up { Ok(postfix) } else { Err(postfix.log()) }
    }

    /// The certificate that clients have to trust.
    pub fn ca(&self) -> PathBuf {
        self.authority.certificate()
    }

    /// `smtp://localhost:PORT`, and so on for `submission` and `submissions`; with a user for
    /// the latter two when one is named.
    ///
    /// # Panics
    /// For a scheme that it does not serve.
    pub fn url(&self, scheme: &str, user: Option<&str>) -> String {
        let port = match scheme {
            "smtp" => self.smtp,
            "submission" => self.submission,
            "submissions" | "smtps" => self.submissions,
            other => panic!("this server does not speak {other}"),
        };
        match user {
            Some(user) => format!("{scheme}://{user}@localhost:{port}"),
            None => format!("{scheme}://localhost:{port}"),
        }
    }

    /// Waits until `count` messages are stored for `user`, and gives them without the trace
    /// headers that Postfix put in front: what is left is what a client sent, with LF.
    ///
    /// Not for one that hands its mail to Dovecot.
    ///
    /// # Panics
    /// When they do not come.
    pub fn messages(&self, user: &str, count: usize) -> Vec<Vec<u8>> {
        let maildir = self.scratch.path().join("mail").join(user);
        let what = format!("delivery of {count} messages to {user} by Postfix");
        wait_for(&what, PATIENCE, || {
            let files = mail::maildir_files(&maildir);
            (files.len() >= count).then_some(files)
        })
        .into_iter()
        .map(|path| std::fs::read(path).expect("a message can be read"))
        .map(|message| mail::without_trace(&message).to_vec())
        .collect()
    }

    /// What Postfix logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.scratch.path().join("postfix.log")).unwrap_or_default()
    }
}

/// Recipients that are refused, and with what words.
const REFUSALS: &str = "\
/^full@/ 452 4.2.2 mailbox full
/^gone@/ 550 5.1.1 no such user
/^later@/ 450 4.7.1 greylisted, try again
";

/// Postfix's `smtp-sink`: takes everything, and dumps each message into a file.
#[derive(Debug)]
pub struct SmtpSink {
    pub port: u16,
    process: Guarded,
    scratch: Scratch,
}

impl SmtpSink {
    /// Starts one; `extra` are its own options (`-f RCPT`: refuse for good; `-r`: for now;
    /// `-q DATA`: hang up at this command; `-L`: speak LMTP; `-8`: without 8BITMIME). `None`:
    /// skipped, and said so.
    pub fn start(test: &str, extra: &[&str]) -> Option<SmtpSink> {
        if !needs(test, &["smtp-sink"]) || !needs_root(test) {
            return None;
        }
        let program = find_program("smtp-sink")?;
        let scratch = Scratch::new();
        let dump = scratch.folder("dump");
        set_mode(&dump, 0o777);
        for _ in 0..3 {
            let [port] = free_ports::<1>();
            let mut arguments: Vec<OsString> = extra.iter().map(OsString::from).collect();
            let address = format!("127.0.0.1:{port}");
            // "m." is the template of the file names, to which it adds a number of its own.
            for argument in ["-u", "nobody", "-d"] {
                arguments.push(argument.into());
            }
            arguments.push(dump.join("m.").into());
            arguments.push(address.into());
            arguments.push("128".into());
            let mut process = Guarded::spawn(
                program.as_os_str(),
                &arguments,
                &[],
                Stop::KillGroup,
                Stdio::null(),
            );
            if process.listens(port) {
                return Some(SmtpSink { port, process, scratch });
            }
        }
        panic!("smtp-sink does not start");
    }

    /// `smtp://localhost:PORT`; it has no TLS.
    pub fn url(&self) -> String {
        format!("smtp://localhost:{}", self.port)
    }

    /// What came so far: envelope and trace lines (`X-Mail-Args:`, `X-Rcpt-Args:`, ...), then
    /// the message with LF, then one empty line. One whose connection broke off may be taken
    /// away again while we look.
    pub fn dumps(&self) -> Vec<Vec<u8>> {
        let mut paths: Vec<PathBuf> = std::fs::read_dir(self.scratch.path().join("dump"))
            .expect("an own folder can be read")
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .collect();
        paths.sort();
        let gone = |error: &std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
        let read = |path: &PathBuf| match std::fs::read(path) {
            Err(error) if gone(&error) => None,
            read => Some(read.expect("a dump can be read")),
        };
        paths.iter().filter_map(read).collect()
    }
}

fn daemon_directory() -> PathBuf {
    let output = Command::new(find_program("postconf").unwrap_or_else(|| "postconf".into()))
        .args(["-d", "-h", "daemon_directory"])
        .output()
        .expect("postconf can be started");
    PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
}

fn account_number(option: &str, name: &str) -> u32 {
    let output = Command::new("id").args([option, name]).output().expect("id can be started");
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("the account exists")
}

fn group_number(name: &str) -> u32 {
    let output =
        Command::new("getent").args(["group", name]).output().expect("getent can be started");
    String::from_utf8_lossy(&output.stdout)
        .split(':')
        .nth(2)
        .and_then(|number| number.trim().parse().ok())
        .expect("the group exists")
}

fn text(path: &Path) -> String {
    let text: &OsStr = path.as_os_str();
    text.to_str().expect("temporary folders have UTF-8 names").to_owned()
}
