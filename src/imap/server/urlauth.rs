//! URLs of messages: parts of CATENATE (RFC 4469), and URLs that let others read one message
//! (URLAUTH, RFC 4467: GENURLAUTH, URLFETCH, RESETKEY).

use std::borrow::Cow;
use std::sync::Arc;

use aws_lc_rs::hmac;
use jiff::Timestamp;

use super::Accounts;
use super::outcome::{Outcome, Voice};
use super::replies::Slice;
use super::rights;
use super::section;
use crate::imap::syntax::code::Code;
use crate::imap::syntax::fetch::Section;
use crate::imap::syntax::mailbox::Mailbox as Name;
use crate::imap::syntax::response::Data;
use crate::imap::syntax::url::{Access, Url};
use crate::imap::syntax::{Octets, Pair};
use crate::message::facts::Facts;
use crate::sasl::system_random;
use crate::store::memory::{Account, MailboxId, Shared};

/// The one mechanism.
const INTERNAL: &str = "INTERNAL";

/// Octets of a mailbox's key.
const KEY_OCTETS: usize = 32;

/// What the token of an authorized URL begins with: the version of its making.
const VERSION: &str = "01";

/// BADURL (RFC 4469 section 3).
pub(super) fn bad_url(url: &[u8]) -> Outcome {
    let shown: Vec<u8> =
        url.iter().copied().filter(|c| c.is_ascii_graphic() && *c != b']').collect();
    let code = Code::Unknown { name: Cow::Borrowed(b"BADURL"), arguments: Some(shown.into()) };
    Outcome::no("the URL names nothing here").with(code)
}

/// The octets that a URL names in an account; `None` where it names nothing there.
/// `selected` is the mailbox of a URL that has none.
pub(super) fn octets(
    account: &Account,
    user: &str,
    url: &Url,
    selected: Option<MailboxId>,
) -> Option<Slice> {
    let id = mailbox(account, url, selected)?;
    if !rights::has(account, id, user, 'r') {
        return None;
    }
    let message = account.mailbox(id)?.message(url.uid?)?;
    let facts = Facts::new(&message.octets);
    let wanted = match &url.section {
        None => Section::default(),
        Some(text) => Section::from_text(std::str::from_utf8(text).ok()?)?,
    };
    let found = section::find(&facts, &wanted)?;
    let (octets, slice) = found.cut(&message.octets, url.partial.map(whole));
    Some(match (octets, slice) {
        (_, Some(slice)) => slice,
        (Octets::Inline(octets), None) => {
            let octets: Arc<[u8]> = Arc::from(&*octets);
            let range = 0..octets.len();
            Slice { octets, range }
        }
        (Octets::Streamed { .. }, None) => return None,
    })
}

fn whole((first, count): (u64, Option<u64>)) -> (u64, u64) {
    (first, count.unwrap_or(u64::MAX))
}

fn mailbox(account: &Account, url: &Url, selected: Option<MailboxId>) -> Option<MailboxId> {
    let id = match &url.mailbox {
        None => selected?,
        Some(name) => account.find(std::str::from_utf8(name).ok()?)?,
    };
    let validity = account.mailbox(id)?.uid_validity();
    url.validity.is_none_or(|wanted| wanted.0 == validity).then_some(id)
}

fn is_same_user(one: &[u8], other: &str) -> bool {
    one.eq_ignore_ascii_case(other.as_bytes())
}

fn token(key: &[u8], rump: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let tag = hmac::sign(&key, rump);
    let mut token = VERSION.to_owned();
    for octet in tag.as_ref() {
        token.push_str(&format!("{octet:02x}"));
    }
    token
}

