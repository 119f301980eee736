//! The command line of `sync`.

use std::path::PathBuf;

use super::diff::Mode;
use super::plan::MaxDelete;
use crate::open::{Common, Endpoint, Far, Near, Own};

/// Make the mail of two places equal
///
/// FAR and NEAR are accounts, imap:// or imaps:// URLs, or local mail such as maildir:PATH, in
/// any combination; one that names a folder stands for that folder alone. What changed on one
/// side since the last run is done on the other: new messages, deletions, flags one by one.
/// A message that was deleted on one side and flagged on the other is kept, and exit code 81
/// says so.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The first place
    #[arg(value_name = "FAR")]
    pub far: String,

    /// The second place
    #[arg(value_name = "NEAR")]
    pub near: String,

    /// Which way changes go.
    #[command(flatten)]
    pub way: Way,

    /// Only folders that match: `*` stands for anything, `%` for anything but `/`; repeatable
    #[arg(long, value_name = "PATTERN")]
    pub folder: Vec<String>,

    /// No folders that match; repeatable
    #[arg(long, value_name = "PATTERN")]
    pub exclude: Vec<String>,

    /// Print what would be done, and change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,

    /// Stop, with exit code 82, before more than N messages (or N% of them) are deleted on a
    /// side (default: the greater of 10 and 5%)
    #[arg(long, value_name = "N")]
    pub max_delete: Option<MaxDelete>,

    /// Remember what was done in FILE (default: a file of each pair's own below
    /// $XDG_STATE_HOME/pillarbox/sync)
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,

    /// Options of the server, where only one side is a server.
    #[command(flatten)]
    pub server: Endpoint<Own>,

    /// Options of the far side.
    #[command(flatten)]
    pub far_server: Endpoint<Far>,

    /// Options of the near side.
    #[command(flatten)]
    pub near_server: Endpoint<Near>,

    /// Options of every verb.
    #[command(flatten)]
    pub common: Common,
}

/// Which way changes go; at most one of them.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
#[group(id = "way", multiple = false)]
pub struct Way {
    /// Carry changes both ways (the default)
    #[arg(long)]
    pub two_way: bool,

    /// Carry changes from FAR to NEAR only
    #[arg(long)]
    pub pull: bool,

    /// Carry changes from NEAR to FAR only
    #[arg(long)]
    pub push: bool,

    /// Make NEAR equal to FAR, whatever was changed there
    #[arg(long)]
    pub mirror: bool,

    /// Add to NEAR what is new in FAR; change and delete nothing
    #[arg(long)]
    pub copy: bool,
}

impl Way {
    /// The one that was given.
    pub fn mode(self) -> Mode {
        match self {
            Way { pull: true, .. } => Mode::Pull,
            Way { push: true, .. } => Mode::Push,
            Way { mirror: true, .. } => Mode::Mirror,
            Way { copy: true, .. } => Mode::Copy,
            _ => Mode::TwoWay,
        }
    }
}

const EXAMPLES: &str = "\
The first line of --dry-run says in words what will change where; then comes a line for each
change: the action, the side that it changes, the folder and the message. With --json each is
an object with `type` (plan, create, copy, flag, delete, conflict, folder-gone,
folder-refused, unplaced), `side`, `folder` and `message`; a run ends with one of type
`result` with `far`, `near` (created, copied, flagged, deleted) and `conflicts`.

Examples:
  Keep a Maildir equal to an account, both ways:
    pillarbox sync alice: maildir:alice-mail
  See what that would do:
    pillarbox sync alice: maildir:alice-mail --dry-run
  Only fetch what is new, from the INBOX alone:
    pillarbox sync alice:INBOX maildir:alice-mail --pull
  Move an account to another server, leaving out the spam:
    pillarbox sync alice: bob: --copy --exclude 'Junk*'";

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn parse(words: &[&str]) -> Result<Args, clap::Error> {
        let words = ["sync"].iter().chain(words);
        Line::try_parse_from(words).map(|line| line.args)
    }

    #[test]
    fn one_way_at_most() {
        let mode = |words: &[&str]| parse(words).map(|args| args.way.mode()).ok();
        assert_eq!(mode(&["a:", "b:"]), Some(Mode::TwoWay));
        assert_eq!(mode(&["a:", "b:", "--two-way"]), Some(Mode::TwoWay));
        assert_eq!(mode(&["a:", "b:", "--pull"]), Some(Mode::Pull));
        assert_eq!(mode(&["a:", "b:", "--push"]), Some(Mode::Push));
        assert_eq!(mode(&["a:", "b:", "--mirror"]), Some(Mode::Mirror));
        assert_eq!(mode(&["a:", "b:", "--copy"]), Some(Mode::Copy));
        assert_eq!(mode(&["a:", "b:", "--copy", "--pull"]), None);
        assert_eq!(mode(&["a:"]), None);
    }

    #[test]
    fn each_side_has_options_of_its_own() {
        let words = ["a:", "b:", "--far-user", "ann", "--near-insecure", "--max-delete", "20%"];
        let args = parse(&words).expect("right");
        assert_eq!(args.far_server.options.user.as_deref(), Some("ann"));
        assert!(args.near_server.options.insecure && !args.far_server.options.insecure);
        assert_eq!(args.max_delete, Some(MaxDelete::Percent(20)));
        assert_eq!(args.server.options.first_given(), None);
    }
}
