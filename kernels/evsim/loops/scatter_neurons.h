// What the scatter engine does with neurons one by one: the exact way from touch to touch, and the end of a call.
#pragma once

#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include <evsim/neuron/advance.h>
#include <evsim/neuron/readout.h>

#include <evsim/loops/exact_path.h>
#include <evsim/loops/model_facts.h>
#include <evsim/loops/neuron_kernel.h>
#include <evsim/loops/rule_calls.h>
#include <evsim/loops/variables.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// `S`: the type of states.
template <class Model, class S>
struct ScatterNeurons {
    using Neuron = typename Model::Neuron;
    using ExactGap = typename Model::template Gap<double>;
    using Exact = typename Model::template State<double>;
    using Lane = typename Model::template State<S>;
    using HotLane = typename Model::template Hot<S>;

    /// What gaps are taken from: the model, or what it makes of itself for many gaps of different lengths.
    struct OneByOne {
        const Model& model;
        ExactGap operator()(double duration) const { return model.gap(duration); }
    };
    static constexpr bool side_by_side = requires(const typename Model::template Gaps<S>& gaps) {
        { gaps(0.0) } -> SameAs<ExactGap>;
    };
    template <class M>
    static auto gaps_of_model(const M& model) {
        if constexpr (side_by_side)
            return typename M::template Gaps<S>(model);
        else
            return OneByOne{model};
    }
    struct Layer : Model {
        decltype(gaps_of_model(std::declval<const Model&>())) gaps;
        explicit Layer(const double* shared) : Model(shared), gaps(gaps_of_model<Model>(*this)) {}
    };

    /// Tells the rules of projections to a neuron what happens to it.
    struct Listeners {
        const ScatterRun& run;
        const Model& model;
        std::int32_t place;
        const Neuron& neuron;
        const Exact* at_spikes;  ///< its state whenever it fires

        /// It has fired.
        void operator()(double time) const {
            if (run.n_rules > 0) [[unlikely]]
                tell(time);
        }
        /// What an arrival is about to bring.
        double delivered(const SynapseRun& rule, std::uint32_t synapse, double time, const Lane& state) const {
            double weight = run.weight_bytes == sizeof(float)
                                ? static_cast<double>(static_cast<const float*>(rule.weights)[rule.weight_of(synapse)])
                                : static_cast<const double*>(rule.weights)[rule.weight_of(synapse)];
            if (!rule.rule->deliver) return weight;
            double observables[Observables<Model>::count];
            look(rule, state, observables);
            check_rule(rule.rule->deliver(rule, place, synapse, time, observables, weight, run.message));
            return weight;
        }
        /// It has been integrated.
        void on_arrival(const SynapseRun& rule, std::uint32_t synapse, double time, double weight,
                        const Lane& state) const {
            double observables[Observables<Model>::count];
            look(rule, state, observables);
            check_rule(rule.rule->on_arrival(rule, place, synapse, time, weight, observables, run.message));
        }

     private:
        void look(const SynapseRun& rule, const Lane& state, double* observables) const {
            if (rule.rule->uses_context)
                Observables<Model>::read(model, converted<Exact, double, S>(state), neuron, observables);
        }
        [[gnu::noinline, gnu::cold]] void tell(double time) const {
            double observables[Observables<Model>::count];
            Observables<Model>::read(model, *at_spikes, neuron, observables);
            for (std::int32_t k = 0; k < run.n_rules; ++k)
                check_rule(run.rules[k].rule->on_spike(run.rules[k], place, time, observables, run.message));
        }
    };
    using AllCrossings = Crossings<Model, ScatterRun, const Listeners>;

    /// Lets a neuron stop at its next crossing.
    struct OneCrossing {
        AllCrossings& all;
        bool go_on = true;

        bool operator()(double elapsed) {
            go_on = all(elapsed);
            return false;
        }
        bool at_release(double elapsed, double last_arrival) {
            go_on = all.at_release(elapsed, last_arrival);
            return false;
        }
    };

