//! What became of every message, as its sender and its receivers saw it: the oracle of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crosstie_model::settings::Distribution;
use fe2o3_amqp_types::messaging::{DeliveryState, Outcome};

use crate::message::{self, MessageId};
use crate::pairs::Pairs;

/// Tells the links of one run apart.
pub type LinkNumber = u32;

/// What the sender knows of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// No outcome has come.
    Open,
    /// Settled before it was sent.
    Presettled,
    /// Its outcome came.
    Settled,
    /// Its sender gave it up, settled it by itself, or detached.
    Forgotten,
}

/// What a receiver said of its copy.
#[derive(Debug, Clone, PartialEq)]
enum Said {
    Nothing,
    Settled(Option<DeliveryState>),
}

#[derive(Debug)]
struct Copy {
    receiver: LinkNumber,
    is_whole: bool,
    said: Said,
    /// The receiver's link is still there.
    is_alive: bool,
}

struct Message {
    address: String,
    sender: LinkNumber,
    bytes: Vec<u8>,
    fate: Fate,
    /// Its last frame was sent.
    is_whole: bool,
    aborted: bool,
    copies: Vec<Copy>,
    sent_at: u64,
    /// When it was sent, the consumers of its address were there, and none was going.
    steady: bool,
    /// Its tag and its format, which a routed link keeps.
    marks: Option<(Vec<u8>, u32)>,
    /// No container takes it.
    improper: bool,
    /// What its receiver said of it on the way.
    progress: Vec<DeliveryState>,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, sender, bytes, fate, is_whole, aborted, copies, sent_at, steady, .. } = self;
        let whole = if *is_whole { "whole" } else { "in part" };
        write!(f, "{} bytes for {address} by link {sender} at step {sent_at}, sent {whole}, ", bytes.len())?;
        write!(f, "{fate:?}, aborted: {aborted}, steady: {steady}, {copies:?}")
    }
}

/// What is known of an address.
#[derive(Debug, Default)]
struct Place {
    consumers: BTreeSet<LinkNumber>,
    /// Consumers that began to go.
    going: BTreeSet<LinkNumber>,
    last_gone: Option<u64>,
    /// Those that came whose deliveries the router settles once they are written.
    settling: BTreeSet<LinkNumber>,
    messages: u32,
}

/// All of it.
#[derive(Debug, Default)]
pub struct Ledger {
    /// The step of the run.
    pub step: u64,
    messages: Vec<Message>,
    places: BTreeMap<String, Place>,
    /// How the addresses distribute that do not do as most.
    pub distributions: BTreeMap<String, Distribution>,
    links: LinkNumber,
    /// The last message that a receiver began to take, by sender, address and receiver.
    order: BTreeMap<(LinkNumber, String, LinkNumber), MessageId>,
    dead: BTreeSet<LinkNumber>,
    /// Links that are carried on.
    pub pairs: Pairs,
}

impl Ledger {
    /// Numbers a link.
    pub const fn number(&mut self) -> LinkNumber {
        self.links += 1;
        self.links
    }

    /// The number of the next message.
    #[must_use]
    pub fn next_message(&self) -> MessageId {
        u32::try_from(self.messages.len()).expect("fewer messages")
    }

    fn distribution(&self, address: &str) -> Distribution {
        self.distributions.get(address).copied().unwrap_or_default()
    }

    /// A sender begins a delivery.
    pub fn send(&mut self, sender: LinkNumber, address: &str, bytes: Vec<u8>, presettled: bool) {
        let place = self.places.entry(address.to_owned()).or_default();
        place.messages += 1;
        let steady = !place.consumers.is_empty() && place.going.is_empty();
        self.messages.push(Message {
            address: address.to_owned(),
            sender,
            bytes,
            fate: if presettled { Fate::Presettled } else { Fate::Open },
            is_whole: false,
            aborted: false,
            copies: Vec::new(),
            sent_at: self.step,
            steady,
            marks: None,
            improper: false,
            progress: Vec::new(),
        });
    }

    /// The bytes of a message.
    #[must_use]
    pub fn bytes(&self, id: MessageId) -> &[u8] {
        &self.message(id).bytes
    }

    fn message(&self, id: MessageId) -> &Message {
        self.messages.get(at(id)).unwrap_or_else(|| panic!("message {id} was never sent"))
    }

    fn message_mut(&mut self, id: MessageId) -> &mut Message {
        self.messages.get_mut(at(id)).unwrap_or_else(|| panic!("message {id} was never sent"))
    }

    /// Its last frame was sent.
    pub fn sent_all(&mut self, id: MessageId) {
        self.message_mut(id).is_whole = true;
    }

