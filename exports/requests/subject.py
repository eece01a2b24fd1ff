"""What a request is about: the dataset and the themes that it names, as far as its user may see them."""

from msgspec import UNSET

from exports.requests.body import StreamBody
from themis_admin.datasets.models import Dataset, Theme
from themis_admin.jobs.models import Viewer
from themisdb_datasets.errors import MalformedError, NotFoundError
from themisdb_datasets.names import nearest


def find_subject(body: StreamBody, user: Viewer) -> tuple[Dataset, list[Theme]]:
    """The dataset, and the themes of it that are asked for: none for all of it, several for a mix."""
    dataset = find_dataset(body.dataset, user) if body.dataset is not None else None
    if body.themes is not UNSET:
        return _mixed([share.theme for share in body.themes], dataset, user)
    if body.theme is not None:
        theme = _theme(body.theme, dataset, user, place="theme")
        return theme.dataset, [theme]
    if dataset is None:
        raise MalformedError.at(
            "theme", "Name a theme, or a dataset to stream all of it.", code="bad_parameter"
        )
    return dataset, []


def _mixed(names: list[str], dataset: Dataset | None, user: Viewer) -> tuple[Dataset, list[Theme]]:
    themes: list[Theme] = []
    for number, name in enumerate(names):
        place = f"themes[{number}].theme"
        theme = _theme(name, themes[0].dataset if themes else dataset, user, place=place)
        if theme in themes:
            raise MalformedError.at(
                place,
                "The theme {name!r} is there twice; give it one proportion.",
                code="bad_parameter",
                name=name,
            )
        themes.append(theme)
    return themes[0].dataset, themes


def _theme(name: str, dataset: Dataset | None, user: Viewer, *, place: str) -> Theme:
    themes = Theme.objects.visible_to(user).select_related("dataset")
    if dataset is not None:
        themes = themes.filter(dataset=dataset)
    # Compared in Python, as names are everywhere: SQLite
    # lowers only ASCII letters, and themes are called Lärm.
    found = [theme for theme in themes if theme.name.casefold() == name.casefold()]
    if not found:
        names = sorted({theme.name for theme in themes})
        known = f"known are {', '.join(names[:20])}" if names else "there is none yet"
        raise MalformedError.at(
            place,
            "There is no theme {name!r}{hint}; {known}.",
            code="unknown_theme",
            name=name,
            hint=nearest(name, names),
            known=known,
        )
    if len(found) > 1:
        names = sorted(theme.dataset.name for theme in found)
        raise MalformedError.at(
            "dataset",
            "Several datasets have a theme {name!r}; name one of {known}.",
            code="bad_parameter",
            name=name,
            known=", ".join(names),
        )
    return found[0]


def find_dataset(name: str | int, user: Viewer) -> Dataset:
    """The dataset of this name, in any case, or id, among those the user may see; NotFoundError names the nearest."""
    known = list(Dataset.objects.visible_to(user))
    for dataset in known:
        if dataset.name.casefold() == str(name).casefold():
            return dataset
    for dataset in known:
        if str(dataset.pk) == str(name):
            return dataset
    names = sorted(dataset.name for dataset in known)
    raise NotFoundError.at(
        "dataset",
        "There is no dataset {name!r}{hint}.",
        code="unknown_dataset",
        name=name,
        hint=nearest(str(name), names),
    )
