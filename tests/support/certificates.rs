//! A throwaway certificate authority, and server certificates good and bad, made by the
//! `openssl` program.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::guarded::{Guarded, Stop};
use super::{Scratch, free_ports, needs};

/// What kind of server certificate is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// For localhost and 127.0.0.1, valid now, signed by the authority.
    Good,
    /// As [`Leaf::Good`], but its time ran out years ago.
    Expired,
    /// As [`Leaf::Good`], but its time has not come.
    NotYet,
    /// Valid and signed, for `elsewhere.test` alone.
    WrongHost,
    /// For localhost, signed by itself alone.
    SelfSigned,
}

impl Leaf {
    fn name(self) -> &'static str {
        match self {
            Leaf::Good => "good",
            Leaf::Expired => "expired",
            Leaf::NotYet => "not-yet",
            Leaf::WrongHost => "wrong-host",
            Leaf::SelfSigned => "self-signed",
        }
    }
}

/// A certificate and its key, both PEM files.
#[derive(Clone, Debug)]
pub struct Identity {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// An authority that nobody outside the test trusts.
#[derive(Debug)]
pub struct Authority {
    folder: PathBuf,
}

/// What `openssl ca` needs to know; it is the one subcommand that sets both ends of the
/// validity in OpenSSL 3.0.
const CONFIGURATION: &str = "\
[ca]
default_ca = authority
[authority]
database = index
serial = serial
new_certs_dir = .
certificate = ca.pem
private_key = ca.key
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
";

/// A key on a curve, because RSA keys take seconds.
const NEW_KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

impl Authority {
    /// Makes an authority whose files live in `folder`, which is created.
    ///
    /// # Panics
    /// Without a working `openssl`; see [`needs()`].
    pub fn new(folder: &Path) -> Authority {
        std::fs::create_dir_all(folder).expect("a temporary folder can be created");
        let write = |name: &str, content: &str| {
            std::fs::write(folder.join(name), content).expect("a temporary file can be written");
        };
        write("ca.cnf", CONFIGURATION);
        write("index", "");
        write("serial", "01\n");
        let authority = Authority { folder: folder.to_owned() };
        let mut arguments = vec!["req", "-x509", "-days", "30"];
        arguments.extend(["-addext", "basicConstraints=critical,CA:TRUE"]);
        arguments.extend(["-addext", "keyUsage=critical,keyCertSign,cRLSign"]);
        arguments.extend(NEW_KEY);
        arguments.extend(["-subj", "/CN=Pillarbox test authority"]);
        arguments.extend(["-keyout", "ca.key", "-out", "ca.pem"]);
        authority.openssl(&arguments);
        authority
    }

    /// The authority's own certificate, for `--ca-file` and the like.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Makes a certificate of this kind, or gives the one made before.
    pub fn issue(&self, leaf: Leaf) -> Identity {
        let name = leaf.name();
        let identity = Identity {
            certificate: self.folder.join(format!("{name}.pem")),
            key: self.folder.join(format!("{name}.key")),
        };
        if identity.certificate.is_file() {
            return identity;
        }
        let (common_name, alternatives) = match leaf {
            Leaf::WrongHost => ("elsewhere.test", "DNS:elsewhere.test"),
            _ => ("localhost", "DNS:localhost,IP:127.0.0.1"),
        };
        let subject = format!("/CN={common_name}");
        if leaf == Leaf::SelfSigned {
            let (key, certificate) = (format!("{name}.key"), format!("{name}.pem"));
            let alternatives = format!("subjectAltName={alternatives}");
            let mut arguments = vec!["req", "-x509", "-days", "10", "-addext", &alternatives];
            arguments.extend(NEW_KEY);
            arguments.extend(["-subj", &subject, "-keyout", &key, "-out", &certificate]);
            self.openssl(&arguments);
            return identity;
        }
        let validity = match leaf {
            Leaf::Expired => ("20200101000000Z", "20210101000000Z"),
            Leaf::NotYet => ("20900101000000Z", "20910101000000Z"),
            _ => ("20240101000000Z", "20491231000000Z"),
        };
        self.sign(name, common_name, alternatives, validity);
        identity
    }

    /// Makes a certificate for these names, the first of which is its file's name too; valid
    /// now, signed by the authority.
    ///
    /// # Panics
    /// Without a name.
    pub fn issue_for(&self, names: &[&str]) -> Identity {
        let name = names.first().expect("a name");
        let alternatives: Vec<String> = names.iter().map(|name| format!("DNS:{name}")).collect();
        let validity = ("20240101000000Z", "20491231000000Z");
        self.sign(name, name, &alternatives.join(","), validity);
        Identity {
            certificate: self.folder.join(format!("{name}.pem")),
            key: self.folder.join(format!("{name}.key")),
        }
    }

