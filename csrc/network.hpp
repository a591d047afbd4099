// A graph of inputs, populations and relays, and the inference that runs spikes through it.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "components.hpp"
#include "core/call_lock.hpp"
#include "core/threads.hpp"
#include "coupled.hpp"
#include "drive.hpp"
#include "engine/relay.hpp"
#include "engine/run.hpp"
#include "plan.hpp"
#include "projection.hpp"
#include "ranks.hpp"

namespace evsim {

/// Input spikes of one sample, for each input of the network, in the order in which those were added.
using SampleInputs = std::vector<SpikeView>;

struct InferOptions : CallOptions {
    bool batch = false;  ///< kept with the output, for callers to whom a batch of one is not a single sample
    std::vector<std::int32_t> outputs;  ///< nodes whose spikes are returned
};

/// What a call returns.
struct Inference {
    std::vector<std::vector<SpikeArray>> spikes;             ///< per output and sample
    std::vector<std::vector<std::vector<double>>> recorded;  ///< per request and sample, [time][neuron]
};

class Network {
 public:
    explicit Network(std::int32_t max_spikes_per_instant = 1000);

    /// Other processes that build the same network and make the same calls; each runs all of it but for populations
    /// of which it has a part. Throws InvalidArgument unless the network is empty.
    void distribute(std::shared_ptr<Ranks> ranks, Interruption&& interruption = Interruption());

    // What changes the network waits for a call that is running in another thread. It throws Busy if one runs in this
    // thread (a signal handler), and Interrupted.

    /// These return the number of the new node. `label`: of a node in messages; by default "layer 0", "layer 1", ...
    std::int32_t add_input(std::int64_t size, Interruption&& interruption = Interruption());
    std::int32_t add_population(std::shared_ptr<Population> population, std::string label = {},
                                Interruption&& interruption = Interruption());
    /// This rank's part of n_neurons neurons, which the ranks share: those from its border to the next.
    std::int32_t add_part(std::shared_ptr<Population> part, std::int64_t n_neurons, std::string label = {},
                          Interruption&& interruption = Interruption());
    std::int32_t add_relay(std::shared_ptr<Relay> relay, std::string label = {},
                           Interruption&& interruption = Interruption());
    /// Puts another population of as many neurons in the place of one that nothing leads to yet. Throws
    /// InvalidArgument, and Unsupported if it cannot be driven as that one is.
    void replace(std::int32_t node, std::shared_ptr<Population> population,
                 Interruption&& interruption = Interruption());
    /// Spikes of `source` reach `target` by a projection, or, without one, a relay. Throws ShapeMismatch if it does not
    /// take what the source gives, InvalidArgument, and Unsupported where it would close a cycle without any delay.
    void connect(std::int32_t source, std::int32_t target, std::shared_ptr<Projection> projection = nullptr,
                 Interruption&& interruption = Interruption());

    /// Lets a population be driven from outside. Throws InvalidArgument, ShapeMismatch, NonFinite or Unsupported.
    void add_drive(std::int32_t target, DriveSettings settings, Interruption&& interruption = Interruption());

    /// Runs the samples through all nodes; output and state are left in the nodes. Safe to call from several threads,
    /// one call runs after the other. After an error nothing has changed.
    Inference infer(const std::vector<SampleInputs>& samples, const InferOptions& options, Interruption& interruption);
    /// Forgets spikes and state, keeps weights.
    void reset(Interruption&& interruption = Interruption());

    /// Time up to which the last call simulated; nothing before the first call.
    std::optional<double> time() const;

    /// What a stream carries, to copy a network in the middle of one.
    struct Snapshot {
        std::optional<double> time;
        std::vector<std::vector<PackedState>> states;  ///< [node][sample]
        bool batch = false;
    };
    Snapshot snapshot() const;
    /// Throws ShapeMismatch, NonFinite or InvalidArgument, and then restores nothing.
    void restore(const Snapshot& snapshot, Interruption&& interruption = Interruption());

 private:
    /// A node, and the spikes that lead to it.
    struct Entry {
        std::string label;
        std::int32_t size = 0;  ///< of what it gives
        bool shared = false;    ///< among ranks: the population is a part, which begins at the neuron `first`
        std::int32_t first = 0;
        std::int32_t input = -1;  ///< its number among the inputs, or -1
        std::shared_ptr<Population> population;
        std::shared_ptr<Relay> relay;
        std::vector<std::int32_t> sources;
        std::vector<std::shared_ptr<Projection>> projections;  ///< by which they come; none of relays
        std::vector<std::shared_ptr<const Drive>> drives;

