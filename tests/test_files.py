"""Files are written whole, by one at a time, and what the system refuses is a line that says what to do."""

import errno
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pixmend.errors import PixmendError
from pixmend.files import locked, not_writable, replace

HOLD = "import sys, time; from pathlib import Path; from pixmend.files import locked\n"
HOLD += "with locked(Path(sys.argv[1])): print(flush=True); time.sleep(60)"


@pytest.mark.parametrize(
    ("code", "then"),
    [
        (errno.ENOSPC, "free space or choose another folder"),
        (errno.EDQUOT, "free space or choose another folder"),
        (errno.EACCES, "choose another folder"),
        (errno.EROFS, "choose another folder"),
    ],
)
def test_only_where_there_is_no_space_is_one_told_to_free_some(code: int, then: str) -> None:
    why = os.strerror(code)
    assert str(not_writable(Path("a.png"), OSError(code, why))) == f"a.png: cannot be written: {why}: {then}"


def test_a_file_gets_its_content_whole_or_keeps_the_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    replace(path, "one")
    replace(path, memoryview(b"two"))

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PixmendError, match="cannot be written"):
        replace(path, "three")
    assert path.read_text() == "two" and list(tmp_path.iterdir()) == [path]


def test_a_locked_file_is_removed_only_if_it_is_left_empty(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with locked(path):
        assert path.exists()
    assert not path.exists()
    with locked(path) as file:
        file.write(b"kept")
    with locked(path) as file:
        file.seek(0)
        assert file.read() == b"kept"
        file.truncate(0)
    assert not path.exists()


def test_one_at_a_time_has_it_also_while_it_is_removed_and_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: now(0.001))
    inside, most = [], []

    def turns() -> None:
        for _ in range(20):
            with locked(tmp_path / "a.json"):
                inside.append(0)
                now(0.0005)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=turns) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 80


def test_one_who_is_killed_holds_nobody_up(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None and holder.stdout.readline()
        waited: list[int] = []

        def waiting() -> None:
            waited.append(1)
            holder.kill()
            holder.wait()

        with locked(path, waiting):
            assert waited
