"""Reading, mixing, previewing and saving checkpoints; works without a WebUI and on any ``torch.nn.Module``."""

from lib_rimo.merging.checkpoints.architecture import Architecture, Comparison, check_same, recognise
from lib_rimo.merging.checkpoints.checkpoint import Checkpoint, open_checkpoint
from lib_rimo.merging.contact.method import NAME as CONTACT_FUSION
from lib_rimo.merging.contact.method import contact_fusion
from lib_rimo.merging.live.sink import LiveSink
from lib_rimo.merging.live.swap import Swapper, SwapReport
from lib_rimo.merging.live.weights import LiveSlot, LiveWeights, live_weights
from lib_rimo.merging.mix.merge import MergeReport, merge_into
from lib_rimo.merging.mix.method import MergeMethod, Option, merge_method
from lib_rimo.merging.mix.methods import METHODS
from lib_rimo.merging.mix.partition import PARTITIONS, Partition, load_partition
from lib_rimo.merging.mix.recipe import Recipe, Source
from lib_rimo.merging.mix.sink import DictSink, FileSink, Sink
from lib_rimo.merging.mix.sources import Sources, source_of
from lib_rimo.merging.saving.save import save_merged

METHODS.register(CONTACT_FUSION, contact_fusion)

__all__ = [
    "METHODS",
    "PARTITIONS",
    "Architecture",
    "Checkpoint",
    "Comparison",
    "DictSink",
    "FileSink",
    "LiveSink",
    "LiveSlot",
    "LiveWeights",
    "MergeMethod",
    "MergeReport",
    "Option",
    "Partition",
    "Recipe",
    "Sink",
    "Source",
    "Sources",
    "SwapReport",
    "Swapper",
    "check_same",
    "live_weights",
    "load_partition",
    "merge_into",
    "merge_method",
    "open_checkpoint",
    "recognise",
    "save_merged",
    "source_of",
]
