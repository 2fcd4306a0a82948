"""Sockets that listen for a platform's listeners."""

from __future__ import annotations

import os
import socket

from egide.errors import ConfigError

__all__ = ["listening_socket", "listening_sockets"]


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises ConfigError when the port is busy or not allowed."""
    return listening_sockets(host, port, 1)[0]


def listening_sockets(host: str, port: int, many: int) -> list[socket.socket]:
    """`many` sockets that listen on one port, between which the system spreads connections.

    A port of 0 is one that the system chooses, the same for all. Raises ConfigError when it is busy or not allowed.
    """
    address, made = host.strip("[]"), list[socket.socket]()
    try:
        for _ in range(many):
            one = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
            made.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if many > 1:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            one.bind((address, port))
            port = one.getsockname()[1]
            one.listen(512)
    except OSError as err:
        for one in made:
            one.close()
        reason = os.strerror(err.errno or 0)
        raise ConfigError(f"port {port} cannot be used on this address: {reason}") from err
    return made
