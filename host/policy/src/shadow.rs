//! Shadows: candidates that are asked what a live plugin was asked, once it has answered, and are never obeyed.

use std::cell::Cell;
use std::rc::Rc;

use crosstie_model::trail;
use serde_json::Value;

use crate::answer;
use crate::json::shown_answer;
use crate::reads::Reads;
use crate::request::Context;
use crate::tree::Tree;
use crate::trial::about;
use crate::worker::{Question, Said, Seat};

/// Questions to one shadow that are under way on one worker; those beyond are dropped, and counted.
const UNDER_WAY_MAX: u32 = 4;

/// A shadow on this worker.
#[derive(Clone)]
pub(crate) struct Shadow {
    seat: Seat,
    under_way: Rc<Cell<u32>>,
}

impl Shadow {
    pub(crate) fn new(seat: Seat) -> Self {
        Self { seat, under_way: Rc::default() }
    }

    pub(crate) const fn seat(&self) -> &Seat {
        &self.seat
    }

    /// Asks what the live plugin was asked, beside whatever the worker does next: the whole request, and the answer to it.
    pub(crate) fn follow(&self, question: Question<'_>, whole: Vec<u8>, live: Option<Vec<u8>>) {
        let Question { hook, context, peer, .. } = question;
        if !self.seat.plugin.hooks.contains(&hook) {
            return;
        }
        let under_way = self.under_way.get();
        if under_way >= UNDER_WAY_MAX {
            return self.seat.plugin.shared.stats.dropped();
        }
        self.under_way.set(under_way.saturating_add(1));
        let shadow = self.clone();
        tokio::task::spawn_local(async move {
            // what the host wrote can be read
            let tree = Tree::decode(&whole).unwrap_or(Tree::Null);
            let request = |reads: &Reads| tree.encode(reads);
            shadow.compare(Question { hook, context, request: &request, peer }, &tree, live).await;
            shadow.under_way.set(shadow.under_way.get().saturating_sub(1));
        });
    }

    async fn compare(&self, question: Question<'_>, request: &Tree<'_>, live: Option<Vec<u8>>) {
        let Question { hook, context, .. } = question;
        let about = about(request);
        let mut answer = None;
        let read = |name: &_, said: &[u8]| {
            answer::check(hook, name, about, said)?;
            answer = Some(shown_answer(said));
            Ok(())
        };
        if let Said::Failed(_) = self.seat.ask(question, read).await {
            // it is counted, and logged, as any failure
            return;
        }
        let (live, said) = (live.as_deref().map_or(Value::Null, shown_answer), answer.unwrap_or(Value::Null));
        if said.get("deny").is_some() {
            self.seat.plugin.shared.stats.denied();
        }
        if let Some(unsaid) = self.seat.plugin.shared.stats.compared(live != said) {
            self.tell(hook.as_str(), context, (&live, &said), unsaid);
        }
    }

    /// One difference; `unsaid`: of how many before it the log does not tell.
    fn tell(&self, hook: &str, context: Context, (live, said): (&Value, &Value), unsaid: u64) {
        let mut texts = [live.to_string(), said.to_string()];
        texts.iter_mut().for_each(trail::cut);
        let [live, said] = texts;
        let plugin = &self.seat.plugin;
        tracing::info!(target: "plugin", plugin = &*plugin.shared.name, shadow_of = plugin.settings.shadow, hook,
            sequence = context.sequence, live, shadow = said, unsaid, "shadow differs");
    }
}
