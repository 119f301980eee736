//! The command line of `sync`.

use std::path::PathBuf;

use super::brake::MaxDelete;
use super::diff::Mode;
use super::doctor::Program;
use super::options::Selection;
use super::shard::Shard;
use crate::open::{Common, Endpoint, Far, Near, Own};

/// Make the mail of two places equal
///
/// FAR and NEAR are accounts, imap:// or imaps:// URLs, or local mail such as maildir:PATH, in
/// any combination; one that names a folder stands for that folder alone. A NAME is that of a
/// pair in the configuration, with its options; give several, or --all. What changed on one
/// side since the last run is done on the other: new messages, moves to other folders,
/// deletions, flags one by one; folders that were created, renamed or deleted; subscriptions.
/// A message that was deleted on one side and flagged on the other is kept, and exit code 81
/// says so.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Two places, FAR and NEAR; the names of pairs of the configuration; the word verify and
    /// two places, which are then only compared, message by message; or the word doctor and two
    /// places, whose state is then looked after
    #[arg(
        value_name = "FAR NEAR | NAME | verify FAR NEAR | doctor FAR NEAR",
        required_unless_present_any = ["all", "from_mbsyncrc", "apply", "fleet"],
        conflicts_with_all = ["all", "from_mbsyncrc", "apply", "fleet"]
    )]
    pub places: Vec<String>,

    /// Every pair of the configuration, one behind the other
    #[arg(long, conflicts_with_all = ["from_mbsyncrc", "apply", "fleet"])]
    pub all: bool,

    /// Carry out the plan in FILE, which --dry-run --json has written: that plan, or nothing
    /// (exit code 75) where it would be another one now
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from_mbsyncrc", "fleet", "dry_run"])]
    pub apply: Option<PathBuf>,

    /// Go on, and carry changes over as they come, over connections that break
    #[arg(
        long,
        conflicts_with_all = ["all", "from_mbsyncrc", "apply", "fleet", "dry_run", "max_bytes"]
    )]
    pub watch: bool,

    /// Sync the accounts that FILE lists: CSV with a line of names, or JSON Lines. far and near
    /// are the places, name is what the account is called; any other name is that of an option
    #[arg(long, value_name = "FILE", conflicts_with = "from_mbsyncrc")]
    pub fleet: Option<PathBuf>,

    /// Of the fleet, only this part: K, from 0, of N; without K that of JOB_COMPLETION_INDEX, or
    /// SLURM_ARRAY_TASK_ID less SLURM_ARRAY_TASK_MIN
    #[arg(long, value_name = "K/N", requires = "fleet")]
    pub shard: Option<Shard>,

    /// Of the fleet, have N accounts at work at a time (default: 16)
    #[arg(
        long,
        value_name = "N",
        requires = "fleet",
        value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1000)
    )]
    pub jobs: Option<usize>,

    /// Add the result of each account of the fleet to FILE as well, and leave out the accounts
    /// that are done there
    #[arg(long, value_name = "FILE", requires = "fleet")]
    pub results: Option<PathBuf>,

    /// What doctor does.
    #[command(flatten)]
    pub doctor: Doctor,

    /// Print, as tables of the configuration, what mbsync's FILE says, and do nothing else
    #[arg(long, value_name = "FILE")]
    pub from_mbsyncrc: Option<PathBuf>,

    /// What is done, and how.
    #[command(flatten)]
    pub what: What,

    /// Options of every verb.
    #[command(flatten)]
    pub common: Common,
}

/// What `doctor` does beyond looking.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Doctor {
    /// With doctor: take over the tree that another program has kept at NEAR, with what that
    /// program remembers of it, so that nothing is fetched again
    #[arg(long, value_name = "PROGRAM")]
    pub adopt: Option<Program>,

    /// With --adopt: where the other program keeps what it remembers (default: where it does by
    /// itself)
    #[arg(long, value_name = "DIR", requires = "adopt")]
    pub adopt_state: Option<PathBuf>,

    /// With doctor: say which messages would be deleted so that none is in a folder twice
    #[arg(long, conflicts_with = "adopt")]
    pub dedupe: bool,

    /// With --dedupe: delete them
    #[arg(long, requires = "dedupe")]
    pub force: bool,
}

impl Doctor {
    /// The first of these options that was given.
    pub fn first_given(&self) -> Option<&'static str> {
        let given = [(self.adopt.is_some(), "--adopt"), (self.dedupe, "--dedupe")];
        given.into_iter().find(|(given, _)| *given).map(|(_, name)| name)
    }
}

