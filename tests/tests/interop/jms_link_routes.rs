//! Qpid JMS through link routes to ActiveMQ Artemis: what the broker does, the router leaves as it is.

use crosstie_tests::artemis::Artemis;
use crosstie_tests::broker::Broker;
use crosstie_tests::driver::{Driver, Library};
use crosstie_tests::router::{Router, plain_kdl};
use serde_json::Value;

/// A broker, and a router that carries every link to `a.…`, and transactions, to it.
fn routed() -> (Artemis, Router) {
    routed_by(&[("a", "in"), ("a", "out"), ("$coordinator", "in")])
}

fn routed_by(routes: &[(&str, &str)]) -> (Artemis, Router) {
    let broker = Artemis::start();
    let mut kdl = format!(
        "connector \"broker\" {{\n    role \"route-container\"\n    endpoint \"amqp://{}\"\n}}\n",
        broker.addr()
    );
    for (prefix, direction) in routes {
        kdl.push_str(&format!(
            "link-route {{\n    prefix \"{prefix}\"\n    direction \"{direction}\"\n    connection \"broker\"\n}}\n"
        ));
    }
    let router = Router::start(&plain_kdl(&kdl));
    router.wait_log(0, crosstie_tests::router::DEADLINE, &["connected", "broker"]);
    (broker, router)
}

fn start(router: &Router, mode: &str, args: &str) -> Driver {
    Driver::start(Library::Jms, mode, router.clients(), args)
}

/// Runs a program to its end; gives it for what it said.
fn run(router: &Router, mode: &str, args: &str) -> Driver {
    let mut driver = start(router, mode, args);
    driver.finish();
    driver
}

fn indexes(events: &[Value]) -> Vec<u64> {
    events.iter().filter_map(|event| event["index"].as_u64()).collect()
}

fn browsed(router: &Router, address: &str) -> Vec<u64> {
    indexes(&run(router, "browse", &format!("--address {address}")).events_so_far("message"))
}

#[test]
fn s05_transactions_of_senders_are_the_brokers() {
    let (_broker, mut router) = routed();
    run(&router, "transact-send", "--address a.tx --count 10 --ends rollback");
    assert_eq!(browsed(&router, "a.tx").len(), 0, "a rollback leaves nothing");
    run(&router, "transact-send", "--address a.tx --count 5 --ends commit,rollback,commit");
    assert_eq!(browsed(&router, "a.tx"), [0, 1, 2, 3, 4, 0, 1, 2, 3, 4], "each commit shows all of it");
    // nobody ends this one, whether it says goodbye or not
    run(&router, "transact-send", "--address a.tx --count 3 --ends none");
    let mut gone = start(&router, "transact-send", "--address a.tx --count 3 --ends none --keep");
    gone.event("done");
    gone.kill();
    assert_eq!(browsed(&router, "a.tx").len(), 10);
    router.assert_healthy();
}

