// The contract between the core, a compiled neuron model and a compiled plasticity rule: versioned tables of plain
// functions over plain memory. The same tables come with the package (for each instruction set) and from sources
// compiled at run time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include <evsim/neuron/parameters.h>

namespace evsim {

inline constexpr std::uint32_t kernel_abi = 9;

/// A spike and the input event in whose preceding gap it lies.
struct Emission {
    std::uint32_t event;
    std::int32_t neuron;
    double time;
};

/// Where a tile's spikes go; `grow` makes room for more.
struct EmissionBuffer {
    Emission* data;
    std::size_t size, capacity;
    bool (*grow)(EmissionBuffer&);             ///< false if there is no memory
    bool (*cancelled)(const EmissionBuffer&);  ///< asked now and then during very long bursts
};

struct RuleKernel;

/// What a plasticity rule keeps of one tile of neurons. Traces decay when they are touched: a neuron's own at each of
/// its events, those of a synapse when its input arrives or its neuron fires.
struct TraceRun {
    const RuleKernel* rule;
    const void* events;  ///< made by the rule's `prepare_events`
    const double* parameters;
    const double* rates;    ///< inverse time constants of the neuron traces, then of the synaptic traces
    void* neuron_traces;    ///< [trace * stride + neuron], as of the neuron's last event
    void* synaptic_traces;  ///< [(input * stride + neuron) * n_synaptic_traces + trace], as of the last touch
    void* weights;          ///< [input * weight_stride + neuron], to be written
    std::size_t weight_stride;
    double* arrivals;    ///< last arrival at each input of the tile, or one of the two values below
    double* post_times;  ///< last output spike of each neuron of the layer, or -infinity
    std::int32_t n_inputs;

    static constexpr double unwritten = -std::numeric_limits<double>::infinity();  ///< traces of the input mean 0
    static constexpr double zeroed = std::numeric_limits<double>::lowest();        ///< and have been written so
};

/// One stretch of input events through one tile (a few SIMD vectors) of neurons.
///
/// State, `hot` and memory are structures of arrays: variable k of neuron n lies at [k * stride + n].
struct TileRun {
    const double* shared;       ///< parameters of the layer
    const double* neurons;      ///< parameters per neuron, [neuron * n_neuron + parameter]
    const void* hot;            ///< derived by `prepare`
    void* state;                ///< as of the last event
    double* memory;             ///< what a readout remembers
    void* releases;             ///< until when each neuron is held, as (time, rest); of models that hold
    std::size_t stride;         ///< neurons, padded to whole vectors
    std::int32_t first_neuron;  ///< of the tile
    std::int32_t n_vectors;     ///< of the tile: 1, 2 or 4, but not more than the model takes
    std::int32_t n_neurons;     ///< of the layer, without padding

    const void* events;  ///< made by `prepare_events`
    std::int64_t n_events;
    std::int64_t first_event, last_event;
    double last_time;  ///< of the event before last_event, for `finish` and `observe`

    double emit_from, emit_until;  ///< only spikes in [emit_from, emit_until) are reported
    std::int32_t max_spikes_per_instant;
    EmissionBuffer* emissions;
    TraceRun* traces;  ///< nullptr without a plasticity rule
    char* message;     ///< out: what an exception of the kernel says, up to message_bytes
    static constexpr std::size_t message_bytes = 512;
};

enum class TileStatus : std::int32_t {
    ok = 0,
    too_many_spikes = 1,
    not_finite = 2,
    cancelled = 3,
    kernel_failed = 4,
    no_such_trace = 5,  ///< only kernels compiled with debug=True look
    out_of_memory = 6,
    before_now = 7
};

struct TileResult {
    TileStatus status;
    std::int32_t neuron;  ///< where it went wrong
    double time;
};

/// Neighbouring pixels that an input spike reaches.
struct PixelStretch {
    std::int32_t first_pixel, count;
    const void* weights;  ///< of the first pixel; those of the next lie PixelGroup::weight_stride further on
};

/// A few stretches, each of other pixels, that are reached at one time.
struct PixelGroup {
    double time;
    std::int32_t n_stretches;
    std::int32_t n_pixels;                        ///< at most `most_pixels`
    std::int32_t first_channel;                   ///< of those that the spike reaches
    std::int32_t weight_stride, weight_channels;  ///< values from one pixel of a stretch to the next, and those in use
    std::int32_t port;                            ///< to which the spike goes
    static constexpr std::int32_t most_pixels = 64;
};

/// Input spikes through a layer of which each reaches a few pixels only. A pixel is a column of neurons, one for each
/// channel, that are always reached together.
///
/// State and memory are structures of arrays: variable k of channel c of pixel p lies at [k * stride + p *
/// channel_stride + c]; with `parameter_step` in place of channel_stride for parameters, which is 0 where all pixels
/// have the same. The neuron is reported as c * n_pixels + p.
struct SparseRun {
    const double* shared;
    const double* neurons;
    const void* hot;
    std::size_t hot_stride, parameter_step;
    void* state;         ///< as of each pixel's last touch
    double* last_touch;  ///< per pixel
    double* memory;
    void* releases;          ///< as in TileRun
    double* pixel_releases;  ///< per pixel: the latest release of its neurons so far
    std::size_t stride;
    std::int32_t channels, channel_stride, n_pixels;

