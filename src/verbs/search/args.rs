//! The command line of `search`.

use std::ffi::OsString;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use jiff::tz::{Offset, TimeZone};

use crate::open::{Common, Endpoint, Own};

/// Find messages on servers and in local mail, and print their references
///
/// A location is an account (all of its folders), a folder, a URL, a Maildir, an mbox, a folder
/// of .eml files, or - for standard input: references, a message, or an mbox. Without any, all of
/// the default account is searched. The language is described in pillarbox-query(7). The exit
/// code is 0 when something was found, 1 when nothing was, and 2 after an error.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What to find, such as `from:ann is:unread since:2w`
    #[arg(value_name = "QUERY", allow_hyphen_values = true)]
    pub query: String,

    /// Where to look
    #[arg(value_name = "LOCATION")]
    pub locations: Vec<OsString>,

    /// Print only how many there are
    #[arg(long)]
    pub count: bool,

    /// Print UIDs in place of references; for one folder of a server
    #[arg(long, conflicts_with_all = ["count", "thread"])]
    pub uids: bool,

    /// Print the first N and look no further than that takes
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub limit: Option<usize>,

    /// In which order (default: as they lie in their folders)
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub sort: Option<Sort>,

    /// Print whole threads, across folders, each message before its answers
    #[arg(long, conflicts_with_all = ["count", "sort", "limit"])]
    pub thread: bool,

    /// Stay, and print what comes to match (with --json also what matches no longer)
    #[arg(long, conflicts_with_all = ["count", "sort", "limit", "thread"])]
    pub watch: bool,

    /// Keep an index of each Maildir in it, brought up to date before it is asked
    #[arg(long)]
    pub index: bool,

    /// Count text inside PDF, DOCX and ODT attachments as text of the body; implies --exact
    #[arg(long)]
    pub attachments_text: bool,

    /// Log in, say what would be asked of a server and what would be found out here, and search
    /// nothing
    #[arg(long)]
    pub explain: bool,

    /// Let a server that can (SEARCH=FUZZY) match body: and text: by sense: word forms, spellings
    #[arg(long, conflicts_with_all = ["exact", "verify", "attachments_text"])]
    pub fuzzy: bool,

    /// With --json: only these of its fields, in this order, such as reference,subject
    #[arg(
        long,
        value_name = "FIELD,...",
        value_delimiter = ',',
        requires = "json",
        conflicts_with = "count"
    )]
    pub fields: Vec<Shown>,

    /// Download what body: and text: need instead of leaving them to the server's own meaning
    #[arg(long)]
    pub exact: bool,

    /// Compare a server's answer with every message of the folder, and say where it lies; implies
    /// --exact
    #[arg(long)]
    pub verify: bool,

    /// The zone in which days begin: a name such as Europe/Oslo, or +01:00 (default: the system's)
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    pub timezone: Option<TimeZone>,

    /// Options of the server.
    #[command(flatten)]
    pub server: Endpoint<Own>,

    /// Options of every verb.
    #[command(flatten)]
    pub common: Common,
}

/// An order of what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// The oldest first, by Date, else by arrival.
    Date,
    /// The newest first.
    DateDescending,
    /// By the first author.
    From,
    /// By subject without "Re:" and the like (RFC 5256, base subject).
    Subject,
    /// The smallest first.
    Size,
    /// The one that has most of what is looked for first.
    Relevance,
}

impl ValueEnum for Sort {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [Sort; 6] = [
            Sort::Date,
            Sort::DateDescending,
            Sort::From,
            Sort::Subject,
            Sort::Size,
            Sort::Relevance,
        ];
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Date => "date",
            Self::DateDescending => "-date",
            Self::From => "from",
            Self::Subject => "subject",
            Self::Size => "size",
            Self::Relevance => "relevance",
        }))
    }
}

/// A field of a message in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Shown {
    /// Its reference.
    Reference,
    /// When it was sent, else when it arrived.
    Date,
    /// The From field.
    From,
    /// The Subject field.
    Subject,
    /// Its flags.
    Flags,
    /// Octets.
    Size,
    /// Its folder.
    Folder,
    /// Its UID.
    Uid,
    /// Whose meaning body: and text: had.
    TextBy,
    /// How much of what is looked for is in it.
    Score,
    /// The number of its thread.
    Thread,
    /// Its place in the thread.
    Depth,
    /// Whether the query asks for it itself.
    Matched,
    /// What happened to it.
    Event,
}

