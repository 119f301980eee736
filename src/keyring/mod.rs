//! Where secrets rest: the keyring of the desktop (the Secret Service of freedesktop.org), or
//! an encrypted file where there is none.
//!
//! The service is spoken to by `secret-tool` of libsecret: the pure Rust way (keyring, zbus)
//! costs more crates than all of our TLS, and whoever has a keyring has that program in reach.
//! What is stored goes to the service where it answers, else into the file; what is looked for
//! is looked for in both, so that a token that was stored on a day without a keyring is found
//! on a day with one.
//!
//! Everything here blocks, and unlocking a keyring may ask a person.

mod service;
mod vault;

use std::path::{Path, PathBuf};

pub use vault::PASSPHRASE_VARIABLE;

use crate::base::secret::Secret;
use crate::state;
use vault::Vault;

/// What one secret is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// The password of a user at a server.
    Password {
        /// Who logs in.
        user: String,
        /// The server's name.
        host: String,
    },
    /// The tokens of an account.
    Tokens {
        /// The account's name.
        account: String,
    },
}

impl Item {
    /// What it is called in a list of secrets.
    fn label(&self) -> String {
        match self {
            Self::Password { user, host } => format!("Mail password of {user} at {host}"),
            Self::Tokens { account } => format!("Mail tokens of the account {account}"),
        }
    }

    /// The attributes by which it is found. A password has those that msmtp documents, so that
    /// one stored for it is found too.
    fn attributes(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::Password { user, host } => vec![("host", host), ("user", user)],
            Self::Tokens { account } => vec![("application", "pillarbox"), ("tokens-of", account)],
        }
    }

    /// The name in the file, of which no two items have the same.
    fn key(&self) -> String {
        match self {
            Self::Password { user, host } => format!("password\0{user}\0{host}"),
            Self::Tokens { account } => format!("tokens\0{account}"),
        }
    }
}

/// What can be wrong with the places of secrets. Nothing of a secret is in it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The Secret Service is there and failed.
    #[error("the keyring: {0}")]
    Service(String),
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file of the key can be read by others.
    #[error("{path} can be read by others (mode {mode:03o}): make it private by chmod 600")]
    Exposed {
        /// The file.
        path: String,
        /// Its mode.
        mode: u32,
    },
    /// The file was encrypted under a passphrase, and nobody has told it.
    #[error("{path} is locked by a passphrase: set {PASSPHRASE_VARIABLE}")]
    Locked {
        /// The file.
        path: String,
    },
    /// The key, or the passphrase, does not open the file.
    #[error("{path} does not open with this {with}: it is another one's, or was changed")]
    Sealed {
        /// The file.
        path: String,
        /// `key` or `passphrase`.
        with: &'static str,
    },
    /// The file is not one of ours.
    #[error("{path} does not hold secrets of pillarbox")]
    Foreign {
        /// The file.
        path: String,
    },
    /// The home folder is unknown.
    #[error(transparent)]
    State(#[from] state::Error),
}

/// The places of secrets.
#[derive(Debug, Clone)]
pub struct Keyring {
    service: Option<PathBuf>,
    vault: Vault,
}

/// What became of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// The secret; `None`: there is none, or the keyring did not say.
    pub found: Option<Secret>,
    /// Why the keyring did not say, where it did not.
    pub trouble: Option<String>,
}

impl Keyring {
    /// The places of this user, in this environment. Nothing is opened yet.
    ///
    /// # Errors
    /// [`Error::State`] where no home folder is known.
    pub fn of_user() -> Result<Self, Error> {
        use etcetera::BaseStrategy as _;
        let state = state::folder()?;
        let config = etcetera::choose_base_strategy()
            .map(|strategy| strategy.config_dir())
            .map_err(|_| state::Error::NoPlace)?;
        let passphrase = std::env::var_os(PASSPHRASE_VARIABLE)
            .filter(|value| !value.is_empty())
            .map(|value| Secret::new(std::os::unix::ffi::OsStringExt::into_vec(value)));
        let vault = Vault::new(
            state.join("secrets"),
            config.join("pillarbox").join("secrets.key"),
            passphrase,
        );
        Ok(Self { service: service::find(), vault })
    }

