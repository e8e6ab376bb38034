//! One worker's part: instances that are reused, and chains of plugins that are asked.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use crate::chain::Chain;
use crate::instance::{Cause, Failure};
use crate::plugin::{Plugin, context, export};
use crate::pool::{Pool, Without};
use crate::reads::Reads;
use crate::record::{Line, Recorder};
use crate::request::Context;
use crate::shadow::Shadow;
use crate::stats::Stats;
use crate::tape::{Kept, Tape};
use crate::{answer, effect, request};
use crosstie_model::bounds::Bounds;
use crosstie_model::facts::{PluginFacts, RecordFacts};
use crosstie_model::policy::{
    AddressDecision, AddressRequest, AddressVerdict, ConnectionRequest, Denial, FailoverAnswer, FailoverRequest, Grant,
    Hook, Hooks, LinkRequest, Peer, Policy, RecordOrder, Refusal, Reply, SessionRequest, Verdict,
};
use crosstie_model::trail::{self, Step, Trail};

/// A plugin on this worker.
#[derive(Clone)]
pub(crate) struct Seat {
    pub(crate) plugin: Arc<Plugin>,
    pool: Rc<Pool>,
    recorder: Arc<Recorder>,
    /// Asked beside it.
    shadows: Rc<[Shadow]>,
}

/// What of a call is kept beside its answer.
#[derive(Default)]
struct Tap {
    /// For the record: what keys and values answered.
    keeps_uses: bool,
    keeps_answer: bool,
    kept: Kept,
    /// As the guest gave it.
    answer: Option<Vec<u8>>,
}

/// What a plugin is asked.
#[derive(Clone, Copy)]
pub(crate) struct Question<'q> {
    pub(crate) hook: Hook,
    pub(crate) context: Context,
    /// Writes as much of the request as is read.
    pub(crate) request: &'q dyn Fn(&Reads) -> Vec<u8>,
    /// Whose failure it would be.
    pub(crate) peer: Option<IpAddr>,
}

/// What a chain's member said.
pub(crate) enum Said<T> {
    Nothing,
    Decision(T),
    /// Why.
    Failed(String),
}

impl Seat {
    fn new(plugin: &Arc<Plugin>, recorder: &Arc<Recorder>) -> Self {
        let pool = Rc::new(Pool::new(plugin.clone()));
        Self { pool, plugin: plugin.clone(), recorder: recorder.clone(), shadows: Rc::from([]) }
    }

    /// Asks one hook. `read` makes the model's decision of the answer.
    pub(crate) async fn ask<T>(
        &self,
        question: Question<'_>,
        read: impl FnOnce(&Arc<str>, &[u8]) -> Result<T, String>,
    ) -> Said<T> {
        let begun = Instant::now();
        if !self.plugin.may_ask(begun) {
            return Said::Failed("it is not asked: it is in quarantine, or its file is gone".to_owned());
        }
        let Question { hook, context, request, peer } = question;
        let is_recorded = self.recorder.wants(context);
        let keeps_answer = is_recorded || !self.shadows.is_empty();
        let whole = keeps_answer.then(|| request(&Reads::All));
        let mut tap = Tap { keeps_uses: is_recorded, keeps_answer, ..Tap::default() };
        let until = begun + self.plugin.settings.limits.deadline;
        let called = self.call((hook, &request(&self.plugin.wanted), context), until, &mut tap, read).await;
        if let Some(whole) = whole.as_ref().filter(|_| called.is_ok()) {
            self.shadows.iter().for_each(|shadow| shadow.follow(question, whole.clone(), tap.answer.clone()));
        }
        if let Some(request) = whole.filter(|_| is_recorded) {
            let (answer, outcome) = match &called {
                Ok(_) => (Ok(tap.answer.take()), None),
                Err(Some(failure)) => (Err(failure.brief()), Some(failure.cause.as_str())),
                Err(None) => (Err("no instance can be made".to_owned()), Some("busy")),
            };
            let (plugin, took, kept) = (self.plugin.clone(), begun.elapsed(), std::mem::take(&mut tap.kept));
            self.recorder.add(Line { hook, context, request, answer, failure: outcome, took, kept, plugin });
        }
        match called {
            Ok(said) => {
                let has_opinion = matches!(said, Said::Decision(_));
                let now = Instant::now();
                self.plugin.shared.stats.answered(now.duration_since(begun), has_opinion);
                self.plugin.succeeded(now);
                said
            }
            Err(Some(failure)) => {
                let why = failure.brief();
                self.plugin.failed(export(hook), failure, peer);
                Said::Failed(why)
            }
            Err(None) => Said::Failed("no instance can be made".to_owned()),
        }
    }

