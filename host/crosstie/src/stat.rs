//! `crosstie stat`: what a running router says about itself, as tables or JSON.

pub(crate) mod ask;
mod cell;
mod row;
mod view;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use fe2o3_amqp::session::SessionHandle;
use thiserror::Error;

use self::ask::Node;
use self::view::View;
use crate::client::{BusArgs, Fault};

/// For all questions together.
const DEADLINE: Duration = Duration::from_secs(10);

/// What is asked, and where. No `Debug`: the password is a secret.
#[derive(Args)]
pub(crate) struct StatArgs {
    /// What to show.
    #[arg(value_enum, default_value_t = What::General)]
    what: What,
    /// The same as `plugins`.
    #[arg(long, conflicts_with = "what")]
    plugins: bool,
    #[command(flatten)]
    bus: BusArgs,
    /// JSON instead of a table: every attribute, by the names of the management model.
    #[arg(long)]
    json: bool,
}

/// What can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// The router itself: what it is, and what went through it.
    General,
    /// Connections.
    Connections,
    /// Links.
    Links,
    /// Addresses that somebody uses.
    Addresses,
    /// Rules for addresses.
    AddressRules,
    /// Auto-links.
    AutoLinks,
    /// Link routes.
    LinkRoutes,
    /// Listeners.
    Listeners,
    /// Connectors, and how they fare.
    Connectors,
    /// What is written to the log.
    Log,
    /// TLS profiles: their files, and when their certificates expire.
    Tls,
    /// Policy plugins: what they decided, and how they fare.
    Plugins,
}

/// Why nothing is shown.
#[derive(Debug, Error)]
pub(crate) enum StatFault {
    /// The router cannot be reached.
    #[error(transparent)]
    Client(#[from] Fault),
    /// The router refuses.
    #[error("{status}: {description}")]
    Refused { status: i32, description: String },
    /// The reply is none of a management node.
    #[error("the reply makes no sense: {0}")]
    Reply(&'static str),
}

impl StatFault {
    pub(crate) fn exit_status(&self) -> u8 {
        match self {
            Self::Client(fault) => fault.exit_status(),
            Self::Refused { .. } | Self::Reply(_) => 1,
        }
    }
}

/// Asks, and prints. Exit status 1: the router could not be asked, or refuses; 2: wrong options.
pub(crate) fn stat(args: &StatArgs) -> ExitCode {
    match ask(args) {
        Ok(text) => {
            crate::print(&text);
            ExitCode::SUCCESS
        }
        Err(fault) => {
            crate::configuration::say(&format!("error: {fault}\n"));
            ExitCode::from(fault.exit_status())
        }
    }
}

fn ask(args: &StatArgs) -> Result<String, StatFault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Fault::System)?;
    let late = |_| Fault::Timeout(format!("no answer within {} s", DEADLINE.as_secs()));
    runtime.block_on(async { tokio::time::timeout(DEADLINE, connected(args)).await.map_err(late)? })
}

async fn connected(args: &StatArgs) -> Result<String, StatFault> {
    let mut client = args.bus.resolve()?.open(DEADLINE).await?;
    let what = if args.plugins { What::Plugins } else { args.what };
    let shown = show(&mut client.session, what, args.json).await;
    client.close().await;
    shown
}

/// Asks over a session, and lays out the answer.
async fn show(session: &mut SessionHandle<()>, what: What, json: bool) -> Result<String, StatFault> {
    answer(Node::attach(session).await?, what, json).await
}

async fn answer(mut node: Node, what: What, json: bool) -> Result<String, StatFault> {
    let view = View::of(what);
    // `--json` gives every attribute, a table those that it shows
    let names = if json { &[] } else { view.attributes };
    let rows = node.query(view.entity_type, names).await;
    node.detach().await;
    let rows = rows?;
    Ok(if json { row::json(&rows) } else { view.table(&rows) })
}

#[cfg(test)]
mod tests {
    use super::*;

    use crosstie_manage::{Access, Agent, Step};
    use crosstie_model::facts::{AddressFacts, Facts, RouterFacts};
    use fe2o3_amqp::acceptor::{ConnectionAcceptor, LinkAcceptor, LinkEndpoint, SessionAcceptor};
    use fe2o3_amqp::link::{Receiver, Sender};
    use fe2o3_amqp::{Connection, Session};
    use fe2o3_amqp_types::messaging::message::__private::{Deserializable, Serializable};
    use fe2o3_amqp_types::messaging::{AmqpValue, Body, Message, Source};
    use serde_amqp::Value;

    fn facts() -> Facts {
        let address = |number: u32| AddressFacts {
            key: format!("M0orders.{number:04}"),
            distribution: "balanced",
            ..AddressFacts::default()
        };
        Facts {
            router: RouterFacts { id: "hub".to_owned(), mode: "standalone", ..RouterFacts::default() },
            addresses: (0..1_100).map(address).collect(),
            ..Facts::default()
        }
    }

    fn answered(request: Message<AmqpValue<Value>>) -> Message<Body<Value>> {
        let request = serde_amqp::to_vec(&Serializable(request)).unwrap();
        let mut step = Agent::new(1 << 16).begin(&request, Access::Read);
        loop {
            step = match step {
                Step::Gather(pending) => pending.facts(&facts()),
                Step::Reply(reply) => {
                    return serde_amqp::from_slice::<Deserializable<_>>(&reply.message).unwrap().0;
                }
                Step::Silent | Step::Change(..) | Step::Reload(..) => panic!("no reply"),
            }
        }
    }

    /// A management node at the other end of a connection.
    async fn serve(stream: tokio::io::DuplexStream) {
        let mut connection = ConnectionAcceptor::new("router").accept(stream).await.unwrap();
        let mut session = SessionAcceptor::new().accept(&mut connection).await.unwrap();
        let made = |source: Source| Some(Source { address: Some("temp.replies".to_owned()), ..source });
        let links = LinkAcceptor::builder().on_dynamic_source(made).build();
        let (mut sender, mut receiver): (Option<Sender>, Option<Receiver>) = (None, None);
        while sender.is_none() || receiver.is_none() {
            match links.accept(&mut session).await.unwrap() {
                LinkEndpoint::Sender(link) => sender = Some(link),
                LinkEndpoint::Receiver(link) => receiver = Some(link),
            }
        }
        let (mut sender, mut receiver) = (sender.unwrap(), receiver.unwrap());
        // until the client detaches
        while let Ok(delivery) = receiver.recv::<AmqpValue<Value>>().await {
            receiver.accept(&delivery).await.unwrap();
            sender.send(answered(delivery.into_message())).await.unwrap();
        }
    }

    async fn shown(what: What, json: bool) -> String {
        let (near, far) = tokio::io::duplex(1 << 16);
        let server = tokio::spawn(serve(far));
        let mut connection =
            Connection::builder().container_id("stat").hostname("router").open_with_stream(near).await.unwrap();
        let mut session = Session::begin(&mut connection).await.unwrap();
        let node = Node::attach(&mut session).await.unwrap();
        let shown = answer(node, what, json).await.unwrap();
        server.abort();
        shown
    }

    #[tokio::test]
    async fn a_router_is_shown_over_a_connection() {
        let text = shown(What::General, false).await;
        assert!(text.lines().any(|line| line.split_whitespace().eq(["Router", "Id", "hub"])), "{text}");
    }

    #[tokio::test]
    async fn all_pages_are_read() {
        let text = shown(What::Addresses, true).await;
        let rows: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(&text).unwrap();
        assert_eq!(rows.len(), 1_100);
        assert_eq!(rows[1_099]["key"], "M0orders.1099");
    }
}
