//! Bad input, and what becomes of it: a table of wrong names, passwords, certificates, servers
//! that break off or talk nonsense, messages, files and configurations.
//!
//! Each row is a command with its exit code and the words that stderr has to say (where it
//! went wrong, and what to do). Of every row it is also asked that nothing panicked, that the
//! password was not printed, that no message stands in `target`, and that nobody took
//! what a name with `..` points at.

mod support;

use std::any::Any;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use support::binary::BINARY;
use support::{
    Dovecot, Home, Imap, Invocation, Leaf, Postfix, Run, Scripted, ServeTest, Step, Stored,
    TlsServer, Twist, args, closed_port, mail,
};

/// The password of every row that does not need a certain one.
const SESAME: &str = "Zq9-open-sesame";

const MESSAGE: &str =
    "From: alice@example.test\r\nTo: bob@example.test\r\nSubject: x\r\n\r\nhello\r\n";

/// What stands around a row: a home, servers that live as long as it.
struct World {
    name: String,
    home: Home,
    kept: Vec<Box<dyn Any>>,
    scripted: Vec<Scripted>,
}

impl World {
    /// The port of a server that says this to everybody.
    fn scripted(&mut self, steps: Vec<Step>) -> u16 {
        let server = Scripted::serve(steps);
        let port = server.port();
        self.scripted.push(server);
        port
    }

    /// Keeps a server until the row is over.
    fn keep<T: 'static>(&mut self, server: T) {
        self.kept.push(Box::new(server));
    }

    fn pillarbox(&self, arguments: &[std::ffi::OsString]) -> Invocation {
        self.home.pillarbox(arguments).password(SESAME)
    }

    /// `sh -c SCRIPT`, in which `$PILLARBOX` is the binary.
    fn shell(&self, script: &str) -> Invocation {
        self.home.command("sh", &["-c", script]).env("PILLARBOX", BINARY).password(SESAME)
    }

    /// Hands [`MESSAGE`] to a scripted server that speaks SMTP without TLS.
    fn send(&mut self, steps: Vec<Step>) -> Invocation {
        let port = self.scripted(steps);
        let via = format!("smtp://localhost:{port}");
        self.pillarbox(args!["send", "--via", via, "--tls", "none"]).stdin(MESSAGE)
    }

    /// Collects from a scripted server that speaks POP3 without TLS.
    fn collect(&mut self, steps: Vec<Step>) -> Invocation {
        let port = self.scripted(steps);
        let url = format!("pop3://alice@localhost:{port}");
        self.pillarbox(args!["fetch", url, "--to", "maildir:target"])
            .arg("--tls")
            .arg("none")
            .arg("--allow-cleartext-password")
    }

    /// Fetches from a server that speaks IMAP without TLS, badly.
    fn fetch(&mut self, path: &str, server: Imap) -> Invocation {
        let url = format!("imap://alice@localhost:{}{path}", server.port);
        self.keep(server);
        self.pillarbox(args!["fetch", url, "--to", "maildir:target"])
            .arg("--tls")
            .arg("none")
            .arg("--allow-cleartext-password")
    }
}

type Arrange = Box<dyn Fn(&mut World) -> Option<Invocation>>;
type Check = Box<dyn Fn(&World, &Run)>;

/// One case.
struct Row {
    name: String,
    codes: Vec<i32>,
    says: Vec<String>,
    arrange: Arrange,
    check: Check,
    fills_target: bool,
}

/// A row whose command can always be had.
fn row(
    name: &str,
    code: i32,
    says: &[&str],
    arrange: impl Fn(&mut World) -> Invocation + 'static,
) -> Row {
    with_peer(name, code, says, move |world| Some(arrange(world)))
}

/// A row that needs somebody else's program; `None`: it is missing, and that has been said.
fn with_peer(
    name: &str,
    code: i32,
    says: &[&str],
    arrange: impl Fn(&mut World) -> Option<Invocation> + 'static,
) -> Row {
    Row {
        name: name.to_owned(),
        codes: vec![code],
        says: says.iter().map(|words| (*words).to_owned()).collect(),
        arrange: Box::new(arrange),
        check: Box::new(|_, _| ()),
        fills_target: false,
    }
}

impl Row {
    /// Another code is right, too: who answers first is not ours to say.
    fn or(mut self, code: i32) -> Row {
        self.codes.push(code);
        self
    }

    /// More to be looked at when the command has ended.
    fn also(mut self, check: impl Fn(&World, &Run) + 'static) -> Row {
        self.check = Box::new(check);
        self
    }

    /// What was whole before the trouble stays in `target`.
    fn fills_target(mut self) -> Row {
        self.fills_target = true;
        self
    }
}

/// Runs every row, and tells of all that are wrong together.
fn play(rows: Vec<Row>) {
    let mut wrong = Vec::new();
    for row in rows {
        let attempt = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| play_one(&row)));
        if attempt.is_err() {
            wrong.push(row.name);
        }
    }
    assert!(wrong.is_empty(), "{} rows are wrong (see above): {wrong:#?}", wrong.len());
}

fn play_one(row: &Row) {
    let mut world =
        World { name: row.name.clone(), home: Home::new(), kept: Vec::new(), scripted: Vec::new() };
    let Some(invocation) = (row.arrange)(&mut world) else { return };
    let run = invocation.run();
    let name = &row.name;
    let is_expected = run.code.is_some_and(|code| row.codes.contains(&code));
    assert!(is_expected, "{name}: expected exit code {:?}:\n{run}", row.codes);
    // What becomes of recipients stands on stdout, all else on stderr.
    let said = format!("{}\n{}", run.errors(), String::from_utf8_lossy(&run.stdout));
    let lower = said.to_lowercase();
    for words in &row.says {
        assert!(lower.contains(&words.to_lowercase()), "{name}: nobody says {words:?}:\n{run}");
    }
    assert!(!lower.contains("panicked"), "{name}:\n{run}");
    for secret in [SESAME.to_owned(), mail::base64(SESAME.as_bytes())] {
        assert!(!said.contains(&secret), "{name}: the password is printed:\n{run}");
    }
    if !row.fills_target {
        let left = message_files(&world.home.path().join("target"));
        assert!(left.is_empty(), "{name}: left in the target: {left:?}\n{run}");
    }
    let escaped = world.home.path().parent().is_some_and(|root| root.join("evil").exists());
    assert!(!escaped && !world.home.path().join("evil").exists(), "{name}: out of the target");
    for server in &world.scripted {
        assert_eq!(server.surprises(), Vec::<String>::new(), "{name}:\n{run}");
    }
    (row.check)(&world, &run);
}

