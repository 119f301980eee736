//! The brake: a run that would delete too much, or that sees a side as empty that was not, is
//! stopped before anything is changed.

use super::diff::{Mode, Side};
use super::plan::Plan;
use super::scan::FolderPlan;
use crate::ui::{Exit, Failure};

/// Deletions on a side that are always allowed.
const FREE_DELETIONS: usize = 10;

/// Percentage of a side's messages that may be deleted.
const FREE_PERCENT: usize = 5;

/// How many deletions are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxDelete {
    /// So many on each side.
    Messages(usize),
    /// So many of a hundred of each side's messages.
    Percent(usize),
}

impl std::fmt::Display for MaxDelete {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            MaxDelete::Messages(number) => write!(f, "{number}"),
            MaxDelete::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl std::str::FromStr for MaxDelete {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "want a number of messages, or a percentage as 20%".to_owned();
        match text.strip_suffix('%') {
            Some(number) => match number.parse() {
                Ok(number @ 0..=100) => Ok(MaxDelete::Percent(number)),
                _ => Err(wrong()),
            },
            None => text.parse().map(MaxDelete::Messages).map_err(|_| wrong()),
        }
    }
}

impl Plan {
    /// Stops a run that would delete too much. Without a limit by the user, a side that has
    /// lost every message that was known is not believed either.
    ///
    /// # Errors
    /// A [`Failure`] with [`Exit::Brake`].
    pub fn brake(&self, limit: Option<MaxDelete>) -> Result<(), Failure> {
        for side in Side::BOTH {
            let deletions: usize = self.folders.iter().map(|folder| folder.deletions(side)).sum();
            let of = |count: fn(&FolderPlan, Side) -> usize, side: Side| -> usize {
                self.folders.iter().map(|folder| count(folder, side)).sum()
            };
            let messages = of(|folder, side| *folder.messages.of(side), side);
            let allowed = match limit {
                Some(MaxDelete::Messages(number)) => number,
                Some(MaxDelete::Percent(percent)) => messages * percent / 100,
                None => FREE_DELETIONS.max(messages * FREE_PERCENT / 100),
            };
            if deletions > allowed {
                let message = format!(
                    "{deletions} of {messages} messages would be deleted on the {side} side, \
                     and {allowed} are allowed: nothing was changed"
                );
                let hint =
                    format!("--dry-run shows them; --max-delete {deletions} lets them be deleted");
                return Err(Failure::new(Exit::Brake, message).hint(hint));
            }
            // One whose folders were made anew and hold nothing is a disk that is not mounted, or
            // a server that was set up again: not even to be filled without being asked.
            let known: usize = self.folders.iter().map(|folder| folder.known_messages).sum();
            let is_anew = self.folders.iter().any(|folder| *folder.is_new_generation.of(side));
            if limit.is_none() && is_anew && known > 0 && messages == 0 && self.mode != Mode::Copy {
                let message = format!(
                    "the folders of the {side} side were made anew, and it has lost every \
                     message: nothing was changed"
                );
                let hint = format!("if that is meant, --max-delete {known} fills it again");
                return Err(Failure::new(Exit::Brake, message).hint(hint));
            }
            let other = side.other();
            let rows = of(|folder, _| folder.rows.len(), other);
            let missing = of(|folder, side| *folder.missing.of(side), other);
            let left = of(|folder, side| *folder.messages.of(side), other);
            if limit.is_none() && deletions > 0 && rows > 0 && missing == rows && left == 0 {
                let message =
                    format!("the {other} side has lost every message: nothing was changed");
                let hint = format!("if that is meant, --max-delete {deletions} carries it over");
                return Err(Failure::new(Exit::Brake, message).hint(hint));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_a_number_or_a_percentage() {
        assert_eq!("12".parse::<MaxDelete>(), Ok(MaxDelete::Messages(12)));
        assert_eq!("0".parse::<MaxDelete>(), Ok(MaxDelete::Messages(0)));
        assert_eq!("20%".parse::<MaxDelete>(), Ok(MaxDelete::Percent(20)));
        for wrong in ["", "%", "-1", "101%", "many", "1.5%"] {
            assert!(wrong.parse::<MaxDelete>().is_err(), "{wrong}");
        }
    }
}
