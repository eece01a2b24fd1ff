"""Feedback out of a training loop: tensors of losses lead to the difficulty of the samples they were of."""

import torch
from torch.utils.data import DataLoader

from tests_client.conftest import Live, wait_for
from themisdb_datasets import Client, ThemisDBStreamDataset


def test_losses_of_batches_are_those_of_their_samples_in_every_epoch(live: Live) -> None:
    query = {"theme": live.themes[0], "format": "raw", "order": "shuffled", "seed": 3}
    dataset = ThemisDBStreamDataset(live.url, live.token, query, cursors=True, run="tensors")
    dataset.cache_enabled = True
    # How long a text is stands for how hard it is.
    for epoch in range(3):
        dataset.set_epoch(epoch)
        for batch in DataLoader(dataset, batch_size=8):
            losses = torch.tensor([len(text) / 100 for text in batch["question"]], requires_grad=True)
            dataset.feedback(batch["cursor"], losses)
    dataset.feedback.close()
    assert dataset.feedback.num_told == 3 * len(dataset)
    with Client(live.url, live.token) as client:
        (run,) = client.pages("feedback/", name="tensors")
        job = client.post(f"{run['url']}difficulty/")["job"]["url"]
        wait_for(lambda: client.get(job)["state"] == "succeeded")
        answer = client.get(f"{run['url']}difficulty/", length=1)
        assert answer["difficulty"]["num_samples"] == len(dataset)
        longest = max(len(sample["question"]) for sample in dataset)
        (hardest,) = answer["results"]
        assert (hardest["num"], round(100 * hardest["difficulty"])) == (3, longest)


def test_a_spawned_worker_has_no_part_of_the_feedback(live: Live) -> None:
    query = {"theme": live.themes[0], "format": "raw"}
    dataset = ThemisDBStreamDataset(live.url, live.token, query, cursors=True, run="spawned")
    for batch in DataLoader(dataset, batch_size=8, num_workers=1, multiprocessing_context="spawn"):
        dataset.feedback(batch["cursor"], torch.ones(len(batch["cursor"]), dtype=torch.bfloat16))
    dataset.feedback.close()
    assert dataset.feedback.num_told == len(dataset)
