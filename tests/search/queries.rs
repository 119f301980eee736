//! Queries drawn at random: as text for the program, as a tree for the model.

use serde_json::{Value, json};

use super::mailbox::{FOREIGN, WORDS};
use super::support::mail::Random;
use super::{FIRST, HOUR};

/// Hours of a day, in seconds.
const DAY: u64 = 24 * HOUR;

/// 1 February 2026 in universal time: the messages were sent in that month.
const SENT: u64 = FIRST - 28 * DAY;

/// Zones in which days begin, and how far they are before universal time in seconds.
const ZONES: [(&str, i64); 3] = [("UTC", 0), ("+09:30", 34_200), ("-08:00", -28_800)];

/// Every kind of content that `has:` knows.
const KINDS: [&str; 14] = [
    "attachment",
    "pdf",
    "image",
    "audio",
    "video",
    "html",
    "document",
    "spreadsheet",
    "presentation",
    "archive",
    "calendar",
    "contact",
    "patch",
    "message",
];

/// States, the flag that decides, and whether it is set.
const STATES: [(&str, &str, bool); 7] = [
    ("read", "\\Seen", true),
    ("unread", "\\Seen", false),
    ("flagged", "\\Flagged", true),
    ("answered", "\\Answered", true),
    ("draft", "\\Draft", true),
    ("deleted", "\\Deleted", true),
    ("forwarded", "$Forwarded", true),
];

/// What queries ask for.
#[derive(Debug)]
pub struct Vocabulary {
    /// Words of ASCII.
    words: Vec<String>,
    /// Words beyond it.
    foreign: Vec<String>,
    /// Names of header fields.
    fields: Vec<String>,
    /// Message-IDs, without angle brackets.
    ids: Vec<String>,
    /// Names of charsets.
    charsets: Vec<String>,
}

impl Vocabulary {
    /// That of generated mail.
    pub fn generated() -> Vocabulary {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let charsets = ["utf-8", "iso-8859", "koi8-r", "GB", "us-ascii", "jp"];
        Vocabulary {
            words: owned(&WORDS),
            foreign: FOREIGN.iter().map(|(word, _)| (*word).to_owned()).collect(),
            fields: owned(&["X-Note", "Cc", "mime-version"]),
            ids: (0..40).map(|number| format!("{number}@generated.example")).collect(),
            charsets: owned(&charsets),
        }
    }

    /// Words that stand in these messages, as they stand there or decoded, and the fields that
    /// they have.
    pub fn of(messages: &[Vec<u8>], random: &mut Random) -> Vocabulary {
        let mut found = Vocabulary {
            words: Vec::new(),
            foreign: Vec::new(),
            fields: Vec::new(),
            ids: Vec::new(),
            charsets: Vec::new(),
        };
        for octets in messages {
            let text = String::from_utf8_lossy(octets);
            let is_letter = |c: char| c.is_alphanumeric() && c != char::REPLACEMENT_CHARACTER;
            let words = || {
                let runs = text.split(|c: char| !is_letter(c));
                runs.filter(|word| (2..=20).contains(&word.chars().count())).map(str::to_owned)
            };
            let ascii: Vec<String> = words().filter(|word| word.is_ascii()).collect();
            let foreign: Vec<String> = words().filter(|word| !word.is_ascii()).collect();
            let header = text.lines().take_while(|line| !line.trim().is_empty());
            let is_name =
                |name: &&str| name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
            let names: Vec<&str> = header
                .clone()
                .filter_map(|line| Some(line.split_once(':')?.0))
                .filter(|name| !name.is_empty())
                .filter(is_name)
                .collect();
            for _ in 0..6 {
                if !ascii.is_empty() {
                    found.words.push(random.choose(&ascii).clone());
                }
                if !foreign.is_empty() {
                    found.foreign.push(random.choose(&foreign).clone());
                }
                if !names.is_empty() {
                    found.fields.push((*random.choose(&names)).to_owned());
                }
            }
            let is_plain = |id: &str| !id.is_empty() && id.bytes().all(|c| c.is_ascii_graphic());
            found.ids.extend(header.filter_map(|line| {
                let (name, value) = line.split_once(':')?;
                let id = value.trim().strip_prefix('<')?.strip_suffix('>')?;
                let is_id = name.eq_ignore_ascii_case("Message-ID");
                (is_id && is_plain(id) && !id.contains(['"', '\\', '(', ')', '<', '>']))
                    .then(|| id.to_owned())
            }));
            let labels = text.split("charset=").skip(1).map(|rest| {
                let name = rest.trim_start_matches('"');
                let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
                name.split(|c: char| !is_name(c)).next().unwrap_or_default().to_owned()
            });
            found.charsets.extend(labels.filter(|name| !name.is_empty()));
        }
        let generated = Vocabulary::generated();
        found.foreign.extend(generated.foreign);
        found.fields.extend(generated.fields);
        found.ids.extend(generated.ids);
        found.charsets.push("us-ascii".to_owned());
        found
    }
}

