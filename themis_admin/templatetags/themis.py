"""The console's own words in templates: numbers, sizes, times, digests, weights, states, icons and code."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms, template
from django.core.paginator import Page
from django.forms.boundfield import BoundField
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

DASH = "–"
UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
STATE_ICONS = {
    "queued": "circle-dashed",
    "succeeded": "circle-check",
    "failed": "circle-x",
    "cancelled": "ban",
}


@register.filter
def number(value: float | str | None) -> str:
    """`105,198`; a dash for nothing, which in templates is also an empty text."""
    return f"{value:,.0f}" if isinstance(value, int | float) else DASH


def split_bytes(value: float) -> tuple[str, str]:
    """Decimal units with three digits or so: `("208", "MB")`, `("41.6", "MB")`."""
    unit = 0
    # What would be rounded to 1000 belongs to the next unit;
    # so does 99.95 below, which would have four digits.
    while value >= 999.5 and unit < len(UNITS) - 1:
        value /= 1000
        unit += 1
    return (f"{value:.0f}" if unit == 0 or value >= 99.95 else f"{value:.1f}"), UNITS[unit]


@register.filter(name="bytes")
def in_bytes(value: float | str | None) -> str:
    """`208 MB`; a dash for nothing."""
    return "\N{NO-BREAK SPACE}".join(split_bytes(value)) if isinstance(value, int | float) else DASH


@register.filter
def bytes_figure(value: float | str | None) -> SafeString | str:
    """The same for a figure: the unit is small."""
    return format_html("{}<small>{}</small>", *split_bytes(value)) if isinstance(value, int | float) else DASH


@register.filter
def rate(value: float | None, unit: str = "bytes") -> str:
    """`352 MB/s` for bytes, `8,430/s` for anything that is counted."""
    if not value:
        return DASH
    return f"{in_bytes(value)}/s" if unit == "bytes" else f"{number(value)}/s"


@register.filter
def amount(value: float | None, unit: str = "bytes") -> str:
    """How far a job is, in its own unit."""
    return in_bytes(value) if unit == "bytes" else number(value)


@register.filter
def duration(value: float | timedelta | None) -> str:
    """`8 s`, `3 min 20 s`, `2 h 5 min`; a dash for nothing."""
    if value is None:
        return DASH
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if seconds < 1:
        return "under 1 s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, left = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {left} s" if left else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


@register.filter
def percent(part: float, whole: float) -> str:
    """`12.3 %` of a whole; a dash where there is no whole."""
    return f"{100 * part / whole:.1f} %" if whole else DASH


@register.filter
def when(value: datetime | None) -> SafeString | str:
    """A time in UTC that the page's script shows in the viewer's zone, relative where it is recent."""
    return _time(value, "relative")


@register.filter
def moment(value: datetime | None) -> SafeString | str:
    """The same, never relative."""
    return _time(value, "absolute")


def _time(value: datetime | None, style: str) -> SafeString | str:
    if value is None:
        return DASH
    utc = timezone.localtime(value, UTC)
    return format_html(
        '<time datetime="{}" title="{} UTC" data-when="{}">{} UTC</time>',
        utc.isoformat(timespec="seconds"),
        utc.strftime("%Y-%m-%d %H:%M:%S"),
        style,
        utc.strftime("%Y-%m-%d %H:%M"),
    )


@register.filter
def seal(digest: str) -> SafeString:
    """A grid of 5 by 3 squares drawn from a digest's first bits: equal digests are seen to be equal."""
    bits = int(digest[:6] or "0", 16)
    squares = format_html_join(
        "",
        '<rect x="{}" y="{}" width="3" height="3" opacity="{}"/>',
        ((4 * (i % 5), 4 * (i // 5), "1" if bits >> i & 1 else ".16") for i in range(15)),
    )
    return format_html(
        '<svg class="th-seal" viewBox="0 0 19 11" fill="currentColor" aria-hidden="true">{}</svg>', squares
    )


@register.filter
def digest(value: str | None) -> SafeString | str:
    """A digest's seal and first 8 digits; a click copies all 64."""
    if not value:
        return DASH
    return format_html(
        '<button type="button" class="th-id" data-copy="{0}" title="{0}" aria-label="Copy the digest {1}">'
        "{2}{1}</button>",
        value,
        value[:8],
        seal(value),
    )


@register.filter
def beam(weight: float) -> SafeString:
    """A small balance beside a weight: the fulcrum is 1.0, the ends are 0 and 2."""
    x = 32 * min(max(weight, 0.0), 2.0)
    start, width, kind = (32.0, x - 32, "hv") if x >= 32 else (x, 32 - x, "lt")
    numbers = {
        "exact": f"{weight:.4f}",
        "shown": f"{weight:.2f}",
        "start": f"{start:.2f}",
        "width": f"{width:.2f}",
    }
    return format_html(
        '<span class="th-w" title="{exact}"><svg class="th-beam" viewBox="0 0 64 12" aria-hidden="true">'
        '<path class="ax" d="M0 6h64"/><rect class="{kind}" x="{start}" y="4" width="{width}" height="4"/>'
        '<path class="pv" d="M32 1v10"/></svg>{shown}</span>',
        kind=kind,
        **numbers,
    )


@register.filter
def state(value: str) -> SafeString:
    """A job's state as icon and word; a running job's icon is a balance that tilts."""
    picture = (
        mark_safe(
            '<svg viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.5" aria-hidden="true">'
            '<path d="M8 3v11M5.5 14h5"/><path class="th-beamspin" d="M2 7h12M2 5.5v3M14 5.5v3"/></svg>'
        )
        if value == "running"
        else icon(STATE_ICONS.get(value, "circle"))
    )
    return format_html('<span class="th-state {0}" data-state="{0}">{1}{0}</span>', value, picture)


@register.simple_tag
def icon(name: str, classes: str = "") -> SafeString:
    """One of the sprite's icons; decoration only, so the control beside it must carry a name."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true"><use href="{}#{}"/></svg>',
        classes,
        static("vendor/lucide.svg"),
        name,
    )


@register.simple_tag
def progress(done: float | None, total: float | None, label: str = "Progress") -> SafeString:
    """A bar; without a total it has no value and shows that work goes on."""
    if not total:
        return format_html('<progress class="th-progress" max="1" aria-label="{}"></progress>', label)
    return format_html(
        '<progress class="th-progress" max="{}" value="{}" aria-label="{}"></progress>',
        total,
        min(done or 0, total),
        label,
    )


@register.filter
def pretty_json(value: Any) -> str:
    """JSON as people read it."""
    return json.dumps(value, ensure_ascii=False, indent=2)


@register.filter
def lookup(mapping: Mapping[str, Any], key: str) -> Any:
    """The value at `key`, nothing where there is none."""
    return mapping.get(key)


@register.simple_tag(takes_context=True)
def current(context: template.Context, *prefixes: str) -> SafeString | str:
    """Marks the navigation entry whose part of the console this page belongs to."""
    path: str = context["request"].path
    here = any(path == prefix if prefix == "/" else path.startswith(prefix) for prefix in prefixes)
    return mark_safe('aria-current="page"') if here else ""


@register.inclusion_tag("parts/pagination.html", takes_context=True)
def pagination(context: template.Context, page: Page[Any], noun: str = "samples") -> dict[str, Any]:
    """Where this page is in the whole, and the links to its neighbours."""
    return {"page": page, "noun": noun, "request": context["request"]}


@register.inclusion_tag("parts/code.html")
def code(snippets: list[tuple[str, str]], ident: str = "code") -> dict[str, Any]:
    """A code block with a copy button and, for more than one snippet (title, text), tabs."""
    return {"snippets": snippets, "ident": ident}


CONTROLS: dict[type[forms.Widget], str] = {
    forms.Textarea: "textarea",
    forms.CheckboxSelectMultiple: "checkbox checkbox-xs",
    forms.CheckboxInput: "checkbox checkbox-xs",
    forms.Select: "select select-sm",
    forms.widgets.Input: "input input-sm",
}


@register.inclusion_tag("parts/field.html")
def field(bound: BoundField, hint: str = "", classes: str = "") -> dict[str, Any]:
    """A form field: label, control, hint, and its errors beneath it."""
    widget = bound.field.widget
    looks = next((looks for kind, looks in CONTROLS.items() if isinstance(widget, kind)), "")
    control = bound.as_widget(attrs={"class": f"{looks} is-error" if bound.errors else looks})
    checkbox = isinstance(widget, forms.CheckboxInput)
    return {
        "field": bound,
        "control": control,
        "checkbox": checkbox,
        "hint": hint or bound.help_text,
        "classes": classes,
    }


@register.inclusion_tag("parts/empty.html")
def empty(sentence: str, label: str = "", url: str = "") -> dict[str, Any]:
    """An empty state: the balance level, one sentence, and the next step's button."""
    return {"sentence": sentence, "label": label, "url": url}
