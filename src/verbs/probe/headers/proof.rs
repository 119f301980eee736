//! Signatures of a message, checked with keys from DNS.

use serde_json::{Value, json};

use crate::message::signature::{self, Algorithm, ArcSet, Flaw, Key, Signature};
use crate::net::dns::{Answer, Resolver};

/// Signatures of one message that are checked; more is an attack on the one who checks.
const SIGNATURES: usize = 20;

/// What became of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// It holds.
    Valid,
    /// It does not.
    Invalid(String),
    /// Nobody can tell: the key could not be looked up.
    Unknown(String),
}

impl Proof {
    /// In words.
    pub fn text(&self) -> String {
        match self {
            Self::Valid => "valid".into(),
            Self::Invalid(why) => format!("not valid: {why}"),
            Self::Unknown(why) => format!("unknown: {why}"),
        }
    }

    fn of(done: Result<(), Flaw>) -> Self {
        match done {
            Ok(()) => Self::Valid,
            Err(flaw) => Self::Invalid(flaw.to_string()),
        }
    }
}

/// One DKIM signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Its domain; empty where the field cannot be read.
    pub domain: String,
    /// Its selector.
    pub selector: String,
    /// How it is signed; `None` where the field cannot be read.
    pub algorithm: Option<Algorithm>,
    /// Bits of an RSA key that was found.
    pub bits: Option<usize>,
    /// Only a part of the body is signed.
    pub is_partial: bool,
    /// Whether it holds.
    pub proof: Proof,
}

impl Checked {
    /// As JSON.
    pub fn json(&self) -> Value {
        json!({
            "type": "signature",
            "domain": self.domain,
            "selector": self.selector,
            "algorithm": self.algorithm.map(Algorithm::name),
            "bits": self.bits,
            "partial": self.is_partial,
            "proof": self.proof.text(),
        })
    }
}

/// The ARC chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Who sealed, the oldest first.
    pub domains: Vec<String>,
    /// Whether it holds.
    pub proof: Proof,
}

/// Checks every DKIM signature of a message.
pub async fn signatures(message: &[u8], resolver: &Resolver, now: i64) -> Vec<Checked> {
    let mut all = Vec::new();
    for (field, read) in signature::signatures(message).into_iter().take(SIGNATURES) {
        all.push(match read {
            Ok(signature) => {
                let (bits, proof) = match key(&signature.key_name(), resolver).await {
                    Ok(key) => {
                        let done = signature.verify(message, &field, &key, now);
                        (key.bits, Proof::of(done))
                    }
                    Err(proof) => (None, proof),
                };
                checked(&signature, bits, proof)
            }
            Err(flaw) => Checked {
                domain: String::new(),
                selector: String::new(),
                algorithm: None,
                bits: None,
                is_partial: false,
                proof: Proof::Invalid(flaw.to_string()),
            },
        });
    }
    all
}

fn checked(signature: &Signature, bits: Option<usize>, proof: Proof) -> Checked {
    Checked {
        domain: signature.domain.clone(),
        selector: signature.selector.clone(),
        algorithm: Some(signature.algorithm),
        bits,
        is_partial: signature.length.is_some(),
        proof,
    }
}

/// Checks the ARC chain of a message; `None` where it has none. Every seal has to hold, and the
/// newest message signature: the older ones were made before the message was changed (RFC 8617
/// section 5.2).
pub async fn chain(message: &[u8], resolver: &Resolver, now: i64) -> Option<Chain> {
    let sets = match signature::arc_sets(message) {
        Ok(sets) => sets,
        Err(flaw) => {
            return Some(Chain { domains: Vec::new(), proof: Proof::Invalid(flaw.to_string()) });
        }
    };
    if sets.is_empty() {
        return None;
    }
    let domains = sets.iter().map(|set| set.domain.clone()).collect();
    Some(Chain { domains, proof: prove(message, &sets, resolver, now).await })
}

async fn prove(message: &[u8], sets: &[ArcSet<'_>], resolver: &Resolver, now: i64) -> Proof {
    for (index, set) in sets.iter().enumerate() {
        let number = index + 1;
        let told = |what: &str, proof: Proof| match proof {
            Proof::Valid => Proof::Valid,
            Proof::Invalid(why) => Proof::Invalid(format!("{what} {number}: {why}")),
            Proof::Unknown(why) => Proof::Unknown(format!("{what} {number}: {why}")),
        };
        let proof = match key(&set.key_name(), resolver).await {
            Ok(key) => Proof::of(signature::verify_seal(message, sets, index, &key)),
            Err(proof) => proof,
        };
        if proof != Proof::Valid {
            return told("seal", proof);
        }
        if number == sets.len() {
            let (field, signature) = &set.signature;
            let proof = match key(&signature.key_name(), resolver).await {
                Ok(key) => Proof::of(signature.verify(message, field, &key, now)),
                Err(proof) => proof,
            };
            if proof != Proof::Valid {
                return told("message signature", proof);
            }
        }
    }
    Proof::Valid
}

/// The key of this name.
async fn key(name: &str, resolver: &Resolver) -> Result<Key, Proof> {
    match resolver.txt(name).await {
        // Of several records the first that is a key counts.
        Answer::Found(records) => {
            let keys: Vec<Result<Key, Flaw>> =
                records.iter().map(|record| Key::read(record)).collect();
            let good = keys.iter().position(Result::is_ok).unwrap_or(0);
            match keys.into_iter().nth(good) {
                Some(Ok(key)) => Ok(key),
                Some(Err(flaw)) => Err(Proof::Invalid(format!("{name}: {flaw}"))),
                None => Err(Proof::Invalid(format!("there is no key {name}"))),
            }
        }
        Answer::NoName | Answer::NoRecord => Err(Proof::Invalid(format!("there is no key {name}"))),
        Answer::Unknown(why) => Err(Proof::Unknown(format!("{name}: {why}"))),
    }
}
