//! The nouns: one action at a time on accounts, folders and messages, for when no verb is
//! meant. A noun imports neither a verb nor another noun; what two of them need moves down a
//! floor.

pub mod account;
pub mod folder;
pub mod message;
