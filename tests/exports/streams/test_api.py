"""The stream as its clients see it: what is delivered, how it looks, and what is written down of it."""

from typing import Any

import pytest

from tests.exports.conftest import Ask, lines, questions, text
from themis_admin.accounts.models import AuditEntry, User
from themis_admin.datasets.models import Version

pytestmark = pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")


def test_a_theme_is_delivered_with_weights_and_metadata(version: Version, ask: Ask) -> None:
    response = ask(theme="lärm")
    assert response["Content-Type"] == "application/x-ndjson"
    assert text(response).splitlines()[:2] == [
        '{"instruction":"Wie laut?","input":"Nachts","output":"40 dB","weight":1.5000,'
        '"metadata":{"source":"TA Lärm","category":"Lärm","tags":["a", "ä"]}}',
        '{"instruction":"Wer misst?","output":"Die Behörde","weight":1.0000,'
        '"metadata":{"source":"BImSchG","category":"Lärm"}}',
    ]


def test_a_sample_without_the_themes_field_is_not_in_the_theme(version: Version, ask: Ask) -> None:
    for theme in ("Lärm", "Daten"):
        assert "Ohne Thema" not in questions(ask(theme=theme))


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"format": "chat_completion", "include_metadata": False},
         '{"messages":[{"role":"user","content":"Wie laut?"},{"role":"assistant","content":"40 dB"}],"weight":1.5000}'),
        ({"format": "chat_completion", "include_metadata": False, "field_mapping": {"system_field": "{domain}recht"}},
         '{"messages":[{"role":"system","content":"Umweltrecht"},{"role":"user","content":"Wie laut?"},'
         '{"role":"assistant","content":"40 dB"}],"weight":1.5000}'),
        ({"format": "text_completion", "field_mapping": {"text_field": "F: {question}\nA: {answer}"},
          "metadata_fields": ["id"], "weighting": {"enable_weights": False}},
         '{"text":"F: Wie laut?\\nA: 40 dB","metadata":{"id":1}}'),
        ({"format": "raw"}, None),
        ({"metadata_fields": [], "weighting": {"weight_field": "absent", "default_weight": 0.5}},
         '{"instruction":"Wie laut?","input":"Nachts","output":"40 dB","weight":0.5000}'),
        ({"metadata_fields": [], "weighting": {"auto_weight_by_length": True, "default_weight": 1}},
         '{"instruction":"Wie laut?","input":"Nachts","output":"40 dB","weight":1.5038}'),
    ],
)  # fmt: skip
def test_a_format_looks_as_the_contract_says(
    version: Version, ask: Ask, options: dict[str, Any], line: str | None
) -> None:
    first = text(ask(theme="Lärm", limit=1, **options)).splitlines()
    if line is None:
        assert version.open().line(0).decode() == first[0]
    else:
        assert first == [line]


def test_freshness_is_a_half_at_one_half_life(version: Version, ask: Ask) -> None:
    weighting = {"auto_weight_by_freshness": True, "freshness_half_life_days": 10, "as_of": "2020-01-11"}
    weights = {line["instruction"]: line["weight"] for line in lines(ask(theme="Lärm", weighting=weighting))}
    assert weights["Wer misst?"] == 0.5
    assert weights["Wann?"] == 1.0  # the future
    assert weights["Wie laut?"] == pytest.approx(1.5 * 0.5, abs=1e-4)


def test_a_dry_run_says_what_would_be_delivered(version: Version, ask: Ask) -> None:
    plan = ask(theme="Lärm", dry_run=True).json()  # type: ignore[attr-defined]
    delivered = ask(theme="Lärm")
    assert plan["plan"] == delivered["X-Themis-Plan"]
    assert plan["num_samples"] == 3
    body = text(delivered)
    assert plan["lines"] == body.splitlines()
    assert plan["estimated_bytes"] == len(body.encode())


def test_every_stream_is_in_the_audit_log(version: Version, ask: Ask, alice: User) -> None:
    ask(theme="Lärm")
    entry = AuditEntry.objects.get(action="export.stream")
    assert (entry.user, entry.detail["num_samples"]) == (alice, 3)
    assert entry.token is not None


def test_a_shuffled_stream_is_the_same_every_time_and_another_with_every_epoch(
    version: Version, ask: Ask
) -> None:
    body = {"dataset": "Gesetze", "order": "shuffled", "seed": -7}
    first = text(ask(**body))
    assert sorted(first.splitlines()) == sorted(text(ask(dataset="Gesetze")).splitlines())
    assert text(ask(**body)) == first
    assert len({text(ask(**body, epoch=epoch)) for epoch in range(6)}) > 2
    cursor = ask(**body)["X-Themis-Plan"] + ".2"
    assert text(ask(cursor=cursor)).splitlines() == first.splitlines()[2:]


def test_ranks_get_equal_shares_and_are_told_of_padding(version: Version, ask: Ask) -> None:
    whole = text(ask(dataset="Gesetze")).splitlines()
    shares = [ask(dataset="Gesetze", rank=rank, world_size=2) for rank in range(2)]
    assert [share["X-Themis-Num-Samples"] for share in shares] == ["3", "3"]
    assert [share["X-Themis-Num-Padded"] for share in shares] == ["0", "1"]
    assert shares[0]["X-Themis-Cursor"] == shares[1]["X-Themis-Cursor"]
    first, second = (text(share).splitlines() for share in shares)
    assert (first, second) == (whole[0::2], [*whole[1::2], whole[0]])
    dropped = ask(dataset="Gesetze", rank=1, world_size=2, drop_last=True)
    assert text(dropped).splitlines() == whole[1::2]
