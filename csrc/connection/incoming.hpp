// The synapses of a connection in the order of the neurons that they lead to.
#pragma once

#include <cstdint>
#include <vector>

#include "connection/conv_pairs.hpp"
#include "connection/dense.hpp"
#include "connection/sparse.hpp"

namespace evsim {

/// Places of synapses by neuron, and of each neuron by input: 8 bytes for each of a sparse connection, none for those
/// of a dense one, 12 for each pair of a convolution.
class Incoming {
 public:
    explicit Incoming(const Dense& dense);
    /// Throws MemoryLimit or Unsupported.
    explicit Incoming(const Sparse& sparse);
    explicit Incoming(const ConvPairs& pairs);

    std::int32_t n_neurons() const { return n_neurons_; }
    std::int32_t n_inputs() const { return n_inputs_; }
    std::size_t n_synapses() const { return n_synapses_; }
    /// Of synapse k: by input in a sparse connection or a convolution, as those are numbered; by neuron in a dense one.
    std::size_t place(std::size_t k) const { return places_.empty() ? k : places_[k]; }
    /// nullptr of a dense connection, like the next two.
    const std::uint32_t* places() const { return places_.empty() ? nullptr : places_.data(); }
    const std::uint32_t* firsts() const { return firsts_.empty() ? nullptr : firsts_.data(); }  ///< [n_neurons + 1]
    const std::int32_t* inputs() const { return firsts_.empty() ? nullptr : inputs_.data(); }   ///< [place]
    /// [place]: where the weight of a synapse lies that shares it with others; nullptr where each has its own.
    const std::uint32_t* taps() const { return taps_.empty() ? nullptr : taps_.data(); }
    std::size_t first(std::int32_t neuron) const;
    std::size_t bytes() const {
        return (firsts_.size() + places_.size() + taps_.size()) * sizeof(std::uint32_t) +
               inputs_.size() * sizeof(std::int32_t);
    }

 private:
    template <class Connection>
    void order_by_neuron(const Connection& connection);

    std::int32_t n_inputs_, n_neurons_;
    std::size_t n_synapses_;
    std::vector<std::uint32_t> firsts_, places_, taps_;
    std::vector<std::int32_t> inputs_;
};

}  // namespace evsim
