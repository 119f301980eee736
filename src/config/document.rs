//! TOML with places: each key knows its file and line, so that every mistake can name them.

use std::fmt;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Error;
use crate::base::location::expand_home;
use crate::base::nearest::nearest;

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.path.display(), self.line)
    }
}

/// One file of the configuration.
pub(super) struct Document<'a> {
    /// Its path, as it was opened.
    pub(super) path: &'a Path,
    /// What it holds.
    pub(super) text: &'a str,
    /// What a leading `~` in a path means; `None` where nobody knows.
    pub(super) home: Option<&'a Path>,
}

impl Document<'_> {
    /// The place of an octet of the text.
    pub(super) fn place(&self, offset: usize) -> Place {
        let before = self.text.as_bytes().iter().take(offset);
        let line = 1 + before.filter(|&&b| b == b'\n').count();
        Place { path: self.path.to_owned(), line }
    }

    /// What the TOML reader says, with its place.
    pub(super) fn syntax(&self, error: &toml::de::Error) -> Error {
        let offset = error.span().map_or(self.text.len(), |span| span.start);
        Error::Syntax { place: self.place(offset), message: error.message().to_owned() }
    }

    /// The keys of the outermost table.
    pub(super) fn entries<'a>(&'a self, table: &'a DeTable<'a>) -> Vec<Entry<'a>> {
        entries(self, "", table)
    }
}

fn entries<'a>(document: &'a Document<'a>, prefix: &str, table: &'a DeTable<'a>) -> Vec<Entry<'a>> {
    table
        .iter()
        .map(|(key, value)| Entry {
            document,
            name: format!("{prefix}{}", key.get_ref()),
            key: key.get_ref(),
            offset: key.span().start,
            value,
        })
        .collect()
}

/// A key with its value.
pub(super) struct Entry<'a> {
    document: &'a Document<'a>,
    /// The key with those of the tables around it, dots between.
    name: String,
    /// The key itself.
    pub(super) key: &'a str,
    offset: usize,
    value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Entry<'a> {
    /// Where the key stands.
    pub(super) fn place(&self) -> Place {
        self.document.place(self.offset)
    }

    /// The error that nobody knows this key.
    pub(super) fn unknown(&self, known: &'static [&'static str]) -> Error {
        Error::UnknownKey {
            place: self.place(),
            key: self.name.clone(),
            nearest: nearest(self.key, known.iter().copied()),
            known,
        }
    }

    /// The error that a password stands here as it is.
    pub(super) fn password(&self) -> Error {
        Error::Password { place: self.place(), key: self.name.clone() }
    }

    /// The error that the value is of the wrong kind.
    pub(super) fn wrong(&self, expected: impl Into<String>) -> Error {
        Error::Value { place: self.place(), key: self.name.clone(), expected: expected.into() }
    }

    /// A string, not empty and without controls.
    pub(super) fn text(&self) -> Result<String, Error> {
        text_of(self.value.get_ref()).ok_or_else(|| self.wrong("a string on one line, not empty"))
    }

    /// A string or an array of strings, none of them empty.
    pub(super) fn texts(&self) -> Result<Vec<String>, Error> {
        let value = self.value.get_ref();
        let texts = match value.as_array() {
            Some(array) => array.iter().map(|item| text_of(item.get_ref())).collect(),
            None => text_of(value).map(|text| vec![text]),
        };
        texts.ok_or_else(|| self.wrong("a string or an array of strings"))
    }

    /// `true` or `false`.
    pub(super) fn flag(&self) -> Result<bool, Error> {
        self.value.get_ref().as_bool().ok_or_else(|| self.wrong("true or false"))
    }

    /// A path, from the folder of this file, or from home behind `~/`.
    pub(super) fn path(&self) -> Result<PathBuf, Error> {
        let text = self.text()?;
        let path = expand_home(Path::new(&text), self.document.home);
        Ok(match self.document.path.parent() {
            Some(folder) => folder.join(path),
            None => path,
        })
    }

    /// The keys of a table.
    pub(super) fn table(&self) -> Result<Vec<Entry<'a>>, Error> {
        let table = self.value.get_ref().as_table().ok_or_else(|| self.wrong("a table"))?;
        Ok(entries(self.document, &format!("{}.", self.name), table))
    }
}

fn text_of(value: &DeValue<'_>) -> Option<String> {
    let text = value.as_str()?;
    (!text.is_empty() && !text.contains(|c: char| c.is_control())).then(|| text.to_owned())
}
