//! Performatives as scripted peers say them; whoever needs another changes its fields.

use fe2o3_amqp_types::definitions::{Handle, ReceiverSettleMode, Role, SenderSettleMode};
use fe2o3_amqp_types::messaging::{Source, Target, TargetArchetype};
use fe2o3_amqp_types::performatives::{Attach, Begin, Detach, Open};
use serde::Serialize;

/// The body of a frame.
///
/// # Panics
///
/// When it cannot be encoded.
#[must_use]
pub fn body(performative: &impl Serialize) -> Vec<u8> {
    serde_amqp::to_vec(performative).expect("a performative encodes")
}

/// An open without limits below the usual.
#[must_use]
pub fn open(container: &str, max_frame_size: u32) -> Open {
    Open {
        container_id: container.to_owned(),
        hostname: None,
        max_frame_size: max_frame_size.into(),
        channel_max: 1000.into(),
        idle_time_out: None,
        outgoing_locales: None,
        incoming_locales: None,
        offered_capabilities: None,
        desired_capabilities: None,
        properties: None,
    }
}

/// A begin.
#[must_use]
pub const fn begin(remote_channel: Option<u16>, next_outgoing_id: u32, incoming_window: u32) -> Begin {
    Begin {
        remote_channel,
        next_outgoing_id,
        incoming_window,
        outgoing_window: 10_000,
        handle_max: Handle(1000),
        offered_capabilities: None,
        desired_capabilities: None,
        properties: None,
    }
}

/// An attach of a link that sends to an address; `None`: to that of each message.
#[must_use]
pub fn sender(name: &str, handle: u32, address: Option<&str>) -> Attach {
    let target = Target { address: address.map(str::to_owned), ..Target::default() };
    Attach { initial_delivery_count: Some(0), ..attach(name, handle, Role::Sender, Source::default(), target) }
}

/// An attach of a link that receives from an address; `None`: from a new one.
#[must_use]
pub fn receiver(name: &str, handle: u32, address: Option<&str>) -> Attach {
    let source = Source { address: address.map(str::to_owned), dynamic: address.is_none(), ..Source::default() };
    attach(name, handle, Role::Receiver, source, Target::default())
}

fn attach(name: &str, handle: u32, role: Role, source: Source, target: Target) -> Attach {
    Attach {
        name: name.to_owned(),
        handle: Handle(handle),
        role,
        snd_settle_mode: SenderSettleMode::Mixed,
        rcv_settle_mode: ReceiverSettleMode::First,
        source: Some(Box::new(source)),
        target: Some(Box::new(TargetArchetype::Target(target))),
        unsettled: None,
        incomplete_unsettled: false,
        initial_delivery_count: None,
        max_message_size: None,
        offered_capabilities: None,
        desired_capabilities: None,
        properties: None,
    }
}

/// A detach that closes.
#[must_use]
pub const fn detach(handle: u32, closed: bool) -> Detach {
    Detach { handle: Handle(handle), closed, error: None }
}
