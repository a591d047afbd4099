// From a source to a population: who receives a spike and with what weight, and how that changes.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <variant>
#include <vector>

#include "connection/conv2d.hpp"
#include "connection/conv_pairs.hpp"
#include "connection/dense.hpp"
#include "connection/incoming.hpp"
#include "connection/sparse.hpp"
#include "delays.hpp"
#include "plasticity.hpp"
#include "population.hpp"
#include "synapse_traces.hpp"

namespace evsim {

/// A plasticity rule with values for its parameters, in the kernel's order.
struct RuleSettings {
    std::shared_ptr<const RuleKernel> kernel;  ///< nullptr: none
    std::vector<double> parameters;
    double tau_syn = std::numeric_limits<double>::quiet_NaN();  ///< of the neurons, where they have them
    double tau_mem = std::numeric_limits<double>::quiet_NaN();
    BatchUpdate batch_update = BatchUpdate::sum;
};

/// Of one input of a projection.
struct FanOut {
    const std::int32_t* neurons;  ///< ascending; nullptr where it is all of them, or none
    const std::byte* weights;
    const double* delays;         ///< nullptr where synapses have none of their own
    const std::uint32_t* places;  ///< of its synapses in Incoming, where a sparse projection has a rule
    const std::uint32_t* taps;  ///< of each synapse, where its weight lies among `weights`; nullptr: one after another
    std::size_t n_synapses;
};

class Projection {
 public:
    /// Every input reaches every neuron of `target`. Weights start at 0. Its spikes arrive at `port` of the target.
    /// Throws InvalidArgument, ShapeMismatch, NonFinite or MemoryLimit.
    Projection(std::shared_ptr<const Population> target, std::int64_t n_inputs, const RuleSettings& rule = {},
               std::int32_t port = 0);
    /// A convolution into `target`, which lies in an image of the shape that comes out of it, or in a row. Throws
    /// ShapeMismatch, InvalidArgument, Unsupported or what Conv2d does.
    Projection(std::shared_ptr<const Population> target, Conv2d connection, const RuleSettings& rule = {},
               std::int32_t port = 0);

    /// Synapses into `target`.
    Projection(std::shared_ptr<const Population> target, Sparse connection, const RuleSettings& rule = {},
               std::int32_t port = 0);

    const std::shared_ptr<const Population>& target() const { return target_; }
    std::int32_t n_inputs() const;
    /// Which kind of synapse of the target its spikes arrive at.
    std::int32_t port() const { return port_; }
    /// How long its spikes travel, as of now.
    std::shared_ptr<const Delays> delays() const;
    /// Of spikes that are sent from the next call on. Throws like the constructor of Delays.
    void set_delays(std::vector<double> values, bool by_synapse = false);
    /// Of a convolution once it is written out.
    FanOut fan_out(std::int32_t input, const Delays& delays) const;
    /// Writes a convolution out pair by pair, for neurons that go by clocks of their own. Throws MemoryLimit or
    /// Unsupported.
    void write_out();
    const ConvPairs* pairs() const { return pairs_ ? &*pairs_ : nullptr; }
    /// Memory of its synapses: weights, whom they lead to, delays, and what a rule needs to find them by neuron.
    std::size_t synapse_bytes() const;
    Dense* dense() { return std::get_if<Dense>(&connection_); }
    const Dense* dense() const { return std::get_if<Dense>(&connection_); }
    Conv2d* conv() { return std::get_if<Conv2d>(&connection_); }
    const Conv2d* conv() const { return std::get_if<Conv2d>(&connection_); }
    Sparse* sparse() { return std::get_if<Sparse>(&connection_); }
    const Sparse* sparse() const { return std::get_if<Sparse>(&connection_); }

