//! A run that is ended before its work is done: by SIGTERM, SIGINT, or `--deadline`. Each recipient's
//! fate is told, journal and spool have it, and the exit code says what happened.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use super::support::binary::BINARY;
use super::support::{Home, Invocation, PATIENCE, Run, Running, Scripted, Step, args, wait_for};

const MESSAGE: &str = "From: ann@sender.test\nTo: bob@example.test\nSubject: a test\n\nhello\n";

/// A server that takes mail as far as `last` (a line of ours), answers that with `answer`, and
/// says nothing more.
fn silent_behind(lmtp: bool, recipients: usize, last: &str, answer: &str) -> Scripted {
    let hello = if lmtp { "LHLO" } else { "EHLO" };
    let mut steps = vec![Step::line("220 here"), Step::Expect(hello), Step::line("250 here")];
    let mut lines = vec!["MAIL"];
    lines.extend(std::iter::repeat_n("RCPT", recipients));
    lines.extend(["DATA", "."]);
    for line in lines {
        steps.push(if line == "." { Step::ReadTo(".") } else { Step::Expect(line) });
        if line == last {
            break;
        }
        steps.push(Step::line(if line == "DATA" { "354 go on" } else { "250 ok" }));
    }
    if !answer.is_empty() {
        steps.push(Step::line(answer));
    }
    steps.push(Step::Stall);
    Scripted::serve(steps)
}

fn send(home: &Home, server: &Scripted, scheme: &str) -> Invocation {
    home.pillarbox(args!["send", "--via", server.url(scheme), "--tls", "none", "--json"])
        .stdin(MESSAGE)
}

/// Waits until the server has read that line so often.
fn heard(server: &Scripted, line: &str, times: usize) {
    wait_for(line, PATIENCE, || {
        let lines = server.lines();
        (lines.iter().filter(|it| it.starts_with(line)).count() >= times).then_some(())
    });
}

/// State and stage of each recipient told.
fn fates(run: &Run) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    run.json_lines().iter().map(|line| (text(&line["state"]), text(&line["stage"]))).collect()
}

fn fate(state: &str, stage: &str) -> (String, String) {
    (state.to_owned(), stage.to_owned())
}

#[test]
fn before_the_end_of_a_message_a_signal_leaves_it_unsent() {
    for (last, stage) in [("MAIL", "mail"), ("RCPT", "rcpt"), ("DATA", "data")] {
        let server = silent_behind(false, 1, last, "");
        let home = Home::new();
        let running = send(&home, &server, "smtp").arg("bob@example.test").spawn();
        heard(&server, last, 1);
        running.terminate();
        let run = running.wait(PATIENCE).expect(143);
        assert_eq!(fates(&run), [fate("temporary", stage)], "{run}");
        assert!(run.text().contains("ended by SIGTERM"), "{run}");
    }
    // Nobody has answered at all, and no recipient was asked for: it is an error, and their fate.
    let server = Scripted::serve(vec![Step::Stall]);
    let home = Home::new();
    let running = send(&home, &server, "smtp").arg("bob@example.test").spawn();
    wait_for("a connection", PATIENCE, || server.has_connection().then_some(()));
    running.interrupt();
    let run = running.wait(PATIENCE).expect(130);
    assert_eq!(fates(&run), [fate("temporary", "connect")], "{run}");
    assert!(run.errors().contains("ended by SIGINT"), "{run}");
}

