//! The encrypted file: AES-256-GCM-SIV (RFC 8452) under a key of 32 random octets in a file of
//! its own, or under one that PBKDF2 (RFC 8018) makes of a passphrase.
//!
//! What this is worth: with the passphrase, as much as the passphrase. With the key file, it
//! keeps secrets out of copies and backups of the state folder; who can read both files reads
//! the secrets, as anything can that runs as the user.
//!
//! ```text
//! magic    22 octets    "pillarbox secrets v1\r\n"
//! kind      1           0: key file, 1: passphrase
//! rounds    4           of PBKDF2-HMAC-SHA-256, big-endian; 0 with a key file
//! salt     16           of PBKDF2; random in any case
//! nonce    12
//! sealed    *           entries, and 16 octets of tag; all above is authenticated with them
//! ```
//! An entry is the length of its name (4 octets, big-endian), the name, the length of the
//! secret, the secret.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::num::NonZeroU32;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::pbkdf2;
use zeroize::Zeroizing;

use super::{Error, write};
use crate::base::secret::Secret;
use crate::sasl::system_random;

/// The environment variable that may hold the passphrase of the file.
pub const PASSPHRASE_VARIABLE: &str = "PILLARBOX_KEYRING_PASSPHRASE";

const MAGIC: &[u8; 22] = b"pillarbox secrets v1\r\n";
const KEY_OCTETS: usize = 32;
const SALT_OCTETS: usize = 16;
const HEAD_OCTETS: usize = MAGIC.len() + 1 + 4 + SALT_OCTETS + NONCE_LEN;

/// Rounds of PBKDF2-HMAC-SHA-256 for a new file: what OWASP's password storage sheet asks for.
const ROUNDS: u32 = 600_000;

/// Rounds that are computed because a file says so.
const MAX_ROUNDS: u32 = 10_000_000;

/// Largest file, in octets.
const FILE_OCTETS: u64 = 16 * 1024 * 1024;

/// The file, and what opens it.
#[derive(Debug, Clone)]
pub(super) struct Vault {
    file: PathBuf,
    key_file: PathBuf,
    passphrase: Option<Secret>,
}

type Entries = BTreeMap<Vec<u8>, Secret>;

impl Vault {
    /// Opens nothing yet. With a passphrase, what is written is encrypted under it; without,
    /// under the key in `key_file`, which is made when it is first needed.
    pub(super) fn new(file: PathBuf, key_file: PathBuf, passphrase: Option<Secret>) -> Self {
        Self { file, key_file, passphrase }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.file
    }

    /// The secret of this name.
    pub(super) fn load(&self, name: &str) -> Result<Option<Secret>, Error> {
        Ok(self.read()?.and_then(|mut entries| entries.remove(name.as_bytes())))
    }

    /// Puts a secret in place of the one of this name.
    pub(super) fn store(&self, name: &str, secret: &Secret) -> Result<(), Error> {
        let _lock = self.lock()?;
        let mut entries = self.read()?.unwrap_or_default();
        entries.insert(name.as_bytes().to_vec(), secret.clone());
        self.write(&entries)
    }

    /// Deletes a secret; whether there was one. The file goes with the last.
    pub(super) fn delete(&self, name: &str) -> Result<bool, Error> {
        if !self.file.exists() {
            return Ok(false);
        }
        let _lock = self.lock()?;
        let Some(mut entries) = self.read()? else { return Ok(false) };
        if entries.remove(name.as_bytes()).is_none() {
            return Ok(false);
        }
        if entries.is_empty() {
            std::fs::remove_file(&self.file).map_err(|source| wrong(&self.file, source))?;
        } else {
            self.write(&entries)?;
        }
        Ok(true)
    }

    /// Keeps other writers away until it is dropped.
    fn lock(&self) -> Result<File, Error> {
        use crate::store::durable::{Durability, create_folder, parent};
        let path = self.file.with_extension("lock");
        create_folder(parent(&path), Durability::Durable).map_err(|error| wrong(&path, error))?;
        let mut options = std::fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = file.map_err(|error| wrong(&path, error))?;
        file.lock().map_err(|error| wrong(&path, error))?;
        Ok(file)
    }

