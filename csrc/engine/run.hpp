// One verb for every kind of engine: a call of infer on its way through one node.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/threads.hpp"
#include "sample.hpp"

namespace evsim {

class InstantRun;

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
    /// The same run, if it can stop at any instant.
    virtual InstantRun* by_instants() { return nullptr; }
    /// Throws RunawaySpiking, NonFinite, KernelFailed or Interrupted; `samples` are then of no further use.
    virtual void advance(std::span<const Probe> probes, const CallLimits& limits, Interruption& interruption) = 0;
    /// Works out what has been learned. Throws NonFinite.
    virtual void learn(const std::string& /*node_name*/) {}
    virtual void commit() {}

    std::vector<Sample> samples;
};

/// A run that can go through a window from instant to instant, each sample at its own.
class InstantRun : public Run {
 public:
    using Run::Run;

    /// It will be; to be told before the first window.
    virtual void expect_instants() = 0;
    /// Up to when nothing happens by itself in a sample, looking no further than `limit`: no neuron fires, and nothing
    /// arrives that is not an input. Something may.
    virtual double next_event(std::size_t sample, double limit, const CallLimits& limits,
                              Interruption& interruption) = 0;
    /// One sample, up to its `last_arrival`.
    virtual void advance_instant(std::size_t sample, std::span<const Probe> probes, const CallLimits& limits,
                                 Interruption& interruption) = 0;
};

}  // namespace evsim
