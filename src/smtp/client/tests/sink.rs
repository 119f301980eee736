//! smtp-sink, Postfix's own test server.

use super::*;

/// smtp-sink is Postfix's own test server: an independent judge of pipelining and dots.
#[test]
fn smtp_sink_takes_a_thousand_messages() {
    let Some(sink) = Sink::start(&[]) else {
        println!("skipped: smtp-sink is not installed");
        return;
    };
    run(async {
        let mut client = sink.connect(&options()).await;
        assert!(client.capabilities().pipelining);
        let (mut pushed, mut delivered) = (0, 0);
        while delivered < 1000 {
            if pushed < 1000 && client.has_room() {
                let body = Memory::new("Subject: x\n\n.\n..\nhello\n");
                client.push(submission(&["a@y"]), Box::new(body)).await.unwrap();
                pushed += 1;
                continue;
            }
            let outcome = client.outcome().await.unwrap();
            assert!(outcome.is_delivered(), "{outcome:?}");
            delivered += 1;
        }
        let large = "0123456789abcdef\n".repeat(500_000);
        let outcome =
            client.submit(submission(&["a@y", "b@y"]), &mut Memory::new(large)).await.unwrap();
        assert!(outcome.is_delivered());
        client.quit().await.unwrap();
    });
}

#[test]
fn smtp_sink_refuses_at_every_stage() {
    for (command, stage) in
        [("mail", Stage::Mail), ("rcpt", Stage::Rcpt), ("data", Stage::Data), (".", Stage::Body)]
    {
        for (flag, fate) in [("-f", Fate::Permanent), ("-r", Fate::Temporary)] {
            let Some(sink) = Sink::start(&[flag, command]) else {
                println!("skipped: smtp-sink is not installed");
                return;
            };
            run(async {
                let mut client = sink.connect(&options()).await;
                let outcome =
                    client.submit(submission(&["a@y"]), &mut Memory::new("hi")).await.unwrap();
                let (is, at, _) = fates(&outcome)[0];
                assert_eq!((is, at), (fate, stage), "{flag} {command}");
                client.noop().await.expect("the session goes on");
            });
        }
    }
}

struct Sink {
    child: std::process::Child,
    port: u16,
}

impl Sink {
    fn start(arguments: &[&str]) -> Option<Self> {
        let program = ["/usr/sbin/smtp-sink", "/usr/lib/postfix/sbin/smtp-sink"]
            .into_iter()
            .find(|path| std::path::Path::new(path).exists())?;
        let port = Self::port();
        let child = std::process::Command::new(program)
            .args(arguments)
            // As root it wants to be told whom to become.
            .args(rustix::process::geteuid().is_root().then_some(["-u", "nobody"]).iter().flatten())
            .args([&format!("127.0.0.1:{port}"), "50"])
            .stderr(std::process::Stdio::null())
            .spawn()
            .ok()?;
        Some(Self { child, port })
    }

    /// smtp-sink cannot choose a port itself. One of those that systems never give by
    /// themselves, and another in each process, so that nobody takes it in between.
    fn port() -> u16 {
        static TRIED: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        loop {
            let tried = TRIED.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let place = std::process::id().wrapping_mul(16).wrapping_add(tried) % 4_000;
            let port = 8_000 + u16::try_from(place).expect("below 4,000");
            if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
                return port;
            }
        }
    }

    async fn connect(&self, options: &Options<'_>) -> Client {
        for _ in 0..200 {
            if let Ok(stream) = tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await {
                let wire = Wire::new(Box::new(stream));
                return Client::open(wire, options).await.expect("opens");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("smtp-sink does not listen");
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
