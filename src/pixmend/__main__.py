"""The program ``pixmend``, also as ``python -m pixmend``."""

from pixmend.interrupt import stop_while_importing


def main() -> None:
    """Run the command; Ctrl-C is heard from here on, while the rest is being loaded."""
    stop_while_importing(130)
    from pixmend.cli import main

    main()


if __name__ == "__main__":
    main()
