//! A location with mail in it becomes a store or a spool.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::again::patiently;
use super::args::EndpointOptions;
use super::context::Context;
use super::news::{NewsPlace, open_news};
use super::peer::Peer;
use crate::base::location::{
    ImapReference, ImapUrl, Location, MaildirFile, MboxReference, PopReference, PopUrl, Reference,
    expand_home,
};
use crate::config::Account;
use crate::imap::store::Account as ImapAccount;
use crate::imap::syntax::mailbox::Mailbox;
use crate::net::Endpoint;
use crate::net::tls::{Connector, Mode};
use crate::nntp::spool::Newsgroup;
use crate::pop;
use crate::store::eml::Eml;
use crate::store::line_ends::LineEnds;
use crate::store::maildir::{self, Maildir};
use crate::store::mbox::{self, Mbox};
use crate::store::{self, Id, PeerError as _, Spool, Status, Store};
use crate::ui::{Exit, Failure, report};

/// An open source of mail.
pub struct Opened {
    /// What it is.
    pub mail: Mail,
    /// The folder that the location names; `None`: the whole store, or a source without
    /// folders.
    pub folder: Option<String>,
    /// What `select` has said last.
    selected: Option<(String, Status)>,
}

/// The kinds of mail there are.
pub enum Mail {
    /// A Maildir.
    Maildir(Box<Maildir>),
    /// An mbox, and its path.
    Mbox(Box<Mbox>, PathBuf),
    /// A folder of .eml files or one such file, and its path.
    Eml(Eml, PathBuf),
    /// An IMAP account, and the URL that its references are made of (without a mailbox).
    Imap(Box<ImapAccount>, ImapUrl),
    /// A POP3 maildrop, and the URL that its references are made of.
    Pop(Box<pop::spool::Maildrop>, PopUrl),
    /// A news server or one of its groups, and what its references are made of.
    News(Box<Newsgroup>, NewsPlace),
}

impl Opened {
    /// The source as a spool.
    pub fn spool(&mut self) -> &mut dyn Spool {
        match &mut self.mail {
            Mail::Maildir(maildir) => maildir.as_mut(),
            Mail::Mbox(mbox, _) => mbox.as_mut(),
            Mail::Eml(eml, _) => eml,
            Mail::Imap(account, _) => account.as_mut(),
            Mail::Pop(maildrop, _) => maildrop.as_mut(),
            Mail::News(newsgroup, _) => newsgroup.as_mut(),
        }
    }

    /// The source as a store; `None` for one that has no folders and flags.
    pub fn store(&mut self) -> Option<&mut dyn Store> {
        match &mut self.mail {
            Mail::Maildir(maildir) => Some(maildir.as_mut()),
            Mail::Mbox(mbox, _) => Some(mbox.as_mut()),
            Mail::Imap(account, _) => Some(account.as_mut()),
            Mail::Eml(..) | Mail::Pop(..) | Mail::News(..) => None,
        }
    }

    /// The source as a store that outlives this value; `None` as with [`Opened::store`].
    pub fn into_store(self) -> Option<Box<dyn Store>> {
        match self.mail {
            Mail::Maildir(maildir) => Some(maildir),
            Mail::Mbox(mbox, _) => Some(mbox),
            Mail::Imap(account, _) => Some(account),
            Mail::Eml(..) | Mail::Pop(..) | Mail::News(..) => None,
        }
    }

    /// Selects the folder that the location names, the INBOX where it names none. A source
    /// without folders has nothing to select.
    ///
    /// # Errors
    /// The store's; [`store::Error::OtherGeneration`] when the folder is not the one of
    /// `uid_validity`.
    pub async fn select(
        &mut self,
        uid_validity: Option<u32>,
        read_only: bool,
    ) -> Result<Option<Status>> {
        if matches!(self.mail, Mail::News(..)) {
            return Ok(None);
        }
        let folder = self.folder.clone().unwrap_or_else(|| "INBOX".into());
        let Some(status) = self.select_folder(&folder, read_only).await? else { return Ok(None) };
        match uid_validity {
            Some(wanted) if wanted != status.uid_validity => {
                Err(store::Error::OtherGeneration { wanted, found: status.uid_validity }.into())
            }
            _ => Ok(Some(status)),
        }
    }

