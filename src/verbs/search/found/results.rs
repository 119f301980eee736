//! What was found on its way out: gathered, counted, put in order, and printed.

use anyhow::Result;
use comfy_table::Table;
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};

use super::{Details, Found, arrange};
use crate::open;
use crate::ui::{Exit, Format, Output, report, sanitize};
use crate::verbs::search::args::{Shown, Sort};

/// Most references that a warning names.
const NAMED: usize = 20;

/// Most characters of a subject that a table shows.
const SUBJECT_CHARACTERS: usize = 72;

/// Most characters of an author that a table shows.
const AUTHOR_CHARACTERS: usize = 28;

/// Everything that was found, on its way out.
pub struct Results<'o> {
    out: &'o mut Output,
    counting: bool,
    limit: Option<usize>,
    sort: Option<Sort>,
    zone: TimeZone,
    /// What waits for an order or for the widths of a table.
    kept: Vec<Found>,
    count: usize,
    failed: bool,
    text_by: Option<&'static str>,
    uids: bool,
    /// Nothing is printed: everything is kept, with these details.
    keeping: Option<Details>,
    /// The fields of an object; none: all.
    fields: Vec<Shown>,
    /// Messages that were named and are not there.
    gone: Vec<String>,
}

impl<'o> Results<'o> {
    /// Nothing yet. `zone` is for the dates of a table.
    pub fn new(
        out: &'o mut Output,
        counting: bool,
        limit: Option<usize>,
        sort: Option<Sort>,
        zone: TimeZone,
    ) -> Self {
        Self {
            out,
            counting,
            limit,
            sort,
            zone,
            kept: Vec::new(),
            count: 0,
            failed: false,
            text_by: None,
            uids: false,
            keeping: None,
            fields: Vec::new(),
            gone: Vec::new(),
        }
    }

    /// Only these fields stand in an object, where any are named.
    #[must_use]
    pub fn fields(mut self, fields: &[Shown]) -> Self {
        self.fields = fields.to_vec();
        self
    }

    /// UIDs are printed in place of references.
    #[must_use]
    pub fn uids(mut self, uids: bool) -> Self {
        self.uids = uids;
        self
    }

    /// Nothing is printed: messages are kept with these details, for [`Results::into_kept`].
    #[must_use]
    pub fn keeping(mut self, details: Details) -> Self {
        self.keeping = Some(details);
        self
    }

    /// What was kept, and whether something could not be searched.
    pub fn into_kept(self) -> (Vec<Found>, bool) {
        (self.kept, self.failed)
    }

    /// What is said of `text_by` where the message itself does not say.
    #[must_use]
    pub fn text_by(mut self, text_by: Option<&'static str>) -> Self {
        self.text_by = text_by;
        self
    }

    /// What is wanted of each message beside the reference.
    pub fn details(&self) -> Details {
        match (self.keeping, self.sort) {
            (Some(details), _) => details,
            _ if self.counting => Details::None,
            (None, Some(Sort::Relevance)) => Details::Score,
            (None, Some(_)) => Details::Shown,
            (None, None) if self.out.format() == Format::Lines => Details::None,
            (None, None) if self.fields.is_empty() => Details::Shown,
            (None, None) if self.fields.iter().any(|field| field.is_read()) => Details::Shown,
            (None, None) => Details::None,
        }
    }

    /// Whether the size of each message is wanted, which may take all of its octets.
    pub fn wants_size(&self) -> bool {
        let shows = self.out.format() == Format::Json
            && (self.fields.is_empty() || self.fields.contains(&Shown::Size));
        let is_silent = self.counting || self.keeping == Some(Details::None);
        !is_silent && (shows || self.sort == Some(Sort::Size))
    }

    /// Whether sizes are wanted and were asked for by name, not only along with all else.
    pub fn names_size(&self) -> bool {
        self.wants_size() && (!self.fields.is_empty() || self.sort == Some(Sort::Size))
    }

    /// A message that was named by its reference is not there.
    pub fn gone(&mut self, reference: String) {
        self.gone.push(reference);
    }

