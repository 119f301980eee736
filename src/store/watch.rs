//! Tells when local mail has changed, by what the system tells of its files and folders.
//!
//! It does not say what has changed: whoever is told looks again. Locks, half-written files and
//! other programs' indexes are no mail.

use std::path::Path;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use super::{Error, Result};

/// A folder with all below it, or a single file, under watch until this is dropped.
pub struct Watched {
    changes: mpsc::Receiver<()>,
    _watcher: RecommendedWatcher,
}

impl Watched {
    /// Begins to watch a path that exists.
    ///
    /// # Errors
    /// [`Error::File`]: what the system says, such as that no more can be watched.
    pub fn new(path: &Path) -> Result<Self> {
        let (sender, changes) = mpsc::channel(1);
        // A file is replaced by programs that write a new one: so its folder is watched.
        let file = path.is_file().then(|| path.to_owned());
        let only = file.clone();
        let told = move |event: notify::Result<Event>| {
            let is_change = match &event {
                Ok(event) => is_change(event, only.as_deref()),
                // Something was lost: a look shows what.
                Err(_) => true,
            };
            if is_change {
                // One that waits says it all.
                let _ = sender.try_send(());
            }
        };
        let failed = |error: notify::Error| Error::file(path, std::io::Error::other(error));
        let mut watcher = notify::recommended_watcher(told).map_err(failed)?;
        let (watched, mode) = match file.as_deref().map(Path::parent) {
            Some(parent) => {
                let parent = parent.filter(|parent| !parent.as_os_str().is_empty());
                (parent.unwrap_or(Path::new(".")), RecursiveMode::NonRecursive)
            }
            None => (path, RecursiveMode::Recursive),
        };
        watcher.watch(watched, mode).map_err(failed)?;
        Ok(Self { changes, _watcher: watcher })
    }

    /// Waits until something has changed since the last time. Cancel-safe.
    pub async fn changed(&mut self) {
        if self.changes.recv().await.is_none() {
            // The watcher lives as long as this does.
            std::future::pending::<()>().await;
        }
    }

    /// Forgets what has changed until now.
    pub fn forget(&mut self) {
        while self.changes.try_recv().is_ok() {}
    }
}

/// Whether mail has changed; `only`: there is one file that matters.
fn is_change(event: &Event, only: Option<&Path>) -> bool {
    let is_told = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        _ => true,
    };
    let matters = |path: &Path| match only {
        Some(only) => path.file_name() == only.file_name(),
        None => is_mail(path),
    };
    is_told && (event.paths.is_empty() || event.paths.iter().any(|path| matters(path)))
}

/// Whether a change of this path may be one of mail.
fn is_mail(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_unfinished = path.parent().and_then(Path::file_name).is_some_and(|name| name == "tmp");
    let is_index = name.starts_with("dovecot") || name.starts_with(".mbsyncstate");
    !(is_unfinished || is_index || name.ends_with(".lock"))
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, RemoveKind};

    use super::super::testing::Dir;
    use super::*;

    fn event(kind: EventKind, path: &str) -> Event {
        Event::new(kind).add_path(path.into())
    }

    #[test]
    fn reading_is_no_change() {
        let is = |kind| is_change(&event(kind, "/m/new/1.a"), None);
        assert!(!is(EventKind::Access(AccessKind::Open(AccessMode::Any))));
        assert!(!is(EventKind::Access(AccessKind::Close(AccessMode::Read))));
        assert!(is(EventKind::Access(AccessKind::Close(AccessMode::Write))));
        assert!(is(EventKind::Create(CreateKind::File)));
        assert!(is(EventKind::Remove(RemoveKind::File)));
    }

    #[test]
    fn only_mail_counts() {
        let is = |path: &str| is_change(&event(EventKind::Create(CreateKind::File), path), None);
        assert!(is("/m/new/1.a") && is("/m/.Lists/cur/1.a:2,S") && is("/m/.Lists"));
        assert!(!is("/m/tmp/1.a") && !is("/m/inbox.lock") && !is("/m/dovecot.index.log"));
        let mbox = Path::new("/m/inbox");
        let of = |path: &str| event(EventKind::Create(CreateKind::File), path);
        assert!(is_change(&of("/m/inbox"), Some(mbox)) && !is_change(&of("/m/other"), Some(mbox)));
    }

    #[test]
    fn a_new_file_is_told() {
        let dir = Dir::new();
        let new = dir.path().join("new");
        std::fs::create_dir(&new).expect("made");
        let mut watched = Watched::new(dir.path()).expect("watched");
        std::fs::write(new.join("1.a"), "x").expect("written");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let told = runtime.expect("a runtime starts").block_on(async {
            tokio::time::timeout(std::time::Duration::from_secs(30), watched.changed()).await
        });
        assert!(told.is_ok());
        watched.forget();
    }
}
