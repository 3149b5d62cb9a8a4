"""The host without a WebUI: diffusers pipelines."""
