"""`python -m unpod_sync`."""

from unpod_sync.cli import main

if __name__ == "__main__":
    main()
