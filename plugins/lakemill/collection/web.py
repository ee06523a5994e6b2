"""One request over the web: redirects, credentials, and in words what went wrong.

Credentials go to the host that they are for and to no other, and stand in no message. Stays out: trying again
(``downloading.py``).
"""

import http.client
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

import requests
import urllib3

from lakemill.collection.delivery import Credentials
from lakemill.exceptions import CollectionError

MOST_REDIRECTS = 10
LONGEST_WAIT = 600.0  # seconds; a server that asks for more is asked again by another run
REDIRECTS = (301, 302, 303, 307, 308)
MAY_PASS = (408, 425, 429, 500, 502, 503, 504)
SECRET_PARAMETER = re.compile(r"(?i)([?&][^=&#]*(?:key|token|secret|signature|password|credential|sig)=)[^&#]*")
FAULTS = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    ConnectionError,
    TimeoutError,
    UnicodeError,
)
HOPELESS = (
    UnicodeError,  # headers are latin-1
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)


class UnavailableError(Exception):
    """A try that failed in a way that may pass.

    Parameters
    ----------
    problem : str
    wait : float, optional
        Seconds that the server asks to wait.
    """

    def __init__(self, problem: str, wait: float | None = None) -> None:
        self.wait = wait
        super().__init__(problem)


class _Session(requests.Session):
    """A session that leaves redirects alone: they are followed here, and their bodies, of any size, never read."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


class Site:
    """An address, and what is said to the server behind it.

    Parameters
    ----------
    url : str
        May hold login and password.
    credentials : Credentials, optional
        Login and password, or in ``extra`` a ``token`` or ``headers``.
    timeout : float
        Seconds of silence after which a request is given up.
    where : str
        Workflow file and key, for errors.
    key : str
        The partition, for errors.
    """

    def __init__(self, url: str, *, credentials: Credentials | None, timeout: float, where: str, key: str) -> None:
        parts = urlsplit(url)
        self.url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        self.shown = show_address(url)
        self.where = where
        self._key = key
        self._timeout = timeout
        if credentials is None and parts.username is not None:
            credentials = Credentials(login=unquote(parts.username), password=unquote(parts.password or ""))
        self._secrets = _make_headers(credentials) if credentials is not None else {}
        self._session = _Session()
        self._session.auth = lambda prepared: prepared  # else requests looks into ~/.netrc
        self._session.headers.clear()
        said = {"User-Agent": "lakemill", "Accept": "*/*", "Accept-Encoding": "identity"}
        self._session.headers.update(said)

    @contextmanager
    def ask(self, method: str, headers: Mapping[str, str]) -> Iterator[requests.Response]:
        """Send a request, follow redirects, and give the answer with its body unread.

        Parameters
        ----------
        method : str
        headers : mapping

        Yields
        ------
        requests.Response
            With a status of success, or 416.

        Raises
        ------
        UnavailableError
            If another try may do, also while the body is read.
        CollectionError
            If none will.
        """
        try:
            with self._follow(method, headers) as response:
                yield response
        except FAULTS as error:
            if isinstance(error, HOPELESS) or _is_untrusted(error):
                remedy = "mend the URL, the connection's headers or the server's certificate"
                raise self._refuse(f"cannot be asked: {self._say(error)}", remedy) from None
            raise UnavailableError(self._say(error)) from None

    def close(self) -> None:
        """Let go of connections."""
        self._session.close()

    # -- inside -------------------------------------------------------------------------------------------------------

    def _follow(self, method: str, headers: Mapping[str, str]) -> requests.Response:
        url = self.url
        for _ in range(MOST_REDIRECTS + 1):
            is_home = _may_have_secrets(urlsplit(url), urlsplit(self.url))
            response = self._session.request(
                method,
                url,
                headers={**(self._secrets if is_home else {}), **headers},
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            )
            if response.status_code not in REDIRECTS or "location" not in response.headers:
                self._check_status(response)
                return response
            response.close()
            url = self._check_redirect(url, response.headers["location"])
        raise self._refuse(f"is redirected more than {MOST_REDIRECTS} times", "mend the URL: it seems to go in circles")

    def _check_redirect(self, url: str, location: str) -> str:
        try:
            target = urljoin(url, location)
            scheme = urlsplit(target).scheme if urlsplit(target).port != 0 else ""
        except ValueError:
            raise self._refuse("is redirected to an address that is none", "ask who serves it") from None
        if scheme not in ("http", "https"):
            raise self._refuse(
                f"is redirected to a {scheme}:// address, which is not followed",
                "take the address that the data really has",
            )
        if self._secrets and scheme == "http" and urlsplit(url).scheme == "https":
            raise self._refuse(
                "is redirected from https to http, where the connection's credentials could be read on the way",
                "take the address that the data really has",
            )
        return target

    def _check_status(self, response: requests.Response) -> None:
        status = response.status_code
        if status < 300 or status == 416:
            return
        response.close()
        said = f"{status} {response.reason or ''}".strip()
        if status in MAY_PASS:
            wait = _read_retry_after(response)
            if wait is not None and wait > LONGEST_WAIT:
                raise self._refuse(
                    f"answers {said} and asks to wait {wait:,.0f} s", "clear the run when that has passed"
                )
            raise UnavailableError(f"it answers {said}", wait)
        if status in (404, 410):
            raise CollectionError(
                f"there is no {self.shown} for partition {self._key} ({said})",
                where=self.where,
                remedy="mend the URL, or clear the run when the data has come",
            )
        if status in (401, 403):
            remedy = (
                "see the login, token or headers of its connection"
                if self._secrets
                else "name a 'connection' with login and password, or a token in its extra"
            )
            raise self._refuse(f"answers {said}: it wants other credentials", remedy)
        raise self._refuse(f"answers {said}", "mend the URL, or ask who serves it")

    def _refuse(self, problem: str, remedy: str) -> CollectionError:
        return CollectionError(f"{self.shown} {problem}", where=self.where, remedy=remedy)

    def _say(self, error: BaseException) -> str:
        """Put a fault into words of our own: the libraries' repeat the address with all that stands in it."""
        if _is_untrusted(error):
            return "its certificate is not trusted"
        if isinstance(error, HOPELESS):
            return f"a URL or header that is none ({type(error).__name__})"
        if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
            return f"silent for {self._timeout:g} s"
        inner: BaseException | None = error
        while inner is not None:
            if isinstance(inner, OSError) and inner.strerror:
                return inner.strerror
            inner = inner.__cause__ or inner.__context__
        return "the connection broke off"


