// The search for the first crossing of linear neurons against one in double-double that shares nothing with it: over
// random intervals between events, half of them with the threshold at a maximum of the potential to within 1e-1 to
// 1e-16.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <type_traits>

#include <evsim/loops/variables.h>
#include <evsim/neuron/linear.h>

#include "linear_circuits.hpp"
#include "wide_flow.hpp"

namespace evsim {
namespace {

struct Tally {
    long intervals = 0, grazing = 0, crossings = 0, missed = 0, invented = 0, early = 0, late = 0, undecidable = 0,
         sharp = 0;
    long passed_by = 0, ruled_out = 0;  // by a bound: although it crosses; at all
    long bounded = 0, usual = 0;        // looked at from below the threshold; in the usual way
    double worst = 0.0, slowest = 0.0;

    long faults() const { return missed + invented + early + late + passed_by; }
    Tally& operator+=(const Tally& b) {
        intervals += b.intervals, grazing += b.grazing, crossings += b.crossings, missed += b.missed;
        invented += b.invented, early += b.early, late += b.late, undecidable += b.undecidable, sharp += b.sharp;
        passed_by += b.passed_by, ruled_out += b.ruled_out, bounded += b.bounded, usual += b.usual;
        worst = std::max(worst, b.worst), slowest = std::max(slowest, b.slowest);
        return *this;
    }
    void print(const char* what) const {
        std::printf(
            "%s: %ld intervals, %ld near-grazing, %ld crossings (%ld defined to 1e-12 membrane time constants, "
            "worst error %.2g of them); missed %ld, invented %ld, early %ld, late %ld; undecidable %ld; ruled out %ld, "
            "wrongly %ld; usual %ld; slowest %.2g ms\n",
            what, intervals, grazing, crossings, sharp, worst * 1e-12, missed, invented, early, late, undecidable,
            ruled_out, passed_by, usual, slowest * 1e3);
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
    double highest;  ///< that the potential surely reaches
    bool grazing = false;

    static double potential(const Circuit<N>& circuit, const wide::State<N>& state) {
        double sum = 0.0;
        for (int j = 0; j < N; ++j) sum += circuit.c[j] * static_cast<double>(state.at[j]);
        return sum;
    }
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
        highest = potential(circuit, exact.end(path, horizon));
        for (const auto& state : path) {
            double sum = 0.0;
            for (int j = 0; j < N; ++j) {
                const double ceiling =
                    circuit.ceiling[j] < 1e30 ? circuit.ceiling[j] : 1.0 + horizon / circuit.membrane;
                sum += ceiling * std::fabs(static_cast<double>(state.at[j]));
            }
            highest = std::max(highest, potential(circuit, state));
            scale = std::max(scale, sum);
        }
        threshold = scale * log_uniform(random, -3.0, 0.0);
        grazing = !maxima.empty();
        if (!grazing) return;
        const double maximum = static_cast<double>(maxima[random() % maxima.size()]);
        threshold = maximum * (1.0 + (random() % 2 ? 1.0 : -1.0) * log_uniform(random, -16.0, -1.0));
    }
};

/// When the threshold is reached, -1 for never: by a potential that is too large and too small by what rounding may do.
struct Truth {
    double horizon, tick, soonest, latest;

    void judge(double found, Tally& tally) const {
        const bool crosses = found <= horizon;
        if (latest >= 0.0 && latest < horizon - tick && !crosses) ++tally.missed;
        if (soonest < 0.0 && crosses) ++tally.invented;
        if (crosses && soonest >= 0.0 && found < soonest - tick) ++tally.early;
        if (crosses && latest >= 0.0 && found > latest + tick) ++tally.late;
    }
};

/// The shared parameters of a circuit as a neuron.
template <int N>
struct LinearValues {
    double all[Linear<N>::n_shared] = {};
    explicit LinearValues(const Circuit<N>& circuit, bool jumps = false) {
        using At = typename Linear<N>::At;
        all[At::jumps] = jumps;
        for (int i = 0; i < N; ++i) {
            for (int j = 0; j < N; ++j) all[At::flow + i * N + j] = circuit.a[i][j];
            all[At::ceiling + i] = circuit.ceiling[i];
            all[At::readout + i] = circuit.c[i];
        }
    }
};

/// The same circuit as a neuron: the bounds by which engines let it pass, its ways through a gap, and the search of one
/// that has time constants of its own. What begins at the threshold has to be seen only where inputs may move the
/// potential itself.
template <int N>
class BoundedNeuron {
 public:
    /// Without `curved`, as a control: a bound that takes the potential for straight.
    explicit BoundedNeuron(const Circuit<N>& circuit, bool curved = true)
        : model_(LinearValues<N>(circuit).all),
          jumping_(LinearValues<N>(circuit, true).all),
          flow_(&circuit.a[0][0]),
          curved_(curved) {}

    void check(const Interval<N>& interval, const Truth& truth, Tally& tally) const {
        check_bound<float>(interval, truth, tally);
        check_bound<double>(interval, truth, tally);
        check_ways(interval, truth, tally);
        const LinearSteps<N> steps(flow_, model_.crossing.readout[0]);
        if (!(interval.horizon < steps.most * steps.unit)) return;
        Row<N> x = interval.x;
        truth.judge(steps.pass(x, interval.threshold, interval.horizon), tally);
    }