/// All of these wait for an answer that decides, each as long as a run that is ended does.
#[test]
fn behind_the_end_of_a_message_a_signal_leaves_it_unknown() {
    let single = (silent_behind(false, 1, ".", ""), Home::new());
    let lmtp = (silent_behind(true, 2, ".", "250 bob has it"), Home::new());
    let spooled = (silent_behind(false, 1, ".", ""), Home::new());
    let persona = (silent_behind(false, 1, ".", ""), Home::new());
    let news = Scripted::serve(vec![
        Step::line("200 post"),
        Step::Expect("CAPABILITIES"),
        Step::line("101 these\r\nVERSION 2\r\nREADER\r\nPOST\r\n."),
        Step::Expect("POST"),
        Step::line("340 go on"),
        Step::ReadTo("."),
        Step::Stall,
    ]);
    spooled
        .1
        .pillarbox(args!["send", "--via", spooled.0.url("smtp"), "--spool", "waiting"])
        .arg("bob@example.test")
        .stdin(MESSAGE)
        .run()
        .success();
    let program = persona.1.path().join("sendmail");
    std::os::unix::fs::symlink(BINARY, &program).expect("a link can be made");
    persona.1.configure(&format!(
        "default-account = \"work\"\n[account.work]\nsmtp = \"{}\"\ntls = \"none\"\n",
        persona.0.url("smtp")
    ));
    let by_news = Home::new();
    let (many, journalled) = (Scripted::serve(two(".", &[Step::Stall])), three_messages());
    let runs: Vec<(&Scripted, Running)> = vec![
        (&single.0, send(&single.1, &single.0, "smtp").arg("bob@example.test").spawn()),
        (
            &lmtp.0,
            send(&lmtp.1, &lmtp.0, "lmtp").args(["bob@example.test", "carol@example.test"]).spawn(),
        ),
        (
            &spooled.0,
            spooled
                .1
                .pillarbox(args!["send", "--flush", "--spool", "waiting", "--json"])
                .args(["--tls", "none"])
                .spawn(),
        ),
        (
            &persona.0,
            persona
                .1
                .command(program.to_str().expect("UTF-8"), &["bob@example.test"])
                .stdin(MESSAGE)
                .spawn(),
        ),
        (
            &news,
            send(&by_news, &news, "nntp")
                .stdin(MESSAGE.replace("To: bob@example.test", "Newsgroups: local.test"))
                .spawn(),
        ),
    ];
    let in_bulk = bulk(&journalled, &many).spawn();
    heard(&many, ".", 2);
    in_bulk.terminate();
    for (server, running) in &runs {
        heard(server, ".", 1);
        running.terminate();
    }
    let ended: Vec<Run> = runs.into_iter().map(|(_, running)| running.wait(PATIENCE)).collect();
    let [single, lmtp, flushed, persona_s, news] = &ended[..] else { panic!("five") };
    let run = in_bulk.wait(PATIENCE).expect(80);
    assert_eq!(fates(&run), [fate("delivered", "body"), fate("unknown", "body")], "{run}");
    // What is unknown is in the journal, and does not go again.
    the_rest(&journalled, 1);
    let unknown = fate("unknown", "body");
    let only = [unknown.clone()];
    assert_eq!(fates(&single.clone().expect(80)), only);
    // Whoever has an answer keeps it.
    let both = [fate("delivered", "body"), unknown.clone()];
    assert_eq!(fates(&lmtp.clone().expect(80)), both);
    assert_eq!(fates(&flushed.clone().expect(80)), only);
    assert_eq!(fates(&news.clone().expect(80)), [unknown]);
    persona_s.clone().expect(70).says(&["bob@example.test: unknown"]);
    // It does not go again, and its sender hears of it.
    let bounce = std::fs::read_dir(spooled.1.path().join("waiting"))
        .expect("the spool")
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|it| it == "eml"))
        .map(|entry| std::fs::read_to_string(entry.path()).expect("a message"))
        .collect::<Vec<_>>();
    let [bounce] = &bounce[..] else { panic!("the report alone is in the spool: {bounce:#?}") };
    assert!(bounce.contains("it may have been delivered; nobody knows"), "{bounce}");
}

