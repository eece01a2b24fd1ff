"""The main job in a real browser on a real server: a corpus goes in, a theme is cut, a stream comes out."""

import ast
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, Route, expect

from tests.journey.conftest import Server
from tests.processes import PATIENCE, until

LAWS = ("BImSchG", "BDSG", "TierSchG", "WHG")
NUM_SAMPLES = 60_000
BROKEN = (b"{broken", b"[]", b'"\xff"')


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some 25 MB, so that the upload has parts and the ingest takes a moment; three lines are no samples."""
    path = tmp_path_factory.mktemp("corpus") / "gesetze.jsonl"
    with path.open("wb") as file:
        for number in range(NUM_SAMPLES):
            law = LAWS[number % len(LAWS)]
            sample = {
                "id": f"{law.lower()}/{number}",
                "law": law,
                "heading": f"§ {number} {law}",
                "amended": f"20{number % 26:02d}-06-01",
                "importance": round(number % 20 / 10, 1),
                "text": f"Satz {number}. "
                + "Personenbezogene Daten. " * (number % 8 == 3)
                + "Wortlaut der Norm. " * 14,
            }
            file.write(json.dumps(sample, ensure_ascii=False).encode() + b"\n")
        file.writelines(line + b"\n" for line in BROKEN)
    return path


def test_a_corpus_goes_in_and_a_stream_comes_out(logged_in: Page, server: Server, corpus: Path) -> None:
    page = logged_in
    make_dataset(page)
    upload(page, corpus)
    look_into_the_version(page)
    make_theme(page)
    stream_it(page, make_token(page), server)
    delete(page)


def make_dataset(page: Page) -> None:
    page.get_by_role("link", name="New dataset").click()
    page.get_by_label("Name", exact=True).fill("Reisegesetze")
    page.get_by_label("Key field").fill("id")
    page.get_by_label("Timestamp field").fill("amended")
    page.get_by_role("button", name="Create the dataset").click()
    expect(page.get_by_role("heading", name="Reisegesetze")).to_be_visible()
    page.wait_for_load_state()  # from here on scripts listen, which no element waits for


# All that the ingest's line said, however briefly.
LISTEN = """() => {
  window.said = [];
  const line = document.querySelector('[data-step="ingest"]');
  new MutationObserver(() => window.said.push(line.innerText)).observe(line, {subtree: true, childList: true, characterData: true});
}"""


def upload(page: Page, corpus: Path) -> None:
    page.evaluate(LISTEN)
    page.locator("input[type=file]").set_input_files(corpus)
    expect(page.locator("#live")).to_have_attribute("data-state", "on")
    expect(page.locator('[data-step="version"]')).to_contain_text("60,000 samples")
    expect(page.locator('[data-step="version"]')).to_contain_text("3 rejected")
    said = page.evaluate("window.said")
    assert any(re.search(r"\d\sMB of \d.*\sMB · .*MB/s", each) for each in said), said
    page.get_by_role("link", name="Open version 1").click()


def look_into_the_version(page: Page) -> None:
    figures = page.locator(".th-figs").first  # the statistics, which a job computes meanwhile, have others
    expect(figures).to_contain_text("60,000")
    page.wait_for_load_state()
    page.get_by_label("Search all text").fill("Satz 59999.")
    expect(page.locator("#sample-list mark")).to_have_text("Satz 59999.")
    page.locator("#sample-list .ttl a").click()
    expect(page.locator("pre")).to_contain_text('"id": "whg/59999"')
    page.get_by_role("link", name="Previous").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("§ 59998 TierSchG")
    page.get_by_role("navigation", name="Breadcrumb").get_by_role("link", name="Version 1").click()
    page.get_by_role("link", name="lines and reasons").click()
    expect(page.locator("tbody tr")).to_have_count(3)
    expect(page.locator("tbody")).to_contain_text("60,001")
    page.get_by_role("navigation", name="Breadcrumb").get_by_role("link", name="Reisegesetze").click()


def hold_the_first(page: Page, pattern: str | re.Pattern[str]) -> list[Route]:
    """Hold the first request of an address from now on; it is in the list once it is there."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route(pattern, hold)
    return held


