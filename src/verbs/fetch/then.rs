//! What becomes of a message at its source once every target has it.

use anyhow::Result;

use crate::open::{Opened, flags};
use crate::store::{Deleted, FlagChange, Flags, Id};
use crate::ui::{Failure, report};

/// `--then`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// It is deleted.
    Delete,
    /// It is moved to this folder of the same account.
    Move(String),
    /// Flags are set and cleared.
    Mark {
        /// Flags to set.
        add: Flags,
        /// Flags to clear.
        remove: Flags,
    },
}

impl std::str::FromStr for Then {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || "want delete, move:FOLDER or mark:FLAG,-FLAG".to_owned();
        match text.split_once(':') {
            None if text == "delete" => Ok(Self::Delete),
            Some(("move", folder)) if !folder.is_empty() => Ok(Self::Move(folder.to_owned())),
            Some(("mark", words)) => {
                let (mut add, mut remove) = (Flags::new(), Flags::new());
                for word in words.split(',') {
                    let (set, name) = match word.strip_prefix('-') {
                        Some(name) => (&mut remove, name),
                        None => (&mut add, word.strip_prefix('+').unwrap_or(word)),
                    };
                    set.insert(&flags::flag(name).map_err(|error| error.to_string())?);
                }
                Ok(Self::Mark { add, remove })
            }
            _ => Err(wanted()),
        }
    }
}

impl Then {
    /// Does it to these messages of the selected folder.
    ///
    /// # Errors
    /// The source's; [`Failure`] (64) for a source without folders and flags.
    pub async fn act(&self, source: &mut Opened, ids: &[Id]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        match self {
            Self::Delete => delete(source, ids).await,
            Self::Move(folder) => {
                let store = source.store().ok_or_else(plain_source)?;
                store.move_to(ids, folder).await?;
                Ok(())
            }
            Self::Mark { add, remove } => {
                let store = source.store().ok_or_else(plain_source)?;
                let (add, remove) = (add.clone(), remove.clone());
                store.flag(&[FlagChange { ids: ids.to_vec(), add, remove }]).await?;
                Ok(())
            }
        }
    }
}

/// A source that knows nothing but deletion.
pub fn plain_source() -> Failure {
    Failure::usage("this source has no folders and no flags")
        .hint("of a POP3 maildrop, messages can only be deleted: --then delete")
}

/// Deletes messages; tells where the server leaves them marked.
///
/// # Errors
/// The source's.
pub async fn delete(source: &mut Opened, ids: &[Id]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    if source.spool().delete(ids).await? == Deleted::Marked {
        report::warning(
            "the server can expunge only all that is marked as deleted: other marks are there, \
             so these messages stay, marked",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_read() {
        assert_eq!("delete".parse(), Ok(Then::Delete));
        assert_eq!("move:Old/2026".parse(), Ok(Then::Move("Old/2026".to_owned())));
        let Ok(Then::Mark { add, remove }) = "mark:seen,+$Done,-flagged".parse() else {
            panic!("a mark")
        };
        assert!(add.has("\\Seen") && add.has("$Done") && remove.has("\\Flagged"));
        for wrong in ["", "drop", "move:", "mark:", "mark:a b", "delete:x"] {
            assert!(wrong.parse::<Then>().is_err(), "{wrong}");
        }
    }
}
