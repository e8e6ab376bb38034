//! A word from one task to another of the same thread: that there is something to do.

use std::cell::{Cell, RefCell};
use std::task::{Context, Poll, Waker};

/// Wakes the one task that waits for it; said before that task waits, it does not wait.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    is_said: Cell<bool>,
    waiting: RefCell<Option<Waker>>,
}

impl Signal {
    /// However often it is said, it is heard once.
    pub(crate) fn say(&self) {
        if !self.is_said.replace(true)
            && let Some(waiting) = &*self.waiting.borrow()
        {
            waiting.wake_by_ref();
        }
    }

    pub(crate) fn poll(&self, context: &Context<'_>) -> Poll<()> {
        if self.is_said.take() {
            return Poll::Ready(());
        }
        let mut waiting = self.waiting.borrow_mut();
        match &mut *waiting {
            Some(waiting) => waiting.clone_from(context.waker()),
            None => *waiting = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    /// Until it is said.
    pub(crate) async fn heard(&self) {
        std::future::poll_fn(|context| self.poll(context)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use tokio::task::LocalSet;

    use super::*;

    #[tokio::test]
    async fn what_is_said_is_heard_once() {
        let run = async {
            let signal = Rc::new(Signal::default());
            signal.say();
            signal.say();
            signal.heard().await;
            let heard = Rc::new(Cell::new(0));
            let (theirs, count) = (signal.clone(), heard.clone());
            let listener = tokio::task::spawn_local(async move {
                for _ in 0..2 {
                    theirs.heard().await;
                    count.set(count.get() + 1);
                }
            });
            tokio::task::yield_now().await;
            assert_eq!(heard.get(), 0);
            signal.say();
            signal.say();
            tokio::task::yield_now().await;
            assert_eq!(heard.get(), 1);
            signal.say();
            listener.await.expect("it hears twice");
        };
        LocalSet::new().run_until(run).await;
    }
}
