"""The kit for a paper: tables, figures, references and text made from finished reports."""
