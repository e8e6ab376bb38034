//! Sessions and links of a connection: begin, attach, detach, end. Source: AMQP 1.0 part 2, 2.5 and 2.6.

use fe2o3_amqp_types::definitions::{Error, Handle, ReceiverSettleMode, Role, SenderSettleMode};
use fe2o3_amqp_types::performatives::{Attach, Begin, Detach, End};

use crate::connection::{Connection, Event, Step, append, decode};
use crate::fault::{self, PeerFault};
use crate::session::{Link, LinkId, Session, Stage, window_frames};

/// An attach that says no more than the link's name, beside that name.
const BARE_ATTACH_MAX_BYTES: usize = 128;

impl Connection {
    /// Begins a session, and returns its channel; `None` when the limit is reached.
    pub fn begin(&mut self) -> Option<u16> {
        let channel = self.insert_session(None)?;
        self.write_begin(channel, None);
        Some(channel)
    }

    /// Begins a session for relayed links, whose window has this many bytes, and returns its channel; `None` when the limit is reached.
    pub fn begin_relay(&mut self, window_bytes: u64) -> Option<u16> {
        let channel = self.insert_session(Some(window_bytes))?;
        self.write_begin(channel, None);
        Some(channel)
    }

    /// A session at the lowest free channel. The first has all that may wait here as its window, each further one half as much
    /// as the one before, unless it is told.
    fn insert_session(&mut self, window_bytes: Option<u64>) -> Option<u16> {
        let at = self.sessions.iter().position(Option::is_none).unwrap_or(self.sessions.len());
        let most = self.setup.channel_max.min(self.remote_channel_max);
        let channel = u16::try_from(at).ok().filter(|channel| *channel <= most)?;
        let share = self.setup.buffered_bytes.checked_shr(channel.into()).unwrap_or(0);
        let bytes = window_bytes.unwrap_or(share);
        let window = window_frames(bytes, self.setup.max_frame_size);
        let session = Session::new(self.epochs, self.setup.window_frames.map_or(window, |frames| window.min(frames)));
        self.epochs = self.epochs.saturating_add(1);
        match self.sessions.get_mut(at) {
            Some(slot) => *slot = Some(session),
            None => self.sessions.push(Some(session)),
        }
        Some(channel)
    }

    fn write_begin(&mut self, channel: u16, remote: Option<u16>) {
        let window = self.session(channel).map_or(0, Session::incoming_window);
        let begin = Begin {
            remote_channel: remote,
            next_outgoing_id: 0,
            incoming_window: window,
            outgoing_window: u32::MAX / 2,
            handle_max: Handle(self.setup.links_max.saturating_sub(1)),
            offered_capabilities: None,
            desired_capabilities: None,
            properties: None,
        };
        append(self.out.end(), channel, &begin);
    }

    pub(crate) fn handle_begin<'b>(&mut self, channel: u16, body: &[u8]) -> Result<Step<'b>, PeerFault> {
        let begin: Begin = decode(body, "begin")?;
        if channel > self.setup.channel_max {
            return Err(PeerFault::ChannelMax(channel));
        }
        let fault = |why| PeerFault::Channel { performative: "begin", channel, why };
        if self.local(channel).is_some() {
            return Err(fault("has a session"));
        }
        let ours = match begin.remote_channel {
            Some(ours) if self.session(ours).is_some_and(|session| session.remote.is_none()) => ours,
            Some(_) => return Err(fault("answers no begin of ours")),
            None => self.insert_session(None).ok_or(PeerFault::ChannelMax(channel))?,
        };
        let at = usize::from(channel);
        if self.channels.len() <= at {
            self.channels.resize(at.saturating_add(1), None);
        }
        if let Some(slot) = self.channels.get_mut(at) {
            *slot = Some(ours);
        }
        if let Some(session) = self.session_mut(ours) {
            session.handle_begin(channel, begin.next_outgoing_id, begin.incoming_window, begin.handle_max.0);
        }
        if begin.remote_channel.is_none() {
            self.write_begin(ours, Some(channel));
            return Ok(Step::Event(Event::Begun(ours)));
        }
        // what was attached before the peer's begin may go on
        Ok(Step::Event(Event::Window(ours)))
    }

