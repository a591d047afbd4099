// The scatter engine's inner loop over any neuron model: every neuron is reached by spikes of its own, at times of its
// own. As many neurons as a SIMD vector holds go side by side, each through its own gaps.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstring>
#include <new>
#include <type_traits>

#include <evsim/loops/dense_neurons.h>
#include <evsim/loops/neuron_kernel.h>
#include <evsim/loops/scatter_neurons.h>
#include <evsim/loops/variables.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// `S`: the type of states; `V`: a vector of them, or S itself.
template <class Model, class S, class V>
struct ScatterKernel : ScatterNeurons<Model, S> {
    using Neurons = ScatterNeurons<Model, S>;
    using typename Neurons::Exact;
    using typename Neurons::ExactGap;
    using typename Neurons::Lane;
    using typename Neurons::Layer;
    using typename Neurons::Neuron;
    using Wide = typename Model::template State<V>;
    using HotWide = typename Model::template Hot<V>;
    using WideGap = typename Model::template Gap<V>;
    using Gap = typename Model::template Gap<S>;

    static constexpr int width = sizeof(V) / sizeof(S);
    static constexpr int n_state = Variables<Lane, S>::count;
    static constexpr int n_hot = Variables<typename Model::template Hot<S>, S>::count;
    static constexpr int n_gap = Variables<ExactGap, double>::count;

    /// The condition of every lane, for `select`.
    using Mask = decltype(V{} > V{});
    static Mask mask_of(unsigned bits) {
        if constexpr (width == 1) {
            return bits != 0;
        } else {
            Mask mask{};
            for (int lane = 0; lane < width; ++lane) mask[lane] = (bits >> lane & 1) != 0 ? -1 : 0;
            return mask;
        }
    }
    static unsigned positive(const V& v) {
        if constexpr (width == 1) {
            return v > S(0);
        } else {
            return positive_lanes(v);
        }
    }

    /// Some neurons side by side, on their way.
    struct Group {
        int n;  ///< of the lanes, those in use
        std::int32_t places[width];
        double last[width] = {}, next[width] = {};  ///< begin and end of each neuron's gap
        double free_from[width];                    ///< the first arrival that finds it free
        bool ever_held = false;
        alignas(V) S weights[width] = {};
        std::int32_t ports[width] = {};
        Wide state;
        HotWide hot;

        Group(const ScatterRun& run, std::int64_t first) {
            const std::int64_t left = run.n_touched - first;
            n = left < width ? static_cast<int>(left) : width;
            alignas(V) S variables[(n_state > 0 ? n_state : 1) * width], of_hot[(n_hot > 0 ? n_hot : 1) * width];
            for (int lane = 0; lane < width; ++lane) {
                const std::int32_t place = places[lane] = run.touched[first + (lane < n ? lane : n - 1)];
                last[lane] = next[lane] = run.last_touch[place];
                const S* const state_at = static_cast<const S*>(run.state) + place;
                for (int k = 0; k < n_state; ++k) variables[k * width + lane] = state_at[k * run.stride];
                const S* const hot_at = static_cast<const S*>(run.hot) + place;
                for (int k = 0; k < n_hot; ++k) of_hot[k * width + lane] = hot_at[k * run.stride];
                if constexpr (holds<Model>) look_at_clock(run, lane);
            }
            state = Variables<Wide, V>::load(variables, width);
            hot = Variables<HotWide, V>::load(of_hot, width);
        }

        void look_at_clock(const ScatterRun& run, int lane) {
            const auto place = static_cast<std::size_t>(places[lane]);
            const Release& release = static_cast<const Release*>(run.releases)[place];
            if (!(release.time > -infinity())) {
                free_from[lane] = -infinity();
                return;
            }
            free_from[lane] = release.first_arrival(neuron_at<Model>(run.neurons, place).refractory);
            ever_held = ever_held || free_from[lane] > last[lane];
        }

        /// Those whom an arrival at `times` finds held.
        unsigned held(const double (&times)[width]) const {
            unsigned bits = 0;
            for (int lane = 0; lane < width; ++lane) bits |= unsigned{free_from[lane] > times[lane]} << lane;
            return bits;
        }

