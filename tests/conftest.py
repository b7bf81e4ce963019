"""One thread for each worker of the tests: two workers with two threads each would wait for one another."""

import os

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> str:
    """A folder of three pictures of noise."""
    import torch  # now that the threads are counted
    from PIL import Image

    folder = tmp_path_factory.mktemp("pictures")
    for place in range(3):
        pixels = torch.randint(256, (110, 120, 3), generator=torch.Generator().manual_seed(place), dtype=torch.uint8)
        Image.fromarray(pixels.numpy()).save(folder / f"{place}.png")
    return str(folder)
