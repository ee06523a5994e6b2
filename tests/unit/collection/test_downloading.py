"""Downloads, from a server that does what servers do: breaks off, changes its mind, sends people elsewhere."""

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from lakemill.collection import downloading
from lakemill.collection.delivery import Credentials
from lakemill.collection.downloading import download, look_up
from lakemill.collection.web import Site, show_address
from lakemill.exceptions import CollectionError

DATA = bytes(range(256)) * 2_000  # 512,000 bytes


@dataclass
class Server:
    """A server, whose answers a test writes: a function of the handler and how many requests came before."""

    address: str = ""
    answer: Callable[[Any, int], None] = lambda handler, number: None
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)

    @property
    def ranges(self) -> list[str | None]:
        """The Range of each GET."""
        return [headers.get("range") for method, _, headers in self.requests if method == "GET"]


def run_server() -> Iterator[Server]:
    served = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            number = len(served.requests)
            served.requests.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
            served.moments.append(time.monotonic())
            served.answer(self, number)

        do_GET = do_HEAD = answer

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    yield from run_server()


@pytest.fixture
def other_server() -> Iterator[Server]:
    yield from run_server()


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setattr(downloading, "FIRST_PAUSE", 0.02)


def send(handler, data=DATA, *, status=200, upto=None, length=None, etag='"1"', ranges=True, **headers):
    """Answer with data, or the rest of it that is asked for; break off after ``upto`` bytes of it."""
    begin = 0
    asked = handler.headers.get("Range")
    condition = handler.headers.get("If-Range")
    if status == 200 and ranges and asked and (condition is None or condition == etag):
        begin = int(asked.removeprefix("bytes=").split("-")[0])
        status = 206
        headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
    body = data[begin:]
    handler.send_response(status)
    named = {"Content-Length": len(body) if length is None else length, "ETag": etag, **headers}
    for name, value in named.items():
        if value is not None:
            handler.send_header(name.replace("_", "-"), str(value))
    handler.end_headers()
    if handler.command == "HEAD":
        return
    handler.wfile.write(body[:upto])
    handler.wfile.flush()
    if upto is not None or length is not None or named["Content-Length"] is None:
        handler.close_connection = True
        handler.connection.shutdown(2)


def redirect(handler, target, status=302):
    send(handler, b"", status=status, etag=None, Location=target)


@pytest.fixture
def fetch(server, tmp_path):
    """Function that downloads from the server and returns the bytes."""

    def get(path="/x.bin", *, credentials=None, timeout=5.0, largest=10**7, tries=3, sha256=None, address=None):
        url = address or server.address + path
        site = Site(url, credentials=credentials, timeout=timeout, where="w.yaml: collect.x", key="2024-03")
        try:
            download(site, tmp_path / "x", largest=largest, tries=tries, sha256=sha256)
        finally:
            site.close()
        return (tmp_path / "x").read_bytes()

    return get


def test_a_file_comes_as_it_is(server, fetch):
    server.answer = lambda handler, number: send(handler)
    assert fetch(sha256=hashlib.sha256(DATA).hexdigest()) == DATA
    assert server.requests[0][2]["accept-encoding"] == "identity"


def test_what_breaks_off_goes_on_where_it_was(server, fetch):
    # seven breaks are more than three tries, but each brought something
    server.answer = lambda handler, number: send(handler, upto=70_000 if number < 7 else None)
    assert fetch(tries=3) == DATA
    assert server.ranges[:3] == [None, "bytes=70000-", "bytes=140000-"]
    assert server.requests[1][2]["if-range"] == '"1"'


def test_tries_without_progress_end(server, fetch):
    server.answer = lambda handler, number: send(handler, upto=1_000 if number == 0 else 0)
    with pytest.raises(CollectionError, match=r"cannot be had: .* \(3 tries without progress, 1,000 bytes had come\)"):
        fetch(tries=3)
    assert len(server.requests) == 4


def test_a_server_that_ignores_ranges_is_read_from_the_beginning(server, fetch):
    server.answer = lambda handler, number: send(handler, ranges=False, upto=300_000 if number == 0 else None)
    assert fetch() == DATA


