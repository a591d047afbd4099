// The search for the first crossing of linear neurons against one in double-double that shares nothing with it: over
// random intervals between events, half of them with the threshold at a maximum of the potential to within 1e-1 to
// 1e-16.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include <evsim/neuron/linear_flow.h>

#include "linear_circuits.hpp"
#include "wide_flow.hpp"

namespace evsim {
namespace {

struct Tally {
    long intervals = 0, grazing = 0, crossings = 0, missed = 0, invented = 0, early = 0, late = 0, undecidable = 0,
         sharp = 0;
    double worst = 0.0, slowest = 0.0;

    long faults() const { return missed + invented + early + late; }
    Tally& operator+=(const Tally& b) {
        intervals += b.intervals, grazing += b.grazing, crossings += b.crossings, missed += b.missed;
        invented += b.invented, early += b.early, late += b.late, undecidable += b.undecidable, sharp += b.sharp;
        worst = std::max(worst, b.worst), slowest = std::max(slowest, b.slowest);
        return *this;
    }
    void print(const char* what) const {
        std::printf(
            "%s: %ld intervals, %ld near-grazing, %ld crossings (%ld defined to 1e-12 membrane time constants, "
            "worst error %.2g of them); missed %ld, invented %ld, early %ld, late %ld; undecidable %ld; slowest "
            "%.2g ms\n",
            what, intervals, grazing, crossings, sharp, worst * 1e-12, missed, invented, early, late, undecidable,
            slowest * 1e3);
    }
};

/// Rounding errors of the potential that are allowed after so many steps, in units of the last place of what it is a
/// sum of. Every step rounds anew, so that they grow as a random walk does.
inline double roundings(double steps) { return 16.0 + 2.0 * std::sqrt(steps); }

/// A state at an input event, the time to the next one, and a threshold.
template <int N>
struct Interval {
    std::vector<wide::State<N>> path;
    Row<N> x;
    double horizon, scale, threshold;
    bool grazing = false;

