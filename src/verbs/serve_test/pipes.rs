//! What each accepted message goes to besides its mailboxes: standard output (`--emit`), a
//! command (`--exec`), and a web server (`--webhook`).
//!
//! All take the messages in the order in which they came, one at a time, while the servers
//! go on.

use std::ffi::{OsStr, OsString};
use std::process::{ExitStatus, Stdio};
use std::rc::Rc;

use serde::Serialize;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

use super::accepted::{Accepted, Log, Told};
use crate::config::credentials::hide_password;
use crate::message::facts::{Facts, Header};
use crate::net::http::{Request, Url};
use crate::net::{self, tls};
use crate::ui::report;

/// How `--emit` writes messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Emit {
    /// A line of JSON for each.
    Json,
    /// An mbox (mboxrd).
    Mbox,
}

/// The tasks at work; they end when the log says that nothing more comes.
#[derive(Default)]
pub struct Pipes(Vec<JoinHandle<()>>);

impl Pipes {
    /// Begins with the next message. `variables` are what `exec` finds in its environment.
    pub fn start(
        log: &Log,
        emit: Option<Emit>,
        exec: Option<&OsStr>,
        webhook: Option<(&Url, &tls::Settings)>,
        variables: &[(String, OsString)],
    ) -> Self {
        let mut tasks = Vec::new();
        if let Some(format) = emit {
            tasks.push(tokio::task::spawn_local(emit_all(log.listen(), format)));
        }
        if let Some((url, settings)) = webhook {
            let all = post_all(log.listen(), url.clone(), settings.clone());
            tasks.push(tokio::task::spawn_local(all));
        }
        if let Some(command) = exec {
            let all = exec_all(log.listen(), command.to_owned(), variables.to_vec());
            tasks.push(tokio::task::spawn_local(all));
        }
        Self(tasks)
    }

    /// Waits until every message is through. After this was cancelled, those that are left
    /// stay where they are.
    pub async fn finish(self) {
        for task in self.0 {
            // A task that panicked has told so.
            let _ = task.await;
        }
    }
}

/// A line of `--emit`.
#[derive(Debug, Serialize)]
struct Emitted {
    #[serde(flatten)]
    told: Told,
    /// Names and decoded values, in their order.
    header: Vec<(String, String)>,
    /// What a reader sees first.
    text: String,
}

fn line(message: &Accepted) -> serde_json::Result<String> {
    let header = Header::new(&message.octets);
    let fields = header.fields().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let emitted = Emitted {
        told: message.told(),
        header: fields.collect(),
        text: Facts::new(&message.octets).readable_text(),
    };
    serde_json::to_string(&emitted).map(|line| line + "\n")
}

/// A message of an mboxrd: lines end in LF, and each that begins with `From ` behind any number
/// of `>` has one `>` more.
fn mbox(message: &Accepted) -> Vec<u8> {
    let date = crate::base::date::Zoned::utc(message.time.as_second()).asctime();
    let sender = if message.from.is_empty() { "MAILER-DAEMON" } else { &message.from };
    // A quoted local part may have blanks, and the line is read by its first.
    let sender: String = sender.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
    let mut out = format!("From {sender} {date}\n").into_bytes();
    for line in message.octets.split_inclusive(|octet| *octet == b'\n') {
        let quoted = line.iter().take_while(|octet| **octet == b'>').count();
        if line[quoted..].starts_with(b"From ") {
            out.push(b'>');
        }
        match line.strip_suffix(b"\r\n") {
            Some(text) => {
                out.extend_from_slice(text);
                out.push(b'\n');
            }
            None => out.extend_from_slice(line),
        }
    }
    if !out.ends_with(b"\n") {
        out.push(b'\n');
    }
    out.push(b'\n');
    out
}

