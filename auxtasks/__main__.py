"""``python -m auxtasks``: the command, where it is not on the path."""

from auxtasks.cli import main

if __name__ == "__main__":
    main()
