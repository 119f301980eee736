//! What breaks around a run: the network after any octet, the disk, the clock.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::support::{Home, Run, full, mail, mail::Random, needs, needs_root, skip};
use super::world::World;
use super::{Pair, copied, letters, nothing, put, subjects};

/// A proxy that ends a connection after so many octets one way; both ends hear of it.
struct Cut {
    port: u16,
    /// Octets that came by that way.
    passed: Arc<AtomicUsize>,
}

impl Cut {
    fn before(server: u16, to_server: bool, limit: usize) -> Cut {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let passed = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&passed);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) else {
                    continue;
                };
                for (is_up, from, to) in [(true, &client, &server), (false, &server, &client)] {
                    let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else { continue };
                    let count = Arc::clone(&count);
                    let limit = if is_up == to_server { limit } else { usize::MAX };
                    let counted = is_up == to_server;
                    std::thread::spawn(move || relay(from, to, limit, counted.then_some(&*count)));
                }
            }
        });
        Cut { port, passed }
    }
}

fn relay(mut from: TcpStream, mut to: TcpStream, limit: usize, count: Option<&AtomicUsize>) {
    let mut buffer = [0; 16 * 1024];
    let mut left = limit;
    while left > 0 {
        let Ok(octets @ 1..) = from.read(&mut buffer) else { break };
        let octets = octets.min(left);
        left -= octets;
        if let Some(count) = count {
            count.fetch_add(octets, Ordering::SeqCst);
        }
        if to.write_all(&buffer[..octets]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    if left == 0 {
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
}

/// Runs with the server behind the proxy, which does not make it another account.
fn through(world: &World, cut: &Cut) -> Run {
    world
        .sync()
        .arg("--connect-to")
        .arg(format!("localhost:{}:127.0.0.1:{}", world.dovecot.imap, cut.port))
        .run()
}

#[test]
fn a_connection_that_is_cut_at_any_octet_loses_nothing() {
    let test = "a_connection_that_is_cut_at_any_octet_loses_nothing";
    let Some(world) = World::begin(test) else { return };
    let seed = std::env::var("PILLARBOX_SEED").ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or(u64::from(std::process::id()));
    eprintln!("{test}: PILLARBOX_SEED={seed}");
    let mut random = Random::new(seed);
    let (mut cuts, mut whole) = (0, 0);
    for to_server in [true, false] {
        world.restore();
        let open = Cut::before(world.dovecot.imap, to_server, usize::MAX);
        through(&world, &open).success();
        let all = open.passed.load(Ordering::SeqCst);
        assert!(all > 500, "{all} octets");
        for _ in 0..if full() { 100 } else { 3 } {
            world.restore();
            let limit = 1 + random.below(all);
            let cut = Cut::before(world.dovecot.imap, to_server, limit);
            let run = through(&world, &cut);
            // What comes behind the last answer that matters may be missing.
            if run.code == Some(0) {
                whole += 1
            } else {
                cuts += 1
            }
            world.resumed(&format!("cut after {limit} of {all}, to the server: {to_server}"), &run);
        }
    }
    eprintln!("{test}: {cuts} runs cut off, {whole} had done all by then");
    assert!(cuts > 0);
}

/// Runs a script in a name space of mounts of its own; `false`: that cannot be here.
fn can_mount(test: &str) -> bool {
    if !needs(test, &["unshare"]) || !needs_root(test) {
        return false;
    }
    let script = "mount -t tmpfs -o size=64k none /mnt";
    let tried = std::process::Command::new("unshare").args(["-m", "sh", "-c", script]).output();
    if !tried.is_ok_and(|output| output.status.success()) {
        skip(test, "nothing can be mounted here");
        return false;
    }
    true
}

/// A script that has the near side, and what is remembered, on a disk of its own at `$DISK`, and
/// for which `sync` is the whole command line.
fn on_a_disk(pair: &Pair, script: &str) -> Run {
    let disk = pair.home.path().join("disk");
    std::fs::create_dir_all(&disk).expect("a folder");
    let sync = format!(
        "'{}' sync '{}' maildir:disk/near --state disk/state.db --json --ca-file '{}'",
        super::support::binary::BINARY,
        pair.dovecot.url("imaps", "alice"),
        pair.dovecot.ca().display()
    );
    let script = format!("set -e\nsync() {{ {sync} \"$@\"; }}\n{script}\ncp -a disk/near out\n");
    pair.home
        .command("unshare", &["-m", "sh", "-c", &script])
        .env("DISK", disk.display().to_string())
        .password("secret")
        .run()
}

#[test]
fn a_disk_that_is_full_or_read_only_loses_nothing() {
    let test = "a_disk_that_is_full_or_read_only_loses_nothing";
    if !can_mount(test) {
        return;
    }
    let Some(pair) = Pair::start(test) else { return };
    let all: Vec<Vec<u8>> = letters("large", 60)
        .into_iter()
        .map(|text| [text, b"0123456789abcdef\n".repeat(600)].concat())
        .collect();
    put(&pair.dovecot, "alice", "INBOX", &all);
    // It is full before the half has come, again with a little more room, and then there is
    // enough; what came before stays.
    let run = on_a_disk(
        &pair,
        "mount -t tmpfs -o size=300k none \"$DISK\"
         if sync >/dev/null; then echo 'no error'; else echo \"first $?\"; fi
         for file in disk/near/new/* disk/near/cur/*; do
           [ ! -e \"$file\" ] || [ $(wc -c <\"$file\") -gt 10200 ] || echo \"half: $file\"
         done
         mount -o remount,size=500k \"$DISK\"
         if sync >/dev/null; then echo 'no error'; else echo \"second $?\"; fi
         mount -o remount,size=50m \"$DISK\"
         sync >/dev/null; sync",
    )
    .success();
    let text = run.text();
    let codes: Vec<&str> = text.lines().filter(|line| !line.starts_with('{')).collect();
    assert!(
        matches!(codes[..], ["first 73" | "first 74", "second 73" | "second 74"]),
        "{codes:?}\n{run}"
    );
    let last: serde_json::Value =
        serde_json::from_str(text.lines().last().unwrap_or_default()).expect("JSON");
    assert_eq!(last["near"]["copied"], 0, "{run}");
    let mut wanted: Vec<String> = (0..60).map(|number| format!("large {number}")).collect();
    wanted.sort();
    assert_eq!(subjects(&pair.home.path().join("out")), wanted, "{run}");
    assert_eq!(pair.dovecot.messages("alice", "INBOX").len(), 60, "{run}");

    // A disk that nobody may write to: an error, and the server keeps what it has.
    std::fs::remove_dir_all(pair.home.path().join("out")).expect("an own folder");
    let run = on_a_disk(
        &pair,
        "mount -t tmpfs -o size=50m none \"$DISK\"
         sync >/dev/null
         rm disk/near/*/*.*large* 2>/dev/null || true
         mount -o remount,ro \"$DISK\"
         if sync >/dev/null; then echo 'no error'; else echo \"read-only $?\"; fi
         mount -o remount,rw \"$DISK\"
         sync >/dev/null; sync",
    )
    .success();
    let codes: Vec<&str> = run.text().lines().filter(|line| !line.starts_with('{')).collect();
    assert!(matches!(codes[..], ["read-only 73" | "read-only 74"]), "{codes:?}\n{run}");
    assert_eq!(subjects(&pair.home.path().join("out")), wanted, "{run}");
    assert_eq!(pair.dovecot.messages("alice", "INBOX").len(), 60, "{run}");
}

#[test]
fn a_clock_that_jumps_changes_nothing() {
    let test = "a_clock_that_jumps_changes_nothing";
    if !needs(test, &["faketime"]) {
        return;
    }
    let Some(pair) = Pair::start(test) else { return };
    put(&pair.dovecot, "alice", "INBOX", &letters("a", 5));
    let url = pair.dovecot.url("imap", "alice").replace("//alice@", "//alice;AUTH=PLAIN@");
    let at = |home: &Home, when: &str| {
        // Time goes on as ever while the program waits.
        home.command("faketime", &[when, super::support::binary::BINARY])
            .args(["sync", &url, "maildir:near", "--json", "--tls", "none"])
            .arg("--allow-cleartext-password")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .password("secret")
            .run()
            .success()
    };
    let run = at(&pair.home, "2026-03-01 12:00:00");
    assert_eq!(copied(&run), (5, 0), "{run}");
    let mut number = 0;
    for (round, when) in
        ["1999-12-31 23:59:59", "2037-12-31 23:59:59", "2026-03-01 12:00:00", "1980-01-01 00:00:00"]
            .iter()
            .enumerate()
    {
        put(&pair.dovecot, "alice", "INBOX", &letters(&format!("far{round}"), 2));
        for text in letters(&format!("near{round}"), 2) {
            let name = format!("177260000{round}.M{number}.other");
            number += 1;
            std::fs::write(pair.near("INBOX").join("new").join(name), &text).expect("delivered");
        }
        let run = at(&pair.home, when);
        assert_eq!(copied(&run), (2, 2), "{when}\n{run}");
        nothing(&at(&pair.home, when));
    }
    assert_eq!(subjects(&pair.near("INBOX")), subjects(&pair.far("INBOX")));
    assert_eq!(mail::maildir_files(&pair.near("INBOX")).len(), 5 + 4 * 4);
}