        Node* node() const { return population ? static_cast<Node*>(population.get()) : relay.get(); }
    };
    using Runs = std::vector<std::unique_ptr<Run>>;
    using Edges = std::vector<std::pair<std::int32_t, std::int32_t>>;
    using AllDelays = std::vector<std::vector<std::shared_ptr<const Delays>>>;  ///< [node][source]
    /// Nodes that are run together: one alone, or those that lie on cycles, in windows.
    struct Stage {
        std::vector<std::int32_t> nodes;
        CoupledOrder order;  ///< of those on cycles, as places among `nodes`; no steps for one alone
    };
    /// What a call is about.
    struct Call {
        const std::vector<SampleInputs>& samples;
        const InferOptions& options;
        const CallPlan& plan;
        const AllDelays& delays;  ///< as of its beginning
        Runs& runs;
    };

    std::int32_t add(Entry entry, Interruption& interruption);
    Inference run(const std::vector<SampleInputs>& samples, const InferOptions& options, Interruption& interruption);
    /// The numbers that the nodes asked for have among those that hold neurons.
    CallOptions asked(const InferOptions& options) const;
    // Among ranks; each does nothing where there are none.
    /// Finds out whether all make the same call, and the smallest delays of all parts.
    void agree(const std::vector<SampleInputs>& samples, const InferOptions& options);
    void share_spikes(std::int32_t node, const Call& call) const;
    /// And finds out whether what lies whole on all ranks did the same on all.
    void share_recorded(const InferOptions& options, const Runs& runs, Inference& result) const;
    double smallest_delay(std::int32_t node, std::size_t p, const AllDelays& delays) const;
    /// Neurons joined by a cycle without any delay stay together. Throws Unsupported where ranks share such a node.
    void require_one_rank(const Entry& entry) const;
    const Entry& entry(std::int32_t node) const;
    Edges edges() const;
    AllDelays delays() const;
    /// Sources first. Throws Unsupported for a cycle without any delay through what cannot be on one.
    std::vector<Stage> stages(const AllDelays& delays) const;
    /// The same for the delays of now, made anew where one has changed.
    void update_stages();
    Stage coupled_stage(const Component& component, const AllDelays& delays) const;
    static void require_instants(const Entry& entry);
    /// Whether the node lies on a cycle without any delay.
    bool goes_by_instants(std::int32_t node) const;
    /// Whether the neurons of an image go by clocks of their own: where one of its projections has a rule or is no
    /// convolution, where they are driven, on a cycle without any delay, and, unless the samples are `fresh`, where
    /// they have done so before.
    bool leaves_pixels(std::int32_t node, bool fresh) const;
    std::string labels_of(const Component& component) const;
    CallFacts facts(const std::vector<SampleInputs>& samples) const;
    void check_inputs(const std::vector<SampleInputs>& samples) const;
    /// Throws Unsupported where neurons cannot be driven from outside.
    static void require_drivable(const Population& population, const std::string& label);
    /// Throws InvalidArgument where they would give arrivals for ever, or more than anybody waits for.
    void check_drives(const CallPlan& plan, double until) const;
    Runs make_runs(std::size_t n_samples, bool fresh) const;
    std::unique_ptr<Run> make_run(const Entry& entry, const Runs& runs, std::size_t n_samples, bool fresh) const;
    /// Of a sample that begins.
    NodeState first_state(std::int32_t node, double start) const;
    /// What a source gives up to and including the end of the call.
    SpikeView given(std::int32_t source, std::size_t sample, const Call& call) const;
    /// The samples of a node, without their inputs.
    void begin(std::int32_t node, const Call& call) const;
    /// Of the neurons that are here.
    std::vector<Probe> probes_of(std::int32_t node, const Call& call) const;
    CallLimits limits_of(const Entry& entry) const;
    void advance(std::int32_t node, const Call& call, Interruption& interruption) const;
    void advance(const Stage& stage, const Call& call, Interruption& interruption) const;
    void commit(Runs& runs, const InferOptions& options);

    std::vector<Entry> entries_;
    std::vector<Stage> stages_;  ///< of the last call or projection
    AllDelays staged_;           ///< the delays that they were made for
    std::shared_ptr<Ranks> ranks_;
    std::vector<std::vector<double>> smallest_delays_;  ///< among ranks, likewise
    std::int32_t n_inputs_ = 0, n_labelled_ = 0;
    std::uint64_t n_drives_ = 0;
    std::int32_t max_spikes_per_instant_;
    std::optional<double> time_;
    CallLock calls_;            ///< of what changes the network
    mutable std::mutex mutex_;  ///< of the change itself
};

}  // namespace evsim