    /// Warns of what has gone.
    pub fn tell_gone(&mut self) {
        let gone = std::mem::take(&mut self.gone);
        let named: Vec<&str> = gone.iter().take(NAMED).map(String::as_str).collect();
        let more = if gone.len() > NAMED { ", ..." } else { "" };
        match gone.len() {
            0 => {}
            1 => report::warning(&format!("{}: the message is not there any longer", named[0])),
            count => report::warning(&format!(
                "{count} messages are not there any longer: {}{more}",
                named.join(", ")
            )),
        }
    }

    /// Whether only the number of messages is wanted.
    pub fn is_counting(&self) -> bool {
        self.counting && self.limit.is_none()
    }

    /// How many more messages are wanted in the order in which they come; `None`: all.
    pub fn wanted(&self) -> Option<usize> {
        let decides = self.keeping.is_none() && (self.sort.is_none() || self.counting);
        self.limit.filter(|_| decides).map(|limit| limit.saturating_sub(self.count))
    }

    /// The order that is asked for.
    pub fn sort(&self) -> Option<Sort> {
        self.sort
    }

    /// How many messages are printed at most; `None`: all.
    pub fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// What comes from now on stands in the order that was asked for.
    pub fn is_in_order(&mut self) {
        self.sort = None;
    }

    /// Counts so many messages more, where only their number is wanted.
    pub fn count(&mut self, messages: usize) {
        self.count += messages;
    }

    /// Whether nothing more is wanted.
    pub fn is_full(&self) -> bool {
        self.wanted() == Some(0)
    }

    /// Takes one message; what comes behind the limit is dropped.
    ///
    /// # Errors
    /// The output's.
    pub fn add(&mut self, mut found: Found) -> Result<()> {
        if self.is_full() {
            return Ok(());
        }
        found.text_by = found.text_by.or(self.text_by);
        self.count += 1;
        if self.keeping.is_some() {
            self.kept.push(found);
            return Ok(());
        }
        if self.counting {
            return Ok(());
        }
        match (self.sort, self.out.format()) {
            (None, Format::Lines) => self.line(&found)?,
            (None, Format::Json) => self.object(&found)?,
            _ => self.kept.push(found),
        }
        Ok(())
    }

    fn line(&mut self, found: &Found) -> Result<()> {
        match found.uid.filter(|_| self.uids) {
            Some(uid) => self.out.line(&uid.to_string())?,
            None => self.out.line(&found.reference)?,
        }
        Ok(())
    }

    fn object(&mut self, found: &Found) -> Result<()> {
        if self.fields.is_empty() {
            return Ok(self.out.json(found)?);
        }
        let whole = serde_json::to_value(found)?;
        Ok(self.out.json(&Chosen { fields: &self.fields, whole: &whole })?)
    }

    /// Something could not be searched: says so, and goes on.
    pub fn fail(&mut self, error: &anyhow::Error) {
        let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
        report::error(&causes, open::verdict(error).hint.as_deref());
        self.failed = true;
    }

    /// What was printed so far goes out, so that a reader in a pipe can begin.
    ///
    /// # Errors
    /// The output's.
    pub fn flush(&mut self) -> Result<()> {
        Ok(self.out.flush()?)
    }

    /// Prints what waited, and says how it ends: as grep does, an error counts more than what
    /// was found beside it.
    ///
    /// # Errors
    /// The output's.
    pub fn finish(mut self) -> Result<Exit> {
        let kept = std::mem::take(&mut self.kept);
        self.print(kept)
    }

    /// Prints messages that stand in their order already, and says how it ends.
    ///
    /// # Errors
    /// The output's.
    pub fn finish_with(mut self, mut list: Vec<Found>, failed: bool) -> Result<Exit> {
        for found in &mut list {
            found.text_by = found.text_by.or(self.text_by);
        }
        (self.sort, self.count) = (None, list.len());
        self.failed |= failed;
        self.print(list)
    }

    fn print(mut self, mut kept: Vec<Found>) -> Result<Exit> {
        self.tell_gone();
        if self.counting {
            match self.out.format() {
                Format::Json => self.out.json(&serde_json::json!({ "count": self.count }))?,
                _ => self.out.line(&self.count.to_string())?,
            }
        }
        if self.counting {
            kept.clear();
        }
        if let Some(sort) = self.sort {
            arrange(&mut kept, sort);
        }
        kept.truncate(self.limit.unwrap_or(usize::MAX));
        match self.out.format() {
            Format::Human => self.table(&kept)?,
            Format::Lines => {
                for found in &kept {
                    self.line(found)?;
                }
            }
            Format::Json => {
                for found in &kept {
                    self.object(found)?;
                }
            }
        }
        Ok(match (self.failed, self.count) {
            (true, _) => Exit::Two,
            (false, 0) => Exit::None,
            (false, _) => Exit::Ok,
        })
    }

