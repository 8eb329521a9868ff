"""The mapper: closed-form cost of a stage under every width, and a search for the widths of a whole program."""
