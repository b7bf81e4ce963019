"""``python -m pixmend``: the command, where its script is not on the path."""

from pixmend.cli import main

main()