    /// What it said, for the trail.
    fn step(
        &self,
        hook: Hook,
        context: Context,
        said: trail::Said,
        (note, effect): (Option<&str>, Option<String>),
    ) -> Step {
        let mut texts = [note.map(str::to_owned), effect];
        texts.iter_mut().flatten().for_each(trail::cut);
        let [note, effect] = texts;
        let plugin = self.plugin.shared.name.clone();
        Step { hook, plugin, sequence: context.sequence, at_ms: context.now_ms, said, note, effect }
    }

    /// One deadline covers waiting for an instance and the entry. A call that is dropped, and one that fails, takes its
    /// instance with it. A failure that is reported already is `None`.
    async fn call<T>(
        &self,
        (hook, request, context): (Hook, &[u8], Context),
        until: Instant,
        tap: &mut Tap,
        read: impl FnOnce(&Arc<str>, &[u8]) -> Result<T, String>,
    ) -> Result<Said<T>, Option<Failure>> {
        let limits = &self.plugin.settings.limits;
        let (until, ms) = (tokio::time::Instant::from_std(until), limits.deadline.as_millis());
        let idle = self.pool.idle();
        let has_waited = idle.is_none();
        let leased = match idle {
            Some(lease) => Ok(Ok(lease)),
            None => tokio::time::timeout_at(until, self.pool.wait()).await,
        };
        let mut lease = match leased {
            Ok(Ok(lease)) => lease,
            Ok(Err(Without::Failed)) => return Err(None),
            Ok(Err(Without::Full)) => return Err(Some(Failure::new(Cause::Busy, "too many calls wait"))),
            Err(_) => return Err(Some(Failure::new(Cause::Busy, format!("no instance within {ms} ms")))),
        };
        let Some(mut instance) = lease.instance.take() else {
            return Ok(Said::Nothing);
        };
        if tap.keeps_uses {
            instance.set_tape(Tape::Keeping(Kept::default()));
        }
        // a guest that had less than half of the time is not at fault
        let is_behind = has_waited && until.duration_since(tokio::time::Instant::now()) < limits.deadline / 2;
        let answer = tokio::time::timeout_at(until, instance.ask(hook, request, limits, context)).await;
        let late = |_| match is_behind {
            true => {
                Failure::new(Cause::Busy, format!("no answer within {ms} ms, more than half of it without an instance"))
            }
            false => Failure::new(Cause::Deadline, format!("no answer within {ms} ms")),
        };
        let said = match answer.map_err(late).flatten() {
            Ok(None) => Ok(Said::Nothing),
            Ok(Some(answer)) => {
                tap.answer = tap.keeps_answer.then(|| answer.to_vec());
                read(&self.plugin.shared.name, answer).map(Said::Decision).map_err(Failure::bad_answer)
            }
            Err(failure) => Err(failure),
        };
        if tap.keeps_uses
            && let Tape::Keeping(kept) = instance.set_tape(Tape::Off)
        {
            tap.kept = kept;
        }
        let said = said?;
        lease.instance = Some(instance);
        Ok(said)
    }
}

/// The policy of one worker.
pub(crate) struct Worker {
    chain: Arc<Chain>,
    /// As of this generation of the chain.
    seats: RefCell<(u64, Rc<[Seat]>)>,
}

impl Worker {
    pub(crate) fn new(chain: Arc<Chain>) -> Self {
        Self { chain, seats: RefCell::new((0, Rc::from([]))) }
    }

