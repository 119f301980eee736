//! A folder as its directory shows it: for who reads the files himself, on many cores at once.

use std::path::PathBuf;

use super::Maildir;
use super::name::{size, split};
use crate::store::{Flags, Id, Result};

/// One message of a folder, its file not opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageFile {
    /// Its file now; its flags may give it another name at any time.
    pub path: PathBuf,
    /// Flags, by the file's name and the folder's keywords.
    pub flags: Flags,
    /// Octets, where the file's name tells them.
    pub size: Option<u64>,
}

impl Maildir {
    /// The messages of a folder in the order of their delivery, without a call of the system
    /// for each.
    ///
    /// # Errors
    /// [`crate::store::Error::NoFolder`], and the disk's.
    pub fn files(&self, folder: &str) -> Result<Vec<MessageFile>> {
        use std::os::unix::ffi::OsStrExt;
        let mut opened = self.folder(folder)?;
        opened.scan()?;
        let file = |id: &Id| {
            let located = opened.known(id)?;
            let (unique, _) = split(located.file.as_bytes());
            Some(MessageFile {
                path: opened.file_path(located),
                flags: opened.flags(located),
                size: std::str::from_utf8(unique).ok().and_then(size),
            })
        };
        Ok(opened.ids().iter().filter_map(file).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Options, is_maildir};
    use super::*;
    use crate::store::testing::Dir;

    #[test]
    fn files_with_what_their_names_tell() {
        let dir = Dir::new();
        let options = Options { create: true, ..Options::default() };
        let maildir = Maildir::open(dir.path(), options).expect("made");
        assert!(is_maildir(dir.path()));
        for name in ["cur/10.M1.h,S=4:2,FS", "new/9.M1.h", "cur/.hidden"] {
            std::fs::write(dir.path().join(name), b"a: b").expect("written");
        }
        let files = maildir.files("INBOX").expect("listed");
        let told: Vec<_> = files.iter().map(|file| (file.flags.len(), file.size)).collect();
        assert_eq!(told, [(0, None), (2, Some(4))]);
        assert!(files[1].flags.has("\\Flagged") && files[0].path.ends_with("new/9.M1.h"));
        assert!(maildir.files("None").is_err());
    }
}
