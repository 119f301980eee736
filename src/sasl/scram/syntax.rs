//! The messages of SCRAM, RFC 5802 section 7: attribute-value pairs between commas.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// gs2-cbind-flag: what the client says about channel binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sasl) enum Flag<'a> {
    /// `n`: the client does not use it.
    Unsupported,
    /// `y`: the client could, and believes that the server cannot.
    Unoffered,
    /// `p=`: the client uses the binding of this name.
    Used(&'a str),
}

/// Takes a whole gs2-header apart, its last comma included: the flag, and the authzid where
/// there is one. `None` when it is malformed.
///
/// `gs2-header = gs2-cbind-flag "," [ authzid ] ","`
pub(in crate::sasl) fn gs2_header(header: &str) -> Option<(Flag<'_>, Option<String>)> {
    let (flag, rest) = header.split_once(',')?;
    let flag = match flag {
        "n" => Flag::Unsupported,
        "y" => Flag::Unoffered,
        _ => Flag::Used(flag.strip_prefix("p=").filter(|name| is_cb_name(name))?),
    };
    let authzid = match rest.strip_suffix(',')? {
        "" => None,
        authzid => Some(unsaslname(authzid.strip_prefix("a=")?)?),
    };
    Some((flag, authzid))
}

/// `cb-name = 1*(ALPHA / DIGIT / "." / "-")`
fn is_cb_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'.' || octet == b'-')
}

/// Writes a name as `saslname`: `=` as `=3D`, `,` as `=2C`. The name has no NUL.
pub(in crate::sasl) fn saslname(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

/// Reads a `saslname`; `None` when it is empty, has a NUL or comma, or a `=` that begins neither
/// `=2C` nor `=3D`.
fn unsaslname(text: &str) -> Option<String> {
    if text.is_empty() || text.contains(['\0', ',']) {
        return None;
    }
    let mut parts = text.split('=');
    let mut name = parts.next()?.to_owned();
    for part in parts {
        if let Some(rest) = part.strip_prefix("2C") {
            name.push(',');
            name.push_str(rest);
        } else {
            name.push('=');
            name.push_str(part.strip_prefix("3D")?);
        }
    }
    Some(name)
}

/// What a list of attributes turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Not `attr-val *("," attr-val)`, or not the attributes that belong here.
    Encoding,
    /// A mandatory extension (`m=`), of which there is none that we know.
    Extension,
    /// A user name that is no saslname.
    UserName,
}

/// Splits `attr-val *("," attr-val)` and checks that it begins with the attributes `names`; what
/// follows them are optional extensions, to be ignored (RFC 5802 section 5.1).
fn attributes<const N: usize>(text: &str, names: [u8; N]) -> Result<[&str; N], Fault> {
    let mut values = [""; N];
    let mut found = 0;
    for attribute in text.split(',') {
        let (name, value) = match attribute.as_bytes() {
            [name, b'=', ..] if name.is_ascii_alphabetic() => (*name, &attribute[2..]),
            _ => return Err(Fault::Encoding),
        };
        if name == b'm' {
            return Err(Fault::Extension);
        }
        if found < N {
            if name != names[found] {
                return Err(Fault::Encoding);
            }
            values[found] = value;
            found += 1;
        }
        if value.contains('\0') {
            return Err(Fault::Encoding);
        }
    }
    if found == N { Ok(values) } else { Err(Fault::Encoding) }
}

/// `1*printable`: `%x21-2B / %x2D-7E`
fn is_nonce(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|c| c.is_ascii_graphic() && c != b',')
}

fn base64(text: &str) -> Result<Vec<u8>, Fault> {
    STANDARD.decode(text).map_err(|_| Fault::Encoding)
}

/// client-first-message, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ClientFirst<'a> {
    pub(super) flag: Flag<'a>,
    pub(super) authzid: Option<String>,
    /// The gs2-header as it was sent, for the `c=` attribute to come.
    pub(super) header: &'a str,
    /// client-first-message-bare as it was sent, for AuthMessage.
    pub(super) bare: &'a str,
    pub(super) user: String,
    pub(super) nonce: &'a str,
}

