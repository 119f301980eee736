//! What `pillarbox` is when it is called as `sendmail`: the options that its callers use, made
//! into those of `send`.
//!
//! The options are those of Sendmail as Postfix's and Exim's commands of that name take them:
//! `-t -i -oi -o* -f -F -N -R -V -B -bs -bm -bp -q -r -m -v --`. `-bd`, `-bi`, `-bt` and `-bv`
//! are refused: there is no daemon and no database behind it.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::Path;

use crate::message::address::Mailbox;
use crate::message::headers;
use crate::open;
use crate::ui::{Exit, Failure};

/// What was asked for that `send` itself has no option for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Persona {
    /// `-t`: the message names recipients.
    pub takes_header: bool,
    /// `-i`: a line with a single dot is text.
    pub dots_are_text: bool,
    /// `-F`: the author's name, where the message has no From.
    pub full_name: Option<String>,
    /// What is to be done.
    pub mode: Mode,
}

/// What `sendmail` is to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// Send the message on standard input.
    #[default]
    Message,
    /// `-bs`: speak SMTP on standard input and output.
    Smtp,
    /// `-bp`: print the spool.
    Print,
    /// `-q`: deliver what waits in the spool.
    Flush,
}

/// Whether the program was called by this name.
pub fn is_called(name: &std::ffi::OsStr) -> bool {
    Path::new(name).file_name().is_some_and(|name| name == "sendmail")
}

