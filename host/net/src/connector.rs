//! Connectors: one task for each, which dials what failover says and serves what it reached.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use crosstie_model::facts::ConnectorStatus;
use crosstie_model::host_port;
use crosstie_model::policy::{FailoverAnswer, FailoverRequest, Hook};
use crosstie_model::settings::Connector;
use crosstie_router::failover::{Dial, Failover, Failure, Step};
use tokio::time::Instant;

use crate::dialled::{Dialled, News, Opened};
use crate::status::Watched;
use crate::worker::Worker;

/// Keeps a connector connected until it is stopped, or the worker closes.
pub(crate) async fn run(worker: Rc<Worker>, mut connector: Connector, watched: Watched) {
    let mut failover = Failover::new(&connector, RandomState::new().hash_one(&connector.name));
    loop {
        keep(&worker, connector, &watched, &mut failover).await;
        match watched.take_other() {
            Some(other) if !worker.is_closing() => connector = other,
            _ => return,
        }
        failover.change(worker.clock(), &connector);
        watched.set_progress(&failover);
    }
}

/// Keeps it connected as it is configured now. One that changes while it is connected goes on from there.
async fn keep(worker: &Rc<Worker>, connector: Connector, watched: &Watched, failover: &mut Failover) {
    let mut connector = Rc::new(connector);
    let name: Arc<str> = connector.name.as_str().into();
    while !worker.is_closing() && !watched.is_ordered() {
        match failover.poll(worker.clock()) {
            Step::Ask(request) => {
                let answer = ask(worker, request).await;
                failover.handle_answer(worker.clock(), answer);
                watched.set_progress(failover);
            }
            Step::Wait(until) => {
                tokio::select! {
                    () = tokio::time::sleep_until(worker.instant(until)) => {}
                    () = worker.closing.notified() => {}
                    () = watched.ordered() => {}
                }
            }
            Step::Dial(dial) => {
                let endpoint = host_port(&dial.host, dial.port);
                tracing::debug!(target: "connector", connector = &*name, endpoint, "dialling");
                watched.set_status(ConnectorStatus::Connecting);
                watched.set_progress(failover);
                let begin = Dialled::begin(worker, (&connector, watched.edition()), &dial);
                let begun = tokio::select! {
                    begun = begin => begun,
                    () = watched.ordered() => Err("the connector was changed".to_owned().into()),
                };
                match begun {
                    // it is not to be there any more
                    Err(Failure { error, .. }) if worker.is_closing() || watched.is_ordered() => {
                        tracing::debug!(target: "connector", connector = &*name, endpoint, error, "the dial is left");
                        return;
                    }
                    Ok(dialled) => serve(worker, (&mut connector, watched), dialled, failover).await,
                    Err(failure) => {
                        tell_failed((&name, watched), &endpoint, None, &failure);
                        failover.handle_failed(worker.clock(), failure);
                        watched.set_progress(failover);
                    }
                }
            }
            // every step of this loop ends in an answer, a failure or a loss
            Step::Idle => {
                tracing::error!(target: "connector", connector = &*name, "failover is idle without a connection");
                failover.give_up(worker.clock());
            }
        }
    }
}

async fn ask(worker: &Worker, request: FailoverRequest) -> Option<FailoverAnswer> {
    if !worker.policy.serves(Hook::Failover) {
        return None;
    }
    let connector = request.connector.clone();
    let answer = worker.policy.failover(request).await?;
    let picks = answer.order.len();
    let (plugin, note) = (&*answer.plugin, answer.note.as_deref());
    tracing::info!(target: "connector", connector = &*connector, plugin, picks, note, "failover ordered");
    Some(answer)
}

/// A connection that is to take the place of one that works; the endpoint is for when it cannot.
type Successor = (String, Pin<Box<dyn Future<Output = Result<(Dialled, Opened), Failure>>>>);