/// Two messages go, the second is stopped at `last`.
fn two(last: &'static str, end: &[Step]) -> Vec<Step> {
    let mut steps = vec![Step::line("220 here"), Step::Expect("EHLO"), Step::line("250 here")];
    for message in 0..2 {
        for line in ["MAIL", "RCPT", "DATA", "."] {
            steps.push(if line == "." { Step::ReadTo(".") } else { Step::Expect(line) });
            if message == 1 && line == last {
                steps.extend_from_slice(end);
                return steps;
            }
            steps.push(Step::line(if line == "DATA" { "354 go on" } else { "250 ok" }));
        }
    }
    steps
}

/// Three messages, the first of them by `server`, with a journal.
fn bulk(home: &Home, server: &Scripted) -> Invocation {
    home.pillarbox(args!["send", "--via", server.url("smtp"), "--tls", "none", "--json"]).args([
        "--input",
        "eml:box",
        "--journal",
        "run.db",
    ])
}

fn three_messages() -> Home {
    let home = Home::new();
    for number in 0..3 {
        home.write(&format!("box/{number}.eml"), MESSAGE.replace("bob", &format!("u{number}")));
    }
    home
}

/// Sends what the journal has no end of: so many messages.
fn the_rest(home: &Home, count: usize) {
    let mut steps = vec![Step::line("220 here"), Step::Expect("EHLO"), Step::line("250 here")];
    for _ in 0..count {
        for line in ["MAIL", "RCPT", "DATA"] {
            steps.push(Step::Expect(line));
            steps.push(Step::line(if line == "DATA" { "354 go on" } else { "250 ok" }));
        }
        steps.push(Step::ReadTo("."));
        steps.push(Step::line("250 ok"));
    }
    steps.extend([Step::Expect("QUIT"), Step::line("221 bye")]);
    let server = Scripted::serve(steps);
    let run = bulk(home, &server).run().success();
    assert_eq!(run.json_lines().len(), count, "{run}");
    server.finish();
}

#[test]
fn a_journal_has_what_a_signal_left() {
    let home = three_messages();
    let server = Scripted::serve(two("RCPT", &[Step::Stall]));
    let running = bulk(&home, &server).spawn();
    heard(&server, "RCPT", 2);
    running.terminate();
    let run = running.wait(PATIENCE).expect(143);
    assert_eq!(fates(&run), [fate("delivered", "body"), fate("temporary", "rcpt")], "{run}");
    run.says(&["ended by SIGTERM: what is not told of here was not sent"]);
    the_rest(&home, 2);
}

#[test]
fn a_merge_ends_with_the_message_that_a_signal_met() {
    let home = Home::new();
    home.write("people.csv", "mail\nu0@example.test\nu1@example.test\nu2@example.test\n");
    home.write("t.eml", "From: ann@sender.test\nTo: {{mail}}\nSubject: a test\n\nhello\n");
    let server = Scripted::serve(two("RCPT", &[Step::Stall]));
    let running =
        send(&home, &server, "smtp").args(["--merge", "people.csv", "--template", "t.eml"]).spawn();
    heard(&server, "RCPT", 2);
    running.interrupt();
    let run = running.wait(PATIENCE).expect(130);
    assert_eq!(fates(&run), [fate("delivered", "body"), fate("temporary", "rcpt")], "{run}");
    run.says(&["ended by SIGINT: what is not told of here was not sent"]);
}

#[test]
fn a_flush_leaves_what_a_signal_kept_from_going() {
    let server = silent_behind(false, 1, "RCPT", "");
    let home = Home::new();
    for _ in 0..2 {
        home.pillarbox(args!["send", "--via", server.url("smtp"), "--spool", "waiting"])
            .arg("bob@example.test")
            .stdin(MESSAGE)
            .run()
            .success();
    }
    let flush = args!["send", "--flush", "--spool", "waiting", "--json", "--tls", "none"];
    let running = home.pillarbox(flush).spawn();
    heard(&server, "RCPT", 1);
    running.terminate();
    let run = running.wait(PATIENCE).expect(143);
    assert_eq!(fates(&run), [fate("temporary", "rcpt")], "{run}");
    run.says(&["what is not told of here waits as before"]);
    let attempts = |attempts: &str| {
        std::fs::read_dir(home.path().join("waiting"))
            .expect("the spool")
            .flatten()
            .filter(|entry| entry.path().extension().is_some_and(|it| it == "json"))
            .map(|entry| std::fs::read_to_string(entry.path()).expect("an item"))
            .filter(|item| item.contains(&format!("\"attempts\":{attempts},")))
            .count()
    };
    assert_eq!((attempts("0"), attempts("1")), (1, 1));
}

