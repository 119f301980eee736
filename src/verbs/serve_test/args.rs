//! The command line of `serve-test`.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;

use super::certificates::Preset;
use super::client::Control;
use super::expect::Expectation;
use super::faults::Rule;
use super::limits::Limit;
use super::listeners::Port;
use super::personalities::Like;
use super::pipes::Emit;
use crate::net::http::Url;

/// Run SMTP, submission, LMTP, IMAP, POP3 and NNTP servers for tests
///
/// With `-- CMD`, the servers live as long as CMD, which finds them in its environment
/// (SMTP_URL, IMAPS_URL, ... and accounts for pillarbox itself), and whose exit code is
/// passed on. Without, one line of JSON on standard output says which ports are ready, and the
/// servers run until they are interrupted. Mail is kept in memory unless --store says more.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
pub struct Args {
    // What to ask a server that runs already.
    #[command(subcommand)]
    pub control: Option<Control>,

    /// A user with a mailbox; repeatable (default: alice:secret and bob:secret)
    #[arg(long = "user", value_name = "NAME:PASSWORD", value_parser = user)]
    pub users: Vec<(String, String)>,

    /// Let anybody log in with any password, and give every recipient a mailbox
    #[arg(long)]
    pub any_user: bool,

    /// Mail for unknown recipients goes to this user instead of being refused
    #[arg(long, value_name = "NAME")]
    pub catch_all: Option<String>,

    /// The domain of the users' addresses (mail to any other domain is taken for it too)
    #[arg(long, value_name = "DOMAIN", default_value = "example.test")]
    pub domain: String,

    /// Put the messages of this mbox, Maildir or file into the first user's INBOX; repeatable
    #[arg(long, value_name = "PATH")]
    pub seed_mail: Vec<PathBuf>,

    /// Make newsgroups of the articles in this mbox, Maildir or file, as their Newsgroups fields
    /// say; repeatable (there is always `local.test`)
    #[arg(long, value_name = "PATH")]
    pub seed_news: Vec<PathBuf>,

    /// Where mail is kept: memory, or maildir:DIR, a Maildir++ for each user in DIR
    ///
    /// What is in DIR is there again at the next start, UIDs, flags and subscriptions too,
    /// however this one ended. Other programs can read it; what they deliver into it is seen
    /// at the next start. All of it is held in memory, too.
    #[arg(long, value_name = "STORE", default_value = "memory", value_parser = store)]
    pub store: Store,

    /// Hold no more than SIZE of mail and news (as 500M, 2G): the oldest is dropped, and that is
    /// told; copies count once
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub max_memory: Option<u64>,

    /// Listen on a port of choice, as imap=1143; repeatable (default: any free port)
    #[arg(long = "port", value_name = "PROTOCOL=PORT")]
    pub ports: Vec<Port>,

    /// Listen on this address instead of 127.0.0.1; this is a test server, mind who can reach it
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub listen: IpAddr,

    /// How good the certificate is
    #[arg(long, value_name = "PRESET", default_value = "valid")]
    pub tls: Preset,

    /// Capabilities that are not listed (IMAP CAPABILITY, SMTP EHLO, POP3 CAPA, NNTP CAPABILITIES); repeatable
    ///
    /// In any case, as CONDSTORE,IDLE,PIPELINING,UIDL; AUTH=PLAIN is one mechanism, AUTH all of
    /// them. SMTP, POP3 and NNTP refuse what they do not list, IMAP does it all the same.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub hide: Vec<String>,

    /// Be like another server: its capabilities, its folders, and what it gets wrong
    #[arg(long, value_name = "SERVER")]
    pub like: Option<Like>,

    /// Allow no more than this; repeatable, or between commas
    ///
    /// `message=10M` (octets), `recipients=100`, `connections=50` (at a time), `line=1000`
    /// (octets of a command, IMAP's literals not counted), `commands=100/min` (of one
    /// connection; also /s and /h), `idle=30s`, `login-delay=60s` (between two logins of a user of POP3).
    #[arg(long = "limit", value_name = "NAME=VALUE,...", value_delimiter = ',')]
    pub limits: Vec<Limit>,