    /// One neuron between touches: its state as it is kept, and what follows from it.
    struct Walk {
        const ScatterRun& run;
        const Layer& model;
        TileResult& result;
        Neuron neuron;
        NeuronPlace place;
        Exact exact{};
        Release release;
        const Listeners listeners;
        AllCrossings crossings;
        bool found = false;  ///< whether the last gap holds a crossing, be it of this call or a later one

        Walk(const ScatterRun& run_, const Layer& model_, std::int32_t index, TileResult& result_)
            : run(run_),
              model(model_),
              result(result_),
              neuron(neuron_at<Model>(run.neurons, static_cast<std::size_t>(index))),
              place{index, static_cast<std::size_t>(index), false},
              release(release_of(run, index)),
              listeners{run, model, index, neuron, &exact},
              crossings{run, model, exact, neuron, place, 0, 0.0, 0.0, result, listeners} {}
        Walk(const Walk&) = delete;

        /// Moves `exact` through the gap or to the first crossing in it; true if there is one, at crossings.last_time,
        /// that belongs to this call.
        bool crosses(const Interval& gap, bool closed) {
            crossings.start = gap.start;
            crossings.end = gap.start + gap.duration;
            crossings.last_elapsed = 0.0;
            OneCrossing one{crossings};
            found = advance_by_call<Model>(model, exact, neuron, gap, model.gaps(gap.duration), closed, release,
                                           AnyFired(one)) > 0;
            return found && result.status == TileStatus::ok && crossings.last_time < run.emit_until;
        }
    };

    static Release release_of(const ScatterRun& run, std::int32_t place) {
        if constexpr (holds<Model>) return static_cast<const Release*>(run.releases)[place];
        return {};
    }
    static void keep_release(const ScatterRun& run, std::int32_t place, const Release& release) {
        if constexpr (holds<Model>) static_cast<Release*>(run.releases)[place] = release;
    }

    /// Lets a neuron pass a gap in which it cannot fire as one lane of a vector does, to the same bits; false if it
    /// may. `free_from`: the first arrival that finds it free.
    [[gnu::always_inline]] static bool passes(const Layer& model, const HotLane& hot, [[maybe_unused]] double free_from,
                                              Lane& state, double last, double end) {
        const double duration = end - last;
        if (!(duration > 0.0)) return true;
        const auto gap = converted<typename Model::template Gap<S>, S, double>(model.gaps(duration));
        const auto& own_gap = gap_for<Model>(hot, gap);
        bool may_fire = Model::excess(state, hot, own_gap) > S(0);
        [[maybe_unused]] bool still = false;
        if constexpr (holds<Model>) {
            const bool held = free_from > last;
            still = held && free_from > end;
            may_fire = flows_while_held(model) ? may_fire || held : held ? !still : may_fire;
        }
        if (may_fire) return false;
        [[maybe_unused]] const Lane before = state;
        Model::decay(state, own_gap);
        if constexpr (holds<Model>) {
            if (still) model.hold(true, before, state);
        }
        return true;
    }
    static HotLane hot_of(const ScatterRun& run, std::int32_t place) {
        return Variables<HotLane, S>::load(static_cast<const S*>(run.hot) + place, run.stride);
    }
    static double free_from([[maybe_unused]] const Release& release, [[maybe_unused]] const Neuron& neuron) {
        if constexpr (holds<Model>) return release.first_arrival(neuron.refractory);
        return -infinity();
    }