#[test]
fn a_command_is_ended_along_with_the_run() {
    let home = Home::new();
    let command = "cat > taken; echo $$ > started; exec sleep 1000";
    let running = home
        .pillarbox(args!["send", "--pipe", command, "--json", "bob@example.test"])
        .stdin(MESSAGE)
        .spawn();
    let started = home.path().join("started");
    let pid = wait_for("the command", PATIENCE, || {
        std::fs::read_to_string(&started).ok().filter(|text| text.ends_with('\n'))
    });
    running.terminate();
    let run = running.wait(PATIENCE).expect(80);
    assert_eq!(fates(&run), [fate("unknown", "body")], "{run}");
    // Its own shell has become the sleep: it goes with the signal that was passed on.
    wait_for("the end of the command", PATIENCE, || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).ok();
        stat.is_none_or(|stat| stat.contains(" Z ") || !stat.contains("sleep")).then_some(())
    });
}

#[test]
fn smtp_on_standard_input_says_goodbye() {
    let home = Home::new();
    let program = home.path().join("sendmail");
    std::os::unix::fs::symlink(BINARY, &program).expect("a link can be made");
    home.configure("default-account = \"work\"\n[account.work]\nsmtp = \"smtp://localhost:1\"\n");
    let mut child = Command::new(&program)
        .arg("-bs")
        .env("XDG_CONFIG_HOME", home.path().join("../config"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("a greeting");
    assert!(line.starts_with("220 "), "{line}");
    stdin.write_all(b"NOOP\r\n").expect("it listens");
    line.clear();
    stdout.read_line(&mut line).expect("an answer");
    assert!(line.starts_with("250 "), "{line}");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
    line.clear();
    stdout.read_line(&mut line).expect("a goodbye");
    assert!(line.starts_with("421 4.3.2"), "{line}");
    assert_eq!(child.wait().expect("it ends").code(), Some(143));
}

/// Nobody reads what it prints, so that it can do nothing but wait; only a second signal ends it.
#[test]
fn a_second_signal_ends_at_once() {
    let home = Home::new();
    let mut child = Command::new(BINARY)
        .args(["send", "--json", "--pipe", "cat > /dev/null"])
        .args((0..3000).map(|number| format!("user.number.{number}@example.test")))
        .current_dir(home.path())
        .env("HOME", home.home())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("a pipe").write_all(MESSAGE.as_bytes()).expect("it listens");
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    stdout.read_line(&mut String::new()).expect("a first fate");
    let pid = rustix::process::Pid::from_child(&child);
    let status = wait_for("the end", PATIENCE, || {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        child.try_wait().expect("it is ours")
    });
    assert_eq!(status.code(), Some(143));
}

#[test]
fn a_deadline_tells_the_fates_too() {
    let server = silent_behind(false, 1, ".", "");
    let home = Home::new();
    let run = send(&home, &server, "smtp").args(["--deadline", "2s", "bob@example.test"]).run();
    // How far it came in that time is the machine's affair; what it says has to be right.
    let expected = match server.heard(b".") && server.lines().iter().any(|line| line == ".") {
        true => (80, "unknown"),
        false => (75, "temporary"),
    };
    let run = run.expect(expected.0);
    assert_eq!(fates(&run)[0].0, expected.1, "{run}");
    assert!(run.text().contains("no end within 2 s"), "{run}");
}
