//! What the items of a container mean, as far as serde_amqp is particular about them.
//! Source: AMQP 1.0 part 2, 2.7; part 3, 3.4 and 3.5; part 4, 4.5; part 5, 5.3.

use crate::raw::{ATTACH, BEGIN, CLOSE, DETACH, END, OPEN};

const ERROR: u64 = 0x1d;
const ACCEPTED: u64 = 0x24;
const REJECTED: u64 = 0x25;
const RELEASED: u64 = 0x26;
const MODIFIED: u64 = 0x27;
const SOURCE: u64 = 0x28;
const TARGET: u64 = 0x29;
const COORDINATOR: u64 = 0x30;
const DECLARED: u64 = 0x33;

/// What a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The frame body, whose one item is a performative.
    Frame,
    /// The fields of the type with this descriptor.
    Fields(u64),
    /// A map with symbols for keys.
    Symbols,
    /// Anything else.
    Any,
}

/// What one item of a container should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// A performative or SASL frame body.
    Frame,
    Source,
    Target,
    Outcome,
    Error,
    /// A map with symbols for keys.
    Symbols,
    /// The key of such a map.
    Key,
    /// Something this router does not look at.
    Unread,
    /// Anything.
    Any,
}

impl Place {
    /// What the item at `index` should be.
    pub(super) const fn slot(self, index: usize) -> Slot {
        match (self, index) {
            (Self::Frame, _) => Slot::Frame,
            (Self::Symbols, index) if index % 2 == 0 => Slot::Key,
            (Self::Fields(ATTACH), 5) => Slot::Source,
            (Self::Fields(ATTACH), 6) => Slot::Target,
            (Self::Fields(ATTACH), 7) => Slot::Unread,
            (Self::Fields(SOURCE), 8) => Slot::Outcome,
            (Self::Fields(END | CLOSE | REJECTED), 0) | (Self::Fields(DETACH), 2) => Slot::Error,
            // Properties, dynamic-node-properties, filter, info and message-annotations.
            (Self::Fields(OPEN), 9)
            | (Self::Fields(BEGIN), 7)
            | (Self::Fields(ATTACH), 13)
            | (Self::Fields(SOURCE), 5 | 7)
            | (Self::Fields(TARGET), 5)
            | (Self::Fields(ERROR | MODIFIED), 2) => Slot::Symbols,
            _ => Slot::Any,
        }
    }

    /// This place, if a container with the constructor list32 or map32 can be that; otherwise it is anything.
    pub(super) const fn of(self, constructor: u8) -> Self {
        match (self, constructor) {
            (Self::Fields(_), 0xd0) | (Self::Symbols, 0xd1) => self,
            _ => Self::Any,
        }
    }

    /// How many items it can have.
    pub(super) const fn items_max(self) -> usize {
        match self {
            Self::Fields(code) => fields(code),
            Self::Frame => 1,
            Self::Symbols | Self::Any => usize::MAX,
        }
    }
}

impl Slot {
    /// What a value is inside that stands here with the given descriptor (`None`: one without a known code).
    /// `None` when serde_amqp would refuse it.
    pub(super) const fn described(self, code: Option<u64>) -> Option<Place> {
        let (known, code) = match (self, code) {
            (Self::Any, _) => return Some(Place::Any),
            (Self::Symbols | Self::Key | Self::Unread, _) | (_, None) => return None,
            (Self::Frame, Some(code)) => {
                (matches!(code, OPEN | BEGIN | ATTACH | DETACH | END | CLOSE | 0x40..=0x44), code)
            }
            (Self::Source, Some(code)) => (code == SOURCE, code),
            (Self::Target, Some(code)) => (matches!(code, TARGET | COORDINATOR), code),
            (Self::Outcome, Some(code)) => (matches!(code, ACCEPTED..=MODIFIED | DECLARED), code),
            (Self::Error, Some(code)) => (code == ERROR, code),
        };
        if known { Some(Place::Fields(code)) } else { None }
    }

    /// What a value without descriptor is inside that stands here. `None` when it is not to reach serde_amqp.
    pub(super) const fn bare(self) -> Option<Place> {
        match self {
            Self::Frame | Self::Unread => None,
            Self::Symbols => Some(Place::Symbols),
            _ => Some(Place::Any),
        }
    }
}

/// How many fields the type with this descriptor has.
const fn fields(code: u64) -> usize {
    match code {
        OPEN => 10,
        BEGIN => 8,
        ATTACH => 14,
        SOURCE => 11,
        TARGET => 7,
        DETACH | ERROR | MODIFIED | 0x41 => 3,
        0x44 => 2,
        ACCEPTED | RELEASED => 0,
        // End, close, rejected, coordinator, declared, and the other SASL frames.
        _ => 1,
    }
}
