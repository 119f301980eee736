//! Flags between the wire and the store (RFC 9051 section 2.3.2).

use std::borrow::Cow;

use super::outcome::Outcome;
use crate::imap::syntax::flag::{Flag, Flags};
use crate::store;
use crate::store::memory::Message;

/// The system flags that a client can set.
const SYSTEM: [Flag<'static>; 5] =
    [Flag::Answered, Flag::Flagged, Flag::Deleted, Flag::Seen, Flag::Draft];

/// Whether a name can be a keyword on the wire: an atom (RFC 9051 section 9). Mail that came
/// from elsewhere may carry others, which IMAP cannot say.
pub(super) fn is_keyword(name: &str) -> bool {
    let special = |c: u8| matches!(c, b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\' | b']');
    !name.is_empty() && name.bytes().all(|c| c > b' ' && c < 0x7f && !special(c))
}

/// A flag of the store as the wire has it; `None` for one that cannot be said.
fn flag(name: &str) -> Option<Flag<'_>> {
    let flag = Flag::from_text(name.as_bytes());
    match &flag {
        Flag::Keyword(_) => is_keyword(name).then_some(flag),
        Flag::Extension(_) | Flag::Any | Flag::Recent => None,
        _ => Some(flag),
    }
}

/// Whether a message has a flag, its case left aside; allocates nothing.
pub(super) fn has(message: &Message, name: &str) -> bool {
    message.flags.iter().any(|flag| flag.name().eq_ignore_ascii_case(name))
}

/// The flags of a message as a FETCH response tells them.
pub(super) fn of_message(message: &Message, recent: bool) -> Flags<'static> {
    let known = message.flags.iter().filter_map(|each| flag(each.name()));
    Flags::from_flags(known.chain(recent.then_some(Flag::Recent)))
}

/// What FLAGS tells: the system flags and the keywords in use.
pub(super) fn defined<'k>(keywords: impl Iterator<Item = &'k store::Flag>) -> Flags<'static> {
    let keywords = keywords.filter_map(|keyword| flag(keyword.name()));
    Flags::from_flags(SYSTEM.into_iter().chain(keywords))
}

/// What PERMANENTFLAGS tells: the same, and that any keyword can be made.
pub(super) fn permanent<'k>(keywords: impl Iterator<Item = &'k store::Flag>) -> Flags<'static> {
    let keywords = keywords.filter_map(|keyword| flag(keyword.name()));
    Flags::from_flags(SYSTEM.into_iter().chain(keywords).chain(std::iter::once(Flag::Any)))
}

/// The flags that a client gave to STORE or APPEND. `\Recent` is nobody's to set and is
/// passed over.
///
/// # Errors
/// BAD for a flag with a backslash that no RFC defines.
pub(super) fn given(flags: &Flags<'_>) -> Result<store::Flags, Outcome> {
    let mut given = store::Flags::new();
    for flag in flags.iter() {
        match flag {
            Flag::Extension(_) | Flag::Any => {
                return Err(Outcome::bad("there is no such system flag"));
            }
            Flag::Recent => {}
            flag => given.insert(&text(&flag)),
        }
    }
    Ok(given)
}

/// The flag's name; what the decoder lets through is ASCII.
fn text<'f>(flag: &'f Flag<'_>) -> Cow<'f, str> {
    match flag {
        Flag::Keyword(name) => String::from_utf8_lossy(name),
        flag => Cow::Owned(String::from_utf8_lossy(&flag.to_text()).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_said() {
        for name in ["$Forwarded", "a", "work/urgent"] {
            assert!(is_keyword(name), "{name}");
        }
        for name in ["", "a b", "a]", "\u{e9}", "a*"] {
            assert!(!is_keyword(name), "{name}");
        }
        assert_eq!(flag("\\seen"), Some(Flag::Seen));
        assert_eq!(flag("\\Foo"), None);
    }

    #[test]
    fn recent_is_passed_over_and_unknown_ones_are_bad() {
        let wire =
            Flags::from_flags([Flag::Seen, Flag::Recent, Flag::Keyword(b"x".as_slice().into())]);
        let flags = given(&wire).expect("known flags");
        assert_eq!(flags, ["\\Seen", "x"].iter().collect());
        let odd = Flags::from_flags([Flag::Extension(b"Foo".as_slice().into())]);
        assert!(given(&odd).is_err());
    }
}