def wait_until(page: Page, held: list[Route]) -> None:
    """Wait for the request that is held."""

    def asked() -> bool:
        page.wait_for_timeout(20)  # in which it is heard what the browser does
        return bool(held)

    until(asked, what="it is asked for")


def make_theme(page: Page) -> None:
    page.get_by_role("link", name="Create a theme").click()
    page.get_by_label("Name", exact=True).fill("Reisedatenschutz")
    page.wait_for_load_state()
    count = page.locator("[data-count]")
    matches = hold_the_first(page, re.compile(r":\d+/datasets/\d+/themes/preview/$"))
    page.get_by_label("Field").select_option("law")
    page.get_by_label("Value", exact=True).fill("bdsg")
    expect(count).to_have_text("15,000")
    wait_until(page, matches)  # which is let go with the next change, and nobody complains
    page.get_by_role("button", name="Condition", exact=True).click()
    page.get_by_label("How the conditions are joined").select_option("any")
    page.get_by_label("Field").nth(1).select_option("text")
    page.get_by_label("Value", exact=True).nth(1).fill("personenbezogene daten")
    expect(count).to_have_text("22,500")
    expect(page.locator(".cnt").nth(1)).to_contain_text("keeps 7,500 by itself")
    expect(page.locator("[data-matches] li").first).to_contain_text("BDSG")
    page.get_by_role("button", name="Create the theme").click()
    expect(page.locator("#num-samples")).to_have_text("22,500")


def make_token(page: Page) -> str:
    page.goto("/tokens/")
    page.get_by_label("Name").fill("journey")
    page.get_by_role("button", name="Create the token").click()
    secret = page.locator("#secret").inner_text()
    assert secret.startswith("thm_")
    page.get_by_role("link", name="Themes").first.click()
    page.get_by_role("link", name="Reisedatenschutz").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Reisedatenschutz")
    return secret


def stream_it(page: Page, token: str, server: Server) -> None:
    page.get_by_role("link", name="Stream", exact=True).last.click()
    expect(page.locator('[data-part="num_samples"]')).to_have_text("22,500")
    expect(page.locator('[data-part="lines"] pre').first).to_contain_text("Satz 1.")
    page.get_by_label("From date").fill("2025-01-01")
    expect(page.locator('[data-part="num_samples"]')).not_to_have_text("22,500")
    shown = int(page.locator('[data-part="num_samples"]').inner_text().replace(",", ""))
    command = page.locator("#stream-code pre").first.inner_text()
    body = json.loads(command.split("-d '")[1].rstrip("'"))
    assert body["theme"] == "Reisedatenschutz"
    with requests.post(
        f"{server.url}/api/export/jsonl_llm/stream",
        json=body,
        headers={"Authorization": f"Bearer {token}"},
        stream=True,
        timeout=PATIENCE,
    ) as answer:
        answer.raise_for_status()
        lines = [json.loads(line) for line in answer.iter_lines()]
    assert len(lines) == shown > 0
    assert all(
        "BDSG" in line["text"] or "Personenbezogene" in line["text"] or "Satz" in line["text"]
        for line in lines
    )


def delete(page: Page) -> None:
    page.goto("/datasets/")
    page.get_by_role("link", name="Reisegesetze").click()
    page.get_by_role("link", name="Edit").click()
    page.get_by_role("link", name="Delete").click()
    button = page.get_by_role("button", name="Delete the dataset")
    expect(button).to_be_disabled()
    page.wait_for_load_state()
    page.get_by_label("Type Reisegesetze to confirm").fill("Reisegesetze")
    button.click()
    expect(page.locator("#toasts")).to_contain_text("Reisegesetze is deleted")
    expect(page.locator("#datasets-table")).not_to_contain_text("Reisegesetze")


