"""One request over http: a file or the rest of it, or in a few words why not.

``get`` promises that a body is the file, or the rest that was asked for and of the same version, not packed and no web
page in its place; that nobody is led away from http and https, or from https to http; that all a network or a server
can do wrong ends in ``Failed``, whose words are never the server's. That the body is whole is for the reader to check.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse, responses
from itertools import chain
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

__all__ = ["ADDRESS", "Body", "Failed", "get"]

ADDRESS = re.compile(r"https?://[!-~]+", re.IGNORECASE)

_PASSING = (408, 425, 429, 500, 502, 503, 504)
_VALIDATOR = re.compile(r"(?!W/)[ -~]+")
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")
_PAGE = (b"<!doctype html", b"<html")


class Failed(Exception):
    """Why a try failed, whether another one may do better, and whether it must do without what came before."""

    def __init__(self, why: str, *, again: bool = True, forget: bool = False) -> None:
        super().__init__(why)
        self.again, self.forget = again, forget


class Body(NamedTuple):
    start: int
    """Where in the file it begins: 0 if the server sends all of it, whatever was asked for."""
    total: int | None
    """The length of the whole file, None if the server does not say."""
    ends: bool
    """Whether one that was cut short can be told from a whole one."""
    validator: str
    """Tells this version of the file from others; empty if the server has nothing that does."""
    blocks: Iterator[bytes]


@contextmanager
def get(url: str, timeout: float, *, start: int = 0, validator: str = "", total: int | None = None) -> Iterator[Body]:
    """The file at the address, or only the rest from ``start`` on of the version with this validator and length.

    Raises:
        Failed: there is no such body; or, as its blocks are read, the connection broke off.
    """
    headers = {"User-Agent": "pixmend"}
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": validator}
    with _open(url, headers, timeout) as response:
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise Failed("the server sent the file packed, which was not asked for", again=False)
        if response.status == 206:
            told = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
            first, last, whole = map(int, told.groups()) if told else (-1, -1, -1)
            if (first, last + 1) != (start, whole) or total not in (None, whole):
                raise Failed("the server sent another part than was asked for", forget=True)
            if start and _validator(response) not in ("", validator):
                raise Failed("the file on the server changed in between", forget=True)
        else:
            start, whole = 0, response.length
        blocks = _blocks(response)
        begin = next(blocks, b"")
        page = not start and begin.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_PAGE)
        if page or response.headers.get_content_type() == "text/html":
            raise Failed("the server sent a web page, not the file", again=False)
        yield Body(start, whole, whole is not None or response.chunked, _validator(response), chain([begin], blocks))


class _Redirects(HTTPRedirectHandler):
    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if not ADDRESS.fullmatch(newurl) or (req.type == "https" and not newurl.lower().startswith("https:")):
            fp.close()
            raise Failed("the server leads on to an address that is not secure", again=False)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _open(url: str, headers: dict[str, str], timeout: float) -> HTTPResponse:
    try:
        return build_opener(_Redirects).open(Request(url, headers=headers), timeout=timeout)
    except HTTPError as error:
        error.close()
        past_the_end = error.code == 416
        why = f"HTTP {error.code} {responses.get(error.code, '')}".rstrip()
        raise Failed(why, again=past_the_end or error.code in _PASSING, forget=past_the_end) from error
    except (OSError, HTTPException) as error:
        raise Failed(_words(error)) from error
    except ValueError as error:
        raise Failed("an address that cannot be understood", again=False) from error


def _validator(response: HTTPResponse) -> str:
    """The ETag unless it is a weak one, which two versions may share, else the date."""
    found = (response.headers.get(name, "") for name in ("ETag", "Last-Modified"))
    return next(filter(_VALIDATOR.fullmatch, found), "")


def _blocks(response: HTTPResponse) -> Iterator[bytes]:
    """The body: first enough of it to tell what it is, then as it comes, so that little is lost where it breaks off."""
    try:
        block = response.read(512)
        while block:
            yield block
            block = response.read1(1 << 20)
    except (OSError, HTTPException) as error:
        raise Failed(f"the connection broke off: {_words(error)}") from error


def _words(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    if isinstance(reason, OSError | str):
        return getattr(reason, "strerror", None) or str(reason)
    return type(reason).__name__  # the text of the others holds what the server sent
