//! One folder of a server: what it decides alone, and messages of it that are known by UID.

use std::num::NonZeroU32;

use anyhow::Result;

use super::found::{Details, Found, Results};
use super::rungs::manner;
use super::server::{How, Place, Scope, of_server};
use crate::base::location::{ImapReference, ImapUrl, Reference};
use crate::imap::client::Client;
use crate::imap::client::decide::{self, Message};
use crate::imap::search_keys::{Asked, map};
use crate::imap::store::Account;
use crate::imap::syntax::mailbox::Mailbox;
use crate::imap::syntax::search::Key;
use crate::query::{self, Attributes, Expr};
use crate::store;

/// Our name and the server's for the folder of a scope; `None` for all folders.
pub(super) fn one_folder(
    account: &mut Account,
    scope: &Scope,
) -> Result<Option<(String, Mailbox<'static>)>> {
    Ok(match scope {
        Scope::All => None,
        Scope::Folder(name) => Some((name.clone(), account.names().to_mailbox(name)?)),
        Scope::Mailbox(name, _) => {
            let mailbox = of_server(name, account.client().is_utf8());
            let ours = account.names().to_folder(&mailbox);
            let ours = ours.unwrap_or_else(|| String::from_utf8_lossy(name).into_owned());
            Some((ours, mailbox))
        }
    })
}

/// The keys by which a server decides alone which messages of one folder match; `None`: some of
/// it is found out here.
///
/// # Errors
/// A folder that has no name on the server.
pub fn final_keys(
    account: &mut Account,
    place: &Place,
    expr: &Expr,
    how: How,
) -> Result<Option<Vec<Key<'static>>>> {
    let Some((name, _)) = one_folder(account, &place.scope)? else { return Ok(None) };
    if how.verify || matches!(&place.scope, Scope::Mailbox(_, only) if only.uids.is_some()) {
        return Ok(None);
    }
    let expr = query::narrowed(expr, Some(&name), place.account.as_deref());
    let mapping = map(&expr, manner(account.client().capabilities(), how));
    Ok(match mapping.asked {
        Asked::Keys(keys) if mapping.rest == Expr::All && !query::is_nothing(&expr) => Some(keys),
        _ => None,
    })
}

/// Gives messages of the one folder of a place to `results`, which is selected as a rule; they
/// match. One that has gone is left out.
///
/// # Errors
/// The server's and the output's.
pub async fn describe(
    account: &mut Account,
    place: &Place,
    url: &ImapUrl,
    uids: &[u32],
    results: &mut Results<'_>,
) -> Result<()> {
    let Some((name, mailbox)) = one_folder(account, &place.scope)? else { return Ok(()) };
    let is_unasked = results.details() == Details::None;
    let client = account.client();
    let mut messages: Vec<Message> =
        uids.iter().map(|uid| Message::new(*uid, &Expr::All, &[])).collect();
    let all = &Expr::All;
    let mut units =
        [decide::Unit { mailbox: &mailbox, expr: all, rest: all, messages: &mut messages }];
    let decided = decide::decide(client, &mut units, results.details().wish(), false).await;
    decided.map_err(store::Error::from)?;
    let uid_validity = client.selected().map_or(0, |selected| selected.uid_validity.0);
    for message in messages {
        let Some(uid) = NonZeroU32::new(message.uid) else { continue };
        // One of which nothing was asked is believed to be there.
        if is_unasked || message.is_known() {
            let reference = reference(client, url, &mailbox, uid_validity, uid);
            results.add(found(message, reference, &name))?;
        }
    }
    Ok(())
}

/// What is said of a message that matches.
pub(super) fn found(message: Message, reference: String, folder: &str) -> Found {
    let (uid, score) = (Some(message.uid), message.score);
    let gathered = message.into_gathered();
    let Attributes { flags, size, received, .. } = gathered.attributes.unwrap_or_default();
    let folder = Some(folder.to_owned());
    let found = Found { reference, flags, size, folder, uid, score, ..Found::default() };
    match &gathered.header {
        Some(header) => found.with_header(header, received),
        None => found,
    }
}

/// The reference of a message.
pub(super) fn reference(
    client: &Client,
    url: &ImapUrl,
    mailbox: &Mailbox<'_>,
    uid_validity: u32,
    uid: NonZeroU32,
) -> String {
    let name = match mailbox.name(client.is_utf8()) {
        Some(name) => name.into_bytes(),
        None => mailbox.0.to_vec(),
    };
    let (implicit_tls, server) = (url.implicit_tls, url.server.clone());
    Reference::Imap(ImapReference::new(implicit_tls, server, name, Some(uid_validity), uid))
        .to_string()
}
