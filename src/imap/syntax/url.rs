//! IMAP URLs (RFC 5092) as CATENATE (RFC 4469) and URLAUTH (RFC 4467) use them: one message
//! or a part of it, and who may read it until when.

use percent_encoding::percent_decode;

use super::UidValidity;

/// What a URL names. What stands in it percent-encoded is decoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Url {
    /// The user before the host; `None` where there is none, or no host.
    pub user: Option<Vec<u8>>,
    /// Host and port; `None` in a relative URL.
    pub host: Option<Vec<u8>>,
    /// The mailbox, in UTF-8; `None`: the selected one.
    pub mailbox: Option<Vec<u8>>,
    /// UIDVALIDITY.
    pub validity: Option<UidValidity>,
    /// UID.
    pub uid: Option<u32>,
    /// The section, as it stands between the brackets of BODY.
    pub section: Option<Vec<u8>>,
    /// First octet, and how many; `None` to the end.
    pub partial: Option<(u64, Option<u64>)>,
    /// Until when it is valid: a date and time of RFC 3339.
    pub expire: Option<Vec<u8>>,
    /// Who may use it (URLAUTH).
    pub access: Option<Access>,
    /// Mechanism and token, and where in the URL they begin: at the colon before them.
    pub token: Option<(Vec<u8>, Vec<u8>, usize)>,
}

/// `access` of RFC 4467 section 9.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// `submit+USER`: a submission server for this user.
    Submit(Vec<u8>),
    /// `user+USER`: this user.
    User(Vec<u8>),
    /// `authuser`: whoever has logged in.
    AuthUser,
    /// `anonymous`: everybody.
    Anonymous,
}

fn decode(text: &[u8]) -> Vec<u8> {
    percent_decode(text).collect()
}

fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}

/// What follows `prefix` in any case.
fn after<'t>(text: &'t [u8], prefix: &str) -> Option<&'t [u8]> {
    let start = text.get(..prefix.len())?;
    start.eq_ignore_ascii_case(prefix.as_bytes()).then(|| &text[prefix.len()..])
}

impl Url {
    /// Reads an absolute URL, or one relative to the server (`/INBOX/;UID=1`) or to the
    /// selected mailbox (`;UID=1`). `None` for what is none.
    pub fn parse(text: &[u8]) -> Option<Url> {
        let graphic = |octet: &u8| octet.is_ascii_graphic();
        if text.is_empty() || !text.iter().all(graphic) {
            return None;
        }
        let mut url = Url::default();
        let mut path = text;
        if let Some(rest) = after(text, "imap://").or_else(|| after(text, "imaps://")) {
            let end = rest.iter().position(|octet| *octet == b'/')?;
            let authority = &rest[..end];
            path = &rest[end..];
            let (user, host) = match authority.iter().rposition(|octet| *octet == b'@') {
                Some(at) => (Some(&authority[..at]), &authority[at + 1..]),
                None => (None, authority),
            };
            let name = |user: &[u8]| {
                let end = user.iter().position(|octet| *octet == b';').unwrap_or(user.len());
                decode(&user[..end])
            };
            url.user = user.map(name);
            url.host = Some(host.to_vec());
        }
        let begin = text.len() - path.len();
        let semicolon = path.iter().position(|octet| *octet == b';').unwrap_or(path.len());
        let mailbox = path[..semicolon].strip_prefix(b"/").unwrap_or(&path[..semicolon]);
        let mailbox = mailbox.strip_suffix(b"/").unwrap_or(mailbox);
        if !mailbox.is_empty() {
            url.mailbox = Some(decode(mailbox));
        }
        let mut at = semicolon;
        while at < path.len() {
            let rest = &path[at + 1..];
            let len = rest.iter().position(|octet| *octet == b';').unwrap_or(rest.len());
            url.parameter(&rest[..len], begin + at + 1)?;
            at += 1 + len;
        }
        Some(url)
    }