    /// The subject, to the right by its place in a thread; what the query does not ask for
    /// itself stands in parentheses.
    fn subject(&self, found: &Found) -> String {
        let subject = shown(found.subject.as_deref().unwrap_or_default(), SUBJECT_CHARACTERS);
        match found.place {
            None => subject,
            Some(place) => {
                let indent = "  ".repeat(place.depth.min(LEVELS));
                if place.matched { indent + &subject } else { format!("{indent}({subject})") }
            }
        }
    }

    fn table(&mut self, rows: &[Found]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut table = Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        for found in rows {
            let date = found.date.map(|date| {
                date.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
            });
            table.add_row([
                date.unwrap_or_default(),
                shown(&found.author(), AUTHOR_CHARACTERS),
                self.subject(found),
                flags(found.flags.as_deref().unwrap_or_default()),
            ]);
        }
        for line in table.lines() {
            self.out.line(line.trim_end())?;
        }
        Ok(())
    }
}

/// Some fields of an object, in the order in which they were asked for.
struct Chosen<'c> {
    fields: &'c [Shown],
    whole: &'c serde_json::Value,
}

impl Serialize for Chosen<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let keys = self.fields.iter().map(|field| field.key());
        let values = keys.map(|key| (key, self.whole.get(key).unwrap_or(&serde_json::Value::Null)));
        serializer.collect_map(values)
    }
}

/// How far a reply stands to the right at most, in levels of its thread.
const LEVELS: usize = 12;

/// One cell: harmless, on one line, and not too long.
fn shown(text: &str, most: usize) -> String {
    let text = sanitize::line(text);
    let mut chars = text.chars();
    let mut cell: String = chars.by_ref().take(most).collect();
    if chars.next().is_some() {
        cell.pop();
        cell.push('…');
    }
    cell
}