    pub(crate) fn handle_end<'b>(&mut self, channel: u16, body: &[u8]) -> Result<Step<'b>, PeerFault> {
        let _end: End = decode(body, "end")?;
        let ours = self.expect_local("end", channel)?;
        let answers = self.is_ending(ours);
        if answers {
            self.endings = self.endings.saturating_sub(1);
        } else {
            append(self.out.end(), ours, &End { error: None });
        }
        if let Some(slot) = self.channels.get_mut(usize::from(channel)) {
            *slot = None;
        }
        if let Some(session) = self.sessions.get_mut(usize::from(ours)).and_then(Option::take) {
            self.links = self.links.saturating_sub(u32::try_from(session.link_count()).unwrap_or(u32::MAX));
        }
        Ok(if answers { Step::Again } else { Step::Event(Event::Ended(ours)) })
    }

    /// Ends a session. What still comes on it, until the peer's end, is void.
    pub fn end(&mut self, channel: u16, error: Option<Error>) {
        let Some(session) = self.session_mut(channel).filter(|session| !session.is_ending) else {
            return;
        };
        session.is_ending = true;
        self.endings = self.endings.saturating_add(1);
        self.append_error(channel, error, |error| End { error });
    }

    pub(crate) fn is_ending(&self, channel: u16) -> bool {
        self.session(channel).is_some_and(|session| session.is_ending)
    }

    /// Sessions that there are.
    #[must_use]
    pub fn session_count(&self) -> u32 {
        u32::try_from(self.sessions.iter().flatten().count()).unwrap_or(u32::MAX)
    }

    /// Links of all sessions.
    #[must_use]
    pub const fn link_count(&self) -> u32 {
        self.links
    }