/// `client-first-message = gs2-header [reserved-mext ","] username "," nonce ["," extensions]`
pub(super) fn client_first(message: &str) -> Result<ClientFirst<'_>, Fault> {
    let mut commas = message.match_indices(',').map(|(at, _)| at);
    let end = commas.nth(1).ok_or(Fault::Encoding)? + 1;
    let (header, bare) = message.split_at(end);
    let (flag, authzid) = gs2_header(header).ok_or(Fault::Encoding)?;
    let [user, nonce] = attributes(bare, *b"nr")?;
    if !is_nonce(nonce) {
        return Err(Fault::Encoding);
    }
    Ok(ClientFirst {
        flag,
        authzid,
        header,
        bare,
        user: unsaslname(user).ok_or(Fault::UserName)?,
        nonce,
    })
}

/// server-first-message, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ServerFirst<'a> {
    pub(super) nonce: &'a str,
    pub(super) salt: Vec<u8>,
    /// At least 1; a number beyond `u64` is the largest.
    pub(super) iterations: u64,
}

/// `server-first-message = [reserved-mext ","] nonce "," salt "," iteration-count
/// ["," extensions]`
pub(super) fn server_first(message: &str) -> Result<ServerFirst<'_>, Fault> {
    let [nonce, salt, iterations] = attributes(message, *b"rsi")?;
    let digits = iterations.bytes().all(|c| c.is_ascii_digit());
    let salt = base64(salt)?;
    if !is_nonce(nonce) || salt.is_empty() || !digits || !iterations.starts_with(|c: char| c != '0')
    {
        return Err(Fault::Encoding);
    }
    Ok(ServerFirst {
        nonce,
        salt,
        // Only digits, and not empty: what does not parse is too large.
        iterations: iterations.parse().unwrap_or(u64::MAX),
    })
}

/// client-final-message, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ClientFinal<'a> {
    /// gs2-header and channel-binding data.
    pub(super) binding: Vec<u8>,
    pub(super) nonce: &'a str,
    /// client-final-message-without-proof as it was sent, for AuthMessage.
    pub(super) without_proof: &'a str,
    pub(super) proof: Vec<u8>,
}

/// `client-final-message = channel-binding "," nonce ["," extensions] "," proof`
pub(super) fn client_final(message: &str) -> Result<ClientFinal<'_>, Fault> {
    let (without_proof, proof) = message.rsplit_once(",p=").ok_or(Fault::Encoding)?;
    let [binding, nonce] = attributes(without_proof, *b"cr")?;
    Ok(ClientFinal { binding: base64(binding)?, nonce, without_proof, proof: base64(proof)? })
}

/// server-final-message: what the server says in the end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ServerFinal<'a> {
    /// `v=`: the server signature.
    Verifier(Vec<u8>),
    /// `e=`: the server-error-value.
    Error(&'a str),
}

