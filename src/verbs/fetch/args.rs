//! The command line of `fetch`.

use crate::open::{Common, Endpoint, Own};

/// Fetch messages, headers or parts by IMAP, by POP3 or from local mail
///
/// A source is a location (an account, a URL, a Maildir, an mbox), a reference as `search`
/// prints it, or - for references on standard input, one a line. The server's \Seen flags stay
/// as they are. Nothing is deleted.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What to fetch
    #[arg(value_name = "SOURCE", required = true)]
    pub sources: Vec<String>,

    /// Where it goes: maildir:PATH, mbox:PATH, eml:PATH or -; repeatable (default: -)
    #[arg(long, value_name = "TARGET")]
    pub to: Vec<String>,

    /// Only the headers, or only the fields of these names
    #[arg(long, value_name = "NAME,...", num_args = 0..=1, require_equals = true,
          value_delimiter = ',', default_missing_value = "", conflicts_with = "section")]
    pub headers: Option<Vec<String>>,

    /// Only this part of each message, raw: an IMAP section such as 1.2, TEXT or 2.MIME
    #[arg(long, value_name = "SECTION")]
    pub section: Option<String>,

    /// Only the last N messages of each source
    #[arg(long, value_name = "N")]
    pub last: Option<usize>,

    /// Only messages that no earlier run with --new has brought to these targets
    #[arg(long)]
    pub new: bool,

    /// Keep the line ends that the source has (default: LF in Maildir, mbox and eml)
    #[arg(long)]
    pub crlf: bool,

    /// Options of the server.
    #[command(flatten)]
    pub server: Endpoint<Own>,

    /// Options of every verb.
    #[command(flatten)]
    pub common: Common,
}

const EXAMPLES: &str = "\
On standard output, one message or part is exactly its octets; several whole messages are
an mbox (mboxrd); --json prints one object a message with `reference`, `flags`, `received`,
`size` and, with --headers, `headers`, else `content` (base64).

Examples:
  Copy an INBOX into a Maildir:
    pillarbox fetch alice --to maildir:alice-mail
  Subjects and senders of the last ten messages:
    pillarbox fetch alice --last 10 --headers=from,subject
  One part of one message, as search named it:
    pillarbox search 'subject:report' alice | head -n 1 | pillarbox fetch - --section 1
  Collect what is new by POP3 into an mbox:
    pillarbox fetch --new \"pop3s://alice@$POP3S_HOST:$POP3S_PORT\" --to mbox:alice.mbox";
