//! What of the mail is synchronised, under which names, and how gently: options that can stand
//! on the command line and in the configuration.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::diff::{Mode, Side};
use super::names::Rename;
use super::select::Choice;
use crate::query::{self, span};
use crate::ui::Failure;

/// The options.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub struct Selection {
    /// Make folders, and carry over no messages
    #[arg(long)]
    pub folders_only: bool,

    /// What PATTERN, a regular expression, finds in a far folder's name is written NAME near
    /// ($1 is what its first group found); repeatable, one behind the other
    #[arg(long, value_name = "PATTERN=NAME")]
    pub rename: Vec<Rename>,

    /// Folders for the same use, such as sent mail, belong together whatever they are called
    #[arg(long)]
    pub special_use: bool,

    /// Leave out new messages of more than SIZE octets (k, M, G)
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub max_size: Option<u64>,

    /// Leave out new messages that arrived before DATE (2026-03-31, or 30d for so long ago)
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub since: Option<String>,

    /// Leave out new messages that the query does not find; see pillarbox-query(7)
    #[arg(long, value_name = "QUERY")]
    pub query: Option<String>,

    /// Keep only the last N messages of each folder near; those before leave near, and stay far
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..),
        conflicts_with_all = ["push", "mirror", "copy", "trash"]
    )]
    pub keep_last: Option<u64>,

    /// Move messages to FOLDER instead of deleting them
    #[arg(long, value_name = "FOLDER")]
    pub trash: Option<String>,

    /// Where a message was deleted on one side and changed on the other, do as this side did,
    /// and count it as no conflict
    #[arg(long, value_name = "SIDE")]
    pub prefer: Option<Preferred>,

    /// Use up to N connections to each server where several folders have to be worked on
    /// (1 to 4; default: 2)
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=4)
    )]
    pub connections: Option<usize>,

    /// Carry no more than SIZE octets of messages a second (k, M, G)
    #[arg(long, value_name = "SIZE", value_parser = positive_size)]
    pub rate: Option<u64>,

    /// Carry no more than SIZE octets of messages in this run (k, M, G); where some are left,
    /// nothing is deleted, and the exit code is 83
    #[arg(long, value_name = "SIZE", value_parser = positive_size)]
    pub max_bytes: Option<u64>,
}

/// The side that decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Preferred {
    /// The far one.
    Far,
    /// The near one.
    Near,
}

impl From<Preferred> for Side {
    fn from(preferred: Preferred) -> Self {
        match preferred {
            Preferred::Far => Side::Far,
            Preferred::Near => Side::Near,
        }
    }
}

fn size(text: &str) -> Result<u64, String> {
    span::size(text).ok_or_else(|| "want a number of octets, such as 500k or 25M".to_owned())
}

fn positive_size(text: &str) -> Result<u64, String> {
    size(text).and_then(|size| if size > 0 { Ok(size) } else { Err("it is nothing".to_owned()) })
}

fn date(text: &str) -> Result<String, String> {
    let wrong = || "want a date such as 2026-03-31, or a time back from now such as 30d".to_owned();
    span::moment(text, &now()).map(|_| text.to_owned()).ok_or_else(wrong)
}

fn now() -> span::Context {
    span::Context { now: Timestamp::now(), zone: TimeZone::system() }
}

impl Selection {
    /// These with those of the command line over them: renaming rules are added, anything else
    /// takes the place of what was there.
    pub fn under(mut self, given: &Selection) -> Self {
        self.folders_only |= given.folders_only;
        self.rename.extend_from_slice(&given.rename);
        self.special_use |= given.special_use;
        self.max_size = given.max_size.or(self.max_size);
        self.since = given.since.clone().or(self.since);
        self.query = given.query.clone().or(self.query);
        self.keep_last = given.keep_last.or(self.keep_last);
        self.trash = given.trash.clone().or(self.trash);
        self.prefer = given.prefer.or(self.prefer);
        self.connections = given.connections.or(self.connections);
        self.rate = given.rate.or(self.rate);
        self.max_bytes = given.max_bytes.or(self.max_bytes);
        self
    }

    /// Whether folders have other names on the other side.
    pub fn renames(&self) -> bool {
        !self.rename.is_empty() || self.special_use
    }

    /// Whether the sizes of messages count.
    pub fn weighs(&self) -> bool {
        self.max_size.is_some() || self.max_bytes.is_some() || self.query.is_some()
    }

