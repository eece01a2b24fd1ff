"""Where things are kept is what the settings say now."""

from dataclasses import replace
from pathlib import Path

from pytest_django import Settings

from themis_admin.storage import stores


def test_the_store_and_what_is_kept_lie_where_the_settings_say(settings: Settings, tmp_path: Path) -> None:
    for name in ("one", "two"):
        data = tmp_path / name
        settings.THEMIS = replace(
            settings.THEMIS, storage=data / "storage", selections_dir=data / "selections"
        )
        assert stores.store().path(stores.FILES, "0" * 64).is_relative_to(data / "storage")
        assert stores.kept_files().root == data / "selections"


def test_all_ask_the_same_cache(settings: Settings, tmp_path: Path) -> None:
    settings.THEMIS = replace(settings.THEMIS, selections_dir=tmp_path)
    first = stores.kept_files()
    assert stores.kept_files() is first
    settings.THEMIS = replace(settings.THEMIS, selections_max_bytes=settings.THEMIS.selections_max_bytes + 1)
    assert stores.kept_files() is not first


def test_a_question_spills_into_the_work_folder(settings: Settings, tmp_path: Path) -> None:
    settings.THEMIS = replace(settings.THEMIS, work_dir=tmp_path, duck_threads=3)
    assert (stores.limits().temp_directory, stores.limits().threads) == (tmp_path, 3)