/// The files with messages below a folder or at a path, temporary ones too.
fn message_files(path: &Path) -> Vec<std::path::PathBuf> {
    if path.is_file() {
        let is_empty = path.metadata().is_ok_and(|facts| facts.len() == 0);
        return if is_empty { Vec::new() } else { vec![path.to_owned()] };
    }
    let Ok(entries) = std::fs::read_dir(path) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
        let place = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if entry.is_dir() {
            found.extend(message_files(&entry));
        } else if ["cur", "new", "tmp"].iter().any(|part| path.ends_with(part))
            || place.ends_with(".eml")
        {
            found.push(entry);
        }
    }
    found
}

// ---- names, ports ---------------------------------------------------------------------------

fn names_and_ports() -> Vec<Row> {
    let mut rows = Vec::new();
    for (verb, scheme) in [("send", "smtp"), ("fetch", "pop3s"), ("fetch", "imaps")] {
        // .invalid never exists (RFC 6761 section 6.4); a machine without a resolver says so.
        rows.push(
            row(&format!("{scheme}: a host that does not exist"), 68, &["nowhere.invalid"], {
                move |world| {
                    let url = format!("{scheme}://alice@nowhere.invalid");
                    to_or_from(world, verb, &url)
                }
            })
            .or(75),
        );
        rows.push(row(
            &format!("{scheme}: a port where nobody listens"),
            75,
            &["cannot connect to localhost port", "connection refused", "hint:"],
            move |world| {
                let url = format!("{scheme}://alice@localhost:{}", closed_port());
                to_or_from(world, verb, &url)
            },
        ));
    }
    rows.push(row("lmtp: a socket that is not there", 75, &["no-such.sock"], move |world| {
        world.pillarbox(args!["send", "--via", "lmtp:///no-such.sock"]).stdin(MESSAGE)
    }));
    rows
}

fn to_or_from(world: &World, verb: &str, url: &str) -> Invocation {
    match verb {
        "send" => world.pillarbox(args!["send", "--via", url]).stdin(MESSAGE),
        _ => world.pillarbox(args!["fetch", url, "--to", "maildir:target"]),
    }
}

// ---- certificates ---------------------------------------------------------------------------

fn certificates() -> Vec<Row> {
    let mut rows = Vec::new();
    let leaves = [
        (Leaf::Expired, true, "the certificate of localhost has expired"),
        (Leaf::NotYet, true, "the certificate of localhost is not valid yet"),
        (Leaf::WrongHost, true, "the certificate is not for localhost"),
        (Leaf::SelfSigned, true, "the certificate of localhost is not from a trusted authority"),
        // Good, but nobody named its authority.
        (Leaf::Good, false, "the certificate of localhost is not from a trusted authority"),
    ];
    for (leaf, is_trusted, words) in leaves {
        for backend in ["rustls", "native"] {
            for scheme in ["smtps", "imaps", "pop3s"] {
                let name = format!("{scheme}, {backend}: certificate {leaf:?}");
                rows.push(with_peer(&name, 84, &[words, "hint:"], move |world| {
                    let server = TlsServer::start(&world.name, leaf, &[])?;
                    let ca = server.authority.certificate();
                    let mut command = over_tls(world, scheme, server.port, backend);
                    if is_trusted {
                        command = command.arg("--ca-file").arg(ca);
                    }
                    world.keep(server);
                    Some(command)
                }));
            }
        }
    }
    for backend in ["rustls", "native"] {
        let name = format!("{backend}: another key than the pinned one");
        let says = ["the key of localhost is not the pinned one", "hint:", "--pin sha256:"];
        rows.push(with_peer(&name, 84, &says, move |world| {
            let server = TlsServer::start(&world.name, Leaf::Good, &[])?;
            let pin = format!("sha256:{}", "0f".repeat(32));
            let command = over_tls(world, "imaps", server.port, backend).arg("--pin").arg(pin);
            world.keep(server);
            Some(command)
        }));
        let name = format!("{backend}: no version of TLS in common");
        let says = ["no TLS with localhost", "version", "hint:"];
        rows.push(with_peer(&name, 84, &says, move |world| {
            let old = ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"];
            let server = TlsServer::start(&world.name, Leaf::Good, &old)?;
            let ca = server.authority.certificate();
            let command = over_tls(world, "pop3s", server.port, backend).arg("--ca-file").arg(ca);
            world.keep(server);
            Some(command)
        }));
        let name = format!("{backend}: a port that does not speak TLS");
        rows.push(row(&name, 84, &["does not speak TLS", "hint:", "--tls"], move |world| {
            let port = world.scripted(vec![Step::line("220 plain")]);
            over_tls(world, "smtps", port, backend)
        }));
    }
    let file = |name: &str, code, says: &[&str], option: &'static str, content: &'static str| {
        row(name, code, says, move |world| {
            if !content.is_empty() {
                world.home.write("file.pem", content);
            }
            world.pillarbox(args!["fetch", "pop3s://alice@localhost:1", option, "file.pem"])
        })
    };
    rows.push(file("--ca-file that is not there", 66, &["cannot read file.pem"], "--ca-file", ""));
    rows.push(file("--ca-file without a certificate", 78, &["file.pem"], "--ca-file", "no PEM\n"));
    rows.push(file("--client-cert that is not there", 66, &["file.pem"], "--client-cert", ""));
    rows.push(row("a pin that is none", 64, &["\"sha256:00\" is no pin", "hint:"], |world| {
        world.pillarbox(args!["fetch", "pop3s://alice@localhost:1", "--pin", "sha256:00"])
    }));
    rows
}

fn over_tls(world: &World, scheme: &str, port: u16, backend: &str) -> Invocation {
    let command = match scheme {
        "smtps" => {
            let via = format!("smtps://alice@localhost:{port}");
            world.pillarbox(args!["send", "--via", via]).stdin(MESSAGE)
        }
        _ => {
            let url = format!("{scheme}://alice@localhost:{port}");
            world.pillarbox(args!["fetch", url, "--to", "maildir:target"])
        }
    };
    // The server is one that says nothing after the handshake, should it be let through.
    command.arg("--tls-backend").arg(backend).arg("--timeout").arg("5")
}

// ---- STARTTLS -------------------------------------------------------------------------------

