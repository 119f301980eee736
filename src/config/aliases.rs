//! Aliases of local names, in the format of `/etc/aliases` (aliases(5) of sendmail and
//! Postfix): `name: target, target`, continued by lines that begin with a blank, `#` before
//! comments. Targets are addresses and other names; commands, files and `:include:`, which
//! only a delivering server can serve, are errors.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::Place;
use crate::base::limits;

/// What is wrong with a file of aliases. The user erred.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why; [`std::io::ErrorKind::InvalidData`] when it is not UTF-8.
        source: std::io::Error,
    },
    /// A line that is no alias.
    #[error("{place}: expected {expected}")]
    Syntax {
        /// Where the alias begins.
        place: Place,
        /// What should stand there.
        expected: &'static str,
    },
    /// A target that only a delivering server can serve.
    #[error("{place}: {target:?} is not an address")]
    Unsupported {
        /// Where the alias begins.
        place: Place,
        /// The target.
        target: String,
    },
    /// Aliases that lead back to themselves, or too far.
    #[error("{place}: the alias leads in a circle or too far: {}", .chain.join(" -> "))]
    Circle {
        /// Where the alias stands that was met again.
        place: Place,
        /// The names on the way, the repeated one last.
        chain: Vec<String>,
    },
}

/// The aliases of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aliases {
    path: PathBuf,
    /// By name in lower case.
    entries: BTreeMap<String, Alias>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Alias {
    line: usize,
    targets: Vec<String>,
}

