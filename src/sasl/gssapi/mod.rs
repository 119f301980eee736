//! GSSAPI (RFC 4752): Kerberos V5 (RFC 4121) by MIT's library, where that is installed.
//!
//! The initiator's credentials are those that the library finds: a ticket cache (`KRB5CCNAME`),
//! else a client keytab (`KRB5_CLIENT_KTNAME`). No security layer is negotiated: TLS is what
//! protects a connection here. The context is given no channel binding, as RFC 4752 section 3
//! has it: peers that give one all the same (Cyrus SASL) differ in its kind, and an acceptor that
//! gives none passes over theirs.

mod client;
mod library;
mod server;

use super::Mechanism;
use super::error::{Error, Kerberos};
use library::Trouble;

pub(super) use client::GssapiClient;
pub(super) use server::GssapiServer;

/// `No security layer`, RFC 4752 section 3.3.
const NO_LAYER: u8 = 1;

/// Whether the user has a Kerberos ticket, or a keytab to get one with.
pub fn has_ticket() -> bool {
    library::has_credentials()
}

/// The base of MIT's and Heimdal's table of Kerberos errors, `krb5` in com_err's packing.
const KERBEROS_ERRORS: u32 = 0x96c7_3a00;

/// What a status is about: RFC 4120 section 7.5.9 has the numbers of the protocol's own errors,
/// krb5.h those above 127.
fn kerberos(service: &str, host: &str, trouble: &Trouble) -> Error {
    /// `GSS_S_NO_CRED` and `GSS_S_CREDENTIALS_EXPIRED`, RFC 2744 section 3.9.1.
    const NO_CREDENTIALS: u32 = 7 << 16;
    const CREDENTIALS_EXPIRED: u32 = 11 << 16;
    let number = trouble.minor.checked_sub(KERBEROS_ERRORS).filter(|number| *number < 256);
    let problem = match (trouble.major, number) {
        (_, Some(32)) | (CREDENTIALS_EXPIRED, _) => Kerberos::Expired,
        (_, Some(37)) => Kerberos::ClockSkew,
        (_, Some(7)) => Kerberos::UnknownService,
        (_, Some(35 | 36 | 144)) => Kerberos::WrongService,
        (_, Some(156)) => Kerberos::Unreachable,
        (NO_CREDENTIALS, _) | (_, Some(141 | 181 | 195)) => Kerberos::NoTicket,
        _ => Kerberos::Other,
    };
    Error::Kerberos { problem, service: format!("{service}/{host}"), words: trouble.words.clone() }
}

fn protocol(expected: &'static str) -> Error {
    Error::Protocol { mechanism: Mechanism::Gssapi, expected }
}