fn starttls() -> Vec<Row> {
    let smtp = |steps: Vec<Step>| {
        move |world: &mut World| {
            let via = format!("smtp://alice@localhost:{}", world.scripted(steps.clone()));
            world.pillarbox(args!["send", "--via", via]).stdin(MESSAGE)
        }
    };
    let pop = |steps: Vec<Step>| {
        move |world: &mut World| {
            let url = format!("pop3://alice@localhost:{}", world.scripted(steps.clone()));
            world.pillarbox(args!["fetch", url, "--to", "maildir:target"])
        }
    };
    let imap = |steps: Vec<Step>| {
        move |world: &mut World| {
            let url = format!("imap://alice@localhost:{}/INBOX", world.scripted(steps.clone()));
            world.pillarbox(args!["fetch", url, "--to", "maildir:target"])
        }
    };
    let no_password = |world: &World, _: &Run| {
        for server in &world.scripted {
            assert!(!server.heard(SESAME.as_bytes()), "{}", world.name);
            assert!(!server.heard(mail::base64(SESAME.as_bytes()).as_bytes()), "{}", world.name);
            let encoded = mail::base64(format!("\0alice\0{SESAME}").as_bytes());
            assert!(!server.heard(encoded.as_bytes()), "{}", world.name);
        }
    };
    let ehlo = |offers: &str| {
        vec![
            Step::line("220 mx.test ESMTP"),
            Step::Expect("EHLO"),
            Step::Send(format!("250-mx.test\r\n{offers}250 SIZE\r\n").into_bytes()),
        ]
    };
    let capa = |offers: &str| {
        vec![
            Step::line("+OK ready"),
            Step::Expect("CAPA"),
            Step::Send(format!("+OK\r\nUSER\r\n{offers}.\r\n").into_bytes()),
        ]
    };
    let with = |mut steps: Vec<Step>, more: Vec<Step>| {
        steps.extend(more);
        steps
    };
    let go = || vec![Step::Expect("STARTTLS"), Step::Send(b"220 go\r\n250 injected\r\n".to_vec())];
    let stls = || vec![Step::Expect("STLS"), Step::Send(b"+OK go\r\n+OK injected\r\n".to_vec())];
    let missing = ["does not offer STARTTLS", "no password"];
    let injected = ["plaintext", "injecting"];
    vec![
        row("smtp: no STARTTLS", 84, &missing, smtp(ehlo(""))).also(no_password),
        row("pop3: no STLS", 84, &["does not offer STLS", "no password"], pop(capa("")))
            .also(no_password),
        row(
            "imap: no STARTTLS",
            84,
            &missing,
            imap(vec![Step::line("* OK [CAPABILITY IMAP4rev1] ready")]),
        )
        .also(no_password),
        row(
            "imap: PREAUTH, which leaves no place for STARTTLS",
            84,
            &["logged in already"],
            imap(vec![Step::line("* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hi")]),
        ),
        row(
            "smtp: plaintext behind the go-ahead",
            76,
            &injected,
            smtp(with(ehlo("250-STARTTLS\r\n"), go())),
        )
        .also(no_password),
        row(
            "pop3: plaintext behind the go-ahead",
            76,
            &injected,
            pop(with(capa("STLS\r\n"), stls())),
        )
        .also(no_password),
        row(
            // In one packet, so its tag cannot be copied: `a1` is what the client begins with.
            "imap: plaintext behind the go-ahead",
            76,
            &injected,
            imap(vec![
                Step::line("* OK [CAPABILITY IMAP4rev1 STARTTLS] ready"),
                Step::Expect("STARTTLS"),
                Step::Send(b"a1 OK go\r\n* OK [CAPABILITY IMAP4rev1] injected\r\n".to_vec()),
            ]),
        )
        .also(no_password),
        row(
            "smtp: STARTTLS refused for now",
            75,
            &["starttls", "454"],
            smtp(with(
                ehlo("250-STARTTLS\r\n"),
                vec![Step::Expect("STARTTLS"), Step::line("454 not now")],
            )),
        )
        .also(no_password),
        row("smtp: hangs up instead of a handshake", 75, &["starttls", "closed"], {
            smtp(with(
                ehlo("250-STARTTLS\r\n"),
                vec![Step::Expect("STARTTLS"), Step::line("220 go")],
            ))
        })
        .or(84)
        .also(no_password),
        row("pop3: a password over a connection without TLS", 77, &["no password was sent"], {
            move |world: &mut World| {
                let steps = capa("");
                let url = format!("pop3://alice@localhost:{}", world.scripted(steps));
                world.pillarbox(args!["fetch", url, "--tls", "none", "--to", "maildir:target"])
            }
        })
        .also(no_password),
    ]
}

// ---- SMTP servers that break off ------------------------------------------------------------

/// A dialogue without TLS up to and with the reply to a step.
fn smtp_until(step: &str) -> Vec<Step> {
    let all = [
        ("greeting", vec![Step::line("220 mx.test ESMTP")]),
        ("ehlo", vec![Step::Expect("EHLO"), Step::line("250 mx.test")]),
        ("mail", vec![Step::Expect("MAIL FROM:<alice@example.test>"), Step::line("250 ok")]),
        ("rcpt", vec![Step::Expect("RCPT TO:<bob@example.test>"), Step::line("250 ok")]),
        ("data", vec![Step::Expect("DATA"), Step::line("354 go")]),
        ("dot", vec![Step::ReadTo("."), Step::line("250 taken")]),
    ];
    let mut steps = Vec::new();
    for (name, more) in all {
        steps.extend(more);
        if name == step {
            break;
        }
    }
    steps
}

/// The same, but the server reads the next line and goes without an answer to it.
fn smtp_silent_after(step: &str, reads: Step) -> Vec<Step> {
    let mut steps = smtp_until(step);
    steps.push(reads);
    steps
}

