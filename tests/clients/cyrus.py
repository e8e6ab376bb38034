"""A server whose SASL is that of Cyrus, with the users of a database in a directory of its own: what peers came in by is reported.
With --identity it is an auth service that says that name of them."""

import ctypes
import os

from events import condition, emit, options
from proton import Endpoint, symbol
from proton.handlers import MessagingHandler
from proton.reactor import Container

NAME = "cyrus"
SASL_SET_CREATE = 1


def configure(directory, mechanisms):
    with open(os.path.join(directory, NAME + ".conf"), "w", encoding="utf-8") as file:
        file.write(
            "pwcheck_method: auxprop\nauxprop_plugin: sasldb\n"
            f"sasldb_path: {os.path.join(directory, 'users.db')}\nmech_list: {mechanisms}\n"
        )


def add_user(directory, user, password):
    """What `saslpasswd2 -c` does, which is in a package that is not needed otherwise."""
    os.environ["SASL_CONF_PATH"] = directory
    sasl = ctypes.CDLL("libsasl2.so.2")
    context = ctypes.c_void_p()
    said = sasl.sasl_server_init(None, NAME.encode())
    # Cyrus writes a name without a realm as one of its own machine, and looks it up as such
    said = said or sasl.sasl_server_new(NAME.encode(), None, None, None, None, None, 0, ctypes.byref(context))
    password = password.encode()
    said = said or sasl.sasl_setpass(context, user.encode(), password, len(password), None, 0, SASL_SET_CREATE)
    if said:
        raise OSError(f"cannot add a user: {said}")
    sasl.sasl_dispose(ctypes.byref(context))
    sasl.sasl_done()


class Server(MessagingHandler):
    def __init__(self, args):
        super().__init__(peer_close_is_error=False)
        self.args = args

    def on_start(self, event):
        acceptor = event.container.listen("amqp://" + self.args.url)
        emit("listening", port=acceptor._selectable.getsockname()[1])

    def on_connection_bound(self, event):
        sasl = event.transport.sasl()
        sasl.config_name(NAME)
        sasl.config_path(self.args.directory)
        sasl.allow_insecure_mechs = True
        sasl.allowed_mechs(self.args.mechanisms.replace(",", " "))
        event.transport.require_auth(True)

    def on_connection_opening(self, event):
        if self.args.identity:
            claims = {"sub": self.args.identity, "preferred_username": "nobody"}
            event.connection.properties = {symbol("authenticated-identity"): claims}

    def on_connection_opened(self, event):
        sasl = event.transport.sasl()
        emit("open", container=event.connection.remote_container, user=sasl.user, mechanism=sasl.mech)

    def on_connection_remote_close(self, event):
        if event.connection.state & Endpoint.LOCAL_ACTIVE:
            event.connection.close()

    def on_transport_error(self, event):
        emit("transport-error", **condition(event.transport.condition))


def main():
    parser = options(__doc__)
    parser.add_argument("--directory", required=True)
    parser.add_argument("--identity")
    args = parser.parse_args()
    configure(args.directory, args.mechanisms.replace(",", " "))
    add_user(args.directory, args.user, args.password)
    Container(Server(args)).run()


main()