/// What is done with one pair: these options can stand in the configuration, too.
#[derive(Debug, Clone, clap::Args)]
pub struct What {
    /// Which way changes go.
    #[command(flatten)]
    pub way: Way,

    /// Only folders that match: `*` stands for anything, `%` for anything but `/`; repeatable
    #[arg(long, value_name = "PATTERN")]
    pub folder: Vec<String>,

    /// No folders that match; repeatable
    #[arg(long, value_name = "PATTERN")]
    pub exclude: Vec<String>,

    /// Which messages, under which names, how fast.
    #[command(flatten)]
    pub selection: Selection,

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
}

/// The words of a pair's `options` as clap reads them.
#[derive(clap::Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
struct Words {
    #[command(flatten)]
    what: What,
}

impl What {
    /// The options of a pair of the configuration, as clap's own message where they are wrong.
    ///
    /// # Errors
    /// What is wrong with them, on one line.
    pub fn of_words(words: &[String]) -> Result<Self, String> {
        use clap::Parser as _;
        let read = Words::try_parse_from(words).map(|words| words.what);
        read.map_err(|error| {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            line.strip_prefix("error: ").unwrap_or(line).to_owned()
        })
    }

    /// The same as words of a command line, but for those of servers, which may be secret.
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let way = match self.way.mode() {
            Mode::TwoWay => "--two-way",
            Mode::Pull => "--pull",
            Mode::Push => "--push",
            Mode::Mirror => "--mirror",
            Mode::Copy => "--copy",
        };
        words.push(way.to_owned());
        words.extend(self.folder.iter().map(|pattern| format!("--folder={pattern}")));
        words.extend(self.exclude.iter().map(|pattern| format!("--exclude={pattern}")));
        words.extend(self.selection.words());
        words.extend(self.max_delete.map(|limit| format!("--max-delete={limit}")));
        let state = self.state.as_ref().and_then(|path| std::path::absolute(path).ok());
        words.extend(state.map(|path| format!("--state={}", path.display())));
        words
    }

    /// The first of these options that was given and is not one of a server.
    pub fn first_chosen(&self) -> Option<String> {
        let words = self.words();
        let is_usual = |word: &String| word == "--two-way" && !self.way.two_way;
        let word = words.iter().find(|word| !is_usual(word))?;
        Some(word.split('=').next().unwrap_or(word).to_owned())
    }

    /// These options with those of the command line over them: patterns are added, anything
    /// else takes the place of what was there. `None`: an option of a server was given, whose
    /// pair nobody can tell.
    pub fn under(mut self, given: &What) -> Result<Self, &'static str> {
        let servers = [
            given.server.options.first_given(),
            given.far_server.options.first_given(),
            given.near_server.options.first_given(),
        ];
        if let Some(name) = servers.into_iter().flatten().next() {
            return Err(name);
        }
        if given.way.is_given() {
            self.way = given.way;
        }
        self.folder.extend_from_slice(&given.folder);
        self.exclude.extend_from_slice(&given.exclude);
        self.selection = self.selection.under(&given.selection);
        self.dry_run |= given.dry_run;
        self.max_delete = given.max_delete.or(self.max_delete);
        self.state = given.state.clone().or(self.state);
        Ok(self)
    }
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
    /// Whether one was given.
    fn is_given(self) -> bool {
        self.two_way || self.pull || self.push || self.mirror || self.copy
    }

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
 an object with `type` (plan, folder, rename, create, subscribe, move, copy, flag, delete, expire,
 remove, conflict, folder-gone, folder-kept, folder-refused, contradiction, oversized, refused,
 unplaced), `side`, `folder` and `message`, `reason` for what a side refuses, and `to` for the folder
 where a move goes or the name that a rename gives. The plan has `mode`, `text`, `far`, `near`, `lines` (how many follow) and `origin` (`from`,
 `to`, `options`), which is all that --apply wants besides the options of servers; a folder has `far`
 and `near` with `uid_validity` and `messages`. A run ends with one of type `result` with `far`,
 `near` (created, copied, flagged, deleted, and renamed, removed, subscribed, moved, expired where
 there are any) and `conflicts`; `left` is how many messages --max-bytes has left. Before the lines
 of a pair of the configuration comes one of type `pair` with `name`, `far` and `near`.
