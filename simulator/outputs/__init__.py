"""Where and how output is written: whole or not at all, and never over a file of the user's."""
