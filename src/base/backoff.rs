//! When to come back to a server that is busy: what it says about that, and how often to try.
//!
//! Servers ask for patience by reply codes (RFC 5321 section 4.2.2, RFC 5530, RFC 3206) and,
//! some of them, in words: Exchange puts `Suggested Backoff Time: 299 milliseconds` into its
//! text. Not here: which errors mean that, which is for each protocol to say.

use std::time::Duration;

/// The longest wait that a run makes by itself; asked for more, it ends and says so.
pub const LONGEST: Duration = Duration::from_secs(60);

/// A server that is there and cannot do it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Busy {
    /// It said for how long.
    For(Duration),
    /// It did not.
    AWhile,
}

impl Busy {
    /// What a reply's text says, else "a while".
    pub fn by_text(text: &str) -> Self {
        suggested(text).map_or(Self::AWhile, Self::For)
    }
}

/// Words before a number that mean "come back after".
const PHRASES: [&str; 4] =
    ["suggested backoff time:", "try again in", "try again after", "retry after"];

/// The time that a server's text asks for; `None` where it names none. Without a unit the
/// number is of milliseconds behind `Suggested Backoff Time:` and of seconds elsewhere.
pub fn suggested(text: &str) -> Option<Duration> {
    let text = text.to_ascii_lowercase();
    PHRASES.iter().find_map(|phrase| {
        let rest = text[text.find(phrase)? + phrase.len()..].trim_start();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().ok()?;
        let unit = rest[digits..].trim_start();
        let unit = unit.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        let milliseconds = match unit {
            "ms" | "msec" | "millisecond" | "milliseconds" => 1,
            "m" | "min" | "mins" | "minute" | "minutes" => 60_000,
            "h" | "hour" | "hours" => 3_600_000,
            "" if phrase.starts_with("suggested") => 1,
            _ => 1000,
        };
        Some(Duration::from_millis(number.saturating_mul(milliseconds)))
    })
}

/// The waits between attempts: 1 s, 2 s, and no more; or what the server asks for.
#[derive(Debug, Default)]
pub struct Schedule {
    taken: u32,
}

impl Schedule {
    /// How long to wait before the next attempt; `None`: there is none.
    pub fn after(&mut self, busy: Busy) -> Option<Duration> {
        const WAITS: u32 = 2;
        if self.taken == WAITS {
            return None;
        }
        let own = Duration::from_secs(1 << self.taken);
        self.taken += 1;
        match busy {
            Busy::AWhile => Some(own),
            Busy::For(time) => (time <= LONGEST).then_some(time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_from_text() {
        for (text, milliseconds) in [
            ("[UNAVAILABLE] Request is throttled. Suggested Backoff Time: 299 milliseconds", 299),
            ("Suggested Backoff Time: 1500", 1500),
            ("4.7.0 Too many connections, try again in 30 seconds", 30_000),
            ("Too many logins: Try again after 5 minutes.", 300_000),
            ("Retry after 2h", 7_200_000),
            ("retry after 7", 7000),
        ] {
            assert_eq!(suggested(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "try again later", "Suggested Backoff Time: soon", "retry after"] {
            assert_eq!(suggested(text), None, "{text}");
        }
        let huge = "Suggested Backoff Time: 99999999999999999999999 ms";
        assert_eq!(suggested(huge), None);
        assert!(suggested("try again in 18446744073709551615 hours").is_some());
    }

    #[test]
    fn attempts_end() {
        let mut schedule = Schedule::default();
        assert_eq!(schedule.after(Busy::AWhile), Some(Duration::from_secs(1)));
        let half = Duration::from_millis(500);
        assert_eq!(schedule.after(Busy::For(half)), Some(half));
        assert_eq!(schedule.after(Busy::AWhile), None);
        assert_eq!(Schedule::default().after(Busy::For(LONGEST * 2)), None);
    }
}
