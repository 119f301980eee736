//! The command line of `send`.

use std::path::PathBuf;

use crate::open::{Common, Endpoint, Own};

use super::bulk::Bulk;
use super::persona::Persona;
use super::signing::Signing;
use super::spool::Spooling;

/// Send a message and tell the fate of every recipient
///
/// With --subject, --body, --html, --attach, --inline, --reply or --forward, standard input is
/// the text of a message that is composed here (it is not read when --body is given); else it is
/// one whole message. Recipients on the command line replace those of the message's To, Cc and
/// Bcc.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Recipients; without any, the message's To, Cc and Bcc name them
    #[arg(value_name = "RCPT")]
    pub recipients: Vec<String>,

    /// Where to hand the message over: an account, or a URL such as submission://mail.example.org
    #[arg(long, value_name = "LOCATION")]
    pub via: Option<String>,

    /// Hand the message to COMMAND, run by the shell with the recipients as its arguments, instead
    /// of a server; its exit code decides: 0 delivered, 75 temporary, any other permanent
    #[arg(long, value_name = "COMMAND", conflicts_with = "via")]
    pub pipe: Option<String>,

    /// Hand the message to the mail exchangers of each recipient's domain, with DANE, MTA-STS or
    /// opportunistic TLS; how each was reached is told on stderr
    #[arg(long, conflicts_with_all = ["via", "pipe"])]
    pub direct: bool,

    /// Put a copy into LOCATION, such as work:Sent, once the message was taken
    #[arg(long, value_name = "LOCATION")]
    pub sent: Option<String>,

    /// What the message is made of.
    #[command(flatten)]
    pub composing: Composing,

    /// What may happen to it.
    #[command(flatten)]
    pub conversion: Conversion,

    /// Whom the message goes to, and from whom.
    #[command(flatten)]
    pub envelope: EnvelopeOptions,

    /// What else is asked of the server.
    #[command(flatten)]
    pub extensions: Extensions,

    /// Many messages.
    #[command(flatten)]
    pub bulk: Bulk,

    /// What waits.
    #[command(flatten)]
    pub spooling: Spooling,

    /// Who signs.
    #[command(flatten)]
    pub signing: Signing,

    /// How the server is spoken to, and what is shown of it.
    #[command(flatten)]
    pub diagnosis: Diagnosis,

    /// Options of the server.
    #[command(flatten)]
    pub server: Endpoint<Own>,

    /// Options of every verb.
    #[command(flatten)]
    pub common: Common,

    /// Set when called as `sendmail`.
    #[arg(skip)]
    pub persona: Option<Persona>,
}

/// What a message is composed of.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Composing")]
pub struct Composing {
    /// Author of the composed message; of a whole message only where it has no From
    #[arg(long, value_name = "ADDRESS")]
    pub from: Option<String>,

    /// To
    #[arg(long, value_name = "ADDRESS")]
    pub to: Vec<String>,

    /// Cc
    #[arg(long, value_name = "ADDRESS")]
    pub cc: Vec<String>,

    /// Bcc: gets the message, is not named in it
    #[arg(long, value_name = "ADDRESS")]
    pub bcc: Vec<String>,

    /// Reply-To
    #[arg(long, value_name = "ADDRESS")]
    pub reply_to: Vec<String>,

    /// Subject
    #[arg(short, long, value_name = "TEXT")]
    pub subject: Option<String>,

    /// The text, instead of standard input
    #[arg(long, value_name = "TEXT")]
    pub body: Option<String>,

    /// An HTML alternative from FILE
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    /// The charset of standard input and of --html (default: UTF-8, UTF-16 with its mark, else
    /// windows-1252); the message has UTF-8 always
    #[arg(long, value_name = "NAME")]
    pub charset: Option<String>,

    /// Attach FILE; repeatable
    #[arg(short, long, value_name = "FILE")]
    pub attach: Vec<PathBuf>,

    /// Bring FILE along for the HTML, which calls it cid:NAME by its file name; repeatable
    #[arg(long, value_name = "FILE")]
    pub inline: Vec<PathBuf>,

    /// One more header field; repeatable
    #[arg(long, value_name = "NAME: VALUE")]
    pub header: Vec<String>,

    /// Answer the message that REF names, as `search` prints it: to its author, its text quoted
    #[arg(long, value_name = "REF", conflicts_with = "forward")]
    pub reply: Option<String>,

    /// Pass the message that REF names on, attached whole
    #[arg(long, value_name = "REF")]
    pub forward: Option<String>,