def test_an_upload_goes_on_where_the_connection_broke(logged_in: Page, corpus: Path) -> None:
    # On a busy machine the browser may let the requests of a page pass the route unseen; then nothing broke.
    tries = (upload_with_a_break(logged_in, f"Abgebrochen {number}", corpus) for number in range(3))
    sent = next(sent for sent in tries if len(sent) > 1)
    assert sent[1] == sent[2] == 8_000_000


def upload_with_a_break(page: Page, name: str, corpus: Path) -> list[int]:
    """Upload to a new dataset while the second part's connection breaks; the offsets of the parts that were sent."""
    page.goto("/datasets/new/")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Create the dataset").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    page.wait_for_load_state()
    sent: list[int] = []

    def break_the_second(route: Route) -> None:
        if route.request.method == "PATCH":
            sent.append(int(route.request.headers["upload-offset"]))
            if len(sent) == 2:
                route.abort("connectionreset")
                return
        route.continue_()

    page.route("**/api/v1/uploads/*/", break_the_second)
    page.locator("input[type=file]").set_input_files(corpus)
    expect(page.locator('[data-step="version"]')).to_contain_text("60,000 samples")
    page.unroute("**/api/v1/uploads/*/")
    return sent


def query_of(program: str) -> Any:
    """What a Python program calls QUERY."""
    found = (each for each in ast.parse(program).body if isinstance(each, ast.Assign))
    return next(ast.literal_eval(each.value) for each in found if ast.unparse(each.targets[0]) == "QUERY")


def test_a_mix_in_a_trainers_format_is_built_and_runs_as_it_says(logged_in: Page, server: Server) -> None:
    page = logged_in
    page.goto("/stream/?theme=1")
    page.get_by_label("Theme", exact=True).select_option("Datenschutz")
    page.get_by_role("button", name="Mix in another theme").click()
    page.get_by_label("Proportion", exact=True).first.fill("3")
    page.get_by_label("Format", exact=True).select_option("ShareGPT")
    expect(page.locator("[name=include_metadata]")).not_to_be_checked()
    page.get_by_label("Order", exact=True).select_option("shuffled")
    planned = hold_the_first(page, "**/api/export/jsonl_llm/stream")
    page.get_by_label("Leave out duplicates").check()
    wait_until(page, planned)
    page.get_by_text("JSON Schema for the output").click()
    page.get_by_label("JSON Schema", exact=True).fill('{"type":')
    expect(page.locator('[data-part="notes"]')).to_contain_text("The JSON Schema is no JSON")
    planned[0].continue_()
    page.wait_for_timeout(300)
    expect(page.locator('[data-part="notes"]')).to_contain_text("The JSON Schema is no JSON")
    page.get_by_label("JSON Schema", exact=True).fill('{"type": "string", "minLength": 200}')
    expect(page.locator('[data-part="notes"]')).to_contain_text("does not satisfy the schema")
    promised = page.locator('[data-part="mix"] tbody tr')
    expect(promised).to_have_count(2)
    expect(promised.first).to_contain_text("75.0 %")
    expect(page.locator('[data-part="lines"]')).to_contain_text('"conversations"')

    command, *programs, themis = page.locator("#stream-code pre").all_text_contents()
    body = json.loads(command[command.index("{") : command.rindex("}") + 1])
    assert json.loads(shlex.split(themis)[-1]) == body
    assert [query_of(program) for program in programs] == [body] * 3, "in Python, PyTorch and HuggingFace"
    token = {"Authorization": f"Bearer {server.token}"}
    response = requests.post(
        f"{server.url}/api/export/jsonl_llm/stream", headers=token, json=body, timeout=60
    )
    response.raise_for_status()
    lines = [json.loads(line) for line in response.iter_lines()]
    assert all(list(line) == ["conversations"] for line in lines)
    assert f"{len(lines):,}" == page.locator('[data-part="num_samples"]').inner_text()


