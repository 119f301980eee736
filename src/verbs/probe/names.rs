//! The resolver of a run, made when something is first asked of it: a run that names its
//! servers by address on this machine asks nobody.

use tokio::sync::OnceCell;

use crate::net::{self, dns::Resolver};

/// Why nobody can tell what DNSSEC says: it is validated here, and not believed in the AD bit.
pub const UNVALIDATED: &str = "the resolver does not pass signatures on";

/// A resolver to come.
pub struct Names {
    net: net::Options,
    resolver: OnceCell<Result<Resolver, String>>,
}

impl Names {
    /// By these options.
    pub fn new(net: &net::Options) -> Self {
        Self { net: net.clone(), resolver: OnceCell::new() }
    }

    /// The resolver, which validates where it can.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub async fn resolver(&self) -> Result<&Resolver, String> {
        let made = self.resolver.get_or_init(async || {
            Resolver::validating(&self.net).await.map_err(|error| error.to_string())
        });
        made.await.as_ref().map_err(Clone::clone)
    }

    /// Whether names of this machine's own addresses are to be asked for: only where a
    /// resolver was named, since no other knows them.
    pub fn knows_loopback(&self) -> bool {
        self.net.resolver.is_some()
    }
}
