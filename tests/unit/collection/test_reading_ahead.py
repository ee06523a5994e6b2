"""Pieces are read in a thread of their own, in order, and no longer than somebody takes them."""

import threading

import pytest

from lakemill.collection.reading_ahead import read_ahead


def test_pieces_come_in_order():
    assert list(read_ahead(lambda: iter(range(100)))) == list(range(100))


def test_pieces_that_are_empty_are_pieces():
    assert list(read_ahead(lambda: iter([None, [], 0]))) == [None, [], 0]


def test_an_error_is_raised_where_the_pieces_are_taken():
    def pieces():
        yield 1
        raise ValueError("broken off")

    taken = read_ahead(pieces)
    assert next(taken) == 1
    with pytest.raises(ValueError, match="broken off"):
        next(taken)


def test_an_error_of_the_beginning_is_raised_too():
    def fail():
        raise OSError("no such file")

    with pytest.raises(OSError, match="no such file"):
        next(read_ahead(fail))


def test_at_most_some_pieces_are_held():
    made = []

    def pieces():
        for number in range(1000):
            made.append(number)
            yield number

    taken = read_ahead(pieces, ahead=2)
    next(taken)
    threading.Event().wait(0.3)
    assert len(made) <= 5
    taken.close()


def test_closing_early_closes_the_source_and_ends_the_thread():
    closed = threading.Event()

    def pieces():
        try:
            while True:
                yield 1
        finally:
            closed.set()

    taken = read_ahead(pieces)
    next(taken)
    taken.close()
    assert closed.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name == "read ahead"]