/// `server-final-message = (server-error / verifier) ["," extensions]`
pub(super) fn server_final(message: &str) -> Result<ServerFinal<'_>, Fault> {
    if message.starts_with("e=") {
        let [error] = attributes(message, *b"e")?;
        Ok(ServerFinal::Error(error))
    } else {
        let [verifier] = attributes(message, *b"v")?;
        Ok(ServerFinal::Verifier(base64(verifier)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn gs2_headers() {
        assert_eq!(gs2_header("n,,"), Some((Flag::Unsupported, None)));
        assert_eq!(gs2_header("y,,"), Some((Flag::Unoffered, None)));
        assert_eq!(
            gs2_header("p=tls-exporter,a=a=2Cb=3Dc,"),
            Some((Flag::Used("tls-exporter"), Some("a,b=c".to_owned())))
        );
        for bad in [
            "",
            "n",
            "n,",
            ",,",
            "x,,",
            "p,,",
            "p=,,",
            "p=a b,,",
            "n,a=,",
            "n,ann,",
            "n,a==,",
            "n,a=a=2c,",
            "n,,,",
            "F,n,,",
        ] {
            assert_eq!(gs2_header(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn client_first_messages() {
        let first = client_first("n,a=ann,n=us=2Cer,r=abc,x=ignored").expect("well-formed");
        assert_eq!(first.header, "n,a=ann,");
        assert_eq!(first.bare, "n=us=2Cer,r=abc,x=ignored");
        assert_eq!(first.user, "us,er");
        assert_eq!(first.nonce, "abc");
        for (bad, fault) in [
            ("", Fault::Encoding),
            ("n,,", Fault::Encoding),
            ("n,,n=user", Fault::Encoding),
            ("n,,r=abc,n=user", Fault::Encoding),
            ("n,,n=user,r=", Fault::Encoding),
            ("n,,n=user,r=a\u{e9}", Fault::Encoding),
            ("n,,n=user,r=abc,", Fault::Encoding),
            ("n,,n=user,r=abc,1=x", Fault::Encoding),
            ("n,,n=,r=abc", Fault::UserName),
            ("n,,n=us=er,r=abc", Fault::UserName),
            ("n,,m=must,n=user,r=abc", Fault::Extension),
            ("n,,n=user,r=abc,m=must", Fault::Extension),
        ] {
            assert_eq!(client_first(bad), Err(fault), "{bad:?}");
        }
    }

    #[test]
    fn server_first_messages() {
        let first = server_first("r=abcdef,s=QSXCR+Q6sek8bf92,i=4096,z=z").expect("well-formed");
        assert_eq!((first.nonce, first.salt.len(), first.iterations), ("abcdef", 12, 4096));
        let huge = server_first("r=a,s=QQ==,i=99999999999999999999999").expect("well-formed");
        assert_eq!(huge.iterations, u64::MAX);
        for bad in [
            "",
            "r=a,s=QQ==",
            "s=QQ==,r=a,i=1",
            "r=a,s=,i=1",
            "r=a,s=Q,i=1",
            "r=a,s=QQ==,i=",
            "r=a,s=QQ==,i=0",
            "r=a,s=QQ==,i=-1",
            "r=a,s=QQ==,i=+1",
            "r=,s=QQ==,i=1",
        ] {
            assert_eq!(server_first(bad), Err(Fault::Encoding), "{bad:?}");
        }
        assert_eq!(server_first("m=x,r=a,s=QQ==,i=1"), Err(Fault::Extension));
    }

    #[test]
    fn final_messages() {
        let last = client_final("c=biws,r=abc,x=y,p=QQ==").expect("well-formed");
        assert_eq!(last.binding, b"n,,");
        assert_eq!(last.without_proof, "c=biws,r=abc,x=y");
        assert_eq!(last.proof, b"A");
        for bad in ["", "c=biws,r=abc", "r=abc,c=biws,p=QQ==", "c=b,r=abc,p=QQ=="] {
            assert_eq!(client_final(bad), Err(Fault::Encoding), "{bad:?}");
        }
        assert_eq!(server_final("v=QQ==,x=y"), Ok(ServerFinal::Verifier(b"A".to_vec())));
        assert_eq!(server_final("e=invalid-proof"), Ok(ServerFinal::Error("invalid-proof")));
        assert_eq!(server_final("x=y"), Err(Fault::Encoding));
    }

    proptest! {
        #[test]
        fn names_survive(name in "[^\0]+") {
            prop_assert_eq!(unsaslname(&saslname(&name)), Some(name));
        }

        #[test]
        fn nothing_panics(message in any::<String>()) {
            let _ = client_first(&message);
            let _ = server_first(&message);
            let _ = client_final(&message);
            let _ = server_final(&message);
        }
    }
}