/// GENURLAUTH.
///
/// # Errors
/// What to answer where no URL can be made.
pub(super) fn generate(
    voice: &mut Voice,
    account: &Shared,
    user: &str,
    urls: &[Pair<'_>],
) -> Result<Outcome, Outcome> {
    let mut made = Vec::with_capacity(urls.len());
    for (text, mechanism) in urls {
        if !mechanism.eq_ignore_ascii_case(INTERNAL.as_bytes()) {
            return Err(Outcome::bad("there is no such mechanism"));
        }
        let refused = || bad_url(text);
        let url = Url::parse(text).ok_or_else(refused)?;
        let own = url.user.as_deref().is_some_and(|name| is_same_user(name, user));
        if url.host.is_none() || url.access.is_none() || url.token.is_some() || !own {
            return Err(refused());
        }
        let mut account = account.borrow_mut();
        let id = mailbox(&account, &url, None).ok_or_else(refused)?;
        if url.uid.is_none() {
            return Err(refused());
        }
        let mut key = account.mailbox(id).map(|found| found.url_key().to_vec()).unwrap_or_default();
        if key.is_empty() {
            key = vec![0; KEY_OCTETS];
            system_random(&mut key);
            account.set_url_key(id, key.clone())?;
        }
        let token = token(&key, text);
        let mut whole = text.to_vec();
        whole.extend_from_slice(b":internal:");
        whole.extend_from_slice(token.as_bytes());
        made.push(Cow::Owned(whole));
    }
    voice.data(Data::GenUrlAuth(made));
    Ok(Outcome::ok("the URLs are made"))
}

/// RESETKEY: the mailbox's URLs are void from now on, or those of all mailboxes.
///
/// # Errors
/// What to answer where nothing was changed.
pub(super) fn reset(
    voice: &Voice,
    account: &Shared,
    user: &str,
    wanted: Option<&(Name<'_>, Vec<Cow<'_, [u8]>>)>,
) -> Result<Outcome, Outcome> {
    let mut account = account.borrow_mut();
    let ids: Vec<MailboxId> = match wanted {
        None => account.mailboxes().map(|(_, mailbox)| mailbox.id()).collect(),
        Some((name, mechanisms)) => {
            let known = |name: &Cow<'_, [u8]>| name.eq_ignore_ascii_case(INTERNAL.as_bytes());
            if !mechanisms.iter().all(known) {
                return Err(Outcome::no("there is no such mechanism"));
            }
            let name = voice.name(name)?;
            let id = account.find(&name).ok_or_else(Outcome::nonexistent)?;
            rights::need(&account, id, user, 'a')?;
            vec![id]
        }
    };
    for id in ids {
        let mut key = vec![0; KEY_OCTETS];
        system_random(&mut key);
        account.set_url_key(id, key)?;
    }
    Ok(Outcome::ok("the URLs made before are void"))
}

/// URLFETCH: NIL for a URL that is not, or no longer, good for this user.
pub(super) fn fetch(
    voice: &mut Voice,
    accounts: &dyn Accounts,
    user: &str,
    now: i64,
    urls: &[Cow<'_, [u8]>],
) -> Outcome {
    let mut found = Vec::with_capacity(urls.len());
    let mut slices = Vec::new();
    for text in urls {
        let slice = read(accounts, user, now, text);
        let octets = slice.map(|slice| {
            let len = slice.range.len() as u64;
            slices.push(slice);
            Octets::Streamed { len }
        });
        found.push((Cow::Borrowed(&**text), octets));
    }
    voice.data_with(Data::UrlFetch(found), slices);
    Outcome::ok("fetched")
}

fn read(accounts: &dyn Accounts, user: &str, now: i64, text: &[u8]) -> Option<Slice> {
    let url = Url::parse(text)?;
    let (mechanism, given, begins) = url.token.as_ref()?;
    if !mechanism.eq_ignore_ascii_case(INTERNAL.as_bytes()) {
        return None;
    }
    let allowed = match url.access.as_ref()? {
        // Who submits mail for a user logs in as that user here.
        Access::User(name) | Access::Submit(name) => is_same_user(name, user),
        Access::AuthUser | Access::Anonymous => true,
    };
    if let Some(expire) = &url.expire {
        let until: Timestamp = std::str::from_utf8(expire).ok()?.parse().ok()?;
        if until.as_second() <= now {
            return None;
        }
    }
    let owner = std::str::from_utf8(url.user.as_ref()?).ok()?;
    let account = accounts.account(owner)?;
    let account = account.borrow();
    let id = mailbox(&account, &url, None)?;
    let key = account.mailbox(id)?.url_key();
    let right = !key.is_empty() && token(key, &text[..*begins]).as_bytes() == given.as_slice();
    (allowed && right).then(|| octets(&account, owner, &url, None)).flatten()
}

/// URLMECH in the answer to SELECT (RFC 4467 section 6).
pub(super) fn mechanisms() -> Code<'static> {
    Code::Unknown {
        name: Cow::Borrowed(b"URLMECH"),
        arguments: Some(Cow::Borrowed(INTERNAL.as_bytes())),
    }
}