/// One query.
#[derive(Debug)]
pub struct Query {
    /// As the program reads it.
    pub text: String,
    /// As the model reads it.
    pub tree: Value,
    /// The zone in which its days begin.
    pub zone: &'static str,
    /// It asks for UIDs, which files have not.
    pub of_server: bool,
}

impl Query {
    fn new(text: String, tree: Value) -> Query {
        Query { text, tree, zone: "UTC", of_server: false }
    }

    /// One term with a value in quotation marks, or `*`; of dates only those before a day in
    /// February 2026, its own included.
    pub fn term(field: &str, value: &str) -> Query {
        if let ("date", Some(day)) = (field, value.strip_prefix("..2026-02-")) {
            let until = SENT + day.parse::<u64>().expect("a day") * DAY;
            let tree = json!({"term": "date", "from": null, "until": until});
            return Query::new(format!("date:{value}"), tree);
        }
        let written = if value == "*" { "*".to_owned() } else { format!("\"{value}\"") };
        Query::new(format!("{field}:{written}"), json!({"term": field, "value": value}))
    }
}

/// A query of at most so many levels.
pub fn query(random: &mut Random, levels: usize, words: &Vocabulary) -> Query {
    let (zone, ahead) = *random.choose(&ZONES);
    let mut drawing = Drawing { random, words, ahead, of_server: false };
    let (text, tree) = drawing.query(levels);
    Query { text, tree, zone, of_server: drawing.of_server }
}

/// A query that is being drawn.
struct Drawing<'r> {
    random: &'r mut Random,
    words: &'r Vocabulary,
    ahead: i64,
    of_server: bool,
}