    void* spread;  ///< room for the weights of one pixel
    const PixelGroup* groups;
    std::int64_t n_groups;
    const PixelStretch* stretches;  ///< of all groups
    std::int64_t n_stretches;

    std::int32_t first_pixel, last_pixel;  ///< for `finish_sparse`
    double emit_from, emit_until;          ///< only spikes in [emit_from, emit_until) are reported
    std::int32_t max_spikes_per_instant;
    EmissionBuffer* emissions;
    char* message;  ///< as in TileRun
};

/// What arrives at one neuron; `S` is the type of states.
template <class S>
struct TimedArrival {
    double time;
    union {
        S weight;
        std::uint32_t synapse;  ///< of a projection with a rule, which may change the weight until then
    };
    std::int32_t port;  ///< or, of the k-th projection with a rule, -1 - k

    std::int32_t rule() const { return -1 - port; }
};

/// What a plasticity rule keeps of one projection to neurons that go by clocks of their own. Synapses are ordered by
/// neuron: those of neuron n are [first(n), first(n + 1)). Traces decay when they are touched: a neuron's own whenever
/// the rule hears of it, those of a synapse when something arrives by it or its neuron fires.
struct SynapseRun {
    const RuleKernel* rule;
    const void* prepared;   ///< the rule's parameters, made by its `prepare`
    const double* rates;    ///< inverse time constants of the neuron traces, then of the synaptic traces
    void* weights;          ///< [synapse]
    void* synaptic_traces;  ///< [synapse * n_synaptic_traces + trace], as of the last touch
    double* arrivals;       ///< [synapse]: the last arrival; of rules that have synaptic traces
    void* neuron_traces;    ///< [neuron * n_neuron_traces + trace]
    double* heard;          ///< [neuron]: when the rule heard of it last, by an arrival or a spike
    double* post_times;     ///< [neuron]: its last spike, or -infinity

    const std::uint32_t* firsts;  ///< [neuron + 1]; nullptr where every input reaches every neuron
    const std::int32_t* inputs;   ///< [synapse]; likewise
    std::int32_t n_inputs;
    std::int32_t port;

    std::uint32_t first(std::int32_t neuron) const {
        return firsts ? firsts[neuron] : static_cast<std::uint32_t>(neuron) * static_cast<std::uint32_t>(n_inputs);
    }
    std::int32_t input_of(std::uint32_t synapse, std::int32_t neuron) const {
        return inputs ? inputs[synapse] : static_cast<std::int32_t>(synapse - first(neuron));
    }
    void prefetch(std::uint32_t synapse) const;
};

/// Neurons that go by clocks of their own, each from arrival to arrival. A spike of theirs counts as a touch too: the
/// state is kept as of the last of either, so that it does not matter who asks when.
///
/// State, hot and memory as in TileRun.
struct ScatterRun {
    const double* shared;
    const double* neurons;
    const void* hot;
    void* state;         ///< as of each neuron's last touch
    double* last_touch;  ///< per neuron
    double* memory;
    void* releases;  ///< as in TileRun
    std::size_t stride;
    std::int32_t weight_bytes;  ///< of the weights that arrivals were made of

