import math
import socket

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F

import pixmend as pm
from pixmend.train.objectives.tokens import between_pictures, supervised


def some_tokens(*size, seed=0):
    return torch.randn(size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def cosine(a, b):
    return F.cosine_similarity(a, b, dim=0)


def between_pictures_as_written(f):
    """The paper's equation, sum by sum."""
    pictures, places, _ = f.shape
    total = f.new_zeros(())
    for j in range(pictures):
        for i1 in range(places):
            for i2 in range(places):
                others = sum(torch.exp(cosine(f[j, i1], f[k, i2])) for k in range(pictures) if k != j)
                total = total - torch.log(torch.exp(cosine(f[j, i1], f[j, i2])) / others)
    return total / (pictures * places**2)


def supervised_as_written(f, temperature):
    """Equation 2 of the paper, sum by sum; a class is a picture."""
    pictures, places, _ = f.shape
    tokens = [(j, f[j, i]) for j in range(pictures) for i in range(places)]
    total = f.new_zeros(())
    for a, (j, anchor) in enumerate(tokens):
        rest = [(k, torch.exp(cosine(anchor, b) / temperature)) for p, (k, b) in enumerate(tokens) if p != a]
        whole = sum(value for _, value in rest)
        total = total - sum(torch.log(value / whole) for k, value in rest if k == j) / (places - 1)
    return total / (pictures * places)


CONTRASTS = {
    "paper": (between_pictures, between_pictures_as_written),
    "supervised": (
        lambda f, **how: supervised(f, temperature=0.07, **how),
        lambda f: supervised_as_written(f, 0.07),
    ),
}


@pytest.fixture(params=CONTRASTS)
def contrast(request):
    return CONTRASTS[request.param]


def slope(loss, tokens):
    (found,) = torch.autograd.grad(loss(tokens), tokens)
    return found


@pytest.mark.parametrize("size", [(2, 3, 4), (4, 3, 5), (3, 2, 1)])
def test_a_contrastive_loss_is_what_its_paper_sums(contrast, size):
    loss, as_written = contrast
    tokens = some_tokens(*size)
    torch.testing.assert_close(loss(tokens), as_written(tokens), rtol=1e-12, atol=1e-12)


def test_a_contrastive_loss_has_the_gradient_of_what_its_paper_sums(contrast):
    loss, as_written = contrast
    tokens = some_tokens(3, 4, 5)
    torch.testing.assert_close(slope(loss, tokens), slope(as_written, tokens), rtol=1e-10, atol=1e-12)
    assert torch.autograd.gradcheck(loss, tokens)


@pytest.mark.parametrize("chunk", [1, 40, 77, 10**9])
def test_a_contrastive_loss_does_not_depend_on_its_chunks(contrast, chunk):
    loss, _ = contrast
    tokens = some_tokens(4, 5, 6)
    torch.testing.assert_close(loss(tokens, chunk=chunk), loss(tokens), rtol=1e-12, atol=1e-12)
    by_chunks = slope(lambda f: loss(f, chunk=chunk), tokens)
    torch.testing.assert_close(by_chunks, slope(loss, tokens), rtol=1e-10, atol=1e-13)


def test_a_contrastive_loss_never_holds_all_similarities(contrast):
    loss, _ = contrast
    largest = []

    class Sizes(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, op, types, args=(), kwargs=None):
            found = op(*args, **(kwargs or {}))
            largest.append(found.numel() if isinstance(found, torch.Tensor) else 0)
            return found

    tokens = some_tokens(8, 16, 4)
    with Sizes():
        loss(tokens, chunk=1024).backward()
    assert max(largest) == 1024
    assert (8 * 16) ** 2 == 16 * 1024


def test_a_contrastive_loss_does_not_see_how_long_tokens_are(contrast):
    loss, _ = contrast
    tokens = some_tokens(3, 4, 5)
    lengths = torch.rand(3, 4, 1, dtype=torch.float64) + 0.5
    torch.testing.assert_close(loss(tokens * lengths), loss(tokens))


def test_tokens_all_alike_have_the_logarithm_of_the_number_of_others():
    alike = torch.ones(5, 4, 3, dtype=torch.float64)
    assert float(between_pictures(alike)) == pytest.approx(math.log(5 - 1))
    assert float(supervised(alike, temperature=0.07)) == pytest.approx(math.log(5 * 4 - 1))


def test_nothing_lies_below_pictures_that_are_as_far_apart_as_they_can_be():
    apart = torch.eye(4, dtype=torch.float64) - 1 / 4
    least = float(between_pictures(apart[:, None].expand(-1, 3, -1)))
    assert least == pytest.approx(math.log(4 - 1) - 1 - 1 / (4 - 1))
    assert all(float(between_pictures(some_tokens(4, 3, 4, seed=seed).detach())) > least for seed in range(20))


def test_a_step_against_the_gradient_lowers_a_contrastive_loss(contrast):
    loss, _ = contrast
    tokens = some_tokens(4, 5, 6)
    assert loss(tokens - 0.1 * slope(loss, tokens)) < loss(tokens)


def test_the_paper_needs_a_second_picture():
    with pytest.raises(
        pm.PixmendError, match="data.batch: expected 2 or more pictures for the contrastive loss, got 1"
    ):
        between_pictures(torch.rand(1, 4, 3))


def test_the_supervised_form_needs_a_second_token():
    with pytest.raises(pm.PixmendError, match="model.size: expected more than one patch for the contrastive loss"):
        supervised(torch.rand(4, 1, 3), temperature=0.07)


def _one_of_two(rank, port, queue):
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    for loss, _ in CONTRASTS.values():
        tokens = some_tokens(4, 3, 5)[2 * rank :][:2].detach().requires_grad_()
        value = loss(tokens)
        value.backward()
        queue.put((rank, float(value), tokens.grad.tolist()))
    dist.destroy_process_group()


def test_two_processes_compare_the_tokens_of_both():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    queue = mp.get_context("spawn").SimpleQueue()
    mp.spawn(_one_of_two, (port, queue), nprocs=2)
    found = sorted((queue.get() for _ in range(4)), key=lambda result: result[0])
    for (loss, _), here, there in zip(CONTRASTS.values(), found[:2], found[2:], strict=True):
        tokens = some_tokens(4, 3, 5)
        assert (here[1] + there[1]) / 2 == pytest.approx(float(loss(tokens).detach()), rel=1e-12)
        # Gradients are averaged over processes, so what each finds for its own tokens is twice their part.
        both = torch.tensor(here[2] + there[2], dtype=torch.float64) / 2
        torch.testing.assert_close(both, slope(loss, tokens), rtol=1e-10, atol=1e-13)
