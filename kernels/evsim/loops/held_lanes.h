// Which neurons of a tile are held after a spike, beside the inner loop: a mask, and when the first of them is free.
#pragma once

#include <bit>

#include <evsim/neuron/advance.h>

#include <evsim/loops/model_facts.h>
#include <evsim/loops/neuron_kernel.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// For models that hold nobody: leaves no code behind.
template <class Model, class T, int N, bool = holds<Model>>
struct HeldLanes {
    HeldLanes(const TileRun&, const Model&, double) {}
    static std::uint64_t free() { return ~std::uint64_t{0}; }
    static bool any_released(double) { return false; }
    static std::uint64_t released(double) { return 0; }
    template <class State>
    static void hold(int, const State&, State&) {}
    template <class V>
    static const V& heard(int, const V& weights) {
        return weights;
    }
    static void update(const TileRun&, std::uint64_t, double) {}
};

template <class Model, class T, int N>
struct HeldLanes<Model, T, N, true> {
    static constexpr int width = lanes<T>;
    static constexpr std::uint64_t all = ~std::uint64_t{0} >> (64 - N * width);

    const Model* model;
    bool ever = false;             ///< whether anybody has a refractory period
    double earliest = infinity();  ///< the first arrival that finds one of them free
    std::uint64_t held = 0;        ///< one bit for each
    LaneMask<T> mask[N] = {};      ///< the same, for `select`
    double first[N * width];       ///< of those held: the first arrival that finds it free

    /// As of `time`, of the last event that passed.
    HeldLanes(const TileRun& run, const Model& model_, double time) : model(&model_) {
        for (int lane = 0; lane < N * width; ++lane) ever = ever || period(run, lane) > 0.0;
        update(run, all, time);
    }

    std::uint64_t free() const { return ~held; }
    bool any_released(double time) const { return earliest <= time; }
    /// Puts back what a held membrane does not do.
    template <class State>
    void hold(int k, const State& before, State& after) const {
        // Where that is more than one selection, few events find anybody held.
        if constexpr (requires { model->heard(mask[k], LaneOf<T>{}); }) {
            if (held == 0) return;
        }
        model->hold(mask[k], before, after);
    }
    /// The part of an input that held neurons take.
    template <class V>
    V heard(int k, const V& weights) const {
        if (held == 0) return weights;
        return evsim::heard(*model, mask[k], weights);
    }

    /// Those whom an arrival at `time` finds free; and all that are held, where their neighbours' gap is not theirs.
    std::uint64_t released(double time) const {
        std::uint64_t out = 0;
        if (flows_while_held(*model)) return held;
        if (!any_released(time)) return out;
        for (std::uint64_t left = held; left != 0; left &= left - 1) {
            const int lane = std::countr_zero(left);
            if (first[lane] <= time) out |= std::uint64_t{1} << lane;
        }
        return out;
    }
    /// The neurons of `moved` have been brought to `time`.
    void update(const TileRun& run, std::uint64_t moved, double time) {
        if (!ever) return;
        const Release* const releases = static_cast<const Release*>(run.releases) + run.first_neuron;
        for (std::uint64_t left = moved; left != 0; left &= left - 1) {
            const int lane = std::countr_zero(left);
            first[lane] = releases[lane].first_arrival(period(run, lane));
            const std::uint64_t bit = std::uint64_t{1} << lane;
            held = first[lane] <= time ? held & ~bit : held | bit;
        }
        earliest = infinity();
        for (std::uint64_t left = held; left != 0; left &= left - 1) {
            const double time_of = first[std::countr_zero(left)];
            earliest = time_of < earliest ? time_of : earliest;
        }
        if (flows_while_held(*model) && held != 0) earliest = -infinity();
        for (int k = 0; k < N; ++k) mask[k] = lane_mask<T>(held >> k * width);
    }

 private:
    static double period(const TileRun& run, int lane) {
        return neuron_at<Model>(run.neurons, static_cast<std::size_t>(run.first_neuron + lane)).refractory;
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
