"""Ctrl-C while the program is still being loaded."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

START = """import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell in the background has had ignored
from pixmend.interrupt import stop_while_importing
stop_while_importing(130)
"""


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT can be sent there")
@pytest.mark.parametrize(("program", "code"), [("import swallows", 130), ("exec(open('swallows.py').read())", 7)])
def test_an_import_that_swallows_it_is_ended_and_nothing_else(program: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "swallows.py").write_text(
        "import time\ntry:\n    print('here', flush=True)\n    time.sleep(20)\nexcept KeyboardInterrupt:\n    pass\n"
    )
    command = [sys.executable, "-c", f"{START}{program}\nraise SystemExit(7)"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "here\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=15)
    assert process.returncode == code
    assert said == ("pixmend: interrupted, nothing half-written\n" if code == 130 else "")
