"""Which ports the API server and the broker get."""

import socket
from contextlib import suppress
from pathlib import Path

from lakemill.cli.embedded.service import StartError


def choose_port(state: Path, demanded: str | None, *, component: str = "api-server") -> int:
    """Return the port that the user demands, else the one of last time if it is free, else any free one.

    Parameters
    ----------
    state : Path
    demanded : str or None
        What the user has set.
    component : str
        Whose port it is.

    Returns
    -------
    int

    Raises
    ------
    StartError
        When the demanded port isn't one, or is in use.
    """
    if demanded is not None:
        if not demanded.isdigit() or not is_free(int(demanded)):
            raise StartError(component, f"cannot listen on port {demanded}: it is in use or not a port")
        return int(demanded)
    note = state / (
        "port" if component == "api-server" else f"port-{component}"
    )  # kept, so that an open browser page finds the installation again
    with suppress(OSError, ValueError):
        if is_free(port := int(note.read_text())):
            return port
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    note.write_text(str(port))
    return port


def is_free(port: int) -> bool:
    """Return whether the loopback's port can be listened on.

    Parameters
    ----------
    port : int

    Returns
    -------
    bool
    """
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except (OSError, OverflowError):
        return False
    return True


def is_listening(port: int) -> bool:
    """Tell whether something takes connections on the loopback's port.

    Parameters
    ----------
    port : int
    """
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
