//! What the server sides share: comparing, looking up, admitting.

use super::{Mechanism, Secrets, Step, prepare};
use crate::base::secret::Secret;

/// Whether two strings of octets are equal, in a time that depends on their lengths only.
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(a, b).is_ok()
}

/// The name and the password of a user, looked up as written and then as prepared by SASLprep:
/// the name that is found is the one that the user has from here on.
pub(super) fn stored(
    mechanism: Mechanism,
    secrets: &dyn Secrets,
    user: &str,
) -> Option<(String, Secret)> {
    if let Some(password) = secrets.password(user) {
        return Some((user.to_owned(), password));
    }
    let prepared = prepare::user(mechanism, user).ok()?;
    let password = secrets.password(&prepared)?;
    Some((prepared, password))
}

/// The name of the user whose mail the password that a client sent opens; `None` when it opens
/// nobody's.
pub(super) fn opens(
    mechanism: Mechanism,
    secrets: &dyn Secrets,
    user: &str,
    given: &[u8],
) -> Option<String> {
    if secrets.any() {
        return Some(user.to_owned());
    }
    let (user, stored) = stored(mechanism, secrets, user)?;
    if same(given, stored.expose()) {
        return Some(user);
    }
    // RFC 4616 section 2: compared after preparation where both can be prepared.
    let given = prepare::password(mechanism, &Secret::new(given)).ok()?;
    let stored = prepare::password(mechanism, &stored).ok()?;
    same(given.expose(), stored.expose()).then_some(user)
}

/// Lets an authenticated user in, as the authorization identity asked for if that is allowed.
pub(super) fn admit(
    secrets: &dyn Secrets,
    user: &str,
    authorize_as: Option<&str>,
    additional: Option<Vec<u8>>,
) -> Step {
    let identity = authorize_as.filter(|identity| !identity.is_empty());
    match identity {
        Some(other) if other != user && !secrets.may_act_as(user, other) => {
            failed("not authorized to act as the requested identity")
        }
        Some(other) => Step::Done { user: other.to_owned(), additional },
        None => Step::Done { user: user.to_owned(), additional },
    }
}

/// A refusal.
pub(super) fn failed(reason: &str) -> Step {
    Step::Failed { reason: reason.to_owned() }
}

/// The words for a wrong secret and for an unknown user alike.
pub(super) const INVALID: &str = "invalid credentials";

/// The refusal in these words.
pub(super) fn invalid() -> Step {
    failed(INVALID)
}

/// The refusal of anything after the end.
pub(super) fn over() -> Step {
    failed("the exchange is over")
}
