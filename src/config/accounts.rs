//! Accounts: `[account.NAME]` tables and what they say.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::ValueEnum;

use super::Error;
use super::document::Entry;
use crate::base::location::{ImapUrl, Location, NntpUrl, PopUrl, Server, SmtpUrl};
use crate::base::secret::Secret;
use crate::net::{proxy, tls};
use crate::oauth;

/// The special uses that `folders` can name, with the attribute that IMAP has for each
/// (RFC 6154 section 2, RFC 8457 section 3).
pub const SPECIAL_USES: [(&str, &str); 8] = [
    ("all", "\\All"),
    ("archive", "\\Archive"),
    ("drafts", "\\Drafts"),
    ("flagged", "\\Flagged"),
    ("important", "\\Important"),
    ("junk", "\\Junk"),
    ("sent", "\\Sent"),
    ("trash", "\\Trash"),
];

const KEYS: &[&str] = &[
    "email",
    "name",
    "imap",
    "pop",
    "smtp",
    "nntp",
    "user",
    "auth",
    "authorize-as",
    "password-command",
    "token-command",
    "oauth",
    "allow-cleartext-password",
    "proxy",
    "folders",
    "tls",
    "tls-min",
    "tls-backend",
    "ca-file",
    "client-cert",
    "client-key",
    "pin",
    "insecure",
];

const OAUTH_KEYS: &[&str] =
    &["provider", "tenant", "client-id", "client-secret-command", "flow", "scope", "key-file"];

const FOLDER_KEYS: &[&str] =
    &["all", "archive", "drafts", "flagged", "important", "junk", "sent", "trash"];

/// One account. What the configuration leaves out is `None` or empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// What it is called in the configuration and in locations.
    pub name: String,
    /// Its addresses; the first is the one to write From.
    pub emails: Vec<String>,
    /// The name of the person, for From.
    pub full_name: Option<String>,
    /// Where its mail is by IMAP.
    pub imap: Option<ImapUrl>,
    /// Where its mail is by POP3.
    pub pop: Option<PopUrl>,
    /// What takes its mail.
    pub smtp: Option<SmtpUrl>,
    /// Where it reads and posts news.
    pub nntp: Option<NntpUrl>,
    /// The login name where the URL has none.
    pub user: Option<String>,
    /// The only SASL mechanism to use, as written.
    pub auth: Option<String>,
    /// The user to act for after the login.
    pub authorize_as: Option<String>,
    /// A shell command whose first line of output is the secret.
    pub password_command: Option<String>,
    /// The secret itself, as only msmtp's configuration may hold it.
    pub password: Option<Secret>,
    /// A server takes its mail without a login, though it has an address.
    pub nobody_logs_in: bool,
    /// A shell command whose first line of output is an OAuth access token.
    pub token_command: Option<String>,
    /// How OAuth tokens are had; `None`: they are not.
    pub oauth: Option<oauth::Keys>,
    /// Passwords may cross a connection without TLS; `None` means they may not.
    pub allow_cleartext_password: Option<bool>,
    /// What its connections go by; `None`: what `ALL_PROXY` says.
    pub proxy: Option<proxy::Choice>,
    /// Folders by IMAP's special-use attribute (`\Sent`), for servers that do not tell.
    pub folders: BTreeMap<&'static str, String>,
    /// How to speak TLS.
    pub tls: TlsKeys,
}

/// The TLS settings of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsKeys {
    /// When TLS begins.
    pub mode: Option<tls::Mode>,
    /// Oldest version.
    pub min: Option<tls::Version>,
    /// Which library.
    pub backend: Option<tls::Backend>,
    /// Roots in PEM, in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// Our certificate: PEM chain or PKCS#12.
    pub client_cert: Option<PathBuf>,
    /// Its key in PEM.
    pub client_key: Option<PathBuf>,
    /// `sha256:...` of keys that replace the verification of the chain.
    pub pins: Vec<String>,
    /// No verification; `None` means there is.
    pub insecure: Option<bool>,
}

impl Account {
    /// The servers of the account, each with the port to connect to.
    pub fn servers(&self) -> impl Iterator<Item = (&Server, u16)> {
        let smtp = self.smtp.as_ref().and_then(|url| Some((url.server()?, url.port()?)));
        [
            self.imap.as_ref().map(|url| (&url.server, url.port())),
            self.pop.as_ref().map(|url| (&url.server, url.port())),
            smtp,
            self.nntp.as_ref().map(|url| (&url.server, url.port())),
        ]
        .into_iter()
        .flatten()
    }

    /// The name to log in with at one of the account's servers: the URL's, else `user`, else
    /// the first address.
    pub fn user_at<'a>(&'a self, server: &'a Server) -> Option<&'a str> {
        let user = server.user.as_deref().or(self.user.as_deref());
        let email = self.emails.first().filter(|_| !self.nobody_logs_in);
        user.or_else(|| email.map(String::as_str))
    }

    /// Whether one of its addresses is this one; letters' case does not count.
    pub fn has_email(&self, address: &str) -> bool {
        self.emails.iter().any(|email| email.eq_ignore_ascii_case(address))
    }

