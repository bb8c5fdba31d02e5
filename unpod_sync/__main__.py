"""The program: `unpod-sync` and `python -m unpod_sync`.

Nothing is imported before `main` is called, not even typing, so that Ctrl-C is answered from the start.
"""


def main() -> None:
    """Runs the command line; exits with 130 when it is interrupted while modules are still imported."""
    try:
        from unpod_sync.cli import main as run

        run()
    except KeyboardInterrupt:
        import os
        import sys

        if sys.stderr is not None:
            sys.stderr.write("error: interrupted\n")
            sys.stderr.flush()
        os._exit(130)


if __name__ == "__main__":
    main()