 private:
    void check_ways(const Interval<N>& interval, const Truth& truth, Tally& tally) const {
        using State = typename Linear<N>::template State<double>;
        typename Linear<N>::Neuron neuron{};
        neuron.threshold = interval.threshold;
        State state;
        const auto begin = [&] { std::copy_n(interval.x.at, N, state.x); };
        const auto factors = model_.gap(interval.horizon);
        double found = never();
        const auto stop = [&](double time) {
            found = time;
            return false;
        };
        begin();
        model_.advance(state, neuron, interval.horizon, factors, true, stop);
        truth.judge(found, tally);
        found = never();
        begin();
        model_.advance_alone(state, neuron, interval.horizon, true, stop);
        truth.judge(found, tally);
        begin();
        const int crossings = model_.usual_crossing(state, neuron, interval.horizon, factors, found);
        if (crossings < 0) return;
        ++tally.usual;
        truth.judge(crossings > 0 ? found : never(), tally);
    }

    /// At the threshold of the interval, and at one that the potential just reaches.
    template <class T>
    void check_bound(const Interval<N>& interval, const Truth& truth, Tally& tally) const {
        if (interval.scale == 0.0) return;  // at rest, where the threshold is
        // A state rounded to float moves the potential by less than that.
        const bool crosses = std::is_same_v<T, float>
                                 ? interval.highest > interval.threshold + 1e-7 * interval.scale
                                 : truth.latest >= 0.0 && truth.latest < interval.horizon * (1.0 - 1e-6);
        auto rates = model_.template rates<T>();
        if (!curved_) std::fill_n(rates.bend, N, T(0));
        const auto own = Linear<N>::gap_of(rates, static_cast<T>(interval.horizon));
        using Shared = typename Linear<N>::template Gap<T>;
        const auto shared = converted<Shared, T, double>(model_.gap(interval.horizon));
        const auto jumping = converted<Shared, T, double>(jumping_.gap(interval.horizon));
        const typename Linear<N>::template Gaps<T> gaps(model_);
        const auto one_of_many = converted<Shared, T, double>(gaps(interval.horizon));
        const double reached = interval.highest - 1e-6 * interval.scale;
        const bool below = begins_below<T>(interval, interval.threshold),
                   reached_later = begins_below<T>(interval, reached);
        tally.ruled_out += !may_cross<T>(interval, interval.threshold, own);
        tally.passed_by += crosses && !may_cross<T>(interval, interval.threshold, own);
        tally.passed_by += crosses && !may_cross<T>(interval, interval.threshold, jumping);
        tally.passed_by += crosses && below && !may_cross<T>(interval, interval.threshold, shared);
        tally.passed_by += crosses && below && !may_cross<T>(interval, interval.threshold, one_of_many);
        tally.passed_by += !may_cross<T>(interval, reached, own);
        tally.passed_by += !may_cross<T>(interval, reached, jumping);
        tally.passed_by += reached_later && !may_cross<T>(interval, reached, shared);
        tally.passed_by += reached_later && !may_cross<T>(interval, reached, one_of_many);
        tally.bounded += below + reached_later;
    }

    template <class T>
    bool begins_below(const Interval<N>& interval, double threshold) const {
        double potential = 0.0;
        for (int j = 0; j < N; ++j)
            potential += model_.crossing.readout[0].at[j] * static_cast<double>(static_cast<T>(interval.x.at[j]));
        return potential < threshold;
    }

    template <class T, class Gap>
    bool may_cross(const Interval<N>& interval, double threshold, const Gap& gap) const {
        typename Linear<N>::template State<T> state;
        for (int j = 0; j < N; ++j) state.x[j] = static_cast<T>(interval.x.at[j]);
        typename Linear<N>::Neuron neuron{};
        neuron.threshold = threshold;
        return Linear<N>::excess(state, model_.template hot<T>(neuron), gap) > T(0);
    }

