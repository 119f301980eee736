//! One login as a row of attempts: a server may lack the channel binding that we used, or not
//! know a mechanism that it offers.

use super::{Channel, Client, Credential, Error, Mechanism, client};

/// What is left to be tried.
#[derive(Debug)]
pub struct Attempts<'c> {
    offered: Vec<Mechanism>,
    forced: Option<Mechanism>,
    credential: &'c Credential,
    channel: Channel,
    allow_cleartext: bool,
    /// Names of the channel bindings that the server did not take.
    refused: Vec<&'static str>,
}

impl<'c> Attempts<'c> {
    /// See [`client`] for what the arguments mean.
    pub fn new(
        offered: Vec<Mechanism>,
        forced: Option<Mechanism>,
        credential: &'c Credential,
        channel: Channel,
        allow_cleartext: bool,
    ) -> Self {
        Self { offered, forced, credential, channel, allow_cleartext, refused: Vec::new() }
    }

    /// The connection that the attempts are for.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// The client side of the next attempt.
    ///
    /// # Errors
    /// As [`client`].
    pub fn begin(&self) -> Result<Box<dyn Client>, Error> {
        let Self { offered, forced, credential, channel, allow_cleartext, .. } = self;
        client(offered, *forced, credential, channel, *allow_cleartext)
    }

    /// Whether, after `client` was refused, the next channel binding is worth an attempt. The
    /// mechanism is forced from then on: one with a channel binding never gives way to one
    /// without.
    pub fn next_binding(&mut self, client: &dyn Client) -> bool {
        if !client.is_binding_refused() || self.channel.bindings.is_empty() {
            return false;
        }
        let used = self.channel.bindings.remove(0);
        self.refused.push(used.kind.name());
        self.forced = Some(client.mechanism());
        !self.channel.bindings.is_empty()
    }

    /// Whether, after the server turned out not to know `mechanism`, there is another. Not where
    /// the user has named one, and not where it was bound to the channel.
    pub fn next_mechanism(&mut self, mechanism: Mechanism) -> bool {
        self.offered.retain(|other| *other != mechanism);
        self.forced.is_none() && !mechanism.is_channel_bound() && !self.offered.is_empty()
    }

    /// What is known of why `client` was refused, beyond the server's reply.
    pub fn detail(&self, client: &dyn Client) -> Option<Error> {
        let mechanism = client.mechanism();
        client.refusal().or_else(|| {
            // A server may look at the binding only after the proof (Cyrus does), and not say
            // which of the two it refuses.
            let used = self.channel.bindings.first().filter(|_| !client.is_binding_refused());
            let mut tried = self.refused.clone();
            tried.extend(used.map(|binding| binding.kind.name()));
            mechanism
                .is_channel_bound()
                .then(|| Error::BindingsRefused { mechanism, tried: tried.join(", ") })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::ChannelBindingKind::{TlsExporter, TlsServerEndPoint};
    use super::super::tests::{binding, channel, password};
    use super::*;

    #[test]
    fn every_binding_once_and_never_none() {
        let plus = Mechanism::ScramSha256Plus;
        let offered = vec![plus, Mechanism::ScramSha256, Mechanism::Plain];
        let ann = password("ann", "pencil");
        let bindings = vec![binding(TlsExporter), binding(TlsServerEndPoint)];
        let channel = Channel { bindings, ..channel(true) };
        let mut attempts = Attempts::new(offered, None, &ann, channel, false);
        for (name, more) in [("tls-exporter", true), ("tls-server-end-point", false)] {
            let mut client = attempts.begin().expect("a client");
            assert_eq!(client.mechanism(), plus);
            let first = client.initial().expect("encodable").expect("client first");
            assert!(first.starts_with(format!("p={name},").as_bytes()));
            assert_eq!(attempts.next_binding(&*client), more);
            if !more {
                let detail = attempts.detail(&*client).expect("a reason").to_string();
                assert!(detail.contains("tls-exporter, tls-server-end-point"), "{detail}");
            }
        }
        assert!(matches!(attempts.begin(), Err(Error::NoChannelBinding { .. })));
        assert!(!attempts.next_mechanism(plus));
    }

    #[test]
    fn a_wrong_password_is_no_reason_for_another_binding() {
        let ann = password("ann", "pencil");
        let channel = Channel { bindings: vec![binding(TlsExporter)], ..channel(true) };
        let offered = vec![Mechanism::ScramSha1Plus];
        let mut attempts = Attempts::new(offered, None, &ann, channel, false);
        let mut client = attempts.begin().expect("a client");
        let first = client.initial().expect("encodable").expect("client first");
        let first = String::from_utf8(first).expect("ASCII");
        let nonce = first.rsplit_once("r=").expect("a nonce").1.to_owned();
        client.step(format!("r={nonce}x,s=QQ==,i=1").as_bytes()).expect("a proof");
        assert!(!attempts.next_binding(&*client));
        let detail = attempts.detail(&*client).expect("a reason").to_string();
        assert!(detail.contains("tls-exporter"), "{detail}");
    }

    #[test]
    fn an_unknown_mechanism_gives_way_unless_it_was_asked_for() {
        let ann = password("ann", "pencil");
        let offered = vec![Mechanism::ScramSha256, Mechanism::Plain];
        let mut attempts = Attempts::new(offered.clone(), None, &ann, channel(true), false);
        assert!(attempts.next_mechanism(Mechanism::ScramSha256));
        assert_eq!(attempts.begin().map(|it| it.mechanism()), Ok(Mechanism::Plain));
        assert!(!attempts.next_mechanism(Mechanism::Plain));
        let forced = Some(Mechanism::ScramSha256);
        let mut attempts = Attempts::new(offered, forced, &ann, channel(true), false);
        assert!(!attempts.next_mechanism(Mechanism::ScramSha256));
    }
}
