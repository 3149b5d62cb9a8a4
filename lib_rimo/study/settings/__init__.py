"""What a study is asked for: the settings, what they may be, presets."""