    /// Who is asked now. Plugins that have not changed keep their instances.
    fn seats(&self) -> Rc<[Seat]> {
        let generation = self.chain.generation();
        let mut seats = self.seats.borrow_mut();
        if seats.0 != generation {
            let before = seats.1.iter().flat_map(|seat| seat.shadows.iter().map(Shadow::seat).chain([seat]));
            let before: Vec<&Seat> = before.collect();
            let seat = |plugin: &Arc<Plugin>| match before.iter().find(|seat| Arc::ptr_eq(&seat.plugin, plugin)) {
                Some(known) => (*known).clone(),
                None => Seat::new(plugin, &self.chain.recorder),
            };
            let plugins = self.chain.plugins();
            let beside = |live: &Arc<Plugin>| {
                let of = |plugin: &&Arc<Plugin>| plugin.settings.shadow.as_deref() == Some(&*live.shared.name);
                plugins.iter().filter(of).map(|plugin| Shadow::new(seat(plugin))).collect()
            };
            let live = plugins.iter().filter(|plugin| plugin.settings.shadow.is_none());
            let fresh = live.map(|plugin| Seat { shadows: beside(plugin), ..seat(plugin) }).collect();
            *seats = (generation, fresh);
        }
        seats.1.clone()
    }

    fn count(&self, plugin: &str, count: fn(&Stats)) {
        if let Some(plugin) = self.chain.plugins().iter().find(|known| &*known.shared.name == plugin) {
            count(&plugin.shared.stats);
        }
    }

    /// Asks all: any deny ends it, and grants merge.
    fn admit<R: 'static>(
        &self,
        hook: Hook,
        request: R,
        peer: fn(&R) -> &Peer,
        write: fn(Context, &R, &Reads) -> Vec<u8>,
    ) -> Reply<(Verdict, Trail)> {
        let seats = self.seats();
        Box::pin(async move {
            let (mut granted, mut trail) = (Grant::default(), Trail::default());
            let peer = peer(&request);
            for seat in asked(&seats, hook).filter(|seat| seat.plugin.settings.only.covers(peer)) {
                let context = context();
                let request = |reads: &Reads| write(context, &request, reads);
                let question = Question { hook, context, request: &request, peer: Some(peer.remote.ip()) };
                let step = |said, more| seat.step(hook, context, said, more);
                match seat.ask(question, answer::admission).await {
                    Said::Nothing => trail.push(step(trail::Said::NoOpinion, (None, None))),
                    Said::Decision(Verdict::Allow(mut grant)) => {
                        let step = step(trail::Said::Allow, (grant.note.as_deref(), effect::of_grant(&grant)));
                        grant.bounds = Bounds::of(&grant.limits, &step);
                        trail.push(step);
                        granted.merge(grant);
                    }
                    Said::Decision(Verdict::Deny(mut denial)) => {
                        denial.sequence = context.sequence;
                        let effect = Some(effect::of_refusal(&denial.refusal));
                        trail.push(step(trail::Said::Deny, (denial.refusal.note.as_deref(), effect)));
                        seat.plugin.shared.stats.denied();
                        return (Verdict::Deny(denial), trail);
                    }
                    Said::Failed(why) => {
                        let allows = seat.plugin.settings.on_failure.allows(hook);
                        let word = if allows { "allow" } else { "deny" };
                        let effect = format!("on-failure {hook}=\"{word}\": {why}", hook = hook.as_str());
                        trail.push(step(trail::Said::Failed, (None, Some(effect))));
                        if !allows {
                            return (Verdict::Deny(failed(seat, context)), trail);
                        }
                    }
                }
            }
            (Verdict::Allow(granted), trail)
        })
    }
}

fn asked(seats: &[Seat], hook: Hook) -> impl Iterator<Item = &Seat> {
    seats.iter().filter(move |seat| seat.plugin.hooks.contains(&hook))
}

/// What a peer is told when a plugin failed; why stands in the log.
fn failed(seat: &Seat, context: Context) -> Denial {
    Denial {
        plugin: seat.plugin.shared.name.clone(),
        sequence: context.sequence,
        refusal: Refusal {
            condition: "amqp:internal-error".to_owned(),
            description: "policy failed".to_owned(),
            note: None,
            info: Vec::new(),
        },
    }
}

impl Policy for Worker {
    fn hooks(&self) -> Arc<Hooks> {
        self.chain.hooks()
    }

