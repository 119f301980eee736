//! The syntax tree of a query, and its way back to text.
//!
//! `Display` writes what the parser reads as the same tree.

use std::fmt;

use super::pattern::{Pattern, write_text};
use super::span::TimeRange;

/// A query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    /// Every message.
    All,
    /// All of these; none of them makes it true.
    And(Vec<Expr>),
    /// At least one of these; none of them makes it false.
    Or(Vec<Expr>),
    /// Not this.
    Not(Box<Expr>),
    /// One term.
    Term(Term),
}

impl Expr {
    /// The terms in the order in which they are written.
    pub fn terms(&self) -> Vec<&Term> {
        let mut out = Vec::new();
        let mut waiting = vec![self];
        while let Some(expr) = waiting.pop() {
            match expr {
                Expr::All => {}
                Expr::And(list) | Expr::Or(list) => waiting.extend(list.iter().rev()),
                Expr::Not(inner) => waiting.push(inner),
                Expr::Term(term) => out.push(term),
            }
        }
        out
    }
}

/// What one message is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// `from:`, `subject:`, `body:`, … and bare words.
    Match(Field, Pattern),
    /// `header:NAME:VALUE`.
    Header(String, Pattern),
    /// `has:`.
    Has(&'static Has),
    /// `is:`.
    Is(Is),
    /// `flag:`: a keyword, or a system flag with its backslash.
    Flag(String),
    /// `date:` and its relatives.
    Date(DateTerm),
    /// `size:`, `larger:`, `smaller:`.
    Size(SizeRange),
    /// `uid:`.
    Uid(UidSet),
    /// `thread:`: the id of a message; true of that one and of what refers to it. The test server
    /// takes its own thread ids, too (RFC 8474); no other server is asked for them.
    Thread(String),
    /// `gm:`: Gmail's own language, for X-GM-RAW.
    Gmail(String),
    /// A key that only one kind of source has and that has no text form (IMAP's RECENT or
    /// MODSEQ): whoever put the number in answers for it.
    Extra(u32),
}

/// Where a [`Pattern`] is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// The From field, decoded.
    From,
    /// The To field.
    To,
    /// The Cc field.
    Cc,
    /// The Bcc field.
    Bcc,
    /// The Subject field.
    Subject,
    /// The text of the bodies.
    Body,
    /// Every header field as `Name: value`, and the text of the bodies.
    Text,
    /// The List-Id field.
    List,
    /// The Message-ID: the whole of it when the value is in angle brackets.
    Id,
    /// The file name of a part.
    FileName,
    /// The media type of a part.
    Type,
    /// The charset of a part.
    Charset,
    /// The folder: the whole name, `*` standing for anything.
    Folder,
    /// The account: the whole name.
    Account,
}

impl Field {
    /// All of them.
    pub const ALL: [Field; 14] = [
        Field::From,
        Field::To,
        Field::Cc,
        Field::Bcc,
        Field::Subject,
        Field::Body,
        Field::Text,
        Field::List,
        Field::Id,
        Field::FileName,
        Field::Type,
        Field::Charset,
        Field::Folder,
        Field::Account,
    ];

    /// The word before the colon.
    pub fn name(self) -> &'static str {
        match self {
            Field::From => "from",
            Field::To => "to",
            Field::Cc => "cc",
            Field::Bcc => "bcc",
            Field::Subject => "subject",
            Field::Body => "body",
            Field::Text => "text",
            Field::List => "list",
            Field::Id => "id",
            Field::FileName => "filename",
            Field::Type => "type",
            Field::Charset => "charset",
            Field::Folder => "folder",
            Field::Account => "account",
        }
    }

    /// The header field that is looked into, for those that look into one.
    pub fn header_name(self) -> Option<&'static str> {
        match self {
            Field::From => Some("From"),
            Field::To => Some("To"),
            Field::Cc => Some("Cc"),
            Field::Bcc => Some("Bcc"),
            Field::Subject => Some("Subject"),
            Field::List => Some("List-Id"),
            Field::Id => Some("Message-ID"),
            _ => None,
        }
    }
}

/// A kind of content that `has:` asks for.
#[derive(Debug, PartialEq, Eq)]
pub struct Has {
    /// The word after `has:`.
    pub name: &'static str,
    /// Media types, or their beginnings when they end with a slash.
    pub types: &'static [&'static str],
    /// Ends of file names, with their dot.
    pub extensions: &'static [&'static str],
}