    /// Only the file, at these paths.
    #[cfg(test)]
    fn in_file(file: &Path, key: &Path, passphrase: Option<&str>) -> Self {
        let vault = Vault::new(file.to_owned(), key.to_owned(), passphrase.map(Secret::new));
        Self { service: None, vault }
    }

    /// Looks for a secret. A keyring that fails is no error as long as the file has it.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn search(&self, item: &Item) -> Result<Search, Error> {
        let mut trouble = None;
        if let Some(program) = &self.service {
            match service::lookup(program, &item.attributes()) {
                Ok(Some(secret)) => return Ok(Search { found: Some(secret), trouble: None }),
                Ok(None) => {}
                Err(words) => trouble = Some(words),
            }
        }
        Ok(Search { found: self.vault.load(&item.key())?, trouble })
    }

    /// Stores a secret in place of the one before, and says where.
    ///
    /// # Errors
    /// What is wrong with the file, where no keyring took it.
    pub fn store(&self, item: &Item, secret: &Secret) -> Result<String, Error> {
        if let Some(program) = &self.service {
            let stored = service::store(program, &item.label(), &item.attributes(), secret);
            if stored.is_ok() {
                // One that was left in the file would come back on a day without a keyring.
                self.vault.delete(&item.key())?;
                return Ok("the keyring".to_owned());
            }
        }
        self.vault.store(&item.key(), secret)?;
        Ok(self.vault.path().display().to_string())
    }

    /// Deletes a secret wherever it is; whether there was one.
    ///
    /// # Errors
    /// [`Error::Service`], and what is wrong with the file.
    pub fn delete(&self, item: &Item) -> Result<bool, Error> {
        let was_in_file = self.vault.delete(&item.key())?;
        let Some(program) = &self.service else { return Ok(was_in_file) };
        match service::lookup(program, &item.attributes()) {
            Ok(Some(_)) => {
                service::clear(program, &item.attributes()).map_err(Error::Service)?;
                Ok(true)
            }
            // Nothing of ours can be in a keyring that does not answer at all, as far as
            // anybody can tell.
            Ok(None) | Err(_) => Ok(was_in_file),
        }
    }
}

/// Writes a file of mode 0600 whole or not at all, and durably.
fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    use crate::store::durable::{Durability, create_folder, parent, replace};
    let wrong = |source| Error::File { path: path.display().to_string(), source };
    create_folder(parent(path), Durability::Durable).map_err(wrong)?;
    let temporary = path.with_extension("new");
    // Whoever writes holds the lock: what is there was left by a run that was killed.
    match std::fs::remove_file(&temporary) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(wrong(error)),
        _ => {}
    }
    replace(path, &temporary, content, Durability::Durable).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::testing::Dir;

    #[test]
    fn the_file_keeps_secrets_apart() {
        let dir = Dir::new();
        let keyring =
            Keyring::in_file(&dir.path().join("s/secrets"), &dir.path().join("c/key"), None);
        let item = |user: &str, host: &str| Item::Password { user: user.into(), host: host.into() };
        assert_eq!(keyring.search(&item("a", "b")).expect("none").found, None);
        keyring.store(&item("a", "b.c"), &Secret::new("one")).expect("stored");
        keyring.store(&item("a.b", "c"), &Secret::new("two")).expect("stored");
        let tokens = Item::Tokens { account: "a".into() };
        keyring.store(&tokens, &Secret::new("three")).expect("stored");
        keyring.store(&item("a", "b.c"), &Secret::new("four")).expect("stored");
        let found = |item: &Item| keyring.search(item).expect("readable").found;
        assert_eq!(found(&item("a", "b.c")), Some(Secret::new("four")));
        assert_eq!(found(&item("a.b", "c")), Some(Secret::new("two")));
        assert_eq!(found(&tokens), Some(Secret::new("three")));
        assert!(keyring.delete(&tokens).expect("deleted"));
        assert!(!keyring.delete(&tokens).expect("nothing to delete"));
        assert_eq!(found(&tokens), None);
        assert_eq!(found(&item("a.b", "c")), Some(Secret::new("two")));
    }
}
