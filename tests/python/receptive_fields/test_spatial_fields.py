"""Derivatives of affine Gaussians: against numerical derivatives of the bivariate normal, and their symmetries."""

import mpmath
import numpy as np
import pytest

import evsim
from evsim import errors
from evsim.receptive_fields import spatial_bank, spatial_receptive_field

MP = mpmath.mp.clone()
MP.dps = 40


def oracle(size, scale, angle, ratio, x, y, dx, dy):
    """The bivariate normal by its covariance matrix, derived numerically along both directions."""
    phi = MP.mpf(angle) * MP.pi / 180
    turn = MP.matrix([[MP.cos(phi), -MP.sin(phi)], [MP.sin(phi), MP.cos(phi)]])
    covariance = scale * turn * MP.diag([MP.mpf(ratio) ** 2, MP.mpf(ratio) ** -2]) * turn.T
    inverse = covariance**-1

    def normal(right, down):
        offset = MP.matrix([right - x, down - y])
        return MP.exp(-(offset.T * inverse * offset)[0] / 2)

    def derived(right, down):
        def along(u, v):
            step = turn * MP.matrix([u, v])
            return normal(right + step[0], down + step[1])

        return MP.diff(along, (0, 0), (dx, dy)) if dx + dy else normal(right, down)

    offsets = [MP.mpf(k) - MP.mpf(size - 1) / 2 for k in range(size)]
    total = sum(normal(right, down) for down in offsets for right in offsets)
    factor = MP.sqrt(scale) ** (dx + dy) / total
    return np.array([[float(factor * derived(right, down)) for right in offsets] for down in offsets])


@pytest.mark.parametrize(
    "parameters",
    [
        (2.0, 0.0, 1.0, 0.0, 0.0, 0, 0),
        (2.0, 30.0, 1.5, 0.0, 0.0, 1, 0),
        (0.8, -75.0, 0.6, 0.5, -1.0, 0, 1),
        (3.0, 200.0, 1.3, -0.7, 0.2, 2, 1),
        (1.5, 10.0, 2.0, 0.0, 1.0, 0, 3),
        (4.0, 45.0, 1.2, 0.3, 0.3, 4, 2),
    ],
)
def test_kernels_are_derivatives_of_the_normal_distribution(parameters):
    named = dict(zip(("scale", "angle", "ratio", "x", "y", "dx", "dy"), parameters, strict=True))
    found, expected = spatial_receptive_field(5, **named), oracle(5, *parameters)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12 * np.abs(expected).max())


def test_finite_differences_tend_to_these_and_are_not_these():
    """Negative control: what Norse computes, one pixel wide, must not pass the check above."""

    def error(step):
        domain = 6.0
        size = round(2 * domain / step) + 1
        smooth = spatial_receptive_field(size, scale=2.0, domain=domain)
        edge = spatial_receptive_field(size, scale=2.0, dx=1, domain=domain)
        differences = np.sqrt(2.0) * np.gradient(smooth, step, axis=1)
        return np.abs(differences - edge)[1:-1, 1:-1].max() / np.abs(edge).max()

    assert error(1.0) > 0.1
    assert error(0.25) < error(0.5) / 3.5 < error(1.0) / 10


def test_a_gaussian_sums_to_one_and_its_derivatives_to_zero():
    assert spatial_receptive_field(31, scale=4.0, angle=20.0, ratio=1.4).sum() == pytest.approx(1.0, rel=1e-14)
    for orders in ((1, 0), (0, 1), (2, 0), (1, 1), (0, 3)):
        kernel = spatial_receptive_field(31, scale=4.0, angle=20.0, ratio=1.2, dx=orders[0], dy=orders[1])
        assert abs(kernel.sum()) < 1e-8
        assert np.abs(kernel).sum() > 0.5


@pytest.mark.parametrize("orders", [(0, 0), (1, 0), (2, 1)])
def test_a_field_of_another_scale_has_the_same_weights_further_apart(orders):
    dx, dy = orders
    near = spatial_receptive_field(15, scale=1.5, angle=33.0, ratio=1.2, x=0.4, dx=dx, dy=dy, domain=7.0)
    far = spatial_receptive_field(15, scale=1.5 * 9, angle=33.0, ratio=1.2, x=3 * 0.4, dx=dx, dy=dy, domain=21.0)
    np.testing.assert_allclose(far, near, rtol=1e-12, atol=1e-15)


def test_the_two_directions_are_one_idea():
    """The derivative across a field is that along the field turned by 90 degrees, whose ratio is the inverse."""
    across = spatial_receptive_field(9, scale=3.0, angle=25.0, ratio=1.5, dx=1, dy=2)
    along = spatial_receptive_field(9, scale=3.0, angle=25.0 + 90.0, ratio=1 / 1.5, dx=2, dy=1)
    np.testing.assert_allclose(across, -along, rtol=1e-10, atol=1e-14)


def test_angles_turn_the_kernel_from_x_towards_y():
    flat = spatial_receptive_field(9, scale=2.0, ratio=1.5, dx=1)
    upright = spatial_receptive_field(9, scale=2.0, angle=90.0, ratio=1.5, dx=1)
    np.testing.assert_allclose(upright, np.rot90(flat, -1), atol=1e-15)
    np.testing.assert_allclose(upright[::-1], -upright, atol=1e-15)
    long = spatial_receptive_field(9, ratio=2.0)
    assert long[4, 7] > long[7, 4]
    falling = spatial_receptive_field(9, angle=45.0, ratio=2.0)
    assert falling[6, 6] > falling[2, 6]


