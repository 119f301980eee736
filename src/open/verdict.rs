//! What an error means for the exit code, and what to tell the user to do about it.
//!
//! Errors of every floor below are asked by type and method, never by their text.

use std::error::Error as StdError;
use std::path::Path;

use crate::base::location;
use crate::config::{self, credentials};
use crate::keyring;
use crate::net;
use crate::net::stop::Cause;
use crate::oauth;
use crate::state;
use crate::store;
use crate::ui::{Exit, Failure, output};

/// How the program ends, and what to say beyond the causes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The exit code.
    pub exit: Exit,
    /// One line of advice.
    pub hint: Option<String>,
    /// Nobody reads our output any more, which is no error.
    pub output_closed: bool,
}

/// Looks through the causes of `error` from the outermost to the innermost; the first that
/// has a meaning decides.
pub fn verdict(error: &anyhow::Error) -> Verdict {
    error.chain().find_map(of_cause).unwrap_or(Verdict {
        exit: Exit::Software,
        hint: None,
        output_closed: false,
    })
}

fn of_cause(cause: &(dyn StdError + 'static)) -> Option<Verdict> {
    let plain = |exit| Verdict { exit, hint: None, output_closed: false };
    if let Some(failure) = cause.downcast_ref::<Failure>() {
        return Some(Verdict { hint: failure.hint.clone(), ..plain(failure.exit) });
    }
    if let Some(error) = cause.downcast_ref::<output::Error>() {
        let output_closed = matches!(error, output::Error::Closed);
        return Some(Verdict { output_closed, ..plain(Exit::Io) });
    }
    if let Some(error) = cause.downcast_ref::<store::Error>() {
        return of_store(error);
    }
    if let Some(error) = cause.downcast_ref::<net::Error>() {
        return Some(of_network(error));
    }
    if cause.is::<location::Error>() {
        return Some(Verdict {
            hint: Some("see pillarbox-location(7) for how locations are written".into()),
            ..plain(Exit::Usage)
        });
    }
    if let Some(error) = cause.downcast_ref::<config::Error>() {
        let hint = match error {
            config::Error::UnknownAccount { name, .. } if Path::new(name).exists() => {
                Some(format!("./{name} is the file of that name"))
            }
            config::Error::UnknownAccount { known, .. } if known.is_empty() => Some(
                "`pillarbox account add ADDRESS` finds the servers of an address and writes it down"
                    .to_owned(),
            ),
            _ => None,
        };
        return Some(Verdict { hint, ..plain(Exit::Config) });
    }
    if let Some(error) = cause.downcast_ref::<state::Error>() {
        use state::Error as E;
        let exit = match error {
            E::InUse { .. } => Exit::TempFail,
            E::Newer { .. } | E::NoPlace => Exit::Config,
            E::Foreign { .. } => Exit::Data,
            E::File { .. } => Exit::CantCreate,
            E::Sqlite { .. } => Exit::Io,
        };
        let hint = error.is_in_use().then(|| "wait until the other run has ended".to_owned());
        return Some(Verdict { hint, ..plain(exit) });
    }
    if let Some(error) = cause.downcast_ref::<oauth::Error>() {
        return Some(of_oauth(error));
    }
    if cause.is::<keyring::Error>() {
        return Some(plain(Exit::NoPermission));
    }
    if cause.is::<credentials::Error>() {
        return Some(Verdict {
            hint: Some("see SECRETS in pillarbox-config(5) for where passwords come from".into()),
            ..plain(Exit::NoPermission)
        });
    }
    if let Some(error) = cause.downcast_ref::<std::io::Error>() {
        return Some(plain(of_io(error)));
    }
    None
}

fn of_store(error: &store::Error) -> Option<Verdict> {
    use store::Error as E;
    let plain = |exit| Verdict { exit, hint: None, output_closed: false };
    Some(match error {
        E::File { source, .. } => plain(of_io(source)),
        E::NoFolder(_) => Verdict {
            hint: Some("`pillarbox folder list` shows the folders there are".into()),
            ..plain(Exit::NoInput)
        },
        E::OtherGeneration { .. } => Verdict {
            hint: Some("search again for references that are valid now".into()),
            ..plain(Exit::Data)
        },
        E::Format { .. } => plain(Exit::Data),
        E::Name { .. } => plain(Exit::CantCreate),
        E::Unsupported { .. } => plain(Exit::Usage),
        E::Unknown(_) => plain(Exit::TempFail),
        E::OutputClosed => Verdict { output_closed: true, ..plain(Exit::Ok) },
        E::Caller(inner) => return of_cause(inner.as_ref()).or(Some(plain(Exit::Software))),
        E::Peer(peer) => {
            let network = peer.network().map(of_network);
            let exit = if peer.is_auth() {
                Exit::NoPermission
            } else if peer.is_tls() {
                Exit::Tls
            } else if let Some(network) = &network {
                network.exit
            } else if peer.is_protocol() {
                Exit::Protocol
            } else if peer.is_transient() {
                Exit::TempFail
            } else {
                Exit::Unavailable
            };
            let hint = peer
                .hint()
                .or_else(|| network.and_then(|network| network.hint))
                .or_else(|| peer.busy().map(super::again::patience));
            Verdict { hint, ..plain(exit) }
        }
    })
}

fn of_network(error: &net::Error) -> Verdict {
    let exit = if let net::Error::Stopped(cause) = error {
        stopped(*cause)
    } else if error.is_tls() {
        Exit::Tls
    } else if error.is_not_found() {
        Exit::NoHost
    } else if error.is_auth() {
        Exit::NoPermission
    } else if error.is_protocol() {
        Exit::Protocol
    } else if error.is_transient() {
        Exit::TempFail
    } else if error.is_refused() {
        Exit::Unavailable
    } else {
        Exit::Usage
    };
    Verdict { exit, hint: error.hint(), output_closed: false }
}

/// How the program ends when it was asked to before its work was done.
pub fn stopped(cause: Cause) -> Exit {
    match cause {
        Cause::Interrupt => Exit::Interrupted,
        Cause::Terminate => Exit::Terminated,
        Cause::HangUp => Exit::HungUp,
        Cause::Deadline(_) => Exit::TempFail,
    }
}

fn of_oauth(error: &oauth::Error) -> Verdict {
    let exit = match error {
        oauth::Error::Local { source, .. } => of_io(source),
        _ if error.is_auth() => Exit::NoPermission,
        _ if error.is_setting() => Exit::Config,
        _ if error.is_tls() => Exit::Tls,
        _ if error.is_transient() => Exit::TempFail,
        _ => match error.network() {
            Some(error) => of_network(error).exit,
            None => Exit::Protocol,
        },
    };
    Verdict { exit, hint: error.hint(), output_closed: false }
}

fn of_io(error: &std::io::Error) -> Exit {
    use std::io::ErrorKind as Kind;
    match error.kind() {
        Kind::NotFound => Exit::NoInput,
        Kind::PermissionDenied => Exit::NoPermission,
        Kind::AlreadyExists => Exit::CantCreate,
        _ => Exit::Io,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn the_first_cause_with_a_meaning_decides() {
        let error = anyhow::Error::from(net::Error::NotFound { host: "x.test".into() })
            .context("cannot open imap://x.test");
        assert_eq!(verdict(&error).exit, Exit::NoHost);
        let refused = net::Error::Connect { host: "h".into(), port: 1, attempts: Vec::new() };
        assert_eq!(verdict(&refused.into()).exit, Exit::TempFail);
        let tls = net::tls::Error { host: "h".into(), fault: net::tls::Fault::Expired };
        let verdict_of_tls = verdict(&net::Error::from(tls).into());
        assert_eq!(verdict_of_tls.exit, Exit::Tls);
        assert!(verdict_of_tls.hint.is_some());
        let wrapped: Result<(), _> =
            Err(Failure::usage("no such thing").hint("try another")).context("while testing");
        let wrapped = wrapped.expect_err("an error");
        assert_eq!(verdict(&wrapped).exit, Exit::Usage);
        assert_eq!(verdict(&wrapped).hint.as_deref(), Some("try another"));
        let closed = store::Error::Caller(Box::new(store::Error::OutputClosed));
        assert!(verdict(&closed.into()).output_closed);
        assert_eq!(verdict(&anyhow::anyhow!("odd")).exit, Exit::Software);
    }

    #[test]
    fn who_has_no_account_yet_is_told_how_to_come_by_one() {
        let unknown = |known: &[&str]| {
            let known = known.iter().map(|&name| name.to_owned()).collect();
            verdict(&config::Error::UnknownAccount { name: "x".into(), known }.into())
        };
        let (first, later) = (unknown(&[]), unknown(&["work"]));
        let file = config::Error::UnknownAccount { name: "Cargo.toml".into(), known: Vec::new() };
        assert!(verdict(&file.into()).hint.is_some_and(|hint| hint.contains("./Cargo.toml")));
        assert_eq!((first.exit, later.exit), (Exit::Config, Exit::Config));
        assert!(first.hint.is_some_and(|hint| hint.contains("pillarbox account add")));
        assert_eq!(later.hint, None);
    }
}
