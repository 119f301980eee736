//! `--watch` over a real Dovecot: changes go both ways at once, and go on doing so after the
//! server was restarted, the network was cut, the process was stopped.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::support::{PATIENCE, Running, wait_for};
use super::{Pair, letters, put, subjects};

/// How long a change may take on a machine that has nothing else to do; a busy one gets more
/// before the test fails.
const SOON: Duration = Duration::from_secs(1);

fn deliver(maildir: &Path, name: &str) {
    let tmp = maildir.join("tmp").join(name);
    std::fs::write(&tmp, format!("Subject: {name}\n\nx\n")).expect("written");
    std::fs::rename(&tmp, maildir.join("new").join(name)).expect("delivered");
}

/// Waits until a Maildir has a subject; how long that took.
#[track_caller]
fn arrives(maildir: &Path, subject: &str) -> Duration {
    let begun = Instant::now();
    wait_for(&format!("the arrival of {subject}"), PATIENCE, || {
        subjects(maildir).iter().any(|own| own == subject).then_some(())
    });
    begun.elapsed()
}

fn watching(pair: &Pair, port: Option<u16>, options: &[&str]) -> Running {
    let url = pair.dovecot.url("imaps", "alice");
    let url = match port {
        Some(port) => url.replace(&pair.dovecot.imaps.to_string(), &port.to_string()),
        None => url,
    };
    let mut words = vec![url.as_str(), "maildir:near", "--watch", "--json"];
    words.extend_from_slice(options);
    let running = pair.command(&words).spawn();
    arrives(&pair.near("INBOX"), "a 0");
    running
}

/// A change each way arrives; the longer of both times.
#[track_caller]
fn goes_both_ways(pair: &Pair, name: &str) -> Duration {
    let (far, near) = (format!("far-{name}"), format!("near-{name}"));
    let message = format!("Subject: {far}\r\n\r\nx\r\n");
    pair.other().append("INBOX", "", message.as_bytes());
    let down = arrives(&pair.near("INBOX"), &far);
    deliver(&pair.near("INBOX"), &near);
    let up = arrives(&pair.far("INBOX"), &near);
    down.max(up)
}

#[test]
fn changes_go_both_ways_within_a_second() {
    let Some(pair) = Pair::start("changes_go_both_ways_within_a_second") else { return };
    put(&pair.dovecot, "alice", "INBOX", &letters("a", 1));
    put(&pair.dovecot, "alice", "Lists.rust", &letters("b", 1));
    let running = watching(&pair, None, &[]);
    arrives(&pair.near("Lists.rust"), "b 0");
    // The best of three: what the program can, not what the machine had to do besides.
    let mut times: Vec<Duration> =
        ["x", "y", "z"].iter().map(|name| goes_both_ways(&pair, name)).collect();
    times.sort();
    eprintln!("both ways within {times:?}");
    assert!(times[0] < SOON, "{times:?}");
    // In a folder that is not the INBOX, and one that is made meanwhile.
    let mut other = pair.other();
    other.append("Lists/rust", "", b"Subject: elsewhere\r\n\r\nx\r\n");
    arrives(&pair.near("Lists.rust"), "elsewhere");
    other.command("CREATE Later");
    other.append("Later", "", b"Subject: later\r\n\r\nx\r\n");
    arrives(&pair.near("Later"), "later");
    // Flags and deletions.
    other.select("INBOX");
    other.command("STORE 1 +FLAGS (\\Flagged)");
    wait_for("the flag", PATIENCE, || {
        let files = super::mail::maildir_files(&pair.near("INBOX"));
        files.iter().any(|path| super::mail::maildir_flags(path).contains('F')).then_some(())
    });
    let count = pair.dovecot.messages("alice", "INBOX").len();
    let path = super::mail::maildir_files(&pair.near("INBOX")).pop().expect("a message");
    std::fs::remove_file(path).expect("deleted");
    wait_for("the deletion", PATIENCE, || {
        (pair.dovecot.messages("alice", "INBOX").len() == count - 1).then_some(())
    });
    running.terminate();
    let run = running.wait(PATIENCE);
    assert!(run.json_lines().len() >= 8, "a line for each change\n{run}");
}

#[test]
fn without_notify_folders_are_listened_to_one_by_one() {
    let test = "without_notify_folders_are_listened_to_one_by_one";
    let options = super::support::dovecot::Options {
        extra: "imap_capability = IMAP4rev1 LITERAL+ IDLE UIDPLUS MOVE NAMESPACE LIST-EXTENDED\n"
            .to_owned(),
        ..super::support::dovecot::Options::default()
    };
    let Some(dovecot) = super::support::Dovecot::with(test, &options) else { return };
    let pair = Pair { dovecot, home: super::support::Home::new() };
    put(&pair.dovecot, "alice", "INBOX", &letters("a", 1));
    put(&pair.dovecot, "alice", "Lists.rust", &letters("b", 1));
    let running = watching(&pair, None, &[]);
    let mut times: Vec<Duration> =
        ["x", "y", "z"].iter().map(|name| goes_both_ways(&pair, name)).collect();
    times.sort();
    eprintln!("both ways within {times:?}");
    assert!(times[0] < SOON, "{times:?}");
    pair.other().append("Lists/rust", "", b"Subject: elsewhere\r\n\r\nx\r\n");
    arrives(&pair.near("Lists.rust"), "elsewhere");
    running.terminate();
    running.wait(PATIENCE);
}

