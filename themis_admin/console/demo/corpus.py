"""A plausible German legal corpus for a first look: made up here, the same for every run on the same day."""

import json
import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from themis_admin.console.demo import cases, emissions, privacy
from themis_admin.console.demo.topics import AREAS, COURTS, PLACES, Topic

NUM_SAMPLES = 5_000
SEED = "themis-demo-1"
OLDEST_DAYS = 14 * 365
THEMES: dict[str, dict[str, Any]] = {
    "Rechtssprechung": {"field": "category", "op": "eq", "value": "Rechtssprechung"},
    "Immissionsschutz": {
        "any": [
            {"field": "category", "op": "eq", "value": "Immissionsschutz"},
            {"field": "content", "op": "contains", "value": "BImSch"},
        ]
    },
    "Datenschutz": {
        "any": [
            {"field": "category", "op": "eq", "value": "Datenschutz"},
            {"field": "content", "op": "contains", "value": "DSGVO"},
        ]
    },
}
GAPS = {"context": 0.05, "subject": 0.02, "tags": 0.03, "rating": 0.08, "importance": 0.1}
SHARES = {"Rechtssprechung": 42, "Immissionsschutz": 30, "Datenschutz": 28}
TOPICS = {
    "Rechtssprechung": cases.TOPICS,
    "Immissionsschutz": emissions.TOPICS,
    "Datenschutz": privacy.TOPICS,
}
JOURNALS = {
    "Immissionsschutz": (
        "Arbeitshilfe Immissionsschutz", "Handbuch Anlagenzulassung", "Rundschreiben des Umweltministeriums",
        "Fragen und Antworten für Kommunen", "Schulungsunterlage Gewerbeaufsicht",
    ),
    "Datenschutz": (
        "Leitfaden der Aufsichtsbehörde", "Handbuch Datenschutzpraxis", "Merkblatt der Kammer",
        "Fragen und Antworten für Vereine", "Schulungsunterlage Datenschutz",
    ),
}  # fmt: skip
LINKS = ("", "Zudem gilt: ", "Dabei ist zu beachten: ", "Hinzu kommt: ", "Im Übrigen gilt: ")


def write_corpus(path: Path, *, today: date, num_samples: int = NUM_SAMPLES) -> None:
    """Write the corpus as JSONL, one sample a line."""
    with path.open("w", encoding="utf-8") as file:
        for sample in samples(today=today, num_samples=num_samples):
            file.write(json.dumps(sample, ensure_ascii=False, separators=(", ", ": ")) + "\n")


def samples(*, today: date, num_samples: int = NUM_SAMPLES) -> Iterator[dict[str, Any]]:
    """The corpus's samples, oldest first, the last ones of today."""
    rng = random.Random(SEED)
    ages = sorted((_age(rng) for _ in range(num_samples)), reverse=True)
    ages[-3:] = [0] * len(ages[-3:])
    for number, age in enumerate(ages, start=1):
        category = rng.choices(list(SHARES), list(SHARES.values()))[0]
        yield _sample(rng, number=number, category=category, created=today - timedelta(days=age))


def _age(rng: random.Random) -> int:
    """Days before today; there is more of the recent past than of the far."""
    return int(OLDEST_DAYS * rng.random() ** 1.8)


