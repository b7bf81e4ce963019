"""A network in another one's clothes, which does something more with what it gives."""

from pixmend.models.base import Restorer


class Wrapper(Restorer):
    """Has the facts of the network inside, of which all parameters are; subclasses write ``forward``."""

    def __init__(self, inner: Restorer) -> None:
        super().__init__()
        self.inner = inner
        self.training = inner.training
        self.tasks, self.scale = inner.tasks, inner.scale
        self.multiple, self.fixed_size = inner.multiple, inner.fixed_size
        self.in_channels, self.out_channels = inner.in_channels, inner.out_channels
        self.value_range, self.mean = inner.value_range, inner.mean


def inmost(network: Restorer) -> Restorer:
    """The network inside of all that is around it."""
    while isinstance(network, Wrapper):
        network = network.inner
    return network
