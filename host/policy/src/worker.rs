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
use crate::request::Context;
use crate::tree::Tree;
use crate::{answer, request};
use crosstie_model::facts::PluginFacts;
use crosstie_model::policy::{
    AddressDecision, AddressRequest, AddressVerdict, ConnectionRequest, Denial, FailoverAnswer, FailoverRequest, Grant,
    Hook, Hooks, LinkRequest, Peer, Policy, Refusal, Reply, SessionRequest, Verdict,
};

/// A plugin on this worker.
#[derive(Clone)]
struct Seat {
    plugin: Arc<Plugin>,
    pool: Rc<Pool>,
}

/// What a plugin is asked.
struct Question {
    hook: Hook,
    context: Context,
    request: Tree,
    /// Whose failure it would be.
    peer: Option<IpAddr>,
}

/// What a chain's member said.
enum Said<T> {
    Nothing,
    Decision(T),
    Failed,
}

impl Seat {
    fn new(plugin: Arc<Plugin>) -> Self {
        Self { pool: Rc::new(Pool::new(plugin.clone())), plugin }
    }

    /// Asks one hook. `read` makes the model's decision of the answer.
    async fn ask<T>(&self, question: Question, read: impl FnOnce(&Arc<str>, Tree) -> Result<T, String>) -> Said<T> {
        if !self.plugin.may_ask() {
            return Said::Failed;
        }
        let Question { hook, context, request, peer } = question;
        let begun = Instant::now();
        let request = self.plugin.encode(request);
        match self.call((hook, &request, context), read).await {
            Ok(said) => {
                let has_opinion = matches!(said, Said::Decision(_));
                self.plugin.shared.stats.answered(begun.elapsed(), has_opinion);
                self.plugin.succeeded();
                said
            }
            Err(failure) => {
                if let Some(failure) = failure {
                    self.plugin.failed(export(hook), failure, peer);
                }
                Said::Failed
            }
        }
    }

    /// One deadline covers waiting for an instance and the entry. A call that is dropped, and one that fails, takes its
    /// instance with it. A failure that is reported already is `None`.
    async fn call<T>(
        &self,
        (hook, request, context): (Hook, &[u8], Context),
        read: impl FnOnce(&Arc<str>, Tree) -> Result<T, String>,
    ) -> Result<Said<T>, Option<Failure>> {
        let limits = &self.plugin.settings.limits;
        let (until, ms) = (tokio::time::Instant::now() + limits.deadline, limits.deadline.as_millis());
        let mut lease = match tokio::time::timeout_at(until, self.pool.take()).await {
            Ok(Ok(lease)) => lease,
            Ok(Err(Without::Failed)) => return Err(None),
            Ok(Err(Without::Full)) => return Err(Some(Failure::new(Cause::Busy, "too many calls wait"))),
            Err(_) => return Err(Some(Failure::new(Cause::Busy, format!("no instance within {ms} ms")))),
        };
        let Some(mut instance) = lease.instance.take() else {
            return Ok(Said::Nothing);
        };
        let _running = self.plugin.clock.run();
        let answer = tokio::time::timeout_at(until, instance.ask(hook, request, limits, context)).await;
        let late = |_| Failure::new(Cause::Deadline, format!("no answer within {ms} ms"));
        let said = match answer.map_err(late)?? {
            None => Said::Nothing,
            Some(tree) => Said::Decision(read(&self.plugin.shared.name, tree).map_err(Failure::bad_answer)?),
        };
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
            let known = |plugin: &Arc<Plugin>| seats.1.iter().find(|seat| Arc::ptr_eq(&seat.plugin, plugin)).cloned();
            let plugins = self.chain.plugins();
            let fresh =
                plugins.iter().map(|plugin| known(plugin).unwrap_or_else(|| Seat::new(plugin.clone()))).collect();
            *seats = (generation, fresh);
        }
        seats.1.clone()
    }

    /// Asks all: any deny ends it, and grants merge.
    fn admit(&self, hook: Hook, peer: Peer, request: impl Fn(Context) -> Tree + 'static) -> Reply<Verdict> {
        let seats = self.seats();
        Box::pin(async move {
            let mut granted = Grant::default();
            for seat in asked(&seats, hook).filter(|seat| seat.plugin.settings.only.covers(&peer)) {
                let context = context();
                let request = request(context);
                let question = Question { hook, context, request, peer: Some(peer.remote.ip()) };
                match seat.ask(question, answer::admission).await {
                    Said::Nothing => {}
                    Said::Decision(Verdict::Allow(grant)) => granted.merge(grant),
                    Said::Decision(deny) => {
                        seat.plugin.shared.stats.denied();
                        return deny;
                    }
                    Said::Failed if seat.plugin.settings.on_failure.allows(hook) => {}
                    Said::Failed => return Verdict::Deny(failed(seat)),
                }
            }
            Verdict::Allow(granted)
        })
    }
}

