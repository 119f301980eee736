//! Messages as octets: header blocks, addresses, MIME structure, decoded facts, and
//! composing (RFC 5322, RFC 2045 to 2047, RFC 2183, RFC 2231).
//!
//! What is sent or stored stays octets with exact offsets; decoding is only for people and
//! for search, and it never fails: what cannot be decoded is shown with replacement
//! characters. It does not read files or sockets, and it knows no mail protocol.

pub mod address;
pub mod apart;
pub mod casemap;
pub mod charset;
pub mod compose;
pub mod digest;
pub mod dkim;
pub mod documents;
pub mod downgrade;
pub mod envelope;
pub mod facts;
pub mod headers;
pub mod html;
pub mod listing;
pub mod pieces;
pub mod signature;
pub mod structure;
pub mod thread;
pub mod transfer;
pub mod words;

/// Real messages for tests: the folder named by `PILLARBOX_CORPUS`, or the one that lies
/// beside the repository; a printed skip when there is none.
#[cfg(test)]
pub(crate) fn corpus(test: &str) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let root = match std::env::var_os("PILLARBOX_CORPUS") {
        Some(path) => std::path::PathBuf::from(path),
        None => {
            std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join("shared/corpus")
        }
    };
    let mut found = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(octets) = std::fs::read(&path) {
                found.push((path, octets));
            }
        }
    }
    if found.is_empty() {
        eprintln!("SKIP {test}: no corpus folder (set PILLARBOX_CORPUS)");
    }
    found
}
