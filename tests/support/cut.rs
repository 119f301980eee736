//! A proxy that cuts connections after so many octets, and notes what went by.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::mail::Random;
use super::{PATIENCE, full};

/// Which way the octets go that are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    ToServer,
    ToClient,
}

/// A proxy before a server, which cuts each connection after so many octets one way.
pub struct Cut {
    pub port: u16,
    record: Arc<Record>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Record {
    is_over: AtomicBool,
    /// All that clients wrote, and what of it came to the server.
    client: Mutex<Vec<u8>>,
    /// All that the server wrote, and how much of it came to the client.
    server: Mutex<Vec<u8>>,
    to_client: Mutex<usize>,
}

impl Cut {
    pub fn before(server: u16, way: Way, octets: usize) -> Cut {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let record = Arc::new(Record::default());
        let shared = Arc::clone(&record);
        let thread = std::thread::spawn(move || {
            let mut all = Vec::new();
            while let Ok((client, _)) = listener.accept() {
                if shared.is_over.load(Ordering::SeqCst) {
                    break;
                }
                let shared = Arc::clone(&shared);
                all.push(std::thread::spawn(move || {
                    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) else {
                        return;
                    };
                    relay(&client, &server, way, octets, &shared);
                }));
            }
            for one in all {
                let _ = one.join();
            }
        });
        Cut { port, record, thread: Some(thread) }
    }

    /// Waits until the server has read all that it gets and hung up, and gives what went by.
    pub fn finish(mut self) -> Passed {
        self.end();
        let take = |octets: &Mutex<Vec<u8>>| {
            octets.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
        };
        let (client, server) = (take(&self.record.client), take(&self.record.server));
        let came = *self.record.to_client.lock().unwrap_or_else(|broken| broken.into_inner());
        let to_client = server[..came.min(server.len())].to_vec();
        Passed { client, server, to_client }
    }

    fn end(&mut self) {
        self.record.is_over.store(true, Ordering::SeqCst);
        // Wakes the accept.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        self.end();
    }
}

/// What went by a proxy.
pub struct Passed {
    /// Written by the client, whether or not it came to the server.
    pub client: Vec<u8>,
    /// Written by the server, whether or not it came to the client.
    pub server: Vec<u8>,
    /// Of that, what came.
    pub to_client: Vec<u8>,
}

/// Copies both ways until the limit, then tells both that the other has gone, and goes on
/// reading so that all that was written is known.
fn relay(client: &TcpStream, server: &TcpStream, way: Way, limit: usize, record: &Record) {
    for stream in [client, server] {
        let _ = stream.set_read_timeout(Some(PATIENCE));
        let _ = stream.set_nodelay(true);
    }
    let is_cut = AtomicBool::new(false);
    let cut = || {
        is_cut.store(true, Ordering::SeqCst);
        let _ = client.shutdown(Shutdown::Write);
        let _ = server.shutdown(Shutdown::Write);
    };
    let pump = |mut from: &TcpStream, mut to: &TcpStream, here: Way| {
        let mut passed = 0;
        let mut buffer = [0; 4096];
        if here == way && limit == 0 {
            cut();
        }
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            let log = if here == Way::ToServer { &record.client } else { &record.server };
            let mut log = log.lock().unwrap_or_else(|broken| broken.into_inner());
            log.extend_from_slice(&buffer[..read]);
            drop(log);
            if is_cut.load(Ordering::SeqCst) {
                continue;
            }
            let may = if here == way { read.min(limit - passed) } else { read };
            let written = to.write_all(&buffer[..may]);
            passed += may;
            if here == Way::ToClient && written.is_ok() {
                *record.to_client.lock().unwrap_or_else(|broken| broken.into_inner()) += may;
            }
            if here == way && passed == limit {
                cut();
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| pump(client, server, Way::ToServer));
        pump(server, client, Way::ToClient);
    });
}

/// The places to cut at: all of them up to 2000 in the long form, else some that the
/// generator chooses and the last few, where it matters most.
pub fn places(random: &mut Random, all: usize, some: usize) -> Vec<usize> {
    if full() {
        return (0..=all.min(2000)).collect();
    }
    let mut chosen: BTreeSet<usize> = (0..some).map(|_| random.below(all)).collect();
    chosen.extend([0, all - 1, all]);
    chosen.into_iter().collect()
}

pub fn holds(octets: &[u8], part: &[u8]) -> bool {
    octets.windows(part.len()).any(|window| window == part)
}
