//! A place between a server's session and its wire, where a test may disturb what happens.

use async_trait::async_trait;

/// What becomes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is written.
    Send,
    /// It is written as far as the hook has left it, and then the connection ends at once.
    Close,
}

/// Hears every command and sees every answer of one server connection. Waiting in either call
/// delays that connection alone.
#[async_trait(?Send)]
pub trait Hook {
    /// A command came: its line without the line end; `.` for the end of message data. `Some`:
    /// the session never hears of it, and these octets are the answer. A command that message
    /// data follows (BDAT, APPEND) has its data read and dropped then.
    async fn instead(&mut self, command: &[u8]) -> Option<Vec<u8>>;

    /// A whole command of IMAP came, literals that were not streamed and line end included: the
    /// session reads what is left here. The default leaves it alone.
    fn amend(&mut self, command: &mut Vec<u8>) {
        let _ = command;
    }

    /// Octets a second at which the answer that [`Hook::before_write`] saw last is to leave;
    /// `None`, the default: as fast as the connection takes it.
    fn pace(&self) -> Option<u64> {
        None
    }

    /// Octets are about to be written: the answer to `command`, empty for the greeting and for
    /// what the server says unasked. They may be changed.
    async fn before_write(&mut self, command: &[u8], answer: &mut Vec<u8>) -> Verdict;
}