    /// Its sender gave it up.
    pub fn abort(&mut self, id: MessageId) {
        let message = self.message_mut(id);
        message.fate = Fate::Forgotten;
        message.aborted = true;
    }

    /// Its sender wants to hear no more of it.
    pub fn forget(&mut self, id: MessageId) {
        let message = self.message_mut(id);
        if message.fate == Fate::Open {
            message.fate = Fate::Forgotten;
        }
    }

    /// A sender's link is gone.
    pub fn sender_gone(&mut self, sender: LinkNumber) {
        self.dead.insert(sender);
        let theirs = self.messages.iter_mut().filter(|message| message.sender == sender && message.fate == Fate::Open);
        theirs.for_each(|message| message.fate = Fate::Forgotten);
    }

    /// A receiver's link is there.
    pub fn consumer_came(&mut self, address: &str, receiver: LinkNumber, settles: bool) {
        let place = self.places.entry(address.to_owned()).or_default();
        place.consumers.insert(receiver);
        if settles {
            place.settling.insert(receiver);
        }
    }

    /// A receiver's link is about to go.
    pub fn consumer_going(&mut self, address: &str, receiver: LinkNumber) {
        self.places.entry(address.to_owned()).or_default().going.insert(receiver);
        self.bury_copies(receiver);
    }

    /// What a receiver got and did not settle, it does not settle any more.
    fn bury_copies(&mut self, receiver: LinkNumber) {
        let copies = self.messages.iter_mut().flat_map(|message| &mut message.copies);
        copies.filter(|copy| copy.receiver == receiver).for_each(|copy| copy.is_alive = false);
    }

    /// A receiver's link is gone.
    pub fn consumer_gone(&mut self, address: &str, receiver: LinkNumber) {
        let step = self.step;
        self.dead.insert(receiver);
        let place = self.places.entry(address.to_owned()).or_default();
        place.going.remove(&receiver);
        place.consumers.remove(&receiver);
        place.last_gone = Some(step);
        self.bury_copies(receiver);
    }

    /// Whether an address has a consumer that is not going.
    #[must_use]
    pub fn has_consumer(&self, address: &str) -> bool {
        self.places.get(address).is_some_and(|place| place.consumers.len() > place.going.len())
    }

    /// A receiver begins to get a message.
    pub fn begins(&mut self, id: MessageId, address: &str, receiver: LinkNumber) {
        let distribution = self.distribution(address);
        let is_going = self.places.get(address).is_some_and(|place| place.going.contains(&receiver));
        let message = self.message_mut(id);
        assert_eq!(message.address, address, "message {id} came to another address");
        let again = message.copies.iter().any(|copy| copy.receiver == receiver);
        let once = distribution != Distribution::Multicast;
        assert!(
            !again && (!once || message.copies.is_empty()),
            "message {id} is delivered once more: {:?}",
            message.copies
        );
        assert!(!message.improper, "message {id} arrives, which no container takes");
        message.copies.push(Copy { receiver, is_whole: false, said: Said::Nothing, is_alive: !is_going });
        let way = (message.sender, address.to_owned(), receiver);
        let before = self.order.insert(way, id);
        assert!(before.is_none_or(|before| before < id), "message {id} comes after {before:?}");
    }

    fn copy(&mut self, id: MessageId, receiver: LinkNumber) -> &mut Copy {
        let copies = &mut self.message_mut(id).copies;
        copies.iter_mut().find(|copy| copy.receiver == receiver).expect("a copy that began")
    }

    /// A receiver has the whole message.
    pub fn arrives(&mut self, id: MessageId, receiver: LinkNumber, (got, strips): (&[u8], bool)) {
        let message = self.message(id);
        assert!(!message.aborted && message.is_whole, "message {id} arrived though its sender did not finish it");
        if message.marks.is_some() {
            assert!(message.bytes == got, "message {id} arrived changed on a routed link");
        } else if let Err(why) = message::compare(&message.bytes, got, strips) {
            panic!("message {id} arrived changed: {why}");
        }
        self.copy(id, receiver).is_whole = true;
    }

    /// A receiver settles its copy, or it came settled.
    pub fn settles(&mut self, id: MessageId, receiver: LinkNumber, state: Option<DeliveryState>) {
        let copy = self.copy(id, receiver);
        if copy.said == Said::Nothing {
            copy.said = Said::Settled(state);
        }
    }

