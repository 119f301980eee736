//! How much a mailbox may hold, and who may do what with it.
//!
//! QUOTA (RFC 9208, and RFC 2087 before it) and ACL (RFC 4314). Names, resources and rights are
//! the server's own words.

use super::{Client, Error};
use crate::imap::syntax::command::Command;
use crate::imap::syntax::mailbox::Mailbox;
use crate::imap::syntax::response::Data;

/// One resource of a quota root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// The quota root; empty is a name, too.
    pub root: String,
    /// `STORAGE` (in units of 1,024 octets), `MESSAGE` (messages), or another.
    pub name: String,
    /// What is used of it.
    pub usage: u64,
    /// What may be used.
    pub limit: u64,
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

impl Client {
    /// The resources of a mailbox's quota roots; none where nothing is limited.
    ///
    /// # Errors
    /// [`Error::Missing`] without QUOTA; [`Error::Refused`], and the connection's errors.
    pub async fn quota(&mut self, mailbox: &Mailbox<'_>) -> Result<Vec<Resource>, Error> {
        if !self.capabilities().has("QUOTA") {
            return Err(Error::Missing("QUOTA"));
        }
        let mut found = Vec::new();
        self.run(Command::GetQuotaRoot(mailbox.clone()), &mut |data| {
            if let Data::Quota { root, resources } = data {
                found.extend(resources.iter().map(|resource| Resource {
                    root: text(root),
                    name: text(&resource.0),
                    usage: resource.1,
                    limit: resource.2,
                }));
            }
        })
        .await?;
        Ok(found)
    }

    /// Who has which rights in a mailbox: identifiers, and a letter for each right
    /// (RFC 4314 section 2.1).
    ///
    /// # Errors
    /// [`Error::Missing`] without ACL; [`Error::Refused`], and the connection's errors.
    pub async fn acl(&mut self, mailbox: &Mailbox<'_>) -> Result<Vec<(String, String)>, Error> {
        self.needs_acl()?;
        let mut found = Vec::new();
        self.run(Command::GetAcl(mailbox.clone()), &mut |data| {
            if let Data::Acl { entries, .. } = data {
                found.extend(entries.iter().map(|(who, rights)| (text(who), text(rights))));
            }
        })
        .await?;
        Ok(found)
    }

    /// The rights of whoever is logged in.
    ///
    /// # Errors
    /// As [`Client::acl`].
    pub async fn my_rights(&mut self, mailbox: &Mailbox<'_>) -> Result<String, Error> {
        self.needs_acl()?;
        let mut found = String::new();
        self.run(Command::MyRights(mailbox.clone()), &mut |data| {
            if let Data::MyRights { rights, .. } = data {
                found = text(rights);
            }
        })
        .await?;
        Ok(found)
    }

    /// Gives an identifier these rights; with `+` or `-` before them, adds or takes them.
    ///
    /// # Errors
    /// As [`Client::acl`].
    pub async fn set_acl(
        &mut self,
        mailbox: &Mailbox<'_>,
        identifier: &str,
        rights: &str,
    ) -> Result<(), Error> {
        self.needs_acl()?;
        let (identifier, rights) = (identifier.as_bytes().into(), rights.as_bytes().into());
        let command = Command::SetAcl(mailbox.clone(), identifier, rights);
        self.run(command, &mut |_| {}).await.map(drop)
    }

    /// Takes an identifier's entry away.
    ///
    /// # Errors
    /// As [`Client::acl`].
    pub async fn delete_acl(
        &mut self,
        mailbox: &Mailbox<'_>,
        identifier: &str,
    ) -> Result<(), Error> {
        self.needs_acl()?;
        let command = Command::DeleteAcl(mailbox.clone(), identifier.as_bytes().into());
        self.run(command, &mut |_| {}).await.map(drop)
    }

    fn needs_acl(&self) -> Result<(), Error> {
        if self.capabilities().has("ACL") { Ok(()) } else { Err(Error::Missing("ACL")) }
    }
}
