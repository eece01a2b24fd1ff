"""What a dry run answers: the plan, its first lines, and how many samples, bytes and tokens it would deliver."""

from typing import Any

from exports.delivery.estimates import estimate_bytes, spread
from exports.delivery.opening import OpenedDelivery
from themisdb_datasets.engine.plans.delivery import Delivery
from themisdb_datasets.engine.rendering.line_fields import line_fields

PREVIEW_LINES = 3
# What a mix promises of its themes is counted, not estimated, up to so many lines.
MIX_COUNTED = 5_000_000
BYTES_A_TOKEN = 4


def describe(opened: OpenedDelivery) -> dict[str, Any]:
    """The plan with counts, the first lines, missing fields, bytes and tokens."""
    delivery, window = opened.delivery, opened.window
    lines: list[str] = []
    for chunk in delivery.chunks(window[:PREVIEW_LINES], batch_size=PREVIEW_LINES):
        lines += bytes(chunk.data).decode().split("\n")[: chunk.num_samples]
    plan = delivery.plan
    answer: dict[str, Any] = {
        "plan": plan.digest,
        "document": plan.to_document(),
        "title": opened.title,
        "version": {"id": opened.version.pk, "number": opened.version.number, "digest": plan.version},
        "num_samples": len(window),
        "total": delivery.num_samples,
    }
    num_bytes = estimate_bytes(delivery, window)
    if plan.mix is not None:
        answer["themes"] = _themes(delivery, window)
        num_bytes = sum(theme["bytes"] for theme in answer["themes"])
    for reason in sorted({reason for selection in delivery.selections for reason in selection.counts}):
        answer[f"num_{reason}"] = sum(selection.counts.get(reason, 0) for selection in delivery.selections)
    return {
        **answer,
        "estimated_bytes": num_bytes,
        "estimated_tokens": num_bytes // BYTES_A_TOKEN,
        "lines": lines,
        "fields": line_fields(plan.form, opened.version.open()),
        "missing_fields": list(opened.missing_fields),
        "cursor": str(opened.cursor),
    }


def _themes(delivery: Delivery, window: range) -> list[dict[str, Any]]:
    """What each theme of a mix gives to this window; the bytes are exact in windows of up to 5 million lines."""
    assert delivery.plan.mix is not None
    looked_at = [window] if len(window) <= MIX_COUNTED else spread(window)
    shares = delivery.measure(looked_at)
    # 1 where all was looked at, so that counted figures are given as they are.
    scale = len(window) / max(sum(len(part) for part in looked_at), 1)
    period = sum(part.share for part in delivery.plan.mix.parts)
    themes = []
    for part, selection, share in zip(delivery.plan.mix.parts, delivery.selections, shares, strict=True):
        num_bytes = round(share.num_bytes * scale)
        themes.append(
            {
                "theme": part.name,
                "proportion": part.share / period,
                "available": selection.num_samples,
                "num_samples": round(share.num_samples * scale),
                "num_repeats": round(share.num_repeats * scale),
                "bytes": num_bytes,
                "tokens": num_bytes // BYTES_A_TOKEN,
            }
        )
    return themes