    /// Selects a folder by its name, or a newsgroup, which has no status.
    ///
    /// # Errors
    /// The store's.
    pub async fn select_folder(&mut self, folder: &str, read_only: bool) -> Result<Option<Status>> {
        if let Mail::News(newsgroup, place) = &mut self.mail {
            newsgroup.enter(folder);
            place.url.group = Some(folder.to_owned());
            return Ok(None);
        }
        let Some(store) = self.store() else { return Ok(None) };
        let status = store.select(folder, read_only).await?;
        self.selected = Some((folder.to_owned(), status));
        Ok(Some(status))
    }

    /// The name, in this store, of the folder that `location` names; `None` where it names
    /// none. It has to be a location of this store.
    ///
    /// # Errors
    /// [`Failure`] with 64 for a mailbox name that is not UTF-8, with 66 where no folder has
    /// the special use that is named.
    pub async fn folder_of(
        &mut self,
        location: &Location,
        context: &Context,
    ) -> Result<Option<String>> {
        match (location, &self.mail) {
            (Location::Account { account, folder: Some(folder), .. }, _)
                if folder.starts_with('\\') =>
            {
                let account = context.config.account(account)?;
                special(self, account, folder).await.map(Some)
            }
            (Location::Account { folder, .. }, _) => Ok(folder.clone()),
            (Location::Imap(url), Mail::Imap(account, _)) => folder_of_url(account, url),
            _ => Ok(None),
        }
    }

    /// The reference of a message of the selected folder.
    pub fn reference(&mut self, id: &Id) -> Option<Reference> {
        match &mut self.mail {
            Mail::Maildir(maildir) => {
                let path = maildir.file(id).ok().flatten()?;
                MaildirFile::new(path).map(Reference::MaildirFile)
            }
            Mail::Mbox(_, path) => {
                let mut parts = id.0.split(';');
                let offset = parts.next()?.strip_prefix("offset=")?.parse().ok()?;
                let digest = parts.next().and_then(|part| part.strip_prefix("digest="));
                Some(Reference::Mbox(MboxReference {
                    path: path.clone(),
                    offset,
                    digest: digest.map(str::to_owned),
                }))
            }
            Mail::Eml(_, path) if path.is_dir() => Some(Reference::Eml(path.join(&*id.0))),
            Mail::Eml(_, path) => Some(Reference::Eml(path.clone())),
            Mail::Imap(account, url) => {
                let (folder, status) = self.selected.as_ref()?;
                let mailbox = account.names().to_url(folder).ok()?;
                Some(Reference::Imap(ImapReference::new(
                    url.implicit_tls,
                    url.server.clone(),
                    mailbox,
                    Some(status.uid_validity),
                    id.0.parse().ok()?,
                )))
            }
            Mail::Pop(_, url) => Some(Reference::Pop(PopReference {
                implicit_tls: url.implicit_tls,
                server: url.server.clone(),
                uidl: id.0.to_string(),
            })),
            Mail::News(_, place) => place.reference(id),
        }
    }
}

/// Whether a target may be made where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Create {
    /// It has to be there.
    No,
    /// It is made.
    Yes,
}

/// What is asked of a server along with the login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ahead {
    /// Nothing.
    Nothing,
    /// Its folders, which is what will be asked for first.
    Folders,
    /// To select the folder that the location names, only to read it or not, where its name
    /// needs nothing else to be known.
    Folder {
        /// As [`Store::select`] has it.
        read_only: bool,
    },
}

impl Ahead {
    /// The same where the folder's name has to be mapped first.
    fn without_folder(self) -> Self {
        if matches!(self, Self::Folder { .. }) { Self::Nothing } else { self }
    }

    /// The mailbox to select.
    fn select(self, mailbox: Option<&[u8]>) -> Option<(Mailbox<'_>, bool)> {
        let Self::Folder { read_only } = self else { return None };
        let name = match mailbox {
            None => &b"INBOX"[..],
            Some(name) if name.eq_ignore_ascii_case(b"INBOX") => &b"INBOX"[..],
            // The same in UTF-8 and in modified UTF-7.
            Some(name) if name.iter().all(|c| c.is_ascii_graphic() && *c != b'&') => name,
            Some(_) => return None,
        };
        Some((Mailbox(name.into()), read_only))
    }
}

