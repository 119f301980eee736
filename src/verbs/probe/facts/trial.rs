//! Questions to a server that have yes, no or nobody-knows for an answer.

use serde::Serialize;

use super::Taken;

/// A question. "Yes" is what its line says; whether that is good is for the checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trial {
    /// Its address points back to a name.
    ReverseName,
    /// That name leads to the address again.
    ReverseConfirmed,
    /// That name is the one in the greeting and in the answer to EHLO.
    ReverseGreeted,
    /// Commands sent in one go are answered, all, in their order.
    Pipelining,
    /// Replies have the enhanced codes that are offered.
    EnhancedCodes,
    /// MAIL with BODY=8BITMIME is taken.
    EightBit,
    /// MAIL with SMTPUTF8 is taken.
    Utf8,
    /// MAIL of a size above the limit is refused.
    SizeKept,
    /// BDAT takes a chunk; where no recipient is taken, it is known.
    Chunking,
    /// MAIL with REQUIRETLS is taken.
    RequireTls,
    /// MAIL is taken without TLS and login.
    MailBeforeTls,
    /// STARTTLS is not offered, and taken.
    Unoffered,
    /// Commands sent in the clear behind STARTTLS are answered under TLS.
    Injection,
    /// A client that speaks before the greeting is served.
    EarlyTalker,
    /// VRFY tells who is there.
    Verify,
    /// EXPN tells who is on a list.
    Expand,
    /// Mail from anybody to anybody elsewhere is taken.
    Relay,
    /// A line end that is not CRLF ends a message.
    Smuggling,
    /// TLS compression is agreed to.
    Compression,
    /// Secure renegotiation (RFC 5746) is agreed to.
    SecureRenegotiation,
    /// A client's wish for another handshake is granted.
    ClientRenegotiation,
    /// The server's own order of suites counts.
    ServerOrder,
    /// The same certificate is shown to a client that names no host.
    Nameless,
    /// A client that wants to speak something else (ALPN) is refused.
    StrictAlpn,
    /// A session is resumed.
    Resumption,
    /// An OCSP response is stapled to the certificate.
    Staple,
    /// That response says that the certificate is good.
    StapleGood,
    /// A heartbeat brings more than it had (Heartbleed).
    Heartbleed,
    /// A ChangeCipherSpec is taken before there are keys.
    EarlyChange,
    /// Different paddings have different answers (ROBOT).
    Robot,
    /// SSL 2.0 is spoken.
    Ssl2,
    /// The group of finite-field Diffie-Hellman has less than 2048 bits.
    SmallPrime,
    /// The other TLS library comes to the same verdict on the certificate.
    Backends,
    /// There are TLSA records, signed and usable.
    Tlsa,
    /// The certificate is one that they vouch for.
    TlsaMatch,
    /// The user can log in.
    Login,
    /// The server tells its namespaces.
    Namespaces,
    /// UIDVALIDITY of INBOX is the same in two sessions.
    UidValidity,
    /// IDLE is taken, and ended by DONE.
    Idle,
}

/// A question and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tried {
    /// The question.
    pub trial: Trial,
    /// The answer, and what showed it.
    #[serde(flatten)]
    pub taken: Taken,
}

impl Tried {
    /// Yes, as `detail` shows.
    pub fn yes(trial: Trial, detail: impl Into<String>) -> Self {
        Self { trial, taken: Taken::Yes { detail: detail.into() } }
    }

    /// No, as `detail` shows.
    pub fn no(trial: Trial, detail: impl Into<String>) -> Self {
        Self { trial, taken: Taken::No { detail: detail.into() } }
    }

    /// Nobody can tell, because of `detail`.
    pub fn unknown(trial: Trial, detail: impl Into<String>) -> Self {
        Self { trial, taken: Taken::Unknown { detail: detail.into() } }
    }
}
