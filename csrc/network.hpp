// Layers in a row, and the inference that runs spikes through them.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/threads.hpp"
#include "layer.hpp"

namespace evsim {

/// Input spikes of one sample; the memory is the caller's.
struct SpikeView {
    std::span<const std::int32_t> indices;
    std::span<const double> times;
};

/// What to record in which layer.
struct RecordRequest {
    std::size_t layer = 0;
    std::string variable = "v";
    std::vector<std::int32_t> neurons;
    std::vector<double> times;
};

struct InferOptions {
    double until = std::numeric_limits<double>::infinity();  ///< end of the simulated time
    std::optional<double> start;  ///< its beginning; by default 0, or the first spike or record time if earlier
    bool reset = true;            ///< false: go on where the last call stopped
    bool batch = false;           ///< kept with the output, for callers to whom a batch of one is not a single sample
    std::vector<RecordRequest> record;
};

/// What a call returns.
struct Inference {
    std::vector<SpikeArray> spikes;                          ///< of the last layer, per sample
    std::vector<std::vector<std::vector<double>>> recorded;  ///< per request and sample, [time][neuron]
};

class Network {
 public:
    explicit Network(std::int32_t max_spikes_per_instant = 1000);

    /// Throws ShapeMismatch if the layer does not take what the last one gives.
    void add(std::shared_ptr<Layer> layer);

    /// Runs the samples through all layers; output and state are left in the layers. Safe to call from several threads,
    /// one call runs after the other. After an error nothing has changed.
    Inference infer(const std::vector<SpikeView>& samples, const InferOptions& options, Interruption& interruption);
    /// Forgets spikes and state, keeps weights.
    void reset();

    std::size_t size() const { return layers_.size(); }
    /// Throws IndexOutOfRange.
    const std::shared_ptr<Layer>& layer(std::size_t k) const;
    /// Time up to which the last call simulated; nothing before the first call. Waits for a call that is running.
    std::optional<double> time() const;

    /// What a stream carries, to copy a network in the middle of one.
    struct Snapshot {
        std::optional<double> time;
        std::vector<std::vector<PackedState>> states;  ///< [layer][sample]
        bool batch = false;
    };
    Snapshot snapshot() const;
    /// Throws ShapeMismatch, NonFinite or InvalidArgument, and then restores nothing.
    void restore(const Snapshot& snapshot);

 private:
    void check_samples(const std::vector<SpikeView>& samples, const InferOptions& options) const;
    std::vector<std::vector<Probe>> plan_probes(const InferOptions& options) const;

    std::vector<std::shared_ptr<Layer>> layers_;
    std::int32_t max_spikes_per_instant_;
    std::optional<double> time_;
    mutable std::mutex mutex_;
};

}  // namespace evsim
