//! Changing a configuration file: one account comes or goes, and every other octet stays as it
//! was, comments and all. The file is replaced whole, durably, by one process at a time; a
//! symbolic link stays one.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, Table, Value};

use super::{Config, Error};
use crate::store::durable::{self, Durability};

/// What stands in the table of a new account, in order: a key and what it says.
pub type Keys = Vec<(&'static str, Said)>;

/// What a key says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A string.
    Text(String),
    /// Several.
    Texts(Vec<String>),
    /// true or false.
    Flag(bool),
}

impl Said {
    fn value(&self) -> Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Texts(texts) => Value::Array(texts.iter().map(String::as_str).collect()),
            Self::Flag(flag) => (*flag).into(),
        }
    }
}

/// Why a file was not changed. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The file cannot be read or written.
    #[error("cannot change {}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no TOML, or what would stand there is wrong.
    #[error(transparent)]
    Config(#[from] Error),
    /// Not TOML.
    #[error("{}: {message}", .path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What the TOML reader says.
        message: String,
    },
    /// There is an account of this name already.
    #[error("there is an account called {name} in {} already", .path.display())]
    Exists {
        /// The name.
        name: String,
        /// The file.
        path: PathBuf,
    },
    /// There is no account of this name in this file.
    #[error("no account called {name} is in {}", .path.display())]
    Missing {
        /// The name.
        name: String,
        /// The file.
        path: PathBuf,
    },
}

/// The table of an account as it will stand in the file.
pub fn table(name: &str, keys: &Keys) -> String {
    let mut account = Table::new();
    for (key, said) in keys {
        account.insert(key, Item::Value(said.value()));
    }
    let mut accounts = Table::new();
    accounts.set_implicit(true);
    accounts.insert(name, Item::Table(account));
    let mut document = DocumentMut::new();
    document.insert("account", Item::Table(accounts));
    document.to_string()
}

/// Adds an account at the end of a file, which is made where there is none.
///
/// # Errors
/// [`EditError`].
pub fn add_account(path: &Path, name: &str, keys: &Keys) -> Result<(), EditError> {
    change(path, |path, before| {
        let document = read(path, before)?;
        let is_there = document.get("account").is_some_and(|accounts| {
            accounts.as_table_like().is_some_and(|accounts| accounts.contains_key(name))
        });
        if is_there {
            return Err(EditError::Exists { name: name.to_owned(), path: path.to_owned() });
        }
        let end = match before {
            "" => "",
            _ if before.ends_with('\n') => "\n",
            _ => "\n\n",
        };
        let after = format!("{before}{end}{}", table(name, keys));
        // A file with `account = { ... }` has no room for a table behind it.
        read(path, &after)?;
        Ok(after)
    })
}

/// Takes an account out of a file; `default-account` goes with it where it names it.
///
/// # Errors
/// [`EditError`]: a sync pair that names the account is one.
pub fn remove_account(path: &Path, name: &str) -> Result<(), EditError> {
    change(path, |path, before| {
        let mut document = read(path, before)?;
        let accounts = document.get_mut("account").and_then(Item::as_table_like_mut);
        if accounts.and_then(|accounts| accounts.remove(name)).is_none() {
            return Err(EditError::Missing { name: name.to_owned(), path: path.to_owned() });
        }
        if document.get("default-account").and_then(Item::as_str) == Some(name) {
            document.remove("default-account");
        }
        Ok(document.to_string())
    })
}

fn read(path: &Path, text: &str) -> Result<DocumentMut, EditError> {
    text.parse().map_err(|error: toml_edit::TomlError| EditError::Syntax {
        path: path.to_owned(),
        message: error.message().to_owned(),
    })
}