    /// The same as words of a command line.
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut option = |name: &str, value: Option<String>| {
            words.extend(value.map(|value| format!("--{name}={value}")));
        };
        for rename in &self.rename {
            option("rename", Some(rename.to_string()));
        }
        option("max-size", self.max_size.map(|size| size.to_string()));
        option("since", self.since.clone());
        option("query", self.query.clone());
        option("keep-last", self.keep_last.map(|count| count.to_string()));
        option("trash", self.trash.clone());
        option("prefer", self.prefer.map(|side| Side::from(side).name().to_owned()));
        option("rate", self.rate.map(|rate| rate.to_string()));
        option("max-bytes", self.max_bytes.map(|octets| octets.to_string()));
        let flags = [("--folders-only", self.folders_only), ("--special-use", self.special_use)];
        words.extend(flags.iter().filter(|flag| flag.1).map(|flag| flag.0.to_owned()));
        words
    }

    /// What decides about messages, with dates as they are now.
    ///
    /// # Errors
    /// A [`Failure`] (64) for a query with a mistake, and options that contradict the mode.
    pub fn choice(&self, mode: Mode) -> Result<Choice, Failure> {
        let context = now();
        let query = match &self.query {
            Some(text) => Some(query::parse(text, &context).map_err(|error| {
                let shown = error.render(text).replace('\n', "\n  ");
                Failure::usage(format!("--query cannot be read\n  {shown}"))
                    .hint("see pillarbox-query(7) for the language")
            })?),
            None => None,
        };
        if self.keep_last.is_some() && !matches!(mode, Mode::TwoWay | Mode::Pull) {
            // The words of a pair and those of the command line come together only here.
            let message = "--keep-last takes messages away near, which this way of syncing \
                           does not, or for other reasons";
            return Err(Failure::usage(message));
        }
        if self.keep_last.is_some() && self.trash.is_some() {
            let message = "--trash with --keep-last: what leaves near would come back from there";
            return Err(Failure::usage(message));
        }
        let since = self.since.as_deref().and_then(|text| span::moment(text, &context));
        Ok(Choice {
            folders_only: self.folders_only,
            max_size: self.max_size,
            since: since.map(|moment| moment.exact.as_second()),
            is_timeless: self.query.is_none(),
            query,
            keep_last: self.keep_last.map(|count| usize::try_from(count).unwrap_or(usize::MAX)),
            prefer: self.prefer.map(Side::from),
            max_bytes: self.max_bytes,
            mark: self.mark(),
        })
    }

    /// What the choice of messages depends on, as text: with another one, messages that were
    /// passed over have to be looked at again.
    fn mark(&self) -> String {
        let chosen = Selection {
            max_size: self.max_size,
            since: self.since.clone(),
            query: self.query.clone(),
            keep_last: self.keep_last,
            ..Selection::default()
        };
        chosen.words().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[arg(long)]
        push: bool,
        #[arg(long)]
        mirror: bool,
        #[arg(long)]
        copy: bool,
        #[command(flatten)]
        selection: Selection,
    }

    fn parse(words: &[String]) -> Selection {
        let words = std::iter::once("sync".to_owned()).chain(words.iter().cloned());
        Line::try_parse_from(words).expect("right").selection
    }

    #[test]
    fn words_say_the_same() {
        let words = [
            "--folders-only",
            "--special-use",
            "--rename=^Lists/=L/",
            "--rename=a=b=c",
            "--max-size=2k",
            "--since=30d",
            "--query=-from:ann",
            "--trash=Bin",
            "--prefer=near",
            "--rate=1M",
            "--max-bytes=3",
        ];
        let selection = parse(&words.map(str::to_owned));
        assert_eq!(parse(&selection.words()), selection);
        assert_eq!(selection.max_size, Some(2048));
        assert!(Selection::default().words().is_empty());
        let over = Selection::default().under(&selection);
        assert_eq!(over, selection);
        assert_eq!(selection.clone().under(&Selection::default()), selection);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let wrong = |word: &str| Line::try_parse_from(["sync", word]).err().map(|e| e.to_string());
        for word in ["--max-size=big", "--rate=0", "--since=never", "--keep-last=0", "--rename=("] {
            assert!(wrong(word).is_some(), "{word}");
        }
        assert!(Line::try_parse_from(["sync", "--keep-last=1", "--mirror"]).is_err());
        let selection = Selection { query: Some("(a".into()), ..Selection::default() };
        assert!(selection.choice(Mode::TwoWay).is_err());
        let selection = Selection { keep_last: Some(1), ..Selection::default() };
        assert!(selection.choice(Mode::Push).is_err() && selection.choice(Mode::Pull).is_ok());
    }
}
