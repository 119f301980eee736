//! Where fetched messages go. A target confirms in batches: what it has not confirmed may be
//! lost with the machine, and is never reported as fetched.

use async_trait::async_trait;
use base64::Engine as _;
use serde_json::json;

use crate::message::{headers, words};
use crate::store::maildir;
use crate::store::{Error, Meta, Result, Sink, eml, mbox};
use crate::ui::{Exit, Failure, Output, output};

/// What a target did with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Taken {
    /// It took it.
    Yes,
    /// It did not, and may take it another time.
    Later,
    /// It did not, and will not take it as it is.
    Refused,
}

/// Takes messages, and makes them stable when told to.
#[async_trait(?Send)]
pub trait Target: Sink {
    /// What was taken since the last commit is there to stay when this answers.
    async fn commit(&mut self) -> Result<()>;

    /// What was taken before the last call is there to stay when this answers; what was taken
    /// since then may still be on its way. For targets that can take more meanwhile.
    async fn settle(&mut self) -> Result<()> {
        self.commit().await
    }

    /// What became of the message that ended last, as far as the target is asked message by
    /// message.
    fn taken(&self) -> Taken {
        Taken::Yes
    }

    /// Whether each message has its effect when it ends, which nothing takes back: that it was
    /// taken is written down at once.
    fn acts_at_once(&self) -> bool {
        false
    }

    /// No more will come.
    async fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

/// A Maildir.
pub struct IntoMaildir(pub maildir::Writer);

#[async_trait(?Send)]
impl Sink for IntoMaildir {
    async fn begin(&mut self, message: &Meta) -> Result<()> {
        self.0.begin(message).await
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<()> {
        self.0.write(octets)
    }

    async fn end(&mut self, message: &Meta) -> Result<()> {
        self.0.end(message).await
    }
}

#[async_trait(?Send)]
impl Target for IntoMaildir {
    async fn commit(&mut self) -> Result<()> {
        self.0.commit().await.map(|_| ())
    }

    async fn settle(&mut self) -> Result<()> {
        self.0.begin_commit().await
    }
}

/// An mbox.
pub struct IntoMbox(pub mbox::Appender);

#[async_trait(?Send)]
impl Sink for IntoMbox {
    async fn begin(&mut self, message: &Meta) -> Result<()> {
        self.0.start(message)
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<()> {
        self.0.write(octets)
    }

    async fn end(&mut self, _: &Meta) -> Result<()> {
        self.0.close()
    }
}

#[async_trait(?Send)]
impl Target for IntoMbox {
    async fn commit(&mut self) -> Result<()> {
        self.0.commit().await.map(|_| ())
    }
}

/// A folder of .eml files, each named by its message's id.
pub struct IntoEml(pub eml::Writer);

#[async_trait(?Send)]
impl Sink for IntoEml {
    async fn begin(&mut self, message: &Meta) -> Result<()> {
        self.0.begin(message).await
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<()> {
        self.0.write(octets)
    }

    async fn end(&mut self, message: &Meta) -> Result<()> {
        self.0.end(message).await
    }
}

#[async_trait(?Send)]
impl Target for IntoEml {
    async fn commit(&mut self) -> Result<()> {
        self.0.commit().await.map(|_| ())
    }
}

/// stdout: the octets as they are.
pub struct Raw<'o>(pub &'o mut Output);

#[async_trait(?Send)]
impl Sink for Raw<'_> {
    async fn begin(&mut self, _: &Meta) -> Result<()> {
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<()> {
        self.0.content(octets).map_err(failed)
    }

    async fn end(&mut self, _: &Meta) -> Result<()> {
        Ok(())
    }
}

#[async_trait(?Send)]
impl Target for Raw<'_> {
    async fn commit(&mut self) -> Result<()> {
        self.0.flush().map_err(failed)
    }
}

/// An output error as a store's: a reader that went away is no failure.
pub fn failed(error: output::Error) -> Error {
    match error {
        output::Error::Closed => Error::OutputClosed,
        error @ output::Error::Io(_) => Error::Caller(Box::new(error)),
    }
}

/// stdout as an mbox, for several whole messages.
pub struct AsMbox<'o>(pub mbox::Writer<OutputWriter<'o>>);

/// Lets a format's writer write to the output.
pub struct OutputWriter<'o>(pub &'o mut Output);

