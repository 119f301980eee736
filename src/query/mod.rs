//! The search language: one syntax tree for servers, local mail and the test server.
//!
//! Terms stand side by side for AND; `OR`, `NOT`, `-` and parentheses join them otherwise.
//! A value is a word, a phrase in quotation marks, `/a regular expression/`, or `*` for
//! "there is one". Words and phrases are looked for as substrings of decoded text, upper
//! and lower case being the same by Unicode's folding. Regular expressions too ignore case
//! unless they say `(?-i)`.
//!
//! It knows no protocol and no store: what it wants to know of a message it asks a
//! [`Facts`], and it says when that is not enough yet.

pub mod ast;
pub mod eval;
mod local;
mod narrow;
pub mod parse;
mod pattern;
pub mod relevance;
pub mod span;
mod words;

pub use ast::{DateKeyword, DateTerm, Expr, Field, Has, Is, SizeRange, Term, UidSet};
pub use eval::{Facts, Known, Need, Verdict, eval};
pub use local::{Attributes, Gathered, Local, size_bounds};
pub use narrow::{header_names, is_nothing, narrowed, narrowed_to_account};
pub use parse::{Error, parse};
pub use pattern::{Pattern, fold};
pub use span::{Context, TimeRange};
