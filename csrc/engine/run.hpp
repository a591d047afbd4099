// One verb for every kind of engine: a call of infer on its way through one node.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/threads.hpp"
#include "sample.hpp"

namespace evsim {

/// Until `commit` nothing changes in the node or in what leads to it.
class Run {
 public:
    explicit Run(std::size_t n_samples) : samples(n_samples) {}
    virtual ~Run() = default;
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

    /// Memory that the samples will need besides their state.
    virtual double extra_bytes() const { return 0.0; }
    /// Completes a sample whose state is set, from the last call or, if `fresh`, from the beginning.
    virtual void begin(Sample& /*sample*/, bool /*fresh*/) {}
    /// It will be advanced in windows of that length.
    virtual void expect_windows(double /*length*/) {}
    /// Throws RunawaySpiking, NonFinite, KernelFailed or Interrupted; `samples` are then of no further use.
    virtual void advance(std::span<const Probe> probes, const CallLimits& limits, Interruption& interruption) = 0;
    /// Works out what has been learned. Throws NonFinite.
    virtual void learn(const std::string& /*node_name*/) {}
    virtual void commit() {}

    std::vector<Sample> samples;
};

}  // namespace evsim
