//! A first look at a message's octets, which says "no" where that is certain, so that hardly
//! anything has to be decoded in full.
//!
//! A word of ASCII letters and digits that the query cannot do without stands in one piece in
//! the octets of any text that has it: behind the transfer encoding, which is undone here, in
//! every charset in which ASCII is ASCII. What else could become such a word is known: in HTML
//! markup and character references, in headers encoded words, and twenty letters beyond ASCII
//! that fold to ASCII. Where one of these could matter, the look says "perhaps". So it finds a
//! superset of what the evaluation finds, which has the last word.

use std::ops::ControlFlow;

use regex::bytes::{Regex, RegexBuilder};

use super::markup::Markup;
use crate::message::pieces::{Piece, walk};
use crate::message::structure::{Structure, outline};
use crate::query::{Expr, Field, Term, fold};

/// Shortest word that is worth a look, in octets.
const SHORTEST: usize = 2;

/// Most words of which one has to be there.
const ALTERNATIVES: usize = 64;

/// Longest word that is looked for, in octets: of a longer one, its start.
const LONGEST: usize = 64;

/// Letters beyond ASCII that become ASCII letters when case is folded (Unicode
/// `SpecialCasing.txt`), alone or among others.
const SPECIAL: [char; 20] = [
    '\u{df}', '\u{130}', '\u{131}', '\u{149}', '\u{17f}', '\u{1f0}', '\u{1e96}', '\u{1e97}',
    '\u{1e98}', '\u{1e99}', '\u{1e9a}', '\u{1e9e}', '\u{212a}', '\u{fb00}', '\u{fb01}', '\u{fb02}',
    '\u{fb03}', '\u{fb04}', '\u{fb05}', '\u{fb06}',
];

/// Which octets are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The header block.
    Header,
    /// The whole message.
    Whole,
}

/// What one alternative asks of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Needed {
    /// This word of ASCII.
    Word(String),
    /// Text beyond ASCII.
    BeyondAscii,
}

/// Alternatives, and where they may be found.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Alternatives {
    list: Vec<Needed>,
    in_header: bool,
    in_body: bool,
    /// How many terms of them ask for text of the body.
    of_bodies: usize,
}

impl Alternatives {
    /// How rare it is, as a guess: the longest words are the rarest, as a rule.
    fn rarity(&self) -> usize {
        let each = self.list.iter().map(|needed| match needed {
            Needed::Word(word) => word.len(),
            Needed::BeyondAscii => 1,
        });
        each.min().unwrap_or(0)
    }
}

/// Knows what a message must have in it.
#[derive(Debug, Clone)]
pub struct Look {
    alternatives: Alternatives,
    /// One of the words, in one piece.
    words: Option<Regex>,
    /// The words' letters, for HTML; `None`: nothing can be said of HTML.
    markup: Option<(Option<Regex>, Markup)>,
    /// The words, for texts that shift between sets of characters.
    escaped: Markup,
    /// Letters of [`SPECIAL`] that could be part of a word, in UTF-8; `None`: there are none.
    special: Option<Regex>,
    /// Whether the sharp s is one of these letters, and whether one of the Turkish i's is.
    sharp_s: bool,
    turkish_i: bool,
    beyond_ascii: bool,
    with_documents: bool,
    covers_bodies: bool,
}

impl Look {
    /// What every message that the query asks for has in these octets; `None` where nothing is
    /// needed for sure. `with_documents`: text inside documents counts.
    pub fn new(expr: &Expr, extent: Extent, with_documents: bool) -> Option<Look> {
        let alternatives = needed(expr, extent)?;
        let words: Vec<&str> = alternatives
            .list
            .iter()
            .filter_map(|needed| match needed {
                Needed::Word(word) => Some(word.as_str()),
                Needed::BeyondAscii => None,
            })
            .collect();
        let plain: Vec<String> = words.iter().map(|word| regex::escape(word)).collect();
        let special: Vec<String> = SPECIAL
            .iter()
            .filter(|special| words.iter().any(|word| may_be_part(**special, word)))
            .map(char::to_string)
            .collect();
        let letters: Option<Vec<&str>> = words.iter().map(|word| letters(word)).collect();
        let markup = match letters {
            Some(letters) => {
                // A word with marks in it may be cut at them.
                let runs: Vec<String> = letters
                    .iter()
                    .zip(&words)
                    .filter(|(run, word)| run != word)
                    .map(|(run, _)| (*run).to_owned())
                    .collect();
                let runs = compiled(&runs, true).ok()?;
                Some((runs, Markup::new(letters.into_iter()).ok()?))
            }
            None => None,
        };
        // Too large a program: then there is no first look.
        Some(Look {
            words: compiled(&plain, true).ok()?,
            escaped: Markup::new(words.iter().copied()).ok()?,
            markup,
            sharp_s: special.iter().any(|letter| letter == "\u{df}"),
            turkish_i: special.iter().any(|letter| letter == "\u{130}" || letter == "\u{131}"),
            special: compiled(&special, false).ok()?,
            beyond_ascii: words.len() < alternatives.list.len(),
            covers_bodies: alternatives.of_bodies
                == expr.terms().into_iter().filter(asks_body).count(),
            alternatives,
            with_documents,
        })
    }

