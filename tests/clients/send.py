"""Sends messages and reports what became of each."""

import random

from events import Client, digest, emit, options, outcome, run
from proton import Message
from proton.reactor import AtLeastOnce, AtMostOnce


class Sender(Client):
    def __init__(self, args):
        super().__init__(args)
        self.random = random.Random(args.seed)
        self.sizes = [int(size) for size in args.sizes.split(",")]
        self.sent = 0
        self.settled = 0
        self.indexes = {}
        self.credit = 0

    def attach(self, event):
        # what a lost connection left unsettled stays so
        self.settled = self.sent
        self.indexes.clear()
        mode = AtMostOnce() if self.args.settled else AtLeastOnce()
        event.container.create_sender(self.connection, self.args.address, name=self.args.link, options=mode)

    def on_link_flow(self, event):
        link = event.link
        if link.is_sender and link.credit != self.credit and self.args.report_credit:
            self.credit = link.credit
            emit("credit", credit=link.credit, drain=bool(link.drain_mode))

    def on_sendable(self, event):
        while event.sender.credit and self.sent < self.args.count:
            if self.args.window and self.sent - self.settled >= self.args.window:
                return
            body = self.random.randbytes(self.sizes[self.sent % len(self.sizes)])
            message = Message(body=body, inferred=True, id=self.sent, durable=self.args.durable)
            if self.args.to:
                message.address = self.args.to
            delivery = event.sender.send(message)
            self.indexes[delivery.tag] = self.sent
            emit("sent", index=self.sent, size=len(body), sha256=digest(body))
            self.sent += 1
            if self.args.settled:
                self.count_settled(event)

    def on_settled(self, event):
        index = self.indexes.pop(event.delivery.tag, None)
        if index is not None:
            emit("outcome", index=index, **outcome(event.delivery))
            event.delivery.settle()
            self.count_settled(event)
            self.on_sendable(event)

    def count_settled(self, event):
        self.settled += 1
        if self.settled == self.args.count:
            self.done(event)


def main():
    parser = options(__doc__)
    parser.add_argument("--sizes", default="10", help="of the bodies, in turn: 0,1,1024")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--settled", action="store_true")
    parser.add_argument("--durable", action="store_true")
    parser.add_argument("--report-credit", action="store_true")
    parser.add_argument("--window", type=int, default=0, help="unsettled messages at once; 0: what credit allows")
    parser.add_argument("--to", help="the `to` of each message")
    parser.add_argument("--link")
    run(Sender(parser.parse_args()))


main()
