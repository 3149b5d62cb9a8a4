"""The hosts inside the WebUIs."""