    Linear<N> model_, jumping_;
    const double* flow_;
    bool curved_;
};

template <int N>
void check_interval(const Circuit<N>& circuit, const wide::Flow<N>& exact, const LinearCrossing<N>& crossing,
                    const BoundedNeuron<N>& own, Random& random, Tally& tally) {
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
    const Truth truth{horizon, tick, static_cast<double>(exact.first(interval.path, horizon, threshold - allowed)),
                      static_cast<double>(exact.first(interval.path, horizon, threshold + allowed))};
    tally.crossings += crosses;
    if (truth.latest < 0.0 && truth.soonest >= 0.0) ++tally.undecidable;
    truth.judge(found, tally);
    own.check(interval, truth, tally);
    if (crosses && truth.latest >= 0.0 && truth.latest - truth.soonest < 1e-12 * circuit.membrane) {
        ++tally.sharp;
        const double exactly = static_cast<double>(exact.first(interval.path, horizon, threshold));
        tally.worst = std::max(tally.worst, (std::fabs(found - exactly) - tick) / (1e-12 * circuit.membrane));
    }
}

template <int N>
Tally campaign(CircuitKind kind, std::uint64_t seed, long intervals, bool curved = true) {
    Random random(seed * 1000 + static_cast<std::uint64_t>(kind) * 10 + N);
    Tally tally;
    while (tally.intervals < intervals) {
        const Circuit<N> circuit(kind, random);
        const wide::Flow<N> exact(circuit.a, circuit.c);
        const LinearFlow<N> flow(&circuit.a[0][0]);
        const LinearCrossing<N> crossing(flow, circuit.c, circuit.ceiling);
        const BoundedNeuron<N> own(circuit, curved);
        for (int k = 0; k < 100; ++k) check_interval(circuit, exact, crossing, own, random, tally);
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
    EXPECT_EQ(tally.passed_by, 0);
    EXPECT_GT(tally.ruled_out, tally.intervals / 50);
    EXPECT_GT(tally.bounded, tally.intervals);
    EXPECT_GT(tally.usual, tally.intervals / 50);
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

TEST(LinearCrossing, TheCheckNoticesABoundThatKnowsNoCurvature) {
    const Tally tally = campaign<3>(CircuitKind::alpha, 1, 1000, false);
    EXPECT_GT(tally.passed_by, 0);
}

/// e^{A t} - 1 as `change(flow, t)` finds it, to the last places of the largest that each of its elements has been.
template <int N, class Change>
double worst_change(CircuitKind kind, int circuits, Change&& change) {
    Random random(7);
    double worst = 0.0;
    for (int k = 0; k < circuits; ++k) {
        const Circuit<N> circuit(kind, random);
        const wide::Flow<N> exact(circuit.a, circuit.c);
        const LinearFlow<N> flow(&circuit.a[0][0]);
        const double t = std::min(circuit.membrane * log_uniform(random, -6.0, 1.5), 300.0 * circuit.fastest);
        const Square<N> found = change(flow, t);
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

template <class Change>
double worst_change(CircuitKind kind, Change&& change) {
    return std::max(worst_change<5>(kind, 100, change), worst_change<8>(kind, 30, change));
}

/// By the powers that are made for many gaps; where it is too long for them by LinearFlow.
template <class S, int N>
Square<N> change_by_powers(const LinearFlow<N>& flow, double t) {
    const LinearPowers<N, S> powers(flow);
    if (t > powers.longest()) return flow.change(t);
    Square<N> out;
    powers.change(t, out.at);
    return out;
}

TEST(LinearFlow, ChangeIsGoodToItsLastPlaces) {
    for (const CircuitKind kind : circuit_kinds) {
        const double one = worst_change(kind, [](const auto& flow, double t) { return flow.change(t); });
        const double many =
            worst_change(kind, [](const auto& flow, double t) { return change_by_powers<double>(flow, t); });
        const double rounded =
            worst_change(kind, [](const auto& flow, double t) { return change_by_powers<float>(flow, t); });
        std::printf("change, circuit %d: %.3g last places, %.3g by powers, %.3g of a float's\n", static_cast<int>(kind),
                    one, many, rounded * 0x1p-29);
        EXPECT_LT(one, 100.0);
        EXPECT_LT(many, 100.0);
        EXPECT_LT(rounded * 0x1p-29, 1.0);
    }
}

template <class S, int N>
void check_that_lanes_are_alone(CircuitKind kind) {
    using Exacts = Vector<double>;
    using Gaps = typename Linear<N>::template Gap<Exacts>;
    using Gap = typename Linear<N>::template Gap<double>;
    Random random(11);
    for (int k = 0; k < 100; ++k) {
        const Circuit<N> circuit(kind, random);
        const Linear<N> model(LinearValues<N>(circuit).all);
        const typename Linear<N>::template Gaps<S> gaps(model);
        Exacts durations;
        for (int lane = 0; lane < lanes<double>; ++lane)
            durations[lane] = random() % 8 ? model.free.unit * log_uniform(random, -6.0, 2.0) : 0.0;
        const auto compare = [](const Gaps& all, int lane, const Gap& one) {
            double values[Variables<Gap, double>::count * lanes<double>], alone[Variables<Gap, double>::count];
            Variables<Gaps, Exacts>::store(all, values, lanes<double>);
            Variables<Gap, double>::store(one, alone, 1);
            for (int n = 0; n < Variables<Gap, double>::count; ++n)
                EXPECT_EQ(values[n * lanes<double> + lane], alone[n]);
        };
        for (int lane = 0; lane < lanes<double>; ++lane) {
            compare(gaps(durations), lane, gaps(durations[lane]));
            compare(model.gaps(durations), lane, model.gap(durations[lane]));
        }
    }
}

TEST(LinearGaps, ALaneGetsWhatItWouldGetAlone) {
    for (const CircuitKind kind : circuit_kinds) {
        check_that_lanes_are_alone<float, 5>(kind);
        check_that_lanes_are_alone<double, 5>(kind);
        check_that_lanes_are_alone<double, 8>(kind);
    }
}

}  // namespace
}  // namespace evsim
