"""Which pictures a network can restore: grey, in colour, two views; and how their channels fit its own.

C channels, H and W height and width, n tiles of h x w.
"""

from collections.abc import Callable

from torch import Tensor

from pixmend.errors import PixmendError

CHANNELS = {1: (1, 3), 3: (1, 3), 6: (2, 6)}
"""Channels of a picture that a network of so many channels can restore."""
OR = {
    1: ", or (3, H, W) if in colour,",
    3: ", or (1, H, W) if grey,",
    6: ", the left view's colours before the right one's, or (2, H, W) if grey,",
}


def check_picture(image: Tensor, *, takes: int) -> None:
    """(C, H, W) floats for a network of ``takes`` channels.

    Raises:
        PixmendError: channels it cannot restore, another shape or dtype, or values that are not finite.
    """
    fits = image.dim() == 3 and image.shape[0] in CHANNELS.get(takes, (takes,)) and 0 not in image.shape
    if not fits or not image.is_floating_point():
        raise PixmendError(
            f"expected a picture ({takes}, H, W){OR.get(takes, '')} of floats in [0, 1], "
            f"got {image.dtype} of shape {tuple(image.shape)}"
        )
    if not image.isfinite().all():
        raise PixmendError("the picture holds values that are not finite (NaN or infinite)")


def fit_channels(x: Tensor, *, takes: int) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Tiles (n, C, h, w) as a network takes them, and how its result becomes one of the picture's channels.

    Grey goes through a colour network as equal channels, whose mean comes back; colours go through a grey network
    one by one.
    """
    given = x.shape[1]
    if given == takes:
        return x, lambda y: y
    if takes == 1:
        return x.flatten(0, 1)[:, None], lambda y: y[:, 0].unflatten(0, (-1, given))
    return x.repeat_interleave(takes // given, dim=1), lambda y: y.mean(dim=1, keepdim=True)
