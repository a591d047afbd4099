// One neuron through one gap between two input events: the exact, rare path of every neuron model.
#pragma once

#include <evsim/portable.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// Moves `state` by `gap`, through every threshold crossing on the way. `fired(elapsed)` is called for each one in
/// order and returns false to stop early. Returns the number of crossings.
///
/// A crossing at the very end of the gap counts if `closed`.
template <class Model, class Fired>
EVSIM_FN int advance_by_crossings(const Model& model, typename Model::template State<double>& state,
                                  const typename Model::Neuron& neuron, double gap, bool closed, Fired&& fired) {
    double elapsed = 0.0;
    int crossings = 0;
    for (;;) {
        const double remaining = gap - elapsed;
        const double crossing = model.first_crossing(state, neuron, remaining);
        if (!(closed ? crossing <= remaining : crossing < remaining)) {
            model.flow(state, neuron, remaining);
            return crossings;
        }
        elapsed += crossing;
        model.flow(state, neuron, crossing);
        model.fire(state, neuron);
        ++crossings;
        if (!fired(elapsed)) return crossings;
    }
}

/// The same, by the model's own `advance` if it knows a cheaper way through a gap; `factors` = model.gap(gap).
template <class Model, class Fired>
EVSIM_FN int advance(const Model& model, typename Model::template State<double>& state,
                     const typename Model::Neuron& neuron, double gap,
                     const typename Model::template Gap<double>& factors, bool closed, Fired&& fired) {
    if constexpr (requires { model.advance(state, neuron, gap, factors, closed, fired); }) {
        return model.advance(state, neuron, gap, factors, closed, fired);
    } else {
        return advance_by_crossings(model, state, neuron, gap, closed, fired);
    }
}

/// The same for a gap of which nothing is known yet; a model may have a cheaper way than to find all of its factors.
template <class Model, class Fired>
EVSIM_FN int advance_alone(const Model& model, typename Model::template State<double>& state,
                           const typename Model::Neuron& neuron, double gap, bool closed, Fired&& fired) {
    if constexpr (requires { model.advance_alone(state, neuron, gap, closed, fired); }) {
        return model.advance_alone(state, neuron, gap, closed, fired);
    } else {
        return advance(model, state, neuron, gap, model.gap(gap), closed, fired);
    }
}

/// Whether a model holds its membrane for a while after a spike; see refractory.h. The clock is the engine's.
template <class Model>
inline constexpr bool holds = requires { Model::holds; };

/// Whether an input at any port moves the potential itself.
template <class Model>
EVSIM_FN bool any_jumps(const Model& model) {
    for (int port = 0; port < Model::n_ports; ++port)
        if (model.jumps(port)) return true;
    return false;
}

/// The part of an input that the held neurons of `mask` take: all, unless the model says otherwise.
template <class Model, class Mask, class V>
EVSIM_FN V heard(const Model& model, const Mask& mask, const V& weights) {
    if constexpr (requires { model.heard(mask, weights); }) {
        return model.heard(mask, weights);
    } else {
        return weights;
    }
}

/// Whether other variables feel what a held membrane does, so that the gap of a held neuron is not that of the others.
template <class Model>
EVSIM_FN bool flows_while_held(const Model& model) {
    if constexpr (requires { model.coupled; }) {
        return model.coupled;
    } else {
        return false;
    }
}

/// A stretch of time between two input events; `duration` is end - start, rounded once.
struct Interval {
    double start, end, duration;

    EVSIM_FN Interval at_end() const { return {end, end, 0.0}; }
};

/// Until when a neuron is held: a clock in double, whatever type the state has. `time` is what counts; `rest` is what
/// rounding has taken from it, so that a neuron that fires on and on keeps its pace far from time zero too.
struct Release {
    double time = -infinity();  ///< long ago: nothing holds it
    double rest = 0.0;

    /// `refractory` after a spike at start + elapsed, but not after `end`.
    EVSIM_FN static Release after_spike(const Interval& gap, double elapsed, double refractory) {
        const Release spike = sum(gap.start, elapsed);
        if (!(spike.time < gap.end)) return sum(gap.end, refractory);
        const Release release = sum(spike.time, refractory);
        return {release.time, release.rest + spike.rest};
    }
    EVSIM_FN double since(double start) const { return (time - start) + rest; }
    /// The same, by a clock that starts at `start`.
    EVSIM_FN Release from(double start) const { return {since(start), 0.0}; }

