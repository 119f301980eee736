//! What only some runs wait for, kept off the stack of the others.

use std::pin::Pin;

/// The future on the heap, made in a stack frame of its own.
///
/// An `async fn` is as large as the largest future that it may wait for, its frame has room for all
/// of them, and each page of that is touched by whoever comes by. Behind this, a large future of a
/// rare branch costs those runs that take the branch.
#[inline(never)]
pub fn apart<'f, F: Future + 'f>(
    make: impl FnOnce() -> F,
) -> Pin<Box<dyn Future<Output = F::Output> + 'f>> {
    Box::pin(make())
}