fn smtp_servers() -> Vec<Row> {
    let closed = "closed by the other side";
    let mut rows = vec![
        row("smtp: hangs up at once", 75, &["greeting", closed], |world| world.send(Vec::new())),
        row("smtp: hangs up after EHLO", 75, &["ehlo", closed], |world| {
            world.send(smtp_silent_after("greeting", Step::Expect("EHLO")))
        }),
        row("smtp: hangs up after MAIL", 75, &["temporary\tbob@example.test\tmail", closed], |w| {
            w.send(smtp_silent_after("ehlo", Step::Expect("MAIL")))
        }),
        row("smtp: hangs up after RCPT", 75, &["temporary\tbob@example.test\trcpt", closed], |w| {
            w.send(smtp_silent_after("mail", Step::Expect("RCPT")))
        }),
        row("smtp: hangs up after DATA", 75, &["temporary\tbob@example.test\tdata", closed], |w| {
            w.send(smtp_silent_after("rcpt", Step::Expect("DATA")))
        }),
        row(
            "smtp: hangs up after the final dot",
            80,
            &["unknown\tbob@example.test", closed],
            |w| w.send(smtp_silent_after("data", Step::ReadTo("."))),
        ),
        row("smtp: stalls after the final dot", 80, &["unknown\tbob@example.test"], |world| {
            let mut steps = smtp_silent_after("data", Step::ReadTo("."));
            steps.push(Step::Stall);
            world.send(steps).arg("--timeout").arg("1")
        }),
        row("smtp: stalls at the greeting", 75, &["greeting", "no answer within 1 s"], |world| {
            world.send(vec![Step::Stall]).arg("--timeout").arg("1")
        }),
        row("smtp: the whole run takes too long", 75, &["no end within 1 s"], |world| {
            world.send(vec![Step::Stall]).arg("--deadline").arg("1")
        }),
        row("smtp: a greeting of another protocol", 76, &["greeting", "broke the protocol"], |w| {
            w.send(vec![Step::line("* OK [CAPABILITY IMAP4rev1] I am not SMTP")])
        }),
        row("smtp: a greeting of octets", 76, &["greeting", "broke the protocol"], |world| {
            world.send(vec![Step::Send(b"\x00\x01\xff\xfe\r\n".to_vec())])
        }),
        row(
            "smtp: a reply without a code",
            75,
            &["mail: the server broke the protocol"],
            |world| {
                let mut steps = smtp_silent_after("ehlo", Step::Expect("MAIL"));
                steps.push(Step::line("2xx what"));
                world.send(steps)
            },
        )
        .or(76),
        row("smtp: refuses everybody at the greeting", 69, &["greeting", "554 go away"], |world| {
            world.send(vec![Step::line("554 go away")])
        }),
        row("smtp: too busy at the greeting", 75, &["greeting", "421 busy"], |world| {
            world.send(vec![Step::line("421 busy")])
        }),
        row("smtp: an unknown recipient", 67, &["permanent\tbob@example.test", "5.1.1"], |world| {
            let mut steps = smtp_silent_after("mail", Step::Expect("RCPT"));
            steps.push(Step::line("550 5.1.1 nobody of that name"));
            world.send(steps)
        }),
        row("smtp: the message refused", 69, &["permanent\tbob@example.test", "554"], |world| {
            let mut steps = smtp_silent_after("data", Step::ReadTo("."));
            steps.push(Step::line("554 5.7.1 spam"));
            world.send(steps)
        }),
        row("smtp: escape sequences in a reply", 69, &["554"], |world| {
            world.send(vec![Step::line("554 \x1b]0;owned\x07 \x1b[31mred")])
        })
        .or(76)
        .also(|world, run| {
            let is_clean = !run.stderr.contains(&0x1b) && !run.stdout.contains(&0x1b);
            assert!(is_clean, "{}: escape sequences reach the terminal:\n{run}", world.name);
        }),
    ];
    rows.push(
        row("smtp: 100 MB without a line end", 76, &["greeting"], |world| {
            world.send(vec![Step::Repeat(vec![b'x'; 1 << 20], 100)]).within(QUICK)
        })
        .also(is_small),
    );
    rows.push(
        row("smtp: a reply of lines without end", 76, &["ehlo"], |world| {
            let mut steps = smtp_silent_after("greeting", Step::Expect("EHLO"));
            steps.push(Step::Repeat(b"250-again\r\n".repeat(1000), 10_000));
            world.send(steps).within(QUICK)
        })
        .also(is_small),
    );
    rows
}

/// How long what is bounded may take.
const QUICK: Duration = Duration::from_secs(20);

/// What a server said without end was not collected and not printed.
fn is_small(world: &World, run: &Run) {
    let printed = run.stderr.len() + run.stdout.len();
    assert!(printed < 4096, "{}: {printed} octets are printed", world.name);
}

// ---- POP3 servers that break off ------------------------------------------------------------

fn pop_until(step: &str) -> Vec<Step> {
    let capabilities = b"+OK\r\nUSER\r\nUIDL\r\n.\r\n".to_vec();
    let all = [
        ("greeting", vec![Step::line("+OK ready")]),
        ("capa", vec![Step::Expect("CAPA"), Step::Send(capabilities)]),
        ("user", vec![Step::Expect("USER alice"), Step::line("+OK")]),
        ("pass", vec![Step::Expect("PASS"), Step::line("+OK")]),
        ("list", vec![Step::Expect("LIST"), Step::Send(b"+OK\r\n1 22\r\n2 22\r\n.\r\n".to_vec())]),
        ("uidl", vec![Step::Expect("UIDL"), Step::Send(b"+OK\r\n1 aa\r\n2 bb\r\n.\r\n".to_vec())]),
        (
            "one",
            vec![
                Step::Expect("RETR 1"),
                Step::Send(b"+OK\r\nSubject: one\r\n\r\nwhole\r\n.\r\n".to_vec()),
            ],
        ),
    ];
    let mut steps = Vec::new();
    for (name, more) in all {
        steps.extend(more);
        if name == step {
            break;
        }
    }
    steps
}

fn pop_with(step: &str, more: Vec<Step>) -> Vec<Step> {
    let mut steps = pop_until(step);
    steps.extend(more);
    steps
}

fn pop_servers() -> Vec<Row> {
    let closed = "closed by the other side";
    let refuse = |text: &'static str| vec![Step::Expect("PASS"), Step::line(text)];
    let half = b"+OK\r\nSubject: two\r\n\r\nonly ha".to_vec();
    vec![
        row("pop3: hangs up at once", 75, &["greeting", closed], |world| world.collect(Vec::new())),
        row("pop3: hangs up after the greeting", 75, &[closed], |world| {
            world.collect(pop_with("greeting", vec![Step::Expect("CAPA")]))
        }),
        row("pop3: hangs up in the login", 75, &["login", closed], |world| {
            world.collect(pop_with("capa", vec![Step::Expect("USER")]))
        }),
        row("pop3: hangs up instead of a list", 75, &["list", closed], |world| {
            world.collect(pop_with("pass", vec![Step::Expect("LIST")]))
        }),
        row("pop3: hangs up within a list", 75, &["list", closed], |world| {
            let start = Step::Send(b"+OK\r\n1 22\r\n".to_vec());
            world.collect(pop_with("pass", vec![Step::Expect("LIST"), start]))
        }),
        row("pop3: hangs up within the first message", 75, &["retr", closed], {
            let half = half.clone();
            move |world: &mut World| {
                let more = vec![Step::Expect("RETR 1"), Step::Send(half.clone())];
                world.collect(pop_with("uidl", more))
            }
        }),
        row("pop3: hangs up within the second message", 75, &["retr", closed], {
            move |world: &mut World| {
                let more = vec![Step::Expect("RETR 2"), Step::Send(half.clone())];
                world.collect(pop_with("one", more))
            }
        })
        .fills_target()
        .also(|world, run| {
            let files = message_files(&world.home.path().join("target"));
            assert_eq!(files.len(), 1, "the first was whole, and only it:\n{run}");
            let content = std::fs::read(&files[0]).expect("a message can be read");
            assert_eq!(content, b"Subject: one\n\nwhole\n", "{run}");
        }),
        row("pop3: a greeting of another protocol", 76, &["greeting", "broke the protocol"], |w| {
            w.collect(vec![Step::line("220 I am SMTP")])
        }),
        row("pop3: a list of words", 76, &["list", "broke the protocol"], |world| {
            let list = Step::Send(b"+OK\r\none two\r\nthree four\r\n.\r\n".to_vec());
            let mut steps = pop_with("pass", vec![Step::Expect("LIST"), list]);
            let ids = Step::Send(b"+OK\r\n1 aa\r\n2 bb\r\n.\r\n".to_vec());
            // Should the client go on: nothing here may let it come to a good end.
            steps.extend([Step::Expect("UIDL"), ids, Step::Expect("QUIT"), Step::line("+OK")]);
            world.collect(steps)
        }),
        row("pop3: -ERR as a greeting", 69, &["greeting", "-ERR not for you"], |world| {
            world.collect(vec![Step::line("-ERR not for you")])
        }),
        row("pop3: a wrong password", 77, &["refused", "-ERR no"], move |world: &mut World| {
            world.collect(pop_with("user", refuse("-ERR no")))
        }),
        row("pop3: the mailbox in use", 75, &["[IN-USE] locked"], move |world: &mut World| {
            world.collect(pop_with("user", refuse("-ERR [IN-USE] locked")))
        }),
        row("pop3: stalls", 75, &["no answer within 1 s"], |world| {
            let steps = pop_with("pass", vec![Step::Expect("LIST"), Step::Stall]);
            world.collect(steps).arg("--timeout").arg("1")
        }),
        row("pop3: 100 MB without a line end", 76, &["greeting"], |world| {
            let start = Step::Send(b"+OK ".to_vec());
            let steps = vec![start, Step::Repeat(vec![b'x'; 1 << 20], 100)];
            world.collect(steps).within(QUICK)
        })
        .also(is_small),
        row("pop3: a message of 100 MB without a line end that breaks off", 75, &["retr"], |w| {
            let start = Step::Send(b"+OK\r\nSubject: long\r\n\r\n".to_vec());
            let long = Step::Repeat(vec![b'x'; 1 << 20], 100);
            w.collect(pop_with("uidl", vec![Step::Expect("RETR 1"), start, long]))
        })
        .also(is_small),
    ]
}

