//! `serve-test`: SMTP, submission, LMTP, IMAP and POP3 in one process, for tests.

pub mod certificates;
