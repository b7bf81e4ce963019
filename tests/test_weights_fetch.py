"""What fetching promises, against a server on this machine that can be told to misbehave."""

import errno
import hashlib
import os
import random
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from urllib.request import Request

import pytest

from pixmend.errors import PixmendError
from pixmend.files import locked
from pixmend.weights import fetch as module
from pixmend.weights import http
from pixmend.weights.fetch import Fetched, fetch, folder

CONTENT = random.Random(0).randbytes(200_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
OTHER = random.Random(1).randbytes(200_000)
CUT = 90_000
DATE = "Wed, 01 Jan 2025 00:00:00 GMT"
PAGE = b"  <!DOCTYPE html><html><body>Too big to scan for viruses, download anyway?</body></html>"


@dataclass
class Reply:
    """How one request is answered; as it stands, by a server that does everything right."""

    status: int = 0
    cut: int | None = None
    """The connection ends after so many bytes of the body,"""
    reset: bool = False
    """by a reset and not by a close,"""
    stall: float = 0
    """or says nothing more for so many seconds first."""
    ranges: bool = True
    validates: bool = True
    """Whether If-Range is obeyed."""
    content_range: str | None = None
    content: bytes | None = None
    type: str = "application/octet-stream"
    location: str = ""
    length: bool = True
    chunked: bool = False
    packed: str = ""


@dataclass
class Site:
    """What is served, how the next requests are answered, and the headers of those that came."""

    address: str = ""
    content: bytes = CONTENT
    etag: str | None = '"one"'
    date: str | None = None
    replies: list[Reply] = field(default_factory=list)
    requests: list[tuple[str, Message]] = field(default_factory=list)
    delay: float = 0

    @property
    def url(self) -> str:
        return f"{self.address}/hat.pth"

    @property
    def mirror(self) -> str:
        return f"{self.address}/mirror/hat.pth"

    @property
    def ranges(self) -> list[str | None]:
        return [headers["Range"] for _, headers in self.requests]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def do_GET(self) -> None:
        site = self.site
        site.requests.append((self.path, self.headers))
        reply = site.replies.pop(0) if site.replies else Reply()
        time.sleep(site.delay)
        self.close_connection = True
        if reply.location or (reply.status and reply.status != 206):
            self.send_response(reply.status or 302)
            if reply.location:
                self.send_header("Location", reply.location)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        content = site.content if reply.content is None else reply.content
        start = self._start(reply, len(content))
        if start > 0 and start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.end_headers()
            return
        self.send_response(206 if start or reply.status == 206 else 200)
        if start or reply.status == 206:
            told = reply.content_range or f"bytes {start}-{len(content) - 1}/{len(content)}"
            self.send_header("Content-Range", told)
        self._send(reply, content[start:])

    def _start(self, reply: Reply, length: int) -> int:
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        fits = self.headers["If-Range"] in (self.site.etag, self.site.date) or not reply.validates
        return int(asked[1]) if asked and reply.ranges and fits else 0

    def _send(self, reply: Reply, body: bytes) -> None:
        site = self.site
        for name, value in (("ETag", site.etag), ("Last-Modified", site.date), ("Content-Encoding", reply.packed)):
            if value:
                self.send_header(name, value)
        self.send_header("Content-Type", reply.type)
        if reply.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif reply.length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        sent = body[: reply.cut]
        try:
            if reply.chunked:
                blocks = [sent[at : at + 30_000] for at in range(0, len(sent), 30_000)]
                self.wfile.write(b"".join(b"%x\r\n%s\r\n" % (len(block), block) for block in blocks))
                self.wfile.write(b"0\r\n\r\n" if reply.cut is None else b"7530\r\n")
            else:
                self.wfile.write(sent)
            self.wfile.flush()
        except OSError:
            return
        time.sleep(reply.stall)
        if reply.reset:
            time.sleep(0.05)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def finish(self) -> None:
        with suppress(OSError):  # the connection was reset
            super().finish()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(module, "BACK_OFF", 0.01)
    monkeypatch.setenv("no_proxy", "*")
    site = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"site": site}))
    server.handle_error = lambda *_: None
    site.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "weights" / "hat.pth"