        unsigned held_until_after(double time) const {
            unsigned bits = 0;
            for (int lane = 0; lane < width; ++lane) bits |= unsigned{free_from[lane] > time} << lane;
            return bits;
        }

        void store(const ScatterRun& run) const {
            alignas(V) S variables[(n_state > 0 ? n_state : 1) * width];
            Variables<Wide, V>::store(state, variables, width);
            for (int lane = 0; lane < n; ++lane) {
                S* const state_at = static_cast<S*>(run.state) + places[lane];
                for (int k = 0; k < n_state; ++k) state_at[k * run.stride] = variables[k * width + lane];
                run.last_touch[places[lane]] = last[lane];
            }
        }
    };

    /// What the model needs of the lanes' gaps.
    static WideGap gaps_of(const Layer& model, const double (&durations)[width]) {
        if constexpr (n_gap == 0) {
            return {};
        } else if constexpr (Neurons::side_by_side && width > 1) {
            return gaps_side_by_side(model, durations);
        } else {
            double values[width][n_gap];
#pragma GCC unroll 1
            for (int lane = 0; lane < width; ++lane) {
                const ExactGap gap = model.gaps(durations[lane]);
                std::memcpy(values[lane], &gap, sizeof(gap));
            }
            alignas(V) S rounded[n_gap * width];
            for (int k = 0; k < n_gap; ++k)
                for (int lane = 0; lane < width; ++lane) rounded[k * width + lane] = static_cast<S>(values[lane][k]);
            return Variables<WideGap, V>::load(rounded, width);
        }
    }
    [[gnu::noinline]] static WideGap gaps_side_by_side(const Layer& model, const double (&durations)[width]) {
        using Exacts = Vector<double>;
        constexpr int at_once = lanes<double>;
        alignas(V) S rounded[n_gap * width];
        for (int first = 0; first < width; first += at_once) {
            const auto gaps = model.gaps(Variables<Exacts, Exacts>::load(durations + first, width));
            alignas(Exacts) double values[n_gap * at_once];
            Variables<typename Model::template Gap<Exacts>, Exacts>::store(gaps, values, at_once);
            for (int k = 0; k < n_gap; ++k)
                for (int lane = 0; lane < at_once; ++lane)
                    rounded[k * width + first + lane] = static_cast<S>(values[k * at_once + lane]);
        }
        return Variables<WideGap, V>::load(rounded, width);
    }

    /// The lanes of `flagged` through their gaps one by one.
    [[gnu::noinline]] static void move_flagged(const ScatterRun& run, const Layer& model, Group& group,
                                               const Wide& before, unsigned flagged, TileResult& result) {
        alignas(V) S from[n_state * width], to[n_state * width];
        Variables<Wide, V>::store(before, from, width);
        Variables<Wide, V>::store(group.state, to, width);
        for (; flagged != 0; flagged &= flagged - 1) {
            const int lane = std::countr_zero(flagged);
            Lane state = Variables<Lane, S>::load(from + lane, width);
            double start = group.last[lane];
            Neurons::move(run, model, group.places[lane], state, start, group.next[lane], result);
            Variables<Lane, S>::store(state, to + lane, width);
            if constexpr (holds<Model>) group.look_at_clock(run, lane);
            if (result.status != TileStatus::ok) break;
        }
        group.state = Variables<Wide, V>::load(to, width);
    }

    /// Every lane through its gap.
    [[gnu::always_inline]] static void pass_gaps(const ScatterRun& run, const Layer& model, Group& group,
                                                 TileResult& result) {
        alignas(V) double durations[width];
        unsigned moving = 0;
        for (int lane = 0; lane < width; ++lane) durations[lane] = group.next[lane] - group.last[lane];
        for (int lane = 0; lane < width; ++lane) moving |= unsigned{durations[lane] > 0.0} << lane;
        const WideGap gaps = gaps_of(model, durations);
        const auto& own_gaps = gap_for<Model>(group.hot, gaps);
        unsigned flagged = positive(Model::excess(group.state, group.hot, own_gaps));
        [[maybe_unused]] unsigned still = 0;
        if constexpr (holds<Model>) {
            if (group.ever_held) {
                const unsigned before = group.held(group.last);
                still = before & group.held(group.next);
                flagged = flows_while_held(model) ? flagged | before : (flagged & ~before) | (before & ~still);
            }
        }
        flagged &= moving;
        const Wide before = group.state;
        Model::decay(group.state, own_gaps);
        if constexpr (holds<Model>) {
            if (still != 0) model.hold(mask_of(still), before, group.state);
        }
        if (flagged != 0) [[unlikely]]
            move_flagged(run, model, group, before, flagged, result);
    }

