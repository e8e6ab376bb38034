"""Holds many links open, half of them senders and half receivers of the same addresses; SIGUSR1 has each sender send once."""

import signal

from events import Client, emit, options, run
from proton import Message


class Links(Client):
    def __init__(self, args):
        super().__init__(args, prefetch=10)
        self.senders = []
        self.ready = False
        self.due = False
        self.rounds = 0
        self.accepted = 0
        self.received = 0
        self.flows = 0
        self.before = 0
        self.quiet = 0

    def on_start(self, event):
        super().on_start(event)
        signal.signal(signal.SIGUSR1, self.wanted)
        event.container.schedule(0.05, self)

    def wanted(self, *_):
        self.due = True

    def attach(self, event):
        for number in range(self.args.count):
            address = f"{self.args.address}/{number}"
            event.container.create_receiver(self.connection, address)
            self.senders.append(event.container.create_sender(self.connection, address))

    def on_link_opened(self, event):
        pass

    def on_link_flow(self, event):
        self.flows += event.link.is_sender

    def on_timer_task(self, event):
        if not self.ready and all(sender.credit for sender in self.senders):
            # the last flows are on their way
            self.quiet = self.quiet + 1 if self.flows == self.before else 0
            self.before = self.flows
            if self.quiet == 10:
                self.ready = True
                self.report("ready")
        if self.due:
            self.due = False
            self.report("sending")
            for sender in self.senders:
                sender.send(Message(body=b"x", inferred=True, durable=True))
        event.container.schedule(0.05, self)

    def on_settled(self, event):
        self.accepted += event.delivery.remote_state == event.delivery.ACCEPTED
        event.delivery.settle()
        self.whole()

    def on_message(self, event):
        self.received += 1
        self.whole()

    def whole(self):
        if self.accepted == self.received == self.args.count * (self.rounds + 1):
            self.rounds += 1
            self.report("sent")

    def report(self, name):
        credit = [sender.credit for sender in self.senders]
        emit(name, credit=credit, flows=self.flows, accepted=self.accepted, received=self.received)


def main():
    run(Links(options(__doc__).parse_args()))


main()