async fn post_all(
    mut messages: UnboundedReceiver<Rc<Accepted>>,
    url: Url,
    settings: tls::Settings,
) {
    let options = net::Options::default();
    while let Some(message) = messages.recv().await {
        let Ok(line) = line(&message) else { continue };
        let request = Request::post(url.clone(), "application/json", line);
        let trouble = match request.send(&settings, &options).await {
            Ok(answer) if answer.is_success() => continue,
            Ok(answer) => format!("{url} answers {}", answer.status),
            Err(error) => error.to_string(),
        };
        report::warning(&format!("--webhook for message #{}: {trouble}", message.id));
    }
}

async fn emit_all(mut messages: UnboundedReceiver<Rc<Accepted>>, format: Emit) {
    let mut stdout = tokio::io::stdout();
    while let Some(message) = messages.recv().await {
        let octets = match format {
            Emit::Mbox => mbox(&message),
            Emit::Json => match line(&message) {
                Ok(line) => line.into_bytes(),
                // Strings and numbers are always JSON.
                Err(_) => continue,
            },
        };
        let written = stdout.write_all(&octets).await;
        if written.is_err() || stdout.flush().await.is_err() {
            // Nobody reads any more.
            return;
        }
    }
}

async fn exec_all(
    mut messages: UnboundedReceiver<Rc<Accepted>>,
    command: OsString,
    variables: Vec<(String, OsString)>,
) {
    while let Some(message) = messages.recv().await {
        let id = message.id;
        match exec(&message, &command, &variables).await {
            Ok(status) if status.success() => {}
            Ok(status) => report::warning(&format!("--exec for message #{id}: {status}")),
            Err(error) => report::warning(&format!("--exec for message #{id}: {error}")),
        }
    }
}

async fn exec(
    message: &Accepted,
    command: &OsStr,
    variables: &[(String, OsString)],
) -> std::io::Result<ExitStatus> {
    let mut shell = tokio::process::Command::new("sh");
    shell
        .arg("-c")
        .arg(command)
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .env("PILLARBOX_ID", message.id.to_string())
        .env("PILLARBOX_FROM", &message.from)
        .env("PILLARBOX_TO", message.recipients.join(" "))
        .stdin(Stdio::piped())
        .kill_on_drop(true);
    hide_password(shell.as_std_mut());
    let mut child = shell.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command may end without reading all; its exit status is what counts.
        let _ = stdin.write_all(&message.octets).await;
    }
    child.wait().await
}

#[cfg(test)]
mod tests {
    use super::super::accepted::tests::add;
    use super::*;

    #[test]
    fn a_line_holds_what_a_test_looks_at() {
        let log = Log::new(None);
        add(&log, &["bob@example.test"], "=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "\r\nhello\r\n");
        let text = line(&log.all()[0]).expect("JSON");
        assert!(text.ends_with("}\n"));
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(value["subject"], "Gr\u{fc}\u{df}e");
        assert_eq!(value["to"], serde_json::json!(["bob@example.test"]));
        assert_eq!(value["from"], "app@example.test");
        assert_eq!(value["text"], "hello\r\n");
        assert_eq!(value["header"][0], serde_json::json!(["Return-Path", "<app@example.test>"]));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_command_has_each_message_on_its_input() {
        let folder = super::super::environment::Scratch::new().expect("a folder");
        let place = folder.path().join("out");
        let local = tokio::task::LocalSet::new();
        let script =
            "echo \"$PILLARBOX_ID $PILLARBOX_TO $OUT\" >>\"$OUT\"; grep Subject >>\"$OUT\"";
        local
            .run_until(async {
                let log = Log::new(None);
                let variables = [("OUT".to_owned(), place.clone().into_os_string())];
                let pipes = Pipes::start(&log, None, Some(OsStr::new(script)), None, &variables);
                add(&log, &["bob@example.test"], "One", "\r\n");
                add(&log, &["bob@example.test", "carol@example.test"], "Two", "\r\n");
                log.end();
                pipes.finish().await;
            })
            .await;
        let out = std::fs::read_to_string(&place).expect("what the command wrote");
        let place = place.display();
        let wanted = format!(
            "1 bob@example.test {place}\nSubject: One\r\n\
             2 bob@example.test carol@example.test {place}\nSubject: Two\r\n"
        );
        assert_eq!(out, wanted);
    }
}
