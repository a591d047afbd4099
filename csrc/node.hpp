// What a network is made of: a node takes spikes and gives spikes.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "sample.hpp"

namespace evsim {

class Node {
 public:
    Node() = default;
    virtual ~Node() = default;
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    virtual std::int32_t n_neurons() const = 0;
    virtual NodeState initial_state(double start) const = 0;
    /// Index of the first neuron that fires for ever without input.
    virtual std::optional<std::int32_t> endless_neuron() const { return std::nullopt; }
    /// Index of an observable ("v", "i", ...). Throws InvalidArgument, naming those there are.
    virtual std::int32_t observable(const std::string& name) const = 0;
    /// Values of a remembered quantity ("maximum", ...) in `output`, [sample][neuron].
    virtual std::vector<std::vector<double>> remembered(const NodeOutput& output, const std::string& name) const = 0;

    virtual PackedState pack(const NodeState& state) const = 0;
    /// Throws ShapeMismatch, NonFinite or IndexOutOfRange.
    virtual NodeState unpack(const PackedState& packed) const = 0;

    /// What the last call left; it never changes, a call replaces it. Safe to ask while another thread infers.
    std::shared_ptr<const NodeOutput> output() const;
    void set_output(std::shared_ptr<const NodeOutput> output);

 private:
    mutable std::mutex output_mutex_;
    std::shared_ptr<const NodeOutput> output_ = std::make_shared<NodeOutput>();
};

}  // namespace evsim
