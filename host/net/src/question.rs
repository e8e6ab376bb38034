//! What policy is asked, in its words, and how its refusals are told to peers.

use std::time::Duration;

use crosstie_amqp::fault::error;
use crosstie_model::policy::{
    ConnectionRequest, Counts, Denial, Expiry, InfoValue, Limits, LinkRequest, Peer as PolicyPeer, Settle, Terminus,
};
use crosstie_model::settings::Mechanism;
use crosstie_router::consequence;
use fe2o3_amqp_types::definitions::{Error, Fields, Role, SenderSettleMode};
use fe2o3_amqp_types::messaging::{
    DistributionMode, Source, Target, TargetArchetype, TerminusDurability, TerminusExpiryPolicy,
};
use fe2o3_amqp_types::performatives::{Attach, Open};
use serde_amqp::Value;
use serde_amqp::primitives::{Array, Symbol};

use crate::socket::Identity;

/// What a peer is told of a denial. What the plugin itself puts into the info map is told to everybody.
pub(crate) fn refusal(denial: &Denial, explain: bool) -> Error {
    let Denial { plugin, sequence, refusal } = denial;
    let mut info = Fields::new();
    for (key, value) in &refusal.info {
        info.insert(Symbol::from(key.as_str()), tell(value));
    }
    if explain {
        consequence::explain(&mut info, plugin, refusal.note.as_deref(), *sequence);
    }
    let mut told = error(&refusal.condition, refusal.description.clone());
    told.info = (!info.is_empty()).then(|| Box::new(info));
    told
}

fn tell(value: &InfoValue) -> Value {
    match value {
        InfoValue::Flag(flag) => Value::Bool(*flag),
        InfoValue::Int(number) => Value::Long(*number),
        InfoValue::Uint(number) => Value::Ulong(*number),
        InfoValue::Float(number) => Value::Double((*number).into()),
        InfoValue::Text(text) => Value::String(text.clone()),
        InfoValue::Bytes(bytes) => Value::Binary(bytes.clone().into()),
    }
}

/// A property as a plugin is told it; `None` for what has no form there.
pub(crate) fn hear(value: &Value) -> Option<InfoValue> {
    Some(match value {
        Value::Bool(flag) => InfoValue::Flag(*flag),
        Value::Ubyte(number) => InfoValue::Uint((*number).into()),
        Value::Ushort(number) => InfoValue::Uint((*number).into()),
        Value::Uint(number) => InfoValue::Uint((*number).into()),
        Value::Ulong(number) => InfoValue::Uint(*number),
        Value::Byte(number) => InfoValue::Int((*number).into()),
        Value::Short(number) => InfoValue::Int((*number).into()),
        Value::Int(number) => InfoValue::Int((*number).into()),
        Value::Long(number) => InfoValue::Int(*number),
        Value::Float(number) => InfoValue::Float(f64::from(number.into_inner())),
        Value::Double(number) => InfoValue::Float(number.into_inner()),
        Value::String(text) => InfoValue::Text(text.clone()),
        Value::Symbol(text) => InfoValue::Text(text.0.clone()),
        Value::Binary(bytes) => InfoValue::Bytes(bytes.to_vec()),
        Value::Described(described) => return hear(&described.value),
        _ => return None,
    })
}

pub(crate) fn describe(identity: &Identity, open: &Open, user: Option<&str>, mechanism: Option<&str>) -> PolicyPeer {
    let name = |own: bool| (identity.owner.is_listener == own).then(|| identity.owner.name.clone());
    PolicyPeer {
        connection_id: identity.id,
        listener: name(true),
        connector: name(false),
        remote: identity.remote,
        local: identity.local,
        vhost: open.hostname.clone(),
        user: user.map(str::to_owned),
        mechanism: mechanism.and_then(Mechanism::parse).map(Mechanism::as_str),
        container_id: open.container_id.clone(),
        tls: None,
        attributes: Vec::new(),
    }
}

/// Properties that a plugin can be told.
pub(crate) fn properties(fields: Option<&Fields>) -> impl Iterator<Item = (String, InfoValue)> {
    let fields = fields.into_iter().flat_map(|fields| fields.iter());
    fields.filter_map(|(key, value)| Some((key.0.clone(), hear(value)?)))
}

