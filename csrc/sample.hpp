// What a call is about: samples on their way through a network, what is recorded of them, and what they leave.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/aligned_buffer.hpp"
#include "core/spike_array.hpp"
#include "plasticity.hpp"
#include "synapse_traces.hpp"

namespace evsim {

/// Spikes that have been sent and not yet arrived, in the order of their projections and, of each, of their arrival.
struct InFlight {
    std::vector<std::int32_t> projections;  ///< among those that lead to a population
    std::vector<std::int32_t> indices;      ///< who sent them
    std::vector<double> times;              ///< of arrival
};

/// What a population or a relay carries from one call to the next, for one sample.
struct NodeState {
    AlignedBuffer values;                 ///< state variables as of the last input event, [n_state][place]
    std::vector<double> memory;           ///< what readouts remember, likewise as of the last input event
    std::vector<double> releases;         ///< of models that hold: until when, [place] of (time, rest)
    double last_event = 0.0;              ///< time of that event, or of the start
    TraceState traces;                    ///< where a projection learns
    std::vector<SynapseTraces> synapses;  ///< where some do, to neurons that go by clocks of their own
    InFlight in_flight;                   ///< where projections have delays
    InFlight travelling;  ///< where synapses have: spikes that some have not felt, at the times of sending

    std::vector<double> drive_times;         ///< of drives, [drive][neuron]: the next arrival
    std::vector<std::int64_t> drive_counts;  ///< likewise: intervals drawn so far
    std::vector<double> last_touch;          ///< per pixel its own last input event; or, of neurons that go by clocks
                                             ///< of their own, of each the last arrival or spike
    std::vector<double> pixel_releases;      ///< likewise: the latest of the releases of its neurons
    std::vector<std::uint8_t> touched_rows;  ///< likewise: rows that an input has reached
    std::vector<std::int32_t> causes;        ///< of relays, per cell: the input that caused its last spike, or -1
    std::vector<std::int32_t> pending;       ///< of relays: inputs at last_event, which others of that time may join
};

/// A state by name and without padding, which depends on the machine.
struct PackedState {
    std::vector<std::byte> values;  ///< [n_state][n_neurons], in the network's type
    std::vector<double> memory;     ///< [n_memory][n_neurons]
    double last_event = 0.0;
    Traces traces;                        ///< as of each neuron's last event
    std::vector<double> post_times;       ///< [n_neurons], where there are traces
    std::vector<double> heard, arrivals;  ///< as in SynapseTraces, of one projection after the other, like all traces
    std::vector<double> last_touch;       ///< as in NodeState, like the next two
    std::vector<std::int32_t> causes, pending;
    std::vector<double> releases;  ///< [n_neurons] of (time, rest), or none
    InFlight in_flight, travelling;
    std::vector<double> drive_times;  ///< as in NodeState, like the next
    std::vector<std::int64_t> drive_counts;

    /// visit(name, array) for every array but `values`.
    template <class Packed, class Visit>
    static void for_each_array(Packed& state, Visit&& visit) {
        visit("memory", state.memory);
        visit("neuron_traces", state.traces.neuron);
        visit("synaptic_traces", state.traces.synaptic);
        visit("post_times", state.post_times);
        visit("heard", state.heard);
        visit("arrivals", state.arrivals);
        visit("last_touch", state.last_touch);
        visit("causes", state.causes);
        visit("pending", state.pending);
        visit("releases", state.releases);
        visit("in_flight_projections", state.in_flight.projections);
        visit("in_flight_indices", state.in_flight.indices);
        visit("in_flight_times", state.in_flight.times);
        visit("drive_times", state.drive_times);
        visit("drive_counts", state.drive_counts);
        visit("travelling_projections", state.travelling.projections);
        visit("travelling_indices", state.travelling.indices);
        visit("travelling_times", state.travelling.times);
    }
};

/// A variable of chosen neurons at chosen times.
struct Probe {
    std::vector<std::int32_t> neurons;
    std::vector<double> times;  ///< ascending
    std::int32_t observable = 0;
};

/// Input spikes of one sample; the memory is somebody else's.
struct SpikeView {
    std::span<const std::int32_t> indices;
    std::span<const double> times;

    std::size_t size() const { return times.size(); }
};

/// What reaches a population: the spikes of all of its sources, in order of time; ties in order of the projections, and
/// of one projection in the order in which they came.
struct Arrivals : SpikeView {
    std::span<const std::int32_t> projections;  ///< by which each comes; empty where there is only one
};

/// One sample on its way through one node.
struct Sample {
    Arrivals inputs;                         ///< none later than `until`
    NodeState state;                         ///< in: where the last call stopped; out: after the last input spike
    double from = 0.0;                       ///< spikes before this time were reported by the last call
    double until = 0.0;                      ///< spikes at or after this time are left to the next call
    double last_arrival = 0.0;               ///< what arrives later is too
    std::shared_ptr<const Plasticity> rule;  ///< where the projection has one
    PooledBuffer weights;                    ///< of a projection that learns: this sample's own

    SpikeArray spikes;                          ///< out: sorted by (time, index)
    std::vector<double> final_memory;           ///< out
    std::vector<std::int32_t> causes;           ///< out: of relays
    std::vector<std::vector<double>> recorded;  ///< out: per probe, [time][neuron]
};

/// What the last call left in a node, per sample.
struct NodeOutput {
    std::vector<NodeState> states;
    std::vector<SpikeArray> post_spikes;
    std::vector<std::vector<double>> final_memory;  ///< of readouts, at the end of the call
    std::vector<std::vector<std::int32_t>> causes;  ///< of relays: the input that caused each spike
    bool batch = false;                             ///< whether the caller gave a batch
    std::shared_ptr<const Plasticity> rule;         ///< whose traces the states hold
};

/// How far a call goes, and by whom.
struct CallLimits {
    int threads = 1;
    std::int32_t max_spikes_per_instant = 1000;
    const char* node_name = "";
    std::int32_t first_neuron = 0;  ///< in messages: of the neurons that are here, where others are elsewhere
};

}  // namespace evsim