// ---- IMAP servers that break off ------------------------------------------------------------

fn imap_servers() -> Vec<Row> {
    let closed = "closed by the other side";
    let breaks = |name: &str, command: &'static str| {
        row(name, 75, &[closed], move |world| {
            world.fetch("/INBOX", Imap::serve(vec![(command, Twist::Break(""))]))
        })
    };
    let answers = |command: &'static str, untagged: &str, done: &'static str| {
        Imap::serve(vec![(command, Twist::Answer(untagged.to_owned(), done))])
    };
    vec![
        // The good case, so that the bad ones are known to fail for their reason.
        row("imap: nothing is wrong", 0, &[], |world| {
            world.fetch("/INBOX", Imap::serve(Vec::new()))
        })
        .fills_target()
        .also(|world, run| {
            let files = message_files(&world.home.path().join("target"));
            assert_eq!(files.len(), 1, "{run}");
        }),
        breaks("imap: hangs up at once", ""),
        breaks("imap: hangs up in the login", "LOGIN"),
        breaks("imap: hangs up at the mailbox", "SELECT"),
        breaks("imap: hangs up before a message", "UID FETCH"),
        row("imap: hangs up within a message", 75, &[closed], |world| {
            let half = "* 1 FETCH (UID 1 FLAGS () BODY[] {1000}\r\nSubject: one\r\n\r\nonly ha";
            world.fetch("/INBOX", Imap::serve(vec![("UID FETCH", Twist::Break(half))]))
        }),
        row("imap: stalls within a message", 75, &["no answer within 1 s"], |world| {
            let server = Imap::serve(vec![("UID FETCH", Twist::Stall)]);
            world.fetch("/INBOX", server).arg("--timeout").arg("1")
        }),
        row("imap: says goodbye at once", 69, &["no more today"], |world| {
            let bye = Twist::Break("* BYE no more today\r\n");
            world.fetch("/INBOX", Imap::serve(vec![("", bye)]))
        })
        .or(75),
        row("imap: a greeting of another protocol", 76, &["broke the protocol"], |world| {
            let other = Twist::Break("+OK I am POP3\r\n");
            world.fetch("/INBOX", Imap::serve(vec![("", other)]))
        }),
        row("imap: nonsense in a response", 76, &["broke the protocol"], |world| {
            let nonsense = Twist::Break("* 1 FETCH (UID one FLAGS \\\r\n");
            world.fetch("/INBOX", Imap::serve(vec![("UID FETCH", nonsense)]))
        }),
        row("imap: 100 MB without a line end", 76, &[], |world| {
            let server = Imap::serve(vec![("", Twist::Flood(100))]);
            world.fetch("/INBOX", server).within(QUICK)
        })
        .also(is_small),
        row("imap: a literal of four gigabytes that is none", 75, &[closed], |world| {
            let big = "* 1 FETCH (UID 1 BODY[] {4294967295}\r\nbut no more";
            let server = Imap::serve(vec![("UID FETCH", Twist::Break(big))]);
            world.fetch("/INBOX", server).within(QUICK)
        })
        .or(76)
        .or(65),
        row("imap: a wrong password", 77, &["refused", "authentication failed"], move |world| {
            let no = answers("LOGIN", "", "NO [AUTHENTICATIONFAILED] authentication failed");
            world.fetch("/INBOX", no)
        }),
        row("imap: try again later", 75, &["[UNAVAILABLE] backend is down"], move |world| {
            world.fetch("/INBOX", answers("LOGIN", "", "NO [UNAVAILABLE] backend is down"))
        }),
        row("imap: a mailbox that does not exist", 66, &["Nope"], move |world| {
            let no = answers("SELECT", "", "NO [NONEXISTENT] no such mailbox");
            world.fetch("/Nope", no)
        })
        .or(69),
        row("imap: a reference from before the mailbox was made anew", 65, &["7", "hint:"], |w| {
            w.fetch("/INBOX;UIDVALIDITY=6/;UID=1", Imap::serve(Vec::new()))
        }),
        row("imap: a message that is gone", 66, &["not there any more"], |world| {
            let none = Twist::Answer(String::new(), "OK done");
            world.fetch("/INBOX/;UID=9", Imap::serve(vec![("UID FETCH", none)]))
        }),
        row("imap: a section that no message has", 64, &["section"], |world| {
            world.fetch("/INBOX", Imap::serve(Vec::new())).arg("--section").arg("1.WHAT")
        })
        .or(65),
        row("imap: escape sequences in a reply", 77, &["refused"], move |world| {
            world.fetch("/INBOX", answers("LOGIN", "", "NO \x1b]0;owned\x07 \x1b[31mno"))
        })
        .also(|world, run| {
            assert!(!run.stderr.contains(&0x1b), "{}: escape sequences:\n{run}", world.name);
        }),
    ]
}

