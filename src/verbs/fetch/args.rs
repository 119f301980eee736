//! The command line of `fetch`.

use std::path::PathBuf;

use super::then::Then;
use crate::open::{Common, Endpoint, Own, To};

/// Fetch messages, headers or parts by IMAP, by POP3, from newsgroups or from local mail
///
/// A source is a location (an account, a folder or a pattern of folders such as work:Lists/*, all
/// of an account as work:, a URL, a Maildir, an mbox), a reference as `search` prints it, or - for
/// references on standard input, one a line. The server's \Seen flags stay
/// as they are. The source is changed only when --then, --delete-after or --decide says so, and
/// only where every target has confirmed that it has the message.
///
/// Of several folders, a Maildir and a whole account (backup:) get one of each name; any other
/// target gets all together.
///
/// A connection to an IMAP server that breaks is made again, and what has come is not asked for
/// twice. Of a message from 16 MiB on that a run does not get whole, what has come is kept for a
/// week, below the folder of state, and the next run asks for the rest. By POP3 such a message
/// comes anew: that protocol gives messages from their start only.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES,
          group = clap::ArgGroup::new("shown")
              .conflicts_with_all(["to", "exec", "new", "dedupe", "then", "delete_after", "watch"]))]
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

    /// Only messages that this query finds, in the language of search (pillarbox-query(7))
    #[arg(long, value_name = "QUERY", allow_hyphen_values = true)]
    pub query: Option<String>,

    /// Only messages of these UIDs, such as 1:9,12,20:*; of an IMAP folder
    #[arg(long, value_name = "SET")]
    pub uid: Option<String>,

    /// Only messages that came since then: a span such as 2d, or a date
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,

    /// Only messages without \Seen
    #[arg(long)]
    pub unseen: bool,

    /// Only messages of this size at the most, such as 500K or 10M
    #[arg(long, value_name = "SIZE")]
    pub max_size: Option<String>,

    /// Also the folders below; of an account, a server or a Maildir without a folder, all
    #[arg(short, long)]
    pub recursive: bool,

    /// Only the headers, or only the fields of these names
    #[arg(long, value_name = "NAME,...", num_args = 0..=1,
          value_delimiter = ',', default_missing_value = "", conflicts_with = "section")]
    pub headers: Option<Vec<String>>,

    /// Only attachments, decoded, as files: all of them, or those of a media type (image/*) or
    /// name (*.pdf); of a message on an IMAP server nothing else travels
    #[arg(long, value_name = "TYPE|NAME", num_args = 0..=1, default_missing_value = "",
          conflicts_with_all = ["headers", "section", "to", "exec", "new", "then",
                                "delete_after", "decide"])]
    pub attachments: Option<String>,

    /// Fetch from the web what a message only links to (message/external-body), too
    #[arg(long)]
    pub follow: bool,

    /// The folder for --attachments (default: where you are)
    #[arg(short, long, value_name = "FOLDER", requires = "attachments")]
    pub output: Option<PathBuf>,

    /// Only this part of each message, raw: an IMAP section such as 1.2, TEXT or 2.MIME
    #[arg(long, value_name = "SECTION")]
    pub section: Option<String>,

    /// Only these octets of each message or section: FIRST-LAST or FIRST-, counted from 0
    #[arg(long, value_name = "RANGE", conflicts_with = "headers")]
    pub range: Option<Octets>,

    /// Only this part of each message, decoded: a number such as 1.2
    #[arg(long, value_name = "NUMBER", group = "shown",
          conflicts_with_all = ["headers", "section", "range", "attachments"])]
    pub part: Option<String>,

    /// Show what parts each message has, and fetch none
    #[arg(long, group = "shown",
          conflicts_with_all = ["headers", "section", "range", "attachments"])]
    pub structure: bool,

    /// Show date, subject and addresses, as the server has read them
    #[arg(long, group = "shown",
          conflicts_with_all = ["headers", "section", "range", "attachments"])]
    pub envelope: bool,

    /// Show the text that a reader sees first
    #[arg(long, group = "shown",
          conflicts_with_all = ["headers", "section", "range", "attachments"])]
    pub text: bool,

    /// Send COMMAND to the IMAP server, in the folder, and print its responses as they come
    #[arg(long, value_name = "COMMAND", group = "shown",
          conflicts_with_all = ["headers", "section", "range", "attachments", "query", "uid",
                                "since", "unseen", "max_size", "last"])]
    pub raw: Option<String>,

    /// Only the last N messages of each source
    #[arg(long, value_name = "N")]
    pub last: Option<usize>,

    /// Only messages that no earlier run with --new has brought to these targets
    #[arg(long)]
    pub new: bool,

    /// Bring no target a message of which it has got a copy from anywhere; implies --new
    #[arg(long)]
    pub dedupe: bool,

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
    #[arg(long, conflicts_with_all = ["attachments", "last"])]
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
On standard output, one message, part or range is exactly its octets; several whole messages are
an mbox (mboxrd). --json prints one object a message with `reference`, `flags`, `received`, and
with --headers `headers` (pairs of name and decoded value), else `content` (base64) and its
`octets`.

