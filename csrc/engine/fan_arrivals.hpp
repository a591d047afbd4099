// What a spike brings by the synapses of its input: weights, or, where a rule may change these, the synapses
// themselves.
#pragma once

#include <cstdint>

#include <evsim/loops/neuron_kernel.h>
#include "projection.hpp"

namespace evsim {

/// A spike on its way.
struct FanSpike {
    std::int32_t input, n_inputs;
    std::int32_t port;          ///< see TimedArrival
    std::int32_t first_neuron;  ///< of a fan that reaches all from here on
};

/// body(what the k-th synapse of the fan brings at a time), the one or the other way for all of them. `T`: the type of
/// weights, `S`: that of states.
template <class T, class S, class Body>
void with_arrivals(const FanOut& fan, const FanSpike& spike, Body&& body) {
    if (spike.port >= 0) {
        const T* const weights = reinterpret_cast<const T*>(fan.weights);
        body([weights, port = spike.port](std::size_t k, double time) {
            return TimedArrival<S>{time, static_cast<S>(weights[k]), port};
        });
        return;
    }
    body([&fan, &spike](std::size_t k, double time) {
        TimedArrival<S> arrival{time, S(0), spike.port};
        if (fan.places) {
            arrival.synapse = fan.places[k];
        } else {
            const auto neuron = static_cast<std::uint32_t>(spike.first_neuron) + static_cast<std::uint32_t>(k);
            arrival.synapse =
                neuron * static_cast<std::uint32_t>(spike.n_inputs) + static_cast<std::uint32_t>(spike.input);
        }
        return arrival;
    });
}

}  // namespace evsim