def go(page: Page, key: str, heading: str) -> None:
    """Press `g` and a letter; again where a busy machine was so slow that the two do not belong together."""

    def there() -> bool:
        page.keyboard.press("g")
        page.keyboard.press(key)
        try:
            expect(page.get_by_role("heading", level=1)).to_have_text(heading, timeout=10_000)
        except AssertionError:
            return False
        return True

    until(there, what=f"g {key} leads to {heading}")
    page.wait_for_load_state()


def test_the_keyboard_goes_everywhere(logged_in: Page) -> None:
    page = logged_in
    page.keyboard.press("Control+k")
    page.get_by_label("Go to", exact=True).fill("rechtskorpus")
    expect(page.get_by_role("option").first).to_contain_text("Rechtskorpus (Demo)")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Rechtskorpus (Demo)")
    page.wait_for_load_state()
    go(page, "j", "Jobs")
    page.keyboard.press("j")
    expect(page.locator("tr[aria-selected=true]")).to_have_count(1)
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keyboard")).to_be_visible()
    page.keyboard.press("Escape")
    go(page, "d", "Datasets")
    page.keyboard.press("/")
    expect(page.get_by_label("Search datasets by name")).to_be_focused()


def test_colours_are_kept_and_there_before_the_first_paint(logged_in: Page) -> None:
    page = logged_in
    page.get_by_role("button", name="Dark").click()
    page.goto("/jobs/", wait_until="commit")
    expect(page.locator("html")).to_have_attribute("data-theme", "themis-dark")
    page.wait_for_load_state()
    page.get_by_role("button", name="Light").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "themis-light")


TOLD = """() => document.body.addEventListener("themis:dataset", ({detail}) => { window.told = detail.data.name; })"""


def test_what_happens_while_a_part_of_the_page_is_fetched_is_shown(logged_in: Page, server: Server) -> None:
    """The part takes its own place with an answer of before, and what has told it of news is told once more."""
    page = logged_in
    expect(page.locator("#live")).to_have_attribute("data-state", "on")

    def make(name: str) -> None:
        token = {"Authorization": f"Bearer {server.token}"}
        answer = requests.post(
            f"{server.url}/api/v1/datasets/", json={"name": name}, headers=token, timeout=PATIENCE
        )
        assert answer.status_code == 201, answer.text

    page.evaluate(TOLD)
    held = hold_the_first(page, f"{server.url}/")
    make("Davor")
    wait_until(page, held)
    answer = held[0].fetch()
    make("Dazwischen")
    page.wait_for_function("() => window.told === 'Dazwischen'")
    assert "Dazwischen" not in answer.text()
    held[0].fulfill(response=answer)
    expect(page.locator("#overview")).to_contain_text("Dazwischen")


# Once what watches the sizes of charts has had its turn.
TOO_WIDE = """() => new Promise((answer) => requestAnimationFrame(() => requestAnimationFrame(
    () => answer(document.documentElement.scrollWidth - innerWidth))))"""


def test_no_page_is_wider_than_its_window(logged_in: Page) -> None:
    """As it opens on a telephone, in wider windows, and in one that was made narrow again."""
    page = logged_in
    for path in ("/", "/datasets/", "/datasets/1/", "/datasets/1/upload/", "/versions/1/", "/versions/1/samples/0/",
                 "/versions/1/rejects/", "/themes/", "/themes/1/", "/themes/1/edit/", "/stream/", "/jobs/", "/jobs/1/",
                 "/tokens/", "/users/", "/datasets/new/", "/datasets/1/delete/"):  # fmt: skip
        page.set_viewport_size({"width": 390, "height": 900})
        page.goto(path)
        page.wait_for_load_state("networkidle")
        for width in (390, 768, 1440, 2560, 390):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate(TOO_WIDE) <= 0, (path, width)
