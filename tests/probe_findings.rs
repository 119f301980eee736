//! The catalogue of `probe`, one by one: servers, domains, messages and transcripts with a fault
//! made on purpose, and the same without it. `src/verbs/probe/catalogue.rs` reads these files
//! and fails for a finding that is not both produced and shown absent in one of them.

mod support;

#[path = "probe_findings/domains.rs"]
mod domains;
#[path = "probe_findings/hidden.rs"]
mod hidden;
#[path = "probe_findings/mail.rs"]
mod mail;
#[path = "probe_findings/messages.rs"]
mod messages;
#[path = "probe_findings/tls.rs"]
mod tls;

/// Does the same with each of a list, a few at a time: most of what a probe does is waiting.
fn each<T: Sync>(list: &[T], act: impl Fn(&T) + Sync) {
    const TOGETHER: usize = 4;
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..TOGETHER.min(list.len()) {
            scope.spawn(|| {
                while let Some(one) =
                    list.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
                {
                    act(one);
                }
            });
        }
    });
}
