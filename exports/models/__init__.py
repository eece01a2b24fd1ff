"""Plans, files, links, streams and feedback as rows."""

from exports.models.feedback import DIFFICULTY, FACTORS, Factors, FeedbackRun, FeedbackSender
from exports.models.file import MANIFEST, FileExport
from exports.models.link import Link, LinkUse
from exports.models.plan import StoredPlan
from exports.models.stream import CountedPlan, Stream, StreamQuerySet, StreamState

__all__ = [
    "DIFFICULTY",
    "FACTORS",
    "MANIFEST",
    "CountedPlan",
    "Factors",
    "FeedbackRun",
    "FeedbackSender",
    "FileExport",
    "Link",
    "LinkUse",
    "StoredPlan",
    "Stream",
    "StreamQuerySet",
    "StreamState",
]
