//! Messages as a whole, one after the other.

use async_trait::async_trait;

use super::{Meta, Result, Sink};

/// A sink that gives each message when it is whole. One is held at a time, so a message may be as
/// large as memory allows: whoever reads headers or parts with it has little to fear.
pub struct Each<F> {
    held: Vec<u8>,
    take: F,
}

impl<F: FnMut(&Meta, &mut Vec<u8>)> Each<F> {
    /// Gives the octets of each message to `take`, which may keep them.
    pub fn new(take: F) -> Self {
        Self { held: Vec::new(), take }
    }
}

#[async_trait(?Send)]
impl<F: FnMut(&Meta, &mut Vec<u8>)> Sink for Each<F> {
    async fn begin(&mut self, _message: &Meta) -> Result<()> {
        self.held.clear();
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<()> {
        self.held.extend_from_slice(octets);
        Ok(())
    }

    async fn end(&mut self, message: &Meta) -> Result<()> {
        (self.take)(message, &mut self.held);
        Ok(())
    }
}