/// All kinds.
static KINDS: [Has; 14] = [
    Has { name: "attachment", types: &[], extensions: &[] },
    Has { name: "pdf", types: &["application/pdf"], extensions: &[".pdf"] },
    Has {
        name: "image",
        types: &["image/"],
        extensions: &[".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".tif", ".tiff", ".heic"],
    },
    Has {
        name: "audio",
        types: &["audio/"],
        extensions: &[".mp3", ".ogg", ".wav", ".flac", ".m4a"],
    },
    Has {
        name: "video",
        types: &["video/"],
        extensions: &[".mp4", ".mov", ".avi", ".mkv", ".webm"],
    },
    Has { name: "html", types: &["text/html"], extensions: &[".html", ".htm"] },
    Has {
        name: "document",
        types: &[
            "application/msword",
            "application/rtf",
            "application/vnd.oasis.opendocument.text",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ],
        extensions: &[".doc", ".docx", ".odt", ".rtf"],
    },
    Has {
        name: "spreadsheet",
        types: &[
            "application/vnd.ms-excel",
            "application/vnd.oasis.opendocument.spreadsheet",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "text/csv",
        ],
        extensions: &[".xls", ".xlsx", ".ods", ".csv"],
    },
    Has {
        name: "presentation",
        types: &[
            "application/vnd.ms-powerpoint",
            "application/vnd.oasis.opendocument.presentation",
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        ],
        extensions: &[".ppt", ".pptx", ".odp"],
    },
    Has {
        name: "archive",
        types: &[
            "application/zip",
            "application/gzip",
            "application/x-gzip",
            "application/x-tar",
            "application/x-7z-compressed",
            "application/x-rar-compressed",
            "application/vnd.rar",
            "application/zstd",
        ],
        extensions: &[".zip", ".gz", ".tgz", ".tar", ".7z", ".rar", ".zst", ".xz", ".bz2"],
    },
    Has { name: "calendar", types: &["text/calendar", "application/ics"], extensions: &[".ics"] },
    Has {
        name: "contact",
        types: &["text/vcard", "text/x-vcard", "text/directory"],
        extensions: &[".vcf"],
    },
    Has {
        name: "patch",
        types: &["text/x-patch", "text/x-diff"],
        extensions: &[".patch", ".diff"],
    },
    Has { name: "message", types: &["message/rfc822", "message/global"], extensions: &[".eml"] },
];

impl Has {
    /// All kinds. `attachment` goes by disposition and has no types of its own.
    pub fn all() -> &'static [Has] {
        &KINDS
    }

    /// The kind of this name, in any case.
    pub fn from_name(name: &str) -> Option<&'static Has> {
        KINDS.iter().find(|kind| kind.name.eq_ignore_ascii_case(name))
    }
}

/// A state that `is:` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Is {
    /// Without `\Seen`.
    Unread,
    /// With `\Seen`.
    Read,
    /// With `\Flagged`.
    Flagged,
    /// With `\Answered`.
    Answered,
    /// With `\Draft`.
    Draft,
    /// With `\Deleted`.
    Deleted,
    /// With `$Forwarded`.
    Forwarded,
    /// Encrypted by OpenPGP/MIME or S/MIME.
    Encrypted,
    /// Signed by OpenPGP/MIME or S/MIME.
    Signed,
}

impl Is {
    /// All of them.
    pub const ALL: [Is; 9] = [
        Is::Unread,
        Is::Read,
        Is::Flagged,
        Is::Answered,
        Is::Draft,
        Is::Deleted,
        Is::Forwarded,
        Is::Encrypted,
        Is::Signed,
    ];

    /// The word after `is:`.
    pub fn name(self) -> &'static str {
        match self {
            Is::Unread => "unread",
            Is::Read => "read",
            Is::Flagged => "flagged",
            Is::Answered => "answered",
            Is::Draft => "draft",
            Is::Deleted => "deleted",
            Is::Forwarded => "forwarded",
            Is::Encrypted => "encrypted",
            Is::Signed => "signed",
        }
    }

    /// The flag that decides, and whether it must be set; `None` where the parts decide.
    pub fn flag(self) -> Option<(&'static str, bool)> {
        match self {
            Is::Unread => Some(("\\Seen", false)),
            Is::Read => Some(("\\Seen", true)),
            Is::Flagged => Some(("\\Flagged", true)),
            Is::Answered => Some(("\\Answered", true)),
            Is::Draft => Some(("\\Draft", true)),
            Is::Deleted => Some(("\\Deleted", true)),
            Is::Forwarded => Some(("$Forwarded", true)),
            Is::Encrypted | Is::Signed => None,
        }
    }
}

/// The word that begins a date term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DateKeyword {
    /// Sent then.
    Date,
    /// Received then or later.
    Since,
    /// Received earlier.
    Before,
    /// Received then.
    On,
    /// Received longer ago than a span, or before a date.
    Older,
    /// Received less long ago than a span, or since a date.
    Newer,
    /// Put into its folder then.
    Saved,
}

impl DateKeyword {
    /// All of them.
    pub const ALL: [DateKeyword; 7] = [
        DateKeyword::Date,
        DateKeyword::Since,
        DateKeyword::Before,
        DateKeyword::On,
        DateKeyword::Older,
        DateKeyword::Newer,
        DateKeyword::Saved,
    ];