/// A folder that would be outside: its name is data, never a path.
fn folder_names() -> Vec<Row> {
    let names = [
        "../../evil",
        "../evil",
        "/tmp/pbt-evil-folder",
        "a/../../../evil",
        "cur/../../../evil",
        "..",
    ];
    let mut rows = Vec::new();
    for name in names {
        let sync = format!("sync: a server with a folder {name:?}");
        let arrange = move |world: &mut World| {
            let list = format!("* LIST () \"/\" INBOX\r\n* LIST () \"/\" \"{name}\"\r\n");
            let server = Imap::serve(vec![("LIST", Twist::Answer(list, "OK done"))]);
            let url = format!("imap://alice@localhost:{}/", server.port);
            world.keep(server);
            world
                .pillarbox(args!["sync", url, "maildir:target", "--tls", "none"])
                .arg("--allow-cleartext-password")
        };
        // It may be left out, renamed or refused; what counts is where nothing is.
        let outside = |world: &World, run: &Run| {
            let work = world.home.path();
            let root = work.parent().map(Path::to_owned).unwrap_or_default();
            for place in [root.join("evil"), work.join("evil"), "/tmp/pbt-evil-folder".into()] {
                assert!(!place.exists(), "{}: {place:?} was made\n{run}", world.name);
            }
            let above = root.parent().map(|tmp| tmp.join("evil"));
            assert!(!above.is_some_and(|evil| evil.exists()), "{}\n{run}", world.name);
            let beside = ["cur", "new", "tmp"].map(|part| work.join(part));
            assert!(beside.iter().all(|path| !path.exists()), "{}\n{run}", world.name);
        };
        rows.push(row(&sync, 0, &[], arrange).or(73).or(65).fills_target().also(outside));
    }
    rows.push(
        row("fetch: a folder with ../ into a Maildir", 0, &[], |world| {
            world.fetch("/../../evil", Imap::serve(Vec::new()))
        })
        .fills_target(),
    );
    rows
}

// ---- passwords, at real servers -------------------------------------------------------------

fn passwords() -> Vec<Row> {
    let mut rows = Vec::new();
    for scheme in ["imap", "imaps", "pop3", "pop3s"] {
        let name = format!("Dovecot, {scheme}: a wrong password");
        rows.push(with_peer(&name, 77, &["refused"], move |world| {
            let server = Dovecot::start(&world.name)?;
            let command = world
                .pillarbox(args!["fetch", server.url(scheme, "alice"), "--to", "maildir:target"])
                .arg("--ca-file")
                .arg(server.ca());
            server.put("alice", "INBOX", &[stored()]);
            world.keep(server);
            Some(command)
        }));
        let name = format!("serve-test, {scheme}: a wrong password");
        rows.push(row(&name, 77, &["refused"], move |world| {
            let server = ServeTest::start();
            let url = server.url(scheme, Some("alice"));
            let command = world
                .pillarbox(args!["fetch", url, "--to", "maildir:target"])
                .arg("--ca-file")
                .arg(server.ca());
            world.keep(server);
            command
        }));
    }
    for scheme in ["submission", "submissions"] {
        let name = format!("Postfix, {scheme}: a wrong password");
        rows.push(with_peer(&name, 77, &["refused", "535"], move |world| {
            let dovecot = Dovecot::start(&world.name)?;
            let server = Postfix::before(&world.name, &dovecot)?;
            let command = world
                .pillarbox(args!["send", "--via", server.url(scheme, Some("alice"))])
                .arg("--ca-file")
                .arg(server.ca())
                .stdin(MESSAGE);
            world.keep((server, dovecot));
            Some(command)
        }));
        let name = format!("serve-test, {scheme}: a wrong password");
        rows.push(row(&name, 77, &["refused", "535"], move |world| {
            let server = ServeTest::start();
            let via = server.url(scheme, Some("alice"));
            let command = world
                .pillarbox(args!["send", "--via", via])
                .arg("--ca-file")
                .arg(server.ca())
                .stdin(MESSAGE);
            world.keep(server);
            command
        }));
    }
    let nobody = "pop3s://alice@localhost:1";
    rows.extend([
        row(
            "a password command that fails",
            77,
            &["--password-command", "nope", "hint:"],
            move |w| {
                let command = "echo nope >&2; exit 3";
                w.pillarbox(args!["fetch", nobody, "--password-command", command])
            },
        ),
        row(
            "a password command that says nothing",
            77,
            &["empty password", "hint:"],
            move |world| world.pillarbox(args!["fetch", nobody, "--password-command", "true"]),
        ),
        row("a password command that does not exist", 77, &["not found"], move |world| {
            world.pillarbox(args!["fetch", nobody, "--password-command", "no-such-program-here"])
        }),
        row(
            "no password anywhere",
            77,
            &["no password for alice at localhost", "hint:"],
            move |w| w.home.pillarbox(args!["fetch", nobody]),
        ),
        row("a descriptor that is not open", 77, &["--password-fd 77"], move |world| {
            world.pillarbox(args!["fetch", nobody, "--password-fd", "77"])
        }),
        row(
            "a netrc that others can read",
            77,
            &[".netrc", "read or changed by others"],
            move |w| {
                let path = w.home.home().join(".netrc");
                std::fs::write(&path, format!("machine localhost login alice password {SESAME}\n"))
                    .expect("a file of the home can be written");
                let open = std::fs::Permissions::from_mode(0o644);
                std::fs::set_permissions(&path, open).expect("an own file");
                w.home.pillarbox(args!["fetch", nobody])
            },
        ),
        row("no user for a server that wants one", 77, &["no user name", "hint:"], move |world| {
            world.pillarbox(args!["fetch", "pop3s://localhost:1"])
        }),
        row(
            "a mechanism that nobody knows",
            64,
            &["NTLM", "hint:", "SCRAM-SHA-256"],
            move |world| world.pillarbox(args!["fetch", nobody, "--auth", "NTLM"]),
        ),
        row("a password in a URL warns", 75, &["warning: a password inside a URL"], |world| {
            let url = format!("pop3s://alice:{SESAME}@localhost:1");
            world.home.pillarbox(args!["fetch", url])
        }),
    ]);
    rows
}

fn stored() -> Stored<'static> {
    Stored { octets: MESSAGE.as_bytes(), flags: "", received: 1_772_532_000 }
}

// ---- messages -------------------------------------------------------------------------------

