"""What a run found, for people and for programs: tables, files, figures, terminal."""