#[test]
fn a_server_that_restarts_is_found_again() {
    let Some(mut pair) = Pair::start("a_server_that_restarts_is_found_again") else { return };
    put(&pair.dovecot, "alice", "INBOX", &letters("a", 1));
    let running = watching(&pair, None, &[]);
    goes_both_ways(&pair, "before");
    pair.dovecot.restart();
    goes_both_ways(&pair, "after");
    running.terminate();
    let run = running.wait(PATIENCE);
    assert!(run.errors().contains("trying again in"), "{run}");
}

#[test]
fn a_process_that_was_stopped_goes_on() {
    let Some(mut pair) = Pair::start("a_process_that_was_stopped_goes_on") else { return };
    put(&pair.dovecot, "alice", "INBOX", &letters("a", 1));
    let running = watching(&pair, None, &[]);
    goes_both_ways(&pair, "before");
    let pid = Pid::from_raw(running.id()).expect("it runs");
    kill_process(pid, Signal::STOP).expect("it runs");
    // What happens meanwhile on both sides, the end of its sessions among it.
    pair.dovecot.restart();
    pair.other().append("INBOX", "", b"Subject: meanwhile-far\r\n\r\nx\r\n");
    deliver(&pair.near("INBOX"), "meanwhile-near");
    kill_process(pid, Signal::CONT).expect("it runs");
    arrives(&pair.near("INBOX"), "meanwhile-far");
    arrives(&pair.far("INBOX"), "meanwhile-near");
    goes_both_ways(&pair, "after");
    running.terminate();
    running.wait(PATIENCE);
}

/// A network between client and server that can be cut: no end is told, nothing comes through.
struct Network {
    port: u16,
    is_cut: Arc<AtomicBool>,
    made: Arc<AtomicU32>,
}

impl Network {
    fn to(server: u16) -> Network {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let (is_cut, made) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let (cut, count) = (is_cut.clone(), made.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) else {
                    continue;
                };
                // A connection that was cut once stays dead, as behind a router that forgot it.
                let dead = Arc::new(AtomicBool::new(false));
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone(), to.try_clone());
                    let (Ok(from), Ok(to)) = (from, to) else { continue };
                    let (cut, dead) = (cut.clone(), dead.clone());
                    std::thread::spawn(move || relay(from, to, &cut, &dead));
                }
            }
        });
        Network { port, is_cut, made }
    }

    fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
    }

    fn mend(&self) {
        self.is_cut.store(false, Ordering::SeqCst);
    }
}

fn relay(mut from: TcpStream, mut to: TcpStream, cut: &AtomicBool, dead: &AtomicBool) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(octets @ 1..) = from.read(&mut buffer) {
        if cut.load(Ordering::SeqCst) {
            dead.store(true, Ordering::SeqCst);
        }
        if !dead.load(Ordering::SeqCst) && to.write_all(&buffer[..octets]).is_err() {
            break;
        }
    }
    if !dead.load(Ordering::SeqCst) {
        let _ = to.shutdown(Shutdown::Write);
    }
}

#[test]
fn a_network_that_was_cut_is_used_again() {
    let Some(pair) = Pair::start("a_network_that_was_cut_is_used_again") else { return };
    put(&pair.dovecot, "alice", "INBOX", &letters("a", 1));
    let network = Network::to(pair.dovecot.imaps);
    let running = watching(&pair, Some(network.port), &["--timeout", "1"]);
    goes_both_ways(&pair, "before");
    network.cut();
    pair.other().append("INBOX", "", b"Subject: meanwhile-far\r\n\r\nx\r\n");
    deliver(&pair.near("INBOX"), "meanwhile-near");
    // It notices, and tries in vain.
    let before = network.made.load(Ordering::SeqCst);
    wait_for("another attempt", PATIENCE, || {
        (network.made.load(Ordering::SeqCst) > before).then_some(())
    });
    assert!(!subjects(&pair.near("INBOX")).contains(&"meanwhile-far".to_owned()));
    network.mend();
    arrives(&pair.near("INBOX"), "meanwhile-far");
    arrives(&pair.far("INBOX"), "meanwhile-near");
    goes_both_ways(&pair, "after");
    running.terminate();
    let run = running.wait(PATIENCE);
    assert!(run.errors().contains("trying again in"), "{run}");
    let mut all = subjects(&pair.near("INBOX"));
    let far = subjects(&pair.far("INBOX"));
    assert_eq!(all, far, "{run}");
    all.dedup();
    assert_eq!(all.len(), far.len(), "a message is there twice\n{run}");
}
