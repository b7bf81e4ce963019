"""Where one recipe leaves what another begins with."""


def weights_of(recipe: str) -> str:
    """The weights of a recipe that was run as its docstring says, with ``--out runs/<recipe>``.

    Any other file or name of released weights goes in with ``--set start=...``.
    """
    return f"runs/{recipe}/weights.safetensors"