def part_of(target: Path) -> Path:
    return target.with_name("hat.pth.part")


def note_of(target: Path) -> Path:
    return target.with_name("hat.pth.part.json")


def beside(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def begin(site: Site, target: Path, **reply: object) -> None:
    """Leave a part of ``CUT`` bytes behind."""
    site.replies = [Reply(cut=CUT, **reply)]  # type: ignore[arg-type]
    with pytest.raises(PixmendError):
        fetch([site.url], target, attempts=1)
    site.requests.clear()


def refused(*args: object, **kwargs: object) -> str:
    with pytest.raises(PixmendError) as caught:
        fetch(*args, **kwargs)  # type: ignore[arg-type]
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_file_is_fetched_verified_and_alone_in_its_folder(site: Site, target: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    found = fetch([site.url], target, sha256=SHA256.upper(), progress=lambda *now: seen.append(now))
    assert found == Fetched(target, SHA256, site.url, 0, True)
    assert target.read_bytes() == CONTENT
    assert beside(target) == ["hat.pth"]
    assert seen[0] == (0, len(CONTENT)) and seen[-1] == (len(CONTENT), len(CONTENT)) and seen == sorted(seen)
    assert site.requests[0][1]["User-Agent"] == "pixmend"


def test_without_a_known_sha256_the_file_comes_but_is_not_called_verified(site: Site, target: Path) -> None:
    assert fetch([site.url], target) == Fetched(target, SHA256, site.url, 0, False)
    assert fetch([site.url], target) == Fetched(target, SHA256, None, 0, False)
    assert len(site.requests) == 1


class TestResuming:
    @pytest.mark.parametrize(("etag", "date"), [('"one"', None), (None, DATE), ('W/"weak"', DATE)])
    def test_the_next_call_goes_on_where_the_last_one_broke_off(
        self, site: Site, target: Path, etag: str | None, date: str | None
    ) -> None:
        site.etag, site.date = etag, date
        begin(site, target)
        assert beside(target) == ["hat.pth.part", "hat.pth.part.json"]
        found = fetch([site.url], target, sha256=SHA256)
        assert found == Fetched(target, SHA256, site.url, CUT, True)
        assert site.ranges == [f"bytes={CUT}-"]
        assert site.requests[0][1]["If-Range"] == (etag if etag == '"one"' else DATE)
        assert target.read_bytes() == CONTENT and beside(target) == ["hat.pth"]

    @pytest.mark.parametrize(
        "reply",
        [Reply(cut=CUT), Reply(cut=CUT, reset=True), Reply(cut=CUT, chunked=True), Reply(cut=CUT, stall=0.6)],
        ids=["closed", "reset", "chunked", "stalled"],
    )
    def test_a_connection_that_breaks_is_taken_up_again_at_once(self, site: Site, target: Path, reply: Reply) -> None:
        site.replies = [reply]
        found = fetch([site.url], target, sha256=SHA256, timeout=0.3)
        assert found.resumed_bytes == CUT or (reply.reset and 0 < found.resumed_bytes < CUT)
        assert site.ranges == [None, f"bytes={found.resumed_bytes}-"]
        assert target.read_bytes() == CONTENT

    def test_tries_that_bring_something_new_do_not_count_against_the_address(self, site: Site, target: Path) -> None:
        site.replies = [Reply(cut=20_000) for _ in range(8)]
        assert fetch([site.url], target, attempts=2).resumed_bytes == 160_000
        assert target.read_bytes() == CONTENT

    @pytest.mark.parametrize(
        ("reply", "content", "etag"),
        [
            pytest.param(Reply(ranges=False), CONTENT, '"one"', id="no ranges"),
            pytest.param(Reply(), OTHER, '"two"', id="changed"),
            pytest.param(Reply(validates=False), OTHER, '"two"', id="changed, If-Range ignored"),
            pytest.param(Reply(validates=False), OTHER[:-1], None, id="changed, not said"),
            pytest.param(Reply(), CONTENT[:50_000], '"one"', id="shorter than the part"),
            pytest.param(Reply(content_range="bytes 0-199999/200000"), CONTENT, '"one"', id="another beginning"),
            pytest.param(Reply(content_range=f"bytes {CUT}-199998/200000"), CONTENT, '"one"', id="another end"),
            pytest.param(Reply(content_range=f"bytes {CUT}-199999/*"), CONTENT, '"one"', id="length not said"),
            pytest.param(Reply(content_range=f"bytes {CUT}-199999/{'9' * 5000}"), CONTENT, '"one"', id="absurd length"),
        ],
    )
    def test_what_does_not_fit_the_part_is_not_joined_to_it(
        self, site: Site, target: Path, reply: Reply, content: bytes, etag: str | None
    ) -> None:
        begin(site, target)
        site.content, site.etag, site.replies = content, etag, [reply]
        assert fetch([site.url], target).resumed_bytes == 0
        assert site.ranges in ([f"bytes={CUT}-"], [f"bytes={CUT}-", None])
        assert target.read_bytes() == content and beside(target) == ["hat.pth"]

    def test_a_part_from_another_address_is_not_joined(self, site: Site, target: Path) -> None:
        begin(site, target)
        assert fetch([site.mirror], target).resumed_bytes == 0
        assert site.ranges == [None] and target.read_bytes() == CONTENT

    def test_the_address_that_the_part_is_from_comes_first(self, site: Site, target: Path) -> None:
        begin(site, target)
        found = fetch([site.mirror, site.url], target)
        assert (found.url, found.resumed_bytes) == (site.url, CUT)

    def test_without_a_validator_nothing_is_kept_and_the_message_does_not_say_so(
        self, site: Site, target: Path
    ) -> None:
        site.etag, site.replies = 'W/"weak"', [Reply(cut=CUT)]
        message = refused([site.url], target, attempts=1)
        assert "kept" not in message and "try later" in message
        assert beside(target) == []

    def test_a_part_that_was_whole_is_put_in_place_without_asking_again(
        self, site: Site, target: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def busy(*_: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

        with monkeypatch.context() as patched:
            patched.setattr(Path, "replace", busy)
            assert "cannot be written" in refused([site.url], target)
        assert fetch([site.url], target, sha256=SHA256).resumed_bytes == len(CONTENT)
        assert len(site.requests) == 1 and beside(target) == ["hat.pth"]

    def test_a_torn_note_means_starting_anew(self, site: Site, target: Path) -> None:
        begin(site, target)
        note_of(target).write_bytes(note_of(target).read_bytes()[:20])
        assert fetch([site.url], target).resumed_bytes == 0
        assert target.read_bytes() == CONTENT

    def test_a_damaged_part_is_found_by_the_sha256_and_all_comes_again(self, site: Site, target: Path) -> None:
        begin(site, target)
        part_of(target).write_bytes(OTHER[:CUT])
        assert fetch([site.url], target, sha256=SHA256).resumed_bytes == 0
        assert site.ranges == [f"bytes={CUT}-", None] and target.read_bytes() == CONTENT

    def test_a_page_in_place_of_the_rest_leaves_the_part_alone(self, site: Site, target: Path) -> None:
        begin(site, target)
        site.replies = [Reply(content=PAGE, ranges=False)]
        assert f"{CUT} bytes are kept" in refused([site.url], target)
        assert fetch([site.url], target).resumed_bytes == CUT


class TestFailing:
    @pytest.mark.parametrize(
        ("reply", "tries"),
        [(Reply(cut=0), 3), (Reply(content=OTHER), 1), (Reply(content=PAGE), 1)],
        ids=["broken", "another file", "a page"],
    )
    def test_an_address_that_does_not_give_the_file_is_left_for_the_next(
        self, site: Site, target: Path, reply: Reply, tries: int
    ) -> None:
        site.replies = [reply] * tries
        assert fetch([site.url, site.mirror], target, sha256=SHA256).url == site.mirror
        assert [path for path, _ in site.requests] == ["/hat.pth"] * tries + ["/mirror/hat.pth"]
        assert target.read_bytes() == CONTENT and beside(target) == ["hat.pth"]

    def test_the_error_names_every_address_what_failed_and_that_the_part_is_kept(
        self, site: Site, target: Path
    ) -> None:
        site.replies = [Reply(status=404), Reply(cut=CUT)]
        message = refused([site.url, site.mirror], target, attempts=1)
        assert f"{site.url}: HTTP 404 Not Found" in message
        assert f"{site.mirror}: the connection ended after {CUT} of {len(CONTENT)} bytes" in message
        assert f"{CUT} bytes are kept: the same command goes on from there" in message
        assert not target.exists()

    @pytest.mark.parametrize(("status", "requests"), [(403, 1), (404, 1), (429, 3), (503, 3)])
    def test_only_a_server_in_trouble_is_asked_again(
        self, site: Site, target: Path, status: int, requests: int
    ) -> None:
        site.replies = [Reply(status=status) for _ in range(3)]
        assert f"HTTP {status}" in refused([site.url], target)
        assert len(site.requests) == requests and beside(target) == []

    def test_the_wait_before_another_try_doubles(
        self, site: Site, target: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waited: list[float] = []
        monkeypatch.setattr(module.time, "sleep", waited.append)
        site.replies = [Reply(status=500) for _ in range(4)]
        refused([site.url], target, attempts=4)
        assert [wait for wait in waited if wait] == [0.01, 0.02, 0.04]

    def test_nobody_listening_is_a_plain_error(self, site: Site, target: Path) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{taken.getsockname()[1]}/hat.pth"
            assert "refused" in refused([url], target, attempts=2)

    def test_a_server_that_never_answers_times_out(self, site: Site, target: Path) -> None:
        site.delay = 0.4
        assert "timed out" in refused([site.url], target, attempts=1, timeout=0.1)

    def test_a_server_that_speaks_something_else_is_a_plain_error(self, target: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:

            def answer() -> None:
                connection, _ = server.accept()
                with connection:
                    connection.recv(1000)
                    connection.sendall(b"\x1b[31mSSH-2.0-nonsense\r\n")

            thread = threading.Thread(target=answer)
            thread.start()
            message = refused([f"http://127.0.0.1:{server.getsockname()[1]}/hat.pth"], target, attempts=1)
            thread.join()
        assert "BadStatusLine" in message and "\x1b" not in message

    @pytest.mark.parametrize(
        "reply", [Reply(content=PAGE), Reply(content=b"\xef\xbb\xbf<HTML>"), Reply(type="text/html; charset=utf-8")]
    )
    def test_a_web_page_is_not_the_file(self, site: Site, target: Path, reply: Reply) -> None:
        site.replies = [reply]
        assert "the server sent a web page, not the file" in refused([site.url], target)
        assert len(site.requests) == 1 and beside(target) == []

    def test_a_packed_body_is_refused(self, site: Site, target: Path) -> None:
        site.replies = [Reply(packed="gzip")]
        assert "packed" in refused([site.url], target)

    def test_a_body_of_unknown_length_is_refused_unless_something_can_tell_that_it_is_whole(
        self, site: Site, target: Path
    ) -> None:
        site.replies = [Reply(length=False, cut=CUT), Reply(length=False, cut=CUT)]
        assert "does not say how long" in refused([site.url], target)
        assert fetch([site.url], target, size=len(CONTENT)).resumed_bytes == CUT


class TestAddresses:
    @pytest.mark.parametrize("url", ["file:///etc/passwd", "hat.pth", "http://a\nb", "http://"])
    def test_only_http_and_https_are_fetched_from(self, target: Path, url: str) -> None:
        assert "no address of http or https" in refused([url], target)
        assert not target.parent.exists()

    @pytest.mark.parametrize(("urls", "words"), [([], "no address"), (["http://[1/hat.pth"], "cannot be understood")])
    def test_an_address_that_is_none_is_a_plain_error(self, target: Path, urls: list[str], words: str) -> None:
        assert words in refused(urls, target)

    def test_a_redirect_is_followed_and_the_resumed_range_with_it(self, site: Site, target: Path) -> None:
        begin(site, target)
        site.replies = [Reply(location="/store/77")]
        found = fetch([site.url], target, sha256=SHA256)
        assert (found.url, found.resumed_bytes) == (site.url, CUT)
        assert site.ranges == [f"bytes={CUT}-"] * 2

    def test_a_redirect_to_anything_but_http_is_refused(self, site: Site, target: Path) -> None:
        site.replies = [Reply(location="ftp://127.0.0.1/f")]
        assert "not secure" in refused([site.url], target)
        assert len(site.requests) == 1

    def test_a_redirect_from_https_to_http_is_refused(self) -> None:
        body, handler = BytesIO(), http._Redirects()
        with pytest.raises(http.Failed, match="not secure"):
            handler.redirect_request(Request("https://a.org/f"), body, 302, "", HTTPMessage(), "http://a.org/f")
        assert body.closed
        onward = handler.redirect_request(Request("http://a.org/f"), body, 302, "", HTTPMessage(), "https://a.org/f")
        assert onward is not None and onward.type == "https"


class TestChecking:
    def test_a_wrong_sha256_everywhere_names_both_and_leaves_nothing(self, site: Site, target: Path) -> None:
        site.content = OTHER
        message = refused([site.url], target, sha256=SHA256)
        assert f"sha256 expected {SHA256}, got {hashlib.sha256(OTHER).hexdigest()}" in message
        assert "kept" not in message and beside(target) == []

    @pytest.mark.parametrize(
        ("reply", "then"), [(Reply(), "the server has 200000"), (Reply(chunked=True), "sends more")]
    )
    def test_another_length_than_known_is_refused_as_soon_as_it_shows(
        self, site: Site, target: Path, reply: Reply, then: str
    ) -> None:
        site.replies, seen = [reply], [0]
        message = refused([site.url], target, size=100_000, progress=lambda done, _: seen.append(done))
        assert "100000 bytes expected" in message and then in message
        assert max(seen) <= 100_000 and beside(target) == []

    def test_another_file_in_the_place_is_an_error_unless_it_is_to_be_replaced(self, site: Site, target: Path) -> None:
        target.parent.mkdir()
        target.write_bytes(OTHER)
        assert f"sha256 expected {SHA256}, got" in refused([site.url], target, sha256=SHA256)
        assert "bytes expected 5, got 200000" in refused([site.url], target, size=5)
        assert target.read_bytes() == OTHER and not site.requests
        site.replies = [Reply(cut=CUT)]
        refused([site.url], target, sha256=SHA256, replace=True, attempts=1)
        assert target.read_bytes() == OTHER
        assert fetch([site.url], target, sha256=SHA256, replace=True).url == site.url
        assert target.read_bytes() == CONTENT
        assert fetch([site.url], target, sha256=SHA256, replace=True).url is None
        assert fetch([site.url], target, replace=True).url == site.url

    def test_a_folder_in_the_place_is_a_plain_error(self, target: Path) -> None:
        target.mkdir(parents=True)
        assert "cannot be read" in refused(["http://127.0.0.1:9/f"], target)


class TestOffline:
    @pytest.fixture(autouse=True)
    def no_socket(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def forbidden(*_: object, **__: object) -> None:
            raise AssertionError("a socket was opened")

        monkeypatch.setattr(socket, "socket", forbidden)
        monkeypatch.setattr(socket, "getaddrinfo", forbidden)

    def test_what_is_there_is_used(self, target: Path) -> None:
        target.parent.mkdir()
        target.write_bytes(CONTENT)
        for offline in (True, False):
            found = fetch(["http://a.org/f"], target, sha256=SHA256, offline=offline)
            assert found == Fetched(target, SHA256, None, 0, True) and beside(target) == ["hat.pth"]
        assert "sha256 expected" in refused(["http://a.org/f"], target, sha256="0" * 64, offline=True)

    def test_what_is_not_there_is_a_line_on_how_to_get_it(self, target: Path) -> None:
        message = refused(["http://a.org/f", "http://b.org/f"], target, offline=True)
        assert "http://a.org/f or http://b.org/f" in message and "pixmend models import FILE" in message
        assert not target.parent.exists()


class TestDisk:
    @pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files there")
    def test_a_disk_that_takes_only_some_of_it_keeps_that(self, site: Site, target: Path) -> None:
        import resource

        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
        try:
            message = refused([site.url], target)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert "cannot be written" in message and len(site.requests) == 1
        assert 0 < fetch([site.url], target, sha256=SHA256).resumed_bytes <= 50_000

    def test_a_folder_that_cannot_be_made_is_a_plain_error(self, site: Site, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        assert "cannot be written" in refused([site.url], tmp_path / "file" / "hat.pth")
        assert not site.requests

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
    def test_a_read_only_folder_is_a_plain_error_but_a_file_in_it_is_used(self, site: Site, target: Path) -> None:
        target.parent.mkdir()
        target.parent.chmod(0o500)
        assert "cannot be written" in refused([site.url], target)
        assert not site.requests
        target.parent.chmod(0o700)
        target.write_bytes(CONTENT)
        target.parent.chmod(0o500)
        assert fetch([site.url], target, sha256=SHA256).verified

    def test_ctrl_c_keeps_the_part(self, site: Site, target: Path) -> None:
        def interrupt(done: int, _: int | None) -> None:
            if done >= 512:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fetch([site.url], target, progress=interrupt)
        assert beside(target) == ["hat.pth.part", "hat.pth.part.json"]
        assert fetch([site.url], target, sha256=SHA256).resumed_bytes >= 512


class TestTogether:
    def test_many_who_want_one_file_fetch_it_once(self, site: Site, target: Path) -> None:
        site.delay = 0.1
        found: list[Fetched] = []
        threads = [
            threading.Thread(target=lambda: found.append(fetch([site.url], target, sha256=SHA256))) for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 6 and all(one.verified for one in found)
        assert len(site.requests) == 1 and beside(target) == ["hat.pth"] and target.read_bytes() == CONTENT

    def test_who_waits_sees_how_far_the_other_one_is(self, site: Site, target: Path) -> None:
        begin(site, target)
        seen: list[int] = []
        with ExitStack() as other:
            other.enter_context(locked(note_of(target)))

            def progress(done: int, _: int | None) -> None:
                seen.append(len(site.requests))
                other.close()

            found = fetch([site.url], target, sha256=SHA256, progress=progress)
        assert seen[:2] == [0, 1] and found.resumed_bytes == CUT


@pytest.mark.parametrize(
    ("platform", "variable", "expected"),
    [
        ("linux", None, ".cache/pixmend/weights"),
        ("darwin", None, "Library/Caches/pixmend/weights"),
        ("win32", None, "AppData/Local/pixmend/weights"),
        ("linux", "XDG_CACHE_HOME", "elsewhere/pixmend/weights"),
        ("win32", "LOCALAPPDATA", "elsewhere/pixmend/weights"),
        ("linux", "PIXMEND_WEIGHTS", "elsewhere"),
    ],
)
def test_the_folder_is_in_the_cache_of_the_system_unless_a_variable_moves_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str, variable: str | None, expected: str
) -> None:
    for name in ("PIXMEND_WEIGHTS", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(sys, "platform", platform)
    if variable:
        monkeypatch.setenv(variable, str(tmp_path / "elsewhere"))
    assert folder() == tmp_path / expected