impl Aliases {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error`], with the line.
    pub fn load(path: &Path) -> Result<Self, Error> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text),
            Err(source) => Err(Error::Read { path: path.to_owned(), source }),
        }
    }

    /// Reads the text of a file; `path` is for messages.
    ///
    /// # Errors
    /// [`Error`], with the line.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        let mut aliases = Self { path: path.to_owned(), entries: BTreeMap::new() };
        for (line, text) in unfolded(text) {
            let place = aliases.place(line);
            let syntax = |expected| Error::Syntax { place: place.clone(), expected };
            let mut sides = split_unquoted(&text, ':', 2).into_iter();
            let (Some(name), Some(targets)) = (sides.next(), sides.next()) else {
                return Err(syntax("a name and a colon"));
            };
            let name = name.trim().trim_matches('"').to_lowercase();
            if name.is_empty() || name.contains('@') {
                return Err(syntax("a local name, without @, before the colon"));
            }
            let targets: Vec<String> = split_unquoted(targets, ',', usize::MAX)
                .into_iter()
                .map(|target| target.trim().to_owned())
                .filter(|target| !target.is_empty())
                .collect();
            if targets.is_empty() {
                return Err(syntax("an address behind the colon"));
            }
            if let Some(target) = targets.iter().find(|target| !is_address(target)) {
                return Err(Error::Unsupported { place, target: target.clone() });
            }
            if aliases.entries.contains_key(&name) {
                return Err(syntax("each name only once"));
            }
            aliases.entries.insert(name, Alias { line, targets });
        }
        Ok(aliases)
    }

    /// What a recipient stands for, each address once, in the order of the file: the
    /// recipient itself where it is no alias or has a domain. Names that are no alias come
    /// out without a domain. A backslash before a name keeps it from being looked up.
    ///
    /// # Errors
    /// [`Error::Circle`].
    pub fn expand(&self, recipient: &str) -> Result<Vec<String>, Error> {
        let mut expansion = Expansion::default();
        self.follow(recipient, &mut expansion)?;
        Ok(expansion.found)
    }

    fn follow(&self, recipient: &str, expansion: &mut Expansion) -> Result<(), Error> {
        let name = recipient.to_lowercase();
        let Some(alias) = self.entries.get(&name) else {
            let address = recipient.strip_prefix('\\').unwrap_or(recipient);
            if !expansion.found.iter().any(|found| found == address) {
                expansion.found.push(address.to_owned());
            }
            return Ok(());
        };
        let is_circle = expansion.chain.contains(&name);
        expansion.chain.push(name.clone());
        if is_circle || expansion.chain.len() > limits::NESTING {
            let chain = std::mem::take(&mut expansion.chain);
            return Err(Error::Circle { place: self.place(alias.line), chain });
        }
        // An alias met again on another way adds nothing new.
        if expansion.done.insert(name) {
            for target in &alias.targets {
                self.follow(target, expansion)?;
            }
        }
        expansion.chain.pop();
        Ok(())
    }

    fn place(&self, line: usize) -> Place {
        Place { path: self.path.clone(), line }
    }
}

/// A walk through the aliases.
#[derive(Default)]
struct Expansion {
    found: Vec<String>,
    /// The aliases between the recipient and where we are.
    chain: Vec<String>,
    done: BTreeSet<String>,
}

/// Lines with their continuations, without comments and blank lines, and the number of the
/// first of each.
fn unfolded(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        match lines.last_mut() {
            Some((_, last)) if line.starts_with([' ', '\t']) => last.push_str(line),
            _ => lines.push((number, line.to_owned())),
        }
    }
    lines
}

/// The parts between separators that do not stand in double quotes; at most `most` parts.
fn split_unquoted(text: &str, separator: char, most: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut is_quoted, mut is_escaped) = (0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if c == separator && !is_quoted && parts.len() + 1 < most => {
                parts.push(&text[start..at]);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn is_address(target: &str) -> bool {
    let bare = target.trim_start_matches('"');
    !bare.starts_with(['|', '/']) && !bare.starts_with(":include:")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Aliases, Error> {
        Aliases::parse(Path::new("/etc/aliases"), text)
    }

    fn expand(text: &str, recipient: &str) -> Vec<String> {
        parse(text).expect("good aliases").expand(recipient).expect("an end")
    }

    #[test]
    fn names_are_followed_to_addresses() {
        let text = "# local people\n\
                    postmaster: root\n\
                    root:\tann@example.org,\n\
                    \t  bob ,\n\
                    # still root\n\
                    \n   \"c, d\"@example.org\n\
                    Team: ann@example.org, root, \\team, carol\n";
        for (recipient, want) in [
            ("postmaster", vec!["ann@example.org", "bob", "\"c, d\"@example.org"]),
            ("POSTMASTER", vec!["ann@example.org", "bob", "\"c, d\"@example.org"]),
            ("team", vec!["ann@example.org", "bob", "\"c, d\"@example.org", "team", "carol"]),
            ("root@elsewhere.example", vec!["root@elsewhere.example"]),
            ("\\root", vec!["root"]),
            ("dave", vec!["dave"]),
        ] {
            assert_eq!(expand(text, recipient), want, "{recipient}");
        }
    }

    #[test]
    fn circles_end() {
        let aliases = parse("a: b\nb: c, x\nc: a\nd: d\n").expect("good aliases");
        let error = aliases.expand("b").expect_err("a circle").to_string();
        assert_eq!(
            error,
            "/etc/aliases, line 2: the alias leads in a circle or too far: b -> c -> a -> b"
        );
        assert!(matches!(aliases.expand("d"), Err(Error::Circle { .. })));

        let long: String = (0..=limits::NESTING).map(|n| format!("n{n}: n{}\n", n + 1)).collect();
        assert!(matches!(parse(&long).expect("aliases").expand("n0"), Err(Error::Circle { .. })));

        // Each level doubles the ways to the last: every alias is followed once all the same.
        let wide: String = (0..60).map(|n| format!("n{n}: n{0}, n{0}\n", n + 1)).collect();
        assert_eq!(expand(&wide, "n0"), ["n60"]);
    }

    #[test]
    fn mistakes_name_the_line() {
        for (text, want) in [
            ("\nroot\n", "line 2: expected a name and a colon"),
            ("root:\n", "line 1: expected an address behind the colon"),
            ("root: , ,\n", "line 1: expected an address behind the colon"),
            (": ann\n", "line 1: expected a local name, without @, before the colon"),
            ("a@b: ann\n", "line 1: expected a local name, without @, before the colon"),
            ("a: b\nA: c\n", "line 2: expected each name only once"),
            ("a: \"|/bin/x -y\"\n", "line 1: \"\\\"|/bin/x -y\\\"\" is not an address"),
            ("a: b,\n /var/mail/x\n", "line 1: \"/var/mail/x\" is not an address"),
            ("a: :include:/x\n", "line 1: \":include:/x\" is not an address"),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert_eq!(error, format!("/etc/aliases, {want}"), "{text}");
        }
    }
}