    /// The word before the colon.
    pub fn name(self) -> &'static str {
        match self {
            DateKeyword::Date => "date",
            DateKeyword::Since => "since",
            DateKeyword::Before => "before",
            DateKeyword::On => "on",
            DateKeyword::Older => "older",
            DateKeyword::Newer => "newer",
            DateKeyword::Saved => "saved",
        }
    }

    /// Whether it speaks of the date of sending (Date) and not of arrival.
    pub fn is_sent(self) -> bool {
        self == DateKeyword::Date
    }
}

/// A date term: what was written, and the time it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateTerm {
    /// The word before the colon.
    pub keyword: DateKeyword,
    /// What stood behind it.
    pub text: String,
    /// The time that a message's date must lie in.
    pub range: TimeRange,
}

impl DateTerm {
    /// Whether it says how long ago, and not when.
    pub fn is_span(&self) -> bool {
        self.text.starts_with(|c: char| c.is_ascii_digit())
            && self.text.ends_with(|c: char| c.is_ascii_lowercase())
            && self.text.bytes().all(|c| c.is_ascii_digit() || c.is_ascii_lowercase())
    }
}

/// Sizes in octets, both ends included; `None` is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeRange {
    /// The smallest.
    pub least: Option<u64>,
    /// The largest.
    pub most: Option<u64>,
}

impl SizeRange {
    /// Whether a size lies in it.
    pub fn contains(&self, octets: u64) -> bool {
        self.least.is_none_or(|least| octets >= least)
            && self.most.is_none_or(|most| octets <= most)
    }

    /// Whether all sizes between these two lie in it, or none; `None`: only some do.
    pub fn contains_all(&self, (smallest, largest): (u64, u64)) -> Option<bool> {
        let is_beyond = self.least.is_some_and(|least| largest < least)
            || self.most.is_some_and(|most| smallest > most);
        match (self.contains(smallest), self.contains(largest)) {
            (true, true) => Some(true),
            _ => is_beyond.then_some(false),
        }
    }
}

/// UIDs: ranges with both ends, the lower first; `*` is the largest number there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UidSet(pub Vec<(u32, u32)>);

impl UidSet {
    /// Whether a UID is in it.
    pub fn contains(&self, uid: u32) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&uid))
    }
}

impl fmt::Display for UidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |uid: u32| if uid == u32::MAX { "*".to_owned() } else { uid.to_string() };
        for (index, (first, last)) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            f.write_str(&number(*first))?;
            if first != last {
                write!(f, ":{}", number(*last))?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for SizeRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.least, self.most) {
            (least, None) => write!(f, ">={}", least.unwrap_or(0)),
            (None, Some(most)) => write!(f, "<={most}"),
            (Some(least), Some(most)) if least == most => write!(f, "{least}"),
            (Some(least), Some(most)) => write!(f, "{least}..{most}"),
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |f: &mut fmt::Formatter<'_>, keyword: &str, value: &str| {
            write!(f, "{keyword}:")?;
            write_text(f, value)
        };
        match self {
            // A bare "*" would be every message.
            Term::Match(Field::Text, pattern) if *pattern != Pattern::Present => {
                write!(f, "{pattern}")
            }
            Term::Match(field, pattern) => write!(f, "{}:{pattern}", field.name()),
            Term::Header(name, pattern) => write!(f, "header:{name}:{pattern}"),
            Term::Has(has) => write!(f, "has:{}", has.name),
            Term::Is(is) => write!(f, "is:{}", is.name()),
            Term::Flag(flag) => text(f, "flag", flag),
            Term::Date(date) => text(f, date.keyword.name(), &date.text),
            Term::Size(range) => write!(f, "size:{range}"),
            Term::Uid(set) => write!(f, "uid:{set}"),
            Term::Thread(id) => text(f, "thread", id),
            Term::Gmail(query) => text(f, "gm", query),
            Term::Extra(number) => write!(f, "[{number}]"),
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn joined(
            f: &mut fmt::Formatter<'_>,
            list: &[Expr],
            between: &str,
            bare: fn(&Expr) -> bool,
        ) -> fmt::Result {
            for (index, expr) in list.iter().enumerate() {
                if index > 0 {
                    f.write_str(between)?;
                }
                if bare(expr) {
                    write!(f, "{expr}")?;
                } else {
                    write!(f, "({expr})")?;
                }
            }
            Ok(())
        }
        match self {
            Expr::All => f.write_str("*"),
            Expr::And(list) => {
                joined(f, list, " ", |expr| !matches!(expr, Expr::And(_) | Expr::Or(_)))
            }
            Expr::Or(list) => joined(f, list, " OR ", |expr| !matches!(expr, Expr::Or(_))),
            Expr::Not(inner) if matches!(**inner, Expr::And(_) | Expr::Or(_)) => {
                write!(f, "-({inner})")
            }
            Expr::Not(inner) => write!(f, "-{inner}"),
            Expr::Term(term) => write!(f, "{term}"),
        }
    }
}