    /// The weights at the ends of the gaps.
    [[gnu::always_inline]] static void receive(const Layer& model, Group& group) {
        const Wide before = group.state;
        V weights = Variables<V, V>::load(group.weights, width);
        [[maybe_unused]] unsigned held = 0;
        if constexpr (holds<Model>) {
            if (group.ever_held) held = group.held(group.next);
            if (held != 0) weights = heard(model, mask_of(held), weights);
        }
        if constexpr (Model::n_ports == 1) {
            Model::receive(group.state, weights, 0);
        } else {
            for (int port = 0; port < Model::n_ports; ++port) {
                unsigned here = 0;
                for (int lane = 0; lane < width; ++lane) here |= unsigned{group.ports[lane] == port} << lane;
                if (here == 0) continue;
                Wide with = group.state;
                Model::receive(with, weights, port);
                group.state = select_state<V>(mask_of(here), with, group.state);
            }
        }
        if constexpr (holds<Model>) {
            if (held != 0) model.hold(mask_of(held), before, group.state);
        }
    }

    static TileResult run(const ScatterRun& run) {
        return with_model(run, [&](const Layer& model) {
            TileResult result{TileStatus::ok, 0, 0.0};
            if (run.n_rules > 0) {
                for (std::int64_t k = 0; k < run.n_touched && result.status == TileStatus::ok; ++k)
                    Neurons::run_plastic(run, model, k, result);
                return result;
            }
            for (std::int64_t first = 0; first < run.n_touched && result.status == TileStatus::ok; first += width)
                run_group(run, model, first, result);
            return result;
        });
    }

    static void run_group(const ScatterRun& run, const Layer& model, std::int64_t first, TileResult& result) {
        const auto* const arrivals = static_cast<const TimedArrival<S>*>(run.arrivals);
        Group group(run, first);
        std::int64_t begin[width] = {}, counts[width] = {};
        for (int lane = 0; lane < group.n; ++lane) {
            begin[lane] = run.first_arrivals[group.places[lane]];
            counts[lane] = run.n_arrivals[group.places[lane]];
        }
        int active = group.n;
        for (std::int64_t k = 0; k < counts[0]; ++k) {
            for (; counts[active - 1] <= k; --active) {
                group.weights[active - 1] = 0;
                group.ports[active - 1] = -1;
            }
            for (int lane = 0; lane < active; ++lane) {
                const TimedArrival<S>& arrival = arrivals[begin[lane] + k];
                group.next[lane] = arrival.time;
                group.weights[lane] = arrival.weight;
                group.ports[lane] = arrival.port;
            }
            pass_gaps(run, model, group, result);
            receive(model, group);
            if constexpr (concludes<Model>) Neurons::collect(run, group.places, group.weights, active);
            for (int lane = 0; lane < width; ++lane) group.last[lane] = group.next[lane];
            if (result.status != TileStatus::ok) return;
        }
        group.store(run);
        Neurons::check_finite(run, group.places, group.n, result);
    }

    /// How far to look from a touch within the last window: gaps that all neurons share.
    struct Horizons {
        static constexpr int count = 4;
        bool ready;
        double within, look_ahead;  ///< of which run they are
        double aheads[count];       ///< beyond emit_until: nothing, and then the longest first
        double lengths[count];      ///< of the gaps, from the touch
        Gap gaps[count];

        void prepare(const ScatterRun& run, const Layer& model) {
            if (ready && within == run.within && look_ahead == run.look_ahead) return;
            ready = true;
            within = run.within;
            look_ahead = run.look_ahead;
            for (int k = 0; k < count; ++k) {
                aheads[k] = k == 0 ? 0.0 : run.look_ahead * std::ldexp(1.0, 2 * (1 - k));
                lengths[k] = (run.within + aheads[k]) * (1.0 + 1e-6);
                gaps[k] = converted<Gap, S, double>(model.gaps(lengths[k]));
            }
        }
    };
    /// What is made once for all calls with the same workspace, which nobody destroys.
    struct Workspace {
        bool ready;
        alignas(Layer) std::byte layer[sizeof(Layer)];
        Horizons horizons;