fn flags(flags: &[String]) -> String {
    let names: Vec<&str> = flags.iter().map(|flag| flag.trim_start_matches('\\')).collect();
    shown(&names.join(" "), AUTHOR_CHARACTERS)
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::super::ThreadPlace;
    use super::*;
    use crate::verbs::search::testing::Written;

    fn some(reference: &str, from: &str, subject: &str, date: &str) -> Found {
        Found {
            reference: reference.into(),
            date: date.parse().ok(),
            from: Some(from.into()),
            subject: Some(subject.into()),
            flags: Some(vec!["\\Seen".into(), "Junk".into()]),
            size: Some(u64::try_from(subject.len()).expect("small")),
            folder: Some("INBOX".into()),
            ..Found::default()
        }
    }

    fn messages() -> Vec<Found> {
        vec![
            some("a", "Zoë <z@x.org>", "Re: beta", "2026-03-02T00:00:00Z"),
            some("b", "ann@x.org", "alpha \u{1b}[31m", ""),
            some("c", "\"Bo, B.\" <bo@x.org>", "Fwd: gamma ray", "2026-03-01T10:00:00Z"),
        ]
    }

    fn printed(format: Format, counting: bool, limit: Option<usize>, sort: Option<Sort>) -> String {
        let written = Written::default();
        let mut out = Output::to(Box::new(written.clone()), format, false);
        let mut results = Results::new(&mut out, counting, limit, sort, TimeZone::UTC);
        for found in messages() {
            results.add(found).expect("written");
        }
        assert_eq!(results.finish().expect("written"), Exit::Ok);
        out.flush().expect("written");
        written.text()
    }

    #[test]
    fn references_in_every_order() {
        let lines = |sort| printed(Format::Lines, false, None, sort);
        assert_eq!(lines(None), "a\nb\nc\n");
        assert_eq!(lines(Some(Sort::Date)), "b\nc\na\n");
        assert_eq!(lines(Some(Sort::DateDescending)), "a\nc\nb\n");
        assert_eq!(lines(Some(Sort::From)), "b\nc\na\n");
        assert_eq!(lines(Some(Sort::Subject)), "b\na\nc\n");
        assert_eq!(lines(Some(Sort::Size)), "a\nb\nc\n");
    }

    #[test]
    fn limits_and_counts() {
        assert_eq!(printed(Format::Lines, false, Some(2), None), "a\nb\n");
        assert_eq!(printed(Format::Lines, false, Some(1), Some(Sort::DateDescending)), "a\n");
        assert_eq!(printed(Format::Lines, true, None, None), "3\n");
        assert_eq!(printed(Format::Lines, true, Some(2), None), "2\n");
        assert_eq!(printed(Format::Json, true, None, None), "{\"count\":3}\n");
    }

    #[test]
    fn objects_have_every_field() {
        let text = printed(Format::Json, false, Some(2), None);
        assert_eq!(
            text.lines().next(),
            Some(
                "{\"reference\":\"a\",\"date\":\"2026-03-02T00:00:00Z\",\
                 \"from\":\"Zoë <z@x.org>\",\"subject\":\"Re: beta\",\
                 \"flags\":[\"\\\\Seen\",\"Junk\"],\"size\":8,\"folder\":\"INBOX\"}"
            )
        );
        assert!(text.contains("\"date\":null"));
    }

    #[test]
    fn objects_have_only_the_fields_that_were_chosen() {
        let chosen = |fields: &[Shown]| {
            let written = Written::default();
            let mut out = Output::to(Box::new(written.clone()), Format::Json, false);
            let mut results =
                Results::new(&mut out, false, Some(1), None, TimeZone::UTC).fields(fields);
            let details = results.details();
            results.add(messages().remove(0)).expect("written");
            results.finish().expect("written");
            out.flush().expect("written");
            (written.text(), details)
        };
        let (text, details) = chosen(&[Shown::Subject, Shown::Uid, Shown::Size]);
        assert_eq!(text, "{\"subject\":\"Re: beta\",\"uid\":null,\"size\":8}\n");
        assert_eq!(details, Details::Shown);
        let (text, details) = chosen(&[Shown::Reference, Shown::Folder]);
        assert_eq!(text, "{\"reference\":\"a\",\"folder\":\"INBOX\"}\n");
        assert_eq!(details, Details::None);
        // Every name stands for a key that there is.
        let whole = serde_json::to_value(Found {
            uid: Some(1),
            text_by: Some("exact"),
            score: Some(1.0),
            place: Some(ThreadPlace { thread: 1, depth: 0, matched: true }),
            event: Some("found"),
            ..messages().remove(0)
        });
        let whole = whole.expect("an object");
        for field in Shown::value_variants() {
            assert!(whole.get(field.key()).is_some(), "{field:?}");
            let name = field.to_possible_value().expect("a name");
            assert_eq!(name.get_name(), field.key());
        }
        let keys = whole.as_object().map(serde_json::Map::len);
        assert_eq!(keys, Some(Shown::value_variants().len()));
    }

    #[test]
    fn a_table_is_aligned_and_harmless() {
        let text = printed(Format::Human, false, None, None);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].trim_start().starts_with("2026-03-02 00:00"), "{text}");
        assert!(lines[0].contains("Zoë ") && lines[2].contains("Bo, B."), "{text}");
        assert!(lines[0].ends_with("Seen Junk"), "{text}");
        assert!(!text.contains('\u{1b}'));
        assert_eq!(shown("abcdef", 4), "abc…");
        assert_eq!(shown("abcd", 4), "abcd");
    }

    #[test]
    fn details_are_wanted_only_where_they_show() {
        for (format, counting, sort, wanted) in [
            (Format::Lines, false, None, Details::None),
            (Format::Lines, false, Some(Sort::Date), Details::Shown),
            (Format::Lines, false, Some(Sort::Relevance), Details::Score),
            (Format::Json, false, None, Details::Shown),
            (Format::Json, true, None, Details::None),
            (Format::Human, false, None, Details::Shown),
        ] {
            let mut out = Output::to(Box::new(Written::default()), format, false);
            let results = Results::new(&mut out, counting, None, sort, TimeZone::UTC);
            assert_eq!(results.details(), wanted);
        }
    }
}