/// Reads sendmail's arguments (without the program's name): those of `pillarbox`, and the rest.
///
/// # Errors
/// [`Failure`] (64).
pub fn translate(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<(Vec<OsString>, Persona), Failure> {
    let mut given = arguments.into_iter();
    let mut out: Vec<OsString> = ["pillarbox", "send"].map(OsString::from).to_vec();
    let mut persona = Persona::default();
    let mut recipients: Vec<OsString> = Vec::new();
    while let Some(argument) = given.next() {
        let text = argument.to_str().map(str::to_owned);
        let Some(options) = text.as_deref().and_then(|text| text.strip_prefix('-')) else {
            recipients.push(argument);
            continue;
        };
        if options == "-" {
            recipients.extend(given);
            break;
        }
        let mut rest = options;
        if rest.is_empty() {
            return Err(Failure::usage("- is no option of sendmail"));
        }
        while let Some(option) = rest.chars().next() {
            rest = &rest[option.len_utf8()..];
            let mut value = |needed: bool| -> Result<String, Failure> {
                let attached = std::mem::take(&mut rest);
                if !attached.is_empty() || !needed {
                    return Ok(attached.to_owned());
                }
                given
                    .next()
                    .and_then(|value| value.into_string().ok())
                    .ok_or_else(|| Failure::usage(format!("-{option} needs a value")))
            };
            match option {
                't' => persona.takes_header = true,
                'i' => persona.dots_are_text = true,
                // Me too, which is the rule today.
                'm' => {}
                'v' => out.push("-v".into()),
                'f' | 'r' => out.push(format!("--envelope-from={}", value(true)?).into()),
                'F' => persona.full_name = Some(value(true)?),
                'N' => out.push(format!("--notify={}", value(true)?).into()),
                'V' => out.push(format!("--envid={}", value(true)?).into()),
                'R' => {
                    let what = value(true)?;
                    let what = match what.to_ascii_lowercase().as_str() {
                        "full" => "full",
                        "hdrs" => "headers",
                        _ => return Err(Failure::usage(format!("-R {what}: want full or hdrs"))),
                    };
                    out.push(format!("--return={what}").into());
                }
                'B' => {
                    // What the message holds is seen when it is read.
                    let body = value(true)?;
                    if !["7bit", "8bitmime"].contains(&body.to_ascii_lowercase().as_str()) {
                        return Err(Failure::usage(format!("-B {body}: want 7bit or 8bitmime")));
                    }
                }
                // Of the old options only one matters without a daemon.
                'o' => persona.dots_are_text |= value(true)? == "i",
                'b' => {
                    persona.mode = match value(true)?.as_str() {
                        "m" => Mode::Message,
                        "s" => Mode::Smtp,
                        "p" => Mode::Print,
                        other => {
                            return Err(Failure::usage(format!("-b{other} is not done here")).hint(
                                "there is no daemon: -bm sends, -bs speaks SMTP, -bp lists the spool",
                            ));
                        }
                    }
                }
                'q' => {
                    // An interval is a daemon's.
                    value(false)?;
                    persona.mode = Mode::Flush;
                }
                other => return Err(Failure::usage(format!("-{other} is no option of sendmail"))),
            }
        }
    }
    let names_nobody = recipients.is_empty() && !persona.takes_header;
    if names_nobody && persona.mode == Mode::Message {
        return Err(Failure::usage("no recipient")
            .hint("name recipients as arguments, or let the message name them: -t"));
    }
    out.push("--".into());
    out.extend(recipients);
    Ok((out, persona))
}

impl Persona {
    /// Who sends when neither the message nor the configuration says: the user, at this machine.
    pub fn author(&self, configured: Option<Mailbox>, domain: Option<&str>) -> Option<Mailbox> {
        let mut mailbox = configured.or_else(|| {
            let told = ["LOGNAME", "USER"].iter().find_map(|name| std::env::var(name).ok());
            let user = told.filter(|user| !user.is_empty()).or_else(own_user)?;
            let host = domain.map_or_else(open::own_name, str::to_owned);
            Some(Mailbox::from_addr(format!("{user}@{host}")))
        })?;
        if self.full_name.is_some() {
            mailbox.name.clone_from(&self.full_name);
        }
        Some(mailbox)
    }

    /// The message as its callers mean it: up to a lone dot unless `-i` says otherwise, and a
    /// text without header is the body of a message.
    ///
    /// # Errors
    /// [`Failure`] (74) when it cannot be read.
    pub fn input<'a>(&self, input: &'a mut dyn Read) -> Result<Box<dyn Read + 'a>, Failure> {
        let mut input: Box<dyn BufRead + 'a> = match self.dots_are_text {
            true => Box::new(BufReader::new(input)),
            false => Box::new(BufReader::new(UntilDot::new(BufReader::new(input)))),
        };
        let mut line = Vec::new();
        // A field name has no more than a line may have.
        (&mut input).take(1000).read_until(b'\n', &mut line).map_err(|error| {
            Failure::new(Exit::Io, format!("cannot read the message from standard input: {error}"))
        })?;
        if !line.is_empty() && !headers::begins_with_header(&line) {
            line.insert(0, b'\n');
        }
        Ok(Box::new(Cursor::new(line).chain(input)))
    }
}

/// An error as sendmail's callers understand it: hints name options that it does not take.
pub fn error(error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<Failure>() {
        Ok(failure) => {
            Failure { hint: failure.hint.filter(|it| !it.contains("--")), ..failure }.into()
        }
        Err(error) => error,
    }
}

/// How the persona's exit codes differ (common to its callers: sysexits.h has nothing for a mixed
/// outcome, nor for one that nobody knows).
pub fn exit(exit: Exit) -> Exit {
    match exit {
        Exit::Mixed => Exit::Unavailable,
        Exit::Unknown => Exit::Software,
        other => other,
    }
}

/// The name of this process's user, for callers whose environment does not say it.
fn own_user() -> Option<String> {
    let id = rustix::process::getuid().as_raw().to_string();
    let known = std::fs::read_to_string("/etc/passwd").ok()?;
    known.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, number) = (fields.next()?, fields.next()?, fields.next()?);
        (number == id && !name.is_empty()).then(|| name.to_owned())
    })
}

/// Ends where a line is a single dot.
struct UntilDot<R> {
    input: R,
    line: Vec<u8>,
    at: usize,
    is_line_start: bool,
    is_over: bool,
}

