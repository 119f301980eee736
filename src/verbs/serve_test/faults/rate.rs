//! How often something may happen: `20/min`.

use std::cell::Cell;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// So many in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many, at least one.
    pub count: u64,
    /// In how long.
    pub span: Duration,
}

impl FromStr for Rate {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (count, unit) = text.split_once('/').ok_or(())?;
        let count = count.parse().map_err(|_| ())?;
        let seconds = match unit {
            "s" => 1,
            "m" | "min" => 60,
            "h" => 3_600,
            _ => return Err(()),
        };
        (count > 0).then_some(Self { count, span: Duration::from_secs(seconds) }).ok_or(())
    }
}

/// Counts against a [`Rate`], in spans that begin with the first event behind the last span.
#[derive(Debug, Clone, Default)]
pub struct Meter(Cell<Option<(Instant, u64)>>);

impl Meter {
    /// Counts one event, and tells how long the span still lasts when it is one too many.
    pub fn is_over(&self, rate: Rate, now: Instant) -> Option<Duration> {
        let (start, count) = match self.0.get() {
            Some((start, count)) if now.duration_since(start) < rate.span => (start, count + 1),
            _ => (now, 1),
        };
        self.0.set(Some((start, count)));
        (count > rate.count).then(|| rate.span.saturating_sub(now.duration_since(start)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_room_for_so_many() {
        let rate: Rate = "2/s".parse().expect("a rate");
        let (meter, start) = (Meter::default(), Instant::now());
        let at = |milliseconds| meter.is_over(rate, start + Duration::from_millis(milliseconds));
        assert_eq!((at(0), at(10)), (None, None));
        assert_eq!(at(400), Some(Duration::from_millis(600)));
        assert_eq!((at(1_000), at(1_999)), (None, None));
        for wrong in ["", "2", "/s", "0/s", "2/d", "-1/s"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }
}