    /// Send the whole message on as it is, with Resent- fields for the new recipients
    #[arg(long, conflicts_with_all = ["reply", "forward"])]
    pub resend: bool,

    /// Send a message to each person in FILE, CSV with a line of names or JSON Lines (.jsonl)
    #[arg(
        long,
        value_name = "FILE",
        requires = "template",
        conflicts_with_all = ["reply", "forward", "resend"]
    )]
    pub merge: Option<PathBuf>,

    /// The message of --merge, in which {{NAME}} stands for what the person has under NAME
    #[arg(long, value_name = "FILE", requires = "merge")]
    pub template: Option<PathBuf>,
}

/// What may happen to a message on its way out.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
#[command(next_help_heading = "Conversion")]
pub struct Conversion {
    /// Say on stderr each change that was made to the message
    #[arg(long)]
    pub explain: bool,

    /// Send nothing when the message would have to be changed
    #[arg(long)]
    pub strict: bool,

    /// Send the message as it is, Bcc and all; a bare CR or LF is refused
    #[arg(long, conflicts_with = "strict")]
    pub raw: bool,

    /// With --raw: let bare CR and LF pass, which some servers take for line ends
    #[arg(long, requires = "raw")]
    pub raw_unsafe: bool,

    /// Print the message and its envelope as they would leave, and send nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}

/// The envelope, where it is not as the message has it.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Envelope")]
pub struct EnvelopeOptions {
    /// The envelope's sender (default: Sender or From of the message); `<>` for none
    #[arg(short = 'f', long, value_name = "ADDRESS")]
    pub envelope_from: Option<String>,

    /// Give the message to every recipient or to none
    #[arg(long)]
    pub all_or_none: bool,

    /// When the sender wants a report: never, or success, failure, delay with commas (DSN)
    #[arg(long, value_name = "WHEN")]
    pub notify: Option<String>,

    /// What a report of failure returns of the message (DSN)
    #[arg(long = "return", value_name = "WHAT")]
    pub returned: Option<Returned>,

    /// A name for the transaction that reports repeat (DSN)
    #[arg(long, value_name = "ID")]
    pub envid: Option<String>,

    /// The recipient that the sender meant, for reports: ADDRESS for the only recipient, or
    /// RCPT=ADDRESS; repeatable (DSN)
    #[arg(long, value_name = "ADDRESS")]
    pub orcpt: Vec<String>,
}

/// What a report returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Returned {
    /// The whole message
    Full,
    /// Its header only
    Headers,
}

impl Returned {
    /// As the option spells it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Headers => "headers",
        }
    }
}

/// Extensions that a message may need; a server without one is refused before anything leaves.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Extensions")]
pub struct Extensions {
    /// Every hop has to use TLS, verified (REQUIRETLS)
    #[arg(long)]
    pub require_tls: bool,

    /// Have the server hold the message back for that long: seconds, or 30m, 2h, 1d (FUTURERELEASE)
    #[arg(long, value_name = "TIME", conflicts_with = "hold_until", value_parser = hold_for)]
    pub hold_for: Option<u32>,

    /// Have the server hold the message back until then, a time by RFC 3339 (FUTURERELEASE)
    #[arg(long, value_name = "TIME", value_parser = hold_until)]
    pub hold_until: Option<jiff::Timestamp>,

    /// Priority from -9 to 9 (MT-PRIORITY)
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true,
          value_parser = clap::value_parser!(i8).range(-9..=9))]
    pub priority: Option<i8>,

    /// Deliver within that time, or report: seconds, or 30m, 2h, 1d, with ;N to tell and go on, ;R
    /// to give it back, and T behind it to have each relay tell (DELIVERBY)
    #[arg(long, value_name = "TIME;MODE", allow_hyphen_values = true)]
    pub deliver_by: Option<String>,

    /// Have an answer for each recipient once the server has seen the message (PRDR)
    #[arg(long)]
    pub prdr: bool,
}

fn hold_for(text: &str) -> Result<u32, String> {
    let seconds = crate::open::span(text)?.as_secs_f64();
    // RFC 4865 section 4: future-release-integer.
    match seconds.fract() == 0.0 && seconds < 1e9 {
        true => Ok(seconds as u32),
        false => Err("want 1 to 999999999 seconds".to_owned()),
    }
}

fn hold_until(text: &str) -> Result<jiff::Timestamp, String> {
    text.parse().map_err(|_| {
        "want a time such as 2026-03-31T12:30:00Z; --hold-for takes a span, such as 8h".to_owned()
    })
}

/// How the server is spoken to, and what is shown of it.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Diagnosis")]
pub struct Diagnosis {
    /// The name to say in EHLO
    #[arg(long, value_name = "NAME")]
    pub ehlo: Option<String>,