    /// What arrives from first_arrival to last_arrival counts as at the release. A few ulp to either side: on a grid of
    /// decimal numbers the rounded sum of spike and period often lies just beside the grid point that is meant.
    EVSIM_FN double first_arrival(double refractory) const { return time - tolerance(refractory); }
    EVSIM_FN double last_arrival(double refractory) const {
        return time > -infinity() ? time + tolerance(refractory) : time;
    }
    /// Whether something that arrives at `now` finds it held.
    EVSIM_FN bool holds_at(double now, double refractory) const { return !(first_arrival(refractory) <= now); }

 private:
    EVSIM_FN double tolerance(double refractory) const {
        const double late = std::fabs(time), early = std::fabs(time - refractory);
        return 4.0 * epsilon<double>() * (late > early ? late : early);
    }
    /// Without loss (Knuth's TwoSum).
    EVSIM_FN static Release sum(double a, double b) {
        const double sum = a + b, b_rounded = sum - a;
        return {sum, (a - (sum - b_rounded)) + (b - b_rounded)};
    }
};

/// As `advance`, for a neuron that is held for a while after a spike: held, then free up to its next spike, and again.
/// What is at its threshold when it is released waits for arrivals that count as at the release: such a spike is
/// reported as fired.at_release(elapsed, last_arrival), certain only once `last_arrival` has passed.
template <class Model, class Fired>
EVSIM_FN int advance_held(const Model& model, typename Model::template State<double>& state,
                          const typename Model::Neuron& neuron, const Interval& gap,
                          const typename Model::template Gap<double>& factors, bool closed, Release& release,
                          Fired&& fired) {
    double elapsed = 0.0;
    for (int crossings = 0;; ++crossings) {
        const bool held = release.holds_at(gap.end, neuron.refractory);
        const double last_arrival = release.last_arrival(neuron.refractory);
        const bool to_the_end = held || !(last_arrival < gap.end);
        double free_from = to_the_end ? gap.duration : release.since(gap.start);
        if (!(free_from < gap.duration)) free_from = gap.duration;
        if (free_from > elapsed) {
            model.flow_held(state, neuron, free_from - elapsed);
            elapsed = free_from;
        }
        if (held) return crossings;
        release = {};
        if (to_the_end) return crossings;
        double crossing = 0.0;
        const auto stop = [&crossing](double time) {
            crossing = time;
            return false;
        };
        const double left = gap.duration - elapsed;
        if ((elapsed > 0.0 ? advance_alone(model, state, neuron, left, closed, stop)
                           : advance(model, state, neuron, left, factors, closed, stop)) == 0)
            return crossings;
        const bool at_release = crossing == 0.0 && last_arrival > gap.start;
        elapsed += crossing;
        release = Release::after_spike(gap, elapsed, neuron.refractory);
        if (!(at_release ? fired.at_release(elapsed, last_arrival) : fired(elapsed))) return crossings + 1;
    }
}

/// Whichever of the two is right for the model and its refractory period.
template <class Model, class Fired>
EVSIM_FN int advance_on_clock(const Model& model, typename Model::template State<double>& state,
                              const typename Model::Neuron& neuron, const Interval& gap,
                              const typename Model::template Gap<double>& factors, bool closed, Release& release,
                              Fired&& fired) {
    if constexpr (holds<Model>) {
        if (neuron.refractory > 0.0) return advance_held(model, state, neuron, gap, factors, closed, release, fired);
    }
    return advance(model, state, neuron, gap.duration, factors, closed, fired);
}

/// For advance_on_clock, where nothing is reported and no spike has to be certain.
template <class Fired>
struct Unreported {
    Fired fired;
    EVSIM_FN bool operator()(double elapsed) { return fired(elapsed); }
    EVSIM_FN bool at_release(double elapsed, double) { return fired(elapsed); }
};
template <class Fired>
Unreported(Fired) -> Unreported<Fired>;

/// Lets time pass in which no crossing lies, of a neuron that may be held at the beginning.
template <class Model>
EVSIM_FN void flow_on_clock(const Model& model, typename Model::template State<double>& state,
                            const typename Model::Neuron& neuron, double start, double duration,
                            const Release& release) {
    double held = 0.0;
    if constexpr (holds<Model>) {
        if (release.time > start) {
            held = release.since(start) < duration ? release.since(start) : duration;
            model.flow_held(state, neuron, held);
        }
    }
    if (duration > held) model.flow(state, neuron, duration - held);
}

}  // namespace EVSIM_ISA
}  // namespace evsim
