"""How each picture of a folder becomes what was asked for: pipelines of several sizes and devices, weights shared."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pixmend.cli.restore import tasks

if TYPE_CHECKING:
    from pixmend.cli.restore.request import Request
    from pixmend.infer.folder import Job, Way
    from pixmend.infer.pipeline import Pipeline
    from pixmend.models import Network


class Ways:
    """Call it for the way of a picture; ``pipelines`` are one of each device named, between commas.

    These have all tasks that a picture may need, so that the memory is divided for the largest network, and the tiles
    of the first picture do not decide about the others'. The network is that of the request, or one that was loaded
    before.

    Raises:
        PixmendError: no such weights or device, a task they do not have, or a network of two views, of which a folder
            says nothing.
    """

    def __init__(self, request: "Request", job: "Job | None" = None, *, network: "Network | None" = None) -> None:
        from copy import deepcopy
        from threading import Lock

        import pixmend
        from pixmend.errors import PixmendError
        from pixmend.infer.folder.flight import size_of

        self._request = request
        self._known: dict[tuple[str, tuple[str, ...]], Pipeline] = {}
        self._names: dict[Pipeline, tuple[str, ...]] = {}
        self._making = Lock()
        network = pixmend.load(request.model) if network is None else network
        sizes = (size_of(job.source / item.name) for item in job.items) if job else ()
        size = next(filter(None, sizes), (256, 256))
        self.first = tasks.find_way(network, request, size)
        names = tasks.all_names(network, request)
        self.pipelines: list[Pipeline] = []
        self._networks = {}
        for device in request.device.split(","):
            own = deepcopy(network) if self.pipelines else network  # one network cannot be on two devices
            made = request.pipeline(own, names, device=device.strip())
            self._networks[str(made.device)] = own
            self._known[str(made.device), names] = made
            self.pipelines.append(made)
        if self.pipelines[0].networks[0].in_channels == 6:
            raise PixmendError(
                f"the network of {request.model} takes two views, and a folder has one of each: give it one by one"
            )

    def __call__(self, pipeline: "Pipeline", size: tuple[int, int]) -> "Way":
        from pixmend.infer.folder import Way

        device = str(pipeline.device)
        found = tasks.find_way(self._networks[device], self._request, size)
        with self._making:
            made = self._known.get((device, found.names))
            if made is None:
                made = self._request.pipeline(self._networks[device], found.names, device=device)
                self._known[device, found.names] = made
            self._names[made] = found.names
        told = tasks.said(found, self._request) if found.resampled > 1 else None
        return Way(pipeline=made, size=found.size, told=told)

    @property
    def chains(self) -> list[list[str]]:
        """The tasks of the pictures so far, each chain once."""
        return [list(names) for names in dict.fromkeys(self._names.values())] or [list(self.first.names)]

    def facts(self, pipeline: "Pipeline") -> Mapping[str, Any]:
        """What is written into the results of how a pipeline makes them."""
        batch = self._request.batch or 1
        return {**self._request.facts(pipeline, self._names[pipeline]), **({"batch": batch} if batch > 1 else {})}
