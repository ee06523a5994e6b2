"""Reading the next pieces of a delivery in a thread of its own while the last one is written.

Parsing and encoding both leave Python's lock free, so that two cores are used. Stays out: what a piece is.
"""

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from typing import TypeVar

T = TypeVar("T")
AHEAD = 2


def read_ahead(pieces: Callable[[], Iterator[T]], ahead: int = AHEAD) -> Generator[T, None, None]:
    """Yield what an iterator yields, read some steps ahead; its exceptions are raised here.

    Parameters
    ----------
    pieces : callable
        Makes the iterator, which is advanced and closed in the other thread.
    ahead : int
        Number of pieces kept at most.

    Examples
    --------
    >>> list(read_ahead(lambda: iter("abc")))
    ['a', 'b', 'c']
    """
    waiting: queue.Queue[tuple[list[T], BaseException | None]] = queue.Queue(maxsize=ahead)
    is_closed = threading.Event()

    def put(item: tuple[list[T], BaseException | None]) -> bool:
        while not is_closed.is_set():
            try:
                waiting.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def read() -> None:
        try:
            iterator = pieces()
            try:
                for piece in iterator:
                    if not put(([piece], None)):
                        break
            finally:
                if hasattr(iterator, "close"):
                    iterator.close()
        except BaseException as error:
            put(([], error))
        put(([], None))

    reader = threading.Thread(target=read, name="read ahead", daemon=True)
    reader.start()
    try:
        while True:
            piece, error = waiting.get()
            if error is not None:
                raise error
            if not piece:
                return
            yield piece[0]
    finally:
        is_closed.set()
        reader.join()