--attachments prints the path of each file, or where the content is of a part that only links to
it; with --json an object with `reference`, `section`, `content_type`, `url` (of a link), `path` and
`octets`. --envelope prints `date`, `subject`, `from`, `sender`, `reply_to`, `to`, `cc`, `bcc` (lists
of `name` and `address`), `in_reply_to` and `message_id`; --structure `parts`, each with `section`,
`depth`, `content_type`, `charset`, `file_name`, `disposition`, `encoding`, `octets` and `url`;
--text `text` and `links`; --part `part` and `content`; --raw one object a response with
`response`, in which {N} stands for a literal, and `literals` (base64). What a message does not have
is left out.

Where a connection to an IMAP server breaks within a message, the rest of it is fetched over a new
one. --watch goes on until it is told to end: it waits by NOTIFY or IDLE, or looks each minute. Where
it watches several folders, it watches new ones among them, too.

Examples:
  Copy an INBOX into a Maildir:
    pillarbox fetch alice --to maildir:alice-mail
  Subjects and senders of the last ten messages:
    pillarbox fetch alice --last 10 --headers from,subject
  What came in the last two days and is unread, without the large ones:
    pillarbox fetch alice --since 2d --unseen --max-size 10M --to eml:fresh
  All folders of an account, each message once:
    pillarbox fetch alice: --dedupe --to maildir:all
  Every attachment, as files:
    pillarbox search 'has:attachment' alice | pillarbox fetch - --attachments -o files
  The text of what a query finds:
    pillarbox fetch alice --query 'subject:report' --text
  One part of one message, as search named it:
    pillarbox search 'has:attachment' alice | head -n 1 | pillarbox fetch - --part 2
  The last articles of a newsgroup:
    pillarbox fetch news:local.test --last 20 --to maildir:news
  Collect what is new by POP3 into an mbox:
    pillarbox fetch --new \"pop3s://alice@$POP3S_HOST:$POP3S_PORT\" --to mbox:alice.mbox
  Hand each new message to a program, and mark what it took:
    pillarbox fetch alice --exec 'cat >> received' --then mark:seen
  What a server says of each message:
    pillarbox fetch alice --raw 'UID FETCH 1:* (FLAGS RFC822.SIZE)'";

/// A range of octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Octets {
    /// The first, from 0.
    pub first: u64,
    /// How many at the most; `None`: all to the end.
    pub count: Option<u64>,
}

impl std::str::FromStr for Octets {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "want FIRST-LAST or FIRST-, such as 0-1023".to_owned();
        let number = |text: &str| match text.bytes().all(|digit| digit.is_ascii_digit()) {
            true => text.parse::<u64>().map_err(|_| wrong()),
            false => Err(wrong()),
        };
        let (first, last) = text.split_once('-').ok_or_else(wrong)?;
        let first = number(first)?;
        if last.is_empty() {
            return Ok(Self { first, count: None });
        }
        let beyond = number(last)?.checked_sub(first).and_then(|less| less.checked_add(1));
        Ok(Self { first, count: Some(beyond.ok_or_else(wrong)?) })
    }
}

impl Args {
    /// Whether this run remembers what it brings.
    pub fn remembers(&self) -> bool {
        self.new || self.dedupe || self.watch || self.then.is_some() || self.delete_after.is_some()
    }

    /// Whether something may change at the source.
    pub fn changes(&self) -> bool {
        self.then.is_some() || self.delete_after.is_some() || self.decide.is_some()
    }
}
