//! POST: an article on its way to the world.
//!
//! RFC 3977 section 6.3.1. What an article has to hold is decided by who makes it (RFC 5537
//! section 3.4) and by the server.

use super::{Client, Error, Stage};
use crate::base::dot::{Encoder, LineEnds};
use crate::nntp::syntax::command::Command;
use crate::nntp::syntax::reply::Reply;
use crate::store::Body;

/// Octets read of the article at a time.
const BLOCK_OCTETS: usize = 64 * 1024;

impl Client {
    /// Hands an article over, with LF, CRLF or CR line ends; the server's answer to it.
    ///
    /// # Errors
    /// [`Error::Refused`] when the server takes none now (440), or not this one (441);
    /// [`Error::Unknown`] when the connection ended behind the article; [`Error::Caller`] when
    /// it cannot be read.
    pub async fn post(&mut self, article: &mut dyn Body) -> Result<Reply, Error> {
        self.ask(&Command::Post, Stage::Post, &[340]).await?;
        let mut encoder = Encoder::dotted(LineEnds::Canonical);
        let mut block = vec![0; BLOCK_OCTETS];
        let mut octets = Vec::with_capacity(BLOCK_OCTETS + BLOCK_OCTETS / 16);
        loop {
            let count = match article.read(&mut block).await {
                Ok(count) => count,
                Err(error) => {
                    // Without its dot the article is none: only the end of the connection
                    // says so.
                    self.is_broken = true;
                    return Err(Error::Caller(error));
                }
            };
            octets.clear();
            if count == 0 {
                break;
            }
            // Canonical encoding refuses nothing.
            let _ = encoder.push(&block[..count], &mut octets);
            self.wire.queue_body(&octets);
            if let Err(source) = self.wire.ease().await {
                self.is_broken = true;
                return Err(Error::Network { stage: Stage::Post, source });
            }
        }
        let _ = encoder.finish(&mut octets);
        self.wire.queue_body(&octets);
        self.wire.set_patient(true);
        let answer = self.expect(Stage::Post, &[240]).await;
        self.wire.set_patient(false);
        match answer {
            Err(Error::Network { .. } | Error::Protocol { .. }) => Err(Error::Unknown),
            answer => answer,
        }
    }
}
