//! The six verbs: mail's work itself. A verb never imports another; what two of them need
//! moves down a floor.

pub mod fetch;
pub mod probe;
pub mod search;
pub mod send;
pub mod serve_test;
pub mod sync;