    /// Disturb what matches, as 'rcpt to:/full/ => 452 4.2.2 full'; repeatable
    ///
    /// `[smtp|submission|lmtp|imap|pop3|nntp] COMMAND [ARGUMENT] [WHICH] => EFFECT[, EFFECT...]`
    ///
    /// COMMAND is a verb, `*` for any, `.` for the end of message data, or `greeting`. ARGUMENT
    /// is a part of what follows it, in any case, or a /regular expression/, or one behind the
    /// other. `#3` is the third match alone, `#3+` from there on, `%10` ten of a hundred,
    /// `>20/min` what is more than twenty a minute.
    ///
    /// EFFECT is `delay 3s`, `drop after 512` (octets), `throttle 100/s`, `garble`, `close`,
    /// `stall`, `greylist 30s` (a recipient is taken when it is tried again so much later), or the server's answer: `452 4.2.2 full`, `-ERR [SYS/TEMP] later`,
    /// `NO [UNAVAILABLE] later`, `BYE gone`, or `reply` and any line. An answer comes last.
    /// The first rule whose turn it is decides; matches are counted over all connections.
    ///
    /// Without a rule, addresses in MAIL and RCPT ask for faults: 550-5.1.1@fault.test,
    /// delay-3s@fault.test (its mail is the first user's), late-3s@fault.test (so much later in
    /// the mailbox), bounce-5.1.1@fault.test (taken, and reported to the sender as failed),
    /// close@fault.test, stall@fault.test.
    #[arg(long = "fault", value_name = "RULE")]
    pub faults: Vec<Rule>,

    /// What faults leave to chance comes out as in an earlier run with this number
    #[arg(long, value_name = "N", requires = "faults")]
    pub seed: Option<u64>,

    /// Mail that has to have come in the end; repeatable
    ///
    /// A query as of `search` (`to:` and `from:` find the envelope's addresses too), and
    /// between its terms `count:N` or `count:N..M` (default: at least one), `never`, and
    /// `within:5s`: how long after the end of CMD it may still come. What is not met is
    /// explained on standard error, and the exit code is 1 unless CMD gave another.
    #[arg(long = "expect", value_name = "EXPR")]
    pub expectations: Vec<Expectation>,

    /// Write each accepted message to standard output, as a line of JSON or as an mbox
    #[arg(
        long,
        value_name = "FORMAT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "json"
    )]
    pub emit: Option<Emit>,

    /// POST each accepted message to this URL, as the JSON of `--emit`
    #[arg(long, value_name = "URL")]
    pub webhook: Option<Url>,

    /// Run this for each accepted message, by `sh -c`, with the message on standard input
    ///
    /// One at a time. It finds what CMD finds in its environment, and `PILLARBOX_ID`,
    /// `PILLARBOX_FROM` and `PILLARBOX_TO` (the recipients between blanks).
    #[arg(long, value_name = "COMMAND")]
    pub exec: Option<OsString>,

    /// Write every dialogue with its content to FILE, secrets left out, for `serve-test replay`
    ///
    /// SCRAM is not listed then: no second client could log in by the answers to the first.
    /// Each line is an object with `connection` (a number), `us` (microseconds) and `event`:
    /// `connected` (with `protocol`), `client` and `server` (with `text`, or `base64` where it is
    /// not UTF-8, and `content` for what is no command), `secret`, `encrypted`, `closed`.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,

    /// Pass connections on to a real server, as imaps://imap.example.org, for `--record`
    ///
    /// Clients connect here, and their dialogue goes through: over TLS for imaps, pop3s,
    /// submissions and nntps, in the clear for the others. The other protocols are served as ever.
    #[arg(long, value_name = "URL")]
    pub proxy: Option<String>,

    /// The authority (PEM) of the server behind --proxy and of --webhook, instead of the
    /// system's
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,

    /// Ask clients for a certificate from the authorities in FILE (PEM)
    ///
    /// The user whom it names, in the first address or else in the common name, may log in by
    /// EXTERNAL. Clients without a certificate are served too.
    #[arg(long, value_name = "FILE")]
    pub client_ca: Option<PathBuf>,

    /// Take Kerberos tickets for the services whose keys are in FILE, an MIT keytab (GSSAPI)
    ///
    /// The keys are those of imap/localhost, pop/localhost, smtp/localhost and the like, in the
    /// realm of the clients. A client is the user whose name its principal begins with.
    #[arg(long, value_name = "FILE")]
    pub keytab: Option<PathBuf>,

    /// Let passwords cross connections without TLS
    #[arg(long)]
    pub allow_cleartext: bool,

    /// Write the line of JSON to this file descriptor instead of standard output
    #[arg(long, value_name = "FD", value_parser = clap::value_parser!(i32).range(0..))]
    pub ready_fd: Option<i32>,

    /// Show every dialogue on standard error, secrets left out
    #[arg(short, long)]
    pub verbose: bool,

    /// Write every dialogue to FILE as JSON Lines with microsecond times
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,

    /// The command to run, with its arguments
    #[arg(last = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

