//! The command line of `fetch`.

use std::path::PathBuf;

use super::then::Then;
use crate::open::{Common, Endpoint, Own, To};

/// Fetch messages, headers or parts by IMAP, by POP3, from newsgroups or from local mail
///
/// A source is a location (an account, a URL, a Maildir, an mbox), a reference as `search`
/// prints it, or - for references on standard input, one a line. The server's \Seen flags stay
/// as they are. The source is changed only when --then, --delete-after or --decide says so, and
/// only where every target has confirmed that it has the message.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What to fetch
    #[arg(value_name = "SOURCE", required = true)]
    pub sources: Vec<String>,

    /// Where it goes: maildir:PATH, mbox:PATH, eml:PATH, a folder of an account or imap:// URL, a
    /// server that delivers (lmtp://, smtp://, submission://, with --rcpt), or -; repeatable
    /// (default: -, or nowhere else with --exec)
    #[arg(long, value_name = "TARGET")]
    pub to: Vec<String>,

    /// Give each message to COMMAND on its standard input: 0 means taken, 75 kept for the next
    /// run, 99 not wanted; any other status ends the run
    #[arg(long, value_name = "COMMAND")]
    pub exec: Option<String>,

    /// Whom a server delivers to; repeatable, each a target of its own
    #[arg(long, value_name = "ADDRESS", conflicts_with = "rcpt_from_header")]
    pub rcpt: Vec<String>,

    /// Whom a server delivers to: the addresses in the first field of this name (Delivered-To)
    #[arg(long, value_name = "NAME")]
    pub rcpt_from_header: Option<String>,

    /// Only the headers, or only the fields of these names
    #[arg(long, value_name = "NAME,...", num_args = 0..=1, require_equals = true,
          value_delimiter = ',', default_missing_value = "", conflicts_with = "section")]
    pub headers: Option<Vec<String>>,

    /// Only attachments, decoded, as files: all of them, or those of a media type (image/*) or
    /// name (*.pdf); of a message on an IMAP server nothing else travels
    #[arg(long, value_name = "TYPE|NAME", num_args = 0..=1, default_missing_value = "",
          conflicts_with_all = ["headers", "section", "to", "exec", "new", "then",
                                "delete_after", "decide"])]
    pub attachments: Option<String>,

    /// The folder for --attachments (default: where you are)
    #[arg(short, long, value_name = "FOLDER", requires = "attachments")]
    pub output: Option<PathBuf>,

    /// Only this part of each message, raw: an IMAP section such as 1.2, TEXT or 2.MIME
    #[arg(long, value_name = "SECTION")]
    pub section: Option<String>,

    /// Only the last N messages of each source
    #[arg(long, value_name = "N")]
    pub last: Option<usize>,

    /// Only messages that no earlier run with --new has brought to these targets
    #[arg(long)]
    pub new: bool,

    /// Show each header to COMMAND first: 0 means fetch, 1 leave, 99 delete without fetching
    #[arg(long, value_name = "COMMAND")]
    pub decide: Option<String>,

    /// What becomes of a message that every target has: delete, move:FOLDER, or
    /// mark:FLAG,-FLAG; implies --new
    #[arg(long, value_name = "ACTION")]
    pub then: Option<Then>,

    /// Delete at the source what every target got so long ago (14d, 12h, ...); implies --new
    #[arg(long, value_name = "SPAN", conflicts_with = "then")]
    pub delete_after: Option<String>,

    /// Go on and bring what comes as it comes, over connections that break; implies --new
    #[arg(long, conflicts_with = "attachments")]
    pub watch: bool,

    /// Keep the line ends that the source has (default: LF in Maildir, mbox and eml)
    #[arg(long)]
    pub crlf: bool,

    /// Options of the server.
    #[command(flatten)]
    pub server: Endpoint<Own>,

    /// Options of the server among the targets.
    #[command(flatten)]
    pub to_server: Endpoint<To>,

    /// Options of every verb.
    #[command(flatten)]
    pub common: Common,
}

const EXAMPLES: &str = "\
On standard output, one message or part is exactly its octets; several whole messages are
an mbox (mboxrd). --attachments prints the path of each file, with --json an object with
`reference`, `section`, `content_type`, `path` and `octets`. Else --json prints one object a message with `reference`, `flags`, `received`,
`size` and, with --headers, `headers`, else `content` (base64).

Examples:
  Copy an INBOX into a Maildir:
    pillarbox fetch alice --to maildir:alice-mail
  Subjects and senders of the last ten messages:
    pillarbox fetch alice --last 10 --headers=from,subject
  Every attachment, as files:
    pillarbox search 'has:attachment' alice | pillarbox fetch - --attachments -o files
  One part of one message, as search named it:
    pillarbox search 'subject:report' alice | head -n 1 | pillarbox fetch - --section 1
  The last articles of a newsgroup:
    pillarbox fetch news:local.test --last 20 --to maildir:news
  Collect what is new by POP3 into an mbox:
    pillarbox fetch --new \"pop3s://alice@$POP3S_HOST:$POP3S_PORT\" --to mbox:alice.mbox
  Hand each new message to a program, and mark what it took:
    pillarbox fetch alice --exec 'cat >> received' --then mark:seen";

impl Args {
    /// Whether this run remembers what it brings.
    pub fn remembers(&self) -> bool {
        self.new || self.watch || self.then.is_some() || self.delete_after.is_some()
    }

    /// Whether something may change at the source.
    pub fn changes(&self) -> bool {
        self.then.is_some() || self.delete_after.is_some() || self.decide.is_some()
    }
}
