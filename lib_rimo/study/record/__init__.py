"""What happened in a study: its events, the journal that keeps them, and the state they add up to."""
