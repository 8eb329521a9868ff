"""Engine: a Trace on a Placement, in integer counts and picoseconds."""
