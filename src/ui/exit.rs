//! Exit codes, in one table (sysexits.h as far as it goes).

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Ok = 0,
    /// `search` found nothing; `probe` warns; mail that `serve-test` expected did not come.
    None = 1,
    /// `search` failed; `probe` found a fault.
    Two = 2,
    /// `probe` could not tell.
    Three = 3,
    /// The command line.
    Usage = 64,
    /// Bad data.
    Data = 65,
    /// No input.
    NoInput = 66,
    /// Unknown user.
    NoUser = 67,
    /// Host not found.
    NoHost = 68,
    /// Refused for good.
    Unavailable = 69,
    /// Our bug.
    Software = 70,
    /// Cannot create output.
    CantCreate = 73,
    /// Input or output error.
    Io = 74,
    /// Try again later.
    TempFail = 75,
    /// The peer broke the protocol.
    Protocol = 76,
    /// Authentication or permission.
    NoPermission = 77,
    /// Configuration.
    Config = 78,
    /// `send`: some delivered, some not.
    Mixed = 79,
    /// `send`: outcome unknown.
    Unknown = 80,
    /// `sync`: conflicts left.
    Conflicts = 81,
    /// `sync`: stopped by the deletion brake.
    Brake = 82,
    /// `sync`: throttled.
    Throttled = 83,
    /// TLS missing, or the certificate not verified.
    Tls = 84,
    /// `serve-test -- CMD`: our own failure.
    Wrapper = 125,
    /// `send`: SIGHUP ended it before all was sent.
    HungUp = 129,
    /// `send`: SIGINT ended it before all was sent (128 and the signal's number, as shells say it).
    Interrupted = 130,
    /// `send`: SIGTERM did.
    Terminated = 143,
}

/// The table as it stands in the man page: code and meaning.
pub const TABLE: &[(&str, &str)] = &[
    ("0", "done"),
    ("1", "search: nothing matched; probe: warnings; serve-test: an expectation was not met"),
    ("2", "search: error; probe: a fault was found"),
    ("3", "probe: cannot tell, or unusable arguments"),
    ("64", "usage"),
    ("65", "bad data"),
    ("66", "no input"),
    ("67", "unknown user"),
    ("68", "host not found"),
    ("69", "refused for good"),
    ("70", "a bug in pillarbox"),
    ("73", "cannot create a file"),
    ("74", "input or output error"),
    ("75", "try again later"),
    ("76", "the peer broke the protocol"),
    ("77", "authentication or permission"),
    ("78", "configuration"),
    ("79", "send: some recipients delivered, some not; or delivered, and no copy kept (--sent)"),
    ("80", "send: outcome unknown"),
    ("81", "sync: conflicts left"),
    ("82", "sync: stopped by the deletion brake"),
    ("83", "sync: throttled by the server"),
    ("84", "TLS missing, or the certificate not verified"),
    ("125", "serve-test: its own failure while wrapping a command"),
    ("129", "send, fetch: ended by SIGHUP before all was done"),
    ("130", "send, fetch: ended by SIGINT before all was done"),
    ("143", "send, fetch: ended by SIGTERM before all was done"),
];

impl Exit {
    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// An error that knows how the program ends, for what no lower floor has a type for.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// How the program ends.
    pub exit: Exit,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A mistake on the command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_every_code_once_and_in_order() {
        let codes: Vec<u8> = TABLE.iter().map(|(code, _)| code.parse().expect("a code")).collect();
        let every = [
            Exit::Ok,
            Exit::None,
            Exit::Two,
            Exit::Three,
            Exit::Usage,
            Exit::Data,
            Exit::NoInput,
            Exit::NoUser,
            Exit::NoHost,
            Exit::Unavailable,
            Exit::Software,
            Exit::CantCreate,
            Exit::Io,
            Exit::TempFail,
            Exit::Protocol,
            Exit::NoPermission,
            Exit::Config,
            Exit::Mixed,
            Exit::Unknown,
            Exit::Conflicts,
            Exit::Brake,
            Exit::Throttled,
            Exit::Tls,
            Exit::Wrapper,
            Exit::HungUp,
            Exit::Interrupted,
            Exit::Terminated,
        ];
        assert_eq!(codes, every.map(Exit::code));
    }
}
