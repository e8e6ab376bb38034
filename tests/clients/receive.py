"""Receives messages, reports each, and gives the outcome it was told to give."""

from events import Client, digest, emit, options, run
from proton import Condition, Delivery


class Receiver(Client):
    def __init__(self, args):
        super().__init__(args, prefetch=0, auto_accept=False)
        self.received = 0
        self.waiting = 0
        self.outcomes = args.outcome.split(",")

    def attach(self, event):
        receiver = event.container.create_receiver(self.connection, self.args.address, name=self.args.link)
        receiver.flow(self.args.credit)

    def on_message(self, event):
        message, delivery = event.message, event.delivery
        body = bytes(message.body)
        emit(
            "message",
            index=self.received,
            id=message.id,
            size=len(body),
            sha256=digest(body),
            settled=bool(delivery.settled),
            delivery_count=message.delivery_count,
            to=message.address,
        )
        self.give(delivery, self.outcomes[self.received % len(self.outcomes)])
        self.received += 1
        self.waiting += 1
        if self.waiting * 2 >= self.args.credit and not self.args.once and not self.args.drain:
            event.receiver.flow(self.waiting)
            self.waiting = 0
        if self.received == self.args.count:
            if self.args.drain:
                event.receiver.drain(0)
            else:
                self.done(event)

    def on_link_flow(self, event):
        link = event.link
        if link.is_receiver and link.drain_mode and not link.draining():
            emit("drained", credit=link.credit)
            self.done(event)

    def give(self, delivery, what):
        if what == "hold":
            return
        if what == "accepted":
            delivery.update(Delivery.ACCEPTED)
        elif what == "released":
            delivery.update(Delivery.RELEASED)
        elif what == "rejected":
            delivery.local.condition = Condition("test:refused", "not today")
            delivery.update(Delivery.REJECTED)
        elif what == "modified":
            delivery.local.failed = True
            delivery.local.undeliverable = True
            delivery.local.annotations = {"why": "test"}
            delivery.update(Delivery.MODIFIED)
        delivery.settle()


def main():
    parser = options(__doc__)
    parser.add_argument("--credit", type=int, default=50)
    parser.add_argument("--once", action="store_true", help="grant credit once")
    parser.add_argument("--drain", action="store_true", help="drain the credit that is left when all came")
    parser.add_argument("--outcome", default="accepted", help="accepted, rejected, released, modified, hold: in turn")
    parser.add_argument("--link")
    run(Receiver(parser.parse_args()))


main()