fn words(list: Option<&Array<Symbol>>) -> Vec<String> {
    list.map(|list| list.0.iter().map(|symbol| symbol.0.clone()).collect()).unwrap_or_default()
}

/// About a connection that a listener accepted.
pub(crate) fn connection(peer: PolicyPeer, open: &Open, counts: Counts, limits: Limits) -> ConnectionRequest {
    ConnectionRequest {
        peer,
        max_frame_size: open.max_frame_size.0,
        channel_max: open.channel_max.0,
        idle_timeout: open.idle_time_out.map(|ms| Duration::from_millis(ms.into())),
        offered_capabilities: words(open.offered_capabilities.as_ref()),
        desired_capabilities: words(open.desired_capabilities.as_ref()),
        properties: properties(open.properties.as_ref()).collect(),
        counts,
        limits,
        recheck: false,
    }
}

/// About a link that a peer attaches.
pub(crate) fn link(peer: PolicyPeer, attach: &Attach, links_open: u32) -> LinkRequest {
    LinkRequest {
        peer,
        name: attach.name.clone(),
        sends: attach.role == Role::Sender,
        source: attach.source.as_deref().map(source),
        target: attach.target.as_deref().map(target).or_else(|| (attach.role == Role::Sender).then(coordinator)),
        settle: match attach.snd_settle_mode {
            SenderSettleMode::Unsettled => Settle::Unsettled,
            SenderSettleMode::Settled => Settle::Settled,
            SenderSettleMode::Mixed => Settle::Mixed,
        },
        max_message_size: attach.max_message_size.filter(|bytes| *bytes > 0),
        desired_capabilities: words(attach.desired_capabilities.as_ref()),
        properties: properties(attach.properties.as_ref()).collect(),
        links_open,
    }
}

const fn durable(durability: &TerminusDurability) -> u8 {
    match durability {
        TerminusDurability::None => 0,
        TerminusDurability::Configuration => 1,
        TerminusDurability::UnsettledState => 2,
    }
}

const fn expiry(policy: &TerminusExpiryPolicy) -> Expiry {
    match policy {
        TerminusExpiryPolicy::LinkDetach => Expiry::LinkDetach,
        TerminusExpiryPolicy::SessionEnd => Expiry::SessionEnd,
        TerminusExpiryPolicy::ConnectionClose => Expiry::ConnectionClose,
        TerminusExpiryPolicy::Never => Expiry::Never,
    }
}

fn source(source: &Source) -> Terminus {
    let filters = source.filter.iter().flat_map(|filters| filters.iter());
    let distribution = source.distribution_mode.as_ref().map(|mode| match mode {
        DistributionMode::Move => "move".to_owned(),
        DistributionMode::Copy => "copy".to_owned(),
    });
    Terminus {
        address: source.address.clone(),
        durable: durable(&source.durable),
        expiry: expiry(&source.expiry_policy),
        timeout_s: source.timeout,
        dynamic: source.dynamic,
        coordinator: false,
        distribution,
        filters: filters.map(|(name, value)| (name.0.clone(), hear(value))).collect(),
        capabilities: words(source.capabilities.as_ref()),
    }
}

/// What a sender's attach has that names no other target.
const fn coordinator() -> Terminus {
    Terminus {
        address: None,
        durable: 0,
        expiry: Expiry::SessionEnd,
        timeout_s: 0,
        dynamic: false,
        coordinator: true,
        distribution: None,
        filters: Vec::new(),
        capabilities: Vec::new(),
    }
}

fn target(TargetArchetype::Target(target): &TargetArchetype) -> Terminus {
    let Target { address, durable: durability, expiry_policy, timeout, dynamic, capabilities, .. } = target;
    Terminus {
        address: address.clone(),
        durable: durable(durability),
        expiry: expiry(expiry_policy),
        timeout_s: *timeout,
        dynamic: *dynamic,
        coordinator: false,
        distribution: None,
        filters: Vec::new(),
        capabilities: words(capabilities.as_ref()),
    }
}