    /// `NAME=value`, which begins at this offset.
    fn parameter(&mut self, text: &[u8], offset: usize) -> Option<()> {
        let plain = text.strip_suffix(b"/").unwrap_or(text);
        if let Some(value) = after(plain, "UIDVALIDITY=") {
            self.validity = Some(UidValidity(number(value)?));
        } else if let Some(value) = after(plain, "UID=") {
            self.uid = Some(number(value).filter(|uid| *uid > 0)?);
        } else if let Some(value) = after(plain, "SECTION=") {
            self.section = Some(decode(value));
        } else if let Some(value) = after(plain, "PARTIAL=") {
            let dot = value.iter().position(|octet| *octet == b'.');
            self.partial = Some(match dot {
                Some(dot) => (number(&value[..dot])?, Some(number(&value[dot + 1..])?)),
                None => (number(value)?, None),
            });
        } else if let Some(value) = after(plain, "EXPIRE=") {
            self.expire = Some(decode(value));
        } else if let Some(value) = after(text, "URLAUTH=") {
            let colon = value.iter().position(|octet| *octet == b':');
            let access = &value[..colon.unwrap_or(value.len())];
            self.access = Some(Access::parse(access)?);
            if let Some(colon) = colon {
                let rest = &value[colon + 1..];
                let second = rest.iter().position(|octet| *octet == b':')?;
                let begins = offset + "URLAUTH=".len() + colon;
                self.token = Some((rest[..second].to_vec(), rest[second + 1..].to_vec(), begins));
            }
        } else {
            return None;
        }
        Some(())
    }
}

impl Access {
    fn parse(text: &[u8]) -> Option<Access> {
        if text.eq_ignore_ascii_case(b"authuser") {
            return Some(Access::AuthUser);
        }
        if text.eq_ignore_ascii_case(b"anonymous") {
            return Some(Access::Anonymous);
        }
        let named = |prefix| after(text, prefix).filter(|user| !user.is_empty()).map(decode);
        let submit = named("submit+").map(Access::Submit);
        submit.or_else(|| named("user+").map(Access::User))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rfcs_own() {
        let text = b"imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=submit+fred:internal:91354a473744909de610943775f92038";
        let url = Url::parse(text).expect("a URL");
        assert_eq!(url.user.as_deref(), Some(&b"joe"[..]));
        assert_eq!(url.host.as_deref(), Some(&b"example.com"[..]));
        assert_eq!(url.mailbox.as_deref(), Some(&b"INBOX"[..]));
        assert_eq!(url.uid, Some(20));
        assert_eq!(url.section.as_deref(), Some(&b"1.2"[..]));
        assert_eq!(url.access, Some(Access::Submit(b"fred".to_vec())));
        let (mechanism, token, begins) = url.token.expect("authorized");
        assert_eq!(mechanism, b"internal");
        assert_eq!(token, b"91354a473744909de610943775f92038");
        assert!(text[..begins].ends_with(b"submit+fred"));
        let url = Url::parse(b"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER");
        let url = url.expect("a URL");
        assert_eq!(url.validity, Some(UidValidity(385_759_045)));
        assert_eq!(url.mailbox.as_deref(), Some(&b"Drafts"[..]));
        let url = Url::parse(b";UID=3/;PARTIAL=10.5").expect("a URL");
        assert_eq!((url.mailbox, url.uid, url.partial), (None, Some(3), Some((10, Some(5)))));
        let url = Url::parse(b"/a%20b/c/;UID=3;EXPIRE=2030-01-01T00%3A00%3A00Z;URLAUTH=anonymous");
        let url = url.expect("a URL");
        assert_eq!(url.mailbox.as_deref(), Some(&b"a b/c"[..]));
        assert_eq!(url.expire.as_deref(), Some(&b"2030-01-01T00:00:00Z"[..]));
        assert_eq!(url.access, Some(Access::Anonymous));
    }

    #[test]
    fn what_is_none() {
        for text in [
            &b""[..],
            b"imap://host",
            b"/INBOX/;UID=0",
            b"/INBOX/;UID=x",
            b"/INBOX/;UID=4294967296",
            b"/INBOX/;UID=1;URLAUTH=root",
            b"/INBOX/;UID=1;URLAUTH=user+",
            b"/INBOX/;UID=1;URLAUTH=user+x:internal",
            b"/INBOX/;WHAT=1",
            b"/IN BOX/;UID=1",
            b"/INBOX/;UID=1\r\n",
        ] {
            assert_eq!(Url::parse(text), None, "{}", text.escape_ascii());
        }
    }
}
