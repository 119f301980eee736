//! Lines of OVER and of LIST OVERVIEW.FMT, without their line ends.
//!
//! RFC 3977 sections 8.3 and 8.4; XOVER's are the same (RFC 2980 section 2.8).

use super::range::number;

/// One article of OVER. Fields are octets: what other charsets they are in, nobody says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overview {
    /// Its number in the group; 0 where it was asked for by its message-id.
    pub number: u64,
    /// The fields behind it, in the order of the format: the contents of Subject, From, Date,
    /// Message-ID, References, then octets and lines, then whole fields with their names.
    pub fields: Vec<Vec<u8>>,
}

/// The names of the fields that always come first (RFC 3977 section 8.4.2).
pub const FIRST: [&str; 7] =
    ["Subject", "From", "Date", "Message-ID", "References", ":bytes", ":lines"];

impl Overview {
    /// Reads a line; `None` for one that does not begin with a number.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let mut fields = line.split(|octet| *octet == b'\t');
        let number = std::str::from_utf8(fields.next()?).ok().and_then(number)?;
        Some(Self { number, fields: fields.map(<[u8]>::to_vec).collect() })
    }

    /// The content of one of the [`FIRST`] fields, of a name in any case; `None` for another
    /// name, or where the line is too short.
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        let at = FIRST.iter().position(|first| first.eq_ignore_ascii_case(name))?;
        self.fields.get(at).map(Vec::as_slice)
    }

    /// Appends the line; CR, LF, NUL and TAB in fields become blanks (RFC 3977 section 8.3.2).
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.number.to_string().as_bytes());
        for field in &self.fields {
            out.push(b'\t');
            out.extend(field.iter().map(|octet| match octet {
                b'\r' | b'\n' | b'\t' | 0 => b' ',
                other => *other,
            }));
        }
    }
}

/// The name of one line of LIST OVERVIEW.FMT, `Subject:`, `:bytes` or `Xref:full`; without the
/// colon behind a header's name. `None` for what is no name.
pub fn format_name(line: &[u8]) -> Option<String> {
    let line = std::str::from_utf8(line).ok()?.trim();
    let name = match line.strip_prefix(':') {
        Some(_) => line,
        None => line.split(':').next()?,
    };
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_example_of_rfc_3977_is_read() {
        let line = b"3000234\tI am just a test article\t\"Demo User\" <nobody@example.com>\t\
            6 Oct 1998 04:38:40 -0500\t<45223423@example.com>\t<45454@example.net>\t1234\t17\t\
            Xref: news.example.com misc.test:3000363";
        let over = Overview::parse(line).expect("an article");
        assert_eq!(over.number, 3_000_234);
        assert_eq!(over.first("message-id"), Some(&b"<45223423@example.com>"[..]));
        assert_eq!(over.first(":bytes"), Some(&b"1234"[..]));
        assert_eq!(over.first("Xref"), None);
        assert_eq!(over.fields[7], b"Xref: news.example.com misc.test:3000363");
        let mut again = Vec::new();
        over.write(&mut again);
        assert_eq!(again, line);
        // Trailing TABs may be left out.
        let short = Overview::parse(b"3000235\tAnother test article").expect("an article");
        assert_eq!(short.first("From"), None);
        assert_eq!(Overview::parse(b"no number\tx"), None);
    }

    #[test]
    fn formats_are_read() {
        for (line, name) in [
            ("Subject:", Some("Subject")),
            (":bytes", Some(":bytes")),
            ("Bytes:", Some("Bytes")),
            ("Xref:full", Some("Xref")),
            ("", None),
        ] {
            assert_eq!(format_name(line.as_bytes()).as_deref(), name, "{line}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            number: u64,
            fields in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..9), 0..9),
        ) {
            let clean = |field: Vec<u8>| -> Vec<u8> {
                field.into_iter().filter(|octet| !b"\r\n\t\0".contains(octet)).collect()
            };
            let over = Overview { number, fields: fields.into_iter().map(clean).collect() };
            let mut line = Vec::new();
            over.write(&mut line);
            prop_assert_eq!(Overview::parse(&line), Some(over));
        }
    }
}