    const std::int32_t* touched;  ///< the neurons to be moved; for `run` those with most arrivals first
    std::int64_t n_touched;
    const void* arrivals;                ///< of TimedArrival<S>, those of a neuron in a row and in order of time
    const std::int64_t* first_arrivals;  ///< per neuron
    const std::int32_t* n_arrivals;      ///< likewise
    const SynapseRun* rules;             ///< of the projections that have one
    std::int32_t n_rules;

    double* due;                   ///< out, by `finish`, per neuron: untouched, it will not fire before
    double look_ahead;             ///< how far beyond emit_until that is to be found out
    double within;                 ///< most neurons were last touched no longer before emit_until
    void* workspace;               ///< room that is 0 at first and kept from call to call, see ScatterLoops
    bool exact_due;                ///< whether due is to be the very spike, if one comes so soon, and never emit_until
    double emit_from, emit_until;  ///< as in TileRun
    std::int32_t max_spikes_per_instant;
    EmissionBuffer* emissions;
    char* message;  ///< as in TileRun
};

/// Weights of one projection, [input][neuron].
struct WeightRows {
    const void* weights;
    std::size_t row_bytes;
    std::int32_t port;  ///< to which its events go
};

/// Input events to be prepared for all tiles.
struct EventRun {
    const double* shared;
    const WeightRows* rows;           ///< of each projection
    const std::int32_t* projections;  ///< by which each event comes; nullptr if all come by the first
    const std::int32_t* indices;
    const double* times;
    std::int64_t n;
    double previous_time;  ///< of the event before the first
    void* events;          ///< out
};

/// The same for a plasticity rule.
struct RuleEventRun {
    const std::int32_t* indices;
    const double* times;
    std::int64_t n;
    double previous_time;   ///< of the event before the first
    const double* rates;    ///< as in TraceRun
    double* last_arrivals;  ///< per input, or -infinity; brought up to date
    void* events;           ///< out
};

/// A plasticity rule: what it declares, and its callbacks on a tile of neurons of any model. It knows of them when they
/// fire, what arrives, and the observables.
struct RuleKernel {
    std::uint32_t abi;
    const char* name;
    std::int32_t weight_bytes;  ///< 4 or 8: weights and traces
    std::int32_t n_neuron_traces, n_synaptic_traces, n_parameters;
    bool writes_weights;
    bool visits_synapses;        ///< an output spike touches the synaptic traces of its neuron
    bool uses_context;           ///< needs the observables of neurons
    const char* parameter_text;  ///< "a = 1, b = 2" as in the source
    void (*default_parameters)(double* out);
    void (*trace_time_constants)(const double* parameters, double tau_syn, double tau_mem, double* out);

    std::size_t event_bytes;
    void (*prepare_events)(const RuleEventRun&);
    /// What the rule keeps while events pass a tile of so many neurons, padding included; nullptr if there is no
    /// memory.
    void* (*open)(const TileRun&, std::int32_t n_places);
    void (*close)(void* tile);
    /// An input event has been integrated; observables of all neurons of the tile, [neuron][observable].
    TileStatus (*on_input)(void* tile, std::int64_t event, double start, const double* observables,
                           std::int32_t n_observables);
    /// A neuron has fired; observables after the reset.
    TileStatus (*on_output)(void* tile, std::int32_t neuron, double time, double start, const double* observables);

    // The same neuron by neuron, for those that go by clocks of their own. `message` as in TileRun.