    /// The folder of a special use, by IMAP's attribute (`\Sent`, in any case), if the
    /// configuration names one.
    pub fn folder(&self, attribute: &str) -> Option<&str> {
        let found = self.folders.iter().find(|(known, _)| known.eq_ignore_ascii_case(attribute));
        found.map(|(_, folder)| folder.as_str())
    }

    /// Takes one key of the account's table; a later file's value replaces an earlier one's.
    pub(super) fn set(&mut self, entry: &Entry<'_>) -> Result<(), Error> {
        match entry.key {
            "email" => {
                let emails = entry.texts()?;
                if emails.is_empty() || !emails.iter().all(|email| is_address(email)) {
                    return Err(entry.wrong("an address such as ann@example.org, or several"));
                }
                self.emails = emails;
            }
            "name" => self.full_name = Some(entry.text()?),
            "imap" => match location(entry)? {
                Location::Imap(url) => self.imap = Some(url),
                _ => return Err(entry.wrong("an imap:// or imaps:// URL")),
            },
            "pop" => match location(entry)? {
                Location::Pop(url) => self.pop = Some(url),
                _ => return Err(entry.wrong("a pop3:// or pop3s:// URL")),
            },
            "smtp" => match location(entry)? {
                Location::Smtp(url) => self.smtp = Some(url),
                _ => {
                    return Err(entry.wrong(
                        "a submissions://, submission://, smtps://, smtp:// or lmtp:// URL",
                    ));
                }
            },
            "nntp" => match location(entry)? {
                Location::Nntp(url) => self.nntp = Some(url),
                _ => return Err(entry.wrong("an nntp:// or nntps:// URL")),
            },
            "user" => self.user = Some(entry.text()?),
            "auth" => self.auth = Some(entry.text()?),
            "authorize-as" => self.authorize_as = Some(entry.text()?),
            "password" => return Err(entry.password()),
            "password-command" => self.password_command = Some(entry.text()?),
            "token-command" => self.token_command = Some(entry.text()?),
            "oauth" => {
                let keys = self.oauth.get_or_insert_default();
                for entry in entry.table()? {
                    set_oauth(keys, &entry)?;
                }
            }
            "allow-cleartext-password" => self.allow_cleartext_password = Some(entry.flag()?),
            "proxy" => {
                self.proxy = Some(entry.text()?.parse().map_err(|_| {
                    entry.wrong("none, or socks5://[USER:PASSWORD@]HOST[:PORT] or http://...")
                })?);
            }
            "folders" => {
                for folder in entry.table()? {
                    let found = SPECIAL_USES.iter().find(|(key, _)| *key == folder.key);
                    let Some((_, attribute)) = found else {
                        return Err(folder.unknown(FOLDER_KEYS));
                    };
                    self.folders.insert(attribute, folder.text()?);
                }
            }
            "tls" => self.tls.mode = Some(choice(entry)?),
            "tls-min" => self.tls.min = Some(choice(entry)?),
            "tls-backend" => self.tls.backend = Some(choice(entry)?),
            "ca-file" => self.tls.ca_file = Some(entry.path()?),
            "client-cert" => self.tls.client_cert = Some(entry.path()?),
            "client-key" => self.tls.client_key = Some(entry.path()?),
            "pin" => self.tls.pins = entry.texts()?,
            "insecure" => self.tls.insecure = Some(entry.flag()?),
            _ => return Err(entry.unknown(KEYS)),
        }
        Ok(())
    }
}

/// Takes one key of `[account.NAME.oauth]`.
fn set_oauth(keys: &mut oauth::Keys, entry: &Entry<'_>) -> Result<(), Error> {
    match entry.key {
        "provider" => keys.provider = Some(entry.text()?),
        "tenant" => keys.tenant = Some(entry.text()?),
        "client-id" => keys.client_id = Some(entry.text()?),
        "client-secret-command" => keys.client_secret_command = Some(entry.text()?),
        "flow" => keys.flow = Some(choice(entry)?),
        "scope" => keys.scopes = Some(entry.texts()?),
        "key-file" => keys.key_file = Some(entry.path()?),
        _ => return Err(entry.unknown(OAUTH_KEYS)),
    }
    Ok(())
}

/// Whether it has a local part and a domain; the grammar is for whoever sends to it.
fn is_address(text: &str) -> bool {
    text.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
}

/// The value as a location, with what is wrong with it if it is none.
pub(super) fn location(entry: &Entry<'_>) -> Result<Location, Error> {
    let text = entry.text()?;
    Location::parse(&text).map_err(|error| entry.wrong(format!("a location: {error}")))
}

/// The value as one of an option's words.
fn choice<T: ValueEnum>(entry: &Entry<'_>) -> Result<T, Error> {
    let text = entry.text()?;
    T::from_str(&text, true).map_err(|_| {
        let names: Vec<String> = T::value_variants()
            .iter()
            .filter_map(ValueEnum::to_possible_value)
            .map(|value| value.get_name().to_owned())
            .collect();
        entry.wrong(format!("one of {}", names.join(", ")))
    })
}
