//! DKIM signatures over the message as it will leave.

use std::path::PathBuf;
use std::rc::Rc;

use super::plan::Plan;
use crate::base::dot::{Encoder, LineEnds};
use crate::message::dkim::{self, BodyHash, Signer};
use crate::message::headers;
use crate::open;
use crate::ui::{Exit, Failure};

/// Who signs.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Signing")]
pub struct Signing {
    /// Sign with the private key in FILE (PEM, RSA or Ed25519), last of all; repeatable (DKIM)
    #[arg(long, value_name = "FILE", requires_all = ["dkim_selector", "dkim_domain"])]
    #[arg(conflicts_with = "raw")]
    pub dkim_key: Vec<PathBuf>,

    /// The selector under which the key is published; once for each --dkim-key
    #[arg(long, value_name = "NAME", requires = "dkim_key")]
    pub dkim_selector: Vec<String>,

    /// The domain that signs; once for all keys, or once for each
    #[arg(long, value_name = "DOMAIN", requires = "dkim_key")]
    pub dkim_domain: Vec<String>,
}

/// All who sign, in order; empty: nobody.
pub type Signers = Rc<[Signer]>;

impl Signing {
    /// Reads the keys.
    ///
    /// # Errors
    /// [`Failure`]: 64 for options that do not go together or name nothing, 66 for a file that
    /// cannot be read, 65 for one without a usable key.
    pub fn signers(&self) -> Result<Signers, Failure> {
        let keys = self.dkim_key.len();
        if self.dkim_selector.len() != keys {
            return Err(Failure::usage(format!(
                "{keys} --dkim-key and {} --dkim-selector: each key has its selector",
                self.dkim_selector.len()
            )));
        }
        let domains = self.dkim_domain.len();
        if keys > 0 && domains != 1 && domains != keys {
            return Err(Failure::usage(format!(
                "{keys} --dkim-key and {domains} --dkim-domain: give one for all, or each its own"
            )));
        }
        let mut signers = Vec::with_capacity(keys);
        for (index, (path, selector)) in self.dkim_key.iter().zip(&self.dkim_selector).enumerate() {
            let domain = self.dkim_domain.get(index).or(self.dkim_domain.first());
            let shown = path.display();
            let pem = zeroize::Zeroizing::new(std::fs::read(path).map_err(|error| {
                Failure::new(Exit::NoInput, format!("cannot read {shown}: {error}"))
            })?);
            let domain = domain.map(String::as_str).unwrap_or_default();
            signers.push(Signer::new(domain, selector, &pem).map_err(|error| match error {
                dkim::Error::Name(..) => Failure::usage(error.to_string()),
                _ => Failure::new(Exit::Data, format!("{shown}: {error}")),
            })?);
        }
        Ok(signers.into())
    }
}

/// Puts signatures in front of the message, which must not change any more. Those from a call
/// before, for another server, are gone.
///
/// # Errors
/// [`Failure`]: 65 for a message that cannot be signed, 74 when it cannot be read.
pub fn sign(plan: &mut Plan, signers: &[Signer]) -> Result<(), Failure> {
    take_off(plan);
    if signers.is_empty() {
        return Ok(());
    }
    // RFC 6376 section 3.8: what RFC 5322 section 3.6 has once, and a reader may take the other of.
    for name in ["From", "Sender", "Reply-To", "To", "Cc", "Subject", "Date", "Message-ID"] {
        let count = headers::fields(&plan.message.header).filter(|field| field.is(name)).count();
        if count > 1 {
            let message = format!("not signed: the message has {count} {name} fields");
            return Err(Failure::new(Exit::Data, message));
        }
    }
    let mut hash = BodyHash::default();
    // What travels as it is, is hashed as it is.
    let mut encoder = Encoder::counted(match plan.line_ends {
        LineEnds::Canonical => LineEnds::Canonical,
        LineEnds::Verbatim | LineEnds::VerbatimUnsafe => LineEnds::VerbatimUnsafe,
    });
    let unsignable = |error: String| Failure::new(Exit::Data, format!("not signed: {error}"));
    let mut encoded = Vec::new();
    let mut is_header = true;
    plan.message.each(|octets| {
        // The first piece is the header.
        if std::mem::take(&mut is_header) {
            return Ok(());
        }
        encoded.clear();
        encoder.push(octets, &mut encoded).map_err(|error| unsignable(error.to_string()))?;
        hash.push(&encoded);
        Ok(())
    })?;
    encoded.clear();
    encoder.finish(&mut encoded).map_err(|error| unsignable(error.to_string()))?;
    hash.push(&encoded);
    let hash = hash.finish();
    let now = open::now().seconds;
    let mut header = Vec::new();
    for signer in signers {
        let field = signer.signature(&plan.message.header, &hash, now);
        header.extend(field.map_err(|error| unsignable(error.to_string()))?);
    }
    plan.signatures = header.len();
    header.append(&mut plan.message.header);
    plan.message.header = header;
    Ok(())
}

/// Takes signatures of ours off again, so that the message can be made fit for another server.
pub fn take_off(plan: &mut Plan) {
    let octets = std::mem::take(&mut plan.signatures);
    plan.message.header.drain(..octets.min(plan.message.header.len()));
}