fn messages() -> Vec<Row> {
    let refused = |name: &str, code, says: &[&str], message: &'static [u8]| {
        row(name, code, says, move |world| {
            // Nobody listens there: what is wrong with the message is said before.
            world.pillarbox(args!["send", "--via", "smtp://localhost:1"]).stdin(message)
        })
    };
    let header = "From: alice@example.test\r\nTo: bob@example.test\r\n";
    vec![
        refused("a message with a NUL", 65, &["NUL at octet 55", "hint:"], {
            b"From: alice@example.test\r\nTo: bob@example.test\r\n\r\nhello\0\r\n"
        }),
        refused("a message without a header", 65, &["no header", "hint:"], b"just words\n"),
        refused("an empty stdin", 66, &["no message on standard input", "hint:"], b""),
        refused("a message with a broken To", 65, &["hint:"], {
            b"From: alice@example.test\r\nTo: <<bob@example.test\r\n\r\nhello\r\n"
        }),
        refused("a message without recipients", 64, &["no recipient", "hint:"], {
            b"From: alice@example.test\r\n\r\nhello\r\n"
        }),
        refused("a message without a sender", 64, &["no From", "hint:"], {
            b"To: bob@example.test\r\n\r\nhello\r\n"
        }),
        row("a header without end", 65, &["header"], |world| {
            let endless = "X-Field: value\r\n".repeat(150_000);
            world.pillarbox(args!["send", "--via", "smtp://localhost:1"]).stdin(endless)
        }),
        row("a recipient with a line end in it", 64, &["recipient"], |world| {
            let recipient = "bob@example.test\r\nRCPT TO:<eve@example.test>";
            world.pillarbox(args!["send", "--via", "smtp://localhost:1", recipient]).stdin(MESSAGE)
        }),
        row("a header option with a line end in it", 65, &["subject"], |world| {
            let subject = "hi\r\nBcc: eve@example.test";
            world.pillarbox(args![
                "send",
                "--via",
                "smtp://localhost:1",
                "--from",
                "alice@example.test",
                "--subject",
                subject,
                "--body",
                "x",
                "bob@example.test",
            ])
        })
        .or(64),
        row("a bare CR becomes a line end", 0, &["delivered\tbob@example.test"], move |world| {
            let mut steps = smtp_until("dot");
            steps.extend([Step::Expect("QUIT"), Step::line("221 bye")]);
            world.send(steps).stdin(format!("{header}\r\none\rtwo\nthree\r\n"))
        })
        .also(|world, run| {
            let lines = world.scripted[0].lines();
            let at = lines.iter().position(|line| line == "one");
            let behind: Vec<&str> =
                lines.iter().skip(at.unwrap_or(lines.len())).map(String::as_str).collect();
            assert!(behind.starts_with(&["one", "two", "three", "."]), "{lines:?}\n{run}");
        }),
        row("an attachment that is not there", 66, &["no-such-file"], |world| {
            compose(world).arg("--attach").arg("no-such-file")
        }),
        row("an attachment that is a folder", 74, &["cannot read", "directory"], |world| {
            compose(world).arg("--attach").arg("/")
        })
        .or(66),
        row("--to without a message to compose", 64, &["--to", "hint:"], |world| {
            let via = "smtp://localhost:1";
            world.pillarbox(args!["send", "--via", via, "--to", "bob@example.test"]).stdin(MESSAGE)
        }),
    ]
}

fn compose(world: &World) -> Invocation {
    world.pillarbox(args![
        "send",
        "--via",
        "smtp://localhost:1",
        "--from",
        "alice@example.test",
        "--subject",
        "x",
        "--body",
        "x",
        "bob@example.test",
    ])
}

// ---- the command line, references, configuration --------------------------------------------

fn words_and_configuration() -> Vec<Row> {
    let usage = |name: &str, says: &[&str], words: &'static [&'static str]| {
        row(name, 64, says, move |world| {
            let words: Vec<std::ffi::OsString> = words.iter().map(Into::into).collect();
            world.pillarbox(&words)
        })
    };
    let configured = |name: &str, says: &[&str], toml: &'static str, word: &'static str| {
        row(name, 78, says, move |world| {
            world.home.configure(toml);
            world.pillarbox(args!["fetch", word])
        })
    };
    let references = |name: &str, says: &[&str], lines: &'static [u8]| {
        row(name, 65, says, move |world| {
            world.pillarbox(args!["fetch", "-", "--to", "maildir:target"]).stdin(lines)
        })
    };
    let two =
        "[account.home]\nimap = \"imaps://h.test\"\n[account.work]\nimap = \"imaps://w.test\"\n";
    vec![
        usage("no verb", &["Usage"], &[]).also(|_, run| assert!(run.stdout.is_empty(), "{run}")),
        usage("an unknown verb", &["frobnicate"], &["frobnicate"]),
        usage("an unknown option", &["--frobnicate"], &["fetch", "--frobnicate", "x"]),
        usage("an unknown scheme", &["gopher", "imaps", "hint:"], &["fetch", "gopher://x/"]),
        usage("a source that takes mail", &["sent there"], &["fetch", "smtp://localhost/"]),
        usage("a timeout of nothing", &["--timeout"], &["fetch", "--timeout", "0", "x"]),
        usage("an address for --bind that is none", &["--bind"], &["fetch", "--bind", "q", "x"]),
        usage("--connect-to half said", &["--connect-to"], &["fetch", "--connect-to", "a:1", "x"]),
        row("search: an unknown option", 2, &["--frobnicate"], |world| {
            world.pillarbox(args!["search", "--frobnicate", "x", "y"])
        }),
        row("probe: an unknown option", 3, &["--frobnicate"], |world| {
            world.pillarbox(args!["probe", "--frobnicate", "x"])
        }),
        row("search: a query with a hole", 2, &["pillarbox: error"], move |world| {
            world.pillarbox(args!["search", "subject:\"open", "maildir:x"])
        }),
        configured("an unknown account", &["nobody", "known are home, work"], two, "nobody"),
        configured(
            "an unknown key",
            &["config.toml, line 2", "account.work.impa", "perhaps imap"],
            "[account.work]\nimpa = \"imaps://x.test\"\n",
            "work",
        ),
        configured("no TOML", &["config.toml, line 1"], "[account.work\n", "work"),
        configured(
            "a value of the wrong kind",
            &["config.toml, line 2", "account.work.imap wants"],
            "[account.work]\nimap = 3\n",
            "work",
        ),
        configured(
            "a URL of the wrong kind",
            &["config.toml, line 2", "account.work.imap", "imaps://"],
            "[account.work]\nimap = \"pop3://x.test\"\n",
            "work",
        ),
        row("a configuration that is not there", 78, &["no-such.toml"], |world| {
            world.pillarbox(args!["fetch", "work", "--config", "no-such.toml"])
        }),
        row("no account to send by", 78, &["no account is configured", "hint:"], |world| {
            world.pillarbox(args!["send"]).stdin(MESSAGE)
        }),
        references("references: words", &["standard input, line 1", "hint:"], b"hello world\n"),
        references(
            "references: the second line is wrong",
            &["standard input, line 2", "hint:"],
            b"mbox:a.mbox;offset=0\nhello world\n",
        ),
        references("references: octets", &["line 1", "UTF-8"], b"\xff\xfe\x00\n"),
        row("a Maildir that is not there", 66, &["no-such"], |world| {
            world.pillarbox(args!["fetch", "maildir:no-such", "--to", "maildir:target"])
        }),
        row("an mbox that is not there", 66, &["no-such"], |world| {
            world.pillarbox(args!["fetch", "mbox:no-such", "--to", "maildir:target"])
        }),
        row("an mbox that is none", 65, &["bad.mbox", "octet 0"], |world| {
            world.home.write("bad.mbox", "these are\nno messages\n");
            world.pillarbox(args!["fetch", "mbox:bad.mbox", "--to", "maildir:target"])
        }),
        row("a section that a message does not have", 65, &["section"], |world| {
            world.home.write("a.eml", MESSAGE);
            world.pillarbox(args!["fetch", "eml:a.eml", "--section", "9"])
        })
        .or(66),
    ]
}

