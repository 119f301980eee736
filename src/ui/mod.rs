//! What the user sees: data on stdout, words on stderr, exit codes.
//!
//! Only this room prints. Untrusted text goes through [`sanitize`] before a terminal sees it.

mod echo;
pub mod exit;
pub mod output;
pub mod progress;
pub mod report;
pub mod sanitize;
pub mod trace;

pub use echo::Echo;
pub use exit::{Exit, Failure};
pub use output::{Format, Output};
pub use progress::Progress;
