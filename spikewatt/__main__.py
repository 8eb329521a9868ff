"""``python -m spikewatt`` is the console script ``spikewatt``."""

from simulator.cli import main

if __name__ == "__main__":
    main()
