"""Adapters to the programs that draw the images, behind one protocol (`host.py`)."""
