//! Lines of LIST ACTIVE, LIST COUNTS and LIST NEWSGROUPS, without their line ends.
//!
//! RFC 3977 sections 7.6.3 and 7.6.6, RFC 6048 section 2.2.

use super::is_newsgroup;
use super::range::number;

/// One group of LIST ACTIVE or LIST COUNTS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Active {
    /// The group's name.
    pub name: String,
    /// Articles; `None` in LIST ACTIVE.
    pub count: Option<u64>,
    /// The highest number; below `low` in an empty group.
    pub high: u64,
    /// The lowest number.
    pub low: u64,
    /// Whether one may post.
    pub status: Status,
}

/// What becomes of articles that are posted to a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// `y`: they are taken.
    Open,
    /// `n`: they are refused.
    Closed,
    /// `m`: a moderator gets them.
    Moderated,
    /// Anything else (RFC 6048 section 3.1: `x`, `j`, `=other.group`).
    Other(String),
}

impl Status {
    fn word(&self) -> &str {
        match self {
            Self::Open => "y",
            Self::Closed => "n",
            Self::Moderated => "m",
            Self::Other(word) => word,
        }
    }
}

impl Active {
    /// Reads a line of LIST ACTIVE, `name high low status`, or with `counted` one of LIST
    /// COUNTS, `name high low count status`; `None` for any other.
    pub fn parse(line: &[u8], counted: bool) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?;
        let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
        let name = words.next().filter(|name| is_newsgroup(name))?.to_owned();
        let high = number(words.next()?)?;
        let low = number(words.next()?)?;
        let count = if counted { Some(number(words.next()?)?) } else { None };
        let status = match words.next()? {
            "y" => Status::Open,
            "n" => Status::Closed,
            "m" => Status::Moderated,
            other => Status::Other(other.to_owned()),
        };
        Some(Self { name, count, high, low, status })
    }
}

/// The line as [`Active::parse`] reads it.
impl std::fmt::Display for Active {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {} ", self.name, self.high, self.low)?;
        if let Some(count) = self.count {
            write!(f, "{count} ")?;
        }
        f.write_str(self.status.word())
    }
}

/// The name and the description of a line of LIST NEWSGROUPS; what is not UTF-8 in the
/// description is replaced. `None` for a line without a name.
pub fn description(line: &[u8]) -> Option<(&str, String)> {
    let end = line.iter().position(|octet| matches!(octet, b' ' | b'\t')).unwrap_or(line.len());
    let name = std::str::from_utf8(&line[..end]).ok().filter(|name| is_newsgroup(name))?;
    Some((name, String::from_utf8_lossy(line[end..].trim_ascii()).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_examples_of_the_rfcs_are_read() {
        let line = b"misc.test 3002322 3000234 y";
        let active = Active::parse(line, false).expect("a group");
        assert_eq!((active.high, active.low, active.count), (3_002_322, 3_000_234, None));
        let line = b"misc.test 3002322 3000234 1234 m";
        let active = Active::parse(line, true).expect("a group");
        assert_eq!((active.count, active.status), (Some(1234), Status::Moderated));
        assert_eq!(
            description(b"misc.test\tGeneral Usenet testing"),
            Some(("misc.test", "General Usenet testing".to_owned()))
        );
        assert_eq!(description(b"misc.test"), Some(("misc.test", String::new())));
        for odd in [&b""[..], b"a 1 2", b"a x 1 y", b"a\x80 1 2 y", b"a* 1 2 y"] {
            assert_eq!(Active::parse(odd, false), None);
        }
        assert_eq!(description(b"\xff x"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            name in "[a-zä.+-]{1,20}",
            count in proptest::option::of(any::<u64>()),
            high: u64, low: u64,
            status in prop_oneof![
                Just(Status::Open), Just(Status::Closed), Just(Status::Moderated),
                "=[a-z.]{1,9}".prop_map(Status::Other),
            ],
        ) {
            let active = Active { name, count, high, low, status };
            let line = active.to_string();
            prop_assert_eq!(Active::parse(line.as_bytes(), count.is_some()), Some(active));
        }
    }
}