// ---- targets, pipes -------------------------------------------------------------------------

/// An mbox of three messages as a source that cannot fail.
fn source(world: &World) -> &'static str {
    let one = "From a@b Tue Mar  3 09:00:00 2026\nFrom: a@b\nSubject: x\n\nhello\n\n";
    world.home.write("source.mbox", one.repeat(3));
    "mbox:source.mbox"
}

fn untouched(world: &World, run: &Run) {
    let now = std::fs::read_to_string(world.home.path().join("source.mbox")).unwrap_or_default();
    assert_eq!(now.matches("\nhello\n").count(), 3, "the source was touched:\n{run}");
}

fn targets() -> Vec<Row> {
    let target = |name: &str, code, says: &[&str], target: &'static str| {
        row(name, code, says, move |world| {
            let source = source(world);
            world.home.write("file", "in the way\n");
            std::fs::create_dir(world.home.path().join("folder")).expect("a new folder");
            world.pillarbox(args!["fetch", source, "--to", target])
        })
        .also(|world, run| {
            untouched(world, run);
            let file = std::fs::read(world.home.path().join("file")).unwrap_or_default();
            assert_eq!(file, b"in the way\n", "{run}");
        })
    };
    let shell = |name: &str, code, says: &[&str], script: &'static str| {
        row(name, code, says, move |world| {
            source(world);
            world.shell(script)
        })
        .also(untouched)
    };
    vec![
        target("a Maildir where a file is", 73, &["file"], "maildir:file").or(74),
        target("a Maildir below a file", 73, &["file/x"], "maildir:file/x").or(74),
        target("a Maildir that cannot be made", 73, &["/proc/no"], "maildir:/proc/no").or(77),
        target("an mbox in a folder that is not there", 73, &["no-such"], "mbox:no-such/x"),
        target("an mbox that is a folder", 73, &["folder"], "mbox:folder").or(74),
        target("an mbox that is a file of another kind", 73, &["file"], "mbox:file").or(65),
        target("an mbox on a full disk", 74, &["/dev/full", "space"], "mbox:/dev/full"),
        target("eml files where a file is", 73, &["file"], "eml:file").or(74),
        target("a server that is not there", 75, &["refused"], "imaps://alice@localhost:1/INBOX"),
        target("a server without a recipient", 64, &["--rcpt"], "lmtp://localhost:1"),
        target("a maildrop as a target", 64, &["no target"], "pop3s://alice@localhost:1"),
        shell("stdout on a full disk", 74, &["No space left"], {
            "\"$PILLARBOX\" fetch mbox:source.mbox >/dev/full"
        }),
        shell("the reader of a pipe goes away", 0, &[], {
            "set -e; { \"$PILLARBOX\" fetch mbox:source.mbox; echo \"code $?\" >&2; } | head -c 1 \
             >/dev/null"
        })
        .also(|world, run| {
            untouched(world, run);
            assert_eq!(run.errors().trim(), "code 0", "{run}");
        }),
        shell("closed stdin", 0, &[], "\"$PILLARBOX\" fetch mbox:source.mbox <&-").also(
            |world, run| {
                untouched(world, run);
                assert!(run.stdout.starts_with(b"From "), "{run}");
            },
        ),
        shell("closed stdin and no message", 66, &["standard input"], {
            "\"$PILLARBOX\" send --via smtp://localhost:1 bob@example.test <&-"
        })
        .or(74),
        shell("closed stdout", 0, &[], {
            "\"$PILLARBOX\" fetch mbox:source.mbox --to maildir:target >&-"
        })
        .fills_target(),
        shell("a pipe of references that breaks off", 65, &["line 2"], {
            "printf 'mbox:source.mbox;offset=0\\nmbo' | \"$PILLARBOX\" fetch - --to maildir:target"
        }),
        row("serve-test: a command that is not there", 125, &["no-such-program"], |world| {
            world.pillarbox(args!["serve-test", "--", "no-such-program"])
        }),
        row("serve-test: a command that fails", 7, &[], |world| {
            world.pillarbox(args!["serve-test", "--", "sh", "-c", "exit 7"])
        }),
        row("serve-test: a port that is taken", 125, &["port"], |world| {
            let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
            let port = taken.local_addr().expect("a bound socket has an address").port();
            world.keep(taken);
            let port = format!("smtp={port}");
            world.pillarbox(args!["serve-test", "--port", port, "--", "true"])
        }),
        row("serve-test: seeds that are not there", 125, &["no-such"], |world| {
            let arguments = args!["serve-test", "--seed-mail", "no-such", "--", "true"];
            world.pillarbox(arguments)
        }),
    ]
}

// ---- the table ------------------------------------------------------------------------------

#[test]
fn wrong_names_and_ports() {
    play(names_and_ports());
}

#[test]
fn wrong_certificates() {
    play(certificates());
}

#[test]
fn starttls_gone_wrong() {
    play(starttls());
}

#[test]
fn smtp_servers_gone_wrong() {
    play(smtp_servers());
}

#[test]
fn pop_servers_gone_wrong() {
    play(pop_servers());
}

#[test]
fn imap_servers_gone_wrong() {
    play(imap_servers());
}

#[test]
fn folders_outside() {
    play(folder_names());
}

#[test]
fn wrong_passwords() {
    play(passwords());
}

#[test]
fn wrong_messages() {
    play(messages());
}

#[test]
fn wrong_words_and_configuration() {
    play(words_and_configuration());
}

#[test]
fn wrong_targets() {
    play(targets());
}

#[test]
fn the_table_is_as_large_as_promised() {
    let all = [
        names_and_ports(),
        certificates(),
        starttls(),
        smtp_servers(),
        pop_servers(),
        imap_servers(),
        folder_names(),
        passwords(),
        messages(),
        words_and_configuration(),
        targets(),
    ];
    let names: Vec<String> = all.into_iter().flatten().map(|row| row.name).collect();
    let mut once = names.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), names.len(), "two rows have one name");
    assert!(names.len() >= 45, "{} rows", names.len());
}