fn asked(seats: &[Seat], hook: Hook) -> impl Iterator<Item = &Seat> {
    seats.iter().filter(move |seat| seat.plugin.hooks.contains(&hook))
}

/// What a peer is told when a plugin failed; why stands in the log.
fn failed(seat: &Seat) -> Denial {
    Denial {
        plugin: seat.plugin.shared.name.clone(),
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

    fn failover(&self, request: FailoverRequest) -> Reply<Option<FailoverAnswer>> {
        let seats = self.seats();
        Box::pin(async move {
            let candidates = request.candidates.len();
            let only = |seat: &&Seat| seat.plugin.settings.only.covers_connector(&request.connector);
            for seat in asked(&seats, Hook::Failover).filter(only) {
                let context = context();
                let request = request::failover(context, &request, seat.plugin.settings.limits.request_bytes);
                let question = Question { hook: Hook::Failover, context, request, peer: None };
                match seat.ask(question, |name, tree| answer::failover(name, candidates, tree)).await {
                    Said::Nothing => {}
                    Said::Decision(answer) => return Some(answer),
                    // `builtin` ends the chain
                    Said::Failed => return None,
                }
            }
            None
        })
    }

    fn connection(&self, request: ConnectionRequest) -> Reply<Verdict> {
        let peer = request.peer.clone();
        self.admit(Hook::Connection, peer, move |context| request::connection(context, request.clone()))
    }

    fn session(&self, request: SessionRequest) -> Reply<Verdict> {
        let peer = request.peer.clone();
        self.admit(Hook::Session, peer, move |context| request::session(context, request.clone()))
    }

    fn link(&self, request: LinkRequest) -> Reply<Verdict> {
        let peer = request.peer.clone();
        self.admit(Hook::Link, peer, move |context| request::link(context, request.clone()))
    }

    fn address(&self, request: AddressRequest) -> Reply<AddressDecision> {
        let seats = self.seats();
        Box::pin(async move {
            let peer = Some(request.peer.remote.ip());
            let (only, occasion) = (|seat: &&Seat| seat.plugin.settings.only.covers(&request.peer), request.occasion);
            for seat in asked(&seats, Hook::Address).filter(only) {
                let context = context();
                let request = request::address(context, request.clone());
                let question = Question { hook: Hook::Address, context, request, peer };
                match seat.ask(question, |name, tree| answer::address(name, occasion, tree)).await {
                    Said::Nothing => {}
                    Said::Decision(decision) => {
                        if matches!(decision.verdict, AddressVerdict::Deny(_)) {
                            seat.plugin.shared.stats.denied();
                        }
                        return decision;
                    }
                    Said::Failed => {
                        let verdict = match seat.plugin.settings.on_failure.address_deny {
                            true => AddressVerdict::Deny(failed(seat)),
                            false => AddressVerdict::BuiltIn,
                        };
                        return AddressDecision { verdict, ttl: Some(Duration::ZERO) };
                    }
                }
            }
            AddressDecision { verdict: AddressVerdict::BuiltIn, ttl: None }
        })
    }
}
