// A layer: a connection and the neurons it feeds. What all kinds of layers have in common.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <evsim/loops/neuron_kernel.h>
#include "core/aligned_buffer.hpp"
#include "core/spike_array.hpp"
#include "core/threads.hpp"
#include "plasticity.hpp"

namespace evsim {

/// What the neurons of a layer carry from one call to the next, for one sample.
struct LayerState {
    AlignedBuffer values;        ///< state variables as of the last input event, [n_state][padded neurons]
    std::vector<double> memory;  ///< what readouts remember, likewise as of the last input event
    double last_event = 0.0;     ///< time of that event, or of the start
    TraceState traces;           ///< of layers with a plasticity rule

    std::vector<double> last_touch;          ///< of convolutional layers, per pixel: its own last input event
    std::vector<std::uint8_t> touched_rows;  ///< likewise: rows that an input has reached
    std::vector<std::int32_t> causes;        ///< of relays, per cell: the input that caused its last spike, or -1
    std::vector<std::int32_t> pending;       ///< of relays: inputs at last_event, which others of that time may join
};

/// A neuron model with its parameters: `shared` one value each, `per_neuron` one value or one per neuron each.
struct NeuronSettings {
    std::string model;  ///< of those that evsim ships; anything where the kernel is given
    std::vector<double> shared;
    std::vector<std::vector<double>> per_neuron;
};

/// What the last call left in a layer, per sample.
struct LayerOutput {
    std::vector<LayerState> states;
    std::vector<SpikeArray> post_spikes;
    std::vector<std::vector<double>> final_memory;  ///< of readouts, at the end of the call
    std::vector<std::vector<std::int32_t>> causes;  ///< of relays: the input that caused each spike
    bool batch = false;                             ///< whether the caller gave a batch
    std::shared_ptr<const Plasticity> rule;         ///< whose traces the states hold
};

/// A state without padding, which depends on the machine.
struct PackedState {
    std::vector<std::byte> values;  ///< [n_state][n_neurons]
    std::vector<double> memory;     ///< [n_memory][n_neurons]
    double last_event = 0.0;
    Traces traces;                   ///< as of each neuron's last event
    std::vector<double> post_times;  ///< [n_neurons], where there are traces
    std::vector<double> last_touch;  ///< as in LayerState, like the next two
    std::vector<std::int32_t> causes, pending;
};

/// A variable of chosen neurons at chosen times.
struct Probe {
    std::vector<std::int32_t> neurons;
    std::vector<double> times;  ///< ascending
    std::int32_t observable = 0;
};

/// One sample on its way through one layer.
struct SampleRun {
    std::span<const std::int32_t> indices;  ///< of the input spikes, none later than `until`
    std::span<const double> times;
    LayerState state;                        ///< in: where the last call stopped; out: after the last input spike
    double from = 0.0;                       ///< spikes before this time were reported by the last call
    double until = 0.0;                      ///< spikes at or after this time are left to the next call
    std::shared_ptr<const Plasticity> rule;  ///< of a plastic layer
    PooledBuffer weights;                    ///< of a layer that learns: this sample's own

    SpikeArray spikes;                          ///< out: sorted by (time, index)
    std::vector<double> final_memory;           ///< out
    std::vector<std::int32_t> causes;           ///< out: of relays
    std::vector<std::vector<double>> recorded;  ///< out: per probe, [time][neuron]
};

struct RunOptions {
    int threads = 1;
    std::int32_t max_spikes_per_instant = 1000;
    const char* layer_name = "";
};

class Layer;

/// One call of infer on its way through one layer. Until `apply` nothing changes in the layer.
class LayerCall {
 public:
    explicit LayerCall(std::size_t n_samples) : samples(n_samples) {}
    virtual ~LayerCall() = default;
    LayerCall(const LayerCall&) = delete;
    LayerCall& operator=(const LayerCall&) = delete;

    virtual const Layer& layer() const = 0;
    /// Memory that the samples will need besides their state.
    virtual double extra_bytes() const { return 0.0; }
    /// Completes a sample whose state is set; `fresh` if it begins here.
    virtual void begin(SampleRun& /*sample*/, bool /*fresh*/) {}
    /// Throws RunawaySpiking, NonFinite, KernelFailed or Interrupted; `samples` are then of no further use.
    virtual void run(std::span<const Probe> probes, const RunOptions& options, Interruption& interruption) = 0;
    /// Works out what has been learned. Throws NonFinite.
    virtual void learn(const std::string& /*layer_name*/) {}
    virtual void apply() {}

    std::vector<SampleRun> samples;
};

class Layer {
 public:
    Layer() = default;
    virtual ~Layer() = default;
    Layer(const Layer&) = delete;
    Layer& operator=(const Layer&) = delete;

    virtual std::int32_t n_inputs() const = 0;
    virtual std::int32_t n_neurons() const = 0;
    virtual LayerState initial_state(double start) const = 0;
    /// What the layer does in a call; `earlier` are those of the layers before it.
    virtual std::unique_ptr<LayerCall> call(std::size_t n_samples,
                                            std::span<const std::unique_ptr<LayerCall>> earlier) = 0;

    /// Index of the first neuron that fires for ever without input.
    virtual std::optional<std::int32_t> endless_neuron() const { return std::nullopt; }
    /// Index of an observable ("v", "i", ...). Throws InvalidArgument, naming those there are.
    virtual std::int32_t observable(const std::string& name) const = 0;
    /// Values of a remembered quantity ("maximum", ...) in `output`, [sample][neuron].
    virtual std::vector<std::vector<double>> remembered(const LayerOutput& output, const std::string& name) const = 0;

    /// `rule`: the one that made the traces of the state, or nullptr without traces.
    virtual PackedState pack(const LayerState& state, const Plasticity* rule) const = 0;
    /// Throws ShapeMismatch or NonFinite.
    virtual LayerState unpack(const PackedState& packed) const = 0;
    /// The plasticity rule as of now; nullptr if there is none.
    virtual std::shared_ptr<const Plasticity> current_rule() const { return nullptr; }

    /// What the last call left; it never changes, a call replaces it. Safe to ask while another thread infers.
    std::shared_ptr<const LayerOutput> output() const;
    void set_output(std::shared_ptr<const LayerOutput> output);

 private:
    mutable std::mutex output_mutex_;
    std::shared_ptr<const LayerOutput> output_ = std::make_shared<LayerOutput>();
};

}  // namespace evsim