/// Serves a connection to its end, or those that take its place.
async fn serve(
    worker: &Rc<Worker>,
    (connector, watched): (&mut Rc<Connector>, &Watched),
    mut dialled: Dialled,
    failover: &mut Failover,
) {
    let name: &str = &connector.name.clone();
    let mut back: Option<Successor> = None;
    loop {
        let wait = go_back(worker, (connector, watched), failover, &mut back).await;
        let outcome = async {
            match &mut back {
                Some((_, successor)) => successor.await,
                None => std::future::pending().await,
            }
        };
        let due = async {
            match wait {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            news = dialled.news() => match news {
                News::Opened((clock, opened)) => {
                    failover.handle_opened(clock, opened);
                    watched.set(ConnectorStatus::Success, Some(dialled.text()));
                    watched.set_progress(failover);
                }
                News::Over(failure) => return tell_over(worker, (name, watched), &dialled, failure, failover),
            },
            () = watched.stopped() => {
                tracing::info!(target: "connector", connector = name, endpoint = dialled.endpoint, "connection closed");
                return dialled.close("the connector was deleted");
            }
            () = watched.ordered(), if failover.is_connected() => if let Some(other) = watched.take_other() {
                // what is dialled by what no longer holds is left
                back = None;
                failover.change(worker.clock(), &other);
                *connector = Rc::new(other);
                watched.set_progress(failover);
            },
            outcome = outcome => {
                let endpoint = back.take().map(|(endpoint, _)| endpoint).unwrap_or_default();
                match outcome {
                    Ok((successor, (clock, opened))) => {
                        failover.handle_opened(clock, opened);
                        watched.set(ConnectorStatus::Success, Some(successor.text()));
                        watched.set_progress(failover);
                        tokio::task::spawn_local(std::mem::replace(&mut dialled, successor).retire(watched.clone()));
                    }
                    Err(failure) => {
                        let Failure { error, condition, .. } = &failure;
                        tracing::info!(target: "connector", connector = name, endpoint, error, condition, "the better one is not there yet");
                        failover.handle_failed(worker.clock(), failure);
                        watched.set_progress(failover);
                    }
                }
            }
            () = due => {}
        }
    }
}

/// Dials a better endpoint beside the connection when it is time; says when it is to be looked at again.
async fn go_back(
    worker: &Rc<Worker>,
    (connector, watched): (&Rc<Connector>, &Watched),
    failover: &mut Failover,
    back: &mut Option<Successor>,
) -> Option<Instant> {
    while failover.is_connected() && back.is_none() {
        match failover.poll(worker.clock()) {
            Step::Ask(request) => {
                let answer = ask(worker, request).await;
                failover.handle_answer(worker.clock(), answer);
            }
            Step::Dial(dial) => {
                let endpoint = host_port(&dial.host, dial.port);
                tracing::debug!(target: "connector", connector = connector.name, endpoint, "dialling a better one");
                watched.set_progress(failover);
                let successor = succeed(worker.clone(), (connector.clone(), watched.edition()), dial);
                *back = Some((endpoint, Box::pin(successor)));
            }
            Step::Wait(until) => return Some(worker.instant(until)),
            Step::Idle => return None,
        }
    }
    None
}

/// Dials an endpoint, and answers when it can do what the connection does that it is to follow.
async fn succeed(
    worker: Rc<Worker>,
    (connector, edition): (Rc<Connector>, u64),
    dial: Dial,
) -> Result<(Dialled, Opened), Failure> {
    let dialled = Dialled::begin(&worker, (&connector, edition), &dial).await?;
    let opened = match dialled.news().await {
        News::Opened(opened) => opened,
        News::Over(failure) => return Err(failure),
    };
    dialled.ready().await?;
    Ok((dialled, opened))
}

fn tell_over(
    worker: &Worker,
    (name, watched): (&str, &Watched),
    dialled: &Dialled,
    failure: Failure,
    failover: &mut Failover,
) {
    let endpoint = dialled.endpoint.as_str();
    if worker.is_closing() {
        let error = failure.error;
        tracing::debug!(target: "connector", connector = name, endpoint, error, "the connection is left");
        return;
    }
    if !failover.is_connected() {
        tell_failed((name, watched), endpoint, Some(dialled.id()), &failure);
        failover.handle_failed(worker.clock(), failure);
        return watched.set_progress(failover);
    }
    let Failure { error, condition, .. } = &failure;
    watched.set(ConnectorStatus::Failed, Some(failed_text(endpoint, Some(dialled.id()), &failure)));
    tracing::warn!(target: "connector", connector = name, endpoint, error, condition, "connection lost");
    failover.handle_lost(worker.clock(), failure);
    watched.set_progress(failover);
}

fn tell_failed((name, watched): (&str, &Watched), endpoint: &str, id: Option<u64>, failure: &Failure) {
    let Failure { error, condition, .. } = failure;
    watched.set(ConnectorStatus::Failed, Some(failed_text(endpoint, id, failure)));
    tracing::warn!(target: "connector", connector = name, endpoint, error, condition, "cannot connect");
}

/// Source: the reference, 1.3.2, `connectionMsg`.
fn failed_text(endpoint: &str, id: Option<u64>, Failure { error, condition, .. }: &Failure) -> String {
    let id = id.map(|id| format!("[C{id}] ")).unwrap_or_default();
    let condition = condition.as_ref().map(|condition| format!("{condition} ")).unwrap_or_default();
    format!("{id}Connection to {endpoint} failed: {condition}{error}")
}