    std::size_t prepared_bytes;
    void (*prepare)(const double* parameters, void* out);
    /// What a synapse is about to bring, in place of `weight`; nullptr where that is what it brings. Observables before
    /// the arrival.
    TileStatus (*deliver)(const SynapseRun&, std::int32_t neuron, std::uint32_t synapse, double time,
                          const double* observables, double& weight, char* message);
    /// It has been integrated, as `weight`.
    TileStatus (*on_arrival)(const SynapseRun&, std::int32_t neuron, std::uint32_t synapse, double time, double weight,
                             const double* observables, char* message);
    /// The neuron has fired; observables after the reset.
    TileStatus (*on_spike)(const SynapseRun&, std::int32_t neuron, double time, const double* observables,
                           char* message);
};

/// Arrivals come by synapses that the hardware cannot guess. Inlined, because GCC takes calls of a function that does
/// nothing else for calls that do nothing.
[[gnu::always_inline]] inline void SynapseRun::prefetch(std::uint32_t synapse) const {
    const auto place = static_cast<std::size_t>(synapse), bytes = static_cast<std::size_t>(rule->weight_bytes);
    __builtin_prefetch(static_cast<const char*>(weights) + place * bytes);
    if (rule->n_synaptic_traces == 0) return;
    __builtin_prefetch(arrivals + place);
    __builtin_prefetch(static_cast<const char*>(synaptic_traces) +
                       place * bytes * static_cast<std::size_t>(rule->n_synaptic_traces));
}

/// The facts of a neuron model.
struct ModelInfo {
    const char* model;
    std::int32_t weight_bytes;  ///< 4 or 8: weights
    std::int32_t state_bytes;   ///< 4 or 8: state variables and `hot`
    std::int32_t lanes;         ///< neurons per SIMD vector
    std::int32_t most_vectors;  ///< per tile of the dense engine
    std::int32_t n_shared, n_neuron, n_hot, n_state, n_memory, n_observables, n_ports;
    bool spikes;
    bool holds;  ///< after a spike: TileRun::releases is used
    const char* const* shared_names;
    const char* const* neuron_names;
    const char* const* observable_names;
    const char* const* memory_names;
    std::int32_t start_memory;      ///< which of them is the time of the beginning, or -1
    const double* shared_defaults;  ///< NaN where there is none; nullptr if there are none at all
    const double* neuron_defaults;
    const ParameterDomain* shared_domains;  ///< nullptr: any
    const ParameterDomain* neuron_domains;

    /// Derived parameters, initial state and memory of `stride` neurons. Returns the first neuron whose state does not
    /// fit its type, or -1.
    std::int32_t (*prepare)(const double* shared, const double* neurons, std::size_t stride, void* hot, void* state,
                            double* memory);
    /// The first of n_neurons neurons that may fire for ever without input, or -1.
    std::int32_t (*first_endless)(const double* shared, const double* neurons, std::int32_t n_neurons);
};

/// Layers in which every input reaches every neuron.
struct DenseLoops {
    std::size_t event_bytes;
    /// What every tile needs to know of some input events.
    void (*prepare_events)(const EventRun&);
    /// Events [first_event, last_event): crossings in the gap before each event, then the event.
    TileResult (*run)(const TileRun&);
    /// Crossings in the `duration` after the last event. Memory and traces are left as if it had passed; the state is
    /// not changed.
    TileResult (*finish)(const TileRun&, double duration);
    /// Variable `observable` of one neuron at `count` ascending `durations` after the last event, to out[k *
    /// out_stride]. Changes nothing.
    TileResult (*observe)(const TileRun&, std::int32_t neuron, const double* durations, std::int64_t count,
                          std::int32_t observable, double* out, std::size_t out_stride);
};

/// Layers of pixels, of which an input reaches a few.
struct SparseLoops {
    /// All groups: for every pixel the crossings since its last touch, then the weights.
    TileResult (*run)(const SparseRun&);
    /// Crossings of the pixels [first_pixel, last_pixel) since their last touch, up to emit_until; as `finish`.
    TileResult (*finish)(const SparseRun&);
    /// As that of DenseLoops; `neuron` counts from those of the TileRun.
    TileResult (*observe)(const TileRun&, std::int32_t neuron, const double* durations, std::int64_t count,
                          std::int32_t observable, double* out, std::size_t out_stride);
};

/// Populations whose neurons go by clocks of their own.
struct ScatterLoops {
    /// Of every touched neuron: up to each arrival its crossings, then the arrival.
    TileResult (*run)(const ScatterRun&);
    /// Crossings of the touched neurons since their last touch, up to emit_until; then `due`.
    TileResult (*finish)(const ScatterRun&);
    /// What the touched neurons, of a model that is a readout, remember at emit_until.
    void (*conclude)(const ScatterRun&);
    /// As that of DenseLoops.
    TileResult (*observe)(const TileRun&, std::int32_t neuron, const double* durations, std::int64_t count,
                          std::int32_t observable, double* out, std::size_t out_stride);
    std::size_t workspace_bytes;  ///< of a ScatterRun, aligned to 64
};

/// A model and the engines that it has, a null pointer for each that it lacks.
struct NeuronKernel {
    std::uint32_t abi;
    ModelInfo info;
    const DenseLoops* dense;
    const SparseLoops* sparse;
    const ScatterLoops* scatter;
};

}  // namespace evsim