@pytest.mark.parametrize("honest", [True, False])
def test_a_file_that_changes_between_tries_is_begun_anew(server, fetch, honest):
    new = DATA[::-1]

    def answer(handler, number):
        if number == 0:
            send(handler, upto=100_000)
        elif honest or number > 1:
            send(handler, new, etag='"2"')
        else:  # the rest of the new one, in spite of If-Range
            send(handler, new[100_000:], status=206, etag='"2"', Content_Range=f"bytes 100000-511999/{len(new)}")

    server.answer = answer
    assert fetch() == new


def test_a_file_that_is_put_together_of_two_is_known_by_its_hash(server, fetch):
    new = DATA[::-1]

    def answer(handler, number):
        if number == 0:
            send(handler, upto=100_000)
        elif number == 1:  # changed, and nothing tells
            send(handler, new[100_000:], status=206, Content_Range=f"bytes 100000-511999/{len(new)}")
        else:
            send(handler, new)

    server.answer = answer
    assert fetch(sha256=hashlib.sha256(new).hexdigest()) == new


def test_without_a_validator_nothing_is_put_together(server, fetch):
    server.answer = lambda handler, number: send(handler, etag=None, upto=300_000 if number == 0 else None)
    assert fetch() == DATA
    assert server.ranges == [None, None]


def test_another_hash_is_no_delivery(server, fetch):
    server.answer = lambda handler, number: send(handler)
    with pytest.raises(CollectionError, match=r"has the SHA-256 .*, expected 0{64}"):
        fetch(sha256="0" * 64)
    assert len(server.requests) == 1


def test_a_length_that_never_comes_is_told(server, fetch):
    server.answer = lambda handler, number: send(handler, length=600_000, ranges=False)
    with pytest.raises(CollectionError, match=r"broke off .* 512,000 bytes had come"):
        fetch(tries=2)


def test_a_server_that_is_busy_is_left_alone_as_long_as_it_asks(server, fetch):
    server.answer = lambda handler, number: (
        send(handler, b"", status=503, Retry_After="1") if number == 0 else send(handler)
    )
    assert fetch() == DATA
    assert server.moments[1] - server.moments[0] >= 1


def test_a_date_to_come_again_counts_by_the_servers_clock(server, fetch):
    def answer(handler, number):
        if number:
            return send(handler)
        handler.date_time_string = lambda timestamp=None: "Fri, 01 Mar 2024 10:00:00 GMT"
        return send(handler, b"", status=429, Retry_After="Fri, 01 Mar 2024 10:00:01 GMT")

    server.answer = answer
    assert fetch() == DATA
    assert 1 <= server.moments[1] - server.moments[0] < 5


def test_a_server_that_asks_for_hours_ends_the_run(server, fetch):
    server.answer = lambda handler, number: send(handler, b"", status=503, Retry_After="7200")
    with pytest.raises(CollectionError, match=r"503 .* asks to wait 7,200 s"):
        fetch()


def test_pauses_grow(server, fetch, monkeypatch):
    monkeypatch.setattr(downloading, "FIRST_PAUSE", 0.1)
    server.answer = lambda handler, number: send(handler, b"", status=500)
    with pytest.raises(CollectionError, match="it answers 500"):
        fetch(tries=4)
    pauses = [after - before for before, after in zip(server.moments, server.moments[1:], strict=False)]
    assert all(pause >= 0.05 * 2**number for number, pause in enumerate(pauses))
    assert len(pauses) == 3


def test_silence_is_given_up(server, fetch):
    stop = threading.Event()
    server.answer = lambda handler, number: stop.wait(5) or send(handler)
    try:
        with pytest.raises(CollectionError, match=r"silent for 0\.2 s"):
            fetch(timeout=0.2, tries=2)
    finally:
        stop.set()
    assert len(server.requests) == 2