def test_x_goes_to_the_right_and_y_down():
    kernel = spatial_receptive_field(9, scale=1.0, x=2.0, y=-1.0)
    assert np.unravel_index(kernel.argmax(), kernel.shape) == (3, 6)


def test_a_domain_sets_the_distance_of_points():
    np.testing.assert_array_equal(spatial_receptive_field(9, domain=4.0), spatial_receptive_field(9))
    wide = spatial_receptive_field(17, scale=1.0, domain=8.0)
    fine = spatial_receptive_field(33, scale=1.0, domain=8.0)
    np.testing.assert_allclose(fine[::2, ::2] / fine[16, 16], wide / wide[8, 8], rtol=1e-12)
    assert spatial_receptive_field(1, domain=8.0).tolist() == [[1.0]]
    two = spatial_receptive_field(2, scale=3.0, x=0.5, domain=2.0)
    assert two[0, 1] / two[0, 0] == pytest.approx(np.exp((2.5**2 - 1.5**2) / 6.0))


def test_a_bank_is_its_rows():
    rows = [(2.0, 0.0, 1.0, 0.0, 0.0, 0, 0), (1.0, 45.0, 2.0, 0.5, 1.0, 1, 2)]
    bank = spatial_bank(rows, 7, domain=5.0)
    assert bank.shape == (2, 7, 7)
    for kernel, (scale, angle, ratio, x, y, dx, dy) in zip(bank, rows, strict=True):
        alone = spatial_receptive_field(7, scale=scale, angle=angle, ratio=ratio, x=x, y=y, dx=dx, dy=dy, domain=5.0)
        np.testing.assert_array_equal(kernel, alone)


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_a_bank_as_weights_tells_orientations_apart(turn):
    """A line drives the second derivative across it most."""
    angles = (0.0, 45.0, 90.0, 135.0)
    bank = spatial_bank([(2.0, angle, 1.6, 0.0, 0.0, 0, 2) for angle in angles], 11)
    net = evsim.SpikingNetwork(dtype="float64")
    layer = net.add_layer(
        evsim.Conv2d(4, 11, in_shape=(1, 11, 11), weights=-bank[:, np.newaxis]), evsim.LI(tau_mem=20.0, tau_syn=5.0)
    )
    k = np.arange(-4, 5)
    direction = [(0, 1), (1, 1), (1, 0), (1, -1)][turn]  # rows and columns along the line
    net.infer(np.sort((5 + direction[0] * k) * 11 + 5 + direction[1] * k), np.zeros(9))
    answers = layer.maximum.reshape(4)
    assert answers.argmax() == turn
    assert answers[turn] > 2 * np.partition(answers, -2)[-2]


@pytest.mark.parametrize(
    ("options", "error", "name"),
    [
        ({"size": 0}, errors.InvalidArgumentError, "size"),
        ({"size": 2**31 - 1}, errors.MemoryLimitError, "4096 rows"),
        ({"size": 3.0}, errors.DTypeError, "size"),
        ({"scale": 0.0}, errors.InvalidArgumentError, "scale"),
        ({"scale": np.nan}, errors.NonFiniteError, "scale"),
        ({"ratio": -1.0}, errors.InvalidArgumentError, "ratio"),
        ({"angle": np.inf}, errors.NonFiniteError, "angle"),
        ({"x": "0"}, errors.DTypeError, "x must"),
        ({"dx": -1}, errors.InvalidArgumentError, "dx"),
        ({"dy": 17}, errors.InvalidArgumentError, "dy"),
        ({"dx": 0.5}, errors.DTypeError, "dx"),
        ({"domain": 0.0}, errors.InvalidArgumentError, "domain"),
        ({"x": 1e6}, errors.InvalidArgumentError, "0 at all points"),
        ({"scale": 1e-320}, None, ""),
        ({"size": 4, "scale": 1e-4}, errors.InvalidArgumentError, "0 at all points"),
        ({"ratio": 1e-200, "dx": 16}, errors.InvalidArgumentError, "beyond the largest"),
        ({"ratio": 1e200, "dy": 3}, errors.InvalidArgumentError, "beyond the largest"),
    ],
)
def test_parameters_outside_their_domain_are_refused(options, error, name):
    if error is None:
        assert np.isfinite(spatial_receptive_field(**({"size": 5} | options))).all()
        return
    with pytest.raises(error, match=name):
        spatial_receptive_field(**({"size": 5} | options))


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        (np.ones(7), errors.ShapeMismatchError, r"\(n, 7\)"),
        (np.ones((2, 6)), errors.ShapeMismatchError, r"\(n, 7\)"),
        (np.ones((0, 7)), errors.ShapeMismatchError, r"\(n, 7\)"),
        ([["a"] * 7], errors.DTypeError, "real numbers"),
        ([[1, 0, 1, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0, 0]], errors.InvalidArgumentError, "row 1.*scale"),
        ([[1, 0, 1, 0, 0, 0.5, 0]], errors.DTypeError, "row 0.*dx"),
        ([[1, np.nan, 1, 0, 0, 0, 0]], errors.NonFiniteError, "row 0.*angle"),
        ([[1, 0, 1, 0, 0, np.inf, 0]], errors.EvsimError, "row 0.*dx"),
    ],
)
def test_what_is_no_table_of_fields_is_refused(rows, error, message):
    with pytest.raises(error, match=message):
        spatial_bank(rows, 5)
