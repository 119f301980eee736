//! What a decoder says of the octets it was given.
//!
//! Every codec of the house has the shape `fn decode(octets: &[u8]) -> decode::Result<T>`:
//! it never reads by itself, it looks only at the start of `octets`, and every strict
//! prefix of a valid input gives [`Decoded::More`].

/// The outcome of looking at a buffer that grows at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoded<T> {
    /// A whole value stood at the start of the buffer.
    Done {
        /// The value.
        value: T,
        /// How many octets it took, its line end included.
        used: usize,
    },
    /// Valid so far, but not yet whole: read more and ask again.
    More,
}

/// Octets that no continuation can make valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} at octet {offset}")]
pub struct Malformed {
    /// Offset of the first octet that does not fit, from the start of the buffer.
    pub offset: usize,
    /// What the grammar wanted there, in the RFC's words.
    pub expected: &'static str,
}

/// The result of every decoder.
pub type Result<T> = std::result::Result<Decoded<T>, Malformed>;

impl<T> Decoded<T> {
    /// The value, changed; the octets used stay.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Decoded<U> {
        match self {
            Decoded::Done { value, used } => Decoded::Done { value: f(value), used },
            Decoded::More => Decoded::More,
        }
    }
}