fn change(
    path: &Path,
    edit: impl FnOnce(&Path, &str) -> Result<String, EditError>,
) -> Result<(), EditError> {
    let wrong = |path: &Path, source| EditError::File { path: path.to_owned(), source };
    durable::create_folder(durable::parent(path), Durability::Durable)
        .map_err(|error| wrong(path, error))?;
    let path = match std::fs::canonicalize(path) {
        Ok(real) => real,
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(wrong(path, error)),
    };
    // Beside the file, so that it is found from wherever the file is.
    let hidden = |ending: &str| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.with_file_name(format!(".{name}.{ending}"))
    };
    let _lock = lock(&hidden("lock")).map_err(|error| wrong(&path, error))?;
    let before = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read.map_err(|error| wrong(&path, error))?,
    };
    let after = edit(&path, &before)?;
    let mistake = |text: &str| Config::parse(&path, text, None).err();
    if let Some(error) = mistake(&after) {
        // A file that is whole only together with the system's has the same mistake as before.
        let is_new = mistake(&before).is_none_or(|old| old.to_string() != error.to_string());
        if is_new {
            return Err(error.into());
        }
    }
    let temporary = hidden("new");
    match std::fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(wrong(&path, error)),
        _ => {}
    }
    let permissions = std::fs::metadata(&path).ok().map(|facts| facts.permissions());
    durable::replace(&path, &temporary, after.as_bytes(), Durability::Durable)
        .map_err(|error| wrong(&path, error))?;
    match permissions {
        Some(permissions) => {
            std::fs::set_permissions(&path, permissions).map_err(|error| wrong(&path, error))
        }
        None => Ok(()),
    }
}

fn lock(path: &Path) -> io::Result<File> {
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.lock()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::state::testing::Dir;

    const FILE: &str = "# mine\ndefault-account = \"work\"  # for now\n\n[account.work]\n\
                        email = \"a@b.c\"\nimap = \"imaps://b.c\"\n\n# the pair\n[sync.x]\n\
                        far = \"work:\"\nnear = \"~/Mail\"\n";

    fn keys() -> Keys {
        vec![
            ("email", Said::Text("ann@example.org".into())),
            ("imap", Said::Text("imaps://imap.example.org".into())),
            ("insecure", Said::Flag(false)),
        ]
    }

    #[test]
    fn an_account_comes_and_goes_and_the_rest_stays() {
        let dir = Dir::new();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, FILE).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("ours");
        add_account(&path, "ann@example.org", &keys()).expect("added");
        let text = std::fs::read_to_string(&path).expect("there");
        assert!(text.starts_with(FILE), "{text}");
        assert!(text.ends_with(
            "\n[account.\"ann@example.org\"]\nemail = \"ann@example.org\"\n\
             imap = \"imaps://imap.example.org\"\ninsecure = false\n"
        ));
        let mode = std::fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        let again = add_account(&path, "ann@example.org", &keys());
        assert!(matches!(again, Err(EditError::Exists { .. })));
        remove_account(&path, "ann@example.org").expect("removed");
        assert_eq!(std::fs::read_to_string(&path).expect("there"), FILE);
        let gone = remove_account(&path, "ann@example.org");
        assert!(matches!(gone, Err(EditError::Missing { .. })));
    }

    #[test]
    fn what_others_need_is_not_removed() {
        let dir = Dir::new();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, FILE).expect("written");
        let refused = remove_account(&path, "work").expect_err("the pair needs it").to_string();
        assert!(refused.contains("sync.x"), "{refused}");
        assert_eq!(std::fs::read_to_string(&path).expect("there"), FILE);
    }

    #[test]
    fn a_link_stays_a_link_and_a_new_file_is_private() {
        let dir = Dir::new();
        let (real, link) =
            (dir.path().join("dotfiles/config.toml"), dir.path().join("c/config.toml"));
        std::fs::create_dir_all(dir.path().join("dotfiles")).expect("made");
        std::fs::create_dir_all(dir.path().join("c")).expect("made");
        std::fs::write(&real, "").expect("written");
        std::os::unix::fs::symlink(&real, &link).expect("linked");
        add_account(&link, "x", &keys()).expect("added");
        assert!(std::fs::symlink_metadata(&link).expect("there").is_symlink());
        assert!(std::fs::read_to_string(&real).expect("there").starts_with("[account.x]"));
        let new = dir.path().join("deep/er/config.toml");
        add_account(&new, "x", &keys()).expect("added");
        let mode = std::fs::metadata(&new).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(table("x", &keys()), std::fs::read_to_string(&new).expect("there"));
    }

    #[test]
    fn a_file_with_mistakes_is_left_alone() {
        let dir = Dir::new();
        let path = dir.path().join("config.toml");
        for text in ["[account", "account = 3\n", "[account.work]\ncolour = 1\n"] {
            std::fs::write(&path, text).expect("written");
            let ended = add_account(&path, "x", &keys());
            let stands = std::fs::read_to_string(&path).expect("there");
            assert!(ended.is_err() && stands == text || stands.starts_with(text), "{text}");
        }
    }
}
