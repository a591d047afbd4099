// The table of a plasticity rule, which works beside any neuron model.
#pragma once

#include <cstring>
#include <exception>
#include <new>

#include <evsim/plasticity/checked_traces.h>

#include <evsim/loops/neuron_kernel.h>
#include <evsim/loops/plastic_neuron.h>
#include <evsim/loops/plastic_tile.h>

namespace evsim {
inline namespace EVSIM_ISA {

template <class T, class Rule>
struct RuleTable {
    using Tile = PlasticTile<T, Rule>;
    using Event = typename Tile::Event;

    /// A tile while events pass it.
    struct Opened {
        Tile tile;
        const Event* events;
        char* message;
    };

    static void prepare_events(const RuleEventRun& run) {
        Event* const events = static_cast<Event*>(run.events);
        double start = run.previous_time;
        for (std::int64_t k = 0; k < run.n; ++k) {
            const std::int32_t input = run.indices[k];
            events[k].input = input;
            Tile::prepare(events[k], run.times[k], run.times[k] - start, run.rates, run.last_arrivals[input]);
            start = run.times[k];
        }
    }
    static void* open(const TileRun& run, std::int32_t n_places) {
        try {
            return new Opened{Tile(run, n_places), static_cast<const Event*>(run.traces->events), run.message};
        } catch (const std::bad_alloc&) {
            return nullptr;
        }
    }
    static void close(void* opened) { delete static_cast<Opened*>(opened); }
    static TileStatus on_input(void* opened, std::int64_t event, double start, const double* observables,
                               std::int32_t n_observables) {
        Opened& own = *static_cast<Opened*>(opened);
        return guarded(own.message, [&] { own.tile.on_input(own.events[event], start, observables, n_observables); });
    }
    static TileStatus on_output(void* opened, std::int32_t neuron, double time, double start,
                                const double* observables) {
        Opened& own = *static_cast<Opened*>(opened);
        return guarded(own.message, [&] { own.tile.on_output(neuron, time, start, observables); });
    }

    using Alone = PlasticNeuron<T, Rule>;
    static void prepare(const double* parameters, void* out) { new (out) Rule(parameters); }
    static TileStatus deliver(const SynapseRun& run, std::int32_t neuron, std::uint32_t synapse, double time,
                              const double* observables, double& weight, char* message) {
        return guarded(message, [&] { weight = Alone(run, neuron).deliver(synapse, time, observables); });
    }
    static TileStatus on_arrival(const SynapseRun& run, std::int32_t neuron, std::uint32_t synapse, double time,
                                 double weight, const double* observables, char* message) {
        return guarded(message,
                       [&] { Alone(run, neuron).on_arrival(synapse, time, static_cast<T>(weight), observables); });
    }
    static TileStatus on_spike(const SynapseRun& run, std::int32_t neuron, double time, const double* observables,
                               char* message) {
        return guarded(message, [&] { Alone(run, neuron).on_spike(time, observables); });
    }

    static RuleKernel table(const char* name) {
        return {kernel_abi,
                name,
                sizeof(T),
                Rule::n_neuron_traces,
                Rule::n_synaptic_traces,
                Rule::n_parameters,
                Rule::writes_weights,
                Tile::visits_synapses,
                Rule::uses_context,
                Rule::parameter_text,
                Rule::default_parameters,
                Rule::trace_time_constants,
                sizeof(Event),
                prepare_events,
                open,
                close,
                on_input,
                on_output,
                sizeof(Rule),
                prepare,
                deliver_of(),
                on_arrival,
                on_spike};
    }

 private:
    static auto deliver_of() -> decltype(RuleKernel::deliver) {
        if constexpr (Rule::has_delivery) return deliver;
        return nullptr;
    }

    /// An exception of a user's code must not leave the library that it comes from.
    template <class Body>
    static TileStatus guarded(char* message, Body&& body) {
        const auto failed = [&](const char* what, TileStatus status = TileStatus::kernel_failed) {
            std::strncpy(message, what, TileRun::message_bytes - 1);
            return status;
        };
        try {
            body();
            return TileStatus::ok;
        } catch (const NoSuchTrace& error) {
            return failed(error.what(), TileStatus::no_such_trace);
        } catch (const std::bad_alloc&) {
            return TileStatus::out_of_memory;
        } catch (const std::exception& error) {
            return failed(error.what());
        } catch (...) {
            return failed("an exception that is no std::exception");
        }
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
