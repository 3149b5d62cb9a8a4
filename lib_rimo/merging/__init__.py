"""Reading, mixing, previewing and saving checkpoints; works without a WebUI and on any ``torch.nn.Module``."""

from lib_rimo.merging.architecture import Architecture, Comparison, check_same, recognise
from lib_rimo.merging.checkpoint import Checkpoint, open_checkpoint
from lib_rimo.merging.live import LiveSlot, LiveWeights, live_weights
from lib_rimo.merging.merge import MergeReport, merge_into
from lib_rimo.merging.partition import PARTITIONS, Partition, load_partition
from lib_rimo.merging.recipe import Recipe, Source
from lib_rimo.merging.save import save_merged
from lib_rimo.merging.sink import DictSink, FileSink, LiveSink, Sink
from lib_rimo.merging.sources import Sources, source_of
from lib_rimo.merging.swap import Swapper, SwapReport

__all__ = [
    "PARTITIONS",
    "Architecture",
    "Checkpoint",
    "Comparison",
    "DictSink",
    "FileSink",
    "LiveSink",
    "LiveSlot",
    "LiveWeights",
    "MergeReport",
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
    "open_checkpoint",
    "recognise",
    "save_merged",
    "source_of",
]