impl Shown {
    /// The key in the object.
    pub fn key(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Date => "date",
            Self::From => "from",
            Self::Subject => "subject",
            Self::Flags => "flags",
            Self::Size => "size",
            Self::Folder => "folder",
            Self::Uid => "uid",
            Self::TextBy => "text_by",
            Self::Score => "score",
            Self::Thread => "thread",
            Self::Depth => "depth",
            Self::Matched => "matched",
            Self::Event => "event",
        }
    }

    /// Whether it has to be read out of the message, or asked for.
    pub fn is_read(self) -> bool {
        matches!(self, Self::Date | Self::From | Self::Subject | Self::Flags | Self::Size)
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("want a number from 1 on".into()),
        Ok(number) => Ok(number),
    }
}

fn zone(text: &str) -> Result<TimeZone, String> {
    if let Ok(zone) = TimeZone::get(text) {
        return Ok(zone);
    }
    let hours_and_minutes = |text: &str| {
        let (hours, minutes) = text.split_once(':').unwrap_or((text, "00"));
        let number = |text: &str| match text.len() {
            2 => text.parse::<u8>().ok(),
            _ => None,
        };
        let (hours, minutes) = (number(hours)?, number(minutes)?);
        (minutes < 60).then(|| i32::from(hours) * 3600 + i32::from(minutes) * 60)
    };
    let seconds = match text.split_at_checked(1) {
        Some(("+", rest)) => hours_and_minutes(rest),
        Some(("-", rest)) => hours_and_minutes(rest).map(|seconds| -seconds),
        _ => None,
    };
    seconds
        .and_then(|seconds| Offset::from_seconds(seconds).ok())
        .map(TimeZone::fixed)
        .ok_or_else(|| "want a zone such as Europe/Oslo, UTC or +01:00".into())
}

const EXAMPLES: &str = "\
References go to standard output, one a line; on a terminal it is a table with date, author,
subject and flags. --json prints one object a message with `reference`, `date` (RFC 3339, in
universal time), `from`, `subject`, `flags`, `size` (octets with CRLF, as size: counts them; of a
news article only where --fields or --sort names it) and `folder`, and with `uid` where the message
has one; `text_by` is there where the query has body: or text:, and says whether the server's
meaning decided or ours; `score` with --sort relevance; `thread` (a number), `depth` and `matched`
with --thread; `event`, which is `found` or `gone`, with --watch. --fields chooses among them: what
is not chosen is not read, and a field that a message has not is null. With --explain an object has
`query`, `place`, `folders` (null for what is no server), `not_searched`, `asks`, `rest`, `needs`,
`text_by` and `ladder`, a list of `extension`, `offered`, `used` and `why`. Messages that are named
on standard input and are not there any longer are told on standard error.

Examples:
  Unread messages of the last two weeks, everywhere in an account:
    pillarbox search 'is:unread since:2w' alice
  Save what a search finds as files:
    pillarbox search 'subject:report' alice | pillarbox fetch - --to eml:reports
  The subjects of the five newest messages with an attachment:
    pillarbox search 'has:attachment' alice --sort -date --limit 5 --json | jq -r .subject
  The whole discussion around one message, in all folders of an account:
    pillarbox search --thread 'subject:report' alice
  Who writes most, by the senders alone:
    pillarbox search 'since:1y' alice --json --fields from | jq -r .from | sort | uniq -c
  What goes to the server, and what is found out here:
    pillarbox search 'has:pdf from:ann since:2026-01' alice --explain";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn parse(words: &[&str]) -> Args {
        let words = std::iter::once("search").chain(words.iter().copied());
        Line::try_parse_from(words).expect("a command line").args
    }

    #[test]
    fn a_query_may_begin_with_a_minus_sign() {
        for query in ["-list:*", "-has:pdf", "-subject:x", "-(from:a OR from:b)"] {
            let args = parse(&["--json", query, "work", "--sort", "-date"]);
            assert_eq!((args.query.as_str(), args.locations.len()), (query, 1));
            assert_eq!(args.sort, Some(Sort::DateDescending));
            assert!(args.common.json);
        }
    }

    #[test]
    fn zones() {
        for text in ["UTC", "+01:00", "-0930", "+05", "x/y", "+25:00:00", "01:00"] {
            let expected = matches!(text, "UTC" | "+01:00" | "+05");
            assert_eq!(zone(text).is_ok(), expected, "{text}");
        }
        let fixed = zone("-09:30").expect("a zone");
        assert_eq!(fixed, TimeZone::fixed(Offset::from_seconds(-34_200).expect("an offset")));
    }
}
