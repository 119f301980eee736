//! What follows the `+OK` of CAPA, LIST, UIDL, RETR and TOP: lines up to one with a single dot.
//!
//! RFC 1939 section 3. Bodies stream through [`Decoder`] and [`Encoder`]; listings are read and
//! written by the [`Line`]. NNTP has the same, so that all of it is `base::dot`'s.

pub use crate::base::dot::{Decoder, Encoder, Line, LineEnds, Pushed};
