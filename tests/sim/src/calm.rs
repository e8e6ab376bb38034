//! A scripted peer that brings things to an end: what is under way is finished, what came is settled, and nobody lacks credit.

use fe2o3_amqp_types::messaging::{Accepted, DeliveryState};

use crate::acting::Turn;
use crate::peer::{Peer, State};
use crate::session::{End, Stage};

/// Frames of a window that nobody waits at.
const ENOUGH: u32 = 1000;

impl Peer {
    /// Does what is left to do.
    pub fn calm(&mut self, turn: &mut Turn<'_>) {
        if self.state != State::Open {
            return;
        }
        let channels: Vec<u16> = self.sessions.keys().copied().collect();
        for channel in channels {
            self.answer_all(turn, channel);
            self.open_window(channel);
            self.settle_all(turn, channel);
            let handles = self.sessions.get(&channel).map(|session| session.links.keys().copied().collect::<Vec<_>>());
            for handle in handles.unwrap_or_default() {
                self.top_up(channel, handle, turn.habits.calm_credit);
                while self.send_frame(turn, (channel, handle), usize::MAX) {}
                self.give_back(channel, handle);
            }
            self.settle_awaited(channel);
        }
    }

    fn open_window(&mut self, channel: u16) {
        let Some(session) = self.sessions.get_mut(&channel).filter(|session| session.begun && !session.ending) else {
            return;
        };
        let left = session.incoming_limit.since(session.next_incoming);
        if session.window != ENOUGH || left < ENOUGH / 2 {
            session.window = ENOUGH;
            session.flow().write(&mut self.up, channel);
        }
    }

    fn settle_all(&mut self, turn: &mut Turn<'_>, channel: u16) {
        let Some(session) = self.sessions.get(&channel).filter(|session| !session.ending) else {
            return;
        };
        let whole = session.received.iter().filter(|(_, unsettled)| unsettled.is_whole);
        let ids: Vec<u32> = whole.map(|(id, _)| *id).collect();
        for id in ids {
            self.dispose(turn.ledger, channel, (id, id), Some(DeliveryState::Accepted(Accepted {})));
        }
    }

    fn top_up(&mut self, channel: u16, handle: u32, credit: u32) {
        let session = self.sessions.get(&channel).filter(|session| !session.ending);
        let Some(link) = session.and_then(|session| session.links.get(&handle)) else {
            return;
        };
        if let End::Receiver(receiver) = &link.end
            && link.stage == Stage::Attached
            && receiver.granted.before(receiver.count.add(credit.div_ceil(2)))
            // who takes one at a time has it whole before the next
            && (credit > 1 || receiver.arriving.is_none())
        {
            self.flow(channel, handle, credit, false);
        }
    }

    /// Says what is left undone.
    ///
    /// # Panics
    ///
    /// With the first thing.
    pub fn check_rest(&self) {
        assert!(self.down.is_empty(), "half a frame");
        assert!(matches!(self.state, State::Open | State::Closed), "connection {} stays {:?}", self.number, self.state);
        for (channel, session) in &self.sessions {
            assert!(session.begun && !session.ending, "session {channel} is not answered");
            assert!(session.awaiting.is_empty(), "deliveries {:?} wait to be settled", session.awaiting);
            assert!(session.awaited.is_empty(), "deliveries {:?} are to be settled", session.awaited);
            for link in session.links.values() {
                assert_eq!(link.stage, Stage::Attached, "link {} is not answered", link.name);
                match &link.end {
                    End::Sender(sender) => assert!(
                        sender.sending.is_none(),
                        "link {} is held up: {link:?}, window {:?} to {:?}",
                        link.name,
                        session.next_outgoing,
                        session.outgoing_limit
                    ),
                    End::Receiver(receiver) => {
                        assert!(
                            receiver.arriving.is_none(),
                            "link {} of {} waits for the rest of a delivery: {link:?}",
                            link.name,
                            self.number
                        );
                        assert!(receiver.draining.is_none(), "link {} waits for its credit", link.name);
                    }
                }
            }
        }
    }
}
