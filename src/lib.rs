//! Pillarbox: mail utilities for the shell, in one binary.
//!
//! This library exists for the binary, its tests, benches and fuzz targets. It makes no
//! promise of a stable interface.
//!
//! # The floor plan
//!
//! A module imports from its own room and from the floors below it, never upward and never
//! from a neighbour on its own floor (`tests/layers.rs` keeps this true):
//!
//! ```text
//! 7  cli                 the command line collected; dispatch; man pages, completions
//! 6  verbs  nouns        the work itself, and the order of it; none imports another
//! 5  open                a Location becomes a connected Store, Spool or Transport
//! 4  route config oauth  the way to a domain; accounts and credentials; tokens
//! 3  {smtp,imap,pop,nntp}  clients, servers, stores and spools; no other protocol
//!    keyring             where secrets rest
//! 2  net  store  state  ui
//! 1  message  query (may read message)  sasl  {smtp,imap,pop,nntp}::syntax
//! 0  base
//! ```

// The futures of a verb nest deeper than the compiler looks by itself when it asks for their size.
#![recursion_limit = "256"]

pub mod base;
pub mod cli;
pub mod config;
pub mod imap;
pub mod keyring;
pub mod message;
pub mod net;
pub mod nntp;
pub mod nouns;
pub mod oauth;
pub mod open;
pub mod pop;
pub mod query;
pub mod route;
pub mod sasl;
pub mod smtp;
pub mod state;
pub mod store;
pub mod ui;
pub mod verbs;
