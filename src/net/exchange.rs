//! What every protocol's login has in common below its own framing: the connection as SASL sees
//! it, and an exchange whose steps may wait for other machines.

use super::Wire;
use crate::sasl::{Channel, Client, Error, Mechanism};

/// What SASL has to know of a connection. `service` is the protocol's name there; `host` and
/// `port` are those dialled for a client, its own for a server.
pub fn channel(wire: &Wire, service: &'static str, host: &str, port: u16) -> Channel {
    Channel {
        encrypted: wire.is_encrypted(),
        bindings: wire.tls().map(super::tls::Session::bindings).unwrap_or_default(),
        host: host.to_owned(),
        port,
        service,
    }
}

/// The client side of one exchange. A mechanism that asks other machines does so on a thread of
/// its own.
#[derive(Debug)]
pub struct Exchange {
    mechanism: Mechanism,
    /// `None` while it is away on its thread, and after a call that was dropped then.
    client: Option<Box<dyn Client>>,
}

impl Exchange {
    /// An exchange that has not begun.
    pub fn new(client: Box<dyn Client>) -> Self {
        Self { mechanism: client.mechanism(), client: Some(client) }
    }

    /// The mechanism.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// The mechanism's state.
    ///
    /// # Errors
    /// [`Error::Unproven`] when a call before was dropped halfway.
    pub fn client(&self) -> Result<&dyn Client, Error> {
        self.client.as_deref().ok_or_else(|| self.gone())
    }

    /// As [`Client::initial`]. Not cancel-safe: the exchange is of no use after that.
    ///
    /// # Errors
    /// As [`Client::initial`].
    pub async fn initial(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.call(|client| client.initial()).await
    }

    /// As [`Client::step`]. Not cancel-safe: the exchange is of no use after that.
    ///
    /// # Errors
    /// As [`Client::step`].
    pub async fn step(&mut self, challenge: &[u8]) -> Result<Vec<u8>, Error> {
        let challenge = challenge.to_vec();
        self.call(move |client| client.step(&challenge)).await
    }

    /// As [`Client::finish`].
    ///
    /// # Errors
    /// As [`Client::finish`].
    pub fn finish(&mut self) -> Result<(), Error> {
        match &mut self.client {
            Some(client) => client.finish(),
            None => Err(self.gone()),
        }
    }

    async fn call<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut dyn Client) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let mut client = self.client.take().ok_or_else(|| self.gone())?;
        if !client.may_block() {
            let done = work(&mut *client);
            self.client = Some(client);
            return done;
        }
        let away = tokio::task::spawn_blocking(move || {
            let done = work(&mut *client);
            (client, done)
        });
        match away.await {
            Ok((client, done)) => {
                self.client = Some(client);
                done
            }
            // A panic over there is one here; the runtime's end ends this future too.
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(self.gone()),
            },
        }
    }

    fn gone(&self) -> Error {
        Error::Unproven { mechanism: self.mechanism }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Says on which thread it was asked, once the gate can be passed.
    #[derive(Debug)]
    struct Slow {
        is_slow: bool,
        gate: Arc<Mutex<()>>,
    }

    impl Client for Slow {
        fn mechanism(&self) -> Mechanism {
            Mechanism::Gssapi
        }

        fn may_block(&self) -> bool {
            self.is_slow
        }

        fn initial(&mut self) -> Result<Option<Vec<u8>>, Error> {
            drop(self.gate.lock());
            Ok(Some(format!("{:?}", std::thread::current().id()).into_bytes()))
        }

        fn step(&mut self, challenge: &[u8]) -> Result<Vec<u8>, Error> {
            Ok(challenge.to_vec())
        }

        fn finish(&mut self) -> Result<(), Error> {
            Ok(())
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_may_block_does_so_elsewhere() {
        let here = format!("{:?}", std::thread::current().id()).into_bytes();
        for is_slow in [false, true] {
            let mut exchange = Exchange::new(Box::new(Slow { is_slow, gate: Arc::default() }));
            let there = exchange.initial().await.expect("an answer").expect("client first");
            assert_eq!(there != here, is_slow);
            assert_eq!(exchange.step(b"x").await, Ok(b"x".to_vec()));
            assert_eq!(exchange.finish(), Ok(()));
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_dropped_call_ends_the_exchange() {
        let gate: Arc<Mutex<()>> = Arc::default();
        let mut exchange = Exchange::new(Box::new(Slow { is_slow: true, gate: gate.clone() }));
        {
            // The answer does not come before the call is dropped.
            let _closed = gate.lock().expect("nobody panicked");
            let mut call = std::pin::pin!(exchange.initial());
            let waker = std::task::Waker::noop();
            let _ = call.as_mut().poll(&mut std::task::Context::from_waker(waker));
        }
        assert!(exchange.step(b"x").await.is_err());
        assert!(exchange.finish().is_err());
    }
}
