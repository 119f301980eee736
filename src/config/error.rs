//! What can be wrong with a configuration.

use std::path::PathBuf;

use super::Place;

/// What is wrong with the configuration, or with a name looked up in it. Both are the
/// user's; nothing secret is repeated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file that cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file that is not UTF-8, as TOML has to be.
    #[error("{place}: not UTF-8")]
    NotText {
        /// The line with the first bad octet.
        place: Place,
    },
    /// Not TOML.
    #[error("{place}: {message}")]
    Syntax {
        /// Where.
        place: Place,
        /// What the TOML reader says.
        message: String,
    },
    /// A key that nobody knows.
    #[error("{place}: unknown key {key}{}", suggestion(*.nearest, .known))]
    UnknownKey {
        /// Where it stands.
        place: Place,
        /// The key, with those of the tables around it.
        key: String,
        /// The known key that it was perhaps meant to be.
        nearest: Option<&'static str>,
        /// All keys that can stand there.
        known: &'static [&'static str],
    },
    /// A password as it is, which a configuration does not hold.
    #[error(
        "{place}: {key}: a password is not kept here, but got by password-command, or kept by `pillarbox account login`"
    )]
    Password {
        /// Where its key stands.
        place: Place,
        /// The key, with those of the tables around it.
        key: String,
    },
    /// A value of the wrong kind.
    #[error("{place}: {key} wants {expected}")]
    Value {
        /// Where its key stands.
        place: Place,
        /// The key, with those of the tables around it.
        key: String,
        /// What it wants.
        expected: String,
    },
    /// No such account.
    #[error("no account is called {name}{}", listed(.known, "none is configured", "known are"))]
    UnknownAccount {
        /// The name that was looked up.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// No such pair.
    #[error("no sync pair is called {name}{}", listed(.known, "none is configured", "known are"))]
    UnknownPair {
        /// The name that was looked up.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
}

fn suggestion(nearest: Option<&str>, known: &[&str]) -> String {
    match nearest {
        Some(nearest) => format!(" (perhaps {nearest})"),
        None => format!(" (known are {})", known.join(", ")),
    }
}

pub(super) fn listed(known: &[String], none: &str, some: &str) -> String {
    match known {
        [] => format!(" ({none})"),
        known => format!(" ({some} {})", known.join(", ")),
    }
}
