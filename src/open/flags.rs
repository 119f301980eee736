//! Flags as people write them: `seen`, `+flagged`, `-work`.
//!
//! The system flags of RFC 9051 section 2.3.2 go by their names without backslash; every
//! other word is a keyword.

use anyhow::Result;

use crate::store::Flags;
use crate::ui::Failure;

/// The system flags that a user can set.
const SYSTEM: [&str; 5] = ["\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"];

/// Octets that no atom has (RFC 9051 section 9), besides controls and what is not ASCII.
const NO_ATOM: &[u8] = b" (){%*\"\\]";

/// The words of `mark`, told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks {
    /// References and `-`.
    pub references: Vec<String>,
    /// Flags to set.
    pub add: Flags,
    /// Flags to clear.
    pub remove: Flags,
}

/// Tells references from flags.
///
/// # Errors
/// [`Failure`] (64) for a word that is no flag, a flag that is both set and cleared, an option
/// behind the references, and when there are no flags or no references.
pub fn marks(words: &[String]) -> Result<Marks> {
    let mut marks = Marks { references: Vec::new(), add: Flags::new(), remove: Flags::new() };
    for word in words {
        if word.starts_with("--") || word.starts_with('-') && word.len() == 2 {
            return Err(Failure::usage(format!("{word}: an option behind a reference or a flag"))
                .hint("options stand before the references")
                .into());
        }
        match (word.strip_prefix('+'), word.strip_prefix('-')) {
            (Some(name), _) => marks.add.insert(&flag(name)?),
            (None, Some(name)) if !name.is_empty() => marks.remove.insert(&flag(name)?),
            _ => marks.references.push(word.clone()),
        }
    }
    if let Some(both) = marks.add.iter().find(|flag| marks.remove.has(flag.name())) {
        let message = format!("{} is both set and cleared", both.name());
        return Err(Failure::usage(message).into());
    }
    if marks.add.is_empty() && marks.remove.is_empty() {
        return Err(Failure::usage("no flags given")
            .hint("write +flagged to set one, and -seen to clear one")
            .into());
    }
    if marks.references.is_empty() {
        return Err(Failure::usage("no references given")
            .hint("give references as `pillarbox search` prints them, or - for standard input")
            .into());
    }
    Ok(marks)
}

/// The flag of a name, with or without its backslash, or a keyword.
///
/// # Errors
/// [`Failure`] (64) for what can be neither.
pub fn flag(name: &str) -> Result<String> {
    let bare = name.strip_prefix('\\');
    let wanted = bare.unwrap_or(name);
    let known = SYSTEM.iter().find(|flag| flag[1..].eq_ignore_ascii_case(wanted));
    if let Some(known) = known {
        return Ok((*known).to_owned());
    }
    let is_atom = !name.is_empty()
        && name.bytes().all(|octet| octet.is_ascii_graphic() && !NO_ATOM.contains(&octet));
    if bare.is_some() || !is_atom {
        return Err(Failure::usage(format!("{name:?} is no flag"))
            .hint("flags are seen, answered, flagged, deleted, draft, and keywords such as $Junk")
            .into());
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Marks> {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        marks(&words)
    }

    #[test]
    fn words_are_told_apart() {
        let marks = read(&["-", "+flagged", "-SEEN", "imap://h/a/;UID=1", "+$Junk"]);
        let marks = marks.expect("marks");
        assert_eq!(marks.references, ["-", "imap://h/a/;UID=1"]);
        assert_eq!(marks.add, ["\\Flagged", "$Junk"].iter().collect::<Flags>());
        assert_eq!(marks.remove, ["\\Seen"].iter().collect::<Flags>());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for words in [
            &["-"][..],
            &["+seen"],
            &["-", "+seen", "-Seen"],
            &["-", "+seen", "--json"],
            &["-", "+seen", "-q"],
            &["-", "+"],
            &["-", "+two words"],
            &["-", "+grün"],
            &["-", "+\\Recent"],
        ] {
            assert!(read(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn flags_by_name() {
        assert_eq!(flag("draft").expect("a flag"), "\\Draft");
        assert_eq!(flag("\\answered").expect("a flag"), "\\Answered");
        assert_eq!(flag("Work").expect("a keyword"), "Work");
    }
}
