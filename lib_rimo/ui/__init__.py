"""The tab, its routes and the page of its own: what a study looks like. No logic lives here."""
