//! Says who may connect. Change the rule in `on_connection`, and the cases with it.

use crosstie_plugin::{Node, Plugin, Problems, Refusal, connection, plugin, reads};

struct Rules {
    denial: Refusal,
}

impl Plugin for Rules {
    // only this is sent: the fewer fields, the cheaper the call
    const READS: &'static [&'static str] = reads!(connection: peer.user);

    /// Reads the `config` block of the plugin's node: `config { description "no guests" }`.
    fn configure(config: &Node) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        config.expect_children(&["description"], &mut problems);
        let description = problems.optional(config.child_argument::<String>("description"));
        let description = description.unwrap_or_else(|| "no guests".to_owned());
        problems.or(Self {
            denial: Refusal::new("amqp:unauthorized-access", description).with_note("guests"),
        })
    }

    /// `None`: no opinion, others decide.
    fn on_connection(&mut self, request: &connection::Request<'_>) -> Option<connection::Answer> {
        (request.peer.user == Some("guest")).then(|| connection::Answer::Deny(self.denial.clone()))
    }
}

plugin!(Rules: connection);
