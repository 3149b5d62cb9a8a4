"""The tab "Random mix": setup and buttons as gradio components, the live view as a frame for the script.

Buttons go through gradio's own event handlers, which every host guards with its own login; the live view polls
``/rimo/v1/status`` by itself, so nothing here ticks. Runs on gradio 3.41, 4.40 and 6 alike: only what all know is
used, no event is queued, and no component is written to the WebUI's ui-config.json.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from lib_rimo.study.service import StudyService
from lib_rimo.study.settings.setting import Row
from lib_rimo.study.settings.settings import SETTINGS
from lib_rimo.ui.page import form, frame
from lib_rimo.ui.page.actions import Actions

TITLE = "Random mix"
ELEMENT = "rimo"
DEMO = "Try it with the tiny family"


def build_tab(service: StudyService, **look: object) -> gr.Blocks:
    """The tab, ready to be mounted or handed to a WebUI as ``(blocks, TITLE, ELEMENT)``.

    Args:
        service: The study behind it.
        look: What else gradio is told where the tab is the whole page; a WebUI brings its own theme.
    """
    tab = _Tab(Actions(service))
    with gr.Blocks(analytics_enabled=False, title=TITLE, **look) as blocks:
        with gr.Column(elem_id="rimo-tab"):
            _html(frame.INTRODUCTION, "intro")
            tab.setup()
            tab.steering()
            _html(frame.LIVE, "live")
        tab.wire(blocks)
    for component in blocks.blocks.values():
        component.do_not_save_to_config = True
    return blocks


class _Tab:
    """The components while they are laid out and wired."""

    def __init__(self, actions: Actions) -> None:
        self._actions = actions
        self._errors: dict[str, gr.HTML] = {}
        self._inputs: dict[str, gr.components.Component] = {}
        self._cards: dict[str, gr.HTML] = {}

    def setup(self) -> None:
        """Base, partners, preset, estimate and start in one screen; the rest folded away."""
        choices = self._actions.checkpoint_names()
        default = self._actions.options()["default"]
        notes = self._actions.notes()
        with gr.Column(elem_id="rimo-setup"):
            self._notes = gr.HTML(notes, visible=bool(notes), elem_id="rimo-notes")
            demo = self._actions.can_offer_demo()
            self._demo = gr.Button(DEMO, visible=demo and bool(notes), elem_id="rimo-demo")
            with gr.Row(elem_id="rimo-models"):
                with gr.Column(scale=2, min_width=240):
                    self._base = gr.Dropdown(
                        choices,
                        value=default["base"] or None,
                        label="Base",
                        info="The checkpoint to improve. Its file stays as it is.",
                        elem_id="rimo-base",
                    )
                    self._error("base")
                    self._base_card = _html(self._actions.cards.base(default["base"]), "base-card")
                    folders = self._actions.folders()
                    self._folder = gr.Dropdown(
                        folders,
                        value=folders[0] if folders else None,
                        visible=bool(folders),
                        label="Folder",
                        info="Both lists offer what lies in it and in the folders inside. What is chosen stays chosen.",
                        elem_id="rimo-folder",
                    )
                with gr.Column(scale=3, min_width=240):
                    self._partners = gr.Dropdown(
                        choices,
                        value=list(default["partners"]),
                        multiselect=True,
                        label="Partners",
                        info="Checkpoints of the same kind that may be mixed in, one or more. Type to search.",
                        elem_id="rimo-partners",
                    )
                    self._error("partners")
                    card = self._actions.cards.partners(default["base"], list(default["partners"]))
                    self._partners_card = _html(card, "partners-card")
            with gr.Row(elem_id="rimo-reads"):
                values = self._actions.first_values()
                cards = self._actions.cards
                told = {
                    "profile": cards.profile(default["base"], values["profile"]),
                    "tagger": cards.tagger(values["tagger"]),
                }
                for name in form.IN_SIGHT:
                    self._field(name, values, told.get(name))
            with gr.Row(elem_id="rimo-size"):
                with gr.Column(scale=2, min_width=240):
                    self._preset = gr.Radio(
                        list(self._actions.presets),
                        value=self._actions.default_preset,
                        label="How thorough",
                        elem_id="rimo-preset",
                    )
                    self._error("preset")
                with gr.Column(scale=3, min_width=240, elem_id="rimo-go"):
                    self._estimate = _html(self._actions.explanation(), "estimate")
                    self._start = _button("Start random mix", "start", "primary")
            self._advanced()
        self._of_base = gr.State(default["base"])  # whose defaults stand in the fields
        self._message = _html("", "message")

    def _advanced(self) -> None:
        values = self._actions.first_values()
        with gr.Accordion("Advanced", open=False, elem_id="rimo-advanced") as self._accordion:
            self._own_presets()
            about = SETTINGS["partition"].about
            self._partition = gr.Radio(  # its labels can be translated, those of a list cannot
                list(self._actions.partitions),
                value=next(iter(self._actions.partitions)),
                label=about.label,
                info=about.reason,
                elem_id="rimo-partition",
            )
            self._error("partition")
            with gr.Row():
                with gr.Column(min_width=200):
                    self._script = gr.Radio(
                        list(self._actions.scripts),
                        label="As an earlier script",
                        info="Fills in block groups, bounds and partners as the original's scripts had them.",
                        elem_id="rimo-script",
                    )
                for name in form.ROWS[Row.SEED]:
                    self._field(name, values)
            for row in (names for row, names in form.ROWS.items() if row > Row.SEED and names):
                with gr.Row():
                    for name in row:
                        self._field(name, values)
                if (setting := form.FIELDS[row[0]].setting) not in self._errors:
                    self._error(setting)
            with gr.Row():
                self._refresh = _button("Read the list of checkpoints again", "refresh")
                shown = self._actions.can_offer_demo() and not self._actions.notes()
                self._demo_too = gr.Button(DEMO, visible=shown, elem_id="rimo-demo-too")

    def _own_presets(self) -> None:
        with gr.Row(elem_id="rimo-own"):
            self._own = gr.Dropdown(
                self._actions.own_presets(),
                label="Own presets",
                info="Keeps everything but the checkpoints. Choose one, or write a new name and save.",
                allow_custom_value=True,
                scale=4,
                elem_id="rimo-own-preset",
            )
            self._keep = _button("Save preset", "keep-preset")
            self._forget = _button("Delete preset", "delete-preset")
        self._own_message = _html("", "own-message")

    def _field(self, name: str, values: Mapping[str, Any], card: str | None = None) -> None:
        field = form.FIELDS[name]
        element = "start-recipe" if name == "start" else name.replace("_", "-")  # a button has the plain name
        about = {"label": field.label, "info": field.reason, "elem_id": f"rimo-{element}"}
        with gr.Column(min_width=200):
            if field.kind == "flag":
                made: gr.components.Component = gr.Checkbox(values[name], **about)
            elif field.kind == "groups":
                labels = list(form.GROUPS.values())
                made = gr.Dropdown(labels, value=values[name], multiselect=True, **about)
            elif field.kind == "choice":
                labels = list(field.entry.about.labels.values())
                made = gr.Radio(labels, value=values[name], **about)  # which can be translated, unlike a list
            elif field.kind == "tagger":
                names = self._actions.tagger_names(values[name])
                made = gr.Dropdown(names, value=values[name] or None, allow_custom_value=True, **about)
            elif field.kind == "number":
                made = gr.Number(value=values[name], **about)
            else:
                lines = 3 if field.kind in ("lines", "long") else 1
                made = gr.Textbox(values[name], lines=lines, max_lines=4 * lines - 3, **about)
            self._inputs[name] = made
            if name == field.setting:
                self._error(name)
            if card is not None:
                self._cards[name] = _html(card, f"{element}-card")

    def _error(self, setting: str) -> None:
        self._errors[setting] = gr.HTML("", visible=False, elem_id=f"rimo-error-{setting}")

    def steering(self) -> None:
        """What it does now, and the buttons that change that. The script shows those that apply."""
        with gr.Row(elem_id="rimo-steering"):
            _html(frame.PROGRESS, "status")
            with gr.Row(elem_id="rimo-buttons"):
                self._pause = _button("Pause", "pause")
                self._resume = _button("Resume", "resume")
                self._stop = _button("Stop", "stop", "stop")

    def wire(self, blocks: gr.Blocks) -> None:
        """Connects every event, none of them queued."""
        act, errors = self._actions, list(self._errors.values())
        inputs = [self._inputs[name] for name in form.FIELDS]  # laid out in another order
        settings = [self._base, self._partners, self._preset, self._partition, *inputs]
        report = [self._message, self._accordion, *errors]
        lists = [self._base, self._partners, self._notes, self._folder]

        def on(
            event: Callable[..., Any], work: Callable[..., Any], inputs: list[Any], outputs: list[Any]
        ) -> Any:
            # No entry in gradio's own API; its sixth generation has another word for that.
            later = "api_visibility" in inspect.signature(event).parameters
            hidden: dict[str, Any] = {"api_visibility": "private"} if later else {"api_name": False}
            return event(work, inputs, outputs, queue=False, show_progress="hidden", **hidden)

        act.fields = tuple(self._errors)
        on(self._start.click, act.start, settings, report)
        on(self._pause.click, act.pause, [], [self._message])
        on(self._resume.click, act.resume, [], [self._message])
        on(self._stop.click, act.stop, [], [self._message])
        on(self._refresh.click, act.checkpoints, lists[:2], lists)
        on(self._folder.input, act.in_folder, [self._folder, self._base, self._partners], lists[:2])
        on(self._preset.input, act.preset_values, [self._preset], inputs)
        on(self._base.change, act.base_values, [self._of_base, self._base, *inputs], [self._of_base, *inputs])
        profile, tagger = self._inputs["profile"], self._inputs["tagger"]
        chosen = [self._base, self._partners]
        on(profile.input, act.profile_values, [self._base, profile], inputs)
        asked = [*lists, self._demo, self._demo_too, self._message]
        for button in (self._demo, self._demo_too):
            on(button.click, act.offer_demo, [], asked)
        cards: list[tuple[list[Any], Callable[..., Any], list[Any], gr.HTML]] = [
            ([self._base], act.cards.base, [self._base], self._base_card),
            (chosen, act.cards.partners, chosen, self._partners_card),
            ([self._base, profile], act.cards.profile, [self._base, profile], self._cards["profile"]),
            ([tagger], act.cards.tagger, [tagger], self._cards["tagger"]),
        ]
        for causes, work, of, card in cards:
            for cause in causes:
                on(cause.change, work, of, [card])
        for component in settings:
            on(component.change, act.estimate, settings, [self._estimate, *errors])
        on(self._script.input, act.script_values, [self._script], [self._partition, *inputs])
        on(self._own.input, act.load_preset, [self._own], [*settings[2:], self._own_message])
        on(self._keep.click, act.keep_preset, [self._own, *settings], [self._own, self._own_message])
        on(self._forget.click, act.delete_preset, [self._own], [self._own, self._own_message])
        opened = on(blocks.load, act.opened, lists[:2], [*settings, self._own, *lists[2:], self._of_base])
        on(opened.then, act.estimate, settings, [self._estimate, *errors])  # of what stands there by then


def _html(value: str, name: str) -> gr.HTML:
    return gr.HTML(value, elem_id=f"rimo-{name}")


def _button(label: str, name: str, variant: str = "secondary") -> gr.Button:
    return gr.Button(label, variant=variant, elem_id=f"rimo-{name}")
