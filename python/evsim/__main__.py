"""``python -m evsim`` is the command ``evsim``."""

from .cli.main import main

if __name__ == "__main__":
    main()
