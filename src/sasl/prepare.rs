//! SASLprep (RFC 4013), in its two moods: passwords are "stored" strings, user names are
//! "queries" (RFC 3454 section 7), in which unassigned code points are welcome.

use stringprep::{saslprep, tables};

use super::{Error, Mechanism};
use crate::base::secret::Secret;

/// A password, prepared as RFC 5802 section 2.2 has it.
///
/// # Errors
/// When it is not UTF-8, has a forbidden or unassigned character, or nothing is left of it.
pub(super) fn password(mechanism: Mechanism, secret: &Secret) -> Result<Secret, Error> {
    secret
        .expose_str()
        .and_then(|text| saslprep(text).ok())
        .filter(|prepared| !prepared.is_empty())
        .map(|prepared| Secret::new(prepared.into_owned()))
        .ok_or(Error::Unprepared { mechanism, what: "password" })
}

/// A user name, prepared as RFC 5802 section 5.1 has it.
///
/// One with code points that Unicode 3.2 had not assigned goes out as it is written, since the
/// tables say nothing about them; the rest of it is still checked.
///
/// # Errors
/// When it has a forbidden character, or nothing is left of it.
pub(super) fn user(mechanism: Mechanism, name: &str) -> Result<String, Error> {
    let assigned: String = name.chars().filter(|&c| !tables::unassigned_code_point(c)).collect();
    let all_assigned = assigned.len() == name.len();
    saslprep(&assigned)
        .ok()
        .map(|prepared| if all_assigned { prepared.into_owned() } else { name.to_owned() })
        .filter(|prepared| !prepared.is_empty())
        .ok_or(Error::Unprepared { mechanism, what: "user name" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user_name(name: &str) -> Option<String> {
        user(Mechanism::ScramSha256, name).ok()
    }

    /// RFC 4013 section 3.
    #[test]
    fn the_examples_of_rfc_4013() {
        for (input, output) in [
            ("I\u{AD}X", Some("IX")),
            ("user", Some("user")),
            ("USER", Some("USER")),
            ("\u{AA}", Some("a")),
            ("\u{2168}", Some("IX")),
            ("\u{7}", None),
            ("\u{627}\u{31}", None),
        ] {
            assert_eq!(user_name(input).as_deref(), output, "{input:?}");
            let prepared = password(Mechanism::ScramSha256, &Secret::new(input)).ok();
            assert_eq!(prepared.as_ref().and_then(Secret::expose_str), output, "{input:?}");
        }
    }

    #[test]
    fn nothing_left_is_an_error() {
        assert_eq!(user_name(""), None);
        assert_eq!(user_name("\u{AD}"), None);
        assert!(password(Mechanism::ScramSha1, &Secret::new("")).is_err());
        assert!(password(Mechanism::ScramSha1, &Secret::new([0xffu8])).is_err());
    }

    #[test]
    fn unassigned_code_points_are_for_user_names_only() {
        let crab = "crab\u{1F980}";
        assert_eq!(user_name(crab).as_deref(), Some(crab));
        assert_eq!(user_name("crab\u{1F980}\u{7}"), None);
        assert!(password(Mechanism::ScramSha256, &Secret::new(crab)).is_err());
    }
}
