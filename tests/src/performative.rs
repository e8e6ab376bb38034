//! Performatives as a peer of these tests sends them; a test changes the fields that it is about.

use fe2o3_amqp_types::definitions::{self, Handle, Role};
use fe2o3_amqp_types::messaging::{DeliveryState, Source, Target, TargetArchetype};
use fe2o3_amqp_types::performatives::{Attach, Begin, Disposition, Flow, Open, Transfer};

/// An Open without any limit below the usual.
#[must_use]
pub fn open(container: &str) -> Open {
    Open {
        container_id: container.to_owned(),
        hostname: None,
        max_frame_size: 65536.into(),
        channel_max: 1000.into(),
        idle_time_out: None,
        outgoing_locales: None,
        incoming_locales: None,
        offered_capabilities: None,
        desired_capabilities: None,
        properties: None,
    }
}

/// A Begin with large windows.
#[must_use]
pub fn begin(remote_channel: Option<u16>) -> Begin {
    Begin {
        remote_channel,
        next_outgoing_id: 0,
        incoming_window: 10_000,
        outgoing_window: 10_000,
        handle_max: Handle::from(1000),
        offered_capabilities: None,
        desired_capabilities: None,
        properties: None,
    }
}

/// An Attach of ours that sends to `address`, named `sender-HANDLE`.
#[must_use]
pub fn sender(handle: u32, address: &str) -> Attach {
    attach(format!("sender-{handle}"), handle, Role::Sender, address)
}

/// An Attach of ours that receives from `address`, named `receiver-HANDLE`.
#[must_use]
pub fn receiver(handle: u32, address: &str) -> Attach {
    attach(format!("receiver-{handle}"), handle, Role::Receiver, address)
}

fn attach(name: String, handle: u32, role: Role, address: &str) -> Attach {
    let sends = matches!(role, Role::Sender);
    let source = Source { address: (!sends).then(|| address.into()), ..Source::default() };
    let target = Target { address: sends.then(|| address.into()), ..Target::default() };
    Attach {
        name,
        handle: Handle::from(handle),
        role,
        snd_settle_mode: definitions::SenderSettleMode::Mixed,
        rcv_settle_mode: definitions::ReceiverSettleMode::First,
        source: Some(Box::new(source)),
        target: Some(Box::new(TargetArchetype::Target(target))),
        unsettled: None,
        incomplete_unsettled: false,
        initial_delivery_count: sends.then_some(0),
        max_message_size: None,
        offered_capabilities: None,
        desired_capabilities: None,
        properties: None,
    }
}

/// A flow that grants credit counted from `delivery_count`.
#[must_use]
pub fn flow(handle: u32, delivery_count: u32, credit: u32) -> Flow {
    Flow {
        next_incoming_id: Some(0),
        incoming_window: 10_000,
        next_outgoing_id: 0,
        outgoing_window: 10_000,
        handle: Some(Handle::from(handle)),
        delivery_count: Some(delivery_count),
        link_credit: Some(credit),
        available: None,
        drain: false,
        echo: false,
        properties: None,
    }
}

/// The only frame of an unsettled delivery whose tag is its id.
#[must_use]
pub fn transfer(handle: u32, delivery_id: u32) -> Transfer {
    Transfer {
        handle: Handle::from(handle),
        delivery_id: Some(delivery_id),
        delivery_tag: Some(serde_bytes::ByteBuf::from(delivery_id.to_be_bytes())),
        message_format: Some(0),
        settled: Some(false),
        more: false,
        rcv_settle_mode: None,
        state: None,
        resume: false,
        aborted: false,
        batchable: false,
    }
}

/// A receiver's settled disposition of one delivery.
#[must_use]
pub const fn disposition(delivery_id: u32, state: DeliveryState) -> Disposition {
    Disposition {
        role: Role::Receiver,
        first: delivery_id,
        last: None,
        settled: true,
        state: Some(state),
        batchable: false,
    }
}