impl<R: BufRead> UntilDot<R> {
    fn new(input: R) -> Self {
        Self { input, line: Vec::new(), at: 0, is_line_start: true, is_over: false }
    }
}

impl<R: BufRead> Read for UntilDot<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.at == self.line.len() && !self.is_over {
            self.line.clear();
            self.at = 0;
            (&mut self.input).take(64 * 1024).read_until(b'\n', &mut self.line)?;
            let is_dot =
                self.is_line_start && matches!(self.line.as_slice(), b".\n" | b".\r\n" | b".");
            self.is_line_start = self.line.ends_with(b"\n");
            if is_dot || self.line.is_empty() {
                self.is_over = true;
                self.line.clear();
            }
        }
        let count = (self.line.len() - self.at).min(buffer.len());
        buffer[..count].copy_from_slice(&self.line[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<(Vec<String>, Persona), Failure> {
        let words = line.split_ascii_whitespace().map(OsString::from);
        let (out, persona) = translate(words)?;
        Ok((out[2..].iter().map(|word| word.to_string_lossy().into_owned()).collect(), persona))
    }

    #[test]
    fn its_callers_are_understood() {
        // PHP, cron, git send-email, mutt, s-nail.
        let (out, persona) = of("-t -i").expect("PHP");
        assert_eq!(out, ["--"]);
        assert!(persona.takes_header && persona.dots_are_text);
        let (out, persona) = of("-FCronDaemon -i -B8BITMIME -oem root").expect("cron");
        assert_eq!(out, ["--", "root"]);
        assert_eq!(persona.full_name.as_deref(), Some("CronDaemon"));
        let (out, _) = of("-f a@x -i b@y c@z").expect("git");
        assert_eq!(out, ["--envelope-from=a@x", "--", "b@y", "c@z"]);
        let (out, persona) = of("-oem -oi -N failure,delay -R hdrs -- -odd@x").expect("mutt");
        assert_eq!(out, ["--notify=failure,delay", "--return=headers", "--", "-odd@x"]);
        assert!(persona.dots_are_text);
        let (out, _) = of("-it -ra@x -V17 -v -m").expect("together");
        assert_eq!(out, ["--envelope-from=a@x", "--envid=17", "-v", "--"]);
        assert_eq!(of("-bs").expect("smtp").1.mode, Mode::Smtp);
        assert_eq!(of("-q15m").expect("flush").1.mode, Mode::Flush);
    }

    #[test]
    fn what_it_cannot_do_is_said() {
        for line in ["-bd x", "-z x", "-R some x", "-B 9bit x", "-f", "", "- x"] {
            assert_eq!(of(line).expect_err(line).exit, Exit::Usage, "{line}");
        }
    }

    fn read(persona: &Persona, text: &str) -> String {
        let mut input = text.as_bytes();
        let mut out = String::new();
        let mut reader = persona.input(&mut input).expect("a reader");
        reader.read_to_string(&mut out).expect("text");
        out
    }

    #[test]
    fn a_dot_ends_and_a_text_gets_a_header() {
        let dots = Persona { dots_are_text: true, ..Persona::default() };
        let plain = Persona::default();
        let message = "Subject: x\n\n..\na.\n.\nbehind\n";
        assert_eq!(read(&dots, message), message);
        assert_eq!(read(&plain, message), "Subject: x\n\n..\na.\n");
        assert_eq!(read(&plain, "A: b\r\n\r\n.\r\nx"), "A: b\r\n\r\n");
        assert_eq!(read(&plain, "only text\nTo: x\n"), "\nonly text\nTo: x\n");
        assert_eq!(read(&plain, ""), "");
        let long = "x".repeat(200_000) + "\n.\n";
        assert_eq!(read(&plain, &long).len(), 200_002);
        let tail = "A: b\n\n".to_owned() + &"x".repeat(65_536 - 1) + ".\n";
        assert_eq!(read(&plain, &tail), tail, "a dot that begins no line");
    }
}
