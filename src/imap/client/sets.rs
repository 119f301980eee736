//! Sets of UIDs as commands name them: short enough for a line, and in as few ranges as what was
//! listed allows.

use super::{Client, LINE_OCTETS, Selected};
use crate::imap::syntax::UidValidity;
use crate::imap::syntax::set::SequenceSet;

impl Client {
    /// Sets of at most `count` of these numbers, each short enough for one command line.
    pub(super) fn batches(numbers: &[u32], count: usize) -> Vec<SequenceSet> {
        Self::batches_over(numbers, count, |_| None)
    }

    /// The same for a command that only asks: a range may run over UIDs of which the listing
    /// has shown that no message has them. Those of messages that come later are larger.
    pub(super) fn batches_to_ask(&self, uids: &[u32], count: usize) -> Vec<SequenceSet> {
        let selected = self.selected();
        let is_here = selected.is_some_and(|selected| self.present.is_of(selected));
        let listed: &[u32] = if is_here { &self.present.uids } else { &[] };
        Self::batches_over(uids, count, |uid| {
            let at = listed.binary_search(&uid).ok()?;
            listed.get(at + 1).copied()
        })
    }

    /// `next` is the number behind this one with nothing in between that must not be named.
    pub(super) fn batches_over(
        numbers: &[u32],
        count: usize,
        next: impl Fn(u32) -> Option<u32>,
    ) -> Vec<SequenceSet> {
        // The rest of the line is the command's; it is short.
        const SET_OCTETS: usize = LINE_OCTETS - 200;
        let digits = |number: u32| number.checked_ilog10().unwrap_or(0) as usize + 1;
        let mut batches = Vec::new();
        // The batch in the making: its ranges, how many numbers are in them, and its text up to
        // the last range.
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        let (mut held, mut len) = (0, 0);
        for &number in numbers {
            let last = ranges.last_mut().filter(|_| held < count);
            if let Some((first, last)) = last {
                if last.checked_add(1) == Some(number) || next(*last) == Some(number) {
                    *last = number;
                    held += 1;
                    continue;
                }
                let single = digits(*first) + 1;
                len += if first == last { single } else { single + digits(*last) + 1 };
                // Room for `4294967295:4294967295`, which the next range may grow to be.
                if len + 21 <= SET_OCTETS {
                    ranges.push((number, number));
                    held += 1;
                    continue;
                }
            }
            if !ranges.is_empty() {
                batches.push(SequenceSet::from_ranges(std::mem::take(&mut ranges)));
            }
            ranges.push((number, number));
            (held, len) = (1, 0);
        }
        if !ranges.is_empty() {
            batches.push(SequenceSet::from_ranges(ranges));
        }
        batches
    }
}

/// The messages of a mailbox as they were listed last.
#[derive(Default)]
pub(super) struct Present {
    pub mailbox: Vec<u8>,
    pub uid_validity: UidValidity,
    /// Ascending.
    pub uids: Vec<u32>,
}

impl Present {
    pub fn is_of(&self, selected: &Selected) -> bool {
        self.uid_validity.0 != 0
            && self.uid_validity == selected.uid_validity
            && self.mailbox == selected.mailbox
    }
}