    Interval(const Circuit<N>& circuit, const wide::Flow<N>& exact, bool graze, Random& random) {
        std::vector<wide::Number> maxima;
        for (int trial = 0; trial < 10 && maxima.empty(); ++trial) {
            wide::State<N> start{};
            for (int j = 0; j < circuit.size; ++j) {
                x.at[j] = std::normal_distribution<double>()(random) * log_uniform(random, -1.0, 1.0);
                if (uniform(random, 0.0, 1.0) < 0.15) x.at[j] = 0.0;
                start.at[j] = x.at[j];
            }
            const double longest = circuit.membrane * log_uniform(random, graze ? -1.0 : -3.0, 1.3);
            horizon = std::min(longest, 150.0 * circuit.fastest);
            path = exact.path(start, horizon);
            if (!graze) break;
            maxima = exact.maxima(path, horizon);
        }
        scale = 0.0;
        for (const auto& state : path) {
            double sum = 0.0;
            for (int j = 0; j < N; ++j) {
                const double ceiling =
                    circuit.ceiling[j] < 1e30 ? circuit.ceiling[j] : 1.0 + horizon / circuit.membrane;
                sum += ceiling * std::fabs(static_cast<double>(state.at[j]));
            }
            scale = std::max(scale, sum);
        }
        threshold = scale * log_uniform(random, -3.0, 0.0);
        grazing = !maxima.empty();
        if (!grazing) return;
        const double maximum = static_cast<double>(maxima[random() % maxima.size()]);
        threshold = maximum * (1.0 + (random() % 2 ? 1.0 : -1.0) * log_uniform(random, -16.0, -1.0));
    }
};

template <int N>
void check_interval(const Circuit<N>& circuit, const wide::Flow<N>& exact, const LinearCrossing<N>& crossing,
                    Random& random, Tally& tally) {
    const Interval<N> interval(circuit, exact, tally.intervals % 2 == 0, random);
    const double horizon = interval.horizon, threshold = interval.threshold;
    tally.grazing += interval.grazing;
    ++tally.intervals;
    const auto begin = std::chrono::steady_clock::now();
    const double found = crossing.first(interval.x, threshold, horizon);
    tally.slowest =
        std::max(tally.slowest, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    const bool crosses = found <= horizon;
    const double allowed = roundings(horizon / crossing.flow.unit) * 0x1p-53 * interval.scale,
                 tick = 4.0 * 0x1p-53 * horizon;
    const double soonest = static_cast<double>(exact.first(interval.path, horizon, threshold - allowed)),
                 latest = static_cast<double>(exact.first(interval.path, horizon, threshold + allowed));
    tally.crossings += crosses;
    if (latest < 0.0 && soonest >= 0.0) ++tally.undecidable;
    if (latest >= 0.0 && latest < horizon - tick && !crosses) ++tally.missed;
    if (soonest < 0.0 && crosses) ++tally.invented;
    if (crosses && soonest >= 0.0 && found < soonest - tick) ++tally.early;
    if (crosses && latest >= 0.0 && found > latest + tick) ++tally.late;
    if (crosses && latest >= 0.0 && latest - soonest < 1e-12 * circuit.membrane) {
        ++tally.sharp;
        const double truth = static_cast<double>(exact.first(interval.path, horizon, threshold));
        tally.worst = std::max(tally.worst, (std::fabs(found - truth) - tick) / (1e-12 * circuit.membrane));
    }
}

template <int N>
Tally campaign(CircuitKind kind, std::uint64_t seed, long intervals) {
    Random random(seed * 1000 + static_cast<std::uint64_t>(kind) * 10 + N);
    Tally tally;
    while (tally.intervals < intervals) {
        const Circuit<N> circuit(kind, random);
        const wide::Flow<N> exact(circuit.a, circuit.c);
        const LinearFlow<N> flow(&circuit.a[0][0]);
        const LinearCrossing<N> crossing(flow, circuit.c, circuit.ceiling);
        for (int k = 0; k < 100; ++k) check_interval(circuit, exact, crossing, random, tally);
    }
    return tally;
}

/// How many intervals of every kind: EVSIM_LINEAR_INTERVALS for the long run of the night.
long intervals_of_a_kind() {
    const char* const wanted = std::getenv("EVSIM_LINEAR_INTERVALS");
    return wanted ? std::atol(wanted) : 500;
}

template <int N>
void run(CircuitKind kind, const char* name) {
    const char* const seed = std::getenv("EVSIM_LINEAR_SEED");
    const Tally tally = campaign<N>(kind, seed ? std::strtoul(seed, nullptr, 10) : 1, intervals_of_a_kind());
    tally.print(name);
    EXPECT_EQ(tally.missed, 0);
    EXPECT_EQ(tally.invented, 0);
    EXPECT_EQ(tally.early, 0);
    EXPECT_EQ(tally.late, 0);
    EXPECT_LT(tally.worst, 1.0);
    EXPECT_GT(tally.grazing, tally.intervals / 10);
    EXPECT_GT(tally.crossings, tally.intervals / 8);
    EXPECT_LT(tally.undecidable, tally.intervals / 8);
}

TEST(LinearCrossing, Exponential) { run<3>(CircuitKind::exponential, "exponential"); }
TEST(LinearCrossing, Alpha) { run<3>(CircuitKind::alpha, "alpha"); }
TEST(LinearCrossing, DoubleExponential) { run<3>(CircuitKind::double_exponential, "double exponential"); }
TEST(LinearCrossing, AdaptingThreshold) { run<3>(CircuitKind::alif, "adapting threshold"); }
TEST(LinearCrossing, WithoutLeak) { run<3>(CircuitKind::integrator, "without leak, driven"); }
TEST(LinearCrossing, Resonator) { run<3>(CircuitKind::resonator, "resonator"); }
TEST(LinearCrossing, DampedPair) { run<3>(CircuitKind::damped_pair, "coupled, hardly oscillating"); }
TEST(LinearCrossing, ResonatorInALargerKernel) { run<5>(CircuitKind::resonator, "resonator of 5"); }
TEST(LinearCrossing, CascadeOfFive) { run<5>(CircuitKind::cascade, "cascade of 5"); }
TEST(LinearCrossing, ManyPartsInFive) { run<5>(CircuitKind::all, "many parts, 5"); }
TEST(LinearCrossing, CascadeOfEight) { run<8>(CircuitKind::cascade, "cascade of 8"); }
TEST(LinearCrossing, ManyPartsInEight) { run<8>(CircuitKind::all, "many parts, 8"); }

/// e^{A t} - 1, to the last places of the largest that each of its elements has been.
template <int N>
double worst_change(CircuitKind kind, int circuits) {
    Random random(7);
    double worst = 0.0;
    for (int k = 0; k < circuits; ++k) {
        const Circuit<N> circuit(kind, random);
        const wide::Flow<N> exact(circuit.a, circuit.c);
        const LinearFlow<N> flow(&circuit.a[0][0]);
        const double t = std::min(circuit.membrane * log_uniform(random, -6.0, 1.5), 300.0 * circuit.fastest);
        const auto found = flow.change(t);
        double size[N][N] = {};
        const auto value = [](const auto& columns, int i, int j) {
            return columns[static_cast<std::size_t>(j)].at[i] - (i == j ? 1 : 0);
        };
        for (double part = 1.0; part > 1e-3; part *= 0.5) {
            const auto columns = exact.propagator(part * t);
            for (int i = 0; i < N; ++i)
                for (int j = 0; j < N; ++j)
                    size[i][j] = std::max(size[i][j], std::fabs(static_cast<double>(value(columns, i, j))));
        }
        const auto truth = exact.propagator(t);
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < N; ++j) {
                const double error = std::fabs(static_cast<double>(found.at[i][j] - value(truth, i, j)));
                worst = std::max(worst, error / (0x1p-53 * std::max(size[i][j], 1e-20)));
            }
    }
    return worst;
}

TEST(LinearFlow, ChangeIsGoodToItsLastPlaces) {
    for (const CircuitKind kind : circuit_kinds) {
        const double worst = std::max(worst_change<5>(kind, 100), worst_change<8>(kind, 30));
        std::printf("change, circuit %d: %.3g last places\n", static_cast<int>(kind), worst);
        EXPECT_LT(worst, 100.0);
    }
}

}  // namespace
}  // namespace evsim