/// Opens a location that holds mail, logged in where it is on a server.
///
/// # Errors
/// Network, TLS and login errors; [`Failure`] for a location that holds no mail.
pub async fn open_mail(
    location: &Location,
    options: &EndpointOptions,
    create: Create,
    context: &Context,
) -> Result<Opened> {
    open_mail_and(location, options, create, Ahead::Nothing, context).await
}

/// As [`open_mail`], with what is to be asked along with the login.
///
/// # Errors
/// As [`open_mail`].
pub async fn open_mail_and(
    location: &Location,
    options: &EndpointOptions,
    create: Create,
    ahead: Ahead,
    context: &Context,
) -> Result<Opened> {
    let account = context.config.account_of(location)?;
    match location {
        Location::Account { folder, whole, .. } => {
            let ahead = if *whole { ahead.without_folder() } else { ahead };
            let Some(account) = account else {
                return Err(Failure::usage(format!("{location}: no such account")).into());
            };
            of_account(account, folder.as_deref(), options, ahead, context).await
        }
        Location::Imap(url) => imap(url, account, options, ahead, context).await,
        Location::Pop(url) => pop(url, account, options, context).await,
        Location::Maildir(path) => maildir(path, create),
        Location::Mbox(path) => mbox(path, create),
        Location::Eml(path) => eml(path, create),
        Location::Path(path) => of_path(path, create),
        Location::Smtp(_) => {
            Err(Failure::usage(format!("{location}: mail is sent there, not kept")).into())
        }
        Location::Nntp(_) | Location::News(_) => news(location, options, context).await,
        Location::Stdio => Err(Failure::usage("standard input is no mailbox here").into()),
        _ => Err(Failure::usage(format!("{location}: cannot be opened")).into()),
    }
}

async fn of_account(
    account: &Account,
    folder: Option<&str>,
    options: &EndpointOptions,
    ahead: Ahead,
    context: &Context,
) -> Result<Opened> {
    match (&account.imap, &account.pop, folder) {
        (Some(url), _, folder) => {
            let ahead = match folder {
                Some(folder) if !folder.eq_ignore_ascii_case("INBOX") => ahead.without_folder(),
                _ => ahead,
            };
            let mut opened = self::imap(url, Some(account), options, ahead, context).await?;
            if let Some(folder) = folder {
                opened.folder = Some(match folder.starts_with('\\') {
                    true => special(&mut opened, account, folder).await?,
                    false => folder.to_owned(),
                });
            }
            Ok(opened)
        }
        (None, Some(url), None) => pop(url, Some(account), options, context).await,
        (None, None, folder) if account.nntp.is_some() => {
            let (account, folder) = (account.name.clone(), folder.map(str::to_owned));
            let location = Location::Account { account, whole: folder.is_none(), folder };
            news(&location, options, context).await
        }
        _ => Err(Failure::new(Exit::Config, format!("the account {} has no `imap`", account.name))
            .into()),
    }
}

/// The folder of an account that has this special use (`\\Sent`): the one that the
/// configuration names, else the one that the server tells (RFC 6154).
async fn special(opened: &mut Opened, account: &Account, attribute: &str) -> Result<String> {
    if let Some(folder) = account.folder(attribute) {
        return Ok(folder.to_owned());
    }
    let folders = match opened.store() {
        Some(store) => store.folders(&[]).await?,
        None => Vec::new(),
    };
    let found = folders
        .into_iter()
        .find(|folder| folder.special_use.iter().any(|own| own.eq_ignore_ascii_case(attribute)));
    let name = &account.name;
    let found = found.ok_or_else(|| {
        Failure::new(
            Exit::NoInput,
            format!("{name}:{attribute}: the server tells of no such folder"),
        )
        .hint(format!("name it in `folders` of [account.{name}]"))
    })?;
    Ok(found.name)
}