#[test]
fn s05_without_a_route_for_coordinators_there_are_no_transactions_and_the_client_hears_why() {
    let (_broker, mut router) = routed_by(&[("a", "in"), ("a", "out")]);
    let said = start(&router, "transact-send", "--address a.tx --count 10 --ends commit").fail();
    for words in ["The router can't coordinate transactions by itself", "amqp:precondition-failed"] {
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(browsed(&router, "a.tx").len(), 0);
    router.assert_healthy();
}

#[test]
fn s05_transactions_of_receivers_are_the_brokers() {
    let (_broker, mut router) = routed();
    run(&router, "publish", "--queue --address a.tx --count 4");
    let receiver = run(&router, "transact-receive", "--address a.tx --count 4 --ends rollback,commit");
    let messages = receiver.events_so_far("message");
    assert_eq!(indexes(&messages), [0, 1, 2, 3, 0, 1, 2, 3], "what was rolled back comes again");
    let counts: Vec<_> = messages.iter().filter_map(|message| message["delivery_count"].as_u64()).collect();
    assert_eq!(counts, [0, 0, 0, 0, 1, 1, 1, 1]);
    assert_eq!(browsed(&router, "a.tx").len(), 0);
    router.assert_healthy();
}

#[test]
fn s05_a_durable_subscription_keeps_what_comes_while_its_subscriber_is_away() {
    let (_broker, mut router) = routed();
    let subscriber = "--client-id desk --subscription prices --address a.prices";
    // is made, taken up again and ended by one name each
    run(&router, "subscribe", &format!("{subscriber} --count 0"));
    run(&router, "publish", "--address a.prices --count 4 --text away");
    let taken = run(&router, "subscribe", &format!("{subscriber} --count 2"));
    assert_eq!(indexes(&taken.events_so_far("message")), [0, 1]);
    run(&router, "publish", "--address a.prices --count 1 --text later");
    let taken = run(&router, "subscribe", &format!("{subscriber} --count 3 --no-more"));
    assert_eq!(indexes(&taken.events_so_far("message")), [2, 3, 0]);
    assert_eq!(taken.events_so_far("no-more")[0]["was"], Value::Null);
    run(&router, "unsubscribe", "--client-id desk --subscription prices");
    run(&router, "publish", "--address a.prices --count 1 --text unheard");
    let anew = run(&router, "subscribe", &format!("{subscriber} --count 0 --no-more"));
    assert_eq!(anew.events_so_far("no-more")[0]["was"], Value::Null, "it was made anew");
    router.assert_healthy();
}

#[test]
fn s05_two_clients_have_subscriptions_of_one_name() {
    let (_broker, router) = routed();
    let of = |client: &str, count: usize| {
        format!("--client-id {client} --subscription prices --address a.prices --count {count}")
    };
    for client in ["one", "two"] {
        run(&router, "subscribe", &of(client, 0));
    }
    run(&router, "publish", "--address a.prices --count 3");
    for client in ["one", "two"] {
        let taken = run(&router, "subscribe", &of(client, 3));
        assert_eq!(indexes(&taken.events_so_far("message")), [0, 1, 2], "{client}");
    }
}

#[test]
fn s05_a_subscriber_that_is_killed_finds_its_subscription_again() {
    let (_broker, router) = routed();
    let subscriber = "--client-id desk --subscription prices --address a.prices";
    let mut gone = start(&router, "subscribe", &format!("{subscriber} --count 1"));
    gone.event("attached");
    gone.kill();
    run(&router, "publish", "--address a.prices --count 2");
    let taken = run(&router, "subscribe", &format!("{subscriber} --count 2"));
    assert_eq!(indexes(&taken.events_so_far("message")), [0, 1]);
}

#[test]
fn s05_selectors_choose_at_the_broker() {
    let (_broker, router) = routed();
    run(&router, "publish", "--queue --address a.colours --count 6");
    let blue = run(&router, "subscribe", "--address a.colours --colour blue --count 3 --no-more");
    assert_eq!(indexes(&blue.events_so_far("message")), [1, 3, 5]);
    assert_eq!(blue.events_so_far("no-more")[0]["was"], Value::Null);
    assert_eq!(browsed(&router, "a.colours"), [0, 2, 4], "the others stay, also after they were looked at");
    assert_eq!(browsed(&router, "a.colours"), [0, 2, 4]);
    let subscriber = "--client-id desk --subscription reds --address a.news --colour red";
    run(&router, "subscribe", &format!("{subscriber} --count 0"));
    run(&router, "publish", "--address a.news --count 4");
    let red = run(&router, "subscribe", &format!("{subscriber} --count 2 --no-more"));
    assert_eq!(indexes(&red.events_so_far("message")), [0, 2]);
    assert_eq!(red.events_so_far("no-more")[0]["was"], Value::Null);
}

#[test]
fn s05_requests_by_the_broker_are_answered_to_temporary_queues() {
    let (_broker, router) = routed();
    let mut replier = start(&router, "reply", "--address a.questions --count 3");
    replier.event("attached");
    let asker = run(&router, "request", "--address a.questions --count 3");
    let answers = asker.events_so_far("answer");
    let texts: Vec<_> = answers.iter().filter_map(|answer| answer["text"].as_str()).collect();
    assert_eq!(texts, ["answer to question 0", "answer to question 1", "answer to question 2"]);
    assert!(answers.iter().all(|answer| answer["matches"] == true), "{answers:?}");
    replier.finish();
}