    /// The sender hears an outcome.
    pub fn outcome(&mut self, id: MessageId, state: Option<&DeliveryState>) {
        match self.message(id).fate {
            Fate::Forgotten => return,
            Fate::Settled => panic!("message {id} is settled twice"),
            Fate::Presettled => panic!("presettled message {id} is settled"),
            Fate::Open => {}
        }
        if self.message(id).marks.is_some() {
            self.check_routed(id, state);
            self.message_mut(id).fate = Fate::Settled;
            return;
        }
        let message = self.message(id);
        let distribution = self.distribution(&message.address);
        let place = self.places.get(&message.address);
        let settled_by_router = |receiver| place.is_some_and(|place| place.settling.contains(&receiver));
        let settling = place.is_some_and(|place| !place.settling.is_empty());
        let gone = place.is_some_and(|place| place.last_gone.is_some() || !place.going.is_empty());
        let said: Vec<_> = message.copies.iter().filter(|copy| copy.said != Said::Nothing).collect();
        let told = said.iter().any(|copy| copy.said == Said::Settled(state.cloned()));
        let why = match state {
            None | Some(DeliveryState::Accepted(_)) => !told && !settling,
            Some(DeliveryState::Rejected(_)) => !told && distribution != Distribution::Unavailable,
            Some(DeliveryState::Modified(_)) => !told && !gone,
            Some(DeliveryState::Released(_)) => {
                !message.copies.iter().all(|copy| matches!(copy.said, Said::Settled(Some(DeliveryState::Released(_)))))
            }
            _ => true,
        };
        assert!(!why, "message {id} ended as {state:?}, which nobody said: {:?}", message.copies);
        let waited_for = |copy: &&Copy| copy.is_alive && !settled_by_router(copy.receiver);
        let open = message.copies.iter().filter(waited_for).find(|copy| copy.said == Said::Nothing);
        assert!(open.is_none(), "message {id} ended as {state:?} before its copy {open:?} did");
        let worst = said.iter().filter(|copy| copy.is_alive).map(|copy| rank(&copy.said)).max().unwrap_or(0);
        let heard = rank(&Said::Settled(state.cloned()));
        assert!(heard >= worst, "message {id} ended as {state:?}: {:?}", message.copies);
        self.message_mut(id).fate = Fate::Settled;
    }

    /// Marks a message for a routed link.
    pub fn mark(&mut self, id: MessageId, marks: (Vec<u8>, u32)) {
        self.message_mut(id).marks = Some(marks);
    }

    /// No container takes a message; `empties`: there is nothing in it.
    pub fn make_improper(&mut self, id: MessageId, empties: bool) {
        let message = self.message_mut(id);
        message.improper = true;
        if empties {
            message.bytes.clear();
        }
    }

    /// Whether no container takes a message.
    #[must_use]
    pub fn is_improper(&self, id: MessageId) -> bool {
        self.message(id).improper
    }

    /// Tag and format of a message on a routed link.
    #[must_use]
    pub fn marks(&self, id: MessageId) -> Option<(Vec<u8>, u32)> {
        self.message(id).marks.clone()
    }

    /// Whether the sender of a message has settled it, or is gone.
    #[must_use]
    pub fn is_settled_by_sender(&self, id: MessageId) -> bool {
        let message = self.message(id);
        message.fate == Fate::Forgotten || self.dead.contains(&message.sender)
    }

    /// The receiver of a message says how much of it has come.
    pub fn progresses(&mut self, id: MessageId, state: DeliveryState) {
        self.message_mut(id).progress.push(state);
    }

    /// The sender hears how much of a message has come: in the order in which the receiver said so.
    pub fn hears_progress(&mut self, id: MessageId, state: &DeliveryState) {
        let progress = &mut self.message_mut(id).progress;
        let at = progress.iter().position(|said| said == state);
        let at = at.unwrap_or_else(|| panic!("message {id} is {state:?}, which nobody said: {progress:?}"));
        progress.drain(..=at);
    }

    /// The sender hears what the receiver says and does not settle: it settles itself.
    pub fn heard(&mut self, id: MessageId, state: Option<&DeliveryState>) {
        if self.message(id).fate == Fate::Open {
            self.check_routed(id, state);
            self.message_mut(id).fate = Fate::Forgotten;
        }
    }

    /// What the sender hears of a message on a routed link is what its receiver said, or the receiver is gone.
    fn check_routed(&self, id: MessageId, state: Option<&DeliveryState>) {
        let message = self.message(id);
        let place = self.places.get(&message.address);
        let gone = place.is_some_and(|place| place.last_gone.is_some() || !place.going.is_empty());
        let told = message.copies.iter().any(|copy| copy.said == Said::Settled(state.cloned()));
        let open = message.copies.iter().any(|copy| copy.is_alive && copy.said == Said::Nothing);
        let right = match state {
            Some(DeliveryState::Modified(_)) => gone,
            Some(DeliveryState::Released(_)) => gone && message.copies.is_empty(),
            Some(DeliveryState::Rejected(_)) => message.improper,
            _ => false,
        };
        assert!((told || right) && !open, "routed message {id} ended as {state:?}: {message:?}, gone: {gone}");
    }

