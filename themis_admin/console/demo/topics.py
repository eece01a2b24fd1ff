"""What a topic of the demo corpus is made of, and the places and courts that occur in it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Topic:
    """Sentences with slots in braces, of which a sample takes a few each."""

    subject: str
    domain: str
    norms: tuple[str, ...]
    tags: tuple[str, ...]
    questions: tuple[str, ...]
    facts: tuple[str, ...]
    rules: tuple[str, ...]
    reasons: tuple[str, ...]
    outcomes: tuple[str, ...]
    branch: str = ""


PLACES = (
    "Aachen", "Ansbach", "Aurich", "Bamberg", "Bautzen", "Bayreuth", "Biberach", "Bielefeld", "Bocholt", "Bremerhaven",
    "Celle", "Chemnitz", "Coburg", "Cottbus", "Cuxhaven", "Deggendorf", "Detmold", "Eberswalde", "Eisenach", "Emden",
    "Erfurt", "Flensburg", "Freiberg", "Freising", "Fulda", "Gera", "Gießen", "Görlitz", "Göttingen", "Greifswald",
    "Gütersloh", "Hameln", "Heilbronn", "Hildesheim", "Hof", "Ingolstadt", "Itzehoe", "Jena", "Kaiserslautern", "Kempten",
    "Kleve", "Koblenz", "Konstanz", "Landshut", "Lübeck", "Lüneburg", "Magdeburg", "Marburg", "Minden", "Mosbach",
    "Neubrandenburg", "Neuruppin", "Offenburg", "Oldenburg", "Paderborn", "Passau", "Plauen", "Ravensburg", "Rostock",
    "Saarlouis", "Schwerin", "Siegen", "Stade", "Stendal", "Straubing", "Suhl", "Trier", "Tübingen", "Ulm", "Weiden",
    "Wesel", "Wetzlar", "Wittenberg", "Wolfenbüttel", "Würzburg", "Zwickau",
)  # fmt: skip

AREAS = (
    "allgemeinen Wohngebiet", "reinen Wohngebiet", "Mischgebiet", "Dorfgebiet", "Gewerbegebiet", "urbanen Gebiet",
    "Kerngebiet", "Sondergebiet",
)  # fmt: skip

# For each branch of the courts: (short name, cities that have one or all, sign of its registers).
COURTS: dict[str, tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]] = {
    "verwaltung": (
        (
            "VG",
            ("Ansbach", "Augsburg", "Cottbus", "Freiburg", "Gießen", "Köln", "Minden", "Stade", "Trier"),
            ("K", "L"),
        ),
        (
            "OVG",
            ("Bautzen", "Greifswald", "Koblenz", "Lüneburg", "Münster", "Schleswig", "Weimar"),
            ("A", "B"),
        ),
        ("VGH", ("Kassel", "Mannheim", "München"), ("S", "ZB", "CS")),
        ("BVerwG", ("",), ("C", "B", "CN")),
    ),
    "zivil": (
        ("AG", ("Bonn", "Fürth", "Hanau", "Kiel", "Lörrach", "Potsdam", "Verden", "Zittau"), ("C",)),
        (
            "LG",
            ("Bochum", "Dessau-Roßlau", "Hof", "Itzehoe", "Kassel", "Landau", "Ulm", "Zweibrücken"),
            ("O", "S"),
        ),
        (
            "OLG",
            ("Bamberg", "Celle", "Dresden", "Hamm", "Jena", "Karlsruhe", "Oldenburg", "Stuttgart"),
            ("U", "W"),
        ),
        ("BGH", ("",), ("ZR", "ZB")),
    ),
    "arbeit": (
        ("ArbG", ("Bielefeld", "Dresden", "Emden", "Gera", "Mannheim", "Siegen", "Würzburg"), ("Ca", "BV")),
        ("LAG", ("Chemnitz", "Düsseldorf", "Erfurt", "Hannover", "Kiel", "Nürnberg"), ("Sa", "TaBV")),
        ("BAG", ("",), ("AZR", "ABR")),
    ),
    "sozial": (
        (
            "SG",
            ("Altenburg", "Detmold", "Fulda", "Landshut", "Lübeck", "Neuruppin", "Speyer"),
            ("AS", "KR", "R"),
        ),
        ("LSG", ("Celle", "Essen", "Halle", "Mainz", "Schweinfurt"), ("AS", "KR", "R")),
        ("BSG", ("",), ("AS", "KR", "R")),
    ),
}
