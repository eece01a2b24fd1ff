"""What a request is about: themes and datasets by name, among those that one may see."""

import pytest

from tests.exports.conftest import Ask, lines
from themis_admin.accounts.models import User
from themis_admin.datasets import services as datasets
from themis_admin.datasets.models import Version
from themis_admin.datasets.themes import services as themes

pytestmark = pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")


def test_a_theme_of_the_same_name_in_two_datasets_has_to_be_told_apart(
    version: Version, ask: Ask, alice: User
) -> None:
    other = datasets.create_dataset(user=alice, name="Andere")
    themes.create_theme(other, user=alice, name="LÄRM", where={"all": []})
    response = ask(theme="lärm")
    assert response.status_code == 400
    assert "Andere, Gesetze" in response.json()["error"]  # type: ignore[attr-defined]
    assert len(lines(ask(theme="lärm", dataset="Gesetze"))) == 3
