//! Round trips, counted by a proxy that holds back what passes for 20 ms each way: what the
//! client says before it has heard the answer to what it said before costs nothing more.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use super::support::{Dovecot, Home, Run, Stored, full, mail};
use super::{MARCH, copied, letters, nothing, put};

/// Held back each way.
const DELAY: Duration = Duration::from_millis(20);

/// Which way octets went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    ToServer,
    ToClient,
}

/// A proxy that delays, and keeps account of who spoke behind whom.
struct Slow {
    port: u16,
    /// For each connection, the turns in which somebody spoke.
    turns: Arc<Mutex<Vec<Vec<Way>>>>,
}

impl Slow {
    fn before(server: u16) -> Slow {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let turns: Arc<Mutex<Vec<Vec<Way>>>> = Arc::default();
        let all = Arc::clone(&turns);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) else {
                    continue;
                };
                let number = {
                    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                    all.push(Vec::new());
                    all.len() - 1
                };
                for (way, from, to) in
                    [(Way::ToServer, &client, &server), (Way::ToClient, &server, &client)]
                {
                    let _ = to.set_nodelay(true);
                    let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else { continue };
                    let all = Arc::clone(&all);
                    std::thread::spawn(move || relay(from, to, way, number, &all));
                }
            }
        });
        Slow { port, turns }
    }

    /// How often the client spoke, and was answered before it spoke again, in all connections
    /// together.
    fn trips(&self) -> usize {
        let turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let is_trip = |pair: &&[Way]| pair[0] == Way::ToServer && pair[1] == Way::ToClient;
        turns.iter().map(|turns| turns.windows(2).filter(is_trip).count()).sum()
    }

    fn connections(&self) -> usize {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn forget(&self) {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner).iter_mut().for_each(Vec::clear);
    }
}

