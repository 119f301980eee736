//! What SEARCH and SORT answer: plain, extended (RFC 4731, RFC 5267 section 3), in part
//! (RFC 9394), or kept for `$` (RFC 5182).

use std::borrow::Cow;

use super::outcome::{Outcome, Voice};
use super::view::Selected;
use crate::imap::syntax::mailbox::Mailbox;
use crate::imap::syntax::response::Data;
use crate::imap::syntax::search::{Esearch, Return};
use crate::imap::syntax::set::SequenceSet;
use crate::imap::syntax::{ModSeq, UidValidity};

/// A message that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// Its sequence number.
    pub number: u32,
    /// Its UID.
    pub uid: u32,
    /// Its mod-sequence.
    pub modseq: u64,
}

/// What asks for results.
#[derive(Debug, Clone)]
pub(super) struct Request<'r> {
    /// The command's tag.
    pub tag: &'r [u8],
    /// Whether the results are UIDs.
    pub uid: bool,
    /// Whether it is SORT, whose order stays.
    pub sorted: bool,
    /// RETURN; `None`: not given.
    pub returns: Option<&'r [Return<'r>]>,
    /// Whether the highest mod-sequence is told.
    pub modseq: bool,
    /// The mailbox, where it has to be named (RFC 7377).
    pub mailbox: Option<(Mailbox<'static>, UidValidity)>,
}

/// # Errors
/// BAD for return options that we do not know, or that exclude each other.
pub(super) fn check(returns: Option<&[Return<'_>]>) -> Result<(), Outcome> {
    let returns = returns.unwrap_or_default();
    let mut partial = 0;
    for option in returns {
        match option {
            Return::Other(_) => return Err(Outcome::bad("there is no such return option")),
            Return::Partial(first, last) => {
                partial += 1;
                if (*first < 0) != (*last < 0) || *first == 0 || *last == 0 {
                    return Err(Outcome::bad("that is no range of results"));
                }
            }
            _ => {}
        }
    }
    // RFC 9394 section 3.1.
    if partial > 1 || (partial > 0 && returns.contains(&Return::All)) {
        return Err(Outcome::bad("PARTIAL and ALL exclude each other"));
    }
    Ok(())
}

/// Says the results, and keeps them where SAVE asks for it.
pub(super) fn tell(
    voice: &mut Voice,
    selected: &mut Selected,
    request: Request<'_>,
    found: &[Found],
) {
    let number = |found: &Found| if request.uid { found.uid } else { found.number };
    let highest = |found: &[Found]| {
        let highest = found.iter().map(|found| found.modseq).max();
        highest.filter(|_| request.modseq).map(ModSeq)
    };
    // RFC 9051 section 7.3.4: there is no SEARCH response any more.
    let none: &[Return<'_>] = &[];
    let extended = voice.enabled.rev2 && !request.sorted;
    let Some(returns) = request.returns.or(extended.then_some(none)) else {
        let numbers = found.iter().map(number).collect();
        let modseq = highest(found);
        voice.data(if request.sorted {
            Data::Sort { numbers, modseq }
        } else {
            Data::Search { numbers, modseq }
        });
        return;
    };
    let has = |wanted: &Return<'_>| returns.iter().any(|option| option == wanted);
    let partial = returns.iter().find_map(|option| match option {
        Return::Partial(first, last) => Some((*first, *last)),
        _ => None,
    });
    let (min, max, count) = (has(&Return::Min), has(&Return::Max), has(&Return::Count));
    let all = has(&Return::All) || returns.is_empty();
    let ends: Vec<Found> = [(min, found.first()), (max, found.last())]
        .into_iter()
        .filter_map(|(wanted, end)| end.filter(|_| wanted).copied())
        .collect();
    let only_ends = (min || max) && !all && !count && partial.is_none();
    let shown = partial.map(|range| part_of(found, range));
    if has(&Return::Save) {
        // RFC 5182 section 2.1: with MIN or MAX alone, only those are kept.
        let kept = if only_ends { ends.as_slice() } else { shown.unwrap_or(found) };
        selected.saved = kept.iter().map(|found| found.uid).collect();
        selected.saved.sort_unstable();
        selected.saved.dedup();
        if returns.len() == 1 {
            return;
        }
    }
    let set = |found: &[Found]| {
        (!found.is_empty()).then(|| SequenceSet::from_numbers(found.iter().map(number)))
    };
    let esearch = Esearch {
        tag: Some(Cow::Borrowed(request.tag)),
        mailbox: request.mailbox,
        uid: request.uid,
        min: found.first().filter(|_| min).map(number),
        max: found.last().filter(|_| max).map(number),
        count: count.then(|| u32::try_from(found.len()).unwrap_or(u32::MAX)),
        all: if all { set(found) } else { None },
        modseq: highest(if only_ends { ends.as_slice() } else { shown.unwrap_or(found) }),
        partial: partial.map(|range| (in_order(range), shown.and_then(set))),
        updates: Vec::new(),
        others: Vec::new(),
    };
    voice.data(Data::Esearch(esearch));
}

/// A range of PARTIAL from its beginning: 500:400 is the same as 400:500 (RFC 9394 section 4).
fn in_order((first, last): (i64, i64)) -> (i64, i64) {
    if first.unsigned_abs() <= last.unsigned_abs() { (first, last) } else { (last, first) }
}

/// The results from one place to another, counted from 1, or from the end by negative
/// numbers.
fn part_of(found: &[Found], (first, last): (i64, i64)) -> &[Found] {
    let len = i64::try_from(found.len()).unwrap_or(i64::MAX);
    let place = |number: i64| if number > 0 { number - 1 } else { len + number };
    let (one, other) = (place(first), place(last));
    let from = one.min(other).clamp(0, len);
    let to = one.max(other).saturating_add(1).clamp(0, len);
    // Both are within the slice because of the clamps.
    &found[from as usize..(to as usize).max(from as usize)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_count_from_either_end() {
        let found: Vec<Found> =
            (1..=5).map(|number| Found { number, uid: number * 10, modseq: 1 }).collect();
        let numbers = |range| -> Vec<u32> {
            part_of(&found, range).iter().map(|found| found.number).collect()
        };
        assert_eq!(numbers((1, 2)), [1, 2]);
        assert_eq!(numbers((4, 9)), [4, 5]);
        assert_eq!(numbers((-1, -2)), [4, 5]);
        assert_eq!(numbers((-9, -4)), [1, 2]);
        assert!(numbers((6, 9)).is_empty());
        assert!(numbers((-20, -9)).is_empty());
        assert_eq!(numbers((i64::from(u32::MAX), 1)), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn partial_and_all_exclude_each_other() {
        assert!(check(Some(&[Return::Partial(1, 5), Return::All])).is_err());
        assert!(check(Some(&[Return::Partial(1, -5)])).is_err());
        assert!(check(Some(&[Return::Partial(-1, -5), Return::Count])).is_ok());
        assert!(check(Some(&[Return::Other(b"X".as_slice().into())])).is_err());
    }
}
