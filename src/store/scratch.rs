//! Files for octets that wait: in the folder for temporary files, without a name.
//!
//! What is small stays in memory; where the line is drawn is the caller's to say.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;

/// A new file of mode 0600 that has no name any more: it is gone when it is closed.
///
/// # Errors
/// The file system's; [`crate::store::Error::scratch`] makes an error of a store of it.
pub fn nameless() -> io::Result<File> {
    let mut random = [0; 16];
    crate::sasl::system_random(&mut random);
    let name: String = random.iter().map(|octet| format!("{octet:02x}")).collect();
    // Nobody can guess the name in the moment that it exists, nor put a link there before.
    let path = std::env::temp_dir().join(format!(".pillarbox-{name}"));
    let file =
        OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, Write};
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn it_holds_octets_and_has_no_name() {
        let mut file = nameless().expect("made");
        file.write_all(b"octets").expect("written");
        file.rewind().expect("rewound");
        let mut text = String::new();
        file.read_to_string(&mut text).expect("read");
        assert_eq!(text, "octets");
        let facts = file.metadata().expect("there");
        assert_eq!((facts.nlink(), facts.mode() & 0o777), (0, 0o600));
    }
}