    /// `false`: the query does not ask for the message that has this header block.
    pub fn may_match_header(&self, block: &[u8]) -> bool {
        memchr::memmem::find(block, b"=?").is_some() || self.may_match_text(block, "")
    }

    /// `false`: the query does not ask for this message.
    pub fn may_match(&self, message: &[u8]) -> bool {
        let structure = outline(message);
        if self.alternatives.in_header
            && self.may_match_header(&message[structure.root().header.clone()])
        {
            return true;
        }
        self.may_be_in_body(message, &structure)
    }

    /// Whether each term that asks for text of the body is among what is looked for.
    pub fn covers_bodies(&self) -> bool {
        self.covers_bodies
    }

    /// `false`: no term that is looked for is true of this message's body.
    pub fn may_match_bodies(&self, message: &[u8]) -> bool {
        self.may_be_in_body(message, &outline(message))
    }

    fn may_be_in_body(&self, message: &[u8], structure: &Structure) -> bool {
        self.alternatives.in_body
            && walk(message, structure, &mut |piece| {
                let may_match = match piece {
                    Piece::Header(block) => self.may_match_header(block),
                    Piece::Text { octets, charset, html } => {
                        self.may_match_text(octets, charset)
                            || (html && self.may_match_markup(octets, charset))
                    }
                    Piece::Document { .. } => self.with_documents,
                };
                if may_match { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .is_break()
    }

    fn may_match_text(&self, octets: &[u8], charset: &str) -> bool {
        if charset.trim().eq_ignore_ascii_case("iso-2022-jp") {
            return self.may_match_shifted(octets);
        }
        // A byte order mark has UTF-16 behind it, whatever the label says.
        if !keeps_ascii(charset) || matches!(octets, [0xfe, 0xff, ..] | [0xff, 0xfe, ..]) {
            return true;
        }
        if self.words.as_ref().is_some_and(|words| words.is_match(octets)) {
            return true;
        }
        if (!self.beyond_ascii && self.special.is_none()) || octets.is_ascii() {
            return false;
        }
        self.beyond_ascii || self.may_have_special(octets, charset)
    }

    /// Whether a letter that folds to a part of a word may be in a text beyond ASCII.
    fn may_have_special(&self, octets: &[u8], charset: &str) -> bool {
        let Some(special) = &self.special else { return false };
        let charset = charset.trim().to_ascii_lowercase();
        let is_one_of = |starts: &[&str]| starts.iter().any(|start| charset.starts_with(start));
        let has = |list: &[u8]| list.iter().any(|octet| memchr::memchr(*octet, octets).is_some());
        if is_one_of(&["utf"]) {
            special.is_match(octets)
        } else if is_one_of(&["koi8", "big5", "shift"]) {
            false
        } else if is_one_of(&["iso-8859", "latin1", "windows-125", "cp125"]) {
            // Of all of them only the sharp s, and in the Turkish ones the two kinds of i.
            (self.sharp_s && has(&[0xdf])) || (self.turkish_i && has(&[0xa9, 0xb9, 0xdd, 0xfd]))
        } else if is_utf8_or_unlabelled(&charset) {
            // UTF-8, or windows-1252 where it is not valid.
            special.is_match(octets) || (self.sharp_s && has(&[0xdf]))
        } else {
            true
        }
    }

    /// The look at ISO-2022-JP (RFC 1468): a word of ASCII is in one piece, or an escape from one
    /// set of characters to another stands in it.
    fn may_match_shifted(&self, octets: &[u8]) -> bool {
        self.beyond_ascii
            || matches!(octets, [0xfe, 0xff, ..] | [0xff, 0xfe, ..])
            || self.words.as_ref().is_some_and(|words| words.is_match(octets))
            || self.escaped.may_be_cut(octets)
    }

    fn may_match_markup(&self, octets: &[u8], charset: &str) -> bool {
        (self.beyond_ascii && memchr::memchr(b'&', octets).is_some())
            || self.markup.as_ref().is_none_or(|(runs, markup)| {
                runs.as_ref().is_some_and(|runs| runs.is_match(octets))
                    || markup.may_join(octets, charset)
            })
    }
}

fn compiled(list: &[String], ignoring_case: bool) -> Result<Option<Regex>, regex::Error> {
    if list.is_empty() {
        return Ok(None);
    }
    RegexBuilder::new(&list.join("|"))
        .unicode(false)
        .case_insensitive(ignoring_case)
        .build()
        .map(Some)
}

/// Whether a letter that folds to ASCII could stand for a part of the word.
fn may_be_part(special: char, word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    let folded = fold(special.encode_utf8(&mut [0; 4])).into_owned();
    let run: String = folded.chars().filter(char::is_ascii).collect();
    // What it folds to beside ASCII cannot be in the word, which ends or begins there.
    let (begins, ends) = (!folded.starts_with(&run), !folded.ends_with(&run));
    let cut = |at: usize| word.starts_with(&run[at..]) || word.ends_with(&run[..at]);
    match (begins, ends) {
        (true, _) => word.starts_with(&run),
        (false, true) => word.ends_with(&run),
        (false, false) => word.contains(&run) || run.contains(&word) || (1..run.len()).any(cut),
    }
}

/// The longest run of letters and digits in a word; `None`: none is long enough.
fn letters(word: &str) -> Option<&str> {
    word.split(|c: char| !c.is_ascii_alphanumeric())
        .max_by_key(|run| run.len())
        .filter(|run| run.len() >= SHORTEST)
}

/// Whether the ASCII in a text of this charset stands as ASCII in its octets.
fn keeps_ascii(charset: &str) -> bool {
    const KNOWN: [&str; 16] = [
        "",
        "us-ascii",
        "ascii",
        "utf-8",
        "utf8",
        "latin1",
        "koi8-r",
        "koi8-u",
        "gb2312",
        "gbk",
        "gb18030",
        "big5",
        "shift_jis",
        "euc-jp",
        "euc-kr",
        "ks_c_5601-1987",
    ];
    const FAMILIES: [&str; 3] = ["iso-8859-", "windows-125", "cp125"];
    let charset = charset.trim().to_ascii_lowercase();
    KNOWN.contains(&charset.as_str())
        || FAMILIES.iter().any(|family| {
            charset.strip_prefix(family).is_some_and(|rest| {
                !rest.is_empty() && rest.bytes().all(|octet| octet.is_ascii_digit())
            })
        })
}

/// Whether octets of this charset that are valid UTF-8 are read as that.
fn is_utf8_or_unlabelled(charset: &str) -> bool {
    let charset = charset.trim();
    ["", "us-ascii", "ascii", "utf-8", "utf8"].iter().any(|name| charset.eq_ignore_ascii_case(name))
}

/// What at least one alternative of is in every message that the query asks for.
fn needed(expr: &Expr, extent: Extent) -> Option<Alternatives> {
    match expr {
        Expr::All | Expr::Not(_) => None,
        Expr::Or(list) => {
            let mut all =
                Alternatives { list: Vec::new(), in_header: false, in_body: false, of_bodies: 0 };
            for part in list {
                let part = needed(part, extent)?;
                all.list.extend(part.list);
                all.in_header |= part.in_header;
                all.in_body |= part.in_body;
                all.of_bodies += part.of_bodies;
            }
            (!all.list.is_empty() && all.list.len() <= ALTERNATIVES).then_some(all)
        }
        Expr::And(list) => {
            list.iter().filter_map(|part| needed(part, extent)).max_by_key(Alternatives::rarity)
        }
        Expr::Term(term) => of_term(term, extent),
    }
}

fn of_term(term: &Term, extent: Extent) -> Option<Alternatives> {
    let (pattern, in_header, in_body) = match term {
        Term::Match(field, pattern) => match field {
            Field::From | Field::To | Field::Cc | Field::Bcc | Field::Subject | Field::List => {
                (pattern, true, false)
            }
            Field::Body if extent == Extent::Whole => (pattern, false, true),
            Field::Text if extent == Extent::Whole => (pattern, true, true),
            // Ids lose their folds, parameters have encodings of their own, and the rest is
            // not in the octets.
            _ => return None,
        },
        Term::Header(_, pattern) => (pattern, true, false),
        _ => return None,
    };
    let list: Option<Vec<Needed>> = pattern.needed()?.iter().map(|text| of_text(text)).collect();
    let of_bodies = usize::from(asks_body(&term));
    Some(Alternatives { list: list?, in_header, in_body, of_bodies })
}

/// Whether a term asks for text of the body.
fn asks_body(term: &&Term) -> bool {
    matches!(term, Term::Match(Field::Body | Field::Text, _))
}

/// What a text that has this in it has in its octets.
fn of_text(text: &str) -> Option<Needed> {
    // A fold or a line's end stands where a blank is; the colon behind a field's name, and
    // with it the blank that we put there, may stand otherwise.
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_@/+".contains(c);
    let word = text.split(|c: char| !plain(c)).max_by_key(|word| word.len())?;
    if word.len() >= SHORTEST {
        Some(Needed::Word(word[..word.len().min(LONGEST)].to_owned()))
    } else if text.chars().any(|c| !fold(c.encode_utf8(&mut [0; 4])).is_ascii()) {
        Some(Needed::BeyondAscii)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{Attributes, Context, Local, parse};
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    #[test]
    fn a_body_is_settled_where_each_term_on_it_is_looked_for() {
        let covers = |query: &str| {
            Look::new(&expr(query), Extent::Whole, false).is_some_and(|look| look.covers_bodies())
        };
        assert!(covers("text:invoice"));
        assert!(covers("subject:invoice OR body:paid"));
        assert!(covers("is:unread (body:invoice OR text:paid)"));
        assert!(!covers("body:invoice text:paid"), "one of the two is looked for");
        assert!(!covers("body:invoice NOT body:paid"));
        assert!(!covers("body:/[0-9]/ OR body:invoice"));
        let look =
            Look::new(&expr("subject:invoice OR body:paid"), Extent::Whole, false).expect("a look");
        let message = b"Subject: =?utf-8?q?x?=\r\nFrom: paid\r\n\r\ninvoice\r\n";
        assert!(look.may_match(message), "an encoded word may be anything");
        assert!(!look.may_match_bodies(b"Subject: =?utf-8?q?x?=\r\n\r\ntext\r\n"));
        assert!(look.may_match_bodies(b"Subject: x\r\n\r\nPaid\r\n"));
    }

    fn expr(query: &str) -> Expr {
        let now = "2026-03-15T12:00:00Z".parse().expect("a time");
        parse(query, &Context { now, zone: TimeZone::UTC }).expect(query)
    }

    #[test]
    fn what_cannot_be_done_without() {
        for (query, header, whole) in [
            ("budget", None, Some("budget")),
            ("from:ann body:\"quarterly report\"", Some("ann"), Some("quarterly")),
            ("from:ann OR subject:bob", Some("ann bob"), Some("ann bob")),
            ("from:ann OR is:unread", None, None),
            ("-from:ann", None, None),
            ("subject:/x+/", None, None),
            ("subject:/INV-[0-9]+/", Some("INV-"), Some("INV-")),
            ("body:/(ann|bob) +[0-9]/", None, Some("ann bob")),
            ("/北京 [0-9]/", None, Some("*")),
            ("subject:東京", Some("*"), Some("*")),
            ("id:a@b.c", None, None),
            ("from:a", None, None),
        ] {
            let words = |extent| {
                let needed = needed(&expr(query), extent)?;
                let word = |needed: &Needed| match needed {
                    Needed::Word(word) => word.clone(),
                    Needed::BeyondAscii => "*".to_owned(),
                };
                Some(needed.list.iter().map(word).collect::<Vec<_>>().join(" "))
            };
            assert_eq!(words(Extent::Header).as_deref(), header, "{query}");
            assert_eq!(words(Extent::Whole).as_deref(), whole, "{query}");
        }
    }

    #[test]
    fn a_look_is_certain_or_says_perhaps() {
        let look = Look::new(&expr("budget"), Extent::Whole, false).expect("a word");
        assert!(!look.may_match(b"Subject: x\n\nnothing here\n"));
        for message in [
            "Subject: x\n\nthe BUDGET\n",
            "Content-Transfer-Encoding: Base64\n\nYnVkZ2V0\n",
            "Content-Transfer-Encoding: Base64\n\neHhi\ndWRn\nZXR4eA==\n",
            "Content-Transfer-Encoding: quoted-printable\n\nbu=\nd=67et\n",
            "Subject: =?utf-8?q?b=75dget?=\n\n",
            "Content-Type: text/HTML\n\nbud<b></b>get",
            "Content-Type: text/HTML\n\nb&#117;dget",
            "Content-Type: text/HTML\n\n&#x42;udget",
            "Content-Type: text/HTML\n\nbud\u{ad}get",
            "Content-Type: text/plain; charset=utf-7\n\nx",
        ] {
            assert!(look.may_match(message.as_bytes()), "{message}");
        }
        for message in [
            "Subject: gr\u{fc}n\n\nni\u{df}",
            "Content-Type: text/html\n\n<p>a b<br>&nbsp;it&#39;s B &lt; C</p>",
            "Content-Type: image/png\nContent-Transfer-Encoding: Base64\n\nYnVkZ2V0\n",
            "Content-Transfer-Encoding: Base64\n\nAbudgetA\n",
        ] {
            assert!(!look.may_match(message.as_bytes()), "{message}");
        }
    }

    #[test]
    fn letters_that_fold_to_ascii_are_all_known() {
        let becomes_ascii = |c: &char| {
            !c.is_ascii() && fold(&c.to_string()).chars().any(|c| c.is_ascii_alphanumeric())
        };
        let found: Vec<char> = ('\0'..=char::MAX).filter(becomes_ascii).collect();
        assert_eq!(found, SPECIAL);
        for (word, message) in [
            ("strasse", "Hauptstra\u{df}e"),
            ("assx", "a\u{df}x"),
            ("assx", "A\u{1e9e}X"),
            ("kelvin", "\u{212a}elvin"),
            ("office", "o\u{fb03}ce"),
            ("last", "la\u{fb06}"),
            ("i", "x"),
        ] {
            let expr = expr(&format!("body:{word}"));
            let message = format!("Content-Type: text/plain; charset=utf-8\n\n{message}");
            let Some(look) = Look::new(&expr, Extent::Whole, false) else { continue };
            assert!(Local::new(message.as_bytes(), Attributes::default()).matches(&expr), "{word}");
            assert!(look.may_match(message.as_bytes()), "{word}");
        }
    }

    proptest! {
        #[test]
        fn no_match_is_lost(
            words in prop::collection::vec("[a-cßſiIıs]{1,3}", 0..4),
            body in "([a-cA-CſsSßiıİ =\n]|\u{1b}\\(B|\u{1b}\\$B|<b>|<p>|&#98;|&#x61;|&szlig;|\u{ad}|<!--|-->|&){0,20}",
            subject in "[a-c ]{0,12}",
            kind in prop::sample::select(vec!["plain", "html"]),
            charset in prop::sample::select(vec![
                "utf-8", "iso-8859-1", "iso-8859-9", "koi8-r", "us-ascii", "x-none", "gbk", "euc-kr", "utf-7",
                "iso-2022-jp", "windows-1254",
            ]),
            encoding in prop::sample::select(vec!["7bit", "quoted-printable", "base64"]),
            field in prop::sample::select(vec!["", "body:", "subject:", "-body:"]),
            as_labelled in any::<bool>(),
            as_regex in any::<bool>(),
        ) {
            use base64::Engine as _;
            let term = |word: &String| match as_regex {
                true => format!("{field}/{word}[a-c]?/"),
                false => format!("{field}{word}"),
            };
            let query = words.iter().map(term).collect::<Vec<_>>().join(" ");
            let labelled = encoding_rs::Encoding::for_label(charset.as_bytes());
            let body = match labelled.filter(|_| as_labelled) {
                Some(labelled) => labelled.encode(&body).0.into_owned(),
                None => body.into_bytes(),
            };
            let body = match encoding {
                "base64" => base64::engine::general_purpose::STANDARD.encode(&body).into_bytes(),
                _ => body,
            };
            let mut message = format!(
                "Subject: {subject}\nContent-Type: text/{kind}; charset={charset}\n\
                 Content-Transfer-Encoding: {encoding}\n\n"
            )
            .into_bytes();
            message.extend_from_slice(&body);
            let expr = expr(&query);
            let matches = Local::new(&message, Attributes::default()).matches(&expr);
            if let Some(look) = Look::new(&expr, Extent::Whole, false) {
                prop_assert!(!matches || look.may_match(&message));
            }
        }
    }

    #[test]
    fn no_real_match_is_lost() {
        for (path, octets) in crate::message::corpus("literal") {
            for query in ["test", "body:hello", "from:com", "subject:re OR body:lorem"] {
                let expr = expr(query);
                let local = Local::new(&octets, Attributes::default());
                let look = Look::new(&expr, Extent::Whole, false).expect("a word");
                let matches = local.matches(&expr);
                assert!(!matches || look.may_match(&octets), "{query} in {}", path.display());
            }
        }
    }
}