def _sample(rng: random.Random, *, number: int, category: str, created: date) -> dict[str, Any]:
    topic = rng.choice(TOPICS[category])
    slots = _slots(rng, topic)

    def pick(sentences: tuple[str, ...], count: int) -> list[str]:
        return [each.format(**slots) for each in rng.sample(sentences, min(count, len(sentences)))]

    facts = pick(topic.facts, rng.randint(2, 3))
    rules = pick(topic.rules, rng.randint(1, 2))
    reasons = pick(topic.reasons, rng.randint(1, 3))
    outcome = pick(topic.outcomes, 1)
    source = _citation(rng, topic, created) if topic.branch else rng.choice(JOURNALS[category])
    question = pick(topic.questions, 1)[0]
    context = " ".join(facts)
    answer = " ".join([*rules, *_linked(rng, reasons), *outcome])
    parts = (question, facts, rules, reasons, outcome)
    content = _content(category, source=source, norm=slots["norm"], parts=parts)
    sample: dict[str, Any] = {
        "id": f"demo-{number:05d}",
        "question": question,
        "context": context,
        "answer": answer,
        "content": content,
        "category": category,
        "domain": topic.domain,
        "subject": topic.subject,
        "source": source,
        "tags": [slots["norm"], *rng.sample(topic.tags, rng.randint(1, min(3, len(topic.tags))))],
        "created_at": created.isoformat(),
        "rating": rng.choices((2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0), (2, 4, 10, 18, 28, 24, 14))[0],
        "importance": round(rng.triangular(0.2, 2.0, 1.0), 2),
    }
    return _with_gaps(rng, sample)


def _with_gaps(rng: random.Random, sample: dict[str, Any]) -> dict[str, Any]:
    """Real corpora have holes: now and then an optional field is absent or null."""
    for name, share in (
        ("context", 0.05),
        ("subject", 0.02),
        ("tags", 0.03),
        ("rating", 0.08),
        ("importance", 0.1),
    ):
        if rng.random() < share:
            if rng.random() < 0.3:
                sample[name] = None
            else:
                del sample[name]
    return sample


def _slots(rng: random.Random, topic: Topic) -> dict[str, str]:
    return {
        "norm": rng.choice(topic.norms),
        "ort": rng.choice(PLACES),
        "gebiet": rng.choice(AREAS),
        "anlage": rng.choice(emissions.PLANTS),
        "stelle": rng.choice(privacy.CONTROLLERS),
        "abstand": str(rng.randrange(20, 900, 5)),
        "abstand2": str(rng.randrange(100, 1500, 10)),
        "pegel": str(rng.randint(33, 61)),
        "prozent": str(rng.randint(6, 48)),
        "wochen": str(rng.randint(3, 26)),
        "jahre": str(rng.randint(2, 28)),
        "zahl": str(rng.randint(12, 96)),
        "zahl2": str(rng.randint(2, 9)),
        "menge": str(rng.randint(24, 980)),
    }


def _linked(rng: random.Random, sentences: list[str]) -> list[str]:
    """The first sentence as it is, the others now and then with a transition."""
    return sentences[:1] + [rng.choice(LINKS) + each for each in sentences[1:]]


def _citation(rng: random.Random, topic: Topic, decided: date) -> str:
    court, cities, signs = rng.choices(COURTS[topic.branch], [6, 4, 3, 2][: len(COURTS[topic.branch])])[0]
    name = f"{court} {rng.choice(cities)}".strip()
    kind = rng.choice(("Urteil", "Urteil", "Urteil", "Beschluss"))
    year = decided.year - rng.randint(0, 2)
    reference = f"{rng.randint(1, 14)} {rng.choice(signs)} {rng.randint(3, 3900)}/{year % 100:02d}"
    return f"{name}, {kind} vom {decided:%d.%m.%Y} - {reference}"


def _content(
    category: str, *, source: str, norm: str, parts: tuple[str, list[str], list[str], list[str], list[str]]
) -> str:
    """The running text that a text completion trains on: a decision with its sections, or an article."""
    question, *sentences = parts
    facts, rules, reasons, outcome = (" ".join(each) for each in sentences)
    if category == "Rechtssprechung":
        principles = "\n".join(f"{number}. {rule}" for number, rule in enumerate(parts[2], start=1))
        return (
            f"{source}\n\nLeitsätze\n{principles}\n\nTatbestand\n{facts}\n\n"
            f"Entscheidungsgründe\n{reasons} {outcome} Grundlage ist {norm}."
        )
    return (
        f"{question}\n\nAusgangslage: {facts}\n\nRechtslage ({norm}): {rules}\n\n"
        f"Bewertung: {reasons}\n\nErgebnis: {outcome}"
    )
