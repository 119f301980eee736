//! What mbsync remembers: a text file for each pair of folders, in the near folder itself
//! (`SyncState *`) or together with all others (mbsync(1) 1.4; 1.3 with other words).
//!
//! Its header has `FarUidValidity` and `NearUidValidity`; an empty line ends it; then comes a
//! line for each message: its two UIDs, and the flags that both sides had. A UID of 0 stands for
//! a message that one side has not. What a run that was killed has left in the journal beside it
//! is mbsync's own to take up.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{Known, Memory, Place, flags, home, text};

/// What mbsync knows of a folder, or why that is of no use.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn memory(place: &Place<'_>) -> Result<Result<Memory, String>> {
    let Some(path) = file(place)? else {
        return Ok(Err("mbsync has left nothing about it".to_owned()));
    };
    let Some(state) = text(&path)? else {
        return Ok(Err("mbsync has left nothing about it".to_owned()));
    };
    let journal = path.with_file_name(format!(
        "{}.journal",
        path.file_name().unwrap_or_default().to_string_lossy()
    ));
    if journal.exists() {
        return Ok(Err("a run of mbsync was not finished: run mbsync once more".to_owned()));
    }
    let numbers = match text(&place.directory.join(".uidvalidity"))? {
        Some(numbers) => numbers.lines().next().and_then(|line| line.trim().parse::<u32>().ok()),
        None if place.directory.join(".isyncuidmap.db").exists() => {
            let why = "it keeps its numbers in a database of its own (AltMap), not in file names";
            return Ok(Err(why.to_owned()));
        }
        None => None,
    };
    Ok(parse(&state).and_then(|(memory, near)| match numbers {
        Some(found) if found == near => Ok(memory),
        _ => Err("the numbers in its file names are of another generation".to_owned()),
    }))
}

/// Where the state of a folder lies.
fn file(place: &Place<'_>) -> Result<Option<PathBuf>> {
    let own = place.directory.join(".mbsyncstate");
    if place.state.is_none() && own.exists() {
        return Ok(Some(own));
    }
    let usual = [home(".mbsync"), home(".local/state/isync")];
    let folders = match place.state {
        Some(folder) => vec![folder.to_owned()],
        None => usual.into_iter().flatten().collect(),
    };
    for folder in folders {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        let mut found: Vec<PathBuf> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| is_of(path, place.folder))
            .collect();
        found.sort();
        if let Some(path) = found.into_iter().next() {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Whether a state file is that of a near folder: `:FARSTORE:BOX_:NEARSTORE:BOX`, with `!` for
/// `/`.
fn is_of(path: &Path, folder: &str) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let Some((_, near)) = name.rsplit_once("_:") else { return false };
    let Some((_, own)) = near.split_once(':') else { return false };
    own == folder.replace('/', "!")
}

/// What a state file says, and the generation of its near UIDs.
fn parse(text: &str) -> Result<(Memory, u32), String> {
    let (mut far, mut near) = (None, None);
    let mut lines = text.lines().enumerate();
    for (_, line) in lines.by_ref() {
        if line.is_empty() {
            break;
        }
        let (key, value) = line.split_once(' ').ok_or("its state is of an older mbsync")?;
        let value = value.parse::<u32>().ok();
        match key {
            "FarUidValidity" | "MasterUidValidity" => far = value,
            "NearUidValidity" | "SlaveUidValidity" => near = value,
            _ => {}
        }
    }
    let (Some(far_uid_validity), Some(near)) = (far, near) else {
        return Err("its state tells no uidvalidity".to_owned());
    };
    let mut messages = Vec::new();
    for (at, line) in lines {
        let mut words = line.split(' ');
        let mut number = || words.next().and_then(|word| word.parse::<u32>().ok());
        let (Some(far), Some(near)) = (number(), number()) else {
            return Err(format!("line {} of its state is none of mbsync's", at + 1));
        };
        let letters = words.next().unwrap_or_default();
        // One that has expired is far alone.
        if far > 0 && near > 0 && !letters.starts_with(['X', '~']) {
            messages.push(Known { far, near, flags: flags(letters) });
        }
    }
    Ok((Memory { far_uid_validity, messages }, near))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read() {
        let text = "FarUidValidity 1700\nNearUidValidity 1\nMaxPulledUid 9\nMaxPushedUid 3\n\n\
                    1 1 S\n2 2 \n3 0 F\n0 4 \n5 5 ~S\n9 6 FRS\n";
        let (memory, near) = parse(text).expect("a state");
        assert_eq!((memory.far_uid_validity, near), (1700, 1));
        let brief: Vec<(u32, u32, usize)> =
            memory.messages.iter().map(|it| (it.far, it.near, it.flags.len())).collect();
        assert_eq!(brief, [(1, 1, 1), (2, 2, 0), (9, 6, 3)]);
        let old = "MasterUidValidity 1\nSlaveUidValidity 2\nMaxPulledUid 0\n\n";
        assert_eq!(parse(old).map(|(memory, near)| (memory.messages.len(), near)), Ok((0, 2)));
        for wrong in ["", "1700:9 1:3:3", "FarUidValidity 1\nNearUidValidity 2\n\nx y\n"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_of_state_files() {
        let is = |name: &str, folder: &str| is_of(Path::new(name), folder);
        assert!(is("/s/:far:INBOX_:near:INBOX", "INBOX"));
        assert!(is("/s/:far:Lists!rust_:near:Lists!rust", "Lists/rust"));
        assert!(is("/s/:far:a_b_:near:a_b", "a_b"));
        assert!(!is("/s/:far:INBOX_:near:INBOX.lock", "INBOX") && !is("/s/x", "x"));
    }
}
