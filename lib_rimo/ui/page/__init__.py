"""The tab: its form, its buttons, and the frame that the script fills."""
