"""Chains to text and back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmend.degrade import (
    BSRGAN,
    JPEG,
    RAIN_HEAVY,
    RAIN_LIGHT,
    Bicubic,
    Chain,
    Choice,
    ColourNoise,
    Decimate,
    EllipticBlur,
    GaussianBlur,
    GaussianNoise,
    PoissonNoise,
    RainStreaks,
    RealESRGAN,
    ResizeTo,
    Round8,
    Sharpen,
    Sinc,
    TorchResize,
    chain_text,
    multiple,
    parse_chain,
)
from pixmend.errors import PixmendError

ranges = st.tuples(st.floats(1, 2), st.floats(2, 3))
steps = st.one_of(
    st.builds(Bicubic, scale=st.integers(1, 8)),
    st.just(Round8()),
    st.builds(TorchResize, factor=st.floats(1e-3, 9), mode=st.sampled_from(["nearest", "area", "bicubic"])),
    st.builds(GaussianBlur, sigma=st.floats(1e-9, 0.4), size=st.sampled_from([1, 7, 21])),
    st.builds(
        ResizeTo, height=st.integers(1, 99), width=st.integers(1, 99), mode=st.sampled_from(["area", "bilinear"])
    ),
    st.builds(Decimate, scale=st.integers(1, 4), sigma=st.floats(0.1, 9)),
    st.builds(
        EllipticBlur,
        sigma=st.tuples(st.floats(0.1, 9), st.floats(0.1, 9)),
        angle=st.floats(-180, 180),
        shape=st.sampled_from(["gaussian", "plateau"]),
        beta=st.floats(0.5, 4),
        size=st.sampled_from([7, 21]),
    ),
    st.builds(Sinc, cutoff=st.floats(0.1, 3), size=st.sampled_from([7, 21])),
    st.builds(Sharpen, amount=st.floats(0, 3), threshold=st.floats(0, 50)),
    st.builds(GaussianNoise, sigma=st.floats(0, 255), clip=st.booleans(), grey=st.booleans()),
    st.just(ColourNoise(covariance=((4.0, 1.5, 0.0), (1.5, 4.0, 0.0), (0.0, 0.0, 1.0)), clip=True)),
    st.builds(PoissonNoise, scale=st.floats(0, 3), clip=st.booleans(), grey=st.booleans()),
    st.builds(RealESRGAN, scale=st.integers(1, 4)),
    st.builds(BSRGAN, scale=st.integers(1, 4)),
    st.builds(JPEG, quality=st.integers(1, 100), subsampling=st.sampled_from(["4:2:0", "4:4:4"])),
    st.sampled_from([RAIN_LIGHT, RAIN_HEAVY]),
    st.builds(
        RainStreaks, density=ranges, length=ranges, angle=ranges, thickness=ranges, intensity=st.just((0.0, 1.0))
    ),
)


def choice(options: list, weighted: bool) -> Choice:
    return Choice(*options, weights=[i + 0.5 for i in range(len(options))] if weighted else None)


nested = st.recursive(
    steps,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda some: Chain(*some)),
        st.builds(choice, st.lists(inner, min_size=1, max_size=3), st.booleans()),
    ),
    max_leaves=8,
)


@given(st.lists(nested, min_size=1, max_size=4).map(lambda some: Chain(*some)))
@settings(max_examples=150, deadline=None)
def test_every_chain_is_read_back_from_its_text(chain: Chain) -> None:
    assert parse_chain(chain_text(chain)) == chain


def test_text_names_every_field() -> None:
    text = (
        "bicubic(scale=4), gaussian_noise(sigma=10, clip=False, grey=False), "
        'jpeg(quality=40, subsampling="4:2:0"), elliptic_blur(sigma=(2, 1), angle=30, shape=gaussian, beta=1, size=7)'
    )
    blur = EllipticBlur(sigma=(2, 1), angle=30, size=7)
    assert chain_text(Chain(Bicubic(scale=4), GaussianNoise(sigma=10), JPEG(quality=40), blur)) == text


def test_brackets_and_quotes_may_be_left_out_and_lines_broken() -> None:
    read = parse_chain("torch_resize(factor=.25, mode=bicubic),\n  rain_light,\n  round8")
    assert read == Chain(TorchResize(factor=0.25, mode="bicubic"), RAIN_LIGHT, Round8())


def test_a_choice_divides_its_options_by_bars_and_may_weigh_them() -> None:
    read = parse_chain("choice(jpeg(quality=10) | chain(round8, rain_heavy) | round8, weights=(1, 2, 0.5))")
    options = (JPEG(quality=10), Chain(Round8(), RAIN_HEAVY), Round8())
    assert read == Chain(Choice(*options, weights=(1, 2, 0.5)))


def test_a_single_step_is_a_chain_of_one() -> None:
    assert parse_chain("round8()") == Chain(Round8())
    assert chain_text(Round8()) == "round8()"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("jpeg(qualty=40)", "jpeg.qualty: JPEG has no field 'qualty': did you mean quality?"),
        ("jpg(quality=40)", "chain: no step is called 'jpg': did you mean jpeg?"),
        ("gausian_noise(sigma=1)", "did you mean gaussian_noise?"),
        ("jpeg(40)", "jpeg: expected FIELD=VALUE, got '40'"),
        ("jpeg()", "jpeg: needs quality"),
        ("torch_resize", "torch_resize: needs factor and mode"),
        ("jpeg(quality=40.5)", "jpeg.quality: Input should be a valid integer"),
        ("elliptic_blur(sigma=2)", "elliptic_blur.sigma: Input should be a valid tuple"),
        ("real_esrgan", "real_esrgan: needs scale"),
        ("bsrgan(scale=0)", "BSRGAN: expected a whole scale of 1 or more, got 0"),
        ("jpeg(quality=400)", "JPEG: expected a whole quality of 1 to 100, got 400"),
        ("jpeg(quality=4, quality=5)", "jpeg: expected every FIELD=VALUE once"),
        ("jpeg(quality=40, subsampling='4:2:2')", "jpeg.subsampling: Input should be '4:2:0' or '4:4:4'"),
        ("jpeg(quality=open('x'))", "jpeg.quality: expected a plain value"),
        ("rain_light(density=3)", "rain_light: expected no fields"),
        ("choice(round8, round8)", "choice: expected options divided by |"),
        ("choice(round8 | round8, weights=3)", "choice.weights: expected numbers in brackets"),
        ("choice(round8 | round8, weight=(1, 2))", "choice.weight: there is only weights"),
        ("choice()", "Choice: expected one option or more"),
        ("chain(scale=2)", "chain: expected steps only"),
        ("jpeg(quality=40", "was never closed"),
        ("round8 | round8", "chain: expected a step such as"),
        ("__import__('os').getcwd()", "chain: expected a step such as"),
        ("(lambda: 1)()", "chain: expected a step such as"),
        ("", "chain: expected 1 to 10000 characters"),
        ("r" * 20_000, "chain: expected 1 to 10000 characters"),
        ("-" * 9_000 + "1", "too deeply nested"),
        ("\0", "chain: "),
    ],
)
def test_text_that_is_no_chain_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(PixmendError) as error:
        parse_chain(text)
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("round8, jpeg(quality=3)", 1),
        ("bicubic(scale=4), round8", 4),
        ("bicubic(scale=2), bicubic(scale=3)", 6),
        ("choice(bicubic(scale=2) | bicubic(scale=3)), bicubic(scale=4)", 24),
        ("torch_resize(factor=0.25, mode=area)", 4),
        ("torch_resize(factor=0.3333333333333333, mode=area)", 3),
        ("torch_resize(factor=2, mode=area), bicubic(scale=2)", 2),
        ("torch_resize(factor=0.4, mode=area)", 1),
        ("sharpen, real_esrgan(scale=4)", 4),
        ("choice(real_esrgan(scale=2) | bsrgan(scale=2))", 2),
        ("decimate(scale=3, sigma=1)", 3),
    ],
)
def test_sides_must_be_multiples_of_what_the_steps_divide_by(text: str, expected: int) -> None:
    assert multiple(parse_chain(text)) == expected