    fn sign(&self, name: &str, common_name: &str, alternatives: &str, validity: (&str, &str)) {
        let subject = format!("/CN={common_name}");
        let (key, request, certificate, extensions) = (
            format!("{name}.key"),
            format!("{name}.csr"),
            format!("{name}.pem"),
            format!("{name}.ext"),
        );
        std::fs::write(
            self.folder.join(&extensions),
            format!("subjectAltName={alternatives}\nextendedKeyUsage=serverAuth\n"),
        )
        .expect("a temporary file can be written");
        let mut arguments = vec!["req"];
        arguments.extend(NEW_KEY);
        arguments.extend(["-subj", &subject, "-keyout", &key, "-out", &request]);
        self.openssl(&arguments);
        let (start, end) = validity;
        let mut arguments = vec!["ca", "-batch", "-notext", "-config", "ca.cnf"];
        arguments.extend(["-in", &request, "-out", &certificate, "-extfile", &extensions]);
        arguments.extend(["-startdate", start, "-enddate", end]);
        self.openssl(&arguments);
    }

    /// Makes a client's certificate that names this user.
    pub fn client(&self, user: &str) -> Identity {
        let (key, request, certificate) =
            (format!("{user}.key"), format!("{user}.csr"), format!("{user}.pem"));
        let extensions = self.folder.join(format!("{user}.ext"));
        std::fs::write(&extensions, "extendedKeyUsage=clientAuth\n")
            .expect("a temporary file can be written");
        let subject = format!("/CN={user}");
        let mut arguments = vec!["req"];
        arguments.extend(NEW_KEY);
        arguments.extend(["-subj", &subject, "-keyout", &key, "-out", &request]);
        self.openssl(&arguments);
        let extensions = extensions.display().to_string();
        let mut arguments = vec!["ca", "-batch", "-notext", "-config", "ca.cnf"];
        arguments.extend(["-in", &request, "-out", &certificate, "-extfile", &extensions]);
        arguments.extend(["-startdate", "20240101000000Z", "-enddate", "20491231000000Z"]);
        self.openssl(&arguments);
        Identity { certificate: self.folder.join(certificate), key: self.folder.join(key) }
    }

    fn openssl(&self, arguments: &[&str]) {
        let output = Command::new("openssl")
            .args(arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .output()
            .expect("openssl can be started");
        assert!(
            output.status.success(),
            "openssl {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// Runs OpenSSL in a folder.
#[track_caller]
pub fn openssl(folder: &Path, arguments: &[&str]) {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("openssl runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "openssl {}: {said}", arguments.join(" "));
}

/// A certificate for `localhost` that signed itself, with a key of this kind.
pub fn self_signed(folder: &Path, name: &str, kind: &[&str]) -> Identity {
    let (certificate, key) = (format!("{name}.pem"), format!("{name}.key"));
    let mut arguments = vec!["req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=localhost"];
    arguments.extend(["-addext", "subjectAltName=DNS:localhost"]);
    arguments.extend(["-out", &certificate, "-keyout", &key, "-newkey"]);
    arguments.extend(kind);
    openssl(folder, &arguments);
    Identity { certificate: folder.join(certificate), key: folder.join(key) }
}

/// `openssl s_server`: completes a TLS handshake and says nothing; for certificates and
/// versions that mail servers would not start with.
#[derive(Debug)]
pub struct TlsServer {
    pub port: u16,
    pub authority: Authority,
    process: Guarded,
    scratch: Scratch,
}

impl TlsServer {
    /// Starts one with a certificate of this kind; `extra` are options of `s_server`
    /// (`-tls1_2`, say). `None`: skipped, and said so.
    pub fn start(test: &str, leaf: Leaf, extra: &[&str]) -> Option<TlsServer> {
        if !needs(test, &["openssl"]) {
            return None;
        }
        let scratch = Scratch::new();
        let authority = Authority::new(&scratch.path().join("tls"));
        let identity = authority.issue(leaf);
        for _ in 0..3 {
            let [port] = free_ports::<1>();
            let mut arguments: Vec<OsString> = vec![
                "s_server".into(),
                "-quiet".into(),
                "-accept".into(),
                format!("127.0.0.1:{port}").into(),
                "-cert".into(),
                identity.certificate.clone().into(),
                "-key".into(),
                identity.key.clone().into(),
            ];
            arguments.extend(extra.iter().map(OsString::from));
            let mut process = Guarded::spawn(
                OsStr::new("openssl"),
                &arguments,
                &[],
                Stop::KillGroup,
                Stdio::null(),
            );
            if process.listens(port) {
                return Some(TlsServer { port, authority, process, scratch });
            }
        }
        panic!("openssl s_server does not start");
    }
}
