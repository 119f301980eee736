//! Futures of one task, run together.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// Runs all of them, and gives their outcomes in their order. Meant for some dozens: each is
/// polled whenever one wakes. Cancel-safe where the futures are.
pub async fn together<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<Option<Pin<Box<F>>>> =
        futures.into_iter().map(|future| Some(Box::pin(future))).collect();
    let mut done: Vec<Option<F::Output>> = waiting.iter().map(|_| None).collect();
    poll_fn(|context| {
        let mut is_over = true;
        for (slot, outcome) in waiting.iter_mut().zip(&mut done) {
            let Some(future) = slot else { continue };
            match future.as_mut().poll(context) {
                Poll::Ready(value) => {
                    *outcome = Some(value);
                    *slot = None;
                }
                Poll::Pending => is_over = false,
            }
        }
        if is_over { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[tokio::test(flavor = "current_thread")]
    async fn they_run_together_and_keep_their_order() {
        let begun = Instant::now();
        let waits = [40u64, 20, 30].map(|ms| async move {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            ms
        });
        assert_eq!(together(waits).await, [40, 20, 30]);
        assert!(begun.elapsed() < Duration::from_millis(85));
        assert!(together(Vec::<std::future::Ready<u8>>::new()).await.is_empty());
    }
}
