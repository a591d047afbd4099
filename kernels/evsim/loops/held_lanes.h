// Which neurons of a tile are held after a spike, beside the inner loop: a mask, and when the first of them is free.
#pragma once

#include <bit>

#include <evsim/neuron/advance.h>

#include <evsim/loops/neuron_kernel.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// For models that hold nobody: leaves no code behind.
template <class Model, class T, int N, bool = holds<Model>>
struct HeldLanes {
    using V = Vector<T>;
    HeldLanes(const TileRun&, double) {}
    static const V& of_free(int, const V& excess) { return excess; }
    static bool any_released(double) { return false; }
    static std::uint64_t released(const TileRun&, double) { return 0; }
    template <class State>
    static void hold(int, const State&, State&) {}
    static void update(const TileRun&, std::uint64_t, double) {}
};

template <class Model, class T, int N>
struct HeldLanes<Model, T, N, true> {
    using V = Vector<T>;
    using Mask = decltype(V{} > V{});
    using MaskLane = LaneOf<Mask>;
    static constexpr int width = lanes<T>;

    double refractory;
    double earliest = infinity();  ///< the first arrival that finds one of them free
    std::uint64_t held = 0;        ///< one bit for each
    alignas(Mask) MaskLane mask[N * width] = {};

    /// As of `time`, of the last event that passed.
    HeldLanes(const TileRun& run, double time) : refractory(Model(run.shared).refractory) {
        update(run, N * width == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << (N * width % 64)) - 1, time);
    }

    static const Release* of_tile(const TileRun& run) {
        return static_cast<const Release*>(run.releases) + run.first_neuron;
    }
    Mask of_vector(int k) const {
        Mask out;
        std::memcpy(&out, mask + k * width, sizeof(Mask));
        return out;
    }
    /// Nobody who is held may fire.
    V of_free(int k, const V& excess) const { return select(of_vector(k), V{}, excess); }
    bool any_released(double time) const { return earliest <= time; }
    /// Puts back what a held membrane does not do.
    template <class State>
    void hold(int k, const State& before, State& after) const {
        Model::hold(of_vector(k), before, after);
    }

    /// Those whom an arrival at `time` finds free.
    std::uint64_t released(const TileRun& run, double time) const {
        const Release* const releases = of_tile(run);
        std::uint64_t out = 0;
        if (!any_released(time)) return out;
        for (std::uint64_t left = held; left != 0; left &= left - 1) {
            const int lane = std::countr_zero(left);
            if (!releases[lane].holds_at(time, refractory)) out |= std::uint64_t{1} << lane;
        }
        return out;
    }
    /// The neurons of `moved` have been brought to `time`.
    void update(const TileRun& run, std::uint64_t moved, double time) {
        const Release* const releases = of_tile(run);
        for (; moved != 0; moved &= moved - 1) {
            const int lane = std::countr_zero(moved);
            const bool holds = releases[lane].holds_at(time, refractory);
            mask[lane] = holds ? MaskLane(-1) : MaskLane(0);
            const std::uint64_t bit = std::uint64_t{1} << lane;
            held = holds ? held | bit : held & ~bit;
        }
        earliest = infinity();
        for (std::uint64_t left = held; left != 0; left &= left - 1) {
            const double first = releases[std::countr_zero(left)].first_arrival(refractory);
            earliest = first < earliest ? first : earliest;
        }
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
