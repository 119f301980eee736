//! What a spool has on the disk: how it is written, read, replaced and taken away, so that a
//! process that is killed, or a disk that is full, loses no message and no fate.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::{FATE_OCTETS, Item};
use crate::store::durable::{self, Durability};
use crate::ui::{Exit, Failure};
use crate::verbs::send::plan::Plan;

/// Files without their message are left alone for so long: somebody may be about to complete it.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

pub fn write(folder: &Path, name: &str, plan: &mut Plan, item: &Item) -> std::io::Result<()> {
    durable::create_folder(folder, Durability::Durable)?;
    let opened = File::open(folder)?;
    let mut file = durable::create_new(&opened, &format!("{name}.eml"))?;
    let mut written = Ok(());
    let read = plan.message.each(|octets| {
        if written.is_ok() {
            written = file.write_all(octets);
        }
        Ok(())
    });
    let stored = read
        .map_err(|error| std::io::Error::other(error.to_string()))
        .and(written)
        .and_then(|()| file.sync_all())
        .and_then(|()| replace(folder, name, item));
    if stored.is_err() {
        // Nobody was told of it.
        for left in [format!("{name}.json"), format!(".{name}.json"), format!("{name}.eml")] {
            drop(fs::remove_file(folder.join(left)));
        }
    }
    stored
}

/// Replaces what is to be done with a message, durably.
fn replace(folder: &Path, name: &str, item: &Item) -> std::io::Result<()> {
    settled(folder, name, item, &beside(folder, name, &serde_json::to_vec(item)?)?)
}

/// Takes as much of the disk as the fates of a message may want, before it is tried: who has it
/// can then be written down even when the disk is full.
pub fn reserve(folder: &Path, name: &str, item: &Item) -> std::io::Result<File> {
    let fates = item.recipients.len() + item.unreported.len() + 1;
    let octets = serde_json::to_vec(item)?.len() + fates * FATE_OCTETS;
    let file = beside(folder, name, &vec![b' '; octets])?;
    file.sync_all()?;
    Ok(file)
}

/// The file that takes the place of the item's, with these octets.
fn beside(folder: &Path, name: &str, octets: &[u8]) -> std::io::Result<File> {
    let beside = format!(".{name}.json");
    drop(fs::remove_file(folder.join(&beside)));
    let mut file = durable::create_new(&File::open(folder)?, &beside)?;
    if let Err(error) = file.write_all(octets) {
        drop(fs::remove_file(folder.join(&beside)));
        return Err(error);
    }
    Ok(file)
}

/// Writes what is to be done now into the file that was reserved for it, and puts that in place.
pub fn settled(folder: &Path, name: &str, item: &Item, reserved: &File) -> std::io::Result<()> {
    let octets = serde_json::to_vec(item)?;
    reserved.write_all_at(&octets, 0)?;
    // Only now: what is not needed is given back, nothing is asked for.
    reserved.set_len(octets.len() as u64)?;
    reserved.sync_all()?;
    fs::rename(folder.join(format!(".{name}.json")), folder.join(format!("{name}.json")))?;
    durable::flush_folder_at(folder)
}

/// Takes a message away.
pub fn remove(folder: &Path, name: &str) -> std::io::Result<()> {
    fs::remove_file(folder.join(format!("{name}.json")))?;
    // What is listed has its octets, whatever order a disk keeps to.
    durable::flush_folder_at(folder)?;
    fs::remove_file(folder.join(format!("{name}.eml")))?;
    drop(fs::remove_file(folder.join(format!(".{name}.json"))));
    durable::flush_folder_at(folder)
}

/// The names of all messages, oldest first.
pub fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| folder.display().to_string()),
    };
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    Ok(names)
}

pub fn read(folder: &Path, name: &str) -> Result<Option<Item>> {
    let path = folder.join(format!("{name}.json"));
    match fs::read(&path) {
        Ok(octets) => {
            let item = serde_json::from_slice(&octets).map_err(|error| {
                Failure::new(Exit::Data, format!("{}: {error}", path.display()))
            })?;
            Ok(Some(item))
        }
        // Another flush was faster.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

/// Takes away what a process that was killed has left of messages that are not in the spool: their
/// octets, of which nobody was told, and room that was reserved.
pub fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let file_name = entry.file_name();
        let Some(name) = file_name.to_str() else { continue };
        let whose = name
            .strip_suffix(".eml")
            .or_else(|| name.strip_prefix('.').and_then(|name| name.strip_suffix(".json")));
        let Some(whose) = whose.filter(|whose| is_name(whose)) else { continue };
        let is_old = || {
            let age = entry.metadata().ok()?.modified().ok()?.elapsed().ok()?;
            Some(age >= ABANDONED)
        };
        if !folder.join(format!("{whose}.json")).exists() && is_old() == Some(true) {
            drop(fs::remove_file(entry.path()));
        }
    }
}

/// Whether a name is one that [`store`] gives.
fn is_name(name: &str) -> bool {
    name.split_once('.').is_some_and(|(seconds, random)| {
        !seconds.is_empty()
            && seconds.bytes().all(|octet| octet.is_ascii_digit())
            && random.len() == 16
            && random.bytes().all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kill_left_is_swept_once_it_is_old() {
        let folder = std::env::temp_dir().join(format!("pillarbox-sweep-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("an own folder");
        let name = |last: char| format!("1700000000.abcdefghijklmno{last}");
        let put = |name: &str, is_old: bool| {
            let file = File::create(folder.join(name)).expect("an own file");
            let age = if is_old { 2 * ABANDONED } else { Duration::ZERO };
            file.set_modified(std::time::SystemTime::now() - age).expect("a time");
        };
        put(&format!("{}.eml", name('a')), true);
        put(&format!(".{}.json", name('a')), true);
        put(&format!("{}.eml", name('b')), false);
        put(&format!("{}.eml", name('c')), true);
        put(&format!("{}.json", name('c')), true);
        put("mine.eml", true);
        sweep(&folder);
        let mut left: Vec<String> = fs::read_dir(&folder)
            .expect("the folder")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        left.sort();
        let (b, c) = (name('b'), name('c'));
        assert_eq!(
            left,
            [format!("{b}.eml"), format!("{c}.eml"), format!("{c}.json"), "mine.eml".into()]
        );
        fs::remove_dir_all(&folder).expect("an own folder");
    }
}