fn relay(
    mut from: TcpStream,
    mut to: TcpStream,
    way: Way,
    number: usize,
    turns: &Mutex<Vec<Vec<Way>>>,
) {
    let (sender, waiting) = mpsc::channel::<(Instant, Vec<u8>)>();
    let writer = std::thread::spawn(move || {
        for (due, octets) in waiting {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&octets).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
    let mut buffer = [0; 64 * 1024];
    while let Ok(octets @ 1..) = from.read(&mut buffer) {
        {
            let mut turns = turns.lock().unwrap_or_else(PoisonError::into_inner);
            if turns[number].last() != Some(&way) {
                turns[number].push(way);
            }
        }
        if sender.send((Instant::now() + DELAY, buffer[..octets].to_vec())).is_err() {
            break;
        }
    }
    drop(sender);
    let _ = writer.join();
}

/// A Dovecot behind the proxy, and a Maildir.
struct Behind {
    dovecot: Dovecot,
    slow: Slow,
    home: Home,
}

impl Behind {
    fn start(test: &str) -> Option<Behind> {
        let dovecot = Dovecot::start(test)?;
        let slow = Slow::before(dovecot.imaps);
        Some(Behind { dovecot, slow, home: Home::new() })
    }

    fn sync(&self, options: &[&str]) -> Run {
        self.slow.forget();
        self.home
            .pillarbox(&["sync", &self.dovecot.url("imaps", "alice"), "maildir:near", "--json"])
            .args(options)
            .arg("--connect-to")
            .arg(format!("localhost:{}:127.0.0.1:{}", self.dovecot.imaps, self.slow.port))
            .arg("--ca-file")
            .arg(self.dovecot.ca())
            .password("secret")
            .run()
            .success()
    }
}

#[test]
fn an_unchanged_account_costs_the_same_trips_however_many_folders_it_has() {
    let test = "an_unchanged_account_costs_the_same_trips_however_many_folders_it_has";
    let Some(behind) = Behind::start(test) else { return };
    let text = letters("a", 1);
    let message = Stored { octets: &text[0], flags: "S", received: MARCH };
    let folders = if full() { 200 } else { 40 };
    for number in 1..folders {
        let mailbox = format!("Lists/number {number}");
        behind.dovecot.put(
            "alice",
            &mailbox,
            if number % 10 == 0 { std::slice::from_ref(&message) } else { &[] },
        );
    }
    put(&behind.dovecot, "alice", "INBOX", &letters("b", 5));
    behind.sync(&[]);
    // Indexes are made by now, and all that could be remembered is.
    nothing(&behind.sync(&[]));
    let run = behind.sync(&[]);
    nothing(&run);
    let trips = behind.slow.trips();
    eprintln!("{test}: {trips} round trips for {folders} folders, TLS and login among them");
    // The handshake, the login of three, what the server can do and has, and the goodbye.
    assert!(trips <= 8, "{trips} round trips\n{run}");
}

#[test]
fn what_changed_here_and_there_is_read_in_one_flight() {
    let test = "what_changed_here_and_there_is_read_in_one_flight";
    let Some(behind) = Behind::start(test) else { return };
    let folders: Vec<String> = (0..10).map(|number| format!("folder{number}")).collect();
    for folder in &folders {
        put(&behind.dovecot, "alice", folder, &letters(folder, 3));
    }
    behind.sync(&[]);
    nothing(&behind.sync(&[]));
    for folder in &folders {
        put(&behind.dovecot, "alice", folder, &letters(&format!("{folder} again"), 1));
    }
    let run = behind.sync(&["--connections", "1"]);
    assert_eq!(copied(&run), (10, 0), "{run}");
    let trips = behind.slow.trips();
    eprintln!("{test}: {trips} round trips for news in 10 folders");
    // Two more than where nothing is new: what has changed, and the messages.
    assert!(trips <= 10, "{trips} round trips\n{run}");
    nothing(&behind.sync(&[]));
}

#[test]
fn a_full_pull_waits_for_no_round_trips() {
    let test = "a_full_pull_waits_for_no_round_trips";
    let Some(behind) = Behind::start(test) else { return };
    let count = if full() { 10_000 } else { 600 };
    put(&behind.dovecot, "alice", "INBOX", &letters("many", count));
    let run = behind.sync(&[]);
    assert_eq!(copied(&run), (count as u64, 0), "{run}");
    let trips = behind.slow.trips();
    eprintln!("{test}: the client spoke {trips} times for {count} messages");
    // Beside what every run costs, a command for 256 messages; three are asked ahead.
    assert!(trips <= 12 + count.div_ceil(256), "{trips}\n{run}");
    assert_eq!(mail::maildir_files(&behind.home.path().join("near")).len(), count);
}

#[test]
fn folders_are_worked_on_by_several_connections() {
    let test = "folders_are_worked_on_by_several_connections";
    let Some(behind) = Behind::start(test) else { return };
    for number in 0..4 {
        put(
            &behind.dovecot,
            "alice",
            &format!("folder{number}"),
            &letters(&format!("f{number}"), 70),
        );
    }
    let run = behind.sync(&["--connections", "3"]);
    assert_eq!(copied(&run), (280, 0), "{run}");
    assert_eq!(behind.slow.connections(), 3, "{run}");
    let run = behind.sync(&["--connections", "3"]);
    nothing(&run);
    assert_eq!(behind.slow.connections(), 4, "one is enough for nothing\n{run}");
    // A server that allows no more than one: it does all.
    let options = super::support::dovecot::Options {
        extra: "protocol imap {\n  mail_max_userip_connections = 1\n}\n".to_owned(),
        ..super::support::dovecot::Options::default()
    };
    let Some(narrow) = Dovecot::with(test, &options) else { return };
    for number in 0..2 {
        put(&narrow, "alice", &format!("folder{number}"), &letters(&format!("f{number}"), 70));
    }
    let home = Home::new();
    let run = home
        .pillarbox(&["sync", &narrow.url("imaps", "alice"), "maildir:near", "--json"])
        .args(["--connections", "4"])
        .arg("--ca-file")
        .arg(narrow.ca())
        .password("secret")
        .run()
        .success();
    assert_eq!(copied(&run), (140, 0), "{run}");
    assert!(narrow.log().contains("Maximum number of connections"), "{}", narrow.log());
}
