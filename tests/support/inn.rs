//! A private INN: innd for what is posted, nnrpd for readers with STARTTLS and over TLS, on
//! loopback ports of their own.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::guarded::{Guarded, Stop};
use super::{
    Authority, Kdc, Leaf, PATIENCE, Scratch, USERS, fill_template, find_program, free_ports, needs,
    needs_root, peers, skip, wait_for,
};

/// The groups that there are; the last takes no posts.
pub const GROUPS: [&str; 3] = ["local.test", "local.empty", "local.closed"];

/// A running INN, ended on drop. [`USERS`] may log in, nobody has to.
#[derive(Debug)]
pub struct Inn {
    /// innd itself, which hands readers over after MODE READER.
    pub transit: u16,
    pub nntp: u16,
    pub nntps: u16,
    authority: Authority,
    // Before the folder, so that the servers end before their files go.
    servers: Vec<Guarded>,
    scratch: Scratch,
}

impl Inn {
    /// Starts one. `None`: it cannot be here, and the skip of `test` has been printed.
    ///
    /// # Panics
    /// When INN is there and does not start.
    pub fn start(test: &str) -> Option<Inn> {
        Inn::with(test, None)
    }

    /// As [`Inn::start`], where readers log in by the mechanisms of Cyrus SASL too; GSSAPI by the
    /// keys of this KDC.
    pub fn with_sasl(test: &str, kdc: &Kdc) -> Option<Inn> {
        if !needs(test, &["saslpasswd2", "unshare"]) {
            return None;
        }
        Inn::with(test, Some(kdc))
    }

    fn with(test: &str, kdc: Option<&Kdc>) -> Option<Inn> {
        if !needs(test, &["openssl"]) || !needs_root(test) {
            return None;
        }
        let inn = peers().join("inn2/usr/lib/news");
        if !inn.join("bin/innd").is_file() {
            skip(test, "not there: inn2 (tests/run unpacks it)");
            return None;
        }
        for _ in 0..3 {
            if let Some(inn) = Inn::attempt(&inn, kdc) {
                return Some(inn);
            }
        }
        panic!("innd does not start");
    }

    fn attempt(inn: &Path, kdc: Option<&Kdc>) -> Option<Inn> {
        let scratch = Scratch::new();
        let authority = Authority::new(&scratch.path().join("tls"));
        let identity = authority.issue(Leaf::Good);
        let root = scratch.path().display().to_string();
        let [transit, nntp, nntps] = free_ports::<3>();
        for name in ["db", "etc", "run", "log", "tmp"] {
            scratch.folder(name);
        }
        for name in ["articles", "overview", "incoming/bad", "outgoing", "archive"] {
            scratch.folder(&format!("spool/{name}"));
        }
        let conf = fill_template(
            "inn.conf.in",
            &[
                ("INN", &inn.display().to_string()),
                ("ROOT", &root),
                ("TRANSIT", &transit.to_string()),
                ("CERT", &identity.certificate.display().to_string()),
                ("KEY", &format!("{root}/etc/key.pem")),
            ],
        );
        let conf = scratch.write("etc/inn.conf", conf);
        let key = std::fs::read(&identity.key).expect("the key's own file");
        let key = scratch.write("etc/key.pem", key);
        super::set_mode(&key, 0o600);
        let readers = format!(
            "auth \"all\" {{\n hosts: \"*\"\n auth: \"ckpasswd -f {root}/etc/users\"\n \
             default: \"<guest>\"\n}}\naccess \"all\" {{\n users: \"*\"\n newsgroups: \"*\"\n \
             access: \"RPNA\"\n}}\n"
        );
        let users: String = USERS
            .iter()
            .map(|(name, password)| format!("{name}:{}\n", crypted(password)))
            .collect();
        let mut active = String::from(
            "control 0000000000 0000000001 n\ncontrol.cancel 0000000000 0000000001 n\n\
             junk 0000000000 0000000001 n\n",
        );
        for name in GROUPS {
            let status = if name == "local.closed" { "n" } else { "y" };
            active.push_str(&format!("{name} 0000000000 0000000001 {status}\n"));
        }
        for (name, content) in [
            ("etc/storage.conf", "method tradspool {\n newsgroups: *\n class: 0\n}\n"),
            ("etc/incoming.conf", "streaming: true\npeer ME {\n hostname: \"127.9.9.9\"\n}\n"),
            // innd does not run without one feed.
            ("etc/newsfeeds", "ME:*::\nnobody:!*:Tf,Wnm:nobody\n"),
            ("etc/readers.conf", readers.as_str()),
            ("etc/users", users.as_str()),
            ("etc/expire.ctl", "/remember/:11\n*:A:1:10:never\n"),
            ("etc/moderators", ""),
            ("etc/distrib.pats", ""),
            ("etc/control.ctl", ""),
            ("db/active", active.as_str()),
            ("db/active.times", ""),
            ("db/newsgroups", "local.test\tArticles for tests\n"),
            ("db/history", ""),
        ] {
            scratch.write(name, content);
        }
        let mut vars = vec![("INNCONF", conf.as_os_str()), ("LD_LIBRARY_PATH", inn.as_os_str())];
        scratch.folder("sasl");
        let sasl = scratch.path().join("sasl");
        let (krb5, keytab) = kdc.map(|kdc| (kdc.configuration(), kdc.keytab())).unzip();
        if let (Some(krb5), Some(keytab)) = (&krb5, &keytab) {
            database(&sasl);
            vars.extend([
                ("SASL_CONF_PATH", sasl.as_os_str()),
                ("KRB5_CONFIG", krb5.as_os_str()),
                ("KRB5_KTNAME", keytab.as_os_str()),
            ]);
        }
        let (user, group) = (account("-u"), account("-g"));
        for name in ["db", "etc", "run", "log", "tmp", "spool", "sasl"] {
            give_away(&scratch.path().join(name), user, group);
        }
        let made = Command::new(inn.join("bin/makedbz"))
            .args(["-i", "-o"])
            .current_dir(scratch.path().join("db"))
            .envs(vars.iter().copied())
            .status();
        assert!(made.is_ok_and(|status| status.success()), "makedbz");
        give_away(&scratch.path().join("db"), user, group);
        let spawn = |program: &str, arguments: &[&str]| {
            let arguments: Vec<_> = arguments.iter().map(std::ffi::OsString::from).collect();
            let program = inn.join("bin").join(program);
            // Its library calls itself by the machine's name, which is no name of a certificate.
            let named = "hostname localhost && exec \"$@\"";
            let wrapped: Vec<_> = ["-u", "sh", "-ec", named, "sh"].map(Into::into).into();
            let (program, arguments) = match kdc {
                None => (program.into_os_string(), arguments),
                Some(_) => ("unshare".into(), [wrapped, vec![program.into()], arguments].concat()),
            };
            Guarded::spawn(&program, &arguments, &vars, Stop::KillGroup, Stdio::null())
        };
        let [transit_port, nntp_port, nntps_port] = [transit, nntp, nntps].map(|p| p.to_string());
        let mut servers = vec![spawn("innd", &["-f", "-P", &transit_port])];
        if !servers[0].listens(transit) {
            return None;
        }
        let reader = ["-D", "-f", "-b", "127.0.0.1", "-p"];
        let plain: Vec<&str> = reader.iter().copied().chain([nntp_port.as_str()]).collect();
        let tls: Vec<&str> = reader.iter().copied().chain([nntps_port.as_str(), "-S"]).collect();
        servers.push(spawn("nnrpd", &plain));
        servers.push(spawn("nnrpd", &tls));
        let is_up = servers[1].listens(nntp) && servers[2].listens(nntps);
        is_up.then_some(Inn { transit, nntp, nntps, authority, servers, scratch })
    }