impl std::io::Write for OutputWriter<'_> {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.content(octets).map_err(io)?;
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush().map_err(io)
    }
}

fn io(error: output::Error) -> std::io::Error {
    match error {
        output::Error::Closed => std::io::ErrorKind::BrokenPipe.into(),
        output::Error::Io(error) => error,
    }
}

fn of_writer(error: std::io::Error) -> Error {
    failed(output::Error::from(error))
}

#[async_trait(?Send)]
impl Sink for AsMbox<'_> {
    async fn begin(&mut self, message: &Meta) -> Result<()> {
        let flags = message.flags.clone().unwrap_or_default();
        self.0.start(message.received, &flags).map_err(of_writer)
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<()> {
        self.0.write(octets).map_err(of_writer)
    }

    async fn end(&mut self, _: &Meta) -> Result<()> {
        self.0.close().map_err(of_writer)
    }
}

#[async_trait(?Send)]
impl Target for AsMbox<'_> {
    async fn commit(&mut self) -> Result<()> {
        // What is only buffered is not delivered: the source is touched after this.
        self.0.flush().map_err(of_writer)
    }
}

/// stdout as JSON Lines.
pub struct AsJson<'o> {
    out: &'o mut Output,
    /// Names a message.
    reference: Box<dyn Fn(&crate::store::Id) -> String + 'o>,
    /// Only the header is fetched: it is taken apart.
    headers: bool,
    held: Vec<u8>,
    octets: u64,
}

impl<'o> AsJson<'o> {
    /// `reference` names a message; `headers` takes what comes apart as header fields.
    pub fn new(
        out: &'o mut Output,
        reference: Box<dyn Fn(&crate::store::Id) -> String + 'o>,
        headers: bool,
    ) -> Self {
        Self { out, reference, headers, held: Vec::new(), octets: 0 }
    }
}

/// Octets of base64 that are encoded at a time, a multiple of three.
const ENCODE_OCTETS: usize = 48 * 1024;

#[async_trait(?Send)]
impl Sink for AsJson<'_> {
    async fn begin(&mut self, message: &Meta) -> Result<()> {
        self.held.clear();
        self.octets = 0;
        if !self.headers {
            let reference = (self.reference)(&message.id);
            self.out.octets(b"{\"reference\":").map_err(failed)?;
            self.out.json_piece(&reference).map_err(failed)?;
            self.out.octets(b",\"content\":\"").map_err(failed)?;
        }
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<()> {
        self.octets += octets.len() as u64;
        self.held.extend_from_slice(octets);
        if !self.headers {
            let whole = self.held.len() / ENCODE_OCTETS * ENCODE_OCTETS;
            let text = base64::engine::general_purpose::STANDARD.encode(&self.held[..whole]);
            self.out.octets(text.as_bytes()).map_err(failed)?;
            self.held.drain(..whole);
        }
        Ok(())
    }

    async fn end(&mut self, message: &Meta) -> Result<()> {
        let flags: Option<Vec<&str>> = message
            .flags
            .as_ref()
            .map(|flags| flags.iter().map(crate::store::Flag::name).collect());
        let received = message.received.map(|received| {
            crate::base::date::Zoned {
                seconds: received.seconds,
                offset_seconds: received.offset_seconds,
            }
            .message()
        });
        if self.headers {
            let fields: Vec<[String; 2]> = headers::fields(&self.held)
                .map(|field| {
                    [
                        String::from_utf8_lossy(field.name).into_owned(),
                        words::decode(&field.unfolded()),
                    ]
                })
                .collect();
            let object = json!({
                "reference": (self.reference)(&message.id),
                "headers": fields,
                "flags": flags,
                "received": received,
            });
            return self.out.json(&object).map_err(failed);
        }
        let text = base64::engine::general_purpose::STANDARD.encode(&self.held);
        self.out.octets(format!("{text}\",\"flags\":").as_bytes()).map_err(failed)?;
        self.out.json_piece(&flags).map_err(failed)?;
        self.out
            .octets(format!(",\"octets\":{},\"received\":", self.octets).as_bytes())
            .map_err(failed)?;
        self.out.json_piece(&received).map_err(failed)?;
        self.out.octets(b"}\n").map_err(failed)
    }
}

#[async_trait(?Send)]
impl Target for AsJson<'_> {
    async fn commit(&mut self) -> Result<()> {
        self.out.flush().map_err(failed)
    }
}