def test_a_slow_server_is_waited_for_and_told_of(server, fetch, monkeypatch, caplog):
    monkeypatch.setattr(downloading, "SECONDS_BETWEEN_NOTES", 0.2)

    def answer(handler, number):
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        for _ in range(10):
            handler.wfile.write(b"x" * 10)
            handler.wfile.flush()
            time.sleep(0.08)

    server.answer = answer
    with caplog.at_level(logging.INFO):
        assert fetch(timeout=0.5) == b"x" * 100
    assert "of 0.0 MB (60 %)" in caplog.text


@pytest.mark.parametrize("length", [None, len(DATA)])
def test_what_is_too_large_is_left(server, fetch, tmp_path, length):
    more = {} if length else {"Content_Length": None, "Content-Length": None}
    server.answer = lambda handler, number: send(handler, **more)
    with pytest.raises(CollectionError, match=r"(has 512,000 bytes, more than|is larger than) 100,000"):
        fetch(largest=100_000)
    assert not (tmp_path / "x").exists() or (tmp_path / "x").stat().st_size <= 100_000


@pytest.mark.parametrize("page", [b"<!DOCTYPE html><p>Log in", b"\xef\xbb\xbf\n <html lang='en'>"])
def test_a_page_for_people_is_no_data(server, fetch, page):
    server.answer = lambda handler, number: send(handler, page, Content_Type="text/html; charset=utf-8")
    with pytest.raises(CollectionError, match="a page for people"):
        fetch()


def test_data_that_is_called_a_page_is_data(server, fetch):
    server.answer = lambda handler, number: send(handler, b"a,b\n1,2\n", Content_Type="text/html")
    assert fetch() == b"a,b\n1,2\n"


def test_a_compressed_file_that_is_also_declared_as_encoded_stays_as_it_is(server, fetch):
    import gzip

    packed = gzip.compress(b"a,b\n")
    server.answer = lambda handler, number: send(handler, packed, Content_Encoding="gzip")
    assert fetch("/x.csv.gz") == packed
    server.answer = lambda handler, number: send(handler, b"...", Content_Encoding="br")
    with pytest.raises(CollectionError, match="encoded as 'br'"):
        fetch()


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, r"there is no http://127.0.0.1:\d+/x.bin for partition 2024-03"),
        (410, "there is no"),
        (401, r"wants other credentials\n  -> name a 'connection'"),
        (403, "wants other credentials"),
        (400, "answers 400"),
        (204, "answers 204, no file"),
    ],
)
def test_an_answer_that_will_not_change_ends_the_run_at_once(server, fetch, status, said):
    server.answer = lambda handler, number: send(handler, b"", status=status, length=0)
    with pytest.raises(CollectionError, match=said):
        fetch()
    assert len(server.requests) == 1


def test_a_server_that_is_not_there_is_told(fetch):
    with pytest.raises(CollectionError, match="Connection refused"):
        fetch(address="http://127.0.0.1:9/x", tries=1)
    with pytest.raises(CollectionError, match=r"[Nn]ame|resolution|address"):
        fetch(address="http://nowhere.invalid/x?token=abc", tries=1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(server, fetch, status):
    server.answer = lambda handler, number: (
        redirect(handler, "/there", status) if handler.path == "/x.bin" else send(handler)
    )
    assert fetch() == DATA


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("/x.bin", "redirected more than 10 times"),
        ("file:///etc/passwd", "redirected to a file:// address"),
        ("ftp://127.0.0.1/x", "redirected to a ftp:// address"),
        ("http://[nonsense", "redirected to an address that is none"),
        ("http://127.0.0.1:99999/", "redirected to an address that is none"),
    ],
)
def test_redirects_that_lead_nowhere_are_refused(server, fetch, target, said):
    server.answer = lambda handler, number: redirect(handler, target)
    with pytest.raises(CollectionError, match=said):
        fetch()


SECRETS = [
    (Credentials(login="me", password="geheim"), {"authorization": "Basic bWU6Z2VoZWlt"}),
    (Credentials(extra={"token": "abc"}), {"authorization": "Bearer abc"}),
    (Credentials(login="me", extra={"headers": {"X-Key": "k1"}}), {"authorization": "Basic bWU6", "x-key": "k1"}),
]


