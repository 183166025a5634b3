"""Where the process starts: an interrupt is one message from here on, also while modules load."""

from footfall import interrupts


def main() -> None:
    """Run the command line."""
    with interrupts.installed():
        from footfall.cli import main as run

        run()


if __name__ == "__main__":
    main()