async fn imap(
    url: &ImapUrl,
    account: Option<&Account>,
    options: &EndpointOptions,
    ahead: Ahead,
    context: &Context,
) -> Result<Opened> {
    use crate::imap::client::{Client, Login, Options, StartTls};
    let endpoint = Endpoint::tcp(url.server.host.clone(), url.port());
    let mode = if url.implicit_tls { Mode::Implicit } else { Mode::Starttls };
    let peer = Peer::new(endpoint, Some(&url.server), mode, account, options, &context.config)?;
    let connector = in_session(&peer)?;
    let mut client = patiently(&peer.endpoint, context, async || {
        loop {
            let credential = peer.credential(context).await?.ok_or_else(|| peer.no_user())?;
            let options = Options {
                starttls: match (&connector, peer.mode) {
                    (Some(connector), Mode::Opportunistic) => StartTls::IfOffered(connector),
                    (Some(connector), _) => StartTls::Required(connector),
                    (None, _) => StartTls::Never,
                },
                login: Some(Login {
                    credential: &credential,
                    mechanism: peer.mechanism,
                    allow_cleartext: peer.allow_cleartext,
                    host: peer.endpoint.host(),
                    port: peer.port,
                }),
                timeout: context.net.timeout,
                list: ahead == Ahead::Folders,
                select: ahead.select(url.mailbox.as_ref().map(|mailbox| &*mailbox.name)),
                ..Options::default()
            };
            match Client::open(peer.connect(context).await?, &options).await {
                Err(error) if error.is_auth() && peer.renews() => {}
                opened => {
                    return opened
                        .map_err(store::Error::from)
                        .with_context(|| peer.endpoint.to_string());
                }
            }
        }
    })
    .await?;
    context.debug(|| {
        let names = client.capabilities().names().join(" ");
        format!(
            "{}: logged in by {}; offered: {}",
            peer.endpoint,
            client.login_method().unwrap_or("PREAUTH"),
            names
        )
    });
    peer.tell_weak(client.login_method().unwrap_or_default(), context);
    if !context.quiet {
        // RFC 9051 section 7.1: an alert has to reach the user.
        for alert in client.take_alerts() {
            report::warning(&format!("{}: {alert}", peer.endpoint));
        }
    }
    let mut account = ImapAccount::new(client).await.map_err(store::Error::from)?;
    // A size is a hint, and some servers open every message to tell it.
    account.set_with_sizes(false);
    let folder = folder_of_url(&account, url)?;
    let mut url = url.clone();
    (url.server.user, url.server.password, url.mailbox) = (peer.user.clone(), None, None);
    Ok(Opened { mail: Mail::Imap(Box::new(account), url), folder, selected: None })
}

/// The user's name for the mailbox of a URL.
fn folder_of_url(account: &ImapAccount, url: &ImapUrl) -> Result<Option<String>> {
    let Some(mailbox) = &url.mailbox else { return Ok(None) };
    let name = String::from_utf8(mailbox.name.clone())
        .map_err(|_| Failure::usage(format!("{url}: the mailbox name is not UTF-8")))?;
    Ok(Some(account.names().of_url(&name).unwrap_or(name)))
}

async fn pop(
    url: &PopUrl,
    account: Option<&Account>,
    options: &EndpointOptions,
    context: &Context,
) -> Result<Opened> {
    let endpoint = Endpoint::tcp(url.server.host.clone(), url.port());
    let mode = if url.implicit_tls { Mode::Implicit } else { Mode::Starttls };
    let peer = Peer::new(endpoint, Some(&url.server), mode, account, options, &context.config)?;
    let connector = in_session(&peer)?;
    let method = match (peer.apop, peer.mechanism) {
        (true, _) => Some(pop::client::Method::Apop),
        (false, mechanism) => mechanism.map(pop::client::Method::Sasl),
    };
    let client = patiently(&peer.endpoint, context, async || {
        loop {
            let credential = peer.credential(context).await?.ok_or_else(|| peer.no_user())?;
            let options = pop::client::Options {
                starttls: match (&connector, peer.mode) {
                    (Some(connector), Mode::Opportunistic) => {
                        pop::client::StartTls::IfOffered(connector)
                    }
                    (Some(connector), _) => pop::client::StartTls::Required(connector),
                    (None, _) => pop::client::StartTls::Never,
                },
                login: Some(pop::client::Login {
                    credential: &credential,
                    method,
                    allow_cleartext: peer.allow_cleartext,
                    host: peer.endpoint.host(),
                    port: peer.port,
                }),
                timeout: context.net.timeout,
                // The messages are wanted as they are.
                utf8: true,
                ..pop::client::Options::default()
            };
            match pop::client::Client::open(peer.connect(context).await?, &options).await {
                Err(error) if error.is_auth() && peer.renews() => {}
                opened => {
                    return opened
                        .map_err(store::Error::from)
                        .with_context(|| peer.endpoint.to_string());
                }
            }
        }
    })
    .await?;
    context.debug(|| match client.login_method() {
        Some(method) => format!("{}: logged in by {method}", peer.endpoint),
        None => format!("{}: not logged in", peer.endpoint),
    });
    peer.tell_weak(client.login_method().map_or("", pop::client::Method::name), context);
    let mut url = url.clone();
    (url.server.user, url.server.password) = (peer.user.clone(), None);
    let maildrop = pop::spool::Maildrop::new(client);
    Ok(Opened { mail: Mail::Pop(Box::new(maildrop), url), folder: None, selected: None })
}