@pytest.mark.parametrize(("credentials", "sent"), SECRETS)
def test_credentials_go_to_their_server_and_to_no_other(server, other_server, fetch, credentials, sent):
    server.answer = lambda handler, number: redirect(handler, f"{other_server.address}/y")
    other_server.answer = lambda handler, number: send(handler)

    assert fetch(credentials=credentials) == DATA

    assert sent.items() <= server.requests[0][2].items()
    assert not sent.keys() & other_server.requests[0][2].keys()


def test_credentials_come_from_the_url_too_and_stand_in_no_message(server, fetch, caplog):
    server.answer = lambda handler, number: send(handler, b"", status=500 if number == 0 else 403)
    address = server.address.replace("//", "//me:gehe%69m@") + "/x?api_key=k1&year=2024"
    with caplog.at_level(logging.DEBUG, "lakemill"), pytest.raises(CollectionError) as found:
        fetch(address=address)
    assert server.requests[0][2]["authorization"] == "Basic bWU6Z2VoZWlt"
    assert "/x?api_key=***&year=2024" in str(found.value)
    for secret in ("geheim", "gehe%69m", "k1"):
        assert secret not in str(found.value) + caplog.text


@pytest.mark.parametrize("token", ["a\nb", "gehäim\u2603"])
def test_a_token_that_no_header_holds_is_told_without_it(server, fetch, token):
    with pytest.raises(CollectionError, match="a URL or header that is none") as found:
        fetch(credentials=Credentials(extra={"token": token}))
    assert token not in str(found.value)


def test_a_login_of_netrc_is_not_sent(server, fetch, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password else")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server.answer = lambda handler, number: send(handler)
    fetch()
    assert "authorization" not in server.requests[0][2]


def test_a_redirect_from_https_to_http_is_refused_where_there_are_credentials():
    for credentials, is_refused in ((Credentials(login="me"), True), (None, False)):
        site = Site("https://host/x", credentials=credentials, timeout=1, where="", key="")
        if is_refused:
            with pytest.raises(CollectionError, match="from https to http"):
                site._check_redirect("https://host/x", "http://host/x")
        else:
            assert site._check_redirect("https://host/x", "http://host/x") == "http://host/x"
        site.close()


@pytest.fixture
def ask_version(server):
    """Function that looks up the version of the server's file."""

    def ask(tries=3):
        site = Site(f"{server.address}/x", credentials=None, timeout=5, where="w.yaml", key="2024-03")
        try:
            return look_up(site, tries=tries)
        finally:
            site.close()

    return ask


def test_a_version_is_what_the_server_says_without_sending_it(server, ask_version):
    server.answer = lambda handler, number: send(handler, Last_Modified="Fri, 01 Mar 2024 10:00:00 GMT")
    assert ask_version().fingerprint == '"1" Fri, 01 Mar 2024 10:00:00 GMT 512000'
    assert [method for method, _, _ in server.requests] == ["HEAD"]


def test_where_head_is_refused_the_first_byte_is_asked_for(server, ask_version):
    server.answer = lambda handler, number: (
        send(handler, b"", status=405) if handler.command == "HEAD" else send(handler)
    )
    assert ask_version().fingerprint == '"1" None 512000'
    assert server.ranges == ["bytes=0-0"]


@pytest.mark.parametrize("more", [{}, {"length": 5}])
def test_a_server_that_says_too_little_gives_no_fingerprint(server, ask_version, more):
    server.answer = lambda handler, number: send(handler, etag=None, **more)
    assert ask_version().fingerprint is None


def test_looking_up_what_is_not_there_is_told_and_a_busy_server_asked_again(server, ask_version):
    server.answer = lambda handler, number: send(handler, b"", status=404)
    with pytest.raises(CollectionError, match="for partition 2024-03"):
        ask_version()
    server.requests.clear()
    server.answer = lambda handler, number: send(handler, b"", status=503) if number < 2 else send(handler)
    assert ask_version().etag == '"1"'


def test_addresses_are_shown_without_what_is_secret():
    shown = show_address("https://me:geheim@host:81/a.csv?sig=1&X-Amz-Signature=2&b=3#c")
    assert shown == "https://host:81/a.csv?sig=***&X-Amz-Signature=***&b=3#c"