    /// Speak for another client, where the server lets us: NAME, ADDR, PORT, PROTO, HELO, LOGIN
    /// and the like; repeatable (Postfix's XCLIENT)
    #[arg(long, value_name = "ATTRIBUTE=VALUE")]
    pub xclient: Vec<String>,

    /// Send a PROXY header before anything else (HAProxy)
    #[arg(long, value_name = "VERSION")]
    pub proxy_protocol: Option<crate::net::proxy_header::Version>,

    /// The client that the PROXY header names (default: our own address)
    #[arg(long, value_name = "ADDRESS:PORT", requires = "proxy_protocol")]
    pub proxy_client: Option<std::net::SocketAddr>,

    /// Go no further than STAGE and print the answers; no message is read or sent
    #[arg(long, value_name = "STAGE")]
    pub quit_after: Option<super::stages::QuitAfter>,
}

impl Composing {
    /// Whether recipients are named by fields.
    pub fn to_given(&self) -> bool {
        !(self.to.is_empty() && self.cc.is_empty() && self.bcc.is_empty())
    }

    /// Whether the message is composed here.
    pub fn composes(&self) -> bool {
        self.subject.is_some()
            || self.body.is_some()
            || self.html.is_some()
            || self.reply.is_some()
            || self.forward.is_some()
            || !self.attach.is_empty()
            || !self.inline.is_empty()
    }
}

const EXAMPLES: &str = "\
With --json each recipient is an object with `recipient`, `state` (delivered, temporary, permanent,
unknown), `stage` (connect, greeting, ehlo, starttls, auth, xclient, mail, rcpt, data, body), `code`,
`enhanced`, `text`, `queue_id`, and `seconds`: how long the `session` took to open, the `envelope`,
the `body` and the last `reply`. Behind --direct comes `exchanger` with `host`, `address`,
`security` (opportunistic, mta-sts, mta-sts-testing, dane, dane-unusable), `verified`, `tls` and
`note`. --spool prints `spooled`, the name of the message in its folder, and `recipients`;
--dry-run prints `sender`, `recipients`, `octets` and `changes`; a copy that --sent could not keep
is an object with `copy`, its place, `kept` (false) and `text`; sendmail -bp with --json `name`, `octets`, `sender`, `recipients`, `created`, `due`, `attempts` and `reason` (times in
seconds since 1970).

A fate is in the journal before it is printed, and survives the end of the process; the end of the
machine may cost what was written within the last second, and those messages may then go twice.

The place of --sent is looked at before anything is sent. Where a copy cannot be kept all the same,
the exit code is 79, and never one that asks for the message to be sent again.

SIGINT, SIGTERM, SIGHUP and --deadline end a run with all fates told: what was not whole by then is
temporary, and where the last octet of a message is out, its answer is waited for up to five more
seconds behind a signal and the fate is unknown without it. A second signal ends the run at once.
The exit code is 80 where anything is unknown, else 129, 130 or 143, as shells have it (75 behind a
deadline); what is left of a bulk run is not begun, and what is left of a spool waits as before.

Examples:
  Mail a report, with a file:
    df -h | pillarbox send --via alice --to bob@example.test --subject 'disk report' \\
      --attach /etc/hostname
  Hand over a whole message, and see who got it:
    pillarbox send --via alice --json bob@example.test nobody@example.test < examples/hello.eml | \\
      jq -r 'select(.state != \"delivered\").recipient'
  Post to a newsgroup:
    pillarbox send --via nntp://$NNTP_HOST:$NNTP_PORT/local.test --from alice@example.test \\
      --subject 'a test' --body 'please ignore'
  See what would leave, and what was changed for it:
    pillarbox send --via alice --to bob@example.test --subject hi --body 'hello' --dry-run --explain
  See how a server answers, up to the recipient:
    pillarbox send --via alice --quit-after rcpt nobody@example.test || true
  Send a folder over four connections, ten messages a second, and be able to go on after a crash:
    pillarbox fetch alice --to mbox:mail.mbox && \\
      pillarbox send --via alice --input mbox:mail.mbox --connections 4 --rate 10/s \\
        --journal run.db bob@example.test
  Keep a message until there is a network, and deliver what waits:
    pillarbox send --via alice --spool waiting --to bob@example.test --subject hi --body hello && \\
      pillarbox send --flush --spool waiting
  Have a report of the delivery, and a copy among one's own:
    pillarbox send --via alice --notify success --sent alice:Sent --to bob@example.test \\
      --subject hi --body hello";
