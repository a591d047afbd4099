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

/// body(fill), where fill(out, k) writes what the k-th synapse of the fan brings into an arrival or one that travels,
/// where that lies: what is put together elsewhere and then copied waits for itself. `T`: the type of weights, `S`: of
/// states.
template <class T, class S, class Body>
void with_arrivals(const FanOut& fan, const FanSpike& spike, Body&& body) {
    if (spike.port >= 0) {
        const T* const weights = reinterpret_cast<const T*>(fan.weights);
        if (fan.taps) {
            body([weights, taps = fan.taps, port = spike.port](auto& out, std::size_t k) {
                out.weight = static_cast<S>(weights[taps[k]]);
                out.port = port;
            });
            return;
        }
        body([weights, port = spike.port](auto& out, std::size_t k) {
            out.weight = static_cast<S>(weights[k]);
            out.port = port;
        });
        return;
    }
    body([fan, spike](auto& out, std::size_t k) {
        if (fan.places) {
            out.synapse = fan.places[k];
        } else {
            const auto neuron = static_cast<std::uint32_t>(spike.first_neuron) + static_cast<std::uint32_t>(k);
            out.synapse = neuron * static_cast<std::uint32_t>(spike.n_inputs) + static_cast<std::uint32_t>(spike.input);
        }
        out.port = spike.port;
    });
}

}  // namespace evsim