        const Layer& model(const ScatterRun& run) {
            if (!ready) new (layer) Layer(run.shared);
            ready = true;
            return *std::launder(reinterpret_cast<const Layer*>(layer));
        }
    };
    /// body(model) for the layer's model.
    template <class Body>
    static TileResult with_model(const ScatterRun& run, Body&& body) {
        return guarded(run.message, TileRun::message_bytes, [&] {
            if constexpr (std::is_trivially_destructible_v<Layer>)
                return body(static_cast<Workspace*>(run.workspace)->model(run));
            else
                return body(Layer(run.shared));
        });
    }

    static TileResult finish(const ScatterRun& run) {
        return with_model(run, [&](const Layer& model) {
            Horizons& horizons = static_cast<Workspace*>(run.workspace)->horizons;
            horizons.prepare(run, model);
            TileResult result{TileStatus::ok, 0, 0.0};
            for (std::int64_t first = 0; first < run.n_touched && result.status == TileStatus::ok; first += width)
                finish_group(run, model, horizons, first, result);
            return result;
        });
    }

    /// Lanes that may cross before a horizon. A little further than asked: whether a spike lies before the end is
    /// decided by its time.
    static unsigned may_cross(const ScatterRun& run, const Layer& model, const Group& group, const Horizons& horizons,
                              int horizon) {
        alignas(V) double durations[width];
        double longest = 0.0;
        for (int lane = 0; lane < width; ++lane) {
            const double end = run.emit_until + horizons.aheads[horizon];
            durations[lane] = Neurons::beyond(end, group.last[lane]) - group.last[lane];
            longest = durations[lane] > longest ? durations[lane] : longest;
        }
        if (longest <= horizons.lengths[horizon]) {
            const auto& own = gap_for<Model>(group.hot, horizons.gaps[horizon]);
            return positive(Model::excess(group.state, group.hot, own));
        }
        const WideGap gaps = gaps_of(model, durations);
        return positive(Model::excess(group.state, group.hot, gap_for<Model>(group.hot, gaps)));
    }

    static void finish_group(const ScatterRun& run, const Layer& model, const Horizons& horizons, std::int64_t first,
                             TileResult& result) {
        const Group group(run, first);
        const unsigned in_use = ~0u >> (32 - group.n);
        unsigned by_itself = may_cross(run, model, group, horizons, 0), still = 0;
        if constexpr (holds<Model>) {
            if (group.ever_held) {
                by_itself |= group.held(group.last);
                if (!flows_while_held(model)) still = group.held_until_after(run.emit_until);
            }
        }
        by_itself &= in_use & ~still;
        unsigned safe = in_use & ~by_itself & ~still;
        for (int lane = 0; lane < group.n; ++lane) run.due[group.places[lane]] = run.emit_until;
        for (still &= in_use; still != 0; still &= still - 1) {
            const int lane = std::countr_zero(still);
            run.due[group.places[lane]] = std::fmin(group.free_from[lane], run.emit_until + run.look_ahead);
        }
        // The longest of a few stretches of time that the bound still passes.
        for (int k = 1; k < Horizons::count && safe != 0 && horizons.aheads[k] > 0.0; ++k) {
            unsigned found = safe & ~may_cross(run, model, group, horizons, k);
            for (; found != 0; found &= found - 1) {
                const int lane = std::countr_zero(found);
                run.due[group.places[lane]] = run.emit_until + horizons.aheads[k];
                safe &= ~(1u << lane);
            }
        }
        if (run.exact_due) by_itself |= safe;
        for (; by_itself != 0 && result.status == TileStatus::ok; by_itself &= by_itself - 1)
            Neurons::finish_neuron(run, model, group.places[std::countr_zero(by_itself)], result);
    }

    static const ScatterLoops* loops() {
        static constexpr ScatterLoops loops{run, finish, Neurons::conclude, DenseNeurons<Model, S>::observe,
                                            sizeof(Workspace)};
        return &loops;
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
