// What every engine does with a single neuron that may fire: the exact way through a gap, and what a crossing leaves
// behind.
#pragma once

#include <cstring>
#include <exception>
#include <iterator>
#include <new>

#include <evsim/neuron/advance.h>
#include <evsim/neuron/readout.h>

#include <evsim/loops/neuron_kernel.h>
#include <evsim/loops/variables.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// A neuron on the exact path.
struct NeuronPlace {
    std::int32_t index;  ///< by which it is reported
    std::size_t memory;  ///< its place in what a readout remembers
    bool padding;
};

/// What a crossing does besides changing the state: a spike is emitted, a readout remembers. `Run` is a TileRun or a
/// SparseRun; `on_spike(time)` is called for every spike that is emitted.
template <class Model, class Run, class OnSpike>
struct Crossings {
    const Run& run;
    const Model& model;
    const typename Model::template State<double>& state;
    const typename Model::Neuron& neuron;
    const NeuronPlace& place;
    std::int64_t event;
    double start, end;  ///< `start`: from where the state is moved on
    TileResult& result;
    OnSpike& on_spike;
    double last_elapsed = 0.0, last_time = never(), earliest = -infinity();
    std::int32_t at_this_instant = 0;
    std::uint32_t burst = 0;

    /// A spike that became certain after the last call had ended, although its time lies before that: it counts as at
    /// that end.
    bool at_release(double elapsed, double last_arrival) {
        earliest = last_arrival >= run.emit_from ? run.emit_from : -infinity();
        const bool go_on = (*this)(elapsed);
        earliest = -infinity();
        return go_on;
    }

    bool operator()(double elapsed) {
        double time = start + elapsed < end ? start + elapsed : end;
        if constexpr (holds<Model>) time = time < earliest ? earliest : time;
        const bool goes_back = elapsed < last_elapsed - 1e-9 * (end - start);
        last_elapsed = elapsed;
        if (place.padding) return !goes_back;  // lives like its neighbour, unseen
        if (goes_back) {
            result = {TileStatus::before_now, place.index, time};
            return false;
        }
        if constexpr (requires { Model::memory_names; }) {
            constexpr std::size_t count = std::size(Model::memory_names);
            double memory[count];
            for (std::size_t k = 0; k < count; ++k) memory[k] = run.memory[k * run.stride + place.memory];
            model.remember(state, neuron, time, memory);
            for (std::size_t k = 0; k < count; ++k) run.memory[k * run.stride + place.memory] = memory[k];
        }
        if constexpr (Model::spikes) {
            if (time >= run.emit_from && time < run.emit_until) {
                EmissionBuffer& out = *run.emissions;
                if (out.size == out.capacity && !out.grow(out)) {
                    result = {TileStatus::out_of_memory, place.index, time};
                    return false;
                }
                out.data[out.size++] = {static_cast<std::uint32_t>(event), place.index, time};
                on_spike(time);
            }
        }
        at_this_instant = time == last_time ? at_this_instant + 1 : 1;
        last_time = time;
        if (at_this_instant > run.max_spikes_per_instant) result = {TileStatus::too_many_spikes, place.index, time};
        if ((++burst & 0xffff) == 0 && run.emissions->cancelled(*run.emissions))
            result = {TileStatus::cancelled, place.index, time};
        return result.status == TileStatus::ok && time < run.emit_until;
    }
};

/// Any `fired` of advance_on_clock.
struct AnyFired {
    void* fired;
    bool (*crossed)(void*, double elapsed);
    bool (*released)(void*, double elapsed, double last_arrival);

    template <class Fired>
    explicit AnyFired(Fired& of)
        : fired(&of),
          crossed([](void* any, double elapsed) { return (*static_cast<Fired*>(any))(elapsed); }),
          released([](void* any, double elapsed, double last_arrival) {
              return static_cast<Fired*>(any)->at_release(elapsed, last_arrival);
          }) {}
    bool operator()(double elapsed) const { return crossed(fired, elapsed); }
    bool at_release(double elapsed, double last_arrival) const { return released(fired, elapsed, last_arrival); }
};

/// advance_on_clock where a call does not matter: compiled once for all who ask.
template <class Model>
[[gnu::noinline]] int advance_by_call(const Model& model, typename Model::template State<double>& state,
                                      const typename Model::Neuron& neuron, const Interval& gap,
                                      const typename Model::template Gap<double>& factors, bool closed,
                                      Release& release, AnyFired fired) {
    return advance_on_clock(model, state, neuron, gap, factors, closed, release, fired);
}

/// A neuron whose state is kept in T through a gap. `through_gap(state)` moves the exact state through it, and
/// `at_end(state)` through nothing at its end; true if it crossed.
template <class Model, class T, class ThroughGap, class AtEnd>
inline typename Model::template State<T> advance_rounded(const Model& model, const typename Model::Neuron& neuron,
                                                         const typename Model::template State<T>& before,
                                                         ThroughGap&& through_gap, AtEnd&& at_end) {
    using Exact = typename Model::template State<double>;
    using Lane = typename Model::template State<T>;
    Exact exact = converted<Exact, double, T>(before);
    const bool crossed = through_gap(exact);
    Lane after = converted<Lane, T, double>(exact);
    if (!crossed) {
        // Rounded to T, the potential may be at the threshold although the exact one stayed an ulp below. That is a
        // crossing at the end of the gap; left alone, the neuron would sit above threshold, mute.
        exact = converted<Exact, double, T>(after);
        if (model.at_threshold(exact, neuron)) {
            at_end(exact);
            after = converted<Lane, T, double>(exact);
        }
    }
    return after;
}

/// What a readout remembers of the neuron at `place` at the end of the simulated time, `duration` after `state`.
template <class Model, class Run>
inline void conclude_at(const Run& run, const Model& model, const typename Model::template State<double>& state,
                        const typename Model::Neuron& neuron, std::size_t place, double duration,
                        const typename Model::template Gap<double>& gap) {
    constexpr std::size_t count = std::size(Model::memory_names);
    double memory[count];
    for (std::size_t k = 0; k < count; ++k) memory[k] = run.memory[k * run.stride + place];
    conclude_after(model, state, neuron, duration, gap, run.emit_until, memory);
    for (std::size_t k = 0; k < count; ++k) run.memory[k * run.stride + place] = memory[k];
}

/// A plasticity rule has given up, and has said why in the run's message.
struct RuleFailed {
    TileStatus status;
};

/// An exception of a user's code must not leave the library that it comes from.
template <class Body>
inline TileResult guarded(char* message, std::size_t message_bytes, Body&& body) {
    const auto failed = [&](const char* what) -> TileResult {
        std::strncpy(message, what, message_bytes - 1);
        return {TileStatus::kernel_failed, 0, 0.0};
    };
    try {
        return body();
    } catch (const RuleFailed& rule) {
        return {rule.status, 0, 0.0};
    } catch (const std::bad_alloc&) {
        return {TileStatus::out_of_memory, 0, 0.0};
    } catch (const std::exception& error) {
        return failed(error.what());
    } catch (...) {
        return failed("an exception that is no std::exception");
    }
}

}  // namespace EVSIM_ISA
}  // namespace evsim
