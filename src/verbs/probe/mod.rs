//! `probe`: looks at a mail server or a domain from outside and says what is wrong with it.
//!
//! A domain leads to its MX hosts and its policy records (`policy`); an endpoint is spoken
//! to phase by phase (`endpoint`, `dialogue`) and asked by raw ClientHellos what it speaks
//! of TLS (`spoken`). What was measured are `facts`; `checks` turn them into findings of
//! one `catalogue`; `render` shows both. Measuring judges nothing and judging measures
//! nothing, so that the checks are pure functions.
//!
//! `flights` and `trials` ask what has yes or no for an answer. A timeout, a reset, a 421 or an
//! exhausted budget makes a thing unknown, never absent. Only `trials::login` logs in, and no
//! message is sent but by the intrusive tier and by the parts that say so: `conform`, `load` and
//! `roundtrip`. `headers` and `session` look at what is there already.

mod args;
mod baseline;
mod budget;
mod catalogue;
mod certificate;
mod checks;
mod conform;
mod dialogue;
mod endpoint;
mod facts;
mod findings;
mod flights;
mod headers;
mod load;
mod names;
mod part;
mod plan;
mod policy;
mod raw;
mod render;
mod roundtrip;
mod run;
mod session;
mod spoken;
mod timing;
mod together;
mod trials;
mod watch;

pub use args::Args;
pub use run::run;
