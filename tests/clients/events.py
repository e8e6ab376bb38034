"""What the scripts have in common: one JSON line for each thing that happens, and the options of a connection."""

import argparse
import hashlib
import json
import sys

from proton import Delivery, SSLDomain, symbol
from proton.handlers import MessagingHandler
from proton.reactor import Container


def emit(event, **fields):
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


def digest(body):
    return hashlib.sha256(body).hexdigest()


def plain(value):
    """A value as JSON can hold it; symbols and strings are told apart by `symbols`."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).hex()
    return value


def kind(value):
    """The AMQP type of a value, of a map its keys' and values' types."""
    if isinstance(value, dict):
        return {str(key): [kind(key), kind(item)] for key, item in value.items()}
    if isinstance(value, list):
        return ["list"] + [kind(item) for item in value]
    return type(value).__name__


def condition(cond):
    if cond is None:
        return {"condition": None, "description": None, "info": None}
    return {"condition": cond.name, "description": cond.description, "info": plain(cond.info)}


def outcome(delivery):
    local = {
        Delivery.ACCEPTED: "accepted",
        Delivery.REJECTED: "rejected",
        Delivery.RELEASED: "released",
        Delivery.MODIFIED: "modified",
    }
    remote = delivery.remote
    return {
        "state": local.get(delivery.remote_state, str(delivery.remote_state)),
        "failed": bool(remote.failed),
        "undeliverable": bool(remote.undeliverable),
        "annotations": plain(remote.annotations) if remote.annotations else None,
        **condition(remote.condition),
    }


def options(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--url", required=True, help="HOST:PORT")
    parser.add_argument("--address", help="absent: an anonymous sender")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--container")
    parser.add_argument("--user")
    parser.add_argument("--password")
    parser.add_argument("--mechanisms")
    parser.add_argument("--ca", help="speak TLS, and believe this file")
    parser.add_argument("--certificate", help="our own, with its key in --key")
    parser.add_argument("--key")
    parser.add_argument("--no-sasl", action="store_true")
    parser.add_argument("--keep", action="store_true", help="stay connected when done")
    parser.add_argument("--reconnect", action="store_true", help="connect again for what is left")
    return parser


class Client(MessagingHandler):
    """Connects once, reports what happens to the connection and its links, and ends when the connection does."""

    def __init__(self, args, **kwargs):
        super().__init__(auto_settle=False, peer_close_is_error=False, **kwargs)
        self.args = args
        self.connection = None
        self.finished = False
        self.scheduled = None

    def on_start(self, event):
        wanted = {"reconnect": False, "heartbeat": None, "allow_insecure_mechs": True}
        if self.args.no_sasl:
            wanted["sasl_enabled"] = False
        if self.args.mechanisms:
            wanted["allowed_mechs"] = self.args.mechanisms
        if self.args.user:
            wanted["user"] = self.args.user
            wanted["password"] = self.args.password
        if self.args.container:
            event.container.container_id = self.args.container
        url = "amqp://" + self.args.url
        if self.args.ca:
            # Proton looks for names of hosts alone, not for addresses
            url = "amqps://" + self.args.url.replace("127.0.0.1", "localhost")
            domain = SSLDomain(SSLDomain.MODE_CLIENT)
            domain.set_trusted_ca_db(self.args.ca)
            domain.set_peer_authentication(SSLDomain.VERIFY_PEER_NAME)
            if self.args.certificate:
                domain.set_credentials(self.args.certificate, self.args.key, None)
            wanted["ssl_domain"] = domain
        self.connection = event.container.connect(url, **wanted)
        self.attach(event)

    def attach(self, event):
        pass

    def on_connection_opened(self, event):
        connection = event.connection
        properties = connection.remote_properties or {}
        emit(
            "open",
            container=connection.remote_container,
            properties=plain(properties),
            kinds={str(key): kind(value) for key, value in properties.items()},
            offered=[str(item) for item in (connection.remote_offered_capabilities or [])],
        )

    def on_link_opened(self, event):
        link = event.link
        terminus = link.remote_target if link.is_sender else link.remote_source
        emit("attached", address=terminus.address, present=terminus.type != 0)

    def on_link_remote_close(self, event):
        emit("detached", **condition(event.link.remote_condition))

    def on_session_remote_close(self, event):
        emit("ended", **condition(event.session.remote_condition))

    def on_connection_remote_close(self, event):
        emit("closed", **condition(event.connection.remote_condition))
        event.connection.close()
        self.connect_again(event)

    def on_transport_error(self, event):
        emit("transport-error", **condition(event.transport.condition))

    def on_disconnected(self, event):
        self.connect_again(event)

    def connect_again(self, event):
        emit("disconnected")
        if self.args.reconnect and not self.finished and not self.scheduled:
            self.scheduled = event.container.schedule(0.1, self)

    def on_timer_task(self, event):
        self.scheduled = None
        self.on_start(event)

    def done(self, event):
        emit("done")
        self.finished = True
        if not self.args.keep:
            event.connection.close()


def run(handler):
    container = Container(handler)
    container.run()


__all__ = ["Client", "condition", "digest", "emit", "options", "outcome", "run", "symbol"]