impl Args {
    /// Whether a command is run, whose exit code is told apart from ours.
    pub fn wraps(&self) -> bool {
        match &self.control {
            Some(Control::Replay(replay)) => !replay.command.is_empty(),
            _ => !self.command.is_empty(),
        }
    }
}

/// Where mail is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Store {
    /// Nowhere else than in memory.
    Memory,
    /// In this folder, too.
    Maildir(PathBuf),
}

fn store(text: &str) -> Result<Store, String> {
    match text.split_once(':') {
        None if text == "memory" => Ok(Store::Memory),
        Some(("maildir", path)) if !path.is_empty() => Ok(Store::Maildir(path.into())),
        _ => Err("want memory or maildir:DIR".into()),
    }
}

fn size(text: &str) -> Result<u64, String> {
    let size = crate::query::span::size(text).filter(|size| *size > 0);
    size.ok_or_else(|| "want a number of octets, as 500M or 2G".into())
}

fn user(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((name, password)) if is_name(name) && !password.is_empty() => {
            Ok((name.to_owned(), password.to_owned()))
        }
        _ => Err("want NAME:PASSWORD, the name of letters, digits, `.`, `_` and `-`".into()),
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"._-@".contains(&octet))
}

const EXAMPLES: &str = "\
Examples:
  Run a test suite against the servers:
    pillarbox serve-test -- sh examples/tour.sh
  A shell to look around in (pillarbox fetch alice, curl $IMAPS_URL ...):
    pillarbox serve-test -- sh -c 'curl -s -u alice:secret \"$IMAPS_URL/INBOX\" -X NOOP'
  Assert what a program sends:
    pillarbox serve-test --expect 'to:bob subject:/^Hi/ count:1 within:5s' -- \\
      pillarbox send --to bob@example.test --subject 'Hi Bob' --body x
  Follow the link that a program sends:
    pillarbox serve-test -- sh -c 'pillarbox send --to bob@example.test \\
      --subject Hi --body https://example.test/x?y=1 && \\
      pillarbox serve-test wait --to bob --extract link'
  A server that is older than it is:
    pillarbox serve-test --hide IDLE -- sh -c '! curl -s \"$IMAPS_URL\" -X CAPABILITY | grep IDLE'
  Every recipient refused:
    pillarbox serve-test --fault 'rcpt => 550' -- sh -c '! pillarbox send --to a@b.t --body x'
  Record a dialogue, and be its server again:
    pillarbox serve-test --record s.jsonl -- pillarbox fetch alice && \\
      pillarbox serve-test replay s.jsonl -- pillarbox fetch alice
  A server with other habits:
    pillarbox serve-test --like exchange -- sh -c 'pillarbox folder list alice'
  Meet an expired certificate:
    pillarbox serve-test --tls expired -- sh -c '! pillarbox fetch alice'";
