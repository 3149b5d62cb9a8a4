"""The engine as a library: what ``import lib_rimo`` offers, and what the command line is made of."""
