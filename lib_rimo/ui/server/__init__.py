"""The tab as a page of its own, without a WebUI."""
