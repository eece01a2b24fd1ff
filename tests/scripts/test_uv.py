"""uv asks the package index that pip is set up for."""

from scripts.uv import uv_settings


def test_what_pip_is_set_up_for_is_told_to_uv() -> None:
    config = [
        "global.index-url='https://packages.example.org/simple'",
        "global.extra-index-url='\\nhttps://a.example.org/simple\\nhttps://b.example.org/simple'",
        "global.find-links='/one /two'",
        "global.trusted-host='a.example.org'",
        "global.timeout='60'",
        "global.disable-pip-version-check='true'",
        "freeze.timeout='5'",
    ]
    assert uv_settings(config, {}) == {
        "UV_DEFAULT_INDEX": "https://packages.example.org/simple",
        "UV_INDEX": "https://a.example.org/simple https://b.example.org/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": "/one,/two",
        "UV_INSECURE_HOST": "a.example.org",
        "UV_HTTP_TIMEOUT": "60",
        "UV_SYSTEM_CERTS": "true",
    }


def test_the_environment_goes_before_what_is_for_installing_and_that_before_what_is_for_all() -> None:
    config = [
        ":env:.index-url='https://env'",
        "install.index-url='https://install'",
        "global.index-url='https://all'",
    ]
    for expected in ("https://env", "https://install", "https://all"):
        assert uv_settings(config, {})["UV_DEFAULT_INDEX"] == expected
        config = config[1:]


def test_what_is_said_to_uv_itself_stays() -> None:
    config = ["global.index-url='https://pip'"]
    assert "UV_DEFAULT_INDEX" not in uv_settings(config, {"UV_DEFAULT_INDEX": "https://uv"})


def test_without_any_settings_only_the_certificates_are_as_pip_has_them() -> None:
    assert uv_settings([""], {}) == {"UV_SYSTEM_CERTS": "true"}