async fn news(location: &Location, options: &EndpointOptions, context: &Context) -> Result<Opened> {
    let mut place = NewsPlace::of(location, context)?;
    let client = open_news(&place, options, context).await?;
    let newsgroup = Newsgroup::new(client, place.url.group.clone());
    place.url.server.password = None;
    Ok(Opened { mail: Mail::News(Box::new(newsgroup), place), folder: None, selected: None })
}

/// TLS that begins within the session.
pub(super) fn in_session(peer: &Peer) -> Result<Option<Connector>> {
    match peer.mode {
        Mode::Starttls | Mode::Opportunistic => Ok(Some(peer.connector()?)),
        Mode::Implicit | Mode::None => Ok(None),
    }
}

fn home() -> Option<PathBuf> {
    etcetera::home_dir().ok()
}

/// A path on the command line, with its tilde.
pub fn local_path(path: &Path) -> PathBuf {
    expand_home(path, home().as_deref())
}

/// A Maildir. A folder inside a larger tree is opened by itself.
fn maildir(path: &Path, create: Create) -> Result<Opened> {
    let options = maildir::Options { create: create == Create::Yes, ..Default::default() };
    let maildir = Maildir::open(&local_path(path), options)?;
    Ok(Opened { mail: Mail::Maildir(Box::new(maildir)), folder: None, selected: None })
}

fn mbox(path: &Path, create: Create) -> Result<Opened> {
    let path = local_path(path);
    if !begins_as_mbox(&path)? {
        return Err(store::Error::Format {
            path: path.display().to_string(),
            offset: 0,
            reason: "no mbox: it does not begin with a From_ line",
        }
        .into());
    }
    let options = mbox::Options {
        create: create == Create::Yes,
        line_ends: LineEnds::Lf,
        ..Default::default()
    };
    let mbox = Mbox::open(&path, options, store::system_clock())?;
    Ok(Opened { mail: Mail::Mbox(Box::new(mbox), path), folder: None, selected: None })
}

/// Whether a file begins as an mbox does. One that is empty, or not there, may become one; one
/// that is no regular file is not looked into.
fn begins_as_mbox(path: &Path) -> Result<bool> {
    use std::io::Read as _;
    if !path.is_file() {
        return Ok(true);
    }
    let mut start = [0; 5];
    let count = std::fs::File::open(path)
        .and_then(|mut file| file.read(&mut start))
        .map_err(|error| store::Error::file(path, error))?;
    Ok(count == 0 || start[..count] == *mbox::BEGIN)
}

fn eml(path: &Path, create: Create) -> Result<Opened> {
    let path = local_path(path);
    if create == Create::Yes && !path.exists() {
        std::os::unix::fs::DirBuilderExt::mode(std::fs::DirBuilder::new().recursive(true), 0o700)
            .create(&path)
            .map_err(|error| store::Error::file(&path, error))?;
    }
    Ok(Opened { mail: Mail::Eml(Eml::open(&path)?, path), folder: None, selected: None })
}

/// A path is what it holds: a folder with `cur` in it, or with such folders in it, is a
/// Maildir; any other folder holds .eml files; a file that begins with `From ` is an mbox, and
/// any other is one message.
fn of_path(path: &Path, create: Create) -> Result<Opened> {
    let found = local_path(path);
    if found.is_dir() {
        let detected = maildir::Layout::detect(&found);
        return match detected.map_err(|error| store::Error::file(&found, error))? {
            Some(_) => maildir(path, create),
            None => eml(path, create),
        };
    }
    if found.exists() {
        let is_mbox = found.is_file() && begins_as_mbox(&found)?;
        return if is_mbox { mbox(path, create) } else { eml(path, create) };
    }
    Err(Failure::new(Exit::NoInput, format!("{}: no such file or folder", found.display()))
        .hint(
            "a path is recognised by what it holds; say maildir:PATH or mbox:PATH to have one made",
        )
        .into())
}