    fn read(&self) -> Result<Option<Entries>, Error> {
        let octets = match read_limited(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(|error| wrong(&self.file, error))?,
        };
        let path = || self.file.display().to_string();
        let foreign = || Error::Foreign { path: path() };
        let (head, sealed) = octets.split_at_checked(HEAD_OCTETS).ok_or_else(foreign)?;
        let rest = head.strip_prefix(MAGIC).ok_or_else(foreign)?;
        let rounds = u32::from_be_bytes([rest[1], rest[2], rest[3], rest[4]]);
        let salt = &rest[5..5 + SALT_OCTETS];
        let (key, with) = match (rest[0], rounds) {
            (0, 0) => {
                (self.key_of_file()?.ok_or(Error::Sealed { path: path(), with: "key" })?, "key")
            }
            (1, 1..=MAX_ROUNDS) => {
                let passphrase =
                    self.passphrase.as_ref().ok_or_else(|| Error::Locked { path: path() })?;
                (derived(passphrase, salt, rounds), "passphrase")
            }
            _ => return Err(foreign()),
        };
        let sealed_error = || Error::Sealed { path: path(), with };
        let nonce = Nonce::try_assume_unique_for_key(&rest[5 + SALT_OCTETS..])
            .map_err(|_| sealed_error())?;
        let mut plain = Zeroizing::new(sealed.to_vec());
        let opened = cipher(&key)
            .and_then(|cipher| cipher.open_in_place(nonce, Aad::from(head), &mut plain).ok())
            .ok_or_else(sealed_error)?;
        entries(opened).map(Some).ok_or_else(foreign)
    }

    fn write(&self, entries: &Entries) -> Result<(), Error> {
        let mut head = MAGIC.to_vec();
        let mut salt = [0; SALT_OCTETS];
        system_random(&mut salt);
        let key = match &self.passphrase {
            Some(passphrase) => {
                head.push(1);
                head.extend_from_slice(&ROUNDS.to_be_bytes());
                derived(passphrase, &salt, ROUNDS)
            }
            None => {
                head.push(0);
                head.extend_from_slice(&0u32.to_be_bytes());
                match self.key_of_file()? {
                    Some(key) => key,
                    None => self.new_key()?,
                }
            }
        };
        head.extend_from_slice(&salt);
        let mut nonce = [0; NONCE_LEN];
        system_random(&mut nonce);
        head.extend_from_slice(&nonce);

        let mut plain = Zeroizing::new(Vec::new());
        for (name, secret) in entries {
            for part in [name.as_slice(), secret.expose()] {
                let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
                plain.extend_from_slice(&length.to_be_bytes());
                plain.extend_from_slice(part);
            }
        }
        let sealed = cipher(&key).and_then(|cipher| {
            let nonce = Nonce::assume_unique_for_key(nonce);
            cipher.seal_in_place_append_tag(nonce, Aad::from(&head), &mut *plain).ok()
        });
        if sealed.is_none() {
            let source = io::Error::other("the library refused to encrypt");
            return Err(wrong(&self.file, source));
        }
        head.extend_from_slice(&plain);
        write(&self.file, &head)
    }

    /// The key in its file; `None`: there is no such file.
    fn key_of_file(&self) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let path = &self.key_file;
        let mut file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(|error| wrong(path, error))?,
        };
        let mode = file.metadata().map_err(|error| wrong(path, error))?.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(Error::Exposed { path: path.display().to_string(), mode });
        }
        let mut key = Zeroizing::new(Vec::with_capacity(KEY_OCTETS + 1));
        let limit = KEY_OCTETS as u64 + 1;
        file.by_ref().take(limit).read_to_end(&mut key).map_err(|error| wrong(path, error))?;
        if key.len() != KEY_OCTETS {
            return Err(Error::Foreign { path: path.display().to_string() });
        }
        Ok(Some(key))
    }

    fn new_key(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut key = Zeroizing::new(vec![0; KEY_OCTETS]);
        system_random(&mut key);
        write(&self.key_file, &key)?;
        Ok(key)
    }
}

fn wrong(path: &Path, source: io::Error) -> Error {
    Error::File { path: path.display().to_string(), source }
}

fn read_limited(path: &Path) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    File::open(path)?.take(FILE_OCTETS).read_to_end(&mut octets)?;
    Ok(octets)
}