    fn plugins(&self) -> Vec<PluginFacts> {
        self.chain.plugins().iter().map(|plugin| plugin.facts()).collect()
    }

    fn record(&self) -> Option<RecordFacts> {
        self.chain.recorder.facts()
    }

    fn contradicted(&self, plugin: &str) {
        self.count(plugin, Stats::contradicted);
    }

    fn denied(&self, plugin: &str) {
        self.count(plugin, Stats::denied);
    }

    fn order_record(&self, order: &RecordOrder) -> Result<(), String> {
        self.chain.recorder.order(order)
    }

    fn failover(&self, request: FailoverRequest) -> Reply<Option<FailoverAnswer>> {
        let seats = self.seats();
        Box::pin(async move {
            let candidates = request.candidates.len();
            let only = |seat: &&Seat| seat.plugin.settings.only.covers_connector(&request.connector);
            for seat in asked(&seats, Hook::Failover).filter(only) {
                let context = context();
                let longest = seat.plugin.settings.limits.request_bytes;
                let request = |reads: &Reads| request::failover(context, &request, longest, reads);
                let question = Question { hook: Hook::Failover, context, request: &request, peer: None };
                match seat.ask(question, |name, answer| answer::failover(name, candidates, answer)).await {
                    Said::Nothing => {}
                    Said::Decision(answer) => return Some(answer),
                    // `builtin` ends the chain
                    Said::Failed(_) => return None,
                }
            }
            None
        })
    }

    fn connection(&self, request: ConnectionRequest) -> Reply<(Verdict, Trail)> {
        self.admit(Hook::Connection, request, |request| &request.peer, request::connection)
    }

    fn session(&self, request: SessionRequest) -> Reply<(Verdict, Trail)> {
        self.admit(Hook::Session, request, |request| &request.peer, request::session)
    }

    fn link(&self, request: LinkRequest) -> Reply<(Verdict, Trail)> {
        self.admit(Hook::Link, request, |request| &request.peer, request::link)
    }

    fn address(&self, request: AddressRequest) -> Reply<(AddressDecision, Trail)> {
        let seats = self.seats();
        Box::pin(async move {
            let mut trail = Trail::default();
            let peer = Some(request.peer.remote.ip());
            let (only, occasion) = (|seat: &&Seat| seat.plugin.settings.only.covers(&request.peer), request.occasion);
            for seat in asked(&seats, Hook::Address).filter(only) {
                let context = context();
                let request = |reads: &Reads| request::address(context, &request, reads);
                let question = Question { hook: Hook::Address, context, request: &request, peer };
                let step = |said, more| seat.step(Hook::Address, context, said, more);
                match seat.ask(question, |name, answer| answer::address(name, occasion, answer)).await {
                    Said::Nothing => trail.push(step(trail::Said::NoOpinion, (None, None))),
                    Said::Decision(mut decision) => {
                        trail.push(match &mut decision.verdict {
                            AddressVerdict::Deny(denial) => {
                                denial.sequence = context.sequence;
                                seat.plugin.shared.stats.denied();
                                let effect = Some(effect::of_refusal(&denial.refusal));
                                step(trail::Said::Deny, (denial.refusal.note.as_deref(), effect))
                            }
                            AddressVerdict::Apply { ruling, .. } => {
                                step(trail::Said::Apply, (ruling.note.as_deref(), effect::of_ruling(ruling)))
                            }
                            AddressVerdict::BuiltIn => step(trail::Said::NoOpinion, (None, None)),
                        });
                        return (decision, trail);
                    }
                    Said::Failed(why) => {
                        let denies = seat.plugin.settings.on_failure.address_deny;
                        let word = if denies { "deny" } else { "builtin" };
                        let effect = format!("on-failure address=\"{word}\": {why}");
                        trail.push(step(trail::Said::Failed, (None, Some(effect))));
                        let verdict = match denies {
                            true => AddressVerdict::Deny(failed(seat, context)),
                            false => AddressVerdict::BuiltIn,
                        };
                        return (AddressDecision { verdict, ttl: Some(Duration::ZERO) }, trail);
                    }
                }
            }
            (AddressDecision { verdict: AddressVerdict::BuiltIn, ttl: None }, trail)
        })
    }
}
