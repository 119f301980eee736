//! The command line of `send`.

use std::path::PathBuf;

use crate::open::{Common, Endpoint, Own};

/// Send a message and tell the fate of every recipient
///
/// With --subject, --body, --html or --attach, standard input is the text of a message that
/// is composed here (it is not read when --body is given); else it is one whole message.
/// Recipients on the command line replace those of the message's To, Cc and Bcc.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Recipients; without any, the message's To, Cc and Bcc name them
    #[arg(value_name = "RCPT")]
    pub recipients: Vec<String>,

    /// Where to hand the message over: an account, or a URL such as submission://mail.example.org
    #[arg(long, value_name = "LOCATION")]
    pub via: Option<String>,

    /// What the message is made of.
    #[command(flatten)]
    pub composing: Composing,

    /// Whom the message goes to, and from whom.
    #[command(flatten)]
    pub envelope: EnvelopeOptions,

    /// How the server is spoken to, and what is shown of it.
    #[command(flatten)]
    pub diagnosis: Diagnosis,

    /// Options of the server.
    #[command(flatten)]
    pub server: Endpoint<Own>,

    /// Options of every verb.
    #[command(flatten)]
    pub common: Common,
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

    /// Attach FILE; repeatable
    #[arg(short, long, value_name = "FILE")]
    pub attach: Vec<PathBuf>,

    /// One more header field; repeatable
    #[arg(long, value_name = "NAME: VALUE")]
    pub header: Vec<String>,
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
}

/// How the server is spoken to, and what is shown of it.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Diagnosis")]
pub struct Diagnosis {
    /// The name to say in EHLO
    #[arg(long, value_name = "NAME")]
    pub ehlo: Option<String>,

    /// Print the message and its envelope as they would leave, and send nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}

impl Composing {
    /// Whether the message is composed here.
    pub fn composes(&self) -> bool {
        self.subject.is_some()
            || self.body.is_some()
            || self.html.is_some()
            || !self.attach.is_empty()
    }
}

const EXAMPLES: &str = "\
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
  See what would leave:
    pillarbox send --via alice --to bob@example.test --subject hi --body 'hello' --dry-run";