fn cipher(key: &[u8]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM_SIV, key).ok().map(LessSafeKey::new)
}

fn derived(passphrase: &Secret, salt: &[u8], rounds: u32) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(vec![0; KEY_OCTETS]);
    let rounds = NonZeroU32::new(rounds).unwrap_or(NonZeroU32::MIN);
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, passphrase.expose(), &mut key);
    key
}

fn entries(mut plain: &[u8]) -> Option<Entries> {
    let mut part = || {
        let (length, rest) = plain.split_first_chunk::<4>()?;
        let (part, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        plain = rest;
        Some((part, rest.is_empty()))
    };
    let mut entries = Entries::new();
    loop {
        let (name, _) = part()?;
        let (secret, is_last) = part()?;
        entries.insert(name.to_vec(), Secret::new(secret));
        if is_last {
            return Some(entries);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::state::testing::Dir;

    fn vault(dir: &Dir, passphrase: Option<&str>) -> Vault {
        let at = |name: &str| dir.path().join(name);
        Vault::new(at("secrets"), at("secrets.key"), passphrase.map(Secret::new))
    }

    #[test]
    fn nothing_stands_in_the_clear_and_modes_are_private() {
        let dir = Dir::new();
        let vault = vault(&dir, None);
        vault.store("work", &Secret::new("hunter2hunter2")).expect("stored");
        let octets = std::fs::read(dir.path().join("secrets")).expect("there");
        let holds = |needle: &[u8]| octets.windows(needle.len()).any(|window| window == needle);
        assert!(holds(MAGIC) && !holds(b"hunter2") && !holds(b"work"));
        for name in ["secrets", "secrets.key"] {
            let mode = std::fs::metadata(dir.path().join(name)).expect("there").permissions();
            assert_eq!(mode.mode() & 0o777, 0o600, "{name}");
        }
        assert_eq!(vault.load("work").expect("opens"), Some(Secret::new("hunter2hunter2")));
        assert_eq!(vault.load("home").expect("opens"), None);
    }

    #[test]
    fn a_changed_octet_anywhere_is_noticed() {
        let dir = Dir::new();
        let vault = vault(&dir, None);
        vault.store("work", &Secret::new("x")).expect("stored");
        let path = dir.path().join("secrets");
        let whole = std::fs::read(&path).expect("there");
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            std::fs::write(&path, &changed).expect("written");
            assert!(vault.load("work").is_err(), "octet {at}");
            std::fs::write(&path, &whole[..at]).expect("written");
            assert!(vault.load("work").is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_passphrase_locks_and_another_does_not_open() {
        let dir = Dir::new();
        vault(&dir, None).store("a", &Secret::new("1")).expect("stored");
        // What the key file opened is written anew under the passphrase.
        let locked = vault(&dir, Some("correct horse"));
        locked.store("b", &Secret::new("2")).expect("stored");
        assert_eq!(locked.load("a").expect("opens"), Some(Secret::new("1")));
        assert!(matches!(vault(&dir, None).load("a"), Err(Error::Locked { .. })));
        let wrong = vault(&dir, Some("battery"));
        assert!(matches!(wrong.load("a"), Err(Error::Sealed { with: "passphrase", .. })));
        assert!(wrong.store("c", &Secret::new("3")).is_err());
        assert_eq!(locked.load("b").expect("opens"), Some(Secret::new("2")));
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let dir = Dir::new();
        let vault = vault(&dir, None);
        vault.store("a", &Secret::new("1")).expect("stored");
        let key = dir.path().join("secrets.key");
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).expect("ours");
        assert!(matches!(vault.load("a"), Err(Error::Exposed { mode: 0o640, .. })));
        std::fs::remove_file(&key).expect("removed");
        assert!(matches!(vault.load("a"), Err(Error::Sealed { with: "key", .. })));
        // Nothing is written over what cannot be read.
        assert!(vault.store("b", &Secret::new("2")).is_err());
    }

    #[test]
    fn the_file_goes_with_its_last_secret() {
        let dir = Dir::new();
        let vault = vault(&dir, None);
        vault.store("a", &Secret::new("1")).expect("stored");
        assert!(vault.delete("a").expect("deleted"));
        assert!(!dir.path().join("secrets").exists());
        assert!(!vault.delete("a").expect("nothing there"));
    }
}
