//! A private authoritative DNS server (NSD) with a signed root: zones are given as text by the
//! test, signed or not, well or badly, and a validating resolver gets its trust anchor.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::guarded::{Guarded, Stop};
use super::{Scratch, find_program, free_ports, needs};

/// How a zone is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signing {
    /// With its key, which the root vouches for.
    Signed,
    /// Not at all; the root says so.
    Unsigned,
    /// Signed, but the signatures of the records of this type are wrong (`TLSA`); of all types
    /// but DNSKEY for an empty one.
    Broken(&'static str),
    /// Signed, but the signatures ran out years ago.
    Expired,
}

/// A zone: its name without the last dot, how it is signed, and its records, names relative to
/// it. SOA and NS need not be written.
#[derive(Clone, Debug)]
pub struct Zone {
    name: String,
    signing: Signing,
    records: String,
}

impl Zone {
    pub fn new(name: &str, signing: Signing, records: &str) -> Zone {
        Zone { name: name.to_owned(), signing, records: records.to_owned() }
    }
}

/// The server.
#[derive(Debug)]
pub struct Dns {
    pub port: u16,
    process: Guarded,
    scratch: Scratch,
}

const HEAD: &str = "\
$TTL 60
@ IN SOA ns.root. postmaster.root. 1 3600 600 86400 60
@ IN NS ns.root.
";

impl Dns {
    /// Starts it with these zones. Names outside them do not exist, and the root proves that.
    /// `None`: skipped, and said so.
    ///
    /// # Panics
    /// When a zone is malformed, or the server does not start.
    pub fn start(test: &str, zones: &[Zone]) -> Option<Dns> {
        if !needs(test, &["nsd", "ldns-keygen", "ldns-signzone"]) {
            return None;
        }
        let scratch = Scratch::new();
        let folder = scratch.path().to_owned();
        let mut root = format!("$ORIGIN .\n{HEAD}ns.root. IN A 127.0.0.1\n");
        let mut configuration = String::new();
        for zone in zones {
            let name = &zone.name;
            let file = format!("{name}.zone");
            scratch.write(&file, format!("$ORIGIN {name}.\n{HEAD}{}\n", zone.records));
            root.push_str(&format!("{name}. IN NS ns.root.\n"));
            let served = match zone.signing {
                Signing::Unsigned => file,
                signing => {
                    let key = sign(&folder, name, &file, signing);
                    root.push_str(&read(&folder.join(format!("{key}.ds"))));
                    format!("{file}.signed")
                }
            };
            configuration.push_str(&format!("zone:\n name: \"{name}\"\n zonefile: \"{served}\"\n"));
        }
        scratch.write("root.zone", root);
        let key = sign(&folder, ".", "root.zone", Signing::Signed);
        // Comments behind a record are not everybody's taste.
        let anchor = read(&folder.join(format!("{key}.key")));
        let anchor = anchor.split(';').next().unwrap_or_default().trim();
        scratch.write("anchor.key", format!("{anchor}\n"));
        configuration.push_str("zone:\n name: \".\"\n zonefile: \"root.zone.signed\"\n");
        let program = find_program("nsd")?;
        for _ in 0..3 {
            let [port] = free_ports::<1>();
            let shown = folder.display();
            let path = scratch.write(
                "nsd.conf",
                format!(
                    "server:\n ip-address: 127.0.0.1@{port}\n username: \"\"\n chroot: \"\"\n \
                     zonesdir: \"{shown}\"\n database: \"\"\n pidfile: \"{shown}/nsd.pid\"\n \
                     logfile: \"{shown}/nsd.log\"\n xfrdfile: \"{shown}/xfrd.state\"\n \
                     zonelistfile: \"{shown}/zone.list\"\n xfrdir: \"{shown}\"\n \
                     server-count: 1\n\nremote-control:\n control-enable: no\n{configuration}"
                ),
            );
            let arguments: Vec<OsString> = vec!["-d".into(), "-c".into(), path.into()];
            let mut process = Guarded::spawn(
                program.as_os_str(),
                &arguments,
                &[],
                Stop::Terminate,
                Stdio::null(),
            );
            if process.listens(port) {
                return Some(Dns { port, process, scratch });
            }
        }
        panic!("nsd does not start: {}", read(&folder.join("nsd.log")));
    }

    /// For `--resolver`.
    pub fn resolver(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// For `--trust-anchor`: the root's DNSKEY.
    pub fn trust_anchor(&self) -> PathBuf {
        self.scratch.path().join("anchor.key")
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// Makes a key for the zone and signs it with that; gives the key's base name.
fn sign(folder: &Path, name: &str, file: &str, signing: Signing) -> String {
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .output()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{program} {arguments:?}: {said}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let key = run("ldns-keygen", &["-a", "ECDSAP256SHA256", "-k", name]);
    let signed = format!("{file}.signed");
    let mut arguments = vec!["-o", name, "-f", &signed];
    if signing == Signing::Expired {
        arguments.extend(["-i", "20200101000000", "-e", "20200201000000"]);
    }
    arguments.extend([file, &key]);
    run("ldns-signzone", &arguments);
    if let Signing::Broken(kind) = signing {
        let path = folder.join(&signed);
        let lines: String = read(&path).lines().map(|line| damaged(line, kind)).collect();
        std::fs::write(path, lines).expect("an own file can be written");
    }
    key
}

/// A line of a signed zone, its signature changed where it is one over records of this type.
fn damaged(line: &str, kind: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    // Owner, time to live, class, type, and the type that is signed.
    let covered = words.get(4).filter(|_| words.get(3) == Some(&"RRSIG"));
    let is_meant =
        covered.is_some_and(|covered| *covered == kind || kind.is_empty() && *covered != "DNSKEY");
    match (is_meant, words.split_last()) {
        (true, Some((signature, rest))) if signature.len() > 4 => {
            let first = if signature.starts_with("AAAA") { "BBBB" } else { "AAAA" };
            format!("{} {first}{}\n", rest.join(" "), &signature[4..])
        }
        _ => format!("{line}\n"),
    }
}