verify prints a line for each message that only one side has, or whose flags differ, as JSON with
`type` (only, flags), `side`, `folder` and `message`, and at the end one of type `verified` with
`folders`, `messages` and `differences`; exit code 81 means that there were any.
doctor looks whether what is remembered is sound, puts it aside where it is not, and binds both
sides together again by what they hold. As JSON it prints objects of type `mended` (`folder`,
`text`), `duplicate` (`side`, `folder`, `message`, `of`, `deleted`) and `adopted` (`folder`,
`messages`, and `left` with the reason where a folder was not taken over). Named one place alone,
it takes the pair of the configuration that has it near.
A fleet prints an object of type `account` for each, with `name`, `exit`, `far`, `near`,
`conflicts`, `error` and `seconds`; all other lines have `account`. A pair or account that fails
does not keep those behind it from being synced; the exit code is then that of the first that
failed.

Examples:
  Keep a Maildir equal to an account, both ways:
    pillarbox sync alice: maildir:alice-mail
  See what that would do:
    pillarbox sync alice: maildir:alice-mail --dry-run
  Only fetch what is new, from the INBOX alone:
    pillarbox sync alice:INBOX maildir:alice-mail --pull
  Look at a plan, and carry out that and nothing else:
    pillarbox sync alice: maildir:alice-mail --dry-run --json >plan.jsonl && \\
      pillarbox sync --apply plan.jsonl
  Move an account to another server, leaving out the spam, and see whether all has come:
    pillarbox sync alice: bob: --copy --exclude 'Junk*' && \\
      pillarbox sync verify alice: bob: --exclude 'Junk*'";

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
        let mode = |words: &[&str]| parse(words).map(|args| args.what.way.mode()).ok();
        assert_eq!(mode(&["a:", "b:"]), Some(Mode::TwoWay));
        assert_eq!(mode(&["a:", "b:", "--two-way"]), Some(Mode::TwoWay));
        assert_eq!(mode(&["a:", "b:", "--pull"]), Some(Mode::Pull));
        assert_eq!(mode(&["a:", "b:", "--push"]), Some(Mode::Push));
        assert_eq!(mode(&["a:", "b:", "--mirror"]), Some(Mode::Mirror));
        assert_eq!(mode(&["a:", "b:", "--copy"]), Some(Mode::Copy));
        assert_eq!(mode(&["a:", "b:", "--copy", "--pull"]), None);
        assert_eq!(mode(&[]), None);
        assert_eq!(mode(&["a:", "--all"]), None);
        assert_eq!(mode(&["--all"]), Some(Mode::TwoWay));
    }

    #[test]
    fn options_of_a_pair_lie_under_those_of_the_command_line() {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let of = |line: &[&str]| What::of_words(&words(line)).expect("right");
        let pair = of(&["--pull", "--exclude", "Junk", "--max-delete", "3", "--far-user", "ann"]);
        let both = pair.clone().under(&of(&["--exclude", "Trash", "-n"])).expect("fits");
        assert_eq!((both.way.mode(), both.dry_run), (Mode::Pull, true));
        assert_eq!(both.exclude, ["Junk", "Trash"]);
        assert_eq!(both.max_delete, Some(MaxDelete::Messages(3)));
        assert_eq!(both.far_server.options.user.as_deref(), Some("ann"));
        let other = pair.clone().under(&of(&["--push", "--max-delete", "9"])).expect("fits");
        assert_eq!(
            (other.way.mode(), other.max_delete),
            (Mode::Push, Some(MaxDelete::Messages(9)))
        );
        assert_eq!(pair.under(&of(&["--near-user", "bob"])).err(), Some("user"));
        let wrong = What::of_words(&words(&["--exclud", "Junk"])).expect_err("wrong");
        assert!(wrong.contains("--exclud"), "{wrong}");
        assert!(What::of_words(&words(&["--json"])).is_err());
        assert!(What::of_words(&words(&["work:"])).is_err());
    }

    #[test]
    fn each_side_has_options_of_its_own() {
        let words = ["a:", "b:", "--far-user", "ann", "--near-insecure", "--max-delete", "20%"];
        let args = parse(&words).expect("right");
        assert_eq!(args.what.far_server.options.user.as_deref(), Some("ann"));
        assert!(args.what.near_server.options.insecure && !args.what.far_server.options.insecure);
        assert_eq!(args.what.max_delete, Some(MaxDelete::Percent(20)));
        assert_eq!(args.what.server.options.first_given(), None);
    }
}