    bool plastic() const { return rule_settings_.kernel != nullptr; }
    bool learns() const { return plastic() && rule_settings_.kernel->writes_weights; }
    /// Whether it learns weights that neurons share: what one of them does, others feel.
    bool shares_learning() const { return learns() && conv(); }
    /// Whether a call that learns needs a copy of a weight for each synapse.
    bool copies_by_synapse() const { return learns() && !conv(); }
    /// Whether the rule says what synapses bring, which the dense engine does not ask.
    bool delivers() const { return plastic() && rule_settings_.kernel->deliver; }
    /// Of one with a rule, as the dense engine keeps its traces.
    Synapses synapses() const {
        return {*rule_settings_.kernel, target_->layout(), target_->kernel().info.lanes, n_inputs()};
    }
    /// Likewise where neurons go by clocks of their own.
    const Incoming& incoming() const { return *incoming_; }
    /// The rule as of now; nullptr if there is none.
    std::shared_ptr<const Plasticity> rule() const;
    /// Other values for its parameters, from the next call on. Throws like the constructor.
    void set_rule_parameters(std::vector<double> parameters);
    BatchUpdate batch_update() const { return rule_settings_.batch_update; }
    /// Traces that the next call begins with, once; an empty part begins as it would have. Throws ShapeMismatch.
    void set_next_traces(Traces traces);
    std::shared_ptr<const Traces> next_traces() const;
    void clear_next_traces(const std::shared_ptr<const Traces>& used);

    /// The target's state with all traces 0.
    void begin_traces(NodeState& state) const;
    /// Traces of a state as of each neuron's last event; `rule` is the one that made them.
    Traces settled(const NodeState& state, const Plasticity& rule) const;
    void pack_traces(const NodeState& state, const Plasticity& rule, PackedState& packed) const;
    /// Throws ShapeMismatch.
    void unpack_traces(const PackedState& packed, NodeState& state) const;
    PooledBuffer copy_of_weights() const;
    void set_weights(const PooledBuffer& copy);

    /// Traces of `state` that belong to this projection, where neurons go by clocks of their own; nullptr if there are
    /// none.
    const SynapseTraces* traces_of(const NodeState& state) const;
    SynapseTraces begin_traces(double time) const;
    /// Adds them to those that are packed.
    void append(const SynapseTraces& traces, PackedState& packed) const;
    /// Takes the first of those out. Throws ShapeMismatch or NonFinite.
    SynapseTraces take_traces(PackedState& packed) const;
    /// Shape of the traces of synapses as users see them: of a convolution by neuron and by the taps that lead to one,
    /// 0 where those have no input.
    std::size_t n_visible_synapses() const;
    /// Traces as users see them, of those by synapse; and the other way.
    Traces visible(Traces traces) const;
    Traces by_synapse(Traces visible) const;
    /// Weights in the order of Incoming, or, where synapses share them, as the connection has them.
    PooledBuffer weights_by_neuron() const;
    void set_weights_by_neuron(const PooledBuffer& weights);

 private:
    void require_rule() const;
    void begin_rule();
    /// Of the connection, and how many bytes.
    std::byte* own_weights();
    const std::byte* own_weights() const { return const_cast<Projection*>(this)->own_weights(); }
    /// move(place among visible synapses, synapse) for all of a convolution.
    template <class Move>
    void for_each_visible(Move&& move) const;

    std::shared_ptr<const Population> target_;
    std::int32_t port_;
    std::variant<Dense, Conv2d, Sparse> connection_;
    RuleSettings rule_settings_;
    std::optional<ConvPairs> pairs_;    ///< of a convolution that is written out
    std::optional<Incoming> incoming_;  ///< of one with a rule
    mutable std::mutex mutex_;          ///< for what follows
    std::shared_ptr<const Delays> delays_ = std::make_shared<const Delays>();
    std::shared_ptr<const Plasticity> rule_;
    std::shared_ptr<const Traces> next_traces_;
    std::shared_ptr<BufferPool> pool_ = std::make_shared<BufferPool>();
};

}  // namespace evsim
