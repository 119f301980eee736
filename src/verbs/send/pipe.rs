//! A message given to a command instead of a server.

use std::os::fd::AsFd as _;
use std::process::Stdio;

use anyhow::Result;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{ChildStdin, Command};

use super::deliver::Told;
use super::fit::{self, Route};
use super::plan::Plan;
use super::signing;
use crate::base::dot::LineEnds;
use crate::message::dkim::Signer;
use crate::net::Stop;
use crate::store::line_ends::{self, Converter};
use crate::store::{Body as _, Delivery, Fate};
use crate::ui::{Exit, Failure};

/// Octets that a command is given at a time.
const BLOCK_OCTETS: usize = 64 * 1024;

/// Runs `command` by the shell with the recipients as `$1` and on, `SENDER` in its environment,
/// and the message on its standard input, signed, lines ended by LF unless it is sent as it is. What
/// it prints goes to our stderr. When the run is to end, so is the command (SIGTERM), and nobody
/// knows what it has done by then.
///
/// # Errors
/// [`Failure`]: 65 for a message that cannot be made fit or signed, 70 when no shell can be started.
pub async fn hand_over(
    command: &str,
    plan: &mut Plan,
    signers: &[Signer],
    inspect: impl Fn(&Plan) -> Result<()>,
    stop: &Stop,
) -> Result<Vec<Told>> {
    fit::fit(plan, Route::OPEN)?;
    inspect(plan)?;
    signing::sign(plan, signers)?;
    let stderr = std::io::stderr().as_fd().try_clone_to_owned().map_err(|error| {
        Failure::new(Exit::Io, format!("stderr cannot be given to the command: {error}"))
    })?;
    let mut child = Command::new("/bin/sh")
        .args(["-c", command, "sh"])
        .args(&plan.envelope.recipients)
        .env("SENDER", &plan.envelope.sender)
        .env_remove("PILLARBOX_PASSWORD")
        .stdin(Stdio::piped())
        .stdout(Stdio::from(stderr))
        .spawn()
        .map_err(|error| {
            Failure::new(Exit::Software, format!("the command cannot be run: {error}"))
        })?;
    let stdin = child.stdin.take();
    let working = async {
        if let Some(stdin) = stdin {
            feed(stdin, plan).await?;
        }
        child.wait().await.map_err(|error| {
            let message = format!("the command's end cannot be told: {error}");
            anyhow::Error::from(Failure::new(Exit::Software, message))
        })
    };
    let worked = tokio::select! {
        biased;
        worked = working => Ok(worked?),
        cause = stop.stopped() => Err(cause),
    };
    let status = match worked {
        Ok(status) => status,
        Err(cause) => {
            let child = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
            if let Some(child) = child {
                // It may have ended just now.
                let _ = kill_process(child, Signal::TERM);
            }
            let text = format!("{cause}; what the command had done by then is not known");
            return Ok(all(plan, Fate::Unknown, None, &text));
        }
    };
    let (state, enhanced, text) = match status.code() {
        Some(0) => (Fate::Delivered, None, "the command took it".to_owned()),
        Some(75) => (Fate::Temporary, None, "the command ended with 75".to_owned()),
        // RFC 3463 section 3.2, as sysexits.h has it.
        Some(67) => (Fate::Permanent, Some("5.1.1"), "the command ended with 67".to_owned()),
        Some(code) => (Fate::Permanent, None, format!("the command ended with {code}")),
        None => (Fate::Unknown, None, format!("the command was ended: {status}")),
    };
    Ok(all(plan, state, enhanced, &text))
}

/// Gives the command its input. One that has read enough may be gone: its exit code tells.
async fn feed(mut stdin: ChildStdin, plan: &mut Plan) -> Result<()> {
    let ends = match plan.line_ends {
        LineEnds::Canonical => line_ends::LineEnds::Lf,
        LineEnds::Verbatim | LineEnds::VerbatimUnsafe => line_ends::LineEnds::AsIs,
    };
    let mut converter = Converter::new(ends);
    let (mut block, mut out) = (vec![0; BLOCK_OCTETS], Vec::new());
    plan.message.rewind()?;
    loop {
        out.clear();
        let count = plan.message.read(&mut block).await?;
        match count {
            0 => converter.finish(&mut out),
            count => converter.push(&block[..count], &mut out),
        }
        if stdin.write_all(&out).await.is_err() || count == 0 {
            return Ok(());
        }
    }
}

fn all(plan: &Plan, state: Fate, enhanced: Option<&str>, text: &str) -> Vec<Told> {
    let recipients = plan.envelope.recipients.iter();
    recipients
        .map(|recipient| Told {
            delivery: Delivery {
                recipient: recipient.clone(),
                state,
                stage: "body",
                code: None,
                enhanced: enhanced.map(str::to_owned),
                text: text.to_owned(),
            },
            queue_id: None,
            times: None,
            reached: None,
        })
        .collect()
}