    pub(crate) fn handle_attach<'b>(&mut self, channel: u16, body: &'b [u8]) -> Result<Step<'b>, PeerFault> {
        let attach: Attach = decode(body, "attach")?;
        let ours = self.expect_local("attach", channel)?;
        let bytes = attach.name.len();
        if bytes.saturating_add(BARE_ATTACH_MAX_BYTES) > self.room() {
            return Err(PeerFault::LinkName { bytes, max: self.remote_max_frame });
        }
        let remote = attach.handle.0;
        let role = if attach.role == Role::Sender { Role::Receiver } else { Role::Sender };
        if remote >= self.setup.links_max {
            return Err(PeerFault::HandleMax(remote));
        }
        let full = self.links >= self.setup.links_max;
        let session = self.session_mut(ours).ok_or(PeerFault::State("attach"))?;
        let in_use = || PeerFault::HandleInUse { handle: remote, name: attach.name.clone() };
        if session.local(remote).is_some() {
            return Err(in_use());
        }
        let known = session.named(&attach.name, &role);
        let (handle, was_ours) = match known {
            Some(handle) if session.link(handle).is_some_and(|link| link.remote.is_none()) => (handle, true),
            Some(_) => return Err(in_use()),
            None if full => return Err(PeerFault::HandleMax(remote)),
            None => {
                let link = Link::new(&attach.name, role.clone(), Stage::Asked);
                (session.insert(link).ok_or(PeerFault::HandleMax(remote))?, false)
            }
        };
        session.bind(remote, handle);
        if let Some(link) = session.link_mut(handle) {
            if role == Role::Receiver {
                link.start_count(attach.initial_delivery_count.unwrap_or(0));
            }
            if link.stage == Stage::Attaching {
                link.stage = Stage::Attached;
            }
        }
        if !was_ours {
            self.links = self.links.saturating_add(1);
        }
        let link = LinkId { channel: ours, handle };
        Ok(Step::Event(Event::Attached { link, ours: was_ours, attach: Box::new(attach), body }))
    }

    /// Answers a peer's attach. `attach.name`, `handle` and `role` are filled in.
    pub fn accept(&mut self, link: LinkId, mut attach: Attach) {
        let Some(state) = self.link_mut(link) else {
            return;
        };
        state.stage = Stage::Attached;
        attach.name = state.name.as_ref().to_owned();
        attach.handle = Handle(link.handle);
        attach.role = state.role.clone();
        attach.initial_delivery_count = (state.role == Role::Sender).then_some(state.delivery_count.0);
        let start = self.out.end().len();
        append(self.out.end(), link.channel, &attach);
        if self.out.end().len().saturating_sub(start) > self.room() {
            self.out.end().truncate(start);
            (attach.source, attach.target) = (None, None);
            (attach.properties, attach.offered_capabilities, attach.desired_capabilities) = (None, None, None);
            append(self.out.end(), link.channel, &attach);
            let why = "the answer to the attach is longer than max-frame-size";
            self.detach(link, Some(fault::error(fault::FRAME_SIZE_TOO_SMALL, why)));
        }
    }

    /// Refuses a peer's attach: an attach without the terminus it asked for, then a detach that says why.
    pub fn refuse(&mut self, link: LinkId, mut attach: Attach, error: Error) {
        if attach.role == Role::Sender {
            attach.target = None
        } else {
            attach.source = None
        }
        self.accept(link, attach);
        self.detach(link, Some(error));
    }

    /// Attaches a link by ourselves. `attach.handle` is filled in. `None` when the session is gone or full.
    pub fn attach(&mut self, channel: u16, mut attach: Attach) -> Option<LinkId> {
        let session = self.session_mut(channel)?;
        let handle = session.insert(Link::new(&attach.name, attach.role.clone(), Stage::Attaching))?;
        self.count_link();
        attach.handle = Handle(handle);
        attach.initial_delivery_count = (attach.role == Role::Sender).then_some(0);
        append(self.out.end(), channel, &attach);
        Some(LinkId { channel, handle })
    }

    /// Detaches a link of ours. What still comes on it is void.
    pub fn detach(&mut self, link: LinkId, error: Option<Error>) {
        let Some(state) = self.link_mut(link) else {
            return;
        };
        if state.stage == Stage::Detaching {
            return;
        }
        state.stage = Stage::Detaching;
        self.append_error(link.channel, error, |error| Detach { handle: Handle(link.handle), closed: true, error });
    }

    /// Whether we receive on a link.
    #[must_use]
    pub fn is_receiver(&self, link: LinkId) -> Option<bool> {
        Some(self.session(link.channel)?.link(link.handle)?.role == Role::Receiver)
    }

    pub(crate) fn handle_detach<'b>(&mut self, channel: u16, body: &[u8]) -> Result<Step<'b>, PeerFault> {
        let detach: Detach = decode(body, "detach")?;
        let ours = self.expect_local("detach", channel)?;
        let remote = detach.handle.0;
        let session = self.session_mut(ours).ok_or(PeerFault::State("detach"))?;
        let unattached = PeerFault::UnattachedHandle { performative: "detach", handle: remote };
        let handle = session.local(remote).ok_or(unattached)?;
        let state = session.link_mut(handle).ok_or(PeerFault::State("detach"))?;
        let (stage, relayed, role) = (state.stage, state.relayed, state.role.clone());
        let link = LinkId { channel: ours, handle };
        let Detach { closed, error, .. } = detach;
        if relayed && stage != Stage::Detaching {
            (state.stage, state.closes) = (Stage::Detached, closed);
            return Ok(Step::Event(Event::RelayDetached { link, answers: false, closed, error }));
        }
        let name = state.name.clone();
        self.forget(link);
        match stage {
            Stage::Detaching if relayed => {
                return Ok(Step::Event(Event::RelayDetached { link, answers: true, closed, error }));
            }
            Stage::Detaching => return Ok(Step::Again),
            // nothing can be detached that was not attached
            Stage::Asked => append(self.out.end(), ours, &bare_attach(&name, handle, role)),
            Stage::Attaching | Stage::Attached | Stage::Detached => {}
        }
        append(self.out.end(), ours, &Detach { handle: Handle(handle), closed, error: None });
        Ok(Step::Event(Event::Detached { link, closed, error }))
    }

    /// Counts a link that we attach.
    pub(crate) const fn count_link(&mut self) {
        self.links = self.links.saturating_add(1);
    }

    /// Forgets a link.
    pub(crate) fn forget(&mut self, link: LinkId) {
        if let Some(session) = self.session_mut(link.channel) {
            session.remove(link.handle);
            self.links = self.links.saturating_sub(1);
        }
    }
}

/// The answer to an attach that its peer did not wait for.
fn bare_attach(name: &str, handle: u32, role: Role) -> Attach {
    Attach {
        name: name.to_owned(),
        handle: Handle(handle),
        initial_delivery_count: (role == Role::Sender).then_some(0),
        role,
        snd_settle_mode: SenderSettleMode::Mixed,
        rcv_settle_mode: ReceiverSettleMode::First,
        source: None,
        target: None,
        unsettled: None,
        incomplete_unsettled: false,
        max_message_size: None,
        offered_capabilities: None,
        desired_capabilities: None,
        properties: None,
    }
}