def show_address(url: str) -> str:
    """Return an address as people may see it: without login, password and tokens.

    Examples
    --------
    >>> show_address("https://me:pass@host/x.csv?token=abc&year=2013")
    'https://host/x.csv?token=***&year=2013'
    """
    parts = urlsplit(url)
    return SECRET_PARAMETER.sub(r"\1***", parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl())


def _make_headers(credentials: Credentials) -> dict[str, str]:
    made: dict[str, str] = {}
    if credentials.login is not None or credentials.password is not None:
        pair = f"{credentials.login or ''}:{credentials.password or ''}".encode()
        made["Authorization"] = f"Basic {b64encode(pair).decode()}"
    if token := credentials.extra.get("token"):
        made["Authorization"] = f"Bearer {token}"
    return {**made, **{str(name): str(value) for name, value in dict(credentials.extra.get("headers") or {}).items()}}


def _may_have_secrets(parts: SplitResult, home: SplitResult) -> bool:
    """Tell whether an address is where the credentials are for: the same server, or the same with https for http."""
    is_upgraded = _origin(home)[::2] == ("http", 80) and _origin(parts)[::2] == ("https", 443)
    return parts.hostname == home.hostname and (is_upgraded or _origin(parts) == _origin(home))


def _origin(parts: SplitResult) -> tuple[str, str | None, int]:
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)


def _is_untrusted(error: BaseException) -> bool:
    return isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error)


def _read_retry_after(response: requests.Response) -> float | None:
    """Return how many seconds a server asks to wait: a number, or a date by its own clock."""
    said = response.headers.get("retry-after", "").strip()
    if said.isdigit():
        return float(said)
    try:
        asked = parsedate_to_datetime(said) - parsedate_to_datetime(response.headers.get("date", ""))
    except (ValueError, TypeError):
        return None
    return max(0.0, asked.total_seconds())
