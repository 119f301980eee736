//! `folder quota` and `folder acl`: how much a folder may hold, and who may do what with it.

use anyhow::Result;
use serde::Serialize;

use super::{Named, grouped, no_folders, open_group};
use crate::imap::store::Account;
use crate::open::{Context, Mail, Opened};
use crate::store;
use crate::ui::{Exit, Failure, Format, Output};

/// Whose rights are changed.
#[derive(Debug, Clone, clap::Args)]
pub struct Acl {
    /// Give WHO these RIGHTS, a letter each (RFC 4314: l lookup, r read, s seen, w write, i insert,
    /// p post, k create, x delete, t and e delete messages, a administer); +RIGHTS and -RIGHTS
    /// add and take away; repeatable
    #[arg(long, value_name = "WHO=RIGHTS", value_parser = grant)]
    pub grant: Vec<(String, String)>,

    /// Take all rights of WHO away; repeatable
    #[arg(long, value_name = "WHO")]
    pub revoke: Vec<String>,

    /// The folders.
    #[command(flatten)]
    pub named: Named,
}

fn grant(text: &str) -> Result<(String, String), String> {
    let wrong = || "want WHO=RIGHTS, such as bob=lr or bob=+s".to_owned();
    // An identifier may hold an equals sign; rights hold none.
    let (who, rights) = text.rsplit_once('=').ok_or_else(wrong)?;
    let letters = rights.strip_prefix(['+', '-']).unwrap_or(rights);
    let known =
        letters.bytes().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit());
    if who.is_empty() || letters.is_empty() || !known {
        return Err(wrong());
    }
    Ok((who.to_owned(), rights.to_owned()))
}

/// The account behind a store that has quotas and rights: no other store has any.
fn account<'o>(opened: &'o mut Opened, what: &str) -> Result<&'o mut Account> {
    match &mut opened.mail {
        Mail::Imap(account, _) => Ok(account),
        _ => Err(Failure::usage(format!("only folders of an IMAP server have {what}")).into()),
    }
}

/// One resource as JSON.
#[derive(Serialize)]
struct Limit<'l> {
    folder: &'l str,
    root: &'l str,
    resource: &'l str,
    usage: u64,
    limit: u64,
}

/// Prints the quotas of folders.
pub(super) async fn quota(args: &Named, context: &Context, out: &mut Output) -> Result<Exit> {
    for group in grouped(&args.folders)? {
        let (mut opened, names) = open_group(&group, &args.server.options, context).await?;
        for (location, name) in group.folders.iter().zip(&names) {
            let account = account(&mut opened, "quotas")?;
            let mailbox = account.names().to_mailbox(name)?;
            let found = account.client().quota(&mailbox).await.map_err(store::Error::from)?;
            let folder = location.to_string();
            for resource in &found {
                let limit = Limit {
                    folder: &folder,
                    root: &resource.root,
                    resource: &resource.name,
                    usage: resource.usage,
                    limit: resource.limit,
                };
                let unit = if resource.name == "STORAGE" { " KiB" } else { "" };
                match out.format() {
                    Format::Json => out.json(&limit)?,
                    Format::Human => out.line(&format!(
                        "{folder}  {}: {} of {}{unit}",
                        limit.resource, limit.usage, limit.limit
                    ))?,
                    Format::Lines => out.line(&format!(
                        "{folder} resource={} usage={} limit={}",
                        limit.resource, limit.usage, limit.limit
                    ))?,
                }
            }
            if found.is_empty() && out.format() == Format::Human {
                out.line(&format!("{folder}  no limits"))?;
            }
        }
        opened.spool().finish().await?;
    }
    Ok(Exit::Ok)
}

/// One entry as JSON; without `identifier`: our own rights.
#[derive(Serialize)]
struct Entry<'e> {
    folder: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    identifier: Option<&'e str>,
    rights: &'e str,
}

impl Entry<'_> {
    fn print(&self, out: &mut Output) -> Result<()> {
        let Self { folder, identifier, rights } = self;
        match (out.format(), identifier) {
            (Format::Json, _) => out.json(self)?,
            (Format::Human, Some(who)) => out.line(&format!("{folder}  {who}: {rights}"))?,
            (Format::Human, None) => out.line(&format!("{folder}  your rights: {rights}"))?,
            (Format::Lines, Some(who)) => {
                out.line(&format!("{folder} identifier={who} rights={rights}"))?;
            }
            (Format::Lines, None) => out.line(&format!("{folder} rights={rights}"))?,
        }
        Ok(())
    }
}

/// Changes the rights in folders, and prints them.
pub(super) async fn acl(args: &Acl, context: &Context, out: &mut Output) -> Result<Exit> {
    for group in grouped(&args.named.folders)? {
        let (mut opened, names) = open_group(&group, &args.named.server.options, context).await?;
        if opened.store().is_none() {
            return Err(no_folders(&group.store).into());
        }
        for (location, name) in group.folders.iter().zip(&names) {
            let account = account(&mut opened, "access rights")?;
            let mailbox = account.names().to_mailbox(name)?;
            let client = account.client();
            for (who, rights) in &args.grant {
                client.set_acl(&mailbox, who, rights).await.map_err(store::Error::from)?;
            }
            for who in &args.revoke {
                client.delete_acl(&mailbox, who).await.map_err(store::Error::from)?;
            }
            let folder = location.to_string();
            let own = client.my_rights(&mailbox).await.map_err(store::Error::from)?;
            Entry { folder: &folder, identifier: None, rights: &own }.print(out)?;
            // Only who may administer a mailbox can see its list (RFC 4314 section 4).
            if own.contains('a') {
                for (who, rights) in client.acl(&mailbox).await.map_err(store::Error::from)? {
                    Entry { folder: &folder, identifier: Some(&who), rights: &rights }
                        .print(out)?;
                }
            }
        }
        opened.spool().finish().await?;
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_name_who_and_what() {
        let pair = |who: &str, rights: &str| Ok((who.to_owned(), rights.to_owned()));
        assert_eq!(grant("bob=lr"), pair("bob", "lr"));
        assert_eq!(grant("group=staff=+s"), pair("group=staff", "+s"));
        for wrong in ["bob", "=lr", "bob=", "bob=+", "bob=LR", "bob=l r"] {
            assert!(grant(wrong).is_err(), "{wrong}");
        }
    }
}