/// All targets, of which those in `wanted` get the messages.
pub struct All<'t> {
    /// The targets.
    pub targets: Vec<Box<dyn Target + 't>>,
    /// Those that get what comes now.
    pub wanted: Lacking,
    /// Those that have taken the message that ended last, or was about to where one failed.
    pub ended: Lacking,
}

/// A set of targets by their numbers: those that lack a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lacking(u64);

/// Targets that one run can have.
pub const TARGETS: usize = 64;

impl Lacking {
    /// None of them.
    pub const NONE: Self = Self(0);

    /// The first `count` targets.
    pub fn all(count: usize) -> Self {
        Self((0..count.min(TARGETS)).fold(0, |set, number| set | 1 << number))
    }

    /// With this target, too.
    pub fn with(self, number: usize) -> Self {
        Self(self.0 | 1 << number)
    }

    /// Without these.
    pub fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Whether this target is among them.
    pub fn has(self, number: usize) -> bool {
        self.0 >> number & 1 == 1
    }
}

impl<'t> All<'t> {
    /// The targets that get what comes now.
    fn wanted(&mut self) -> impl Iterator<Item = &mut Box<dyn Target + 't>> {
        let wanted = self.wanted;
        let numbered = self.targets.iter_mut().enumerate();
        numbered.filter(move |(number, _)| wanted.has(*number)).map(|(_, target)| target)
    }

    /// Of those that were to get the message that ended last, those that took it; and the
    /// worst that any of them did.
    pub fn taken(&self) -> (Lacking, Taken) {
        let mut taken = (Lacking::NONE, Taken::Yes);
        for (number, target) in self.targets.iter().enumerate() {
            if self.wanted.has(number) {
                match target.taken() {
                    Taken::Yes => taken.0 = taken.0.with(number),
                    other => taken.1 = taken.1.max(other),
                }
            }
        }
        taken
    }

    /// Those of these targets on which a message acts at once.
    pub fn at_once(&self, taken: Lacking) -> Lacking {
        let numbered = self.targets.iter().enumerate();
        numbered
            .filter(|(number, target)| taken.has(*number) && target.acts_at_once())
            .fold(Lacking::NONE, |all, (number, _)| all.with(number))
    }

    /// Ends all of them.
    ///
    /// # Errors
    /// The first that one has.
    pub async fn finish(&mut self) -> Result<()> {
        for target in &mut self.targets {
            target.finish().await.map_err(at_target)?;
        }
        Ok(())
    }

    /// What was taken before the last call is there to stay when this answers.
    ///
    /// # Errors
    /// The first that a target has.
    pub async fn settle(&mut self) -> Result<()> {
        for target in &mut self.targets {
            target.settle().await.map_err(at_target)?;
        }
        Ok(())
    }

    /// What was taken since the last commit is there to stay when this answers.
    ///
    /// # Errors
    /// The first that a target has.
    pub async fn commit(&mut self) -> Result<()> {
        for target in &mut self.targets {
            target.commit().await.map_err(at_target)?;
        }
        Ok(())
    }
}

/// A target that cannot be written is told apart from a source that cannot be read: what is
/// missing here could not be made.
pub fn at_target(error: Error) -> Error {
    match error {
        Error::File { path, source } if source.kind() == std::io::ErrorKind::NotFound => {
            let message = format!("cannot make {path}: {source}");
            Error::Caller(Box::new(Failure::new(Exit::CantCreate, message)))
        }
        other => other,
    }
}

#[async_trait(?Send)]
impl Sink for All<'_> {
    async fn begin(&mut self, message: &Meta) -> Result<()> {
        self.ended = Lacking::NONE;
        for target in self.wanted() {
            target.begin(message).await.map_err(at_target)?;
        }
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<()> {
        for target in self.wanted() {
            target.chunk(octets).await.map_err(at_target)?;
        }
        Ok(())
    }

    async fn end(&mut self, message: &Meta) -> Result<()> {
        let wanted = self.wanted;
        let numbered = self.targets.iter_mut().enumerate();
        for (number, target) in numbered.filter(|(number, _)| wanted.has(*number)) {
            target.end(message).await.map_err(at_target)?;
            if target.taken() == Taken::Yes {
                self.ended = self.ended.with(number);
            }
        }
        Ok(())
    }
}
