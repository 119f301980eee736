//! Local mail behind a scheme: `maildir:PATH`, `mbox:PATH`, `eml:PATH`, and one message of
//! an mbox. Paths are octets: escapes stand for what a line of text cannot carry.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use percent_encoding::{percent_encode_byte, utf8_percent_encode};

use super::Error;
use super::percent::{Part, SEGMENT};

/// One message of an mbox file: `mbox:PATH;offset=N;digest=HEX`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MboxReference {
    /// The file.
    pub path: PathBuf,
    /// Where its From_ line begins, in octets from the start of the file.
    pub offset: u64,
    /// A digest of the message, by which it is found again when the file has changed;
    /// `None`: the offset alone is trusted.
    pub digest: Option<String>,
}

impl MboxReference {
    /// Reads what stands behind `mbox:`; `None` when it is a whole mbox, without `;offset=`.
    pub(super) fn parse_rest(rest: Part<'_>) -> Result<Option<Self>, Error> {
        let mut pieces = rest.split(';').into_iter();
        let Some(name) = pieces.next() else { return Ok(None) };
        let Some(offset) = pieces.next().and_then(|piece| piece.strip_word("offset=")) else {
            return Ok(None);
        };
        let offset = offset.number("an offset in octets")?;
        let digest = match pieces.next() {
            Some(piece) => {
                let value = piece
                    .strip_word("digest=")
                    .ok_or(Error::Syntax { offset: piece.at, expected: "digest= or the end" })?;
                if value.is_empty() {
                    return Err(Error::Syntax { offset: value.at, expected: "a digest" });
                }
                Some(value.decode_word("a digest")?)
            }
            None => None,
        };
        if let Some(piece) = pieces.next() {
            return Err(Error::Syntax { offset: piece.at - 1, expected: "the end" });
        }
        Ok(Some(Self { path: path(name)?, offset, digest }))
    }
}

impl fmt::Display for MboxReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mbox:{};offset={}", encode(&self.path), self.offset)?;
        match &self.digest {
            Some(digest) => write!(f, ";digest={}", utf8_percent_encode(digest, SEGMENT)),
            None => Ok(()),
        }
    }
}

/// Decodes a path behind a scheme. It is not empty and holds no NUL.
pub(super) fn path(part: Part<'_>) -> Result<PathBuf, Error> {
    if part.is_empty() {
        return Err(Error::Syntax { offset: part.at, expected: "a path" });
    }
    let octets = part.decode_except("a path", |octet| octet == 0)?;
    Ok(PathBuf::from(OsString::from_vec(octets)))
}

/// Escapes `%`, `;`, controls, and octets that are not UTF-8; the rest stays readable.
pub(super) fn encode(path: &Path) -> String {
    let mut encoded = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() || c == '%' || c == ';' {
                let mut buffer = [0; 4];
                for octet in c.encode_utf8(&mut buffer).bytes() {
                    encoded.push_str(percent_encode_byte(octet));
                }
            } else {
                encoded.push(c);
            }
        }
        for &octet in chunk.invalid() {
            encoded.push_str(percent_encode_byte(octet));
        }
    }
    encoded
}

/// A path with a leading `~` replaced by the home directory. `~name`, and any path where
/// `home` is `None`, stay as they are.
pub fn expand_home(path: &Path, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~"), home) {
        (Ok(rest), Some(home)) if rest.as_os_str().is_empty() => home.to_owned(),
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::option;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Option<MboxReference>, Error> {
        MboxReference::parse_rest(Part::new(text))
    }

    #[test]
    fn known_answers() {
        let want = MboxReference {
            path: "/m/a;b%.mbox".into(),
            offset: 1234,
            digest: Some("0aff".into()),
        };
        assert_eq!(parse("/m/a%3Bb%25.mbox;offset=1234;digest=0aff"), Ok(Some(want.clone())));
        assert_eq!(want.to_string(), "mbox:/m/a%3Bb%25.mbox;offset=1234;digest=0aff");
        assert_eq!(parse("plain;name"), Ok(None));
        assert_eq!(parse("plain"), Ok(None));
    }

    #[test]
    fn mistakes_carry_their_place() {
        for (text, offset) in [
            ("a;offset=x", 9),
            ("a;offset=", 9),
            (";offset=1", 0),
            ("a;offset=1;size=2", 11),
            ("a;offset=1;digest=", 18),
            ("a;offset=1;digest=0;x", 19),
        ] {
            assert_eq!(parse(text).map_err(|e| e.offset()), Err(offset), "{text}");
        }
    }

    #[test]
    fn home_is_expanded_only_where_it_is_meant() {
        let home = Some(Path::new("/home/ann"));
        for (path, want) in [
            ("~", "/home/ann"),
            ("~/Mail", "/home/ann/Mail"),
            ("~bob/Mail", "~bob/Mail"),
            ("./~", "./~"),
            ("/x/~", "/x/~"),
        ] {
            assert_eq!(expand_home(Path::new(path), home), PathBuf::from(want));
        }
        assert_eq!(expand_home(Path::new("~/Mail"), None), PathBuf::from("~/Mail"));
    }

    proptest! {
        #[test]
        fn references_read_back(
            octets in prop::collection::vec(1u8.., 1..40),
            offset: u64,
            digest in option::of("[!-~]{1,64}"),
        ) {
            let path = PathBuf::from(OsString::from_vec(octets));
            let reference = MboxReference { path, offset, digest };
            let text = reference.to_string();
            prop_assert!(!text.contains(|c: char| c.is_control()));
            let rest = text.strip_prefix("mbox:").expect("the scheme");
            prop_assert_eq!(parse(rest), Ok(Some(reference)));
        }
    }
}