    /// Moves one neuron that may fire from `last` to `end`, from crossing to crossing. Behind each it is as if the gap
    /// had begun there.
    [[gnu::noinline]] static void move(const ScatterRun& run, const Layer& model, std::int32_t place, Lane& state,
                                       double& last, double end, TileResult& result) {
        Walk walk(run, model, place, result);
        const bool closed = !any_jumps(model);
        for (bool at_end = false;;) {
            const Interval gap{last, end, end - last};
            walk.exact = converted<Exact, double, S>(state);
            const bool crossed = walk.crosses(gap, closed || at_end);
            state = converted<Lane, S, double>(walk.exact);
            if (result.status != TileStatus::ok) return;
            last = crossed ? walk.crossings.last_time : end;
            if (crossed) {
                const double free = free_from(walk.release, walk.neuron);
                if (!at_end && passes(walk.model, hot_of(run, place), free, state, last, end)) break;
                continue;
            }
            if (at_end) break;
            // Rounded, the potential may be at the threshold although the exact one stayed below: a crossing at the end
            // of the gap. Left alone, the neuron would sit above its threshold, mute. Where the exact one is there too,
            // because the neuron has just been released, it waits for what arrives now.
            if (walk.model.at_threshold(walk.exact, walk.neuron) ||
                !walk.model.at_threshold(converted<Exact, double, S>(state), walk.neuron))
                break;
            at_end = true;
        }
        keep_release(run, place, walk.release);
    }

    /// Where rules look on, a neuron goes alone: what arrives depends on what has happened until then.
    [[gnu::noinline]] static void run_plastic(const ScatterRun& run, const Layer& model, std::int64_t number,
                                              TileResult& result) {
        const std::int32_t place = run.touched[number];
        const Neuron neuron = neuron_at<Model>(run.neurons, static_cast<std::size_t>(place));
        const Listeners listeners{run, model, place, neuron, nullptr};
        const auto* const arrivals = static_cast<const TimedArrival<S>*>(run.arrivals);
        if (number + 1 < run.n_touched) {
            const std::int32_t next = run.touched[number + 1], n = run.n_arrivals[next];
            prefetch(run, arrivals + run.first_arrivals[next], n < synapses_ahead ? n : synapses_ahead);
        }
        S* const at = static_cast<S*>(run.state) + place;
        Lane state = Variables<Lane, S>::load(at, run.stride);
        const HotLane hot = hot_of(run, place);
        double last = run.last_touch[place], free = free_from(release_of(run, place), neuron);
        const TimedArrival<S>* arrival = arrivals + run.first_arrivals[place];
        for (std::int32_t left = run.n_arrivals[place]; left > 0; --left, ++arrival) {
            if (left > synapses_ahead) prefetch(run, arrival + synapses_ahead, 1);
            const double time = arrival->time;
            if (!passes(model, hot, free, state, last, time)) {  // its spikes may change what arrives
                move(run, model, place, state, last, time, result);
                free = free_from(release_of(run, place), neuron);
            }
            const SynapseRun* const rule = arrival->port < 0 ? run.rules + arrival->rule() : nullptr;
            const double weight =
                rule ? listeners.delivered(*rule, arrival->synapse, time, state) : static_cast<double>(arrival->weight);
            const S brought = static_cast<S>(weight);
            receive(model, state, brought, rule ? rule->port : arrival->port, free > time);
            if constexpr (concludes<Model>) collect(run, &place, &brought, 1);
            last = time;
            if (result.status != TileStatus::ok) return;
            if (rule) listeners.on_arrival(*rule, arrival->synapse, time, weight, state);
        }
        Variables<Lane, S>::store(state, at, run.stride);
        run.last_touch[place] = last;
        check_finite(run, &place, 1, result);
    }

    /// A weight, as a lane of a vector receives it.
    static void receive(const Layer& model, Lane& state, S weight, std::int32_t port, [[maybe_unused]] bool held) {
        [[maybe_unused]] const Lane before = state;
        if constexpr (holds<Model>) {
            if (held) weight = heard(model, true, weight);
        }
        Model::receive(state, weight, Model::n_ports == 1 ? 0 : port);
        if constexpr (holds<Model>) {
            if (held) model.hold(true, before, state);
        }
    }

    static constexpr std::int32_t synapses_ahead = 8;
    [[gnu::always_inline]] static void prefetch(const ScatterRun& run, const TimedArrival<S>* arrivals,
                                                std::int32_t n) {
        for (std::int32_t k = 0; k < n; ++k)
            if (arrivals[k].port < 0) run.rules[arrivals[k].rule()].prefetch(arrivals[k].synapse);
    }