impl Drawing<'_> {
    fn query(&mut self, levels: usize) -> (String, Value) {
        let choice = if levels == 0 { 9 } else { self.random.below(10) };
        match choice {
            0..=2 => {
                let (one, other) = (self.query(levels - 1), self.query(levels - 1));
                (format!("({}) ({})", one.0, other.0), json!({"and": [one.1, other.1]}))
            }
            3 | 4 => {
                let (one, other) = (self.query(levels - 1), self.query(levels - 1));
                (format!("({}) OR ({})", one.0, other.0), json!({"or": [one.1, other.1]}))
            }
            5 => {
                let one = self.query(levels - 1);
                (format!("NOT ({})", one.0), json!({"not": one.1}))
            }
            _ => self.term(),
        }
    }

    /// A word that may be there: whole, a piece of one, in another case, or two in a row.
    fn value(&mut self) -> String {
        let (random, words) = (&mut *self.random, self.words);
        let word = match random.below(3) {
            0 => random.choose(&words.foreign).as_str(),
            _ => random.choose(&words.words).as_str(),
        };
        let letters: Vec<char> = word.chars().collect();
        let from = random.below(letters.len());
        let upto = from + 1 + random.below(letters.len() - from);
        let piece: String = letters[from..upto].iter().collect();
        match random.below(6) {
            0 | 1 => word.to_owned(),
            2 => word.to_uppercase(),
            3 => word.to_lowercase(),
            4 => format!("{word} {}", random.choose(&words.words)),
            _ => piece,
        }
    }

    /// A regular expression that may match, in what Rust and Python write alike. `anchored`: the
    /// ends of lines may be asked for, where all agree about lines.
    fn regex(&mut self, anchored: bool) -> String {
        let (random, words) = (&mut *self.random, self.words);
        let word = random.choose(&words.words).clone();
        let letters: Vec<char> = word.chars().collect();
        let cut = random.below(letters.len());
        let (start, end): (String, String) =
            (letters[..cut].iter().collect(), letters[cut + 1..].iter().collect());
        match random.below(if anchored { 10 } else { 8 }) {
            0 => format!("{start}.{end}"),
            1 => format!("{start}[a-z0-9]+"),
            2 => format!("({word}|{})", random.choose(&words.words)),
            3 => format!("({word}|{})", random.choose(&words.foreign)),
            4 => format!("{start}{}?{end}", letters[cut]),
            5 => format!("[0-9]{{{},}}", 1 + random.below(4)),
            6 => random.choose(&words.foreign).clone(),
            7 => format!("(?:{start}{}){{1,2}}{end}", letters[cut]),
            8 => format!("^{word}"),
            _ => format!("{word}$"),
        }
    }

    /// `FIELD:VALUE`, the value a word, a regular expression or a star.
    fn text_term(&mut self, field: &str) -> (String, Value) {
        let of_header = !matches!(field, "body" | "text");
        match self.random.below(8) {
            0 if of_header => (format!("{field}:*"), json!({"term": field, "value": "*"})),
            1 | 2 => {
                let regex = self.regex(of_header);
                (format!("{field}:/{regex}/"), json!({"term": field, "regex": regex}))
            }
            _ => {
                let value = self.value();
                (format!("{field}:\"{value}\""), json!({"term": field, "value": value}))
            }
        }
    }

    fn one_of(&mut self, field: &str, values: &[&str]) -> (String, Value) {
        let value = *self.random.choose(values);
        let query = Query::term(field, value);
        (query.text, query.tree)
    }

    fn term(&mut self) -> (String, Value) {
        match self.random.below(33) {
            0..=8 => {
                let fields =
                    ["subject", "body", "text", "from", "to", "body", "cc", "bcc", "subject"];
                let field = *self.random.choose(&fields);
                self.text_term(field)
            }
            9 => {
                let value = self.value();
                (format!("\"{value}\""), json!({"term": "text", "value": value}))
            }
            10 => {
                let regex = self.regex(false);
                (format!("/{regex}/"), json!({"term": "text", "regex": regex}))
            }
            11 | 12 => {
                let name = self.random.choose(&self.words.fields).clone();
                let (text, mut tree) = self.text_term("header");
                tree["name"] = json!(name);
                (text.replacen("header:", &format!("header:{name}:"), 1), tree)
            }
            13 => match self.random.below(3) {
                0 => self.one_of("list", &["*"]),
                1 => self.one_of("list", &["ship", "lists.example", "grüße", "<"]),
                _ => self.text_term("list"),
            },
            14 | 15 => {
                let kind = *self.random.choose(&KINDS);
                (format!("has:{kind}"), json!({"term": "has", "value": kind}))
            }
            16 => match self.random.below(3) {
                0 => self.one_of("filename", &["*", "ship", "grüße", ".PDF", "report", "."]),
                _ => self.text_term("filename"),
            },
            17 => self.one_of("type", &["html", "multipart/", "rfc822", "image", "*", "plain"]),
            18 => {
                let name = self.random.choose(&self.words.charsets).clone();
                self.one_of("charset", &[&name, "*", "8"])
            }
            19 | 20 => {
                let (word, flag, is) = *self.random.choose(&STATES);
                let set = json!({"term": "flag", "value": flag});
                (format!("is:{word}"), if is { set } else { json!({"not": set}) })
            }
            21 => {
                let state = *self.random.choose(&["signed", "encrypted"]);
                (format!("is:{state}"), json!({"term": "is", "value": state}))
            }
            22 => {
                let flag = *self.random.choose(&["*", "later", "$Forwarded", "\\Answered", "none"]);
                (format!("flag:{flag}"), json!({"term": "flag", "value": flag}))
            }
            23 => self.id(),
            24 | 25 => self.size(),
            26 => self.uid_or_folder(),
            27 => self.date("date", SENT, 28),
            28 | 29 => self.age(),
            30 => self.saved(),
            _ => {
                let keyword = *self.random.choose(&["on", "since", "before"]);
                self.date(keyword, FIRST, 7)
            }
        }
    }

    /// A message by its id: the whole of it, a part, or what answers it.
    fn id(&mut self) -> (String, Value) {
        let id = self.random.choose(&self.words.ids).clone();
        match self.random.below(4) {
            0 => (format!("id:\"<{id}>\""), json!({"term": "id", "value": format!("<{id}>")})),
            1 => {
                let half: String = id.chars().take(id.chars().count().div_ceil(2)).collect();
                (format!("id:\"{half}\""), json!({"term": "id", "value": half}))
            }
            2 => ("id:*".to_owned(), json!({"term": "id", "value": "*"})),
            _ => (format!("thread:\"{id}\""), json!({"term": "thread", "value": id})),
        }
    }

    fn size(&mut self) -> (String, Value) {
        let octets = 200 + self.random.below(3000);
        let more = octets + 1 + self.random.below(2000);
        let (text, least, most) = match self.random.below(8) {
            0 => (format!("larger:{octets}"), Some(octets + 1), None),
            1 => (format!("smaller:{octets}"), None, Some(octets - 1)),
            2 => (format!("size:>{octets}"), Some(octets + 1), None),
            3 => (format!("size:<={octets}"), None, Some(octets)),
            4 => ("size:1k..3k".to_owned(), Some(1024), Some(3072)),
            5 => (format!("size:{octets}.."), Some(octets), None),
            6 => (format!("size:..{octets}"), None, Some(octets)),
            _ => (format!("size:{octets}..{more}"), Some(octets), Some(more)),
        };
        (text, json!({"term": "size", "least": least, "most": most}))
    }

    fn uid_or_folder(&mut self) -> (String, Value) {
        if self.random.below(2) == 0 {
            self.of_server = true;
            let (first, other) = (1 + self.random.below(60), 1 + self.random.below(100));
            let (least, most) = (first.min(other), first.max(other));
            return match self.random.below(3) {
                0 => (format!("uid:{first}"), json!({"term": "uid", "ranges": [[first, first]]})),
                1 => (
                    format!("uid:{first}:{other}"),
                    json!({"term": "uid", "ranges": [[least, most]]}),
                ),
                _ => (
                    format!("uid:3,7,{first}:*"),
                    json!({"term": "uid", "ranges": [[3, 3], [7, 7], [first, null]]}),
                ),
            };
        }
        let (text, is) = *self.random.choose(&[
            ("folder:INBOX", true),
            ("folder:inbox", true),
            ("folder:In*", true),
            ("folder:*", true),
            ("folder:Sent", false),
            ("folder:INBOX/*", false),
            ("account:*", false),
            ("account:work", false),
        ]);
        (text.to_owned(), json!({"term": "place", "is": is}))
    }

    /// `older:` and `newer:`, which reach back from now to the middle between two arrivals: so
    /// half an hour may go by until the query is asked.
    fn age(&mut self) -> (String, Value) {
        let now = jiff::Timestamp::now().as_second();
        let hours = i64::try_from(self.random.below(24 * 7)).expect("small");
        let (first, hour) = (FIRST.cast_signed(), HOUR.cast_signed());
        let middle = first + hours * hour + hour / 2;
        let (until, span) = match self.random.below(3) {
            0 => (middle, format!("{}s", now - middle)),
            1 => (middle, format!("{}min", (now - middle) / 60)),
            // Days end at the time of day that it is now; the zones know no summer.
            _ if (600..hour - 2400).contains(&(now % hour)) => {
                let days = (now - middle) / (24 * hour);
                (now - days * 24 * hour, format!("{days}d"))
            }
            _ => (middle, format!("{}s", now - middle)),
        };
        match self.random.below(2) {
            0 => {
                (format!("older:{span}"), json!({"term": "received", "from": null, "until": until}))
            }
            _ => {
                (format!("newer:{span}"), json!({"term": "received", "from": until, "until": null}))
            }
        }
    }

    /// `saved:`, whose day is another in each copy, but in none before this year.
    fn saved(&mut self) -> (String, Value) {
        let (text, is) = *self.random.choose(&[
            ("saved:2026..", true),
            ("saved:..2025", false),
            ("saved:2019-01..2025-06", false),
        ]);
        (text.to_owned(), json!({"term": "place", "is": is}))
    }

    /// A term about a time in so many days from `start`.
    fn date(&mut self, keyword: &str, start: u64, days: usize) -> (String, Value) {
        let whole = |n: usize| u64::try_from(n).expect("small");
        // Where a day begins in the zone that is meant.
        let ahead = self.ahead;
        let begin = move |day: usize| {
            let there = start + whole(day) * DAY;
            i64::try_from(there).expect("small") - ahead
        };
        let month = if start == SENT { "2026-02" } else { "2026-03" };
        let first = self.random.below(days - 1);
        let last = first + self.random.below(days - first);
        let day = |day: usize| format!("{month}-{:02}", day + 1);
        let hour = self.random.below(24);
        let at = begin(first) + i64::try_from(whole(hour) * HOUR).expect("small");
        let (text, from, until) = match self
            .random
            .below(if keyword == "since" || keyword == "before" { 3 } else { 6 })
        {
            0 => (day(first), Some(begin(first)), Some(begin(first + 1))),
            1 => (format!("{}T{hour:02}:15", day(first)), Some(at + 900), Some(at + 960)),
            2 => {
                // The month ends where the next begins.
                let end = if start == SENT { 28 } else { 31 };
                (month.to_owned(), Some(begin(0)), Some(begin(end)))
            }
            3 => (
                format!("{}..{}", day(first), day(last)),
                Some(begin(first)),
                Some(begin(last + 1)),
            ),
            4 => (format!("..{}", day(last)), None, Some(begin(last + 1))),
            _ => (format!("{}..", day(first)), Some(begin(first)), None),
        };
        let (from, until) = match keyword {
            "since" => (from, None),
            "before" => (None, from),
            _ => (from, until),
        };
        let term = if keyword == "date" { "date" } else { "received" };
        (format!("{keyword}:{text}"), json!({"term": term, "from": from, "until": until}))
    }
}
