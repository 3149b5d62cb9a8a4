"""How our own page looks. Inside a WebUI the WebUI's theme rules, and none of this is used."""

from __future__ import annotations

import gradio as gr


def own_theme() -> gr.themes.Base:
    """Gradio's default with the machine's own fonts (its own come from another site) and more contrast."""
    theme = gr.themes.Default(
        primary_hue="orange",
        secondary_hue="orange",
        neutral_hue="slate",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )
    return theme.set(
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_label_text_color="*neutral_700",
        block_title_text_color="*neutral_800",
        block_title_text_color_dark="*neutral_100",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_600",
        button_primary_text_color="white",
        button_primary_text_color_dark="white",
    )
