//! Sets of message numbers (RFC 9051 section 9, `sequence-set`; RFC 5182, `$`).
//!
//! `*` stands for the largest number in use, which only the mailbox knows: it stays a bound of
//! its own. `uid-set` of RFC 4315 is the same without `*`.

use super::encode::Encoder;
use super::token::{Cursor, Parse};

/// One end of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bound {
    /// A UID or message sequence number.
    Number(u32),
    /// `*`: the largest number in use.
    Star,
}

/// A range, both ends included, in the order written; either end may be the smaller one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The end written first.
    pub first: Bound,
    /// The end written last; the same for a single number.
    pub last: Bound,
}

impl Range {
    /// The smallest and largest number, `*` being `max`.
    pub fn resolve(self, max: u32) -> (u32, u32) {
        let number = |bound| match bound {
            Bound::Number(number) => number,
            Bound::Star => max,
        };
        let (a, b) = (number(self.first), number(self.last));
        (a.min(b), a.max(b))
    }
}

/// A `sequence-set`: ranges in the order written, or the saved search result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SequenceSet {
    /// At least one range, where it came from the wire.
    Ranges(Vec<Range>),
    /// `$`: the result saved by SEARCH RETURN (SAVE) (RFC 5182).
    Saved,
}

impl SequenceSet {
    /// `1:*`
    pub fn all() -> Self {
        Self::from_number(1)
    }

    /// `n:*`, which names the last message even when `n` is greater.
    pub fn from_number(first: u32) -> Self {
        Self::Ranges(vec![Range { first: Bound::Number(first), last: Bound::Star }])
    }

    /// The shortest set of these numbers; they are best sorted, since order is kept. An empty
    /// set cannot be sent and is refused when encoded.
    pub fn from_numbers(numbers: impl IntoIterator<Item = u32>) -> Self {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for number in numbers {
            match ranges.last_mut() {
                Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
                Some((first, last)) if (*first..=*last).contains(&number) => {}
                _ => ranges.push((number, number)),
            }
        }
        Self::from_ranges(ranges)
    }

    /// The set of these ranges, both ends included, in their order.
    pub fn from_ranges(ranges: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let range =
            |(first, last)| Range { first: Bound::Number(first), last: Bound::Number(last) };
        Self::Ranges(ranges.into_iter().map(range).collect())
    }

    /// The ranges; `None` for the saved result.
    pub fn ranges(&self) -> Option<&[Range]> {
        match self {
            Self::Ranges(ranges) => Some(ranges),
            Self::Saved => None,
        }
    }

    /// Whether `number` is in the set, `*` being `max`. The saved result holds nothing here.
    pub fn contains(&self, number: u32, max: u32) -> bool {
        self.ranges().unwrap_or_default().iter().any(|range| {
            let (low, high) = range.resolve(max);
            (low..=high).contains(&number)
        })
    }

    /// Every number in the order written, `4:2` as 4, 3, 2; `*` is `max`.
    ///
    /// The set may be hostile (`1:4294967295`): take no more of it than can be right.
    pub fn numbers(&self, max: u32) -> impl Iterator<Item = u32> {
        self.ranges().unwrap_or_default().iter().flat_map(move |range| {
            let (low, high) = range.resolve(max);
            let backwards = Range { first: range.first, last: range.first }.resolve(max).0 > low;
            let mut numbers = low..=high;
            std::iter::from_fn(move || if backwards { numbers.next_back() } else { numbers.next() })
        })
    }

    /// How many numbers [`SequenceSet::numbers`] would give.
    pub fn count(&self, max: u32) -> u64 {
        let count = |range: &Range| {
            let (low, high) = range.resolve(max);
            u64::from(high - low) + 1
        };
        self.ranges().unwrap_or_default().iter().map(count).sum()
    }

    /// Reads a set from its whole text; `None` where it is not one.
    pub fn from_text(text: &[u8]) -> Option<Self> {
        let mut text = text.to_vec();
        text.push(b'\r');
        let mut cursor = Cursor::new(&text, super::token::Manner::Strict);
        let set = Self::parse(&mut cursor).ok()?;
        (cursor.at() + 1 == text.len()).then_some(set)
    }

    /// The set as text; `$` for the saved result, nothing for an empty set.
    pub fn to_text(&self) -> String {
        let mut out = Encoder::new(super::encode::Literals::Server, false);
        self.encode(&mut out);
        // An empty set is refused, and its text is empty.
        let octets = out.finish().map(|encoded| encoded.octets).unwrap_or_default();
        octets.into_iter().map(char::from).collect()
    }

    /// `sequence-set = (seq-number / seq-range) ["," sequence-set] / "$"`
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Parse<Self> {
        if cursor.eat(b'$')? {
            return Ok(Self::Saved);
        }
        let mut ranges = Vec::new();
        loop {
            let first = Self::parse_bound(cursor)?;
            let last = if cursor.eat(b':')? { Self::parse_bound(cursor)? } else { first };
            ranges.push(Range { first, last });
            if !cursor.eat(b',')? {
                return Ok(Self::Ranges(ranges));
            }
        }
    }

    fn parse_bound(cursor: &mut Cursor<'_>) -> Parse<Bound> {
        if cursor.eat(b'*')? { Ok(Bound::Star) } else { cursor.nz_number().map(Bound::Number) }
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        let bound = |out: &mut Encoder, bound| match bound {
            Bound::Number(number) => out.number(u64::from(number)),
            Bound::Star => out.raw("*"),
        };
        match self {
            Self::Saved => out.raw("$"),
            Self::Ranges(ranges) if ranges.is_empty() => out.refuse("empty sequence-set"),
            Self::Ranges(ranges) => {
                for (i, range) in ranges.iter().enumerate() {
                    if i > 0 {
                        out.raw(",");
                    }
                    bound(out, range.first);
                    if range.first != range.last {
                        out.raw(":");
                        bound(out, range.last);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_9051_examples() {
        let set = SequenceSet::from_text(b"2,4:7,9,12:*").unwrap();
        assert_eq!(set.numbers(15).collect::<Vec<_>>(), [2, 4, 5, 6, 7, 9, 12, 13, 14, 15]);
        let set = SequenceSet::from_text(b"*:4,5:7").unwrap();
        assert_eq!(set.numbers(10).collect::<Vec<_>>(), [10, 9, 8, 7, 6, 5, 4, 5, 6, 7]);
        assert_eq!(set.to_text(), "*:4,5:7");
        assert_eq!(SequenceSet::from_text(b"$"), Some(SequenceSet::Saved));
    }

    #[test]
    fn what_is_not_a_set() {
        for text in ["", "0", "1,", "1:", ",1", "1 2", "4294967296", "a", "1:2:3", "$,1"] {
            assert_eq!(SequenceSet::from_text(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn numbers_become_the_shortest_set() {
        assert_eq!(SequenceSet::from_numbers([1, 2, 3, 3, 5, 7, 8]).to_text(), "1:3,5,7:8");
        assert_eq!(SequenceSet::from_numbers([9, 4, 5]).to_text(), "9,4:5");
        assert_eq!(SequenceSet::from_numbers([u32::MAX, 1]).to_text(), "4294967295,1");
    }

    #[test]
    fn star_is_the_last_even_below_the_first() {
        let set = SequenceSet::from_number(559);
        assert!(set.contains(12, 12) && !set.contains(11, 12));
        assert_eq!(set.count(12), 548);
    }
}