    /// The certificate that clients have to trust.
    pub fn ca(&self) -> PathBuf {
        self.authority.certificate()
    }

    /// Waits until so many articles lie in the spool of a group: INN answers a post before
    /// readers can have it.
    pub fn wait(&self, group: &str, count: usize) {
        let folder = self.scratch.path().join("spool/articles").join(group.replace('.', "/"));
        wait_for(&format!("{count} articles in {group}"), PATIENCE, || {
            let files = std::fs::read_dir(&folder).map_or(0, |files| files.flatten().count());
            (files >= count).then_some(())
        });
    }

    /// An article of the spool, which INN keeps as it travels: with CRLF, stuffed dots and the
    /// last one.
    pub fn article(&self, group: &str, number: u64) -> Vec<u8> {
        let folder = self.scratch.path().join("spool/articles").join(group.replace('.', "/"));
        let kept = std::fs::read(folder.join(number.to_string())).expect("an article of the spool");
        let kept = kept.strip_suffix(b"\r\n.\r\n").expect("the last dot");
        let mut article = Vec::new();
        for line in kept.split(|octet| *octet == b'\n') {
            article.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
            article.push(b'\n');
        }
        article.pop();
        article.extend_from_slice(b"\r\n");
        article
    }

    /// What a client script needs to know, as `serve-test -- CMD` would say it.
    pub fn environment(&self) -> Vec<(String, String)> {
        let ca = self.ca().display().to_string();
        let mut vars = vec![
            ("PILLARBOX_USERS".to_owned(), super::dovecot::users_variable()),
            ("SSL_CERT_FILE".to_owned(), ca),
        ];
        for (name, port) in [("NNTP", self.nntp), ("NNTPS", self.nntps)] {
            vars.push((format!("{name}_HOST"), "localhost".to_owned()));
            vars.push((format!("{name}_PORT"), port.to_string()));
        }
        vars
    }
}

/// The number of the user or group that INN runs as.
fn account(which: &str) -> u32 {
    let output = Command::new("id").args([which, "news"]).output().expect("id can be run");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().expect("Debian has a user called news")
}

/// What Cyrus SASL goes by: its settings for INN, and the passwords of [`USERS`].
fn database(folder: &Path) {
    let root = folder.display();
    let settings = format!(
        "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {root}/sasldb\n\
         mech_list: PLAIN CRAM-MD5 DIGEST-MD5 SCRAM-SHA-1 SCRAM-SHA-256 SCRAM-SHA-512 GSSAPI\n"
    );
    std::fs::write(folder.join("INN.conf"), settings).expect("a temporary file can be written");
    for (user, password) in USERS {
        let program = find_program("saslpasswd2").expect("it was looked for");
        let script = format!(
            "printf %s '{password}' | '{}' -p -c -f '{root}/sasldb' -u localhost '{user}'",
            program.display()
        );
        let made = Command::new("sh").args(["-c", &script]).status().expect("sh starts");
        assert!(made.success(), "{script}");
    }
}

fn crypted(password: &str) -> String {
    let output = Command::new("openssl").args(["passwd", "-6", password]).output();
    String::from_utf8_lossy(&output.expect("openssl can be run").stdout).trim().to_owned()
}

fn give_away(path: &Path, user: u32, group: u32) {
    chown(path, Some(user), Some(group)).expect("root may give files away");
    if path.is_dir() {
        for entry in std::fs::read_dir(path).expect("an own folder can be read").flatten() {
            give_away(&entry.path(), user, group);
        }
    }
}
