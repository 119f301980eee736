//! The command line of `message`.

use crate::open::{Common, Endpoint, Own};

/// Add, copy, move, mark and delete single messages
///
/// Messages are named by references as `search` prints them, or - for references on standard
/// input, one a line (with -0, each ended by NUL). Those of one folder are one command to the
/// server. A reference whose UIDVALIDITY is not the folder's any more is refused (exit code 65).
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES, disable_help_subcommand = true,
          subcommand_value_name = "ACTION", subcommand_help_heading = "Actions")]
pub struct Args {
    /// What is done.
    #[command(subcommand)]
    pub action: Action,
}

const EXAMPLES: &str = "\
Without a terminal, append, copy and move print the references of the new messages, one a
line, where the server tells them (UIDPLUS); --json prints one object a message with `action`,
`reference` (or `file`) and `new`.

Examples:
  Put a message into a folder, read already:
    pillarbox message append alice:INBOX --flag seen <examples/hello.eml
  Put all messages of a Maildir there, flags and dates and all:
    pillarbox fetch alice --to maildir:alice-mail && \\
      pillarbox folder create alice:Copies && \\
      pillarbox message append alice:Copies maildir:alice-mail
  Flag what search finds:
    pillarbox search 'subject:report' alice | pillarbox message mark - +flagged -seen
  Copy it to another folder:
    pillarbox folder create alice:Kept && pillarbox search 'subject:report' alice | \\
      pillarbox message copy - --to alice:Kept
  Delete it:
    pillarbox search 'subject:report' alice | pillarbox message delete -";

/// What is done with messages.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Action {
    /// Add messages to a folder: one from standard input, one from each FILE, all of local mail
    Append(Append),
    /// Copy messages to another folder of their account
    Copy(Transfer),
    /// Move messages to another folder of their account
    Move(Transfer),
    /// Set flags (+flagged) and clear them (-seen)
    ///
    /// seen, answered, flagged, deleted and draft are the flags of IMAP; every other word is a
    /// keyword. Options stand before the references.
    Mark(Mark),
    /// Delete messages for good, and no others
    Delete(Delete),
}

/// What is added where.
#[derive(Debug, Clone, clap::Args)]
pub struct Append {
    /// The folder
    #[arg(value_name = "ACCOUNT:FOLDER")]
    pub to: String,

    /// Files of one message each, or local mail: an mbox, a Maildir, a folder of .eml files, whose
    /// flags and dates are kept (default: one message on standard input)
    #[arg(value_name = "FILE|LOCATION")]
    pub sources: Vec<String>,

    /// Take standard input for an mbox
    #[arg(long, conflicts_with = "sources")]
    pub mbox: bool,

    /// Set this flag or keyword: seen, flagged, ..., besides those it has; repeatable
    #[arg(long = "flag", value_name = "FLAG")]
    pub flags: Vec<String>,

    /// When it was received, as a Date field has it (default: as local mail says, else now)
    #[arg(long, value_name = "DATE")]
    pub date: Option<String>,

    /// Options of the server.
    #[command(flatten)]
    pub server: Endpoint<Own>,

    /// Options of every verb.
    #[command(flatten)]
    pub common: Common,
}

/// What is copied or moved where.
#[derive(Debug, Clone, clap::Args)]
pub struct Transfer {
    /// The messages, and behind them the folder they go to, unless --to says that
    #[arg(value_name = "REF", required = true)]
    pub references: Vec<String>,

    /// The folder they go to
    #[arg(long, value_name = "ACCOUNT:FOLDER")]
    pub to: Option<String>,

    /// Options of the server.
    #[command(flatten)]
    pub server: Endpoint<Own>,

    /// Options of every verb.
    #[command(flatten)]
    pub common: Common,
}

/// What is marked how.
#[derive(Debug, Clone, clap::Args)]
pub struct Mark {
    /// The messages, and the flags to set and to clear
    #[arg(value_name = "REF|+FLAG|-FLAG", required = true, allow_hyphen_values = true)]
    pub words: Vec<String>,

    /// Options of the server.
    #[command(flatten)]
    pub server: Endpoint<Own>,

    /// Options of every verb.
    #[command(flatten)]
    pub common: Common,
}

/// What is deleted.
#[derive(Debug, Clone, clap::Args)]
pub struct Delete {
    /// The messages
    #[arg(value_name = "REF", required = true)]
    pub references: Vec<String>,

    /// Options of the server.
    #[command(flatten)]
    pub server: Endpoint<Own>,

    /// Options of every verb.
    #[command(flatten)]
    pub common: Common,
}

impl Args {
    /// The options of every verb.
    pub fn common(&self) -> &Common {
        match &self.action {
            Action::Append(append) => &append.common,
            Action::Copy(transfer) | Action::Move(transfer) => &transfer.common,
            Action::Mark(mark) => &mark.common,
            Action::Delete(delete) => &delete.common,
        }
    }
}
