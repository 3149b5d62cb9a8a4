"""The routes under ``/rimo/v1``."""
