//! Dialogues with a session, and with a server on a wire.

mod fetching;
mod mailboxes;
mod searching;
mod sessions;
mod storing;
mod together;
mod wire;
