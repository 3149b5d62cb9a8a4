"""Studies: settings, journal, the thread that runs one, and the snapshot that everybody reads."""