    /// A time so little after `end` that rounding cannot hide a crossing before `end` from who looks up to there.
    static double beyond(double end, double start) {
        if constexpr (!Model::spikes) return end;
        const double late = std::fabs(end), early = std::fabs(start);
        return end + 4.0 * std::numeric_limits<double>::epsilon() * (late > early ? late : early);
    }

    /// Spikes of a neuron before emit_until, each of which becomes its last touch; and when the next may come.
    [[gnu::noinline]] static void finish_neuron(const ScatterRun& run, const Layer& model, std::int32_t place,
                                                TileResult& result) {
        S* const at = static_cast<S*>(run.state) + place;
        Walk walk(run, model, place, result);
        double& last = run.last_touch[place];
        double& due = run.due[place];
        due = run.emit_until + run.look_ahead;
        for (;;) {
            const double end = beyond(run.emit_until + run.look_ahead, last);
            walk.exact = converted<Exact, double, S>(Variables<Lane, S>::load(at, run.stride));
            walk.release = release_of(run, place);
            const bool crossed = walk.crosses({last, end, end - last}, true);
            if (result.status != TileStatus::ok) return;
            if (!crossed) {
                const double next = walk.crossings.last_time;
                if (walk.found && next < due) due = run.exact_due ? next : next - 1e-9 * (next - last);
                break;
            }
            Variables<Lane, S>::store(converted<Lane, S, double>(walk.exact), at, run.stride);
            keep_release(run, place, walk.release);
            last = walk.crossings.last_time;
            if constexpr (holds<Model>) {
                const double free_from = walk.release.first_arrival(walk.neuron.refractory);
                if (free_from > run.emit_until) {
                    due = std::fmin(due, free_from);
                    break;
                }
            }
        }
        if (!finite<Exact, double>(walk.exact)) result = {TileStatus::not_finite, place, last};
    }

    static void check_finite(const ScatterRun& run, const std::int32_t* places, int n, TileResult& result) {
        for (int k = 0; k < n && result.status == TileStatus::ok; ++k) {
            const S* const at = static_cast<const S*>(run.state) + places[k];
            if (!finite<Lane, S>(Variables<Lane, S>::load(at, run.stride)))
                result = {TileStatus::not_finite, places[k], run.last_touch[places[k]]};
        }
    }

    /// Adds up what has arrived.
    static void collect(const ScatterRun& run, const std::int32_t* places, const S* weights, int n) {
        for (int k = 0; k < n; ++k) {
            double& charge = run.memory[Model::charge_memory * run.stride + static_cast<std::size_t>(places[k])];
            double& lost = run.memory[Model::lost_memory * run.stride + static_cast<std::size_t>(places[k])];
            if (run.weight_bytes == sizeof(float))
                add_charge<float>(charge, lost, static_cast<double>(weights[k]));
            else
                add_charge<double>(charge, lost, static_cast<double>(weights[k]));
        }
    }

    /// What readouts remember at emit_until. Nothing of it is a touch.
    static void conclude(const ScatterRun& run) {
        if constexpr (requires { Model::memory_names; }) {
            const Layer model(run.shared);
            TileResult result{TileStatus::ok, 0, 0.0};
            for (std::int64_t k = 0; k < run.n_touched; ++k) conclude_neuron(run, model, run.touched[k], result);
        }
    }

    static void conclude_neuron(const ScatterRun& run, const Layer& model, std::int32_t place, TileResult& result) {
        const S* const at = static_cast<const S*>(run.state) + place;
        const double start = run.last_touch[place], duration = run.emit_until - start;
        const Exact before = converted<Exact, double, S>(Variables<Lane, S>::load(at, run.stride));
        Walk walk(run, model, place, result);
        walk.exact = before;
        for (double last = start; walk.crosses({last, run.emit_until, run.emit_until - last}, true);)
            last = walk.crossings.last_time;
        if constexpr (concludes<Model>)
            conclude_at(run, model, before, walk.neuron, walk.place.memory, duration, model.gap(duration));
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
