// What a plasticity rule keeps of a projection to neurons that go by clocks of their own.
#pragma once

#include <memory>
#include <vector>

#include "connection/incoming.hpp"
#include "core/aligned_buffer.hpp"
#include "plasticity.hpp"

namespace evsim {

class Projection;

/// Of one sample: see SynapseRun.
struct SynapseTraces {
    const Projection* of = nullptr;          ///< whose they are
    std::shared_ptr<const Plasticity> rule;  ///< by whose time constants they decay
    AlignedBuffer neuron;                    ///< [neuron][trace]
    PooledBuffer synaptic;                   ///< [place][trace]
    std::vector<double> arrivals;            ///< [place], of rules with synaptic traces
    std::vector<double> heard, post_times;   ///< [neuron]
};

/// All traces 0, as of `time`.
SynapseTraces first_traces(const Incoming& incoming, std::shared_ptr<const Plasticity> rule, double time,
                           const std::shared_ptr<BufferPool>& pool);
/// Values as of when the rule heard of each neuron last: neuron [neuron][trace], synaptic [synapse][trace].
Traces settled(const Incoming& incoming, const SynapseTraces& traces);
/// Overwrites them with such values. An empty part is left as it is.
void assign(const Incoming& incoming, const Traces& values, SynapseTraces& traces);

}  // namespace evsim