    /// A receiver detached in good order: its senders have heard all that it said.
    pub fn check_told(&self, sender: LinkNumber) {
        let theirs = self.messages.iter().enumerate().filter(|(_, message)| message.sender == sender);
        for (id, message) in theirs.filter(|(_, message)| message.fate == Fate::Open && message.is_whole) {
            let said = message.copies.iter().any(|copy| copy.said != Said::Nothing);
            assert!(!said, "the sender never hears of message {id}: {message:?}");
        }
    }

    /// The router settles a copy whose receiver had said an outcome and waited: its sender has been told, so that no other copy
    /// is open.
    pub fn confirmed(&self, id: MessageId) {
        let message = self.message(id);
        let settling = self.places.get(&message.address).map(|place| &place.settling);
        let waited_for = |copy: &&Copy| copy.is_alive && settling.is_none_or(|all| !all.contains(&copy.receiver));
        let open = message.copies.iter().filter(waited_for).find(|copy| copy.said == Said::Nothing);
        let forgotten = message.fate == Fate::Forgotten;
        assert!(open.is_none() || forgotten, "message {id} is settled before its copy {open:?} is: {message:?}");
    }

    /// Once everything is at rest: nothing is open, and nothing is lost that could not be. `dropped`: presettled deliveries that
    /// the router says it dropped, since they would have held up others for good.
    ///
    /// # Panics
    ///
    /// When something is.
    pub fn check_rest(&self, dropped: u64) {
        let mut lost = Vec::new();
        let routed = |id: usize, message: &Message| {
            assert!(message.marks.is_none(), "presettled message {id} is lost on a routed link: {message:?}");
        };
        for (id, message) in self.messages.iter().enumerate() {
            assert!(message.fate != Fate::Open, "message {id} has no outcome: {message:?}");
            for copy in &message.copies {
                let ended = copy.is_whole || !copy.is_alive || message.aborted || self.dead.contains(&message.sender);
                assert!(ended, "message {id} never ends at {copy:?}");
            }
            let is_whole = message.is_whole && !self.dead.contains(&message.sender);
            if message.fate == Fate::Presettled && is_whole && self.is_lost(message) {
                routed(id, message);
                lost.push((id, message));
            }
        }
        assert!(
            lost.len() as u64 <= dropped,
            "{dropped} presettled messages were dropped, and these are lost: {lost:?}"
        );
    }

    fn is_lost(&self, message: &Message) -> bool {
        let Some(place) = self.places.get(&message.address) else {
            return false;
        };
        let undisturbed = message.steady && place.last_gone.is_none_or(|gone| gone < message.sent_at);
        let distribution = self.distribution(&message.address);
        // a slow receiver of multicast loses what its queue has no room for
        let bounded = distribution == Distribution::Multicast && place.messages >= SLOW_MIN;
        if !undisturbed || message.improper || bounded || distribution == Distribution::Unavailable {
            return false;
        }
        message.copies.is_empty()
    }

    /// Messages that arrived by routed links.
    #[must_use]
    pub fn count_routed(&self) -> usize {
        let routed = self.messages.iter().filter(|message| message.marks.is_some());
        routed.filter(|message| message.copies.iter().any(|copy| copy.is_whole)).count()
    }

    /// Messages so far, and how many of them arrived somewhere.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let arrived = self.messages.iter().filter(|message| message.copies.iter().any(|copy| copy.is_whole)).count();
        (self.messages.len(), arrived)
    }
}

/// Messages for a multicast address from which on one that is presettled may be dropped: the smallest link capacity.
pub const SLOW_MIN: u32 = 4;

fn at(id: MessageId) -> usize {
    usize::try_from(id).expect("32 bits")
}

/// Rejected beats accepted beats modified beats released. Source: the reference, 1.7.
const fn rank(said: &Said) -> u8 {
    match said {
        Said::Settled(Some(DeliveryState::Rejected(_))) => 3,
        Said::Settled(None | Some(DeliveryState::Accepted(_))) => 2,
        Said::Settled(Some(DeliveryState::Modified(_))) => 1,
        _ => 0,
    }
}

/// An outcome as a receiver's state.
#[must_use]
pub fn state(outcome: Outcome) -> DeliveryState {
    match outcome {
        Outcome::Accepted(it) => DeliveryState::Accepted(it),
        Outcome::Rejected(it) => DeliveryState::Rejected(it),
        Outcome::Released(it) => DeliveryState::Released(it),
        Outcome::Modified(it) => DeliveryState::Modified(it),
    }
}
